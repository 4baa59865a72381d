//! How notices are delivered: posted by HTTP, or appended to a file; one after the other, in the
//! background, within bounded time.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{debug, warn};
use url::Url;

use crate::config::notices::Secret;

/// The pause before a second try; each later one is twice as long.
const PAUSE: Duration = Duration::from_millis(300);

/// After so many notices in a row that could not be delivered no more are tried: whoever should
/// be told is away, and waiting for them once a notice would go on for long.
const GIVE_UP_AFTER: u64 = 3;

/// Notices that wait at most; a server that is too slow for more misses the rest.
const LONGEST_QUEUE: u64 = 10_000;

/// Posts JSON to one URL.
#[derive(Debug, Clone)]
pub struct Post {
    client: Client,
    url: Url,
    headers: HeaderMap,
}

impl Post {
    /// To `url`, each try within `timeout`.
    ///
    /// Errors: what is wrong, for people.
    pub fn new(url: Url, timeout: Duration) -> Result<Post, String> {
        let client = Client::builder()
            .timeout(timeout)
            .user_agent(concat!("rapport/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Ok(Post { client, url, headers })
    }

    /// The same with a header of a value that nobody may read.
    ///
    /// Errors: what is wrong, for people.
    pub fn with_header(mut self, name: &str, Secret(value): &Secret) -> Result<Post, String> {
        let name = HeaderName::try_from(name)
            .map_err(|_| format!("`{name}` is not the name of a header"))?;
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| format!("the value of `{name}` cannot be sent in a header"))?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Posts `body`, up to `tries` times where it may still succeed.
    ///
    /// Errors: what was answered, or what went wrong, without the URL, which may be a secret.
    pub async fn send(&self, body: &str, tries: u32) -> Result<(), String> {
        let mut pause = PAUSE;
        let mut tried = 1;
        loop {
            let (what, may_pass) = match self.send_once(body).await {
                Ok(status) if status.is_success() => return Ok(()),
                Ok(status) => (format!("the answer was {status}"), is_passing(status)),
                Err(error) => (told(&error.without_url()), true),
            };
            if tried >= tries || !may_pass {
                return Err(what);
            }
            debug!("a notice is sent again: {what}");
            tokio::time::sleep(pause).await;
            pause *= 2;
            tried += 1;
        }
    }

    async fn send_once(&self, body: &str) -> reqwest::Result<StatusCode> {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone());
        Ok(request.body(body.to_string()).send().await?.status())
    }
}

/// Whether the same request may be taken later.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status)
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Where notices are delivered to.
#[derive(Debug, Clone)]
pub enum Recipient {
    /// Whoever listens at a URL.
    Post(Post),
    /// A file, a line a notice.
    File(PathBuf),
}

impl Recipient {
    async fn deliver(&self, notice: String) -> Result<(), String> {
        match self {
            Recipient::Post(post) => post.send(&notice, 2).await,
            Recipient::File(path) => {
                let path = path.clone();
                let appended = tokio::task::spawn_blocking(move || {
                    if let Some(folder) = path.parent() {
                        std::fs::create_dir_all(folder)?;
                    }
                    // One write a line: several processes may write to one file.
                    let mut file =
                        std::fs::File::options().append(true).create(true).open(&path)?;
                    file.write_all(format!("{notice}\n").as_bytes())
                });
                match appended.await {
                    Ok(written) => written.map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                }
            }
        }
    }
}

/// How many notices were delivered, and how many were not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Notices that arrived.
    pub sent_count: u64,
    /// Notices that did not, or of which nobody knows.
    pub lost_count: u64,
}

impl Counts {
    /// The sums of two counts.
    pub fn plus(self, other: Counts) -> Counts {
        Counts {
            sent_count: self.sent_count + other.sent_count,
            lost_count: self.lost_count + other.lost_count,
        }
    }
}

/// Delivers notices in the background, in order.
#[derive(Debug)]
pub struct Outbox {
    /// None once it is closed.
    queue: Mutex<Option<mpsc::UnboundedSender<String>>>,
    clerk: Mutex<Option<JoinHandle<()>>>,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    queued_count: AtomicU64,
    sent_count: AtomicU64,
    /// Those that were tried, or given up on.
    done_count: AtomicU64,
}

impl Outbox {
    /// An outbox for `recipient`. It needs the runtime that it is made in.
    pub fn open(recipient: Recipient) -> Outbox {
        let (queue, notices) = mpsc::unbounded_channel();
        let progress = Arc::<Progress>::default();
        let clerk = tokio::spawn(deliver_all(recipient, notices, Arc::clone(&progress)));
        Outbox { queue: Mutex::new(Some(queue)), clerk: Mutex::new(Some(clerk)), progress }
    }

    /// Takes a notice, and returns at once.
    pub fn put(&self, notice: String) {
        let queued = self.progress.queued_count.fetch_add(1, Ordering::Relaxed);
        if queued - self.progress.done_count.load(Ordering::Relaxed) >= LONGEST_QUEUE {
            return;
        }
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = &*queue {
            let _ = queue.send(notice);
        }
    }

    /// Waits until all is delivered, no longer than `limit`, and tells how much was.
    pub async fn close(&self, limit: Duration) -> Counts {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let clerk = self.clerk.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut clerk) = clerk
            && tokio::time::timeout(limit, &mut clerk).await.is_err()
        {
            clerk.abort();
        }
        let sent_count = self.progress.sent_count.load(Ordering::Relaxed);
        let queued_count = self.progress.queued_count.load(Ordering::Relaxed);
        Counts { sent_count, lost_count: queued_count.saturating_sub(sent_count) }
    }
}

async fn deliver_all(
    recipient: Recipient,
    mut notices: mpsc::UnboundedReceiver<String>,
    progress: Arc<Progress>,
) {
    let mut lost_in_a_row = 0;
    while let Some(notice) = notices.recv().await {
        if lost_in_a_row < GIVE_UP_AFTER {
            match recipient.deliver(notice).await {
                Ok(()) => {
                    lost_in_a_row = 0;
                    progress.sent_count.fetch_add(1, Ordering::Relaxed);
                }
                Err(what) => {
                    lost_in_a_row += 1;
                    let is_last = lost_in_a_row == GIVE_UP_AFTER;
                    let what = if is_last { format!("{what}; no more are tried") } else { what };
                    warn!("failed to deliver an event: {what}");
                }
            }
        }
        progress.done_count.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_to_a_file_is_there_in_order_when_the_outbox_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/events.ndjson");
        for round in 0..2 {
            let outbox = Outbox::open(Recipient::File(path.clone()));
            for number in 0..50 {
                outbox.put(format!("{{\"number\":{}}}", round * 50 + number));
            }
            let counts = outbox.close(Duration::from_secs(10)).await;
            assert_eq!(counts, Counts { sent_count: 50, lost_count: 0 });
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let expected: String =
            (0..100).map(|number| format!("{{\"number\":{number}}}\n")).collect();
        assert_eq!(text, expected);
    }

    #[tokio::test]
    async fn where_nothing_arrives_the_outbox_gives_up_and_counts() {
        let folder = tempfile::tempdir().unwrap();
        // A folder is no file.
        let outbox = Outbox::open(Recipient::File(folder.path().to_path_buf()));
        for _ in 0..20 {
            outbox.put("{}".to_string());
        }
        let counts = outbox.close(Duration::from_secs(10)).await;
        assert_eq!(counts, Counts { sent_count: 0, lost_count: 20 });

        // A listener that never answers.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let post = Post::new(url, Duration::from_secs(30)).unwrap();
        let outbox = Outbox::open(Recipient::Post(post));
        outbox.put("{}".to_string());
        let counts = outbox.close(Duration::from_millis(50)).await;
        assert_eq!(counts, Counts { sent_count: 0, lost_count: 1 });
    }
}
