//! Tables and exports as OpenLineage's datasets: how they are named, and what is told of them
//! whatever a run does.
//!
//! Source of the names: OpenLineage's naming conventions, <https://openlineage.io/docs/spec/naming>.

use serde_json::{Map, Value, json};

use super::facets::facet;
use crate::config::{Location, Settings};
use crate::dates::Day;
use crate::engine::partitions::PARTITION_COLUMN;
use crate::exports::Source;
use crate::lake::TableName;
use crate::models::contract::type_name;
use crate::models::lineage::{Influence, Lineage, Sources};
use crate::models::{Model, Recipe};

/// Where tables and exports lie.
#[derive(Debug)]
pub(super) struct Places {
    warehouse: Place,
    landing: Place,
    /// The namespace of the jobs, in which tables go by their names.
    namespace: String,
}

/// A folder of a store: the store's name, and the path in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    namespace: String,
    path: String,
}

impl Places {
    pub(super) fn of(settings: &Settings) -> Places {
        let openlineage = settings.notices.openlineage.as_ref();
        let account = crate::config::variables()
            .find_map(|(name, value)| (name == "AZURE_STORAGE_ACCOUNT_NAME").then_some(value));
        Places {
            warehouse: Place::of(&settings.warehouse, account.as_deref()),
            landing: Place::of(&settings.landing, account.as_deref()),
            namespace: openlineage.map(|asked| asked.namespace.clone()).unwrap_or_default(),
        }
    }

    /// The table's name, as a dataset has it: `namespace` and `name`.
    pub(super) fn table(&self, table: &TableName) -> Map<String, Value> {
        self.warehouse.named(&format!("{}/{}", table.zone, table.table))
    }

    /// The table as a dataset, with what is known of it before it is read or built.
    pub(super) fn dataset(&self, model: &Model) -> Map<String, Value> {
        let mut dataset = self.table(&model.name);
        let symlinks = json!({ "identifiers": [{
            "namespace": self.namespace,
            "name": model.name.to_string(),
            "type": "TABLE",
        }] });
        let mut facets = json!({
            "schema": schema(model),
            "symlinks": facet("SymlinksDatasetFacet", "1-0-1", symlinks),
        });
        if let Some(description) = description(model) {
            facets["documentation"] = documentation("DocumentationDatasetFacet", description);
        }
        dataset.insert("facets".to_string(), facets);
        dataset
    }

    /// The exports of a source as a dataset: it goes by the template of their names.
    pub(super) fn exports(&self, source: &Source) -> Map<String, Value> {
        let mut dataset = self.landing.named(source.location.template());
        let fields = source
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| json!({ "name": column.name, "ordinal_position": at + 1 }));
        let fields: Vec<Value> = fields.collect();
        let facets = json!({
            "schema": facet("SchemaDatasetFacet", "1-2-0", json!({ "fields": fields })),
            "documentation": documentation("DocumentationDatasetFacet", &source.description),
        });
        dataset.insert("facets".to_string(), facets);
        dataset
    }

    /// The place of an export file, as one names it to a tool.
    pub(super) fn export_file(&self, file: &str) -> String {
        let Place { namespace, path } = &self.landing;
        match namespace == FILE {
            true => format!("file://{}/{file}", path.trim_end_matches('/')),
            false => format!("{namespace}/{}", joined(path, file)),
        }
    }

    /// The facet of what the columns of a table are made of.
    pub(super) fn column_lineage(&self, model: &Model, lineage: &Lineage) -> Value {
        let columns = lineage
            .columns
            .iter()
            .filter(|(name, sources)| !sources.is_empty() && model.schema.index_of(name).is_ok());
        let fields: Map<String, Value> = columns
            .map(|(name, sources)| (name.clone(), json!({ "inputFields": self.inputs(sources) })))
            .collect();
        let told = json!({ "fields": fields, "dataset": self.inputs(&lineage.rows) });
        facet("ColumnLineageDatasetFacet", "1-2-0", told)
    }

    fn inputs(&self, sources: &Sources) -> Vec<Value> {
        let inputs = sources.iter().map(|(source, influences)| {
            let mut input = self.table(&source.table);
            input.insert("field".to_string(), source.column.clone().into());
            let how: Vec<Value> = influences.iter().copied().map(transformation).collect();
            input.insert("transformations".to_string(), how.into());
            Value::Object(input)
        });
        inputs.collect()
    }
}

const FILE: &str = "file";

impl Place {
    /// `account`: that of Azure's storage, where the URL does not say it.
    fn of(location: &Location, account: Option<&str>) -> Place {
        let url = match location {
            Location::Folder(path) => {
                let path = path.display().to_string();
                return Place { namespace: FILE.to_string(), path };
            }
            Location::Url(url) => url,
        };
        let (scheme, host) = (url.scheme(), url.host_str().unwrap_or_default());
        let path = url.path().trim_matches('/').to_string();
        let namespace = match scheme {
            "s3" | "s3a" => format!("s3://{host}"),
            "gs" => format!("gs://{host}"),
            "az" | "azure" | "abfs" | "abfss" | "adl" if url.username().is_empty() => match account
            {
                Some(account) => format!("abfss://{host}@{account}.dfs.core.windows.net"),
                None => format!("abfss://{host}"),
            },
            "az" | "azure" | "abfs" | "abfss" | "adl" => {
                format!("abfss://{}@{host}", url.username())
            }
            "http" | "https" => match url.port() {
                Some(port) => format!("{scheme}://{host}:{port}"),
                None => format!("{scheme}://{host}"),
            },
            scheme => scheme.to_string(),
        };
        Place { namespace, path }
    }

    fn named(&self, relative: &str) -> Map<String, Value> {
        let name = joined(&self.path, relative);
        let named = [("namespace", self.namespace.clone()), ("name", name)];
        named.into_iter().map(|(key, value)| (key.to_string(), value.into())).collect()
    }
}

fn joined(path: &str, relative: &str) -> String {
    match path.is_empty() {
        true => relative.to_string(),
        false => format!("{}/{relative}", path.trim_end_matches('/')),
    }
}

fn schema(model: &Model) -> Value {
    let meaning = |name: &str| match (&model.contract, &model.recipe) {
        (Some(contract), _) => contract.column(name).map(|column| column.meaning.clone()),
        (None, _) => None,
    };
    let fields =
        model.schema.fields().iter().map(|field| {
            (field.name().clone(), type_name(field.data_type()), meaning(field.name()))
        });
    let day =
        (PARTITION_COLUMN.to_string(), "date".to_string(), Some("The partition.".to_string()));
    let fields = fields.chain([day]).enumerate().map(|(at, (name, type_name, meaning))| {
        let mut field = json!({ "name": name, "type": type_name, "ordinal_position": at + 1 });
        if let Some(meaning) = meaning {
            field["description"] = meaning.into();
        }
        field
    });
    let fields: Vec<Value> = fields.collect();
    facet("SchemaDatasetFacet", "1-2-0", json!({ "fields": fields }))
}

/// What one row of the table is.
pub(super) fn description(model: &Model) -> Option<&str> {
    match (&model.contract, &model.recipe) {
        (Some(contract), _) => Some(&contract.description.value),
        (None, Recipe::Export(source)) => Some(&source.description),
        (None, _) => None,
    }
}

pub(super) fn documentation(facet_name: &str, description: &str) -> Value {
    facet(facet_name, "1-1-0", json!({ "description": description.trim() }))
}

/// The facet of an input or output that says which days of the table are meant.
pub(super) fn days(facet_name: &str, key: &str, days: &[Day]) -> Value {
    let partitions: Vec<Value> = days
        .iter()
        .map(|day| json!({ "dimensions": { (PARTITION_COLUMN): day.to_string() } }))
        .collect();
    facet(facet_name, "1-0-0", json!({ (key): { "type": "partition", "partitions": partitions } }))
}

fn transformation(influence: Influence) -> Value {
    let subtype = match influence {
        Influence::Identity => "IDENTITY",
        Influence::Transformation => "TRANSFORMATION",
        Influence::Aggregation => "AGGREGATION",
        Influence::Join => "JOIN",
        Influence::GroupBy => "GROUP_BY",
        Influence::Filter => "FILTER",
        Influence::Sort => "SORT",
        Influence::Window => "WINDOW",
        Influence::Conditional => "CONDITIONAL",
    };
    let kind = if influence.is_direct() { "DIRECT" } else { "INDIRECT" };
    json!({ "type": kind, "subtype": subtype })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the specification's page on naming.
    #[test]
    fn places_are_named_as_other_tools_name_them() {
        let place = |text: &str, account: Option<&str>| {
            let Place { namespace, path } = Place::of(&Location::parse(text).unwrap(), account);
            format!("{namespace} {path}")
        };
        assert_eq!(place("s3://bucket/some/folder/", None), "s3://bucket some/folder");
        assert_eq!(place("s3a://bucket", None), "s3://bucket ");
        assert_eq!(place("gcs://bucket/x", None), "gs://bucket x");
        let azure = "abfss://box@acme.dfs.core.windows.net x";
        assert_eq!(place("abfss://box@acme.dfs.core.windows.net/x", None), azure);
        assert_eq!(place("az://box/x", Some("acme")), azure);
        assert_eq!(place("/srv/warehouse", None), "file /srv/warehouse");
        assert_eq!(place("http://host:8080/x", None), "http://host:8080 x");
    }
}
