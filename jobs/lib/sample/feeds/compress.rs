//! Compression of whole files.

use std::io::Write as _;

use clap::ValueEnum;
use serde::Serialize;

use super::Format;
use crate::errors::{Context as _, Kind, Result};

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all, or within (Parquet).
    None,
    /// gzip: `.gz`.
    Gzip,
    /// Zstandard: `.zst`.
    Zstd,
}

/// In which compressions the exports come; their content is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum FormatMix {
    /// As each system delivers: plain, gzip and zstd
    System,
    /// No text compressed: to look at with any tool
    Plain,
    /// All text compressed, CSV as gzip and JSON as zstd: small
    Compressed,
}

impl FormatMix {
    /// The compression of a feed that is written in `format` and that its system compresses with
    /// `own`.
    pub fn compression(self, format: Format, own: Compression) -> Compression {
        match (self, format) {
            (_, Format::Parquet) => Compression::None,
            (FormatMix::System, _) => own,
            (FormatMix::Plain, _) => Compression::None,
            (FormatMix::Compressed, Format::Csv(_)) => Compression::Gzip,
            (FormatMix::Compressed, Format::Ndjson | Format::Json) => Compression::Zstd,
        }
    }
}

impl Compression {
    /// What it adds to a file's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }

    /// The compressed content: the same bytes for the same content.
    pub fn compress(self, content: Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Compression::None => Ok(content),
            Compression::Gzip => {
                // Its header holds no time, so equal contents make equal files.
                let out = Vec::with_capacity(content.len() / 4 + 64);
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
                encoder
                    .write_all(&content)
                    .and_then(|()| encoder.finish())
                    .context(Kind::Defect, || "compress an export with gzip")
            }
            Compression::Zstd => zstd::bulk::compress(&content, 1)
                .context(Kind::Defect, || "compress an export with zstd"),
        }
    }
}
