//! Rows that break a contract are found, and no others.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, ListArray, ListBuilder, RecordBatch,
    StringArray, StringViewArray, UInt64Array, UInt64Builder,
};
use datafusion::datasource::MemTable;

use super::built::{ask, session};
use super::gate::Gate;
use super::rules::Rules;
use crate::config::Settings;
use crate::engine::sql::Query;
use crate::engine::{Engine, Layout};
use crate::errors::Kind;
use crate::lake::TableName;
use crate::models::contract::Severity;
use crate::models::{Contract, Model, Recipe};

fn model(contract: &str) -> Model {
    let contract: Contract = crate::config::yaml::parse("t.yml", contract).unwrap();
    Model {
        name: TableName::new("marts", "t"),
        path: PathBuf::from("t.sql"),
        schema: contract.schema(),
        grain: contract.grain.value.clone(),
        contract: Some(Arc::new(contract)),
        recipe: Recipe::Query(Box::new(Query::parse("t.sql", "select 1").unwrap())),
    }
}

const TWO_COLUMNS: &str = "
description: d
grain: [source, number]
columns:
  - {name: number, type: integer, meaning: m}
  - {name: source, type: string, meaning: m, required: true, severity: warn}
rows: {max: 7}
";

/// What a gate finds in batches of (source, number).
fn found(batches: &[&[(Option<&str>, Option<i64>)]]) -> Vec<(String, u64)> {
    let model = model(TWO_COLUMNS);
    let mut gate = Gate::new(&model, Rules::default());
    for rows in batches {
        let sources: StringViewArray = rows.iter().map(|row| row.0).collect();
        let numbers: Int64Array = rows.iter().map(|row| row.1).collect();
        let columns: Vec<(&str, ArrayRef)> =
            vec![("source", Arc::new(sources)), ("number", Arc::new(numbers))];
        let passed = gate.pass(&RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        assert_eq!(passed.schema(), model.schema);
    }
    let findings = gate.findings(model.contract.as_ref().unwrap());
    findings.into_iter().map(|finding| (finding.check, finding.bad_row_count)).collect()
}

#[test]
fn grains_ascend_and_repeat_nothing_across_batches() {
    let none: [(String, u64); 0] = [];
    assert_eq!(found(&[&[]]), none);
    assert_eq!(
        found(&[&[(Some("a"), Some(-1)), (Some("a"), Some(2))], &[], &[(Some("a"), None)]]),
        none,
        "nulls come last"
    );
    let shared = |count| ("unique(source, number)".to_string(), count);
    let row = (Some("a"), Some(2));
    assert_eq!(found(&[&[row], &[row], &[row, (Some("b"), None)]]), [shared(3)]);
    let last = (Some("b"), None);
    assert_eq!(found(&[&[(Some("a"), Some(1)), row], &[row, last, last]]), [shared(4)]);
    // In this order a repeat does not stand beside its like.
    let unordered = ("ordered(source, number)".to_string(), 1);
    assert_eq!(found(&[&[row, (Some("b"), None)], &[row]]), [unordered]);
    let unordered = ("ordered(source, number)".to_string(), 1);
    let required = ("required(source)".to_string(), 1);
    assert_eq!(found(&[&[(None, Some(1)), (Some(""), Some(1))]]), [unordered, required]);
    let many: Vec<_> = (0..8).map(|number| (Some("a"), Some(number))).collect();
    assert_eq!(found(&[&many]), [("rows(0..7)".to_string(), 8)]);
}

#[test]
fn what_a_published_type_cannot_hold_is_refused_however_deep() {
    let model = model(
        "
description: d
grain: [id]
columns:
  - {name: id, type: string, meaning: m}
  - {name: counts, type: list<integer>, meaning: m}
  - {name: amount, type: 'decimal(10,2)', meaning: m}
  - {name: share, type: double, meaning: m, severity: warn}
",
    );
    let batch = |count: u64, amount: ArrayRef, share: f64| {
        let mut counts = ListBuilder::new(UInt64Builder::new());
        counts.append_value([Some(count), None]);
        let counts: ListArray = counts.finish();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(StringArray::from(vec!["a"]))),
            ("counts", Arc::new(counts)),
            ("amount", amount),
            ("share", Arc::new(Float64Array::from(vec![share]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    };
    let amount = |precision| -> ArrayRef {
        let amounts = Decimal128Array::from(vec![Some(1)]);
        Arc::new(amounts.with_precision_and_scale(precision, 2).unwrap())
    };
    let mut gate = Gate::new(&model, Rules::default());
    gate.pass(&batch(3, amount(9), 0.5)).unwrap();
    let refused =
        |batch: &RecordBatch| Gate::new(&model, Rules::default()).pass(batch).unwrap_err();
    let error = refused(&batch(u64::MAX, amount(9), 0.5));
    assert_eq!(error.kind(), Kind::CheckFailed);
    assert!(error.chain().contains("`counts` holds a value that list<integer> cannot"));
    assert!(!error.chain().contains("18446744073709551615"));
    assert_eq!(refused(&batch(3, amount(11), 0.5)).kind(), Kind::Usage);
    let text: ArrayRef = Arc::new(StringArray::from(vec!["1.00"]));
    assert_eq!(refused(&batch(3, text, 0.5)).kind(), Kind::Usage);
    let big: ArrayRef = Arc::new(UInt64Array::from(vec![1]));
    assert_eq!(refused(&batch(3, big, 0.5)).kind(), Kind::Usage);

    let mut gate = Gate::new(&model, Rules::default());
    gate.pass(&batch(3, amount(10), f64::NAN)).unwrap();
    let findings = gate.findings(model.contract.as_ref().unwrap());
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(finding.check, "number(share)");
    assert_eq!((finding.bad_row_count, finding.severity), (1, Severity::Warn));
}

#[tokio::test]
async fn a_column_may_refer_to_another_of_its_own_table() {
    let model = model(
        "
description: d
grain: [id]
columns:
  - {name: id, type: string, meaning: m}
  - {name: parent_id, type: string, meaning: m, references: marts.t.id}
",
    );
    let folder = tempfile::tempdir().unwrap();
    let yaml = folder.path().join("rapport.yaml");
    std::fs::write(&yaml, "landing: .\nwarehouse: out\nsources: [.]\nmodels: [.]\n").unwrap();
    let settings = Settings::read(&yaml).unwrap();
    let engine = Engine::with(1, 64 << 20, folder.path()).unwrap();
    for (parent, bad_row_count) in [(Some("a"), 0), (None, 0), (Some("c"), 1)] {
        let ids = StringArray::from(vec!["a", "b"]);
        let parents = StringArray::from(vec![None, parent]);
        let batch =
            RecordBatch::try_new(Arc::clone(&model.schema), vec![Arc::new(ids), Arc::new(parents)]);
        let this = MemTable::try_new(Arc::clone(&model.schema), vec![vec![batch.unwrap()]]);
        let day = "2024-03-04".parse().unwrap();
        let this = Arc::new(this.unwrap());
        let session = session(&engine, Layout::OnePart, this, vec![]).unwrap();
        let contract = model.contract.as_ref().unwrap();
        let findings = ask(&session, &settings, &model, contract, day, 2).await.unwrap();
        let found = findings.iter().map(|finding| finding.bad_row_count).sum::<u64>();
        assert_eq!(found, bad_row_count, "{parent:?}");
    }
}
