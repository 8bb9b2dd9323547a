//! Looks through the footer of a Parquet file and the headers of its pages before the library does. That one goes through a list of booleans element
//! by element and takes no byte for any, so that a few bytes can keep it for days; no footer or header of ours has such a list.
//! Knows Thrift's compact protocol (apache/thrift, doc/specs/thrift-compact-protocol.md) and nothing of the rows.

use crate::error::{Error, Result};
use parquet::file::metadata::ParquetMetaData;
use std::io::{self, Read, Seek, SeekFrom};

/// More than a header of ours has: two statistics of 64 bytes, and a dozen numbers.
const PAGE_HEADER_LEN_MAX: u64 = 4096;
/// Of `PageHeader`, the field that says how long the page is.
const COMPRESSED_PAGE_SIZE: i64 = 3;
/// Structures within structures; a footer has eight.
const DEPTH_MAX: u8 = 16;

/// # Errors
/// Kind `Output` for a footer that is not made as ours are.
pub fn check_footer(file: &mut (impl Read + Seek), file_len: u64) -> Result<()> {
    let tail = read_at(file, file_len.saturating_sub(8), 8)?;
    // What has no such tail has no footer, as the library will say.
    let Ok([a, b, c, d, b'P', b'A', b'R', b'1']) = <[u8; 8]>::try_from(tail) else { return Ok(()) };
    let len = u64::from(u32::from_le_bytes([a, b, c, d]));
    let Some(begin) = (file_len - 8).checked_sub(len) else { return Ok(()) };
    let footer = read_at(file, begin, len)?;
    Thrift(&footer).structure(DEPTH_MAX, 0).map(|_| ()).ok_or_else(|| made_up("footer"))
}

/// # Errors
/// Kind `Output` for a page whose header is not made as ours are.
pub fn check_pages(file: &mut (impl Read + Seek), metadata: &ParquetMetaData) -> Result<()> {
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        let (mut at, len) = column.byte_range();
        let end = at.saturating_add(len);
        while at < end {
            let bytes = read_at(file, at, PAGE_HEADER_LEN_MAX.min(end - at))?;
            let mut header = Thrift(&bytes);
            let page_len = header.structure(DEPTH_MAX, COMPRESSED_PAGE_SIZE).flatten();
            let page_len = page_len.and_then(|len| u64::try_from(len).ok());
            let header_len = (bytes.len() - header.0.len()) as u64;
            at = page_len
                .and_then(|len| (at + header_len).checked_add(len))
                .ok_or_else(|| made_up("page header"))?;
        }
    }
    Ok(())
}

fn made_up(what: &str) -> Error {
    Error::output(format!("the file has a {what} that cannot be true: it is damaged"))
}

/// As many bytes as there are.
fn read_at(file: &mut (impl Read + Seek), at: u64, len: u64) -> Result<Vec<u8>> {
    let mut read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(at))?;
        file.take(len).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| Error::output("cannot be read").because(source))
}

/// Bytes that are yet to be read. `None` wherever they end, or hold what is refused.
struct Thrift<'a>(&'a [u8]);

impl Thrift<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn skip(&mut self, len: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(len).ok()?..)?;
        Some(())
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let zigzag = self.unsigned()?;
        Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// The fields up to the one that says there are no more; of them the number in field `wanted`.
    fn structure(&mut self, depth: u8, wanted: i64) -> Option<Option<i64>> {
        let (mut field, mut found) = (0, None);
        loop {
            let head = self.byte()?;
            let kind = head & 0x0f;
            if kind == 0 {
                return Some(found);
            }
            field = match head >> 4 {
                0 => self.signed()?,
                // A made-up field before may be the last of all.
                delta => field.wrapping_add(i64::from(delta)),
            };
            match kind {
                // Their value is in their kind.
                1 | 2 => (),
                4..=6 if field == wanted => found = Some(self.signed()?),
                kind => self.value(kind, depth)?,
            }
        }
    }

    /// A value that takes a byte at the least; booleans take none, and there is no list of them, nor a map.
    fn value(&mut self, kind: u8, depth: u8) -> Option<()> {
        match kind {
            3 => self.skip(1),
            4..=6 => self.unsigned().map(|_| ()),
            7 => self.skip(8),
            8 => {
                let len = self.unsigned()?;
                self.skip(len)
            }
            9 | 10 => self.list(depth.checked_sub(1)?),
            12 => self.structure(depth.checked_sub(1)?, 0).map(|_| ()),
            13 => self.skip(16),
            _ => None,
        }
    }

    fn list(&mut self, depth: u8) -> Option<()> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.unsigned()?,
            count => u64::from(count),
        };
        (0..count).try_for_each(|_| self.value(head & 0x0f, depth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A page's header, field by field: type, sizes, and a data page's own five numbers; then what `more` says.
    fn header(more: &[u8]) -> Vec<u8> {
        let known: &[u8] =
            &[0x15, 0, 0x15, 0xac, 2, 0x15, 0x96, 1, 0x2c, 0x15, 0x84, 0x1a, 0x15, 0x10, 0x15, 6, 0x15, 6, 0];
        [known, more, &[0]].concat()
    }

    #[test]
    fn a_header_says_how_long_its_page_is() {
        let bytes = [header(&[]), vec![7; 75]].concat();
        let mut thrift = Thrift(&bytes);
        assert_eq!(thrift.structure(DEPTH_MAX, COMPRESSED_PAGE_SIZE), Some(Some(75)));
        assert_eq!(thrift.0, [7; 75]);
        for len in 0..header(&[]).len() {
            assert_eq!(Thrift(&bytes[..len]).structure(DEPTH_MAX, COMPRESSED_PAGE_SIZE), None);
        }
    }

    #[test]
    fn lists_take_bytes() {
        let holds = |more: &[u8]| Thrift(&header(more)).structure(DEPTH_MAX, 0).is_some();
        assert!(holds(&[0x19, 0x35, 2, 4, 6]), "three numbers");
        assert!(!holds(&[0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 7, 2, 4, 6]), "more than there are");
        assert!(
            !holds(&[0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 7]),
            "booleans, which the library takes for nothing"
        );
        assert!(!holds(&[0x19, 0x29, 0x31, 0x31]), "lists of them");
        assert!(!holds(&[0x1b, 0xff, 0xff, 0xff, 0xff, 7, 0x11]), "a map of them");
        assert!(!holds(&[0x1c; 40]), "structures without an end");
    }

    #[test]
    fn a_footer_is_looked_through_and_what_has_none_is_left_to_the_library() {
        let file = |footer: &[u8], len: u32| {
            let bytes = [b"PAR1", footer, &len.to_le_bytes(), b"PAR1"].concat();
            let file_len = bytes.len() as u64;
            check_footer(&mut Cursor::new(bytes), file_len)
        };
        let (good, bad) = (header(&[]), header(&[0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 7]));
        assert!(file(&good, good.len() as u32).is_ok());
        assert!(file(&bad, bad.len() as u32).unwrap_err().to_string().contains("footer"));
        assert!(file(&good, u32::MAX).is_ok());
        assert!(check_footer(&mut Cursor::new(b"PAR"), 3).is_ok());
    }
}
