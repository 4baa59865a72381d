//! The catalogue, on the first day and on Mondays, as Parquet.

use std::sync::Arc;

use arrow::array::{BooleanArray, Date32Array, Decimal128Array, StringArray};
use chrono::Weekday;

use super::compress::Compression;
use super::scene::Scene;
use super::sheet::Finished;
use super::{About, Format, Load};
use crate::dates::Day;
use crate::errors::{Context as _, Kind, Result};
use crate::sample::columns;
use crate::sample::world::{Product, calendar};

pub(super) const ABOUT: About = About {
    name: "products",
    path: "catalogue/{dt}/products.parquet",
    format: Format::Parquet,
    compression: Compression::None,
    load: Load::Snapshot,
    is_required: false,
    header: &[],
    id: &["sku"],
    exploded: &[],
    targets: &[],
};

/// Whether the catalogue is exported on a day.
pub(super) fn is_due(scene: &Scene, day: Day) -> bool {
    day == scene.world.days.from || calendar::weekday(day) == Weekday::Mon
}

/// The content of a day's file.
pub(super) fn write(scene: &Scene) -> Result<Finished> {
    let products = &scene.world.products;
    let text = |value: &dyn Fn(&Product) -> String| {
        Arc::new(StringArray::from_iter_values(products.iter().map(value)))
    };
    let money = |value: fn(&Product) -> i64| {
        Decimal128Array::from_iter_values(products.iter().map(|product| value(product).into()))
            .with_precision_and_scale(10, 2)
            .context(Kind::Defect, || "write `products` as Parquet")
            .map(Arc::new)
    };
    let is_on_sale: BooleanArray =
        products.iter().map(|product| Some(product.is_on_sale)).collect();
    let launched =
        Date32Array::from_iter_values(products.iter().map(|product| product.launched.to_epoch()));
    let content = columns::parquet(
        ABOUT.name,
        vec![
            ("sku", false, text(&|product| product.sku.clone())),
            ("name", true, text(&|product| product.name.clone())),
            ("category", true, text(&|product| product.category.to_string())),
            ("subcategory", true, text(&|product| product.subcategory.to_string())),
            ("brand", true, text(&|product| product.brand.to_string())),
            ("price", true, money(|product| product.price)?),
            ("cost", true, money(|product| product.cost)?),
            ("on_sale", true, Arc::new(is_on_sale)),
            ("launched", true, Arc::new(launched)),
        ],
    )?;
    let rows = vec![(ABOUT.name, products.len() as u64)];
    Ok(Finished { content, rows, faults: Vec::new(), losses: Vec::new() })
}
