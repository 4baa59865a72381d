//! The Netherlands: common names, roughly in order.

use super::{City, Locale};

#[rustfmt::skip]
pub(super) const LOCALE: Locale = Locale {
    female: &[
        "Maria", "Johanna", "Anna", "Cornelia", "Emma", "Julia", "Sophie", "Lotte", "Anouk",
        "Femke", "Sanne", "Lisa", "Eva", "Marieke", "Ingrid", "Monique", "Esther", "Saskia",
        "Wilma", "Annemarie", "Petra", "Iris", "Fleur", "Roos", "Tess", "Zoë", "Noor", "Mila",
        "Willemijn", "Hanneke", "Ilse", "Carla", "Fatima", "Yara", "Maud",
    ],
    male: &[
        "Johannes", "Jan", "Pieter", "Cornelis", "Willem", "Hendrik", "Daan", "Sem", "Lucas",
        "Bram", "Thijs", "Jeroen", "Martijn", "Bas", "Sander", "Ruben", "Joost", "Maarten",
        "Wouter", "Dennis", "Erik", "Rob", "Kees", "Gerrit", "Henk", "Koen", "Stijn", "Tim",
        "Niels", "Jasper", "Floris", "Mohamed", "Youssef", "Sjoerd", "Teun",
    ],
    family: &[
        "de Jong", "Jansen", "de Vries", "van den Berg", "van Dijk", "Bakker", "Janssen",
        "Visser", "Smit", "Meijer", "de Boer", "Mulder", "de Groot", "Bos", "Vos", "Peters",
        "Hendriks", "van Leeuwen", "Dekker", "Brouwer", "de Wit", "Dijkstra", "Smits", "de Graaf",
        "van der Meer", "van der Linden", "Kok", "Jacobs", "de Haan", "Vermeulen", "van den Heuvel",
        "van der Veen", "van den Broek", "de Bruijn", "Schouten", "van Beek", "Willems",
        "van Vliet", "van de Ven", "Hoekstra", "Maas", "Verhoeven", "Koster", "van Dam",
        "van der Wal", "Prins", "Blom", "Huisman", "Peeters", "de Bruin", "Kuipers", "van Veen",
        "Post", "Kuiper", "Veenstra", "Kramer", "van den Brink", "Scholten", "van Wijk", "Postma",
        "Martens", "Vink", "de Ruiter", "Timmermans", "Groen", "Gerritsen", "Jonker", "van Loon",
        "Boer", "van der Velde", "Willemsen", "Smeets", "de Lange", "de Vos", "Bosch", "van Dongen",
        "Schipper", "de Koning", "van der Laan", "Koning", "Driessen", "van Doorn", "Hermans",
        "Evers", "van den Bosch", "van der Meulen", "Hofman", "Bosman", "Wolters", "Sanders",
        "Yılmaz", "El Idrissi",
    ],
    family_parts: (
        &["Boom", "Bos", "Dijk", "Haag", "Heide", "Hoog", "Meer", "Molen", "Oever", "Polder",
          "Rijn", "Sluis", "Veld", "Wester", "Zuider", "Zee", "Ooster", "Noorder", "Laag"],
        &["huis", "man", "sma", "stra", "veld", "meijer", "berg", "hof", "kamp", "laan"],
    ),
    family_tail: 0.15,
    streets: &[
        "Kerkstraat", "Schoolstraat", "Molenstraat", "Dorpsstraat", "Molenweg", "Julianastraat",
        "Parallelweg", "Nieuwstraat", "Wilhelminastraat", "Sportlaan", "Beatrixstraat",
        "Industrieweg", "Eikenlaan", "Kastanjelaan", "Prinsengracht", "Stationsweg",
        "Haringvliet", "Vondelstraat", "Beukenlaan", "Lindelaan", "Oranjestraat",
    ],
    number_first: false,
    flats: "",
    cities: &[
        City { name: "Amsterdam", region: None, postcode: "10## @@" },
        City { name: "Rotterdam", region: None, postcode: "30## @@" },
        City { name: "Den Haag", region: None, postcode: "25## @@" },
        City { name: "Utrecht", region: None, postcode: "35## @@" },
        City { name: "Eindhoven", region: None, postcode: "56## @@" },
        City { name: "Groningen", region: None, postcode: "97## @@" },
        City { name: "Nijmegen", region: None, postcode: "65## @@" },
        City { name: "'s-Hertogenbosch", region: None, postcode: "52## @@" },
    ],
    country_name: "Nederland",
    titles: ("Mevr.", "Dhr."),
};
