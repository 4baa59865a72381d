//! A plan over a year of all shipped tables: how many requests it makes, and that everything is
//! fresh where nothing changed. The year is made up: the ledger says that it was built.

use std::fmt;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result as StoreResult,
};

use super::*;
use crate::dates::DayRange;
use crate::lake::ledger::{self, ExportInput};
use crate::models::contract::schema_hash;

/// What a listing's page holds on S3.
const PAGE: usize = 1000;

/// A store that counts what is asked of it, as S3 would: a request an object, and one a page.
#[derive(Debug, Default)]
struct Counted {
    inner: InMemory,
    request_count: AtomicUsize,
}

impl fmt::Display for Counted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "counted")
    }
}

impl Counted {
    fn count(&self, requests: usize) {
        self.request_count.fetch_add(requests, Ordering::SeqCst);
    }

    fn counted(&self) -> usize {
        self.request_count.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl ObjectStore for Counted {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        self.count(1);
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.count(1);
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        let listed = futures::executor::block_on(self.inner.list(prefix).collect::<Vec<_>>());
        self.count(listed.len().div_ceil(PAGE).max(1));
        futures::stream::iter(listed).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.count(1);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.count(1);
        self.inner.copy_opts(from, to, options).await
    }
}

/// The shipped project over a warehouse and a landing zone that count.
async fn shipped(warehouse: &Arc<Counted>, landing: &Arc<Counted>) -> Workshop {
    let root = FilePath::new(env!("CARGO_MANIFEST_DIR"));
    let mut settings = Settings::read(&root.join("config/local.yaml")).unwrap();
    settings.landing = crate::config::Location::Folder(root.join("config"));
    let store = Arc::clone(warehouse) as Arc<dyn ObjectStore>;
    let mut workshop = Workshop::open(settings, Lake::over(store, "w")).await.unwrap();
    workshop.files = Landing::new(Arc::clone(landing) as Arc<dyn ObjectStore>, Path::default());
    workshop
}

/// Notes that everything was built on `days`, of files that lie in the landing zone.
async fn pretend(workshop: &Workshop, landing: &Counted, days: DayRange) {
    let mut published = Ledger::default();
    for dt in days.days() {
        for model in workshop.catalogue.in_order() {
            let Recipe::Export(source) = &model.recipe else { continue };
            let name = source.location.filled(dt).replace('*', "");
            landing.inner.put(&Path::from(name), format!("{dt}").into()).await.unwrap();
        }
        workshop.files.forget();
        for model in workshop.catalogue.in_order() {
            if model.name.zone == crate::models::QUARANTINE {
                continue;
            }
            let mut evaluation = workshop.evaluate(model, dt, &BTreeSet::new()).await.unwrap();
            if let Recipe::Export(source) = &model.recipe {
                for file in workshop.files.files(source, dt).await.unwrap() {
                    evaluation.exports.push(ExportInput {
                        content_hash: ContentHash::of(file.name.as_bytes()),
                        byte_count: file.byte_count,
                        e_tag: file.e_tag,
                        last_modified: file.last_modified,
                        plain: None,
                        row_count: Some(1),
                        replay_of: None,
                        file: file.name,
                    });
                }
                let hash = ingest::exports_hash(&evaluation.exports);
                evaluation.parts.insert("exports".to_string(), hash);
            }
            for partition in target::guarded(&evaluation.partition) {
                let key = workshop.warehouse.partition_key(&partition);
                workshop.warehouse.store().put(&key, PutPayload::new()).await.unwrap();
                let entry = Entry {
                    id: uuid::Uuid::now_v7().to_string(),
                    version: 1,
                    fence: 1,
                    fingerprint: evaluation.fingerprint(),
                    parts: evaluation.parts.clone(),
                    dayless: workshop.dayless(&evaluation),
                    content_hash: ContentHash::of(partition.to_string().as_bytes()),
                    schema_hash: schema_hash(&model.schema),
                    row_count: 1,
                    byte_count: 0,
                    inputs: evaluation.inputs.clone(),
                    exports: evaluation.exports.clone(),
                    accounting: None,
                    warnings: BTreeMap::new(),
                    project: None,
                    restatements: vec![],
                    reason: "never built".to_string(),
                    run_id: format!("daily-{dt}"),
                    attempt: 1,
                    published_at: chrono::Utc::now(),
                    duration_ms: 12,
                    partition: partition.clone(),
                };
                ledger::append(&workshop.warehouse, &entry).await.unwrap();
                let mut known = workshop.published.write().await;
                known.objects.insert(partition, 0);
                known.ledger.add(entry);
            }
        }
        published.compact(&workshop.warehouse).await.unwrap();
    }
}

async fn plan_of(day_count: u64) {
    let (warehouse, landing) = (Arc::<Counted>::default(), Arc::<Counted>::default());
    let workshop = shipped(&warehouse, &landing).await;
    let from: Day = "2024-01-01".parse().unwrap();
    let days = DayRange::new(from, from.plus(day_count)).unwrap();
    pretend(&workshop, &landing, days).await;

    let (of_warehouse, of_landing) = (warehouse.counted(), landing.counted());
    let models: Vec<Arc<Model>> = workshop.models_of(&ZONES);
    let started = Instant::now();
    let plan = plan::plan(&workshop, &models, days, false).await.unwrap();
    let took = started.elapsed();
    let requests = (warehouse.counted() - of_warehouse, landing.counted() - of_landing, day_count);
    let inputs: usize = {
        let published = workshop.published.read().await;
        published.ledger.entries().map(|entry| entry.inputs.len()).sum()
    };
    eprintln!("{} targets, {inputs} inputs, requests {requests:?}, {took:?}", plan.fresh_count);
    let first = plan.stale.first().map(|step| (&step.partition, &step.reasons));
    assert_eq!(plan.fresh_count, models.len() as u64 * day_count, "{first:?}");
    assert!(requests.0 + requests.1 < 400, "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_over_weeks_asks_for_little() {
    plan_of(21).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes without optimisation; run it by name to see what a year takes"]
async fn a_plan_over_a_year_asks_for_little() {
    plan_of(365).await;
}
