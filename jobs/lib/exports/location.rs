//! Where a day's files lie: a template of a path with the day and wildcards in it.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use glob::{MatchOptions, Pattern};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use tracing::{debug, warn};

use super::natural_order::natural_order;
use super::source::Source;
use crate::dates::{Day, DayRange};
use crate::errors::{Context, Kind, Result};
use crate::lake;

/// A path relative to the landing root, with `{dt}` (`2024-02-29`) or `{dt:%Y%m%d}` (any chrono
/// format) for the day, and the wildcards `*`, `?`, `[…]` within a folder and `**` across folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    template: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The day in a chrono format.
    Day(String),
}

const WILDCARDS: [char; 3] = ['*', '?', '['];

/// What a wildcard never matches: a `/`, and the dot that hides a file.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

impl Location {
    /// Reads a template. Errors: what is wrong with it, for people.
    pub fn parse(template: &str) -> Result<Self, String> {
        if template.is_empty() {
            return Err("the location is empty".to_string());
        }
        if template.starts_with('/') || template.contains("://") {
            return Err("the location must be relative to the landing root".to_string());
        }
        if template.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err("the location has an empty, `.` or `..` folder".to_string());
        }
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let closed = after.split_once('}').filter(|(inside, _)| !inside.contains('{'));
            let Some((placeholder, after)) = closed else {
                return Err("a `{` is never closed".to_string());
            };
            parts.push(Part::Text(before.to_string()));
            parts.push(Part::Day(match placeholder.split_once(':') {
                None if placeholder == "dt" => "%Y-%m-%d".to_string(),
                Some(("dt", format)) => day_format(format)?,
                _ => {
                    return Err(format!(
                        "unknown placeholder `{{{placeholder}}}`, expected `{{dt}}` or such as \
                         `{{dt:%Y%m%d}}`"
                    ));
                }
            }));
            rest = after;
        }
        if rest.contains('}') {
            return Err("a `}` has no `{`".to_string());
        }
        parts.push(Part::Text(rest.to_string()));
        let location = Location { template: template.to_string(), parts };
        let sample = location.filled(Day::new(chrono::NaiveDate::MIN));
        Pattern::new(&sample).map_err(|error| format!("bad wildcard: {}", error.msg))?;
        Ok(location)
    }

    /// The template as it was written.
    pub fn template(&self) -> &str {
        &self.template
    }

    /// Whether the day is in the path: if not, the same files are read on every day.
    pub fn has_day(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Day(_)))
    }

    /// The path for `day`, with its globs.
    pub fn filled(&self, day: Day) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Day(format) => day.date().format(format).to_string(),
        });
        parts.collect()
    }

    /// The folder that all days' files lie below.
    fn folder_of_all_days(&self) -> &str {
        let until = self.template.find('{').unwrap_or(self.template.len());
        let until = self.template[..until].find(WILDCARDS).unwrap_or(until);
        self.template[..until].rfind('/').map_or("", |slash| &self.template[..slash])
    }
}

impl serde::Serialize for Location {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.template)
    }
}

/// A chrono format that needs nothing but a day, and makes no new folder levels by accident.
fn day_format(format: &str) -> Result<String, String> {
    use chrono::format::{Fixed, Numeric};
    if format.is_empty() {
        return Err("`{dt:}` has no format, expected such as `{dt:%Y%m%d}`".to_string());
    }
    for item in StrftimeItems::new(format) {
        let needs_time = match item {
            Item::Error => return Err(format!("`{format}` is not a date format of chrono's")),
            Item::Numeric(numeric, _) => matches!(
                numeric,
                Numeric::Hour
                    | Numeric::Hour12
                    | Numeric::Minute
                    | Numeric::Second
                    | Numeric::Nanosecond
                    | Numeric::Timestamp
            ),
            Item::Fixed(fixed) => !matches!(
                fixed,
                Fixed::ShortMonthName
                    | Fixed::LongMonthName
                    | Fixed::ShortWeekdayName
                    | Fixed::LongWeekdayName
            ),
            _ => false,
        };
        if needs_time {
            return Err(format!("`{format}` asks for a time of day, and a day has none"));
        }
    }
    Ok(format.to_string())
}

/// A file of an export, as it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFile {
    /// Its place in the store.
    pub location: Path,
    /// Its key relative to the landing root: what the tables say a row came from.
    pub name: String,
    /// Its size in bytes.
    pub byte_count: u64,
    /// The store's mark of this version of it.
    pub e_tag: Option<String>,
    /// When it was last written.
    pub last_modified: DateTime<Utc>,
}

/// The files of `source` for `day`, in the order in which they are read: that of their names, with
/// numbers by their value.
///
/// `root` is the landing root within `store`. Errors: `Storage`.
pub async fn list(
    store: &Arc<dyn ObjectStore>,
    root: &Path,
    source: &Source,
    day: Day,
) -> Result<Vec<ExportFile>> {
    Landing::new(Arc::clone(store), root.clone()).files(source, day).await
}

/// A landing zone, looked at once: a folder with many days' files is listed when the first of them
/// is asked for, and all others come from that listing.
#[derive(Debug)]
pub struct Landing {
    store: Arc<dyn ObjectStore>,
    root: Path,
    /// The folder of this machine that the store is, where it is one.
    folder: Option<PathBuf>,
    seen: Mutex<Seen>,
}

/// What was found where: the files below a folder, or the one file of a name, sorted by key.
#[derive(Debug, Default)]
struct Seen {
    found: HashMap<Place, Arc<Vec<ExportFile>>>,
    file_count: usize,
    /// The links that lead nowhere.
    dangling: HashMap<Place, Arc<BTreeSet<String>>>,
    /// Those that were told.
    told: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    File(Path),
    Folder(Path),
}

impl Place {
    fn path(&self) -> &Path {
        match self {
            Place::File(path) | Place::Folder(path) => path,
        }
    }
}

/// So many days' folders are listed from the one above them: a request tells of a thousand files,
/// and most folders hold fewer than sixty.
const WORTH_LISTING_AT_ONCE: usize = 16;

/// Files that are remembered: some 300 bytes each. Beyond, a folder is listed for each day anew.
const FILES_REMEMBERED: usize = 500_000;

impl Landing {
    /// The landing zone below `root` of `store`.
    pub fn new(store: Arc<dyn ObjectStore>, root: Path) -> Landing {
        Landing { store, root, folder: None, seen: Mutex::default() }
    }

    /// The same, over a store that is the folder `folder` of this machine.
    #[must_use]
    pub fn in_folder(self, folder: Option<PathBuf>) -> Landing {
        Landing { folder, ..self }
    }

    /// Looks anew at whatever is asked for next.
    pub fn forget(&self) {
        *self.seen() = Seen::default();
    }

    /// The files of `source` for `day`, in the order in which they are read, as they were when their
    /// folder was first looked at. Errors: `Storage`, or `Usage` where the storage can never answer as it is.
    pub async fn files(&self, source: &Source, day: Day) -> Result<Vec<ExportFile>> {
        let filled = source.location.filled(day);
        let failed = || {
            format!("list exports of source `{}` at `{filled}` of the landing zone", source.name)
        };
        let place = self.place(&filled)?;
        let dangling = self.dangling(&place);
        let found = self.look(place).await;
        let files = found.map_err(|error| lake::failure(failed(), error))?;
        let pattern = Pattern::new(&filled).context(Kind::Defect, failed)?;
        self.tell(source, dangling.iter().filter(|name| pattern.matches_with(name, MATCHING)));
        let Some(wild) = filled.find(WILDCARDS) else { return Ok(files.to_vec()) };
        // They are sorted: those that begin as the pattern does stand together.
        let start = &filled[..wild];
        let first = files.partition_point(|file| file.name.as_str() < start);
        let candidates = files[first..].iter().take_while(|file| file.name.starts_with(start));
        let matching = candidates.filter(|file| pattern.matches_with(&file.name, MATCHING));
        let mut files: Vec<ExportFile> = matching.cloned().collect();
        files.sort_by(|left, right| natural_order(&left.name, &right.name));
        Ok(files)
    }

    /// Lists the folders of many days of `source` at once, from the folder above them, where that is
    /// fewer requests than to list each of them. What cannot be listed so is listed day by day when
    /// it is asked for.
    pub async fn look_ahead(&self, source: &Source, days: DayRange) -> Result<()> {
        let places = days.days().map(|day| self.place(&source.location.filled(day)));
        let mut unseen: HashMap<Path, Place> = HashMap::new();
        for place in places {
            let place = place?;
            if !self.seen().found.contains_key(&place) {
                unseen.insert(place.path().clone(), place);
            }
        }
        if unseen.len() < WORTH_LISTING_AT_ONCE {
            return Ok(());
        }
        let above = below(&self.root, source.location.folder_of_all_days())?;
        let listed = self.store.list(Some(&above)).try_collect::<Vec<ObjectMeta>>().await;
        let metas = match listed {
            Ok(metas) => metas,
            Err(error) => {
                debug!(source = source.name, %error, "its days are listed one by one");
                return Ok(());
            }
        };
        let mut by_place: HashMap<&Place, Vec<ObjectMeta>> =
            unseen.values().map(|place| (place, vec![])).collect();
        for meta in metas {
            // Its own place, where the location names files, or that of a folder it lies in.
            let key = meta.location.as_ref();
            let ends = key.match_indices('/').map(|(end, _)| end).chain([key.len()]);
            let mut above = ends.filter_map(|end| unseen.get(&Path::parse(&key[..end]).ok()?));
            if let Some(files) = above.next().and_then(|place| by_place.get_mut(place)) {
                files.push(meta);
            }
        }
        for (place, metas) in by_place {
            let files = self.files_of(metas);
            self.remember(place.clone(), files);
        }
        Ok(())
    }

    /// Where the files of a path are looked for.
    fn place(&self, filled: &str) -> Result<Place> {
        let Some(wild) = filled.find(WILDCARDS) else {
            return Ok(Place::File(below(&self.root, filled)?));
        };
        let folder = filled[..wild].rfind('/').map_or("", |slash| &filled[..slash]);
        Ok(Place::Folder(below(&self.root, folder)?))
    }

    async fn look(&self, place: Place) -> object_store::Result<Arc<Vec<ExportFile>>> {
        if let Some(files) = self.seen().found.get(&place) {
            return Ok(Arc::clone(files));
        }
        let metas: Vec<ObjectMeta> = match &place {
            Place::File(location) => match self.store.head(location).await {
                Ok(meta) => vec![meta],
                Err(object_store::Error::NotFound { .. }) => Vec::new(),
                Err(error) => return Err(error),
            },
            Place::Folder(prefix) => self.store.list(Some(prefix)).try_collect().await?,
        };
        Ok(self.remember(place, self.files_of(metas)))
    }

    /// The links at a place that lead nowhere. A store's listing leaves them out.
    fn dangling(&self, place: &Place) -> Arc<BTreeSet<String>> {
        let Some(folder) = &self.folder else { return Arc::default() };
        if let Some(known) = self.seen().dangling.get(place) {
            return Arc::clone(known);
        }
        let path = folder.join(place.path().as_ref());
        let links = match place {
            Place::File(_) => Vec::from_iter(is_dangling(&path).then_some(path)),
            Place::Folder(_) => dangling_below(&path),
        };
        let names = links.iter().filter_map(|link| link.strip_prefix(folder).ok());
        let names: BTreeSet<String> =
            names.map(|name| name.to_string_lossy().into_owned()).collect();
        let names = Arc::new(names);
        self.seen().dangling.insert(place.clone(), Arc::clone(&names));
        names
    }

    /// Tells once of each link that may be a file of `source`: whatever it should lead to is not
    /// among the day's files.
    fn tell<'a>(&self, source: &Source, dangling: impl Iterator<Item = &'a String>) {
        for file in dangling {
            if self.seen().told.insert(file.clone()) {
                warn!(
                    source = source.name,
                    file, "a link of the landing zone leads nowhere, and is no file of the day"
                );
            }
        }
    }

    fn files_of(&self, metas: Vec<ObjectMeta>) -> Arc<Vec<ExportFile>> {
        let file = |meta: ObjectMeta| {
            Some(ExportFile {
                name: name_below(&self.root, &meta.location)?,
                location: meta.location,
                byte_count: meta.size,
                e_tag: meta.e_tag,
                last_modified: meta.last_modified,
            })
        };
        let mut files: Vec<ExportFile> = metas.into_iter().filter_map(file).collect();
        files.sort_by(|left, right| left.name.cmp(&right.name));
        Arc::new(files)
    }

    fn remember(&self, place: Place, files: Arc<Vec<ExportFile>>) -> Arc<Vec<ExportFile>> {
        let mut seen = self.seen();
        if seen.file_count + files.len() <= FILES_REMEMBERED {
            seen.file_count += files.len();
            seen.found.insert(place, Arc::clone(&files));
        }
        files
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The links below `folder` that lead nowhere. What cannot be listed is the store's to tell.
fn dangling_below(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_symlink() && is_dangling(&entry.path()) => {
                    found.push(entry.path());
                }
                _ => {}
            }
        }
    }
    found
}

/// Whether there is a link at `path`, and nothing at what it leads to.
fn is_dangling(path: &std::path::Path) -> bool {
    path.is_symlink() && matches!(path.try_exists(), Ok(false))
}

fn below(root: &Path, relative: &str) -> Result<Path> {
    let root = root.as_ref();
    let joined = match (root.is_empty(), relative.is_empty()) {
        (true, _) => relative.to_string(),
        (false, true) => root.to_string(),
        (false, false) => format!("{root}/{relative}"),
    };
    Path::parse(&joined).context(Kind::Usage, || format!("use `{relative}` as a location"))
}

fn name_below(root: &Path, location: &Path) -> Option<String> {
    let location = location.as_ref();
    if root.as_ref().is_empty() {
        return Some(location.to_string());
    }
    Some(location.strip_prefix(root.as_ref())?.strip_prefix('/')?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    fn source(location: &str) -> Source {
        Source::parse(
            "things",
            &format!(
                "description: d\nlocation: '{location}'\nformat: csv\nload: events\n\
                 columns: [{{name: a, type: string}}]\n"
            ),
        )
        .unwrap()
    }

    async fn names(keys: &[&str], location: &str) -> Vec<String> {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        for key in keys {
            store.put(&Path::from(*key), "x".into()).await.unwrap();
        }
        let day = "2024-02-29".parse().unwrap();
        let files = list(&store, &Path::from("in"), &source(location), day).await.unwrap();
        files.into_iter().map(|file| file.name).collect()
    }

    #[tokio::test]
    async fn a_day_and_wildcards_select_files_in_order() {
        let keys = [
            "in/shop/2024-02-29/b.csv",
            "in/shop/2024-02-29/a.csv",
            "in/shop/2024-02-29/a.csv.tmp",
            "in/shop/2024-02-29/.hidden.csv",
            "in/shop/2024-02-29/deep/c.csv",
            "in/shop/2024-02-28/a.csv",
            "other/shop/2024-02-29/a.csv",
            "in/flat-20240229.csv",
        ];
        let one_folder = names(&keys, "shop/{dt}/*.csv").await;
        assert_eq!(one_folder, ["shop/2024-02-29/a.csv", "shop/2024-02-29/b.csv"]);
        assert_eq!(names(&keys, "shop/{dt}/**/*.csv").await.len(), 3);
        assert_eq!(names(&keys, "flat-{dt:%Y%m%d}.csv").await, ["flat-20240229.csv"]);
        assert_eq!(names(&keys, "shop/{dt}/[ab].cs?").await.len(), 2);
        assert!(names(&keys, "shop/{dt}/none.csv").await.is_empty());
    }

    #[tokio::test]
    async fn numbered_files_are_in_the_order_of_their_numbers() {
        let keys = ["in/2024-02-29-10.csv", "in/2024-02-29-9.csv", "in/2024-02-29-1.csv"];
        let expected = ["2024-02-29-1.csv", "2024-02-29-9.csv", "2024-02-29-10.csv"];
        assert_eq!(names(&keys, "{dt}-*.csv").await, expected);
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_nowhere_are_told_where_they_would_be_files() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("shop/deep")).unwrap();
        std::fs::write(path("shop/2024-02-29-a.csv"), "a").unwrap();
        symlink(path("shop/2024-02-29-a.csv"), path("shop/2024-02-29-b.csv")).unwrap();
        symlink("nowhere", path("shop/2024-02-29-c.csv")).unwrap();
        symlink("nowhere", path("shop/deep/2024-02-29-d.csv")).unwrap();
        symlink("nowhere", path("shop/other.txt")).unwrap();
        let store = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        let landing = Landing::new(Arc::new(store), Path::default())
            .in_folder(Some(folder.path().to_path_buf()));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let told = |location: &str| {
            landing.forget();
            let source = source(location);
            let files = landing.files(&source, "2024-02-29".parse().unwrap());
            let count = runtime.block_on(files).unwrap().len();
            let seen = landing.seen();
            (count, seen.told.iter().cloned().collect::<Vec<_>>())
        };
        let c = "shop/2024-02-29-c.csv".to_string();
        let d = "shop/deep/2024-02-29-d.csv".to_string();
        assert_eq!(told("shop/{dt}-*.csv"), (2, vec![c.clone()]));
        assert_eq!(told("shop/**/{dt}-*.csv"), (2, vec![c.clone(), d]));
        assert_eq!(told("shop/{dt}-c.csv"), (0, vec![c]));
        assert_eq!(told("shop/{dt}-a.csv"), (1, vec![]));
        assert_eq!(told("shop/{dt}.csv"), (0, vec![]));
    }

    #[tokio::test]
    async fn a_folder_is_listed_once_until_it_is_forgotten() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let put = async |key: &str| {
            store.put(&Path::from(key), "x".into()).await.unwrap();
        };
        let landing = Landing::new(Arc::clone(&store), Path::default());
        let count = async |location: &str, day: &str| {
            landing.files(&source(location), day.parse().unwrap()).await.unwrap().len()
        };
        for key in ["shop/2024-02-28.csv", "till/2024-02-28.csv", "till/2024-02-29.csv"] {
            put(key).await;
        }
        assert_eq!(count("*/{dt}.csv", "2024-02-28").await, 2);
        assert_eq!(count("shop/{dt}.csv", "2024-02-29").await, 0);
        put("shop/2024-02-29.csv").await;
        assert_eq!(count("*/{dt}.csv", "2024-02-29").await, 1);
        assert_eq!(count("shop/{dt}.csv", "2024-02-29").await, 0);
        landing.forget();
        assert_eq!(count("*/{dt}.csv", "2024-02-29").await, 2);
        assert_eq!(count("shop/{dt}.csv", "2024-02-29").await, 1);
    }

    #[tokio::test]
    async fn many_days_are_listed_from_the_folder_above_them() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let days = DayRange::new("2024-02-20".parse().unwrap(), "2024-03-20".parse().unwrap());
        let days = days.unwrap();
        for day in days.days().filter(|day| day.to_epoch() % 3 != 0) {
            for key in ["shop/{}/a.csv", "shop/{}/deep/b.csv", "till/{}.csv", "till/{}.csv.gz"] {
                let key = key.replace("{}", &day.to_string());
                store.put(&Path::from(format!("in/{key}")), "x".into()).await.unwrap();
            }
        }
        for location in
            ["shop/{dt}/*.csv", "shop/{dt}/**/*.csv", "till/{dt}.csv", "till/{dt}.csv*", "a/{dt}/*"]
        {
            let source = source(location);
            let ahead = Landing::new(Arc::clone(&store), Path::from("in"));
            ahead.look_ahead(&source, days).await.unwrap();
            // One listing tells of all days, and of each what a look at it alone tells.
            let is_one_folder = location == "till/{dt}.csv*";
            let expected_places = if is_one_folder { 0 } else { days.day_count() };
            assert_eq!(ahead.seen().found.len(), expected_places, "{location}");
            for day in days.days() {
                let alone = Landing::new(Arc::clone(&store), Path::from("in"));
                let alone = alone.files(&source, day).await.unwrap();
                assert_eq!(ahead.files(&source, day).await.unwrap(), alone, "{location} {day}");
            }
        }
    }

    #[test]
    fn a_wrong_template_says_what_is_wrong() {
        for (template, fragment) in [
            ("", "empty"),
            ("/x.csv", "relative"),
            ("s3://x/y.csv", "relative"),
            ("a/../b.csv", ".."),
            ("a/{dt.csv", "never closed"),
            ("{dt:%Y/{dt:%m}.csv", "never closed"),
            ("a/{day}.csv", "unknown placeholder"),
            ("a/{dt:%Q}.csv", "not a date format"),
            ("a/{dt:%H}.csv", "time of day"),
            ("a/{dt:}.csv", "no format"),
            ("a/dt}.csv", "no `{`"),
            ("a/[x.csv", "wildcard"),
        ] {
            let error = Location::parse(template).unwrap_err();
            assert!(error.contains(fragment), "{template}: {error}");
        }
    }
}
