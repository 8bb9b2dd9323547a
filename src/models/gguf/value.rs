//! One value of metadata: what types there are, and how a value becomes the type that someone asks for. Reads bytes that were
//! walked before and are known to hold whole values.

use std::fmt;

/// Arrays within arrays; files have none, though the format allows them.
pub const ARRAY_DEPTH_MAX: usize = 4;

/// The type of a value. The numbers are those in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl ValueType {
    const ALL: [ValueType; 13] = [
        ValueType::U8,
        ValueType::I8,
        ValueType::U16,
        ValueType::I16,
        ValueType::U32,
        ValueType::I32,
        ValueType::F32,
        ValueType::Bool,
        ValueType::String,
        ValueType::Array,
        ValueType::U64,
        ValueType::I64,
        ValueType::F64,
    ];

    pub fn from_id(id: u32) -> Option<Self> {
        Self::ALL.get(id as usize).copied()
    }

    /// Bytes of a value where all have as many.
    pub fn fixed_bytes(self) -> Option<u64> {
        match self {
            ValueType::U8 | ValueType::I8 | ValueType::Bool => Some(1),
            ValueType::U16 | ValueType::I16 => Some(2),
            ValueType::U32 | ValueType::I32 | ValueType::F32 => Some(4),
            ValueType::U64 | ValueType::I64 | ValueType::F64 => Some(8),
            ValueType::String | ValueType::Array => None,
        }
    }

    /// Bytes of the shortest value.
    pub fn bytes_min(self) -> u64 {
        match self {
            ValueType::String => 8,
            ValueType::Array => 12,
            _ => self.fixed_bytes().expect("all others are fixed"),
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

/// A value as it lies in the file. Text is not yet known to be UTF-8.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(&'a [u8]),
    Array(Array<'a>),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// Values of one type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Array<'a> {
    element: ValueType,
    count: usize,
    /// Starts with the first element; may go on behind the last.
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    pub fn element(&self) -> ValueType {
        self.element
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        Elements { element: self.element, left: self.count, rest: self.bytes }
    }
}

/// What is left of an array.
struct Elements<'a> {
    element: ValueType,
    left: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.left = self.left.checked_sub(1)?;
        Some(read(self.element, &mut self.rest))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Takes a value off the front of bytes that hold it whole.
pub fn read<'a>(kind: ValueType, rest: &mut &'a [u8]) -> Value<'a> {
    match kind {
        ValueType::U8 => Value::U8(u8::from_le_bytes(front(rest))),
        ValueType::I8 => Value::I8(i8::from_le_bytes(front(rest))),
        ValueType::U16 => Value::U16(u16::from_le_bytes(front(rest))),
        ValueType::I16 => Value::I16(i16::from_le_bytes(front(rest))),
        ValueType::U32 => Value::U32(u32::from_le_bytes(front(rest))),
        ValueType::I32 => Value::I32(i32::from_le_bytes(front(rest))),
        ValueType::F32 => Value::F32(f32::from_le_bytes(front(rest))),
        ValueType::Bool => Value::Bool(front::<1>(rest) != [0]),
        ValueType::U64 => Value::U64(u64::from_le_bytes(front(rest))),
        ValueType::I64 => Value::I64(i64::from_le_bytes(front(rest))),
        ValueType::F64 => Value::F64(f64::from_le_bytes(front(rest))),
        ValueType::String => {
            let len = u64::from_le_bytes(front(rest)) as usize;
            let text;
            (text, *rest) = rest.split_at(len);
            Value::String(text)
        }
        ValueType::Array => {
            let element = ValueType::from_id(u32::from_le_bytes(front(rest))).expect("walked before");
            let count = u64::from_le_bytes(front(rest)) as usize;
            let array = Array { element, count, bytes: rest };
            match element.fixed_bytes() {
                Some(size) => *rest = &rest[count * size as usize..],
                None => {
                    let mut elements = Elements { element, left: count, rest };
                    elements.by_ref().for_each(drop);
                    *rest = elements.rest;
                }
            }
            Value::Array(array)
        }
    }
}

fn front<const SIZE: usize>(rest: &mut &[u8]) -> [u8; SIZE] {
    let (front, behind) = rest.split_first_chunk().expect("walked before");
    *rest = behind;
    *front
}

impl Value<'_> {
    /// What the value is, for a message.
    pub fn describe(&self) -> String {
        match self {
            Value::String(text) if std::str::from_utf8(text).is_err() => "text that is not UTF-8".into(),
            Value::String(_) => "a string".into(),
            Value::Array(array) => format!("an array of {} {}", array.count, array.element),
            Value::Bool(value) => value.to_string(),
            Value::F32(value) => format!("the f32 {value}"),
            Value::F64(value) => format!("the f64 {value}"),
            other => other.integer().map_or_else(String::new, |value| format!("the integer {value}")),
        }
    }

    fn integer(self) -> Option<i128> {
        Some(match self {
            Value::U8(value) => value.into(),
            Value::I8(value) => value.into(),
            Value::U16(value) => value.into(),
            Value::I16(value) => value.into(),
            Value::U32(value) => value.into(),
            Value::I32(value) => value.into(),
            Value::U64(value) => value.into(),
            Value::I64(value) => value.into(),
            _ => return None,
        })
    }
}

/// A type that metadata can be asked for.
pub trait FromValue<'a>: Sized {
    /// # Errors
    /// What the value is and what is needed, where it is of another kind or does not fit.
    fn from_value(value: Value<'a>) -> Result<Self, String>;
}

fn misfit<T>(value: Value<'_>, wanted: &str) -> Result<T, String> {
    Err(format!("{} where {wanted} is needed", value.describe()))
}

/// Writers differ in the width that they give a number, so any integer does that fits.
macro_rules! integers {
    ($($kind:ty)*) => {$(
        impl FromValue<'_> for $kind {
            fn from_value(value: Value<'_>) -> Result<Self, String> {
                match value.integer().map(<$kind>::try_from) {
                    Some(Ok(value)) => Ok(value),
                    _ => misfit(value, concat!("an integer that fits ", stringify!($kind))),
                }
            }
        }
    )*};
}

integers!(u16 u32 u64 usize i32 i64);

impl FromValue<'_> for f32 {
    fn from_value(value: Value<'_>) -> Result<Self, String> {
        match value {
            Value::F32(value) => Ok(value),
            _ => misfit(value, "an f32"),
        }
    }
}

impl FromValue<'_> for f64 {
    fn from_value(value: Value<'_>) -> Result<Self, String> {
        match value {
            Value::F32(value) => Ok(value.into()),
            Value::F64(value) => Ok(value),
            _ => misfit(value, "an f32 or f64"),
        }
    }
}

impl FromValue<'_> for bool {
    fn from_value(value: Value<'_>) -> Result<Self, String> {
        match value {
            Value::Bool(value) => Ok(value),
            _ => misfit(value, "true or false"),
        }
    }
}

impl<'a> FromValue<'a> for &'a str {
    fn from_value(value: Value<'a>) -> Result<Self, String> {
        match value {
            Value::String(text) => std::str::from_utf8(text).or_else(|_| misfit(value, "UTF-8 text")),
            _ => misfit(value, "text"),
        }
    }
}

impl<'a, T: FromValue<'a>> FromValue<'a> for Vec<T> {
    fn from_value(value: Value<'a>) -> Result<Self, String> {
        let Value::Array(array) = value else { return misfit(value, "an array") };
        let mut elements = Vec::with_capacity(array.count);
        for (at, element) in array.iter().enumerate() {
            elements.push(T::from_value(element).map_err(|misfit| format!("at [{at}] {misfit}"))?);
        }
        Ok(elements)
    }
}
