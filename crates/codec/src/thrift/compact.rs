//! Thrift's compact protocol: numbers in as few bytes as they need, fields by the step from the
//! last one's id, booleans in their field's head.

use super::{
    Malformed, Read, Type, Write, check_message_type, no_type, refused_len, truncated, wire_len,
};

/// The first byte of a message.
const PROTOCOL_ID: u8 = 0x82;

/// The version, in the lower five bits of a message's second byte; its type is in the upper three.
const VERSION: u8 = 1;

/// The type of a message that wants no answer.
const ONEWAY: u8 = 4;

/// The types of a boolean field, which are its values.
const TRUE: u8 = 1;
const FALSE: u8 = 2;

const fn type_of_nibble(nibble: u8) -> Option<Type> {
    Some(match nibble {
        TRUE | FALSE => Type::Bool,
        3 => Type::Byte,
        4 => Type::I16,
        5 => Type::I32,
        6 => Type::I64,
        7 => Type::Double,
        8 => Type::String,
        9 => Type::List,
        10 => Type::Set,
        11 => Type::Map,
        12 => Type::Struct,
        13 => Type::Uuid,
        _ => return None,
    })
}

/// How few bytes a value can have.
const fn len_min(type_: Type) -> usize {
    match type_ {
        Type::Double => 8,
        Type::Uuid => 16,
        _ => 1,
    }
}

/// The highest bit of each byte, which says that another byte follows.
const EACH_HIGH_BIT: u64 = 0x8080_8080_8080_8080;

/// Joins the lower seven bits of eight bytes, the lowest byte first.
const fn joined(word: u64) -> u64 {
    let word = word & !EACH_HIGH_BIT;
    let word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2;
    word & 0x0000_0000_0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4
}

/// Reads values one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// How long the whole input is: so what is read need not be counted.
    end: usize,
    /// The boolean that the last field's head held, as it stood there, until it is asked for; zero
    /// is none. As wide as the rest: a copy of padding makes a copy of the reader a slow one.
    bool_in_head: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { rest: input, end: input.len(), bool_in_head: 0 }
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

    /// Reads a number of one to ten bytes, the lowest first.
    #[inline(always)]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match self.rest {
            [byte @ 0..=0x7f, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    /// Reads a number of over one byte. Ids have nine or ten: eight are looked at in one step.
    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let Some((first, behind)) = self.rest.split_first_chunk::<8>() else {
            return self.varint_at_end();
        };
        let word = u64::from_le_bytes(*first);
        let ends = !word & EACH_HIGH_BIT;
        if ends != 0 {
            let bits = ends.trailing_zeros() + 1;
            self.rest = self.rest.get(bits as usize / 8..).unwrap_or_default();
            return Ok(joined(word & (u64::MAX >> (u64::BITS - bits))));
        }
        match *behind {
            [ninth @ 0..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(joined(word) | u64::from(ninth) << 56)
            }
            // The tenth byte has room for the last bit alone.
            [ninth, tenth @ 0..=1, ref rest @ ..] => {
                self.rest = rest;
                Ok(joined(word) | u64::from(ninth & 0x7f) << 56 | u64::from(tenth) << 63)
            }
            [_, _, ..] => Err(Malformed::at(self.offset(), "a number has over 64 bits")),
            _ => Err(self.endless()),
        }
    }

    /// Reads a number of which under eight bytes can be left.
    fn varint_at_end(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(self.endless())
    }

    #[cold]
    fn endless(&self) -> Malformed {
        Malformed::at(self.offset(), "truncated: a number does not end")
    }

    /// Reads a number that has 32 bits at most.
    #[inline(always)]
    fn varint_32(&mut self) -> Result<u32, Malformed> {
        let offset = self.offset();
        u32::try_from(self.varint()?)
            .map_err(|_| Malformed::at(offset, "a number of 32 bits has more"))
    }

    /// Checks a length of elements of at least `len_min` bytes each, which was read at `offset`.
    #[inline(always)]
    fn checked_len(&self, len: u32, len_min: usize, offset: usize) -> Result<usize, Malformed> {
        let remaining = self.rest.len();
        match usize::try_from(len) {
            Ok(len) if len <= remaining / len_min => Ok(len),
            _ => Err(refused_len(len.into(), remaining, offset)),
        }
    }

    /// Reads the head of a list: its elements' type, unchecked, and how many there are.
    #[inline]
    fn list_head(&mut self) -> Result<(u8, u32), Malformed> {
        let head = self.byte()?;
        match head >> 4 {
            15 => Ok((head & 15, self.varint_32()?)),
            len => Ok((head & 15, len.into())),
        }
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
        match std::mem::take(&mut self.bool_in_head) {
            // An element of a list. Some writers have zero for false.
            0 => Ok(self.byte()? == TRUE),
            nibble => Ok(nibble == usize::from(TRUE)),
        }
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn i16(&mut self) -> Result<i16, Malformed> {
        let offset = self.offset();
        i16::try_from(self.i32()?)
            .map_err(|_| Malformed::at(offset, "a number of 16 bits has more"))
    }

    #[inline(always)]
    fn i32(&mut self) -> Result<i32, Malformed> {
        let raw = self.varint_32()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    #[inline(always)]
    fn i64(&mut self) -> Result<i64, Malformed> {
        let raw = self.varint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// The only number whose lowest byte is first: so the first implementation wrote it.
    #[inline(always)]
    fn double(&mut self) -> Result<f64, Malformed> {
        self.array().map(f64::from_le_bytes)
    }

    fn uuid(&mut self) -> Result<[u8; 16], Malformed> {
        self.array()
    }

    #[inline(always)]
    fn binary(&mut self) -> Result<&'a [u8], Malformed> {
        let offset = self.offset();
        let announced = self.varint_32()?;
        let len = self.checked_len(announced, 1, offset)?;
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn field(&mut self, last_id: &mut i16) -> Result<Option<(i16, Type)>, Malformed> {
        let offset = self.offset();
        let head = self.byte()?;
        if head == 0 {
            return Ok(None);
        }
        let nibble = head & 15;
        let type_ = type_of_nibble(nibble).ok_or_else(|| no_type(nibble, offset))?;
        if type_ == Type::Bool {
            self.bool_in_head = nibble.into();
        }
        *last_id = match head >> 4 {
            0 => self.i16()?,
            step => last_id.wrapping_add(step.into()),
        };
        Ok(Some((*last_id, type_)))
    }

    #[inline(always)]
    fn is_next(&mut self, id: i16, type_: Type, last_id: &mut i16) -> bool {
        let [head, rest @ ..] = self.rest else { return false };
        let (step, nibble) = (i16::from(head >> 4), head & 15);
        if step == 0 || step != id.wrapping_sub(*last_id) || type_of_nibble(nibble) != Some(type_) {
            return false;
        }
        if type_ == Type::Bool {
            self.bool_in_head = nibble.into();
        }
        *last_id = id;
        self.rest = rest;
        true
    }

    #[inline(always)]
    fn is_end(&mut self) -> bool {
        let [0, rest @ ..] = self.rest else { return false };
        self.rest = rest;
        true
    }

    fn list(&mut self) -> Result<(Type, usize), Malformed> {
        let offset = self.offset();
        let (nibble, len) = self.list_head()?;
        let element = type_of_nibble(nibble).ok_or_else(|| no_type(nibble, offset))?;
        Ok((element, self.checked_len(len, len_min(element), offset)?))
    }

    #[inline]
    fn list_of_structs(&mut self) -> Result<usize, Malformed> {
        let offset = self.offset();
        let (_, len) = self.list_head()?;
        self.checked_len(len, len_min(Type::Struct), offset)
    }

    fn map(&mut self) -> Result<(Type, Type, usize), Malformed> {
        let offset = self.offset();
        let len = self.varint_32()?;
        if len == 0 {
            // The types of nothing are not written.
            return Ok((Type::Byte, Type::Byte, 0));
        }
        let (types_offset, types) = (self.offset(), self.byte()?);
        let type_of = |nibble| type_of_nibble(nibble).ok_or_else(|| no_type(nibble, types_offset));
        let (key, value) = (type_of(types >> 4)?, type_of(types & 15)?);
        Ok((key, value, self.checked_len(len, len_min(key) + len_min(value), offset)?))
    }

    fn message(&mut self) -> Result<&'a str, Malformed> {
        let [id, type_and_version] = self.array()?;
        if id != PROTOCOL_ID || type_and_version & 0x1f != VERSION {
            return Err(Malformed::at(0, "no message of the compact protocol's version 1"));
        }
        check_message_type(type_and_version >> 5, 1)?;
        // The number of the call, which only an answer would need.
        self.varint_32()?;
        self.text()
    }
}

/// Appends values one after the other.
#[derive(Debug)]
pub(crate) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    last_id: i16,
    /// The last ids of the structs around.
    outer: Vec<i16>,
}

impl<'o> Writer<'o> {
    /// Appends to the buffer.
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, last_id: 0, outer: Vec::new() }
    }

    fn field(&mut self, id: i16, nibble: u8) {
        match u8::try_from(id.wrapping_sub(self.last_id)) {
            Ok(step @ 1..=15) => self.out.push(step << 4 | nibble),
            _ => {
                self.out.push(nibble);
                self.zigzag(id.into());
            }
        }
        self.last_id = id;
    }

    #[expect(clippy::cast_possible_truncation, reason = "seven bits at a time are asked for")]
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn zigzag(&mut self, value: i64) {
        self.varint((value << 1 ^ value >> 63).cast_unsigned());
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.varint(wire_len(bytes.len()).unsigned_abs().into());
        self.out.extend_from_slice(bytes);
    }
}

impl Write for Writer<'_> {
    fn bool(&mut self, id: i16, value: bool) {
        self.field(id, if value { TRUE } else { FALSE });
    }

    fn i16(&mut self, id: i16, value: i16) {
        self.field(id, 4);
        self.zigzag(value.into());
    }

    fn i32(&mut self, id: i16, value: i32) {
        self.field(id, 5);
        self.zigzag(value.into());
    }

    fn i64(&mut self, id: i16, value: i64) {
        self.field(id, 6);
        self.zigzag(value);
    }

    fn double(&mut self, id: i16, value: f64) {
        self.field(id, 7);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn binary(&mut self, id: i16, bytes: &[u8]) {
        self.field(id, 8);
        self.sized(bytes);
    }

    fn begin_struct(&mut self, id: i16) {
        self.field(id, 12);
        self.begin_element();
    }

    fn begin_element(&mut self) {
        self.outer.push(self.last_id);
        self.last_id = 0;
    }

    fn end_struct(&mut self) {
        self.out.push(0);
        self.last_id = self.outer.pop().unwrap_or(0);
    }

    fn begin_list(&mut self, id: i16, len: usize) {
        self.field(id, 9);
        match u8::try_from(len) {
            Ok(len @ 0..15) => self.out.push(len << 4 | 12),
            _ => {
                self.out.push(0xfc);
                self.varint(wire_len(len).unsigned_abs().into());
            }
        }
    }

    fn oneway_message(&mut self, method: &str) {
        self.out.extend_from_slice(&[PROTOCOL_ID, ONEWAY << 5 | VERSION, 0]);
        self.sized(method.as_bytes());
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
            (Type::Byte, &[9]),
            (Type::I16, &[0x80, 0x01]),
            (Type::I32, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
            (Type::I64, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            (Type::Double, &[0; 8]),
            (Type::Uuid, &[7; 16]),
            (Type::String, b"\x02hi"),
            // A true, a false, an i32 of id 100 and an i64 behind it.
            (Type::Struct, &[0x11, 0x12, 0x05, 0xc8, 0x01, 0x02, 0x16, 0x02, 0]),
            (Type::List, &[0x25, 1, 2]),
            (Type::List, &[0xf3, 2, 1, 2]),
            (Type::Set, &[0x21, 1, 2]),
            (Type::Map, &[0]),
            (Type::Map, &[1, 0x31, 7, 1]),
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
        let nested = |depth: usize| [[0x1c].repeat(depth - 1), vec![0; depth]].concat();
        assert!(skipped(Type::Struct, &nested(SKIP_DEPTH_MAX)).is_ok());
        let refused = skipped(Type::Struct, &nested(SKIP_DEPTH_MAX + 1)).unwrap_err();
        assert_eq!(refused.message, "an unknown field is nested over 64 deep");
    }

    #[test]
    fn an_announced_length_is_checked_against_what_remains() {
        let refused = skipped(Type::List, &[0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]).unwrap_err();
        let told = "announced length 4294967295 is over the 1 bytes remaining";
        assert_eq!(refused.message, told);
        assert!(skipped(Type::List, &[0x27, 0, 0, 0, 0, 0, 0, 0, 0]).is_err(), "two doubles");
        assert!(skipped(Type::Map, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0x33]).is_err());
        assert!(skipped(Type::String, &[0x05, 1, 2]).is_err());
    }

    #[test]
    fn a_number_has_no_more_bits_than_its_type() {
        let refused = |type_, input: &[u8]| skipped(type_, input).unwrap_err().message;
        let of_33 = [0x80, 0x80, 0x80, 0x80, 0x10];
        assert_eq!(refused(Type::I32, &of_33), "a number of 32 bits has more");
        assert_eq!(refused(Type::I16, &[0x80, 0x80, 0x04]), "a number of 16 bits has more");
        assert_eq!(refused(Type::I64, &[0x80; 11]), "a number has over 64 bits");
        assert_eq!(refused(Type::I64, &[0x80; 3]), "truncated: a number does not end");
    }

    #[test]
    fn a_number_of_any_length_is_read_wherever_it_stands() {
        for bits in 0..=64 {
            let number = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
            let mut out = Vec::new();
            Writer::new(&mut out).varint(number);
            for behind in 0..12 {
                let followed = [&*out, &vec![0xff; behind]].concat();
                let mut reader = Reader::new(&followed);
                assert_eq!(reader.varint(), Ok(number), "{bits} bits, {behind} bytes behind");
                assert_eq!(reader.offset(), out.len());
            }
            for len in 0..out.len() {
                assert!(Reader::new(&out[..len]).varint().is_err(), "{bits} bits cut to {len}");
            }
        }
        let too_much = [&[0xff; 9][..], &[2, 0, 0]].concat();
        assert!(Reader::new(&too_much).varint().is_err());
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.begin_element();
        for (id, number) in [(1, i64::MIN), (2, i64::MAX), (40, -1), (3, 0)] {
            writer.i64(id, number);
        }
        writer.begin_list(5, 15);
        for _ in 0..15 {
            writer.begin_element();
            writer.bool(1, true);
            writer.end_struct();
        }
        writer.double(6, 1.5);
        writer.end_struct();
        let mut reader = Reader::new(&out);
        let mut last_id = 0;
        for (id, number) in [(1, i64::MIN), (2, i64::MAX), (40, -1), (3, 0)] {
            assert_eq!(reader.field(&mut last_id), Ok(Some((id, Type::I64))));
            assert_eq!(reader.i64(), Ok(number));
        }
        assert_eq!(reader.field(&mut last_id), Ok(Some((5, Type::List))));
        assert!(reader.clone().skip(Type::List).is_ok());
        assert_eq!(reader.list_of_structs(), Ok(15));
        for _ in 0..15 {
            let mut last_id = 0;
            assert_eq!(reader.field(&mut last_id), Ok(Some((1, Type::Bool))));
            assert_eq!(reader.bool(), Ok(true));
            assert_eq!(reader.field(&mut last_id), Ok(None));
        }
        assert_eq!(reader.field(&mut last_id), Ok(Some((6, Type::Double))));
        assert_eq!(reader.double(), Ok(1.5));
        assert_eq!(reader.field(&mut last_id), Ok(None));
        assert_eq!(reader.offset(), out.len());
    }
}
