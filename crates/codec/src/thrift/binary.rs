//! Thrift's binary protocol: types in a byte, numbers in all their bytes, the highest first.

use super::{
    Malformed, Read, Type, Write, check_message_type, no_type, refused_len, truncated, wire_len,
};

/// The version that stands in the upper half of a message's first four bytes.
const VERSION_1: u32 = 0x8001_0000;

/// The type of a message that wants no answer.
const ONEWAY: u32 = 4;

const fn type_of_byte(byte: u8) -> Option<Type> {
    Some(match byte {
        2 => Type::Bool,
        3 => Type::Byte,
        4 => Type::Double,
        6 => Type::I16,
        8 => Type::I32,
        10 => Type::I64,
        11 => Type::String,
        12 => Type::Struct,
        13 => Type::Map,
        14 => Type::Set,
        15 => Type::List,
        16 => Type::Uuid,
        _ => return None,
    })
}

const fn byte_of_type(type_: Type) -> u8 {
    match type_ {
        Type::Bool => 2,
        Type::Byte => 3,
        Type::Double => 4,
        Type::I16 => 6,
        Type::I32 => 8,
        Type::I64 => 10,
        Type::String => 11,
        Type::Struct => 12,
        Type::Map => 13,
        Type::Set => 14,
        Type::List => 15,
        Type::Uuid => 16,
    }
}

/// How few bytes a value can have.
const fn len_min(type_: Type) -> usize {
    match type_ {
        Type::Bool | Type::Byte | Type::Struct => 1,
        Type::I16 => 2,
        Type::I32 | Type::String => 4,
        Type::Double | Type::I64 => 8,
        Type::Set | Type::List => 5,
        Type::Map => 6,
        Type::Uuid => 16,
    }
}

/// Reads values one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// How long the whole input is: so what is read need not be counted.
    end: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { rest: input, end: input.len() }
    }

    /// Takes the next `N` bytes.
    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(truncated(self.offset(), N, self.rest.len()));
        };
        self.rest = rest;
        Ok(*taken)
    }

    /// Reads a length of elements of at least `len_min` bytes each.
    #[inline(always)]
    fn len(&mut self, len_min: usize) -> Result<usize, Malformed> {
        let announced = self.i32()?;
        let remaining = self.rest.len();
        match usize::try_from(announced) {
            Ok(len) if len <= remaining / len_min => Ok(len),
            _ => Err(refused_len(announced.into(), remaining, self.offset() - 4)),
        }
    }

    fn element_type(&mut self) -> Result<Type, Malformed> {
        let byte = self.byte()?;
        type_of_byte(byte).ok_or_else(|| no_type(byte, self.offset() - 1))
    }
}

impl<'a> Read<'a> for Reader<'a> {
    #[inline]
    fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    fn bool(&mut self) -> Result<bool, Malformed> {
        Ok(self.byte()? != 0)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    #[inline(always)]
    fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    #[inline(always)]
    fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    #[inline(always)]
    fn double(&mut self) -> Result<f64, Malformed> {
        self.array().map(f64::from_be_bytes)
    }

    fn uuid(&mut self) -> Result<[u8; 16], Malformed> {
        self.array()
    }

    #[inline(always)]
    fn binary(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.len(1)?;
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn field(&mut self, _: &mut i16) -> Result<Option<(i16, Type)>, Malformed> {
        let offset = self.offset();
        match self.byte()? {
            0 => Ok(None),
            byte => {
                let type_ = type_of_byte(byte).ok_or_else(|| no_type(byte, offset))?;
                Ok(Some((self.i16()?, type_)))
            }
        }
    }

    #[inline(always)]
    fn is_next(&mut self, id: i16, type_: Type, _: &mut i16) -> bool {
        match self.rest {
            [byte, high, low, rest @ ..]
                if *byte == byte_of_type(type_) && [*high, *low] == id.to_be_bytes() =>
            {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline(always)]
    fn is_end(&mut self) -> bool {
        let [0, rest @ ..] = self.rest else { return false };
        self.rest = rest;
        true
    }

    fn list(&mut self) -> Result<(Type, usize), Malformed> {
        let element = self.element_type()?;
        Ok((element, self.len(len_min(element))?))
    }

    fn list_of_structs(&mut self) -> Result<usize, Malformed> {
        self.byte()?;
        self.len(len_min(Type::Struct))
    }

    fn map(&mut self) -> Result<(Type, Type, usize), Malformed> {
        let (key, value) = (self.element_type()?, self.element_type()?);
        Ok((key, value, self.len(len_min(key) + len_min(value))?))
    }

    fn message(&mut self) -> Result<&'a str, Malformed> {
        let [high, low, unused, message_type] = self.array()?;
        if u32::from_be_bytes([high, low, 0, 0]) != VERSION_1 {
            return Err(Malformed::at(0, "no message of the binary protocol's version 1"));
        }
        // Writers leave the third byte zero, and readers do not look at it.
        let _ = unused;
        check_message_type(message_type, 3)?;
        let name = self.text()?;
        // The number of the call, which only an answer would need.
        self.i32()?;
        Ok(name)
    }
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
        self.out.push(byte_of_type(type_));
        self.out.extend_from_slice(&id.to_be_bytes());
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(&wire_len(bytes.len()).to_be_bytes());
        self.out.extend_from_slice(bytes);
    }

    /// Writes the head of a list of structs.
    pub(crate) fn list_of_structs(&mut self, len: usize) {
        self.out.push(byte_of_type(Type::Struct));
        self.out.extend_from_slice(&wire_len(len).to_be_bytes());
    }
}

impl Write for Writer<'_> {
    fn bool(&mut self, id: i16, value: bool) {
        self.field(id, Type::Bool);
        self.out.push(u8::from(value));
    }

    fn i16(&mut self, id: i16, value: i16) {
        self.field(id, Type::I16);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn i32(&mut self, id: i16, value: i32) {
        self.field(id, Type::I32);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn i64(&mut self, id: i16, value: i64) {
        self.field(id, Type::I64);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn double(&mut self, id: i16, value: f64) {
        self.field(id, Type::Double);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn binary(&mut self, id: i16, bytes: &[u8]) {
        self.field(id, Type::String);
        self.sized(bytes);
    }

    fn begin_struct(&mut self, id: i16) {
        self.field(id, Type::Struct);
    }

    fn begin_element(&mut self) {}

    fn end_struct(&mut self) {
        self.out.push(0);
    }

    fn begin_list(&mut self, id: i16, len: usize) {
        self.field(id, Type::List);
        self.list_of_structs(len);
    }

    fn oneway_message(&mut self, method: &str) {
        self.out.extend_from_slice(&(VERSION_1 | ONEWAY).to_be_bytes());
        self.sized(method.as_bytes());
        self.out.extend_from_slice(&[0; 4]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::SKIP_DEPTH_MAX;
    use super::*;
    use crate::DecodeError;

    fn skipped(type_: Type, input: &[u8]) -> Result<usize, DecodeError> {
        let mut reader = Reader::new(input);
        reader.skip(type_)?;
        Ok(reader.offset())
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
            (Type::Uuid, &[7; 16]),
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
