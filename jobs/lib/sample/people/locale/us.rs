//! The United States: common names, roughly as the Census Bureau and the Social Security
//! Administration count them.

use super::{City, Locale, gb};

#[rustfmt::skip]
pub(super) const LOCALE: Locale = Locale {
    female: &[
        "Mary", "Jennifer", "Patricia", "Linda", "Jessica", "Elizabeth", "Ashley", "Sarah",
        "Susan", "Karen", "Amanda", "Melissa", "Emily", "Nancy", "Lisa", "Stephanie", "Michelle",
        "Kimberly", "Samantha", "Sandra", "Brittany", "Madison", "Donna", "Nicole", "Rachel",
        "Maria", "Danielle", "Megan", "Hannah", "Kayla", "Alexis", "Taylor", "Brianna", "Destiny",
        "Guadalupe", "Latoya", "Keisha", "Sofia", "Camila", "Abigail", "Harper", "Avery", "Riley",
        "Brooklyn", "Savannah", "Kaitlyn", "Lakshmi", "Mei",
    ],
    male: &[
        "James", "Michael", "Robert", "John", "David", "William", "Richard", "Joseph", "Thomas",
        "Christopher", "Charles", "Daniel", "Matthew", "Anthony", "Mark", "Steven", "Joshua",
        "Kevin", "Brian", "Tyler", "Jose", "Brandon", "Justin", "Austin", "Jacob", "Ethan",
        "Mason", "Logan", "Jayden", "Carlos", "Luis", "Juan", "Eric", "Gregory", "Dwayne",
        "Marcus", "Terrence", "Zachary", "Cody", "Hunter", "Chase", "Jesus", "Diego", "Randall",
        "Chad", "Todd", "Wei", "Raj",
    ],
    family: &[
        "Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "Davis",
        "Rodriguez", "Martinez", "Hernandez", "Lopez", "Gonzalez", "Wilson", "Anderson", "Thomas",
        "Taylor", "Moore", "Jackson", "Martin", "Lee", "Perez", "Thompson", "White", "Harris",
        "Sanchez", "Clark", "Ramirez", "Lewis", "Robinson", "Walker", "Young", "Allen", "King",
        "Wright", "Scott", "Torres", "Nguyen", "Hill", "Flores", "Green", "Adams", "Nelson",
        "Baker", "Hall", "Rivera", "Campbell", "Mitchell", "Carter", "Roberts", "Gomez",
        "Phillips", "Evans", "Turner", "Diaz", "Parker", "Cruz", "Edwards", "Collins", "Reyes",
        "Stewart", "Morris", "Morales", "Murphy", "Cook", "Rogers", "Gutierrez", "Ortiz", "Morgan",
        "Cooper", "Peterson", "Bailey", "Reed", "Kelly", "Howard", "Ramos", "Kim", "Cox", "Ward",
        "Richardson", "Watson", "Brooks", "Chavez", "Wood", "James", "Bennett", "Gray", "Mendoza",
        "Ruiz", "Hughes", "Price", "Alvarez", "Castillo", "Sanders", "Patel", "Myers", "Long",
        "Ross", "Foster", "Jimenez", "Schwartz", "Kowalski", "Olson", "Hansen", "Schneider",
    ],
    family_parts: gb::LOCALE.family_parts,
    family_tail: 0.25,
    streets: &[
        "Main Street", "Oak Street", "Maple Avenue", "Park Avenue", "Cedar Lane", "Pine Street",
        "Elm Street", "Washington Street", "Lake Drive", "Hill Road", "Walnut Street",
        "Spring Street", "North Street", "Ridge Road", "Church Street", "Willow Drive",
        "Sunset Boulevard", "Railroad Avenue", "Jefferson Avenue", "Center Street", "River Road",
        "Highland Avenue", "Franklin Street", "Dogwood Court", "Magnolia Lane", "2nd Street",
        "5th Avenue", "Meadow Lane", "Chestnut Street",
    ],
    number_first: true,
    flats: "Apt ",
    cities: &[
        City { name: "New York", region: Some("NY"), postcode: "100##" },
        City { name: "Boston", region: Some("MA"), postcode: "021##" },
        City { name: "Chicago", region: Some("IL"), postcode: "606##" },
        City { name: "Los Angeles", region: Some("CA"), postcode: "900##" },
        City { name: "San Francisco", region: Some("CA"), postcode: "941##" },
        City { name: "Seattle", region: Some("WA"), postcode: "981##" },
        City { name: "Austin", region: Some("TX"), postcode: "787##" },
        City { name: "Philadelphia", region: Some("PA"), postcode: "191##" },
        City { name: "Atlanta", region: Some("GA"), postcode: "303##" },
        City { name: "Denver", region: Some("CO"), postcode: "802##" },
        City { name: "Newark", region: Some("NJ"), postcode: "071##" },
        City { name: "Portland", region: Some("ME"), postcode: "041##" },
        City { name: "Columbus", region: Some("OH"), postcode: "432##" },
    ],
    country_name: "USA",
    titles: ("Ms", "Mr"),
};
