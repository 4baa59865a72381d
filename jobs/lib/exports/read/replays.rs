//! Tells which files were delivered before: by what they hold, whatever it is compressed with.
//!
//! A file's first bytes tell it from most others, and they are read anyway. Only where they are
//! those of another file, all of it is read ahead.

use std::collections::HashMap;

use super::{EarlierFile, Input};
use crate::errors::{Error, Kind, Result};
use crate::exports::location::ExportFile;
use crate::exports::open::{self, OpenedFile};
use crate::hash::{ContentHash, PlainHashes};

/// Opens `file`. Must be called from a thread that may block, never from the runtime's own.
pub(super) fn open_file(input: &Input, file: &ExportFile) -> Result<OpenedFile> {
    OpenedFile::open(input.source(), &input.store, file, &input.runtime)
}

/// The hash of a file's bytes, and those of what it holds.
pub(super) type Hashes = (ContentHash, PlainHashes);

/// What a file holds that is open.
pub(super) struct Content<'a> {
    input: &'a Input,
    file: &'a ExportFile,
    opening: ContentHash,
    /// Once all of it was read; none within where it cannot be.
    whole: Option<Option<Hashes>>,
}

impl<'a> Content<'a> {
    pub fn new(input: &'a Input, file: &'a ExportFile, opened: &OpenedFile) -> Self {
        Content { input, file, opening: opened.opening, whole: None }
    }

    /// The hashes of the file where it holds the same as one that has `other`.
    pub fn if_same_as(&mut self, other: PlainHashes) -> Result<Option<Hashes>> {
        if other.opening != self.opening || self.file.byte_count == 0 {
            return Ok(None);
        }
        let whole = match self.whole {
            Some(whole) => whole,
            None => *self.whole.insert(whole(self.input, self.file)?),
        };
        Ok(whole.filter(|(_, own)| *own == other))
    }
}

/// A file of an earlier day that holds the same as one of today.
pub(super) struct Found {
    /// Its name.
    pub name: String,
    /// Rows in it, where that is known.
    pub row_count: Option<u64>,
    /// The hashes of today's file.
    pub hashes: Hashes,
}

/// The files of the days before, and how those begin that are not known.
#[derive(Default)]
pub(super) struct Earlier {
    /// By place among them; none within for a file that cannot be read.
    openings: HashMap<usize, Option<ContentHash>>,
}

impl Earlier {
    /// The first of them that holds the same as `own`, and any rows as far as is known: days
    /// without a fact look alike, and a header alone repeats nothing.
    pub fn original(&mut self, own: &mut Content<'_>) -> Result<Option<Found>> {
        let input = own.input;
        for (index, EarlierFile { file, plain, row_count }) in
            input.options.earlier.iter().enumerate()
        {
            if file.location == own.file.location || *row_count == Some(0) {
                continue;
            }
            let plain = match plain {
                Some(plain) => Some(*plain),
                None if self.opening(input, index, file)? == Some(own.opening) => {
                    whole(input, file)?.map(|(_, plain)| plain)
                }
                None => None,
            };
            let Some(plain) = plain else { continue };
            if let Some(hashes) = own.if_same_as(plain)? {
                let (name, row_count) = (file.name.clone(), *row_count);
                return Ok(Some(Found { name, row_count, hashes }));
            }
        }
        Ok(None)
    }

    fn opening(
        &mut self,
        input: &Input,
        index: usize,
        file: &ExportFile,
    ) -> Result<Option<ContentHash>> {
        if let Some(opening) = self.openings.get(&index) {
            return Ok(*opening);
        }
        let opening = unless_broken(open_file(input, file).map(|opened| opened.opening))?;
        self.openings.insert(index, opening);
        Ok(opening)
    }
}

/// The hashes of all of `file`; none where it cannot be read to its end.
fn whole(input: &Input, file: &ExportFile) -> Result<Option<Hashes>> {
    let read = || {
        let OpenedFile { mut content, meter, opening } = open_file(input, file)?;
        open::drain(&mut content)
            .map_err(|error| open::read_error(input.source(), &file.name, &meter, error))?;
        Ok((meter.content_hash(), meter.plain_hashes(opening)))
    };
    unless_broken(read())
}

/// None in place of a broken file: if it is today's, that is told when it is read; if it is another
/// day's, it is that day's trouble.
fn unless_broken<T>(result: Result<T, Error>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == Kind::ExportBroken => Ok(None),
        Err(error) => Err(error),
    }
}
