//! Gzip as it comes from tapes and fixed-size blocks: members one after the other, and perhaps
//! zeros after the last, which `gzip -d` ignores.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The content of all members of a gzip file.
pub(super) struct Gzip<R> {
    /// The member at hand; none after the last.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gzip<R> {
    pub fn new(raw: R) -> Self {
        Gzip { member: Some(GzDecoder::new(raw)) }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let rest = self.member.take().map(GzDecoder::into_inner);
            self.member = rest.map(next_member).transpose()?.flatten();
        }
        Ok(0)
    }
}

/// The member that follows; none where nothing but zeros does.
fn next_member<R: BufRead>(mut raw: R) -> io::Result<Option<GzDecoder<R>>> {
    loop {
        let available = raw.fill_buf()?;
        if available.is_empty() {
            return Ok(None);
        }
        let zeros = available.iter().take_while(|byte| **byte == 0).count();
        if zeros == 0 {
            return Ok(Some(GzDecoder::new(raw)));
        }
        raw.consume(zeros);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write as _};

    use super::*;

    fn member(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        // A buffer smaller than what stands between the members.
        Gzip::new(BufReader::with_capacity(7, bytes)).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn members_follow_each_other_and_zeros_the_last() {
        let (a, b) = (member("a,b\n1,2\n"), member("3,4\n"));
        let zeros = vec![0; 500];
        assert_eq!(read(&a).unwrap(), "a,b\n1,2\n");
        assert_eq!(read(&[&a[..], &b].concat()).unwrap(), "a,b\n1,2\n3,4\n");
        assert_eq!(read(&[&a[..], &b, &zeros].concat()).unwrap(), "a,b\n1,2\n3,4\n");
        assert_eq!(read(&[&member("")[..], &b].concat()).unwrap(), "3,4\n");
        assert!(read(&[&a[..], &b[..b.len() - 1]].concat()).is_err());
        assert!(read(&[&a[..], b"trailing text"].concat()).is_err());
        assert!(read(&zeros).is_err());
    }
}
