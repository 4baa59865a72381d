//! How a location is connected to: which store its scheme names, what the environment says of it,
//! and how long its requests are waited for.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, ObjectStore, ObjectStoreScheme, Result, RetryConfig,
};
use url::{Position, Url};

use crate::config::{Patience, variables};

/// A connection is made within this time, or tried again.
const CONNECT: Duration = Duration::from_secs(5);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How much longer a pause may be than the one before: it is drawn at random up to this.
const GROWTH: f64 = 3.0;

/// More tries than fit into the time there is for them.
const TRIES: usize = 10_000;

/// How long a web server may take over one answer: its content may be large, and is read as fast
/// as its rows are made. Object stores are asked for a part at a time instead.
const WEB_ANSWER: Duration = Duration::from_secs(60 * 60);

/// Builds a store from what the environment says of it, by object_store's own names.
macro_rules! of_cloud {
    ($builder:ty, $url:expr, $patience:expr) => {{
        let builder = <$builder>::new()
            .with_url($url.to_string())
            .with_retry(retry($patience))
            .with_http_connector(CloudConnector);
        let waits = [
            ("timeout".to_string(), seconds($patience.timeout)),
            ("connect_timeout".to_string(), seconds(CONNECT.min($patience.timeout))),
        ];
        // What the environment says comes last, and so holds.
        let options = waits.into_iter().chain(storage_variables());
        let builder = options.fold(builder, |builder, (name, value)| {
            match name.to_ascii_lowercase().parse() {
                Ok(key) => builder.with_config(key, value),
                Err(_) => builder,
            }
        });
        Arc::new(builder.build()?)
    }};
}

/// The largest object that S3 copies on its own side, in bytes. (AWS says 5 GB, and takes 5 GiB.)
const S3_COPY_LIMIT: u64 = 5_000_000_000;

/// A store that is connected to.
pub(super) struct Connected {
    pub store: Arc<dyn ObjectStore>,
    /// The location's key there.
    pub root: Path,
    /// The largest object that the store copies on its own side, in bytes; none where any is.
    pub copy_limit: Option<u64>,
}

/// Connects to the store that `url` lies in.
pub(super) fn connect(url: &Url, patience: Patience) -> Result<Connected> {
    let (scheme, root) = ObjectStoreScheme::parse(url)?;
    let copy_limit = matches!(scheme, ObjectStoreScheme::AmazonS3).then_some(S3_COPY_LIMIT);
    let store: Arc<dyn ObjectStore> = match scheme {
        ObjectStoreScheme::Memory => Arc::new(InMemory::new()),
        ObjectStoreScheme::AmazonS3 => of_cloud!(AmazonS3Builder, url, patience),
        ObjectStoreScheme::GoogleCloudStorage => {
            of_cloud!(GoogleCloudStorageBuilder, url, patience)
        }
        ObjectStoreScheme::MicrosoftAzure => of_cloud!(MicrosoftAzureBuilder, url, patience),
        ObjectStoreScheme::Http => {
            let options = ClientOptions::new()
                // Whoever writes http:// means it.
                .with_allow_http(url.scheme() == "http")
                .with_connect_timeout(CONNECT.min(patience.timeout))
                .with_timeout(WEB_ANSWER);
            let builder = HttpBuilder::new()
                .with_url(&url[..Position::BeforePath])
                .with_client_options(options)
                .with_retry(retry(patience))
                .with_http_connector(WebConnector { timeout: patience.timeout });
            Arc::new(builder.build()?)
        }
        other => {
            return Err(Error::NotSupported { source: format!("{other:?}: {url}").into() });
        }
    };
    Ok(Connected { store, root, copy_limit })
}

fn retry(patience: Patience) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            max_backoff: LONGEST_PAUSE,
            base: GROWTH,
            ..BackoffConfig::default()
        },
        max_retries: TRIES,
        retry_timeout: patience.retry,
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} seconds", duration.as_secs())
}

/// The environment variables that object_store knows by its own names.
fn storage_variables() -> impl Iterator<Item = (String, String)> {
    let known =
        |name: &str| ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|start| name.starts_with(start));
    variables().filter(move |(name, _)| known(name))
}

/// Connects to object stores.
#[derive(Debug)]
struct CloudConnector;

impl HttpConnector for CloudConnector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(CloudService { client }))
    }
}

/// Requests to object stores: an answer that breaks off counts as none.
///
/// object_store sends a request again that gets no answer, and goes on with the content of an object
/// that broke off. All other answers, listings above all, it reads only after that, and a connection
/// that breaks then would be the end.
#[derive(Debug)]
struct CloudService {
    client: HttpClient,
}

#[async_trait]
impl HttpService for CloudService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_content = request.method().as_str() == "GET" && !is_listing(&request);
        let answer = self.client.execute(request).await?;
        if is_content {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        let broken = |error: HttpError| HttpError::new(HttpErrorKind::Interrupted, error);
        Ok(HttpResponse::from_parts(head, body.bytes().await.map_err(broken)?.into()))
    }
}

/// Whether a page of names is asked for: of S3 and Google (`list-type`), or of Azure (`comp=list`).
fn is_listing(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|part| part.starts_with("list-type=") || part == "comp=list")
}

/// A web server that does not tell what it has.
#[derive(Debug, thiserror::Error)]
#[error("the server answered PROPFIND with status {status}")]
pub(super) struct NoListing {
    status: u16,
}

/// Connects to web servers.
#[derive(Debug)]
struct WebConnector {
    timeout: Duration,
}

impl HttpConnector for WebConnector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(WebService { client, timeout: self.timeout }))
    }
}

/// Requests to web servers: each answer must begin within the timeout, and that a server has no
/// listings is told from trouble that passes.
#[derive(Debug)]
struct WebService {
    client: HttpClient,
    timeout: Duration,
}

#[async_trait]
impl HttpService for WebService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_listing = request.method().as_str() == "PROPFIND";
        let answer = tokio::time::timeout(self.timeout, self.client.execute(request)).await;
        let answer = answer.map_err(|late| HttpError::new(HttpErrorKind::Timeout, late))??;
        let status = answer.status().as_u16();
        // "Not allowed" and "not implemented": the latter would be tried again like any 5xx.
        if is_listing && matches!(status, 405 | 501) {
            return Err(HttpError::new(HttpErrorKind::Unknown, NoListing { status }));
        }
        Ok(answer)
    }
}
