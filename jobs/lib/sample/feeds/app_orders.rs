//! The app's orders, one row a line, as Parquet.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{Decimal128Array, Int32Array, StringBuilder, TimestampMicrosecondArray};

use super::compress::Compression;
use super::scene::Scene;
use super::sheet::{Finished, Loss};
use super::{About, Feed, Format, Load};
use crate::dates::Day;
use crate::errors::{Context as _, Kind, Result};
use crate::sample::codes::{self, code};
use crate::sample::columns;
use crate::sample::digits;
use crate::sample::dirt::plan::{Planned, Strike};
use crate::sample::dirt::rows::target;
use crate::sample::dirt::{Fault, RowFault};
use crate::sample::facts::Order;
use crate::sample::feeds::schedule::Told;
use crate::sample::people::{System, push_cookie};

pub(super) const ABOUT: About = About {
    name: "app_orders",
    path: "app/orders/{dt}/orders-{part}.parquet",
    format: Format::Parquet,
    compression: Compression::None,
    load: Load::Events,
    is_required: true,
    header: &[],
    id: &["order_id", "line"],
    exploded: &[],
    targets: &[
        target(RowFault::OutOfRange, "quantity"),
        target(RowFault::MissingRequired, "order_id"),
    ],
};

/// A row in the making.
#[derive(Clone)]
struct Row<'a> {
    order: &'a Order,
    /// The line's place in the order.
    place: usize,
    has_id: bool,
    quantity: i32,
}

/// The content of a day's file.
pub(super) fn write(scene: &Scene, day: Day, due: Vec<Planned>) -> Result<Finished> {
    let mut file = File { day, rows: Vec::new(), faults: Vec::new(), losses: Vec::new() };
    let mut due = VecDeque::from(due);
    let mut ordinal = 0;
    for told in scene.told(Feed::AppOrders, day) {
        let order = &scene.facts.orders[told.index as usize];
        for (place, line) in order.lines.iter().enumerate() {
            ordinal += 1;
            let quantity = i32::from(line.quantity.min(i16::MAX as u16) as i16);
            file.rows.push(Row { order, place, has_id: true, quantity });
            if told.delay > 0 {
                file.note(RowFault::Late, "");
            } else if told.is_out_of_order {
                file.note(RowFault::OutOfOrder, "");
            } else if due.front().is_some_and(|planned| planned.ordinal <= ordinal)
                && let Some(planned) = due.pop_front()
            {
                file.strike(planned, *told);
            }
        }
    }
    let rows = vec![(ABOUT.name, file.rows.len() as u64)];
    let content = content(scene, &file.rows)?;
    Ok(Finished { content, rows, faults: file.faults, losses: file.losses })
}

struct File<'a> {
    day: Day,
    rows: Vec<Row<'a>>,
    faults: Vec<Fault>,
    losses: Vec<Loss>,
}

impl File<'_> {
    /// The last row's id.
    fn id(&self) -> String {
        self.rows.last().map_or_else(String::new, |row| {
            format!("{}/{}", code(codes::Kind::Order, row.order.number), row.place + 1)
        })
    }

    fn note(&mut self, kind: RowFault, column: &'static str) {
        self.faults.push(Fault {
            source: ABOUT.name,
            dt: self.day,
            file: String::new(),
            row: Some(self.rows.len() as u64),
            line: None,
            kind: kind.name(),
            column,
            id: self.id(),
            outcome: kind.outcome(),
        });
    }

    fn strike(&mut self, planned: Planned, told: Told) {
        let Strike::Spoil(target) = planned.strike else {
            if let Some(row) = self.rows.last().cloned() {
                self.rows.push(row);
                self.note(RowFault::ExactDuplicate, "");
            }
            return;
        };
        let Some(row) = self.rows.last_mut() else { return };
        match target.kind {
            RowFault::MissingRequired => row.has_id = false,
            _ => row.quantity = -7,
        }
        let row_of_fact = u32::try_from(row.place).ok();
        self.note(target.kind, target.column);
        let (id, kind) = (self.id(), target.kind.name());
        self.losses.push(Loss { source: ABOUT.name, id, index: told.index, row_of_fact, kind });
    }
}

fn content(scene: &Scene, rows: &[Row]) -> Result<Vec<u8>> {
    let text = |value: &dyn Fn(&Row) -> Option<String>| {
        let mut builder = StringBuilder::new();
        rows.iter().for_each(|row| builder.append_option(value(row)));
        Arc::new(builder.finish())
    };
    let money = |value: &dyn Fn(&Row) -> i64| {
        Decimal128Array::from_iter_values(rows.iter().map(|row| i128::from(value(row))))
            .with_precision_and_scale(10, 2)
            .context(Kind::Defect, || "write `app_orders` as Parquet")
            .map(Arc::new)
    };
    let number = |value: &dyn Fn(&Row) -> i32| {
        Arc::new(Int32Array::from_iter_values(rows.iter().map(value)))
    };
    let line = |row: &Row| row.order.lines[row.place];
    let ordered_at = rows.iter().map(|row| row.order.placed_at * 1_000_000);
    let ordered_at = TimestampMicrosecondArray::from_iter_values(ordered_at).with_timezone("UTC");
    columns::parquet(
        ABOUT.name,
        vec![
            (
                "order_id",
                true,
                text(&|row| row.has_id.then(|| code(codes::Kind::Order, row.order.number))),
            ),
            ("line", true, number(&|row| i32::try_from(row.place + 1).unwrap_or(i32::MAX))),
            (
                "user_id",
                true,
                text(&|row| {
                    let Order { person, placed_at, number, .. } = *row.order;
                    scene.key(person, System::App, placed_at, number).map(str::to_string)
                }),
            ),
            // The app runs on the person's first device.
            (
                "device_id",
                true,
                text(&|row| {
                    Some(digits::text(|out| push_cookie(out, scene.world, row.order.person, 0)))
                }),
            ),
            ("sku", true, text(&|row| Some(scene.sku(line(row).product).to_string()))),
            ("quantity", true, number(&|row| row.quantity)),
            ("unit_price", true, money(&|row| line(row).unit_price)?),
            ("discount", true, money(&|row| line(row).discount)?),
            ("shipping", true, money(&|row| row.order.shipping)?),
            ("payment_method", true, text(&|row| Some(row.order.payment_method.to_string()))),
            (
                "campaign",
                true,
                text(&|row| {
                    row.order.campaign.map(|campaign| scene.campaign(campaign).to_string())
                }),
            ),
            ("ordered_at", true, Arc::new(ordered_at)),
        ],
    )
}
