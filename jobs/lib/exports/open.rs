//! Opens an export file: bytes from the store, hashed as they pass, decompressed, as UTF-8.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use encoding_rs::{Decoder, DecoderResult, Encoding};
use futures::StreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::location::ExportFile;
use super::misread::{Misread, Misreading};
use super::source::{Compression, Source};
use crate::errors::{Error, Kind, Result};
use crate::exports::gzip::Gzip;
use crate::hash::{ContentHash, Hasher, PlainHashes};
use crate::lake;
use crate::lake::fetch::{Content, fetch};

/// Bytes read from the store at a time.
const READ_BYTES: usize = 256 * 1024;

/// The byte order mark in UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Decompressed bytes at a file's start that tell most files apart.
const OPENING_BYTES: u64 = 64 * 1024;

/// The bytes of a file as the store has them.
struct RawFile {
    reader: Box<dyn Read + Send>,
    progress: Arc<Mutex<Progress>>,
}

/// How much of a file has passed, and its hash.
#[derive(Default)]
struct Progress {
    hasher: Hasher,
    byte_count: u64,
    /// Of what came out of decompression, where there is any.
    plain: Option<Hasher>,
}

/// A hand on a file that somebody else reads.
#[derive(Clone)]
pub(super) struct Meter(Arc<Mutex<Progress>>);

impl Meter {
    /// Bytes read from the store so far.
    pub fn byte_count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).byte_count
    }

    /// The hash of the bytes read so far.
    pub fn content_hash(&self) -> ContentHash {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).hasher.finish()
    }

    /// The hashes of what the file holds, once all of it was read; `opening` is that of its start.
    pub fn plain_hashes(&self, opening: ContentHash) -> PlainHashes {
        let progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = progress.plain.as_ref().unwrap_or(&progress.hasher).finish();
        PlainHashes { opening, whole }
    }
}

/// A file that is open: its content, decompressed.
pub(super) struct OpenedFile {
    pub content: Box<dyn Read + Send>,
    pub meter: Meter,
    /// The hash of the content's first bytes.
    pub opening: ContentHash,
}

impl OpenedFile {
    /// Opens `file`. Must be called from a thread that may block, never from the runtime's own.
    ///
    /// Errors: `Storage`; `ExportBroken` where its compression is none, or other than it claims.
    pub fn open(
        source: &Source,
        store: &Arc<dyn ObjectStore>,
        file: &ExportFile,
        runtime: &Handle,
    ) -> Result<Self> {
        let raw = RawFile::open(store, file, runtime)?;
        let meter = raw.meter();
        let mut content = decompressed(source, &file.name, raw)?;
        let first = first_bytes(&mut content, OPENING_BYTES)
            .map_err(|error| read_error(source, &file.name, &meter, error))?;
        let opening = ContentHash::of(&first);
        Ok(OpenedFile { content: Box::new(Cursor::new(first).chain(content)), meter, opening })
    }
}

/// Hashes what comes out of decompression.
struct HashedPlain<R> {
    reader: R,
    progress: Arc<Mutex<Progress>>,
}

impl<R: Read> HashedPlain<R> {
    fn new(reader: R, meter: &Meter) -> Self {
        let progress = Arc::clone(&meter.0);
        progress.lock().unwrap_or_else(PoisonError::into_inner).plain = Some(Hasher::default());
        HashedPlain { reader, progress }
    }
}

impl<R: Read> Read for HashedPlain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hasher) = &mut progress.plain {
            hasher.update(&buffer[..count]);
        }
        Ok(count)
    }
}

impl RawFile {
    /// Opens `file`. Must be called from a thread that may block, never from the runtime's own.
    fn open(store: &Arc<dyn ObjectStore>, file: &ExportFile, runtime: &Handle) -> Result<Self> {
        let failed = |error: object_store::Error| storage_error(file, error);
        let content = fetch(store, &file.location, file.byte_count);
        let reader: Box<dyn Read + Send> = match runtime.block_on(content).map_err(failed)? {
            Content::File(content) => {
                Box::new(LocalReader { content, location: file.location.clone() })
            }
            Content::Stream(mut stream) => {
                let (sender, receiver) = mpsc::channel(1);
                // The task ends when the reader is dropped: its next send fails.
                runtime.spawn(async move {
                    while let Some(piece) = stream.next().await {
                        if sender.send(piece).await.is_err() {
                            return;
                        }
                    }
                });
                Box::new(StreamReader { receiver, piece: Bytes::new(), file: file.clone() })
            }
        };
        Ok(RawFile { reader, progress: Arc::default() })
    }

    fn meter(&self) -> Meter {
        Meter(Arc::clone(&self.progress))
    }
}

impl Read for RawFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.hasher.update(&buffer[..count]);
        progress.byte_count += count as u64;
        Ok(count)
    }
}

fn storage_error(file: &ExportFile, error: object_store::Error) -> Error {
    lake::failure(format!("read `{}` from the landing zone", file.location), error)
}

/// A file of the local file system. What the system says against reading it is trouble with storage,
/// and none of the file's own.
struct LocalReader<R> {
    content: R,
    location: Path,
}

impl<R: Read> Read for LocalReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer).map_err(|error| match error.kind() {
            // Not an error: whoever reads tries again.
            io::ErrorKind::Interrupted => error,
            _ => {
                let what = format!("read `{}` from the landing zone", self.location);
                io::Error::other(Error::new(Kind::Storage, what).because(error))
            }
        })
    }
}

/// What the store streams, for code that blocks.
struct StreamReader {
    receiver: mpsc::Receiver<object_store::Result<Bytes>>,
    piece: Bytes,
    file: ExportFile,
}

impl Read for StreamReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                None => return Ok(0),
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => {
                    return Err(io::Error::other(storage_error(&self.file, error)));
                }
            }
        }
        let count = buffer.len().min(self.piece.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}

/// Tells a failure of reading `file`: the store's own, or the file's.
pub(super) fn read_error(source: &Source, file: &str, meter: &Meter, error: io::Error) -> Error {
    if let Some(misread) = error.get_ref().and_then(|inner| inner.downcast_ref::<Misread>()) {
        return source.broken(file, misread);
    }
    let is_ours = error.get_ref().is_some_and(|inner| inner.is::<Error>());
    if is_ours && let Some(Ok(ours)) = error.into_inner().map(|inner| inner.downcast::<Error>()) {
        return *ours;
    }
    // The decoders say no more than that they failed; the place is what helps.
    source.broken(
        file,
        format!("its compressed data is damaged or cut short near byte {}", meter.byte_count()),
    )
}

/// The file's content, decompressed.
fn decompressed(source: &Source, name: &str, raw: RawFile) -> Result<Box<dyn Read + Send>> {
    let meter = raw.meter();
    let mut raw = BufReader::with_capacity(READ_BYTES, raw);
    let first =
        first_bytes(&mut raw, 16).map_err(|error| read_error(source, name, &meter, error))?;
    let found = by_magic(&first);
    let compression = match source.compression {
        Compression::Auto => {
            let claimed = by_name(name);
            if let Some(unread) = unread_by_name(name).filter(|_| !first.is_empty()) {
                let what = format!("by its name it is compressed as {unread}, {WHAT_IS_READ}");
                return Err(source.broken(name, what));
            }
            if claimed != Compression::None && found != claimed && !first.is_empty() {
                let what = format!("its name says {}, its first bytes do not", shown(claimed));
                return Err(source.broken(name, what));
            }
            found
        }
        Compression::None => Compression::None,
        declared => {
            if found != declared && !first.is_empty() {
                let what = format!("it is declared {}, its first bytes are not", shown(declared));
                return Err(source.broken(name, what));
            }
            declared
        }
    };
    let raw = Cursor::new(first).chain(raw);
    let content: Box<dyn Read + Send> = match compression {
        Compression::Auto | Compression::None => return Ok(Box::new(raw)),
        Compression::Gzip => Box::new(Gzip::new(raw)),
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::new(raw)
                .map_err(|error| read_error(source, name, &meter, error))?;
            Box::new(decoder)
        }
        Compression::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(raw)),
        Compression::Xz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(raw)),
    };
    let mut content = HashedPlain::new(content, &meter);
    let within =
        first_bytes(&mut content, 16).map_err(|error| read_error(source, name, &meter, error))?;
    match by_magic(&within) {
        Compression::None => Ok(Box::new(Cursor::new(within).chain(content))),
        twice => {
            let what = format!(
                "it is compressed twice: within its {} is {}; expected one compression",
                shown(compression),
                shown(twice)
            );
            Err(source.broken(name, what))
        }
    }
}

/// What to do about a compression that is not read.
const WHAT_IS_READ: &str = "which is not read: expected gzip, zstd, bzip2, xz or none";

/// The compression that a name tells, where it is one that is not read.
fn unread_by_name(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "lz4" => "LZ4",
        "lzma" => "LZMA",
        "br" => "Brotli",
        "sz" | "snappy" => "Snappy",
        "lzo" => "LZO",
        "z" => "compress (.Z)",
        "7z" => "a 7-Zip archive",
        "rar" => "a RAR archive",
        _ => return None,
    })
}

/// The compression that the first bytes tell, where it is one that is not read.
fn unread_by_magic(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => "LZ4",
        // The usual properties, and the lower half of the size of a dictionary.
        [0x5d, 0, 0, ..] => "LZMA",
        [0x1f, 0x9d, ..] => "compress (.Z)",
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => "a 7-Zip archive",
        [b'R', b'a', b'r', b'!', 0x1a, 0x07, ..] => "a RAR archive",
        [0xff, 0x06, 0, 0, b's', b'N', b'a', b'P', b'p', b'Y', ..] => "Snappy",
        _ => return None,
    })
}

/// Up to `count` bytes from the start of `reader`.
pub(super) fn first_bytes(reader: &mut impl Read, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn by_magic(bytes: &[u8]) -> Compression {
    match bytes {
        [0x1f, 0x8b, 8, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        // A frame that decoders skip may come first.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
        // The block's mark after the letters, for text may begin with `BZh`.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Compression::Bzip2,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, ..] => Compression::Bzip2,
        _ => Compression::None,
    }
}

fn by_name(name: &str) -> Compression {
    match name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).as_deref() {
        Some("gz" | "gzip") => Compression::Gzip,
        Some("zst" | "zstd") => Compression::Zstd,
        Some("bz2") => Compression::Bzip2,
        Some("xz") => Compression::Xz,
        _ => Compression::None,
    }
}

fn shown(compression: Compression) -> &'static str {
    match compression {
        Compression::Auto | Compression::None => "plain",
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
        Compression::Bzip2 => "bzip2",
        Compression::Xz => "xz",
    }
}

/// The content as UTF-8, without a byte order mark.
///
/// Bytes that the declared encoding does not have come out as 0xFF, which UTF-8 does not have
/// either: the rows they are in are found out where rows are told apart. Errors: `ExportBroken`
/// for a file that is evidently in another encoding, or no text at all. That it is UTF-8 where
/// another is declared is told at its end.
pub(super) fn as_utf8(
    source: &Source,
    name: &str,
    mut reader: Box<dyn Read + Send>,
    meter: &Meter,
) -> Result<Box<dyn Read + Send>> {
    let mut first =
        first_bytes(&mut reader, 4096).map_err(|error| read_error(source, name, meter, error))?;
    let mut encoding = source.encoding;
    let is_utf16 = |encoding: &Encoding| {
        encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE
    };
    if first.starts_with(b"\xff\xfe\0\0") || first.starts_with(b"\0\0\xfe\xff") {
        let what = "it begins with the mark of UTF-32 at byte 0, which is not read: expected UTF-8 \
                    or an encoding of the WHATWG Encoding Standard";
        return Err(source.broken(name, what));
    }
    if let Some((marked, length)) = Encoding::for_bom(&first) {
        if is_utf16(marked) && !is_utf16(encoding) {
            let what = format!(
                "it begins with the mark of {} at byte 0, and is declared {}: set `encoding: utf-16`",
                marked.name(),
                encoding.name()
            );
            return Err(source.broken(name, what));
        }
        encoding = marked;
        first.drain(..length);
        // Programs that add the mark to what has it already make two.
        while encoding == encoding_rs::UTF_8 && first.starts_with(BYTE_ORDER_MARK) {
            first.drain(..length);
        }
    }
    refuse_what_is_no_text(source, name, &first, is_utf16(encoding))?;
    let chained = Cursor::new(first).chain(reader);
    if encoding == encoding_rs::UTF_8 {
        return Ok(Box::new(chained));
    }
    // Bytes of UTF-16 are never UTF-8 beyond ASCII by more than chance.
    let misreading = (!is_utf16(encoding)).then(|| Misreading::new(encoding));
    Ok(Box::new(Transcoder::new(chained, encoding, misreading)))
}

fn refuse_what_is_no_text(source: &Source, name: &str, first: &[u8], is_utf16: bool) -> Result<()> {
    for (magic, what) in [
        (&b"PAR1"[..], "a Parquet file"),
        (b"PK\x03\x04", "a zip archive (or a spreadsheet)"),
        (b"\xd0\xcf\x11\xe0", "an old spreadsheet or document"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ", "xz"),
        (b"%PDF-", "a PDF"),
        (b"ORC\x01", "an ORC file"),
        (b"Obj\x01", "an Avro file"),
    ] {
        if first.starts_with(magic) {
            return Err(source.broken(name, format!("its first bytes are those of {what}")));
        }
    }
    if let Some(unread) = unread_by_magic(first) {
        let what = format!("its first bytes are those of {unread}, {WHAT_IS_READ}");
        return Err(source.broken(name, what));
    }
    let start: Vec<u8> = first
        .iter()
        .skip_while(|byte| byte.is_ascii_whitespace())
        .take(14)
        .map(u8::to_ascii_lowercase)
        .collect();
    for page in [&b"<!doctype"[..], b"<html", b"<?xml", b"<error"] {
        if start.starts_with(page) {
            let what = "it is a page of HTML or XML (an error message in place of the export?)";
            return Err(source.broken(name, what));
        }
    }
    if is_utf16 {
        return Ok(());
    }
    let nul_count = memchr::memchr_iter(0, first).count();
    // A stray NUL makes one bad row; where they abound, the file is no text in this encoding.
    if nul_count * 10 > first.len() {
        let at = memchr::memchr(0, first).unwrap_or(0);
        let what = format!(
            "it has {nul_count} NUL bytes among its first {}, the first at byte {at}: it is binary, \
             or UTF-16 that is not declared",
            first.len()
        );
        return Err(source.broken(name, what));
    }
    Ok(())
}

/// Any encoding into UTF-8.
struct Transcoder<R> {
    reader: R,
    decoder: Decoder,
    input: Vec<u8>,
    output: Vec<u8>,
    given: usize,
    is_done: bool,
    misreading: Option<Misreading>,
}

impl<R: Read> Transcoder<R> {
    fn new(reader: R, encoding: &'static Encoding, misreading: Option<Misreading>) -> Self {
        Transcoder {
            reader,
            decoder: encoding.new_decoder_without_bom_handling(),
            input: Vec::new(),
            output: Vec::new(),
            given: 0,
            is_done: false,
            misreading,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.input.clear();
        self.output.clear();
        self.given = 0;
        let count = self.reader.by_ref().take(64 * 1024).read_to_end(&mut self.input)?;
        let is_last = count == 0;
        if let Some(misreading) = &mut self.misreading {
            misreading.look(&self.input);
            if is_last && let Some(misread) = misreading.verdict() {
                return Err(io::Error::other(misread));
            }
        }
        let mut input = &self.input[..];
        let mut buffer = [0u8; 8 * 1024];
        loop {
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(input, &mut buffer, is_last);
            self.output.extend_from_slice(&buffer[..written]);
            input = input.get(read..).unwrap_or_default();
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.output.push(0xff),
            }
        }
        self.is_done = is_last;
        Ok(())
    }
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.output.len() && !self.is_done {
            self.fill()?;
        }
        let rest = &self.output[self.given..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

/// Reads what is left.
pub(super) fn drain(reader: &mut impl Read) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    while reader.read(&mut buffer)? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undecodable_bytes_become_bytes_that_utf8_lacks() {
        let decode = |encoding: &'static Encoding, bytes: &[u8]| {
            let mut out = Vec::new();
            Transcoder::new(bytes, encoding, None).read_to_end(&mut out).unwrap();
            out
        };
        assert_eq!(decode(encoding_rs::WINDOWS_1252, b"caf\xe9\n"), "café\n".as_bytes());
        assert_eq!(decode(encoding_rs::SHIFT_JIS, b"a\xff\nb"), b"a\xff\nb");
        assert_eq!(decode(encoding_rs::UTF_16LE, b"a\0\n\0b"), b"a\n\xff");
    }

    /// A file on a disk that fails.
    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }

    #[test]
    fn a_failing_disk_is_trouble_with_storage() {
        let mut reader = LocalReader { content: Failing, location: Path::from("shop/a.csv") };
        let error = reader.read(&mut [0; 8]).unwrap_err();
        let ours = error.into_inner().unwrap().downcast::<Error>().unwrap();
        assert_eq!(ours.kind(), Kind::Storage);
        assert!(ours.chain().contains("read `shop/a.csv` from the landing zone"), "{ours:?}");
    }

    #[test]
    fn compressions_are_told_by_bytes_and_names() {
        assert_eq!(by_magic(b"BZhello, world"), Compression::None);
        assert_eq!(by_name("a/b.CSV.GZ"), Compression::Gzip);
        assert_eq!(by_name("a.b/c"), Compression::None);
        assert_eq!(unread_by_name("a/b.csv.LZ4"), Some("LZ4"));
        assert_eq!(unread_by_name("a.lz4/b.csv"), None);
        assert_eq!(unread_by_name("lz4"), None);
        assert_eq!(unread_by_magic(b"\x5d\x00\x00\x80\x00"), Some("LZMA"));
        assert_eq!(unread_by_magic(b"]]\n"), None);
        assert_eq!(unread_by_magic(b""), None);
    }
}
