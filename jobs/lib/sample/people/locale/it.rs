//! Italy: common names, roughly in order.

use super::{City, Locale};

#[rustfmt::skip]
pub(super) const LOCALE: Locale = Locale {
    female: &[
        "Maria", "Anna", "Giulia", "Francesca", "Sara", "Laura", "Chiara", "Valentina",
        "Alessandra", "Paola", "Elena", "Martina", "Federica", "Silvia", "Simona", "Roberta",
        "Giovanna", "Rosa", "Angela", "Lucia", "Elisa", "Sofia", "Aurora", "Ginevra", "Beatrice",
        "Alice", "Emma", "Caterina", "Barbara", "Monica", "Daniela", "Teresa", "Ilaria", "Noemi",
        "Bianca",
    ],
    male: &[
        "Giuseppe", "Antonio", "Giovanni", "Andrea", "Marco", "Francesco", "Alessandro", "Luca",
        "Matteo", "Lorenzo", "Roberto", "Stefano", "Paolo", "Mario", "Luigi", "Davide", "Simone",
        "Salvatore", "Vincenzo", "Fabio", "Riccardo", "Tommaso", "Leonardo", "Edoardo", "Pietro",
        "Nicolò", "Michele", "Giorgio", "Daniele", "Massimo", "Enrico", "Claudio", "Filippo",
        "Gabriele", "Cesare",
    ],
    family: &[
        "Rossi", "Russo", "Ferrari", "Esposito", "Bianchi", "Romano", "Colombo", "Ricci",
        "Marino", "Greco", "Bruno", "Gallo", "Conti", "De Luca", "Mancini", "Costa", "Giordano",
        "Rizzo", "Lombardi", "Moretti", "Barbieri", "Fontana", "Santoro", "Mariani", "Rinaldi",
        "Caruso", "Ferrara", "Galli", "Martini", "Leone", "Longo", "Gentile", "Martinelli",
        "Vitale", "Lombardo", "Serra", "Coppola", "De Santis", "D'Angelo", "Marchetti", "Parisi",
        "Villa", "Conte", "Ferraro", "Ferri", "Fabbri", "Bianco", "Marini", "Grasso", "Valentini",
        "Messina", "Sala", "De Angelis", "Gatti", "Pellegrini", "Palumbo", "Sanna", "Farina",
        "Rizzi", "Monti", "Cattaneo", "Morelli", "Amato", "Silvestri", "Mazza", "Testa",
        "Grassi", "Pellegrino", "Carbone", "Giuliani", "Benedetti", "Barone", "Rossetti",
        "Caputo", "Montanari", "Guerra", "Palmieri", "Bernardi", "Martino", "Fiore", "De Rosa",
        "Ferretti", "Bellini", "Basile", "Riva", "Donati", "Piras", "Vitali", "Battaglia",
    ],
    family_parts: (&[], &[]),
    family_tail: 0.0,
    streets: &[
        "Via Roma", "Via Garibaldi", "Corso Vittorio Emanuele", "Via Mazzini", "Via Dante",
        "Via Verdi", "Piazza del Duomo", "Via Cavour", "Viale della Repubblica", "Via Matteotti",
        "Via San Francesco", "Via XX Settembre", "Via Marconi", "Vicolo Stretto", "Via Leopardi",
        "Viale Kennedy", "Via dell'Università", "Largo Augusto",
    ],
    number_first: false,
    flats: "",
    cities: &[
        City { name: "Roma", region: Some("RM"), postcode: "001##" },
        City { name: "Milano", region: Some("MI"), postcode: "201##" },
        City { name: "Napoli", region: Some("NA"), postcode: "801##" },
        City { name: "Torino", region: Some("TO"), postcode: "101##" },
        City { name: "Bologna", region: Some("BO"), postcode: "401##" },
        City { name: "Firenze", region: Some("FI"), postcode: "501##" },
        City { name: "Genova", region: Some("GE"), postcode: "161##" },
        City { name: "Forlì", region: Some("FC"), postcode: "471##" },
    ],
    country_name: "Italia",
    titles: ("Sig.ra", "Sig."),
};
