//! The columns that `unknown_columns: widen` adds: known from all headers before the first row.

use std::sync::Arc;

use object_store::ObjectStore;
use tokio::runtime::Handle;

use super::preamble::open_text;
use crate::errors::Result;
use crate::exports::header::{Layout, table_name};
use crate::exports::location::ExportFile;
use crate::exports::open::{self, OpenedFile};
use crate::exports::parquet_file;
use crate::exports::source::{EXTRA_COLUMNS, Format, SOURCE_FILE, SOURCE_ROW, Source};

/// The columns that the headers of `files` add to the declared ones, in order of appearance.
pub(super) fn widened(
    store: &Arc<dyn ObjectStore>,
    source: &Source,
    files: &[ExportFile],
    runtime: &Handle,
) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for file in files {
        let mut opened = OpenedFile::open(source, store, file, runtime)?;
        let layout = if source.format == Format::Parquet {
            let spooled = parquet_file::spool(&mut opened.content)
                .map_err(|error| open::read_error(source, &file.name, &opened.meter, error))?;
            let broken = |what: String| source.broken(&file.name, what);
            let (unfolding, _) = parquet_file::open(source, spooled).map_err(broken)?;
            Layout::matched(source, &file.name, unfolding.names(), &[])?
        } else {
            open_text(source, &file.name, opened, &[])?.file.layout
        };
        let mut extras = layout.extras;
        extras.sort_by_key(|(_, place)| *place);
        let mut own = Vec::new();
        for (extra, _) in extras {
            let name = table_name(&extra);
            let is_taken = source.columns.iter().any(|column| column.name == name)
                || [SOURCE_FILE, SOURCE_ROW, EXTRA_COLUMNS, "dt"].contains(&name.as_str())
                || own.contains(&name);
            if is_taken {
                let what = format!("its undeclared columns come to the name `{name}` twice");
                return Err(source.broken(&file.name, what));
            }
            if !names.contains(&name) {
                names.push(name.clone());
            }
            own.push(name);
        }
    }
    Ok(names)
}
