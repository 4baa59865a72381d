//! Germany: common names, roughly in order; family names beyond the list are put together.

use super::{City, Locale};

#[rustfmt::skip]
pub(super) const LOCALE: Locale = Locale {
    female: &[
        "Maria", "Ursula", "Anna", "Petra", "Monika", "Sabine", "Julia", "Claudia", "Susanne",
        "Katharina", "Stefanie", "Nicole", "Andrea", "Laura", "Lena", "Sarah", "Birgit", "Heike",
        "Karin", "Lisa", "Renate", "Christina", "Johanna", "Melanie", "Sandra", "Jana", "Franziska",
        "Gisela", "Ingrid", "Brigitte", "Angelika", "Antje", "Käthe", "Jutta", "Leonie",
        "Hannah", "Emilia", "Mia", "Sophie", "Charlotte", "Greta", "Ayşe", "Elif", "Silke", "Ute",
    ],
    male: &[
        "Peter", "Michael", "Thomas", "Andreas", "Wolfgang", "Klaus", "Jürgen", "Stefan",
        "Christian", "Uwe", "Werner", "Markus", "Daniel", "Alexander", "Martin", "Frank",
        "Matthias", "Jan", "Tobias", "Bernd", "Dieter", "Jörg", "Sebastian", "Florian", "Lukas",
        "Leon", "Jonas", "Felix", "Maximilian", "Paul", "Finn", "Björn", "Günther", "Horst",
        "Helmut", "Hans", "Karl", "Heinrich", "Mehmet", "Mustafa", "Sven", "Torsten", "Rainer",
    ],
    family: &[
        "Müller", "Schmidt", "Schneider", "Fischer", "Weber", "Meyer", "Wagner", "Becker",
        "Schulz", "Hoffmann", "Schäfer", "Koch", "Bauer", "Richter", "Klein", "Wolf", "Schröder",
        "Neumann", "Schwarz", "Zimmermann", "Braun", "Krüger", "Hofmann", "Hartmann", "Lange",
        "Schmitt", "Werner", "Schmitz", "Krause", "Meier", "Lehmann", "Schmid", "Schulze", "Maier",
        "Köhler", "Herrmann", "König", "Walter", "Mayer", "Huber", "Kaiser", "Fuchs", "Peters",
        "Lang", "Scholz", "Möller", "Weiß", "Jung", "Hahn", "Schubert", "Vogel", "Friedrich",
        "Keller", "Günther", "Frank", "Berger", "Winkler", "Roth", "Beck", "Lorenz", "Baumann",
        "Franke", "Albrecht", "Schuster", "Simon", "Ludwig", "Böhm", "Winter", "Kraus", "Martin",
        "Schumacher", "Krämer", "Vogt", "Stein", "Jäger", "Otto", "Sommer", "Groß", "Seidel",
        "Heinrich", "Brandt", "Haas", "Schreiber", "Graf", "Dietrich", "Ziegler", "Kuhn", "Kühn",
        "Pohl", "Engel", "Horn", "Busch", "Bergmann", "Thomas", "Voigt", "Sauer", "Arnold", "Wolff",
        "Yılmaz", "Kaya", "Nowak", "Kowalski",
    ],
    family_parts: (
        &[
            "Achter", "Alten", "Bach", "Berg", "Birken", "Brunn", "Buchen", "Dorn", "Eichen",
            "Feld", "Grün", "Hagen", "Hinter", "Hohen", "Kirch", "Linden", "Mühl", "Neu", "Ober",
            "Rosen", "Schön", "Stein", "Tannen", "Unter", "Wald", "Weiden", "Wiesen",
        ],
        &["auer", "bacher", "bauer", "berger", "brink", "burger", "feld", "hofer", "huber",
          "mann", "meier", "müller", "roth", "schmidt", "stein", "thal"],
    ),
    family_tail: 0.25,
    streets: &[
        "Hauptstraße", "Schulstraße", "Gartenstraße", "Bahnhofstraße", "Dorfstraße", "Bergstraße",
        "Birkenweg", "Lindenstraße", "Kirchstraße", "Waldstraße", "Ringstraße", "Schillerstraße",
        "Goethestraße", "Mozartstraße", "Amselweg", "Rosenweg", "Jahnstraße", "Wiesenweg",
        "Buchenweg", "Ahornweg", "Feldstraße", "Mühlenweg", "Am Markt", "Lessingstraße",
        "Beethovenstraße", "Eichenallee", "Kastanienallee", "An der Bleiche",
    ],
    number_first: false,
    flats: "",
    cities: &[
        City { name: "Berlin", region: None, postcode: "10###" },
        City { name: "Hamburg", region: None, postcode: "20###" },
        City { name: "München", region: None, postcode: "80###" },
        City { name: "Köln", region: None, postcode: "50###" },
        City { name: "Frankfurt am Main", region: None, postcode: "60###" },
        City { name: "Dresden", region: None, postcode: "01###" },
        City { name: "Leipzig", region: None, postcode: "04###" },
        City { name: "Stuttgart", region: None, postcode: "70###" },
        City { name: "Düsseldorf", region: None, postcode: "40###" },
        City { name: "Nürnberg", region: None, postcode: "90###" },
        City { name: "Bremen", region: None, postcode: "28###" },
        City { name: "Halle (Saale)", region: None, postcode: "06###" },
    ],
    country_name: "Deutschland",
    titles: ("Frau", "Herr"),
};
