//! Which column of a person table is what: its name says it, its content confirms or vetoes it,
//! and where the name says nothing the content alone may do.
//!
//! It knows no file format and no SQL. What it cannot name it leaves alone: a column that nobody
//! named is never compared, so that a segment, a run number or the answer itself links nobody.

mod content;
mod headers;

use std::collections::BTreeSet;

pub use content::Profile;
pub use headers::Kind;

/// A column, and some of what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampledColumn {
    /// As in the header.
    pub name: String,
    /// Rows of the table.
    pub row_count: u64,
    /// Rows without a value; a blank text is none.
    pub null_count: u64,
    /// Different values.
    pub distinct_count: u64,
    /// Values, not null, as text: a thousand are plenty.
    pub samples: Vec<String>,
}

/// What was made of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecognisedColumn {
    /// As in the header.
    pub name: String,
    /// What it holds; none: it is left alone.
    pub kind: Option<Kind>,
    /// Why.
    pub reason: Reason,
}

/// Why a column was taken for what it was, or for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its name says so, and its content does not contradict.
    Name,
    /// Its name says nothing, its content does.
    Content,
    /// It has no value.
    Empty,
    /// Its name says something that its content is not.
    Contradicted,
    /// An id of rows beside the one that was taken.
    OtherId,
    /// Few of its values differ: it tells no people apart.
    TooFewValues,
    /// Neither its name nor its content says anything.
    Unknown,
}

impl Reason {
    /// For people: why, after the column's name and kind.
    pub fn in_words(self) -> &'static str {
        match self {
            Reason::Name => "its name says so",
            Reason::Content => "its values look so",
            Reason::Empty => "it is empty",
            Reason::Contradicted => "its values are not what its name says",
            Reason::OtherId => "another column is the record's id",
            Reason::TooFewValues => "too few of its values differ to tell people apart",
            Reason::Unknown => "neither its name nor its values say what it is",
        }
    }
}

/// What each column of a table is, in the order of the columns.
///
/// A kind may come several times (two telephone numbers) but for `RecordId`, which comes at most
/// once: the column that is named so or, failing that, an identifier or the first column, and has
/// a different value in every row; failing that too, the first that is named so.
pub fn recognise(columns: &[SampledColumn]) -> Vec<RecognisedColumn> {
    let profiles: Vec<Profile> = columns.iter().map(Profile::of).collect();
    let mut found: Vec<(Option<Kind>, Reason)> =
        columns.iter().zip(&profiles).map(|(column, profile)| by_name(column, profile)).collect();
    by_content(columns, &profiles, &mut found);
    drop_weak_identifiers(&profiles, &mut found);
    choose_record_id(columns, &profiles, &mut found);
    let named = columns.iter().zip(found);
    named
        .map(|(column, (kind, reason))| RecognisedColumn {
            name: column.name.clone(),
            kind,
            reason,
        })
        .collect()
}

/// What its name says, if its content agrees.
fn by_name(column: &SampledColumn, profile: &Profile) -> (Option<Kind>, Reason) {
    if profile.count == 0 {
        return (None, Reason::Empty);
    }
    let kinds = headers::kinds(&column.name);
    match kinds.iter().find(|kind| profile.allows(**kind)) {
        Some(kind) => (Some(*kind), Reason::Name),
        None if kinds.is_empty() => (None, Reason::Unknown),
        None => (None, Reason::Contradicted),
    }
}

/// Columns whose names say nothing, by their content: sure signs first, and of people's names and
/// places only where the name is as good as none (`c3`, `field 7`), because the name `breed` says
/// that what looks like given names is not.
fn by_content(
    columns: &[SampledColumn],
    profiles: &[Profile],
    found: &mut [(Option<Kind>, Reason)],
) {
    let mut taken: BTreeSet<Kind> = found.iter().filter_map(|(kind, _)| *kind).collect();
    let places = columns.iter().zip(profiles).zip(found.iter_mut());
    for ((column, profile), place) in places.filter(|(_, place)| place.1 == Reason::Unknown) {
        let kind = profile.evident(headers::is_opaque(&column.name), &taken);
        if let Some(kind) = kind {
            *place = (Some(kind), Reason::Content);
            taken.insert(kind);
        }
    }
    let mut words: Vec<usize> = (0..columns.len())
        .filter(|index| {
            found.get(*index).is_some_and(|(_, reason)| *reason == Reason::Unknown)
                && columns.get(*index).is_some_and(|column| headers::is_opaque(&column.name))
                && profiles.get(*index).is_some_and(Profile::is_wordy)
        })
        .collect();
    // Beside given names, the column of words that differs most is the family names, and one that
    // repeats itself a town.
    if taken.contains(&Kind::GivenName) && !taken.contains(&Kind::Surname) {
        let most = words.iter().copied().max_by_key(|index| {
            profiles.get(*index).map_or(0, |profile| {
                if profile.words_each < 1.5 { profile.distinct_count } else { 0 }
            })
        });
        if let Some(index) = most {
            set(found, index, Kind::Surname);
            words.retain(|other| *other != index);
        }
    }
    if !taken.contains(&Kind::City) {
        let least = words.iter().copied().min_by(|left, right| {
            let distinct =
                |index: &usize| profiles.get(*index).map_or(1.0, Profile::distinct_share);
            distinct(left).total_cmp(&distinct(right))
        });
        let repeats = |index: &usize| {
            profiles.get(*index).is_some_and(|profile| profile.distinct_share() < 0.5)
        };
        if let Some(index) = least.filter(repeats) {
            set(found, index, Kind::City);
        }
    }
}

fn set(found: &mut [(Option<Kind>, Reason)], index: usize, kind: Kind) {
    if let Some(place) = found.get_mut(index) {
        *place = (Some(kind), Reason::Content);
    }
}

/// An identifier of which one row in twenty has a value of its own is a code, not an identifier.
fn drop_weak_identifiers(profiles: &[Profile], found: &mut [(Option<Kind>, Reason)]) {
    for (profile, place) in profiles.iter().zip(found.iter_mut()) {
        let is_weak = profile.distinct_count < 3 || profile.distinct_share() < 0.05;
        if place.0 == Some(Kind::Identifier) && is_weak {
            *place = (None, Reason::TooFewValues);
        }
    }
}

fn choose_record_id(
    columns: &[SampledColumn],
    profiles: &[Profile],
    found: &mut [(Option<Kind>, Reason)],
) {
    let is_unique = |index: usize| {
        let both = columns.get(index).zip(profiles.get(index));
        both.is_some_and(|(column, profile)| {
            column.null_count == 0 && profile.distinct_count == column.row_count
        })
    };
    let is =
        |index: usize, kind: Option<Kind>| found.get(index).is_some_and(|place| place.0 == kind);
    let mut all = 0..columns.len();
    let chosen = all
        .clone()
        .find(|index| is(*index, Some(Kind::RecordId)) && is_unique(*index))
        .or_else(|| {
            all.clone().find(|index| is(*index, Some(Kind::Identifier)) && is_unique(*index))
        })
        .or_else(|| Some(0).filter(|first| is(*first, None) && is_unique(*first)))
        .or_else(|| all.find(|index| is(*index, Some(Kind::RecordId))));
    for (index, place) in found.iter_mut().enumerate() {
        if Some(index) == chosen {
            let by_name = matches!(place.0, Some(Kind::RecordId | Kind::Identifier));
            *place = (Some(Kind::RecordId), if by_name { Reason::Name } else { Reason::Content });
        } else if place.0 == Some(Kind::RecordId) {
            *place = (None, Reason::OtherId);
        }
    }
}

#[cfg(test)]
mod tests;
