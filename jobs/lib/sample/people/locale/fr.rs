//! France: common names, roughly in order.

use super::{City, Locale};

#[rustfmt::skip]
pub(super) const LOCALE: Locale = Locale {
    female: &[
        "Marie", "Nathalie", "Isabelle", "Catherine", "Sylvie", "Anne", "Christine", "Françoise",
        "Valérie", "Sandrine", "Céline", "Stéphanie", "Véronique", "Sophie", "Julie", "Camille",
        "Léa", "Manon", "Émilie", "Aurélie", "Élodie", "Chloé", "Laura", "Sarah", "Pauline",
        "Mathilde", "Inès", "Jade", "Louise", "Emma", "Alice", "Anne-Sophie", "Hélène", "Brigitte",
        "Monique", "Jacqueline", "Nicole", "Fatima", "Yasmine", "Agathe", "Margaux", "Zoé",
    ],
    male: &[
        "Jean", "Philippe", "Michel", "Alain", "Patrick", "Nicolas", "Christophe", "Pierre",
        "Christian", "Éric", "Frédéric", "Laurent", "Stéphane", "David", "Pascal", "Daniel",
        "Julien", "Sébastien", "Thomas", "Alexandre", "Antoine", "Maxime", "Hugo", "Lucas",
        "Louis", "Gabriel", "Arthur", "Jules", "Léo", "Raphaël", "Théo", "François", "Olivier",
        "Jérôme", "Benoît", "Guillaume", "Mathieu", "Jean-Pierre", "Jean-Luc", "Mohamed", "Karim",
        "Émile", "Gérard", "Thierry", "Didier",
    ],
    family: &[
        "Martin", "Bernard", "Thomas", "Petit", "Robert", "Richard", "Durand", "Dubois", "Moreau",
        "Laurent", "Simon", "Michel", "Lefebvre", "Leroy", "Roux", "David", "Bertrand", "Morel",
        "Fournier", "Girard", "Bonnet", "Dupont", "Lambert", "Fontaine", "Rousseau", "Vincent",
        "Muller", "Lefèvre", "Faure", "André", "Mercier", "Blanc", "Guérin", "Boyer", "Garnier",
        "Chevalier", "François", "Legrand", "Gauthier", "Garcia", "Perrin", "Robin", "Clément",
        "Morin", "Nicolas", "Henry", "Roussel", "Mathieu", "Gautier", "Masson", "Marchand",
        "Duval", "Denis", "Dumont", "Marie", "Lemaire", "Noël", "Meyer", "Dufour", "Meunier",
        "Brun", "Blanchard", "Giraud", "Joly", "Rivière", "Lucas", "Brunet", "Gaillard", "Barbier",
        "Arnaud", "Martinez", "Gérard", "Roche", "Renard", "Schmitt", "Roy", "Leroux", "Colin",
        "Vidal", "Caron", "Picard", "Roger", "Fabre", "Aubert", "Lemoine", "Renaud", "Dumas",
        "Lacroix", "Olivier", "Philippe", "Bourgeois", "Pierre", "Benoît", "Rey", "Leclerc",
        "Payet", "Rolland", "Leclercq", "Guillaume", "Lecomte", "Lopez", "Jean", "Dupuy",
    ],
    family_parts: (
        &[
            "Beau", "Belle", "Bon", "Bois", "Cham", "Char", "Clair", "Haute", "Mon", "Neuf",
            "Pont", "Val", "Ville", "Font", "Grand", "Mont",
        ],
        &["bois", "bert", "champ", "court", "fort", "lieu", "mont", "pré", "roche", "val",
          "villiers", "marchand", "vert"],
    ),
    family_tail: 0.15,
    streets: &[
        "rue de l'Église", "rue Victor Hugo", "avenue de la Gare", "rue du Moulin",
        "rue des Écoles", "place de la Mairie", "rue Pasteur", "rue Jean Jaurès",
        "boulevard Gambetta", "rue de la République", "chemin des Vignes", "rue des Lilas",
        "rue du Château", "allée des Tilleuls", "rue Saint-Martin", "impasse des Cerisiers",
        "avenue Foch", "rue Émile Zola", "quai des Brumes", "rue Molière", "cours Lafayette",
    ],
    number_first: true,
    flats: "Appt ",
    cities: &[
        City { name: "Paris", region: None, postcode: "750##" },
        City { name: "Lyon", region: None, postcode: "690##" },
        City { name: "Marseille", region: None, postcode: "130##" },
        City { name: "Toulouse", region: None, postcode: "310##" },
        City { name: "Nice", region: None, postcode: "060##" },
        City { name: "Nantes", region: None, postcode: "440##" },
        City { name: "Strasbourg", region: None, postcode: "670##" },
        City { name: "Bordeaux", region: None, postcode: "330##" },
        City { name: "Lille", region: None, postcode: "590##" },
        City { name: "Bourg-en-Bresse", region: None, postcode: "010##" },
        City { name: "Saint-Étienne", region: None, postcode: "420##" },
    ],
    country_name: "France",
    titles: ("Mme", "M."),
};
