//! Column lineage: which columns of its inputs each column of a table is made of, and how; told from
//! the logical plans of the table's queries.
//!
//! A column reaches another directly, as it is or worked into its value, or indirectly, by deciding
//! on it: in a condition, a join, an order. What decides on rows as a whole (a filter, a join, a
//! group) reaches every column, and is told once for all of them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef, DataFusionError, JoinType};
use datafusion::logical_expr::expr::{Case, Sort};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Join, LogicalPlan, RecursiveQuery, Subquery, Unnest,
    WindowFunctionDefinition,
};

use crate::config::Settings;
use crate::engine::{Engine, query_error};
use crate::errors::Result;
use crate::lake::TableName;
use crate::models::reads::open_plan;
use crate::models::{Catalogue, Model, Recipe};

/// How a column of an input reaches a column of the output, or all of them.
///
/// Source: the subtypes of OpenLineage's column lineage facet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Influence {
    /// The value as it is.
    Identity,
    /// The value is worked out from it.
    Transformation,
    /// The value is worked out from that of many rows.
    Aggregation,
    /// It decides which rows are joined.
    Join,
    /// It decides which rows make a group.
    GroupBy,
    /// It decides which rows are kept.
    Filter,
    /// It decides on the order of rows.
    Sort,
    /// It decides which rows a window function sees, and in which order.
    Window,
    /// It decides which value is taken.
    Conditional,
}

impl Influence {
    /// Whether the value itself is worked on.
    pub fn is_direct(self) -> bool {
        self <= Influence::Aggregation
    }

    /// The influence over one more step: what decides once only ever decides.
    fn then(self, step: Influence) -> Influence {
        match (self.is_direct(), step.is_direct()) {
            (true, true) => self.max(step),
            (true, false) => step,
            (false, _) => self,
        }
    }
}

/// A column of a published table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The table.
    pub table: TableName,
    /// The column.
    pub column: String,
}

/// The columns that reach something, each with how.
pub type Sources = BTreeMap<Source, BTreeSet<Influence>>;

/// What a table is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage {
    /// What reaches each column, by its name.
    pub columns: BTreeMap<String, Sources>,
    /// What reaches all of them, by deciding on rows.
    pub rows: Sources,
}

/// The lineage of the table that `model` makes; nothing of tables that no query makes.
pub async fn of(
    engine: &Engine,
    catalogue: &Catalogue,
    settings: &Settings,
    model: &Model,
) -> Result<Lineage> {
    let mut lineage = Lineage::default();
    for query in model.queries() {
        let (state, plan) = open_plan(engine, catalogue, settings, query).await?;
        let failed = || query_error(format!("tell the lineage of {}", model.name));
        let options = Arc::clone(state.config_options());
        let plan =
            state.analyzer().execute_and_check(plan, &options, |_, _| {}).map_err(failed())?;
        lineage.take_in(of_plan(&plan).map_err(failed())?);
    }
    if let Recipe::Algorithm(_) = &model.recipe {
        // An algorithm looks at all of its inputs for every value.
        let mut all = Sources::new();
        for sources in lineage.columns.values() {
            merge(&mut all, sources, Influence::Transformation);
        }
        let names = model.schema.fields().iter().map(|field| field.name().clone());
        lineage.columns = names.map(|name| (name, all.clone())).collect();
    }
    Ok(lineage)
}

/// The lineage of what `plan`, an analyzed one, returns.
pub fn of_plan(plan: &LogicalPlan) -> Result<Lineage, DataFusionError> {
    let relation = Walk::default().relation(plan, None)?;
    let names = relation.schema.fields().iter().map(|field| field.name().clone());
    Ok(Lineage { columns: names.zip(relation.columns).collect(), rows: relation.rows })
}

impl Lineage {
    fn take_in(&mut self, other: Lineage) {
        for (name, sources) in &other.columns {
            merge(self.columns.entry(name.clone()).or_default(), sources, Influence::Identity);
        }
        merge(&mut self.rows, &other.rows, Influence::Identity);
    }
}

/// Adds `sources`, over one more `step`.
fn merge(to: &mut Sources, sources: &Sources, step: Influence) {
    for (source, influences) in sources {
        let influences = influences.iter().map(|influence| influence.then(step));
        to.entry(source.clone()).or_default().extend(influences);
    }
}

/// What a node of a plan returns: its columns, each with what reaches it, and what reaches all.
#[derive(Debug, Clone)]
struct Relation {
    schema: DFSchemaRef,
    columns: Vec<Sources>,
    rows: Sources,
}

/// What the columns of an expression may mean: those of some relations, and of those around them.
#[derive(Clone, Copy)]
struct Scope<'a> {
    relations: &'a [&'a Relation],
    outer: Option<&'a Scope<'a>>,
}

impl Scope<'_> {
    fn sources(&self, column: &Column) -> Sources {
        let found = self.relations.iter().find_map(|relation| {
            let index = relation.schema.maybe_index_of_column(column)?;
            relation.columns.get(index).cloned()
        });
        found.unwrap_or_default()
    }

    /// The sources of a column of the query around.
    fn outer_sources(&self, column: &Column) -> Sources {
        let mut scope = self.outer;
        while let Some(around) = scope {
            let sources = around.sources(column);
            if !sources.is_empty() {
                return sources;
            }
            scope = around.outer;
        }
        Sources::new()
    }
}

/// A walk over a plan.
#[derive(Default)]
struct Walk {
    /// What recursive queries under way return so far, by their names.
    recursive: BTreeMap<String, Vec<Sources>>,
}

type Walked<T> = Result<T, DataFusionError>;

impl Walk {
    fn relation(&mut self, plan: &LogicalPlan, outer: Option<&Scope<'_>>) -> Walked<Relation> {
        let schema = Arc::clone(plan.schema());
        match plan {
            LogicalPlan::TableScan(scan) => {
                let (zone, table) = (scan.table_name.schema(), scan.table_name.table());
                let columns = match zone {
                    Some(zone) => {
                        let name = TableName::new(zone, table);
                        let fields = schema.fields().iter();
                        fields.map(|field| column_of(&name, field.name())).collect()
                    }
                    None => self.recursive.get(table).cloned().unwrap_or_default(),
                };
                let mut relation = Relation { schema, columns, rows: Sources::new() };
                let decided = self.deciding(&scan.filters, &relation, outer, Influence::Filter)?;
                merge(&mut relation.rows, &decided, Influence::Identity);
                Ok(relation)
            }
            LogicalPlan::Projection(projection) => {
                let input = self.relation(&projection.input, outer)?;
                self.projected(schema, &projection.expr, input, outer)
            }
            LogicalPlan::Filter(filter) => {
                let mut input = self.relation(&filter.input, outer)?;
                let by = std::slice::from_ref(&filter.predicate);
                let decided = self.deciding(by, &input, outer, Influence::Filter)?;
                merge(&mut input.rows, &decided, Influence::Identity);
                Ok(input)
            }
            LogicalPlan::Window(window) => {
                let mut input = self.relation(&window.input, outer)?;
                let relations = [&input];
                let scope = Scope { relations: &relations, outer };
                let made = window.window_expr.iter().map(|expr| self.sources(expr, scope));
                let made: Vec<Sources> = made.collect::<Walked<_>>()?;
                input.columns.extend(made);
                Ok(Relation { schema, ..input })
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregated(aggregate, outer),
            LogicalPlan::Sort(sort) => {
                let mut input = self.relation(&sort.input, outer)?;
                let by: Vec<Expr> = sort.expr.iter().map(|sort| sort.expr.clone()).collect();
                let decided = self.deciding(&by, &input, outer, Influence::Sort)?;
                merge(&mut input.rows, &decided, Influence::Identity);
                Ok(input)
            }
            LogicalPlan::Join(join) => self.joined(join, outer),
            LogicalPlan::Union(union) => {
                let mut relation = Relation { schema, columns: vec![], rows: Sources::new() };
                relation.columns.resize(relation.schema.fields().len(), Sources::new());
                for input in &union.inputs {
                    let input = self.relation(input, outer)?;
                    for (to, sources) in relation.columns.iter_mut().zip(&input.columns) {
                        merge(to, sources, Influence::Identity);
                    }
                    merge(&mut relation.rows, &input.rows, Influence::Identity);
                }
                Ok(relation)
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => {
                let mut input = self.relation(&distinct.input, outer)?;
                let order = distinct.sort_expr.iter().flatten().map(|sort| sort.expr.clone());
                let by: Vec<Expr> = distinct.on_expr.iter().cloned().chain(order).collect();
                let decided = self.deciding(&by, &input, outer, Influence::GroupBy)?;
                merge(&mut input.rows, &decided, Influence::Identity);
                self.projected(schema, &distinct.select_expr, input, outer)
            }
            LogicalPlan::Unnest(unnest) => self.unnested(unnest, outer),
            LogicalPlan::RecursiveQuery(query) => self.recurred(query, outer),
            // Rows as they are, under other names or fewer of them.
            LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Distinct(Distinct::All(_)) => match plan.inputs().first() {
                Some(input) => Ok(Relation { schema, ..self.relation(input, outer)? }),
                None => Ok(nothing(schema)),
            },
            // Of any other node nothing is known but its inputs; constants have none.
            _ => {
                let mut relation = nothing(schema);
                for input in plan.inputs() {
                    let input = self.relation(input, outer)?;
                    for to in &mut relation.columns {
                        for sources in &input.columns {
                            merge(to, sources, Influence::Transformation);
                        }
                    }
                    merge(&mut relation.rows, &input.rows, Influence::Identity);
                }
                Ok(relation)
            }
        }
    }

    fn projected(
        &mut self,
        schema: DFSchemaRef,
        made: &[Expr],
        input: Relation,
        outer: Option<&Scope<'_>>,
    ) -> Walked<Relation> {
        let relations = [&input];
        let scope = Scope { relations: &relations, outer };
        let columns = made.iter().map(|expr| self.sources(expr, scope)).collect::<Walked<_>>()?;
        Ok(Relation { schema, columns, rows: input.rows })
    }

    fn aggregated(&mut self, aggregate: &Aggregate, outer: Option<&Scope<'_>>) -> Walked<Relation> {
        let input = self.relation(&aggregate.input, outer)?;
        let relations = [&input];
        let scope = Scope { relations: &relations, outer };
        let groups = grouping_set_to_exprlist(&aggregate.group_expr)?;
        let groups = groups.into_iter().map(|expr| self.sources(expr, scope));
        let mut columns: Vec<Sources> = groups.collect::<Walked<_>>()?;
        let mut grouped = Sources::new();
        for group in &columns {
            merge(&mut grouped, group, Influence::GroupBy);
        }
        // Grouping sets add a column that tells which set a row is of.
        let group_count = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
        columns.resize(group_count, grouped.clone());
        for made in &aggregate.aggr_expr {
            columns.push(self.sources(made, scope)?);
        }
        let mut rows = input.rows;
        merge(&mut rows, &grouped, Influence::Identity);
        Ok(Relation { schema: Arc::clone(&aggregate.schema), columns, rows })
    }

    fn joined(&mut self, join: &Join, outer: Option<&Scope<'_>>) -> Walked<Relation> {
        let left = self.relation(&join.left, outer)?;
        let right = self.relation(&join.right, outer)?;
        let relations = [&left, &right];
        let scope = Scope { relations: &relations, outer };
        let mut decided = Sources::new();
        let pairs = join.on.iter().flat_map(|(left, right)| [left, right]);
        for expr in pairs.chain(&join.filter) {
            merge(&mut decided, &self.sources(expr, scope)?, Influence::Join);
        }
        let columns = match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti => left.columns,
            JoinType::RightSemi | JoinType::RightAnti => right.columns,
            // A mark tells whether there is a match.
            JoinType::LeftMark => left.columns.into_iter().chain([decided.clone()]).collect(),
            JoinType::RightMark => right.columns.into_iter().chain([decided.clone()]).collect(),
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                left.columns.into_iter().chain(right.columns).collect()
            }
        };
        let mut rows = left.rows;
        merge(&mut rows, &right.rows, Influence::Identity);
        merge(&mut rows, &decided, Influence::Identity);
        Ok(Relation { schema: Arc::clone(&join.schema), columns, rows })
    }

    fn unnested(&mut self, unnest: &Unnest, outer: Option<&Scope<'_>>) -> Walked<Relation> {
        let input = self.relation(&unnest.input, outer)?;
        let lists = unnest.list_type_columns.iter().map(|(index, _)| *index);
        let taken_apart: BTreeSet<usize> =
            lists.chain(unnest.struct_type_columns.iter().copied()).collect();
        let columns = unnest.dependency_indices.iter().map(|index| {
            let step = match taken_apart.contains(index) {
                true => Influence::Transformation,
                false => Influence::Identity,
            };
            let mut sources = Sources::new();
            merge(&mut sources, input.columns.get(*index).unwrap_or(&Sources::new()), step);
            sources
        });
        let columns = columns.collect();
        Ok(Relation { schema: Arc::clone(&unnest.schema), columns, rows: input.rows })
    }

    /// Until a further round adds nothing: sources are finite, and are never taken away.
    fn recurred(&mut self, query: &RecursiveQuery, outer: Option<&Scope<'_>>) -> Walked<Relation> {
        let mut relation = self.relation(&query.static_term, outer)?;
        loop {
            let before = relation.columns.clone();
            self.recursive.insert(query.name.clone(), before.clone());
            let further = self.relation(&query.recursive_term, outer)?;
            for (to, sources) in relation.columns.iter_mut().zip(&further.columns) {
                merge(to, sources, Influence::Identity);
            }
            merge(&mut relation.rows, &further.rows, Influence::Identity);
            if relation.columns == before {
                self.recursive.remove(&query.name);
                return Ok(Relation { schema: Arc::clone(&query.schema), ..relation });
            }
        }
    }

    /// What `exprs` over `relation` decide by, as `influence`.
    fn deciding(
        &mut self,
        exprs: &[Expr],
        relation: &Relation,
        outer: Option<&Scope<'_>>,
        influence: Influence,
    ) -> Walked<Sources> {
        let relations = [relation];
        let scope = Scope { relations: &relations, outer };
        let mut decided = Sources::new();
        for expr in exprs {
            merge(&mut decided, &self.sources(expr, scope)?, influence);
        }
        Ok(decided)
    }

    /// What the value of `expr` is made of.
    fn sources(&mut self, expr: &Expr, scope: Scope<'_>) -> Walked<Sources> {
        let mut made = Sources::new();
        match expr {
            Expr::Column(column) => made = scope.sources(column),
            Expr::OuterReferenceColumn(_, column) => made = scope.outer_sources(column),
            Expr::Alias(alias) => made = self.sources(&alias.expr, scope)?,
            Expr::Case(case) => self.chosen(case, scope, &mut made)?,
            Expr::AggregateFunction(call) => {
                self.add(&call.params.args, scope, Influence::Aggregation, &mut made)?;
                self.add(call.params.filter.as_deref(), scope, Influence::Conditional, &mut made)?;
                self.add(ordered(&call.params.order_by), scope, Influence::Sort, &mut made)?;
            }
            Expr::WindowFunction(window) => {
                let step = match window.fun {
                    WindowFunctionDefinition::AggregateUDF(_) => Influence::Aggregation,
                    WindowFunctionDefinition::WindowUDF(_) => Influence::Transformation,
                };
                let params = &window.params;
                self.add(&params.args, scope, step, &mut made)?;
                self.add(params.filter.as_deref(), scope, Influence::Conditional, &mut made)?;
                self.add(&params.partition_by, scope, Influence::Window, &mut made)?;
                self.add(ordered(&params.order_by), scope, Influence::Window, &mut made)?;
            }
            Expr::ScalarSubquery(subquery) => {
                self.asked(subquery, scope, Influence::Transformation, &mut made)?;
            }
            Expr::Exists(exists) => {
                self.asked(&exists.subquery, scope, Influence::Conditional, &mut made)?;
            }
            Expr::InSubquery(within) => {
                self.add([&*within.expr], scope, Influence::Transformation, &mut made)?;
                self.asked(&within.subquery, scope, Influence::Conditional, &mut made)?;
            }
            Expr::SetComparison(comparison) => {
                self.add([&*comparison.expr], scope, Influence::Transformation, &mut made)?;
                self.asked(&comparison.subquery, scope, Influence::Conditional, &mut made)?;
            }
            _ => {
                let mut parts: Vec<&Expr> = vec![];
                expr.apply_children(|part| {
                    parts.push(part);
                    Ok(TreeNodeRecursion::Continue)
                })?;
                self.add(parts, scope, Influence::Transformation, &mut made)?;
            }
        }
        Ok(made)
    }

    fn add<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        scope: Scope<'_>,
        step: Influence,
        made: &mut Sources,
    ) -> Walked<()> {
        for expr in exprs {
            merge(made, &self.sources(expr, scope)?, step);
        }
        Ok(())
    }

    fn chosen(&mut self, case: &Case, scope: Scope<'_>, made: &mut Sources) -> Walked<()> {
        let conditions = case.when_then_expr.iter().map(|(when, _)| &**when);
        let conditions = case.expr.as_deref().into_iter().chain(conditions);
        self.add(conditions, scope, Influence::Conditional, made)?;
        let values = case.when_then_expr.iter().map(|(_, then)| &**then);
        let values = values.chain(case.else_expr.as_deref());
        self.add(values, scope, Influence::Transformation, made)
    }

    /// What the rows of a subquery are made of, and chosen by.
    fn asked(
        &mut self,
        subquery: &Subquery,
        scope: Scope<'_>,
        step: Influence,
        made: &mut Sources,
    ) -> Walked<()> {
        let relation = self.relation(&subquery.subquery, Some(&scope))?;
        for sources in &relation.columns {
            merge(made, sources, step);
        }
        merge(made, &relation.rows, step);
        Ok(())
    }
}

fn ordered(order: &[Sort]) -> impl Iterator<Item = &Expr> {
    order.iter().map(|sort| &sort.expr)
}

fn column_of(table: &TableName, column: &str) -> Sources {
    let source = Source { table: table.clone(), column: column.to_string() };
    Sources::from([(source, BTreeSet::from([Influence::Identity]))])
}

fn nothing(schema: DFSchemaRef) -> Relation {
    let columns = vec![Sources::new(); schema.fields().len()];
    Relation { schema, columns, rows: Sources::new() }
}
