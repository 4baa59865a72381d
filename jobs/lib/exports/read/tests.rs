//! Reading does not depend on threads or pieces, and loses nothing.

use std::io::Write as _;

use arrow::datatypes::{DataType, Field, Schema};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;

use super::*;
use crate::exports::{Source, list, quarantine_schema};
use crate::hash::ContentHash;

fn source(more: &str) -> Arc<Source> {
    let text = format!(
        "description: d\nlocation: 'in/{{dt}}/*.csv'\nformat: csv\nload: events\n{more}\n\
         columns: [{{name: a, type: integer}}, {{name: b, type: string}}]\n"
    );
    Arc::new(Source::parse("things", &text).unwrap())
}

async fn store(files: &[(&str, Vec<u8>)]) -> Arc<dyn ObjectStore> {
    let store = InMemory::new();
    for (key, bytes) in files {
        store.put(&Path::from(*key), PutPayload::from(bytes.clone())).await.unwrap();
    }
    Arc::new(store)
}

async fn files(store: &Arc<dyn ObjectStore>, source: &Source, day: &str) -> Vec<ExportFile> {
    list(store, &Path::default(), source, day.parse().unwrap()).await.unwrap()
}

/// The rows of a day, as text, and what was counted.
async fn all(
    store: &Arc<dyn ObjectStore>,
    source: &Arc<Source>,
    change: impl FnOnce(&mut ReadOptions),
) -> Result<(String, Counts)> {
    let mut options = ReadOptions::new(Tz::UTC);
    options.piece_bytes = 100;
    change(&mut options);
    let files = files(store, source, "2024-02-29").await;
    let mut reader = read(Arc::clone(store), Arc::clone(source), files, options).await?;
    let (mut accepted, mut quarantined) = (Vec::new(), Vec::new());
    let schema = reader.schema();
    while let Some(rows) = reader.next().await? {
        accepted.push(rows.accepted);
        quarantined.push(rows.quarantined);
    }
    let show = |schema, batches: &[RecordBatch]| {
        let whole = arrow::compute::concat_batches(schema, batches).unwrap();
        arrow::util::pretty::pretty_format_batches(&[whole]).unwrap().to_string()
    };
    let shown = show(&schema, &accepted) + &show(&quarantine_schema(), &quarantined);
    Ok((shown, reader.finish().await?))
}

fn many_rows() -> Vec<u8> {
    let rows = (0..4000).map(|row| format!("{},\"word {}\"\n", row % 900, row % 7));
    format!("a,b\n{}x,bad\n", rows.collect::<String>()).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn repetitions_are_the_same_in_memory_and_by_a_second_pass() {
    let store = store(&[
        ("in/2024-02-29/a.csv", many_rows()),
        ("in/2024-02-29/b.csv", b"a,b\n1,word 1\n-1,new\n".to_vec()),
    ])
    .await;
    let source = source("");
    let in_memory = all(&store, &source, |_| {}).await.unwrap();
    assert_eq!(in_memory.1.read, 4003);
    // 900 and 7 share no factor, so no pair comes twice before row 6300; `b` repeats one.
    assert_eq!((in_memory.1.duplicates, in_memory.1.quarantined), (1, 1));
    for limit in [0, 1, 500, 3000] {
        let spilled = all(&store, &source, |options| options.rows_in_memory = limit).await;
        assert_eq!(spilled.unwrap(), in_memory, "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_file_of_an_earlier_day_all_rows_are_duplicates() {
    // A bad row and a repeated one among them.
    let replayed = b"a,b\n1,x\n1,x\nbad,x\n";
    let store = store(&[
        ("in/2024-02-28/a.csv", replayed.to_vec()),
        ("in/2024-02-29/b.csv", replayed.to_vec()),
        ("in/2024-02-29/c.csv", b"a,b\n1,y\n1,x\n".to_vec()),
        ("in/2024-02-29/d.csv", replayed.to_vec()),
        ("in/2024-02-29/e.csv", b"a,b\n1,y\n1,x\n".to_vec()),
    ])
    .await;
    let source = source("maximum_bad_share: 0\nduplicates: keep");
    let earlier = files(&store, &source, "2024-02-28").await;
    for (known, row_count) in [(true, Some(3)), (true, None), (false, None)] {
        let (_, counts) = all(&store, &source, |options| {
            options.earlier = earlier
                .iter()
                .map(|file| EarlierFile {
                    file: file.clone(),
                    plain: known.then(|| PlainHashes {
                        opening: ContentHash::of(replayed),
                        whole: ContentHash::of(replayed),
                    }),
                    row_count,
                })
                .collect();
            // A second pass finds the same.
            options.rows_in_memory = usize::from(known) * 1000;
        })
        .await
        .unwrap();
        assert_eq!((counts.read, counts.accepted, counts.quarantined), (10, 2, 0));
        assert_eq!((counts.duplicates, counts.judged()), (8, 2));
        let replay = (3, 3, Some("in/2024-02-28/a.csv"), None);
        let double = (2, 2, None, Some("in/2024-02-29/c.csv"));
        let files = counts.files.iter().map(|file| {
            (file.read, file.duplicates, file.replay_of.as_deref(), file.same_as.as_deref())
        });
        let files: Vec<_> = files.collect();
        assert_eq!(files, [replay, (2, 0, None, None), replay, double], "{known} {row_count:?}");
    }
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_the_same_whatever_it_is_compressed_with() {
    let rows = |last: &str| {
        let rows: String = (0..30_000).map(|row| format!("{row},x\n")).collect();
        format!("a,b\n{rows}{last}").into_bytes()
    };
    let text = rows("1,y\n");
    let zipped = zstd::encode_all(&text[..], 3).unwrap();
    // The same for more than 64 KiB, and other rows after them.
    let other = gzipped(&rows("2,y\n"));
    let damaged = gzipped(&text)[..20_000].to_vec();
    let store = store(&[
        ("in/2024-02-27/damaged.csv", damaged),
        ("in/2024-02-28/a.csv", gzipped(&text)),
        ("in/2024-02-29/a.csv", text.clone()),
        ("in/2024-02-29/b.csv", zipped.clone()),
        ("in/2024-02-29/c.csv", other.clone()),
        ("in/2024-02-29/d.csv", rows("2,y\n")),
    ])
    .await;
    let source = source("");
    let mut earlier = files(&store, &source, "2024-02-27").await;
    earlier.extend(files(&store, &source, "2024-02-28").await);
    let plain =
        PlainHashes { opening: ContentHash::of(&text[..64 * 1024]), whole: ContentHash::of(&text) };
    for known in [None, Some(plain)] {
        let (_, counts) = all(&store, &source, |options| {
            let earlier_file = |file: &ExportFile| {
                let plain = known.filter(|_| file.name.contains("-28/"));
                EarlierFile { file: file.clone(), plain, row_count: None }
            };
            options.earlier = earlier.iter().map(earlier_file).collect();
        })
        .await
        .unwrap();
        let found: Vec<_> = counts
            .files
            .iter()
            .map(|file| (file.read, file.replay_of.as_deref(), file.same_as.as_deref()))
            .collect();
        let replay = (30_001, Some("in/2024-02-28/a.csv"), None);
        let again = (30_001, None, Some("in/2024-02-29/c.csv"));
        assert_eq!(found, [replay, replay, (30_001, None, None), again]);
        // Known by its bytes it is what it is; known by what it holds, what it was before.
        assert_eq!(counts.files[1].content_hash, ContentHash::of(&zipped));
        assert_eq!(counts.files[1].plain, Some(plain));
        assert_eq!(counts.files[2].content_hash, ContentHash::of(&other));
        assert_eq!(counts.files[2].plain, counts.files[3].plain);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_rows_repeats_nothing() {
    let parquet = {
        let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
        let writer = ArrowWriter::try_new(Vec::new(), Arc::new(schema), None).unwrap();
        writer.into_inner().unwrap()
    };
    let cases = [
        ("csv", b"a,b\n".to_vec()),
        ("csv", b"a,b\n\n\n".to_vec()),
        ("csv", gzipped(b"a,b\n")),
        ("ndjson", b"\n\n".to_vec()),
        ("json", b"[]".to_vec()),
        ("parquet", parquet),
    ];
    for (format, bytes) in cases {
        let store = store(&[
            ("in/2024-02-28/a.csv", bytes.clone()),
            ("in/2024-02-29/a.csv", bytes.clone()),
            ("in/2024-02-29/b.csv", bytes.clone()),
        ])
        .await;
        let text = format!(
            "description: d\nlocation: 'in/{{dt}}/*.csv'\nformat: {format}\nload: events\n\
             missing_columns: null\n\
             columns: [{{name: a, type: integer}}, {{name: b, type: string}}]\n"
        );
        let source = Arc::new(Source::parse("things", &text).unwrap());
        let earlier = files(&store, &source, "2024-02-28").await;
        let (_, counts) = all(&store, &source, |options| {
            let hashed = |file| EarlierFile { file, plain: None, row_count: None };
            options.earlier = earlier.into_iter().map(hashed).collect();
        })
        .await
        .unwrap();
        for file in &counts.files {
            assert_eq!((&file.replay_of, &file.same_as), (&None, &None), "{format} {bytes:?}");
            assert_eq!((file.read, file.content_hash), (0, ContentHash::of(&bytes)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_dropped_stops_its_threads() {
    let rows: String = (0..200_000).map(|row| format!("{row},x\n")).collect();
    let store = store(&[("in/2024-02-29/a.csv", format!("a,b\n{rows}").into_bytes())]).await;
    let source = source("");
    let files = files(&store, &source, "2024-02-29").await;
    let mut options = ReadOptions::new(Tz::UTC);
    options.piece_bytes = 100;
    let mut reader = read(store, source, files, options).await.unwrap();
    assert!(reader.next().await.unwrap().is_some());
    let threads = std::mem::take(&mut reader.threads);
    drop(reader);
    let joined = tokio::task::spawn_blocking(move || {
        threads.into_iter().all(|thread| thread.join().is_ok())
    });
    let joined = tokio::time::timeout(std::time::Duration::from_secs(5), joined).await;
    assert!(joined.unwrap().unwrap());
}

#[tokio::test]
async fn a_file_that_vanished_is_storage_trouble() {
    let store = store(&[("in/2024-02-29/a.csv", b"a,b\n".to_vec())]).await;
    let source = source("");
    let files = files(&store, &source, "2024-02-29").await;
    store.delete(&Path::from("in/2024-02-29/a.csv")).await.unwrap();
    let reader = read(store, source, files, ReadOptions::new(Tz::UTC)).await.unwrap();
    assert_eq!(reader.finish().await.unwrap_err().kind(), Kind::Storage);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn threads_and_pieces_do_not_show_and_nothing_is_lost(
        text in "([0-9x]{0,2},[ab\"\n]{0,4}(,c)?\n){0,30}[ab\"\u{e9}]{0,3}",
        piece_bytes in 1usize..60,
        threads in 1usize..9,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let bytes = format!("a,b\n{text}").into_bytes();
            let store = store(&[("in/2024-02-29/a.csv", bytes)]).await;
            let source = source("");
            let whole = all(&store, &source, |options| {
                options.threads = 1;
                options.piece_bytes = 1 << 20;
            }).await;
            let parts = all(&store, &source, |options| {
                options.threads = threads;
                options.piece_bytes = piece_bytes;
            }).await;
            match (whole, parts) {
                (Ok(whole), Ok(parts)) => {
                    let counts = &whole.1;
                    assert_eq!(
                        counts.read, counts.accepted + counts.quarantined + counts.duplicates
                    );
                    assert_eq!(whole, parts);
                }
                (Err(whole), Err(parts)) => assert_eq!(whole.chain(), parts.chain()),
                (whole, parts) => panic!("{whole:?} {parts:?}"),
            }
        });
    }

    #[test]
    fn no_file_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        format in prop::sample::select(vec!["csv", "tsv", "ndjson", "json", "parquet"]),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let store = store(&[("in/2024-02-29/a.csv", bytes)]).await;
            let text = format!(
                "description: d\nlocation: 'in/{{dt}}/*'\nformat: {format}\nload: events\n\
                 unknown_columns: text\ncolumns: [{{name: a, type: integer}}]\n"
            );
            let source = Arc::new(Source::parse("things", &text).unwrap());
            if let Err(error) = all(&store, &source, |_| {}).await {
                assert_eq!(error.kind(), Kind::ExportBroken, "{}", error.chain());
            }
        });
    }
}
