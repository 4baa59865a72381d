//! Where a query has no rows, told from which tables have none.
//!
//! Few companies have an export for every entity, so half of a day's tables are empty, and to plan
//! a query that can have no rows costs as much as to plan any other.

use datafusion::common::JoinType;
use datafusion::logical_expr::{Aggregate, Distinct, Expr, LogicalPlan};

use crate::lake::TableName;

/// When a query has no rows, whatever its filters keep.
#[derive(Debug, Clone)]
pub(super) enum Emptiness {
    /// It may always have rows.
    Never,
    /// Where this table has none.
    Of(TableName),
    /// Where any of these has none.
    Any(Vec<Emptiness>),
    /// Where all of these have none.
    All(Vec<Emptiness>),
}

impl Emptiness {
    /// When `plan` has no rows.
    pub(super) fn of(plan: &LogicalPlan) -> Emptiness {
        match plan {
            LogicalPlan::TableScan(scan) => match scan.table_name.schema() {
                Some(zone) => Emptiness::Of(TableName::new(zone, scan.table_name.table())),
                None => Emptiness::Never,
            },
            LogicalPlan::EmptyRelation(relation) if !relation.produce_one_row => {
                Emptiness::All(vec![])
            }
            // No more rows come out of these than go in, or none where none goes in.
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Distinct(Distinct::All(_) | Distinct::On(_))
            | LogicalPlan::Unnest(_) => Emptiness::Any(of_inputs(plan)),
            LogicalPlan::Aggregate(aggregate) if is_by_group(aggregate) => {
                Emptiness::of(&aggregate.input)
            }
            LogicalPlan::Union(_) => Emptiness::All(of_inputs(plan)),
            LogicalPlan::Join(join) => match join.join_type {
                JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi => {
                    Emptiness::Any(of_inputs(plan))
                }
                JoinType::Left | JoinType::LeftAnti | JoinType::LeftMark => {
                    Emptiness::of(&join.left)
                }
                JoinType::Right | JoinType::RightAnti | JoinType::RightMark => {
                    Emptiness::of(&join.right)
                }
                JoinType::Full => Emptiness::All(of_inputs(plan)),
            },
            _ => Emptiness::Never,
        }
    }

    /// Whether there are no rows where `has_no_rows` tells so much of tables.
    pub(super) fn holds(&self, has_no_rows: &dyn Fn(&TableName) -> bool) -> bool {
        match self {
            Emptiness::Never => false,
            Emptiness::Of(table) => has_no_rows(table),
            Emptiness::Any(parts) => parts.iter().any(|part| part.holds(has_no_rows)),
            Emptiness::All(parts) => parts.iter().all(|part| part.holds(has_no_rows)),
        }
    }
}

fn of_inputs(plan: &LogicalPlan) -> Vec<Emptiness> {
    plan.inputs().into_iter().map(Emptiness::of).collect()
}

/// Whether an aggregate has a row only where a group has one: a total has one also of nothing.
fn is_by_group(aggregate: &Aggregate) -> bool {
    let is_plain = |expr: &Expr| !matches!(expr, Expr::GroupingSet(_));
    !aggregate.group_expr.is_empty() && aggregate.group_expr.iter().all(is_plain)
}
