//! Which tables an operator means by `--select`: by table, zone, source, tag or glob, with what
//! they read (`+customers`) and what reads them (`nps+`).
//!
//! Knows the catalogue only, nothing of days or of what is stale.

use std::collections::{BTreeMap, BTreeSet};

use glob::Pattern;

use crate::errors::{Error, Kind, Result, did_you_mean};
use crate::lake::TableName;
use crate::models::{Catalogue, Model, QUARANTINE, RAW, ZONES};

/// The tables that `selectors` select; all of them where there are no selectors. The quarantine of
/// a source is selected with its raw table, and is not named.
///
/// A selector is one or several terms: tables that any of those between blanks selects, and all of
/// those between commas. A term is `zone.table`, a table's name in any zone, a zone, either with
/// wildcards, `zone:…`, `source:…` (its raw table) or `tag:…`; `+` before it adds everything that it
/// is made of, `+` after it everything that is made of it.
///
/// Errors: [`Kind::Usage`] for a name that nothing has, with the nearest one that something has,
/// and for a selector that selects nothing.
pub fn select(catalogue: &Catalogue, selectors: &[String]) -> Result<BTreeSet<TableName>> {
    let all: BTreeSet<TableName> = catalogue
        .models()
        .map(|model| model.name.clone())
        .filter(|name| name.zone != QUARANTINE)
        .collect();
    if selectors.is_empty() {
        return Ok(all);
    }
    let tables = Tables { catalogue, all: &all };
    let mut selected = BTreeSet::new();
    for selector in selectors {
        let unions: Vec<&str> = selector.split_whitespace().collect();
        if unions.is_empty() {
            return Err(mistake(selector, "it is empty"));
        }
        for union in unions {
            let mut common: Option<BTreeSet<TableName>> = None;
            for term in union.split(',') {
                let one = tables.term(term)?;
                common = Some(match common {
                    None => one,
                    Some(others) => &others & &one,
                });
            }
            let common = common.unwrap_or_default();
            if common.is_empty() {
                return Err(mistake(union, "no table is selected by all of it"));
            }
            selected.extend(common);
        }
    }
    Ok(selected)
}

struct Tables<'a> {
    catalogue: &'a Catalogue,
    all: &'a BTreeSet<TableName>,
}

impl Tables<'_> {
    fn term(&self, term: &str) -> Result<BTreeSet<TableName>> {
        let (with_inputs, rest) = match term.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => (false, term),
        };
        let (with_readers, name) = match rest.strip_suffix('+') {
            Some(name) => (true, name),
            None => (false, rest),
        };
        if name.is_empty() {
            return Err(mistake(term, "it names no table"));
        }
        let named = self.named(name)?;
        let mut selected = named.clone();
        if with_inputs {
            selected.extend(self.reachable(&named, &self.inputs()));
        }
        if with_readers {
            selected.extend(self.reachable(&named, &self.readers()));
        }
        Ok(selected)
    }

    /// The tables that a term names, without the `+` of either side.
    fn named(&self, name: &str) -> Result<BTreeSet<TableName>> {
        let found = match name.split_once(':') {
            Some(("zone", zone)) => {
                let found = self.of_zone(zone);
                if found.is_empty() {
                    let zones = self.zones();
                    let hint = did_you_mean(zone, zones.iter().copied());
                    return Err(mistake(name, format!("there is no zone `{zone}`{hint}")));
                }
                found
            }
            Some(("source", source)) => {
                if !self.catalogue.sources().contains_key(source) {
                    let sources = self.catalogue.sources().keys().map(String::as_str);
                    let hint = did_you_mean(source, sources);
                    return Err(mistake(name, format!("there is no source `{source}`{hint}")));
                }
                BTreeSet::from([TableName::new(RAW, source)])
            }
            Some(("tag", tag)) => {
                let found = self.filtered(|model| model.tags().iter().any(|own| own == tag));
                if found.is_empty() {
                    let tags: BTreeSet<&str> = self
                        .catalogue
                        .models()
                        .flat_map(|model| model.tags().iter().map(String::as_str))
                        .collect();
                    let hint = did_you_mean(tag, tags);
                    return Err(mistake(name, format!("no table has the tag `{tag}`{hint}")));
                }
                found
            }
            Some((kind, _)) => {
                let kinds = ["zone", "source", "tag"];
                let hint = did_you_mean(kind, kinds);
                let expected = "expected `zone:`, `source:` or `tag:`";
                return Err(mistake(name, format!("unknown `{kind}:`{hint} ({expected})")));
            }
            None if name.contains(['*', '?', '[']) => {
                let found = self.matching(name)?;
                if found.is_empty() {
                    return Err(mistake(name, "no table's name is like it"));
                }
                found
            }
            None => {
                let found = self.called(name);
                if found.is_empty() {
                    return Err(mistake(
                        name,
                        format!("there is no such table{}", self.hint(name)),
                    ));
                }
                found
            }
        };
        Ok(found)
    }

    /// The tables of a full name, of a name in any zone, or of a zone.
    fn called(&self, name: &str) -> BTreeSet<TableName> {
        if let Some((zone, table)) = name.split_once('.') {
            let zone = if zone == QUARANTINE { RAW } else { zone };
            let name = TableName::new(zone, table);
            return self.all.get(&name).cloned().into_iter().collect();
        }
        let named = self.filtered(|model| model.name.table == name);
        if named.is_empty() { self.of_zone(name) } else { named }
    }

    fn of_zone(&self, zone: &str) -> BTreeSet<TableName> {
        let zone = if zone == QUARANTINE { RAW } else { zone };
        self.filtered(|model| model.name.zone == zone)
    }

    /// The tables whose name is like `pattern`: the full name where the pattern has a dot.
    fn matching(&self, pattern: &str) -> Result<BTreeSet<TableName>> {
        let compiled = Pattern::new(pattern)
            .map_err(|error| mistake(pattern, format!("bad wildcard: {}", error.msg)))?;
        Ok(self.filtered(|model| match pattern.contains('.') {
            true => compiled.matches(&model.name.to_string()),
            false => compiled.matches(&model.name.table),
        }))
    }

    fn filtered(&self, keeps: impl Fn(&Model) -> bool) -> BTreeSet<TableName> {
        let models = self.catalogue.models().filter(|model| self.all.contains(&model.name));
        models.filter(|model| keeps(model)).map(|model| model.name.clone()).collect()
    }

    fn zones(&self) -> Vec<&str> {
        ZONES.into_iter().filter(|zone| self.all.iter().any(|name| name.zone == *zone)).collect()
    }

    fn hint(&self, name: &str) -> String {
        if let Some((zone, table)) = name.split_once('.') {
            return self.catalogue.hint(&TableName::new(zone, table));
        }
        let own = self.all.iter().map(|name| name.table.as_str());
        did_you_mean(name, own.chain(self.zones()))
    }

    fn inputs(&self) -> BTreeMap<TableName, BTreeSet<TableName>> {
        let models = self.catalogue.models().filter(|model| self.all.contains(&model.name));
        models.map(|model| (model.name.clone(), self.inputs_of(model))).collect()
    }

    fn readers(&self) -> BTreeMap<TableName, BTreeSet<TableName>> {
        let mut readers: BTreeMap<TableName, BTreeSet<TableName>> = BTreeMap::new();
        for (name, inputs) in self.inputs() {
            for input in inputs {
                readers.entry(input).or_default().insert(name.clone());
            }
        }
        readers
    }

    fn inputs_of(&self, model: &Model) -> BTreeSet<TableName> {
        let read = model.dependencies().into_iter().map(|name| match name.zone.as_str() {
            QUARANTINE => TableName::new(RAW, name.table),
            _ => name,
        });
        read.filter(|name| *name != model.name && self.all.contains(name)).collect()
    }

    /// What can be reached from `start` by `edges`.
    fn reachable(
        &self,
        start: &BTreeSet<TableName>,
        edges: &BTreeMap<TableName, BTreeSet<TableName>>,
    ) -> BTreeSet<TableName> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&TableName> = start.iter().collect();
        while let Some(name) = open.pop() {
            for next in edges.get(name).into_iter().flatten() {
                if found.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        found
    }
}

fn mistake(selector: &str, what: impl std::fmt::Display) -> Error {
    Error::new(Kind::Usage, format!("select `{selector}`: {what}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Settings;

    /// The tables that `selectors` select in `tests/projects/small`, where `takings` has a tag.
    fn selected(selectors: &[&str]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new("tests/projects/small");
        for file in [
            "rapport.yaml",
            "sources/sales.yaml",
            "sql/staging/sales.sql",
            "sql/staging/sales.yml",
            "sql/marts/customers.sql",
            "sql/marts/customers.yml",
            "sql/metrics/takings.sql",
            "sql/metrics/takings.yml",
        ] {
            let mut text = std::fs::read_to_string(from.join(file)).unwrap();
            match file {
                "sql/metrics/takings.yml" => text.push_str("tags: [nightly, money]\n"),
                "sources/sales.yaml" => text.push_str("tags: [money]\n"),
                _ => {}
            }
            let to = folder.path().join(file);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, text).unwrap();
        }
        let settings = Settings::read(&folder.path().join("rapport.yaml")).unwrap();
        let catalogue = Catalogue::read(&settings).unwrap();
        let selectors: Vec<String> = selectors.iter().map(ToString::to_string).collect();
        match select(&catalogue, &selectors) {
            Ok(tables) => Ok(tables.iter().map(ToString::to_string).collect()),
            Err(error) => Err(error.chain()),
        }
    }

    #[test]
    fn tables_are_selected_by_what_they_are_called_and_by_what_they_read() {
        let all = ["marts.customers", "metrics.takings", "raw.sales", "staging.sales"];
        let cases: [(&[&str], &[&str]); 19] = [
            (&[], &all),
            (&["metrics.takings"], &["metrics.takings"]),
            (&["customers"], &["marts.customers"]),
            // A name in any zone.
            (&["sales"], &["raw.sales", "staging.sales"]),
            (&["quarantine.sales"], &["raw.sales"]),
            (&["source:sales"], &["raw.sales"]),
            (&["marts"], &["marts.customers"]),
            (&["zone:metrics"], &["metrics.takings"]),
            (&["tag:nightly"], &["metrics.takings"]),
            (&["tag:money"], &["metrics.takings", "raw.sales"]),
            (&["*s"], &all),
            (&["ma*.*"], &["marts.customers"]),
            (&["+customers"], &["marts.customers", "raw.sales", "staging.sales"]),
            (&["customers+"], &["marts.customers", "metrics.takings"]),
            (&["+customers+"], &all),
            (&["source:sales+"], &all),
            (&["customers takings"], &["marts.customers", "metrics.takings"]),
            (&["customers", "takings"], &["marts.customers", "metrics.takings"]),
            (&["+takings,zone:marts", "tag:money,raw"], &["marts.customers", "raw.sales"]),
        ];
        for (selectors, expected) in cases {
            let selected = selected(selectors).unwrap();
            assert_eq!(selected, expected, "{selectors:?}");
        }
    }

    #[test]
    fn what_selects_nothing_is_a_mistake_with_the_nearest_name() {
        for (selector, expected) in [
            ("takngs", "select `takngs`: there is no such table, did you mean `takings`?"),
            ("marts.takings", "no such table, did you mean `metrics.takings`?"),
            ("+custommers+", "select `custommers`: there is no such table, did you mean"),
            ("metric", "did you mean `metrics`?"),
            ("zone:stagin", "there is no zone `stagin`, did you mean `staging`?"),
            ("source:sale", "there is no source `sale`, did you mean `sales`?"),
            ("tag:nightl", "no table has the tag `nightl`, did you mean `nightly`?"),
            ("zones:marts", "unknown `zones:`, did you mean `zone`?"),
            ("x*", "no table's name is like it"),
            ("[", "bad wildcard"),
            ("marts,tag:money", "no table is selected by all of it"),
            ("customers,", "it names no table"),
            ("+", "it names no table"),
            ("  ", "it is empty"),
        ] {
            let error = selected(&[selector]).unwrap_err();
            assert!(error.contains(expected), "{selector}: {error}");
        }
        // One that selects something does not make up for one that does not.
        assert!(selected(&["customers", "nobody"]).is_err());
    }
}
