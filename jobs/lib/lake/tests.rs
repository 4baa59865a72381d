//! Publishing under crashes and with two runs at once, over stores of all kinds: those that rename
//! in one step, those that copy and then delete, and those that do not even copy.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result as StoreResult, UploadPart,
};

use super::lease::{Holder, Lease};
use super::ledger::{Entry, Ledger};
use super::publish::{self, Part};
use super::{Lake, Partition, TableName};
use crate::errors::{Kind, Result};
use crate::hash::ContentHash;

/// Whether a store renames in one step (a local file system), copies and deletes (the others), or
/// has to be given the bytes once more (S3, of very large objects).
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rename {
    AtOnce,
    InSteps,
    InParts,
}

const RENAMES: [Rename; 3] = [Rename::AtOnce, Rename::InSteps, Rename::InParts];

/// What happens to a run at its `step`th request to the store.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It goes on undisturbed.
    Undisturbed,
    /// It is killed before that request takes effect.
    KilledBefore(usize),
    /// It is killed after that request took effect, before the answer comes.
    KilledAfter(usize),
    /// It stands still before that request, until the other run has ended.
    PausedBefore(usize),
    /// It and the other run go on in an order that follows from the seed.
    Shuffled(u64),
}

/// One run's view of a store that it shares.
#[derive(Debug, Clone)]
struct View {
    inner: Arc<InMemory>,
    rename: Rename,
    fate: Fate,
    steps: Arc<AtomicUsize>,
    /// A state of a generator of pseudorandom numbers.
    random: Arc<AtomicU64>,
    other_has_ended: Arc<AtomicBool>,
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a view of a store")
    }
}

fn killed() -> object_store::Error {
    object_store::Error::Generic { store: "test", source: "the run was killed".into() }
}

impl View {
    fn new(inner: &Arc<InMemory>, rename: Rename, fate: Fate) -> View {
        let seed = if let Fate::Shuffled(seed) = fate { seed } else { 0 };
        View {
            inner: Arc::clone(inner),
            rename,
            fate,
            steps: Arc::default(),
            random: Arc::new(AtomicU64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)),
            other_has_ended: Arc::default(),
        }
    }

    fn lake(&self) -> Lake {
        let lake = Lake::over(Arc::new(self.clone()), "a test's warehouse");
        if self.rename == Rename::InParts { lake.with_copy_limit(0) } else { lake }
    }

    fn random(&self) -> u64 {
        let mut state = self.random.load(Ordering::SeqCst);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.random.store(state, Ordering::SeqCst);
        state
    }

    /// Carries out one request, as the run's fate wills it.
    async fn step<T>(&self, request: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let step = self.steps.fetch_add(1, Ordering::SeqCst);
        match self.fate {
            Fate::Undisturbed => {}
            Fate::KilledBefore(last) if step >= last => return Err(killed()),
            Fate::KilledAfter(last) if step > last => return Err(killed()),
            Fate::KilledAfter(last) if step == last => {
                let _ = request.await;
                return Err(killed());
            }
            Fate::KilledBefore(_) | Fate::KilledAfter(_) => {}
            Fate::PausedBefore(pause) => {
                while step == pause && !self.other_has_ended.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
            }
            Fate::Shuffled(_) => {
                for _ in 0..self.random() % 12 {
                    tokio::task::yield_now().await;
                }
            }
        }
        request.await
    }
}

#[async_trait]
impl ObjectStore for View {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        // Every other run sees our leases as run out: its clock is an hour ahead.
        let payload = if location.as_ref().contains("/leases/") {
            let text: Bytes = payload.into();
            let mut lease: serde_json::Value = serde_json::from_slice(&text).unwrap();
            lease["expires_at"] = "2001-01-01T00:00:00Z".into();
            lease.to_string().into()
        } else {
            payload
        };
        self.step(self.inner.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        let upload = self.step(self.inner.put_multipart_opts(location, options)).await?;
        Ok(Box::new(Upload { upload, view: self.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.step(self.inner.get_opts(location, options)).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        let view = self.clone();
        locations
            .then(move |location| {
                let view = view.clone();
                async move {
                    let location = location?;
                    view.step(view.inner.delete(&location)).await?;
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        let view = self.clone();
        let prefix = prefix.cloned();
        let listed = async move {
            let listed = async { Ok(view.inner.list(prefix.as_ref()).collect::<Vec<_>>().await) };
            let listed = view.step(listed).await;
            futures::stream::iter(listed.unwrap_or_else(|error| vec![Err(error)]))
        };
        futures::stream::once(listed).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.step(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.step(self.inner.copy_opts(from, to, options)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> StoreResult<()> {
        match self.rename {
            Rename::AtOnce => self.step(self.inner.rename_opts(from, to, options)).await,
            Rename::InSteps | Rename::InParts => {
                self.copy_opts(from, to, CopyOptions::new()).await?;
                self.delete(from).await
            }
        }
    }
}

/// An upload in parts, as a run's fate wills it.
#[derive(Debug)]
struct Upload {
    upload: Box<dyn MultipartUpload>,
    view: View,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> StoreResult<PutResult> {
        match self.view.fate {
            Fate::KilledBefore(_) | Fate::KilledAfter(_) => {
                let view = self.view.clone();
                view.step(self.upload.complete()).await
            }
            // A copy that the store carries out long after it was asked to, nobody can prevent, and
            // so it is here: nothing comes between the last look and what follows from it.
            _ => self.upload.complete().await,
        }
    }

    async fn abort(&mut self) -> StoreResult<()> {
        self.upload.abort().await
    }
}

fn partitions() -> [Partition; 2] {
    ["quarantine", "raw"].map(|zone| Partition {
        table: TableName::new(zone, "orders"),
        dt: "2024-03-04".parse().unwrap(),
    })
}

fn entry(ledger: &Ledger, lease: &Lease, partition: &Partition, bytes: &Bytes) -> Entry {
    let hash = ContentHash::of(b"");
    Entry {
        id: uuid::Uuid::now_v7().to_string(),
        partition: partition.clone(),
        version: ledger.current(partition).map_or(0, |entry| entry.version) + 1,
        fence: lease.fence(),
        fingerprint: hash,
        parts: std::collections::BTreeMap::new(),
        dayless: None,
        content_hash: ContentHash::of(bytes),
        schema_hash: hash,
        row_count: 1,
        byte_count: bytes.len() as u64,
        inputs: vec![],
        exports: vec![],
        accounting: None,
        warnings: std::collections::BTreeMap::new(),
        project: None,
        restatements: vec![],
        reason: "test".to_string(),
        run_id: "run".to_string(),
        attempt: 1,
        published_at: chrono::Utc::now(),
        duration_ms: 0,
    }
}

/// One run, as the workshop does it: recovers, takes the lease, builds `text` and publishes it.
async fn run(view: &View, text: &'static str) -> Result<()> {
    run_as(view, text, Part::staged).await.map(|_| ())
}

/// The same, with what `part` makes of a built object; tells whether any was mended.
async fn run_as(view: &View, text: &'static str, part: fn(&Path, Entry) -> Part) -> Result<bool> {
    let lake = view.lake();
    let holder = Holder::new(text, Duration::from_secs(600));
    let bytes = Bytes::from_static(text.as_bytes());
    publish::recover_all(&lake, &holder).await?;
    let mut ledger = Ledger::load(&lake).await?;
    let [quarantine, raw] = partitions();
    let floor = ledger.current(&raw).map_or(0, |entry| entry.fence);
    let lease = Lease::acquire(&lake, &raw, &holder, floor).await?;
    publish::recover(&lake, &lease).await?;
    ledger.refresh(&lake).await?;
    let mut parts = vec![];
    for partition in [quarantine, raw] {
        let key = publish::work_key(&lake, &lease, &partition);
        let put = lake.store().put(&key, bytes.clone().into()).await;
        put.map_err(|error| crate::errors::Error::new(Kind::Storage, "put").because(error))?;
        parts.push((key, partition));
    }
    ledger.refresh(&lake).await?;
    publish::ensure_not_fenced(&ledger, &lease)?;
    let parts = parts
        .into_iter()
        .map(|(key, partition)| part(&key, entry(&ledger, &lease, &partition, &bytes)))
        .collect();
    let is_mended = publish::publish(&lake, &lease, parts).await?;
    publish::sweep(&lake, &lease).await?;
    lease.release().await?;
    Ok(is_mended)
}

/// What a reader sees of each partition.
async fn visible(store: &Arc<InMemory>) -> Vec<String> {
    let lake = Lake::over(Arc::clone(store) as Arc<dyn ObjectStore>, "w");
    let mut seen = vec![];
    for partition in partitions() {
        let bytes = lake.get(&lake.partition_key(&partition)).await.unwrap().unwrap();
        seen.push(String::from_utf8(bytes.to_vec()).unwrap());
    }
    seen
}

async fn assert_the_ledger_tells_the_truth(store: &Arc<InMemory>, case: &str) {
    let lake = Lake::over(Arc::clone(store) as Arc<dyn ObjectStore>, "w");
    let ledger = Ledger::load(&lake).await.unwrap();
    for (partition, seen) in partitions().iter().zip(visible(store).await) {
        let told = ledger.current(partition).unwrap().content_hash;
        assert_eq!(told, ContentHash::of(seen.as_bytes()), "{case}: {partition} is `{seen}`");
    }
}

async fn assert_nothing_is_left(store: &Arc<InMemory>, case: &str) {
    let lake = Lake::over(Arc::clone(store) as Arc<dyn ObjectStore>, "w");
    for area in ["work", "intents", "leases"] {
        let left = lake.list(&lake.key(super::OWN).join(area)).await.unwrap();
        assert!(left.is_empty(), "{case}: {left:?}");
    }
}

#[tokio::test]
async fn a_run_killed_at_any_request_is_rolled_forward_or_leaves_no_trace() {
    for rename in RENAMES {
        let mut rolled_forward = 0;
        for step in 0.. {
            let mut has_come_through = false;
            for fate in [Fate::KilledBefore(step), Fate::KilledAfter(step)] {
                let case = format!("{rename:?} {fate:?}");
                let store = Arc::new(InMemory::new());
                run(&View::new(&store, rename, Fate::Undisturbed), "old").await.unwrap();
                has_come_through = run(&View::new(&store, rename, fate), "new").await.is_ok();
                for seen in visible(&store).await {
                    assert!(["old", "new"].contains(&seen.as_str()), "{case}: {seen}");
                }
                let next = View::new(&store, rename, Fate::Undisturbed);
                let holder = Holder::new("next", Duration::from_secs(600));
                publish::recover_all(&next.lake(), &holder).await.unwrap();
                assert_the_ledger_tells_the_truth(&store, &case).await;
                let seen = visible(&store).await;
                assert_eq!(seen[0], seen[1], "{case}: published together, or neither");
                rolled_forward += usize::from(seen[0] == "new");
                run(&next, "next").await.unwrap();
                assert_eq!(visible(&store).await, ["next", "next"], "{case}");
                assert_the_ledger_tells_the_truth(&store, &case).await;
                assert_nothing_is_left(&store, &case).await;
            }
            if has_come_through {
                break;
            }
        }
        assert!(rolled_forward > 10, "{rename:?}: {rolled_forward}");
    }
}

#[tokio::test]
async fn a_rebuild_with_unchanged_bytes_mends_what_was_altered_wherever_it_is_killed() {
    for rename in RENAMES {
        for step in 0.. {
            let mut has_come_through = false;
            for fate in [Fate::KilledBefore(step), Fate::KilledAfter(step)] {
                let case = format!("{rename:?} {fate:?}");
                let store = Arc::new(InMemory::new());
                let undisturbed = View::new(&store, rename, Fate::Undisturbed);
                run(&undisturbed, "old").await.unwrap();
                let [_, raw] = partitions();
                let altered = undisturbed.lake().partition_key(&raw);
                store.put(&altered, "0ld".into()).await.unwrap();
                let view = View::new(&store, rename, fate);
                if let Ok(is_mended) = run_as(&view, "old", Part::unchanged).await {
                    assert!(is_mended, "{case}");
                    has_come_through = true;
                }
                let is_mended = run_as(&undisturbed, "old", Part::unchanged).await.unwrap();
                assert!(!(has_come_through && is_mended), "{case}");
                assert_eq!(visible(&store).await, ["old", "old"], "{case}");
                assert_the_ledger_tells_the_truth(&store, &case).await;
                assert_nothing_is_left(&store, &case).await;
            }
            if has_come_through {
                break;
            }
        }
    }
}

/// Two runs at once, the second with a clock that takes every lease for expired.
async fn two_runs(rename: Rename, first: Fate, second: Fate) -> (Arc<InMemory>, [Result<()>; 2]) {
    let store = Arc::new(InMemory::new());
    run(&View::new(&store, rename, Fate::Undisturbed), "old").await.unwrap();
    let (a, b) = (View::new(&store, rename, first), View::new(&store, rename, second));
    let (a_has_ended, b_has_ended) =
        (Arc::clone(&b.other_has_ended), Arc::clone(&a.other_has_ended));
    let outcomes = tokio::join!(
        async {
            let outcome = run(&a, "a").await;
            a_has_ended.store(true, Ordering::SeqCst);
            outcome
        },
        async {
            let outcome = run(&b, "b").await;
            b_has_ended.store(true, Ordering::SeqCst);
            outcome
        }
    );
    (store, outcomes.into())
}

async fn assert_sound(store: &Arc<InMemory>, outcomes: [Result<()>; 2], case: &str) {
    for outcome in outcomes {
        if let Err(error) = outcome {
            assert_eq!(error.kind(), Kind::LeaseHeld, "{case}: {}", error.chain());
        }
    }
    let next = View::new(store, Rename::InSteps, Fate::Undisturbed);
    let holder = Holder::new("next", Duration::from_secs(600));
    publish::recover_all(&next.lake(), &holder).await.unwrap();
    assert_the_ledger_tells_the_truth(store, case).await;
    run(&next, "next").await.unwrap();
    assert_eq!(visible(store).await, ["next", "next"], "{case}");
    assert_nothing_is_left(store, case).await;
}

#[tokio::test]
async fn a_run_that_stands_still_while_another_takes_over_publishes_nothing_over_it() {
    for rename in RENAMES {
        for step in 0..60 {
            let (store, outcomes) =
                two_runs(rename, Fate::PausedBefore(step), Fate::Undisturbed).await;
            assert!(outcomes[1].is_ok(), "{rename:?} {step}: {:?}", outcomes[1]);
            assert_sound(&store, outcomes, &format!("{rename:?} paused before {step}")).await;
        }
    }
}

#[tokio::test]
async fn two_runs_in_any_order_leave_what_the_ledger_tells() {
    for rename in RENAMES {
        for seed in 0..150 {
            let fates = (Fate::Shuffled(2 * seed + 1), Fate::Shuffled(2 * seed + 2));
            let (store, outcomes) = two_runs(rename, fates.0, fates.1).await;
            assert_sound(&store, outcomes, &format!("{rename:?} shuffled by {seed}")).await;
        }
    }
}

#[tokio::test]
async fn a_lease_is_not_taken_for_a_later_one_with_the_same_number() {
    let store = Arc::new(InMemory::new());
    let lake = View::new(&store, Rename::AtOnce, Fate::Undisturbed).lake();
    let [_, raw] = partitions();
    let holder = |name| Holder::new(name, Duration::from_secs(600));
    let asleep = Lease::acquire(&lake, &raw, &holder("asleep"), 0).await.unwrap();
    // The one that takes it over publishes nothing, and gives it back.
    let failing = Lease::acquire(&lake, &raw, &holder("failing"), 0).await.unwrap();
    failing.release().await.unwrap();
    let third = Lease::acquire(&lake, &raw, &holder("third"), 0).await.unwrap();
    assert_eq!(third.fence(), asleep.fence());
    assert_ne!(publish::work_key(&lake, &third, &raw), publish::work_key(&lake, &asleep, &raw));
    assert!(asleep.ensure_held().await.is_err());
    asleep.release().await.unwrap();
    third.ensure_held().await.unwrap();
}

#[tokio::test]
async fn a_reader_of_the_ledger_misses_nothing_that_is_being_folded() {
    for seed in 0..60 {
        let store = Arc::new(InMemory::new());
        let plain = Lake::over(Arc::clone(&store) as Arc<dyn ObjectStore>, "w");
        let [_, raw] = partitions();
        let holder = Holder::new("run", Duration::from_secs(600));
        let lease = Lease::acquire(&plain, &raw, &holder, 0).await.unwrap();
        for day in 0..70 {
            let partition = Partition { dt: raw.dt.plus(day), ..raw.clone() };
            let entry = entry(&Ledger::default(), &lease, &partition, &Bytes::new());
            super::ledger::append(&plain, &entry).await.unwrap();
        }
        let view = |seed| View::new(&store, Rename::AtOnce, Fate::Shuffled(seed)).lake();
        let folders = [view(3 * seed + 1), view(3 * seed + 2)];
        let reader = view(3 * seed + 3);
        let fold = async |lake: &Lake| Ledger::default().compact(lake).await;
        let (first, second, read) =
            tokio::join!(fold(&folders[0]), fold(&folders[1]), Ledger::load(&reader));
        first.unwrap();
        second.unwrap();
        assert_eq!(read.unwrap().partitions(&raw.table).count(), 70, "seed {seed}");
        let after = Ledger::load(&plain).await.unwrap();
        assert_eq!(after.partitions(&raw.table).count(), 70, "seed {seed}");
    }
}
