//! Tells a file of UTF-8 that is declared to be in another encoding.
//!
//! Nearly every encoding of one byte a character reads any bytes whatever: `José` in UTF-8 comes
//! out as `JosÃ©`, and nobody is told. The other way round it is no accident: what people write in
//! those encodings is hardly ever UTF-8, because there a byte that begins a character of several
//! stands for a letter, and one that goes on with it for a sign. `NESCAFÉ®` is the exception, so
//! not everything that could be UTF-8 tells that it is.

use std::borrow::Cow;
use std::fmt;

use encoding_rs::Encoding;

/// What the bytes of a file say about its encoding, gathered while they pass.
#[derive(Debug)]
pub(super) struct Misreading {
    declared: &'static Encoding,
    /// The first bytes of a character whose last ones are still to come.
    begun: Vec<u8>,
    before: Before,
    place: Place,
    /// Characters of UTF-8 that texts in the declared encoding do not come to.
    telling_count: u64,
    first_telling: Option<Place>,
    /// Bytes beyond ASCII that are no UTF-8.
    foreign_count: u64,
}

/// What stands before the byte to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    SmallLetter,
    /// A character of several bytes.
    BeyondAscii,
    Anything,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    byte: u64,
    line_feeds: u64,
    carriage_returns: u64,
}

impl Place {
    fn pass(&mut self, bytes: &[u8]) {
        self.byte += bytes.len() as u64;
        self.line_feeds += memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.carriage_returns += memchr::memchr_iter(b'\r', bytes).count() as u64;
    }

    /// From 1; files of old Macs have carriage returns alone.
    fn line(&self) -> u64 {
        1 + if self.line_feeds == 0 { self.carriage_returns } else { self.line_feeds }
    }
}

/// A file that is UTF-8, and declared otherwise.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misread {
    declared: &'static str,
    byte: u64,
    line: u64,
    character_count: u64,
    foreign_count: u64,
}

impl fmt::Display for Misread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Misread { declared, byte, line, character_count, foreign_count } = self;
        write!(
            out,
            "it is read as {declared}, and beyond ASCII it has {character_count} characters of \
             UTF-8, the first on line {line}, byte {byte}, and {foreign_count} bytes that are none: \
             set `encoding: utf-8`"
        )
    }
}

impl std::error::Error for Misread {}

impl Misreading {
    /// Of a file that is read in an encoding other than UTF-8 and UTF-16.
    pub fn new(declared: &'static Encoding) -> Self {
        Misreading {
            declared,
            begun: Vec::new(),
            before: Before::Anything,
            place: Place::default(),
            telling_count: 0,
            first_telling: None,
            foreign_count: 0,
        }
    }

    /// Looks at the next bytes of the file.
    pub fn look(&mut self, bytes: &[u8]) {
        let bytes = match self.begun.is_empty() {
            true => Cow::Borrowed(bytes),
            false => Cow::Owned([&std::mem::take(&mut self.begun), bytes].concat()),
        };
        let mut at = 0;
        for chunk in bytes.utf8_chunks() {
            self.valid(chunk.valid());
            let invalid = chunk.invalid();
            at += chunk.valid().len() + invalid.len();
            if at == bytes.len() && is_a_beginning(invalid) {
                self.begun = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.foreign(invalid);
            }
        }
    }

    /// Whether the file, which is over, is UTF-8: most of what it has beyond ASCII says so.
    pub fn verdict(&mut self) -> Option<Misread> {
        if !self.begun.is_empty() {
            let begun = std::mem::take(&mut self.begun);
            self.foreign(&begun);
        }
        let first = self.first_telling?;
        (self.telling_count > self.foreign_count).then(|| Misread {
            declared: self.declared.name(),
            byte: first.byte,
            line: first.line(),
            character_count: self.telling_count,
            foreign_count: self.foreign_count,
        })
    }

    fn foreign(&mut self, bytes: &[u8]) {
        self.place.pass(bytes);
        self.foreign_count += 1;
        self.before = Before::Anything;
    }

    fn valid(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let (ascii, others) = rest.split_at(Encoding::ascii_valid_up_to(rest.as_bytes()));
            self.place.pass(ascii.as_bytes());
            match ascii.as_bytes().last() {
                Some(last) if last.is_ascii_lowercase() => self.before = Before::SmallLetter,
                Some(_) => self.before = Before::Anything,
                None => {}
            }
            let Some(one) = others.chars().next() else { return };
            let (character, after) = others.split_at(one.len_utf8());
            if self.is_telling(one, character.as_bytes()) {
                self.telling_count += 1;
                self.first_telling.get_or_insert(self.place);
            }
            self.place.pass(character.as_bytes());
            self.before = Before::BeyondAscii;
            rest = after;
        }
    }

    /// Whether no text of the declared encoding has the bytes of `one` at this place.
    ///
    /// A letter and a sign at the end of a word in capitals, such as `É®`, it may have. Not so three
    /// and more such bytes, nor several such pairs in a row, nor a capital right after a small
    /// letter. And `Ã` and `Â`, with which most of what western languages write in UTF-8 begins,
    /// are letters that end no words.
    fn is_telling(&self, one: char, bytes: &[u8]) -> bool {
        let is_western = u32::from(one) < 0x100;
        bytes.len() > 2
            || is_western
            || match self.before {
                Before::BeyondAscii => true,
                Before::SmallLetter => self.is_capital(bytes[0]),
                Before::Anything => false,
            }
    }

    fn is_capital(&self, byte: u8) -> bool {
        let bytes = [byte];
        let read = self.declared.decode_without_bom_handling_and_without_replacement(&bytes);
        read.is_some_and(|text| text.chars().all(char::is_uppercase))
    }
}

/// Whether more bytes could make a character of these.
fn is_a_beginning(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(declared: &'static Encoding, bytes: &[u8]) -> Option<Misread> {
        let whole = {
            let mut misreading = Misreading::new(declared);
            misreading.look(bytes);
            misreading.verdict()
        };
        for size in 1..5 {
            let mut misreading = Misreading::new(declared);
            bytes.chunks(size).for_each(|piece| misreading.look(piece));
            assert_eq!(misreading.verdict(), whole, "{size}");
        }
        whole
    }

    #[test]
    fn utf_8_is_told_whatever_is_declared() {
        for (label, text) in [
            ("windows-1252", "José"),
            ("windows-1252", "être"),
            ("windows-1252", "12 €"),
            ("windows-1252", "it’s"),
            ("windows-1252", "😀"),
            ("iso-8859-15", "Müller"),
            ("iso-8859-2", "Paweł"),
            ("windows-1250", "Wałęsa"),
            ("windows-1250", "ŁÓDŹ"),
            ("windows-1251", "Иван"),
            ("koi8-r", "Иван"),
            ("windows-1253", "Ελένη"),
            ("windows-1254", "Ayşe"),
            ("macintosh", "José"),
            ("ibm866", "Иван"),
            ("shift_jis", "東京"),
            ("gbk", "北京"),
        ] {
            let declared = Encoding::for_label(label.as_bytes()).unwrap();
            let told = verdict(declared, format!("id,name\n1,{text}\n").as_bytes());
            let told = told.unwrap_or_else(|| panic!("{text} as {label}"));
            assert_eq!((told.line, told.foreign_count), (2, 0), "{text} as {label}");
        }
    }

    #[test]
    fn texts_of_the_declared_encoding_are_left_alone() {
        for (label, text) in [
            ("windows-1252", "NESCAFÉ®, NESTLÉ™ et ROSÉ…"),
            ("windows-1252", "«À la carte» — 12 €, “l’été”, MANHÃ, pâté"),
            ("windows-1252", "Größe: 5°, 3½ µm, São Paulo, Ångström, BLÅ\u{a0}"),
            ("iso-8859-15", "œuvre, 20 €"),
            ("windows-1250", "Łódź, „CASĂ”, Škoda, Żółw"),
            ("windows-1251", "ООО «Ромашка», №5, В\u{a0}Москве ёлка"),
            ("koi8-r", "Ёлка в лесу"),
            ("ibm866", "шаг за шагом, раб и кот"),
            ("windows-1253", "Ελένη Παπαδοπούλου"),
            ("windows-1254", "Ayşe Çağ, IŞIK"),
            ("macintosh", "l’État, d’été, “École”, mot–été"),
            ("windows-874", "เกมและกาแฟ"),
            ("shift_jis", "東京都千代田区"),
            ("gbk", "北京联通"),
        ] {
            let declared = Encoding::for_label(label.as_bytes()).unwrap();
            let (bytes, _, is_lossy) = declared.encode(text);
            assert!(!is_lossy, "{label}");
            assert_eq!(verdict(declared, &bytes), None, "{text} in {label}");
        }
    }

    #[test]
    fn a_character_cut_in_two_does_not_hide_what_the_rest_is() {
        let mut bytes = "José,Zoë,Jos".as_bytes().to_vec();
        bytes.push(0xc3);
        let told = verdict(encoding_rs::WINDOWS_1252, &bytes).unwrap();
        assert_eq!((told.character_count, told.foreign_count, told.byte), (2, 1, 3));
    }

    #[test]
    fn garbage_that_a_system_exports_as_it_is_does_not_stop_a_file() {
        let (bytes, ..) = encoding_rs::WINDOWS_1252.encode("José, Zoë, Müller, JosÃ©");
        assert_eq!(verdict(encoding_rs::WINDOWS_1252, &bytes), None);
    }

    #[test]
    fn lines_of_old_macs_count_too() {
        let told = verdict(encoding_rs::WINDOWS_1252, "a\rb\rJosé".as_bytes()).unwrap();
        assert_eq!((told.line, told.byte), (3, 7));
        let told = verdict(encoding_rs::WINDOWS_1252, "a\r\nb\r\nJosé".as_bytes()).unwrap();
        assert_eq!((told.line, told.byte), (3, 9));
    }
}
