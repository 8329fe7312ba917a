//! Reads and writes Thrift's binary protocol: values, fields, lists; no message of any service.
//!
//! Every length is checked against the bytes that remain before anything is done with it, and
//! nothing here allocates while reading. Unknown fields are skipped to a limited depth.

use crate::DecodeError;

/// How many structs, lists, sets and maps may stand in one another where they are skipped.
const SKIP_DEPTH_MAX: usize = 64;

/// The type of a value on the wire. `0` is no type: it stands for the end of a struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// One byte, zero for false.
    Bool,
    /// One byte.
    Byte,
    /// Eight bytes.
    Double,
    /// Two bytes.
    I16,
    /// Four bytes.
    I32,
    /// Eight bytes.
    I64,
    /// A length and bytes: text or binary.
    String,
    /// Fields until the end mark.
    Struct,
    /// Keys and values.
    Map,
    /// Values, each once.
    Set,
    /// Values.
    List,
}

impl Type {
    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            2 => Self::Bool,
            3 => Self::Byte,
            4 => Self::Double,
            6 => Self::I16,
            8 => Self::I32,
            10 => Self::I64,
            11 => Self::String,
            12 => Self::Struct,
            13 => Self::Map,
            14 => Self::Set,
            15 => Self::List,
            _ => return None,
        })
    }

    const fn to_byte(self) -> u8 {
        match self {
            Self::Bool => 2,
            Self::Byte => 3,
            Self::Double => 4,
            Self::I16 => 6,
            Self::I32 => 8,
            Self::I64 => 10,
            Self::String => 11,
            Self::Struct => 12,
            Self::Map => 13,
            Self::Set => 14,
            Self::List => 15,
        }
    }

    /// How few bytes a value can have.
    const fn len_min(self) -> usize {
        match self {
            Self::Bool | Self::Byte | Self::Struct => 1,
            Self::I16 => 2,
            Self::I32 | Self::String => 4,
            Self::Double | Self::I64 => 8,
            Self::Set | Self::List => 5,
            Self::Map => 6,
        }
    }
}

/// Reads values one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { rest: input, offset: 0 }
    }

    /// How many bytes were read.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// Takes the next `len` bytes.
    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(len));
        };
        self.rest = rest;
        self.offset += len;
        Ok(taken)
    }

    #[cold]
    fn truncated(&self, len: usize) -> DecodeError {
        let remaining = self.rest.len();
        let message = format!("truncated: length {len} is over the {remaining} bytes remaining");
        DecodeError::at(self.offset, message)
    }

    /// Takes the next `N` bytes.
    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.truncated(N));
        };
        self.rest = rest;
        self.offset += N;
        Ok(*taken)
    }

    /// Reads a byte.
    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Reads a boolean.
    pub(crate) fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.byte()? != 0)
    }

    /// Reads a 16-bit number.
    pub(crate) fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    /// Reads a 32-bit number.
    pub(crate) fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Reads a 64-bit number.
    pub(crate) fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_be_bytes)
    }

    /// Reads a length of elements of at least `len_min` bytes each.
    #[inline]
    fn len(&mut self, len_min: usize) -> Result<usize, DecodeError> {
        let offset = self.offset;
        let announced = self.i32()?;
        let remaining = self.rest.len();
        match usize::try_from(announced) {
            Ok(len) if len <= remaining / len_min => Ok(len),
            _ => Err(refused_len(announced, remaining, offset)),
        }
    }

    /// Reads bytes with a length before them.
    #[inline]
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.len(1)?;
        self.take(len)
    }

    /// Reads text with a length before it.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.binary()?;
        let start = self.offset - bytes.len();
        std::str::from_utf8(bytes)
            .map_err(|error| DecodeError::at(start + error.valid_up_to(), "a text is not UTF-8"))
    }

    /// Reads the head of a struct's next field; `None` at the struct's end.
    #[inline]
    pub(crate) fn field(&mut self) -> Result<Option<(i16, Type)>, DecodeError> {
        let offset = self.offset;
        match self.byte()? {
            0 => Ok(None),
            byte => {
                let type_ = known_type(byte, offset)?;
                Ok(Some((self.i16()?, type_)))
            }
        }
    }

    /// Reads the head of a list of structs and returns how many there are. The element type
    /// is ignored: reporters that write another one send structs all the same.
    pub(crate) fn list_of_structs(&mut self) -> Result<usize, DecodeError> {
        self.byte()?;
        self.len(Type::Struct.len_min())
    }

    /// Passes over a value.
    pub(crate) fn skip(&mut self, type_: Type) -> Result<(), DecodeError> {
        self.skip_within(type_, SKIP_DEPTH_MAX)
    }

    fn skip_within(&mut self, type_: Type, depth_left: usize) -> Result<(), DecodeError> {
        match type_ {
            Type::Bool | Type::Byte => self.take(1).map(drop),
            Type::I16 => self.take(2).map(drop),
            Type::I32 => self.take(4).map(drop),
            Type::Double | Type::I64 => self.take(8).map(drop),
            Type::String => self.binary().map(drop),
            Type::Struct | Type::Map | Type::Set | Type::List if depth_left == 0 => {
                let message = format!("an unknown field is nested over {SKIP_DEPTH_MAX} deep");
                Err(DecodeError::at(self.offset, message))
            }
            Type::Struct => {
                while let Some((_, type_)) = self.field()? {
                    self.skip_within(type_, depth_left - 1)?;
                }
                Ok(())
            }
            Type::Set | Type::List => {
                let element = self.element_type()?;
                for _ in 0..self.len(element.len_min())? {
                    self.skip_within(element, depth_left - 1)?;
                }
                Ok(())
            }
            Type::Map => {
                let (key, value) = (self.element_type()?, self.element_type()?);
                for _ in 0..self.len(key.len_min() + value.len_min())? {
                    self.skip_within(key, depth_left - 1)?;
                    self.skip_within(value, depth_left - 1)?;
                }
                Ok(())
            }
        }
    }

    fn element_type(&mut self) -> Result<Type, DecodeError> {
        let offset = self.offset;
        let byte = self.byte()?;
        known_type(byte, offset)
    }
}

#[cold]
fn refused_len(announced: i32, remaining: usize, offset: usize) -> DecodeError {
    let fault = match announced {
        ..0 => "is negative".to_owned(),
        _ => format!("is over the {remaining} bytes remaining"),
    };
    DecodeError::at(offset, format!("announced length {announced} {fault}"))
}

fn known_type(byte: u8, offset: usize) -> Result<Type, DecodeError> {
    Type::from_byte(byte)
        .ok_or_else(|| DecodeError::at(offset, format!("{byte} is no type of Thrift")))
}

/// Appends values one after the other.
#[derive(Debug)]
pub(crate) struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Writer<'o> {
    /// Appends to the buffer.
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }

    fn field(&mut self, id: i16, type_: Type) {
        self.out.push(type_.to_byte());
        self.out.extend_from_slice(&id.to_be_bytes());
    }

    /// Writes a field of one boolean.
    pub(crate) fn bool(&mut self, id: i16, value: bool) {
        self.field(id, Type::Bool);
        self.out.push(u8::from(value));
    }

    /// Writes a field of a 16-bit number.
    pub(crate) fn i16(&mut self, id: i16, value: i16) {
        self.field(id, Type::I16);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes a field of a 32-bit number.
    pub(crate) fn i32(&mut self, id: i16, value: i32) {
        self.field(id, Type::I32);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes a field of a 64-bit number.
    pub(crate) fn i64(&mut self, id: i16, value: i64) {
        self.field(id, Type::I64);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes a field of text or bytes.
    pub(crate) fn binary(&mut self, id: i16, bytes: &[u8]) {
        self.field(id, Type::String);
        self.len(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    /// Writes the head of a field that is a struct.
    pub(crate) fn begin_struct(&mut self, id: i16) {
        self.field(id, Type::Struct);
    }

    /// Ends a struct.
    pub(crate) fn end_struct(&mut self) {
        self.out.push(0);
    }

    /// Writes a field that is a list of structs, which follow.
    pub(crate) fn begin_list(&mut self, id: i16, len: usize) {
        self.field(id, Type::List);
        self.list_of_structs(len);
    }

    /// Writes the head of a list of structs.
    pub(crate) fn list_of_structs(&mut self, len: usize) {
        self.out.push(Type::Struct.to_byte());
        self.len(len);
    }

    fn len(&mut self, len: usize) {
        let len = i32::try_from(len).expect("what is in memory as spans is far below 2 GiB");
        self.out.extend_from_slice(&len.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(type_: Type, input: &[u8]) -> Result<usize, DecodeError> {
        let mut reader = Reader::new(input);
        reader.skip(type_).map(|()| reader.offset())
    }

    #[test]
    fn every_type_is_skipped_to_its_end() {
        for (type_, input) in [
            (Type::Bool, &[1][..]),
            (Type::I16, &[0, 1]),
            (Type::I32, &[0; 4]),
            (Type::Double, &[0; 8]),
            (Type::String, b"\0\0\0\x02hi"),
            (Type::Struct, &[2, 0, 1, 1, 0]),
            (Type::List, &[6, 0, 0, 0, 2, 0, 1, 0, 2]),
            (Type::Set, &[3, 0, 0, 0, 1, 9]),
            (Type::Map, &[3, 2, 0, 0, 0, 1, 7, 1]),
        ] {
            let followed = [input, b"rest"].concat();
            assert_eq!(skipped(type_, &followed), Ok(input.len()), "{type_:?}");
            for len in 0..input.len() {
                assert!(skipped(type_, &input[..len]).is_err(), "{type_:?} cut to {len}");
            }
        }
    }

    #[test]
    fn skipping_stops_at_the_depth_limit() {
        let nested = |depth: usize| {
            let mut input = [12, 0, 99].repeat(depth - 1);
            input.extend(vec![0; depth]);
            input
        };
        assert!(skipped(Type::Struct, &nested(SKIP_DEPTH_MAX)).is_ok());
        let refused = skipped(Type::Struct, &nested(SKIP_DEPTH_MAX + 1)).unwrap_err();
        assert_eq!(refused.message, "an unknown field is nested over 64 deep");
    }

    #[test]
    fn an_announced_length_is_checked_against_what_remains() {
        let refused = skipped(Type::List, &[10, 0, 0, 0, 2, 0, 0, 0]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "announced length 2 is over the 3 bytes remaining (at byte 1)"
        );
        assert!(skipped(Type::Map, &[11, 11, 0x7f, 0xff, 0xff, 0xff]).is_err());
        assert!(skipped(Type::String, &[0xff; 4]).unwrap_err().message.contains("negative"));
    }
}
