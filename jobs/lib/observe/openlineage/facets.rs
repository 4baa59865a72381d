//! How any facet is written.

use serde_json::{Value, json};

use super::PRODUCER;

/// A facet of the specification: its name there, its version, and what it says.
pub(super) fn facet(name: &str, version: &str, said: Value) -> Value {
    // Those of subsets are told in one file.
    let file = match name.contains("Subset") {
        true => "BaseSubsetDatasetFacet",
        false => name,
    };
    with_schema(
        format!("https://openlineage.io/spec/facets/{version}/{file}.json#/$defs/{name}"),
        said,
    )
}

/// A facet of a run that only Rapport has: it promises no more than any does.
pub(super) fn run_facet_of_ours(said: Value) -> Value {
    with_schema("https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunFacet", said)
}

fn with_schema(schema: impl Into<String>, said: Value) -> Value {
    let mut facet = json!({ "_producer": PRODUCER, "_schemaURL": schema.into() });
    if let (Value::Object(facet), Value::Object(said)) = (&mut facet, said) {
        facet.extend(said);
    }
    facet
}
