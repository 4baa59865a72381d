//! The catalogue: things for the home.

use super::Product;
use crate::dates::DayRange;
use crate::sample::random::{Purpose, Stream};

/// How many products there are.
const COUNT: u64 = 400;

const BRANDS: [&str; 14] = [
    "Finchley",
    "Aldous",
    "Marlow Basics",
    "Norrvik",
    "Casa Lune",
    "Brightwell",
    "Hearth & Co",
    "Kestrel",
    "Ostrava",
    "Tidewater",
    "Fennimore",
    "Luma",
    "Greenfold",
    "Atelier Nord",
];

/// Category, its short form, the margin of the price in percent, and its subcategories with
/// their median price in pence.
struct Category {
    name: &'static str,
    short: &'static str,
    margin_percent: i64,
    subcategories: &'static [(&'static str, i64)],
}

const CATEGORIES: [Category; 8] = [
    Category {
        name: "kitchen",
        short: "KIT",
        margin_percent: 45,
        subcategories: &[
            ("Saucepan", 3_200),
            ("Chef's Knife", 4_500),
            ("Mixing Bowl", 1_600),
            ("Storage Jar", 900),
            ("Chopping Board", 2_100),
            ("Roasting Tin", 2_400),
            ("Whisk", 750),
            ("Casserole", 6_500),
        ],
    },
    Category {
        name: "dining",
        short: "DIN",
        margin_percent: 50,
        subcategories: &[
            ("Dinner Plate", 1_100),
            ("Mug", 850),
            ("Wine Glass", 950),
            ("Cutlery Set", 5_500),
            ("Tablecloth", 2_900),
            ("Serving Dish", 2_600),
            ("Water Jug", 1_900),
        ],
    },
    Category {
        name: "bedroom",
        short: "BED",
        margin_percent: 52,
        subcategories: &[
            ("Duvet Cover", 4_900),
            ("Pillow", 2_200),
            ("Blanket", 3_900),
            ("Fitted Sheet", 2_600),
            ("Bedside Lamp", 3_400),
            ("Alarm Clock", 1_800),
        ],
    },
    Category {
        name: "bathroom",
        short: "BAT",
        margin_percent: 48,
        subcategories: &[
            ("Bath Towel", 1_700),
            ("Bath Mat", 1_500),
            ("Soap Dispenser", 1_200),
            ("Laundry Basket", 3_100),
            ("Shower Curtain", 1_900),
        ],
    },
    Category {
        name: "lighting",
        short: "LIG",
        margin_percent: 42,
        subcategories: &[
            ("Table Lamp", 4_400),
            ("Floor Lamp", 8_900),
            ("Pendant Light", 6_900),
            ("Fairy Lights", 1_400),
            ("Smart Bulb", 1_600),
            ("Lantern", 2_300),
        ],
    },
    Category {
        name: "garden",
        short: "GAR",
        margin_percent: 38,
        subcategories: &[
            ("Plant Pot", 1_300),
            ("Watering Can", 2_000),
            ("Garden Chair", 7_900),
            ("Bird Feeder", 1_700),
            ("Pruning Shears", 1_800),
            ("Parasol", 9_500),
        ],
    },
    Category {
        name: "decoration",
        short: "DEC",
        margin_percent: 58,
        subcategories: &[
            ("Candle", 1_400),
            ("Vase", 2_700),
            ("Picture Frame", 1_500),
            ("Cushion", 2_100),
            ("Wall Mirror", 7_200),
            ("Rug", 11_900),
            ("Throw", 3_300),
        ],
    },
    Category {
        name: "electricals",
        short: "ELE",
        margin_percent: 28,
        subcategories: &[
            ("Kettle", 4_900),
            ("Toaster", 4_500),
            ("Coffee Grinder", 6_500),
            ("Hand Blender", 3_900),
            ("Air Purifier", 14_900),
            ("Radio", 8_500),
        ],
    },
];

const SERIES: [&str; 25] = [
    "Alder", "Birch", "Clover", "Dale", "Ember", "Fern", "Grove", "Harbour", "Isla", "Juniper",
    "Kelso", "Linden", "Moor", "Nettle", "Oslo", "Pebble", "Quill", "Rowan", "Sorrel", "Thistle",
    "Umber", "Verona", "Willow", "Yarrow", "Zephyr",
];

const VARIANTS: [&str; 16] = [
    "White",
    "Black",
    "Oak",
    "Sage",
    "Navy",
    "Small",
    "Large",
    "Set of 2",
    "Set of 4",
    "Copper",
    "Slate",
    "Ivory",
    "Terracotta",
    "Linen",
    "Brushed Steel",
    "Ochre",
];

/// The products: the same for a seed and a first day.
pub(super) fn products(seed: u64, days: DayRange) -> Vec<Product> {
    let mut products: Vec<Product> = (0..COUNT).map(|number| product(seed, days, number)).collect();
    let total: f32 = products.iter().map(|product| product.weight).sum();
    for product in &mut products {
        product.weight /= total;
    }
    products
}

fn product(seed: u64, days: DayRange, number: u64) -> Product {
    let mut stream = Stream::of(seed, Purpose::Catalogue, &[number]);
    let category = &CATEGORIES[number as usize % CATEGORIES.len()];
    let place = number as usize / CATEGORIES.len();
    let (subcategory, median) = category.subcategories[place % category.subcategories.len()];
    let series = SERIES[place % SERIES.len()];
    let variant = VARIANTS[(number as usize * 7 + place) % VARIANTS.len()];
    // Prices end in 99 or 50, as on the shelf.
    let drawn = stream.log_normal(median as f64, 0.35).round() as i64;
    let price = (drawn / 100).max(2) * 100 + if stream.chance(0.7) { 99 } else { 50 } - 100;
    let margin = category.margin_percent + stream.between(-8, 8);
    Product {
        sku: format!("{}-{}-{:04}", category.short, 100 + place % 9, number + 1),
        name: format!("{series} {subcategory}, {variant}"),
        category: category.name,
        subcategory,
        brand: stream.word(&BRANDS),
        price,
        cost: (price * (100 - margin) / 100).max(1),
        is_on_sale: !stream.chance(0.06),
        launched: days.from.minus(30 + stream.below(1_400)),
        defect_share: if stream.chance(0.05) {
            stream.between(80, 200) as f32 / 1_000.0
        } else {
            stream.between(2, 30) as f32 / 1_000.0
        },
        weight: stream.log_normal(1.0, 0.9) as f32,
    }
}
