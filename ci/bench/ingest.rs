//! Ingests one file as its source declares, and prints what it took: one side of the benchmark.
//!
//! `bench_ingest SOURCE.yaml LANDING OUTPUT.parquet [THREADS]`

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, path};
use rapport::exports::{ReadOptions, Source, list, read};
use rapport::lake::parquet_sink::ParquetSink;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, landing, output, threads @ ..] = arguments.as_slice() else {
        return Err("usage: bench_ingest SOURCE.yaml LANDING OUTPUT.parquet [THREADS]".into());
    };
    let source = Arc::new(Source::read(Path::new(source))?);
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(landing)?);
    let output = Path::new(output);
    let folder = output.parent().ok_or("the output has no folder")?;
    let target: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder)?);
    let name = output.file_name().ok_or("the output has no name")?.to_string_lossy();
    let mut options = ReadOptions::new(chrono_tz::Tz::UTC);
    if let Some(threads) = threads.first() {
        options.threads = threads.parse()?;
    }

    let started = Instant::now();
    let day = "2024-02-29".parse()?;
    let files = list(&store, &path::Path::default(), &source, day).await?;
    let mut reader = read(store, source, files, options).await?;
    let is_dry = name == "none";
    let mut sink =
        ParquetSink::create(target, path::Path::from(&*name), reader.schema(), &[]).await?;
    while let Some(rows) = reader.next().await? {
        if !is_dry {
            sink.write(&rows.accepted).await?;
        }
    }
    let counts = reader.finish().await?;
    let written = sink.finish().await?;
    let result = serde_json::json!({
        "seconds": started.elapsed().as_secs_f64(),
        "read": counts.read,
        "accepted": counts.accepted,
        "quarantined": counts.quarantined,
        "duplicates": counts.duplicates,
        "bytes_written": written.byte_count,
        "content_hash": written.content_hash.to_string(),
        "peak_memory_mib": peak_memory_mib(),
    });
    #[allow(clippy::print_stdout)] // the driver reads it
    {
        println!("{result}");
    }
    Ok(())
}

/// The most memory the process ever had resident, where the system tells.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes / 1024)
}
