//! Tables whose rows the business writes itself, in the files that the settings name as
//! `declarations`: each row held against the table's contract, and made into a query.

use std::collections::BTreeSet;

use arrow::datatypes::DataType;

use crate::config::Parameter;
use crate::config::declarations::{Declarations, Row};
use crate::config::yaml::{self, Spanned};
use crate::errors::{Error, did_you_mean};
use crate::models::contract::{Column, Contract, Value, number_line};
use crate::models::generated::{arrow_name, null_of, quoted};

/// The rows of a declared table, with the file that they stand in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub file: &'a str,
    pub rows: &'a Spanned<Vec<Row>>,
}

/// The rows that the first file declares for the table; none where no file does.
pub(super) fn rows_of<'a>(files: &'a [Declarations], table: &str) -> Option<Rows<'a>> {
    files.iter().find_map(|file| Some(Rows { file: &file.file, rows: file.tables.get(table)? }))
}

/// The query of a table of declared rows, or every mistake in them. `words` gives the words that
/// a column of another declared table has, for columns that refer to it.
pub(super) fn query(
    contract: &Contract,
    declared: Rows,
    words: impl Fn(&Column) -> Option<Vec<String>>,
) -> Result<String, Vec<Error>> {
    let mut mistakes = vec![];
    let mut grains = BTreeSet::new();
    let mut lines = vec![];
    let known = |row: &Row| -> Vec<Error> {
        let columns = || contract.columns.iter().map(|column| column.name.value.as_str());
        let unknown = row.value.iter().filter(|(name, _)| contract.column(name).is_none());
        let told = unknown.map(|(name, cell)| {
            let hint = did_you_mean(name, columns());
            let what = format!(
                "there is no column `{name}`{hint} (expected one of: {})",
                columns().collect::<Vec<_>>().join(", ")
            );
            yaml::mistake(declared.file, cell, what)
        });
        told.collect()
    };
    for row in &declared.rows.value {
        mistakes.extend(known(row));
        let mut cells = vec![];
        for column in &contract.columns {
            match cell(column, row, &words) {
                Ok(text) => cells.push(text),
                Err((Some(place), what)) => {
                    mistakes.push(yaml::mistake(declared.file, place, what));
                }
                Err((None, what)) => mistakes.push(yaml::mistake(declared.file, row, what)),
            }
        }
        let names = &contract.grain.value;
        let grain: Vec<String> = names
            .iter()
            .map(|name| match row.value.get(name).and_then(|cell| cell.value.as_ref()) {
                Some(value) => value.to_string(),
                None => String::new(),
            })
            .collect();
        if !grains.insert(grain.clone()) {
            let what = format!(
                "`{}` stands twice, and {} tells rows apart",
                grain.join(", "),
                names.join(", ")
            );
            mistakes.push(yaml::mistake(declared.file, row, what));
        }
        lines.push(format!("({})", cells.join(", ")));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let columns: Vec<String> =
        contract.columns.iter().map(|column| quoted(&column.name.value)).collect();
    let grain: Vec<String> = contract.grain.value.iter().map(|column| quoted(column)).collect();
    Ok(match lines.is_empty() {
        true => {
            let nothing = contract.columns.iter().map(|column| {
                let data_type = column.arrow_type().unwrap_or(DataType::Null);
                format!("{} as {}", null_of(&data_type), quoted(&column.name.value))
            });
            format!(
                "select * from (select {}) as nothing where false order by {}",
                nothing.collect::<Vec<_>>().join(", "),
                grain.join(", ")
            )
        }
        false => format!(
            "select * from (values {}) as declared ({}) order by {}",
            lines.join(", "),
            columns.join(", "),
            grain.join(", ")
        ),
    })
}

/// The place and the words of a mistake; no place for that of the row.
type Wrong<'a> = (Option<&'a Spanned<Option<Parameter>>>, String);

/// A cell as SQL.
fn cell<'a>(
    column: &Column,
    row: &'a Row,
    words: impl Fn(&Column) -> Option<Vec<String>>,
) -> Result<String, Wrong<'a>> {
    let name = &column.name.value;
    let data_type = column.arrow_type().map_err(|what| (None, what))?;
    let written = row.value.get(name);
    let Some((place, value)) = written.and_then(|cell| Some((cell, cell.value.as_ref()?))) else {
        return match column.required {
            true => Err((written, format!("`{name}` is missing, and every row needs one"))),
            false => Ok(null_of(&data_type)),
        };
    };
    let wrong = |what: String| (Some(place), what);
    let value = match value {
        Parameter::Boolean(value) => Value::Boolean(*value),
        Parameter::Integer(value) => Value::Integer(*value),
        Parameter::Double(value) => Value::Number(*value),
        Parameter::Text(value) => Value::Text(value.clone()),
    };
    let text = match &value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::Text(value) => value.clone(),
    };
    let Some(number) = number_line(&value, &data_type) else {
        let quotes = if data_type == DataType::Utf8 { ": write it in quotes" } else { "" };
        let kind = &column.data_type.value;
        return Err(wrong(format!("`{text}` is no {kind}, as `{name}` is{quotes}")));
    };
    let among = |known: Vec<String>| {
        let hint = did_you_mean(&text, known.iter().map(String::as_str));
        let known = known.join(", ");
        wrong(format!("unknown `{name}` `{text}`{hint} (expected one of: {known})"))
    };
    if let Some(accepted) = &column.accepted
        && !accepted.contains(&value)
    {
        let accepted = accepted.iter().map(|value| match value {
            Value::Text(word) => word.clone(),
            Value::Boolean(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
        });
        return Err(among(accepted.collect()));
    }
    if let Some(known) = words(column)
        && !known.contains(&text)
    {
        return Err(among(known));
    }
    if let Some(range) = &column.range {
        let limit = |limit: &Option<Value>| number_line(limit.as_ref()?, &data_type);
        let least = limit(&range.min).filter(|least| number < *least);
        let most = limit(&range.max).filter(|most| number > *most);
        if let Some(least) = least {
            return Err(wrong(format!("`{name}` is {text}, expected {least} or more")));
        }
        if let Some(most) = most {
            return Err(wrong(format!("`{name}` is {text}, expected {most} or less")));
        }
    }
    Ok(format!("arrow_cast('{}', '{}')", text.replace('\'', "''"), arrow_name(&data_type)))
}

/// The words that the rows have in a column, for those that refer to it.
pub(super) fn words_of(declared: Rows, column: &str) -> Vec<String> {
    let cells = declared.rows.value.iter().filter_map(|row| row.value.get(column));
    cells.filter_map(|cell| Some(cell.value.as_ref()?.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "
description: One row per target.
grain: [stage, touchpoint]
columns:
  - {name: stage, type: string, meaning: m, required: true, references: marts.stages.stage}
  - {name: touchpoint, type: string, meaning: m, required: true}
  - {name: kind, type: string, meaning: m, accepted: [direct, indirect]}
  - {name: rating, type: \"decimal(9,6)\", meaning: m, range: {min: 0, max: 1}}
  - {name: days, type: integer, meaning: m, range: {min: 1}}
  - {name: is_new, type: boolean, meaning: m}
  - {name: since, type: date, meaning: m}
";

    /// The query for rows of targets, beside stages of two words; or the mistakes.
    fn targets(rows: &str) -> Result<String, String> {
        let text = format!(
            "tables:\n  stages: [{{stage: purchase}}, {{stage: retention}}]\n  targets:\n{rows}"
        );
        let files = [Declarations::parse("j.yaml", &text).map_err(|mistake| mistake.chain())?];
        let contract: Contract = yaml::parse("targets.yml", TARGETS).unwrap();
        let words = |column: &Column| {
            let (table, column) = column.reference()?;
            Some(words_of(rows_of(&files, &table.table)?, &column))
        };
        query(&contract, rows_of(&files, "targets").unwrap(), words)
            .map_err(|mistakes| mistakes.iter().map(Error::chain).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn rows_become_a_query_of_their_types() {
        let text = targets(
            "    - {stage: purchase, touchpoint: it's, rating: 0.85, days: 3, is_new: true,\n       \
             since: 2024-02-29}\n    - {stage: retention, touchpoint: x, rating: 1, days: null}\n",
        )
        .unwrap();
        assert_eq!(
            text,
            "select * from (values (arrow_cast('purchase', 'Utf8'), arrow_cast('it''s', 'Utf8'), \
             arrow_cast(null, 'Utf8'), arrow_cast('0.85', 'Decimal128(9, 6)'), \
             arrow_cast('3', 'Int64'), arrow_cast('true', 'Boolean'), \
             arrow_cast('2024-02-29', 'Date32')), (arrow_cast('retention', 'Utf8'), \
             arrow_cast('x', 'Utf8'), arrow_cast(null, 'Utf8'), \
             arrow_cast('1', 'Decimal128(9, 6)'), arrow_cast(null, 'Int64'), \
             arrow_cast(null, 'Boolean'), arrow_cast(null, 'Date32'))) as declared (\"stage\", \
             \"touchpoint\", \"kind\", \"rating\", \"days\", \"is_new\", \"since\") \
             order by \"stage\", \"touchpoint\""
        );
        assert!(crate::engine::sql::Query::parse("j.yaml", &text).is_ok());
        assert!(targets("    []\n").unwrap().contains(" as nothing where false order by "));
    }

    #[test]
    fn mistakes_name_the_place_and_the_nearest_word() {
        let row = |rest: &str| format!("    - {{stage: purchase, touchpoint: x, {rest}}}\n");
        let cases = [
            (
                "    - {stage: purchse, touchpoint: x}\n".to_string(),
                "j.yaml:4:15: unknown `stage` `purchse`, did you mean `purchase`? (expected one of: \
              purchase, retention)",
            ),
            (
                "    - {stage: purchase}\n".to_string(),
                "j.yaml:4:7: `touchpoint` is missing, and every row needs one",
            ),
            (row("kind: dirct"), "j.yaml:4:46: unknown `kind` `dirct`, did you mean `direct`?"),
            (row("ratng: 0.5"), "j.yaml:4:47: there is no column `ratng`, did you mean `rating`?"),
            (row("rating: 85"), "j.yaml:4:48: `rating` is 85, expected 1 or less"),
            (row("rating: good"), "j.yaml:4:48: `good` is no decimal(9,6), as `rating` is"),
            (row("days: 0"), "j.yaml:4:46: `days` is 0, expected 1 or more"),
            (row("days: 1.5"), "`1.5` is no integer"),
            (row("is_new: 1"), "`1` is no boolean"),
            (row("since: 2023-02-29"), "`2023-02-29` is no date"),
            (row("kind: true"), "`true` is no string, as `kind` is: write it in quotes"),
            (
                row("days: 1") + &row("days: 2"),
                "j.yaml:5:7: `purchase, x` stands twice, and stage, touchpoint tells rows apart",
            ),
        ];
        for (rows, expected) in cases {
            let told = targets(&rows).unwrap_err();
            assert!(told.contains(expected), "{rows}{told}");
        }
        // All of a file's are told at once.
        assert_eq!(targets(&(row("days: 0") + &row("kind: x"))).unwrap_err().lines().count(), 3);
    }
}
