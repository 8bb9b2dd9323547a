//! Reads the fields of a protobuf message, borrowed. Knows no message by name.
//! <https://protobuf.dev/programming-guides/encoding/>

use crate::error::{Error, Result};

/// The value of a field, as its wire type holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64,
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// Field numbers and values in file order. Stops at the first error.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Fields { rest: message }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for index in 0..10 {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7F) << (7 * index);
            if byte < 0x80 {
                // The tenth byte has room for one bit.
                return (index < 9 || byte < 2).then_some(value);
            }
        }
        None
    }

    fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(len).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, Wire<'a>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => self.take(8).map(|_| Wire::Fixed64)?,
            2 => {
                let len = self.varint()?;
                Wire::Bytes(self.take(len)?)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or_else(|| Error::model("the file is cut off or is not a protobuf message")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_broken_ones_end_it() {
        let read = |bytes: &[u8]| -> Vec<String> {
            Fields::new(bytes).map(|field| field.map_or("broken".to_owned(), |f| format!("{f:?}"))).collect()
        };
        assert_eq!(read(&[0x08, 0x96, 0x01]), ["(1, Varint(150))"]);
        assert_eq!(
            read(&[0x12, 2, 7, 8, 0x1D, 0, 0, 0, 1]),
            ["(2, Bytes([7, 8]))", "(3, Fixed32(16777216))"]
        );
        assert_eq!(read(&[0x12, 3, 7]), ["broken"]);
        assert_eq!(read(&[0x08, 1, 0x0B]), ["(1, Varint(1))", "broken"]);
        assert_eq!(read(&[0xFF; 12]), ["broken"]);
        let huge = [&[0x12_u8][..], &[0xFF; 9], &[1]].concat();
        assert_eq!(read(&huge), ["broken"]);
    }
}
