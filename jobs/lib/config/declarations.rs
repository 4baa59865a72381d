//! What a business decides for itself, as files that people edit: rows of tables and parameters.
//! Which tables there are, and what their rows may say, their contracts know.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::config::parameters::{self, Parameter};
use crate::config::yaml::{self, Spanned};
use crate::errors::Result;

/// A row as written: its cells by column. A cell may be null.
pub type Row = Spanned<BTreeMap<String, Spanned<Option<Parameter>>>>;

/// One file of declarations.
#[derive(Debug, Clone)]
pub struct Declarations {
    /// The file, as people name it.
    pub file: String,
    /// The declared rows, by the table's name without its zone.
    pub tables: BTreeMap<String, Spanned<Vec<Row>>>,
    /// Parameters; those of the settings come before them.
    pub(super) parameters: Option<parameters::Written>,
}

/// The YAML as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    parameters: Option<parameters::Written>,
    #[serde(default)]
    tables: BTreeMap<String, Spanned<Vec<Row>>>,
}

impl Declarations {
    /// Reads the declarations at `path`.
    ///
    /// Errors: [`Kind::Usage`](crate::errors::Kind::Usage) with the place of the mistake.
    pub fn read(path: &Path) -> Result<Declarations> {
        Ok(Declarations::of(path.display().to_string(), yaml::read(path)?))
    }

    /// Reads the declarations in `text`; `name` says in errors where it came from.
    pub fn parse(name: &str, text: &str) -> Result<Declarations> {
        Ok(Declarations::of(name.to_string(), yaml::parse(name, text)?))
    }

    fn of(file: String, written: Written) -> Declarations {
        Declarations { file, tables: written.tables, parameters: written.parameters }
    }
}
