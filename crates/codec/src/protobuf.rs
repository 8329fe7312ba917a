//! Reads and writes the wire format of protobuf: fields of one message; no message of any schema.
//!
//! Every length is checked against the bytes that remain, and nothing here allocates while
//! reading. Groups, which no schema of ours has, are skipped to a limited depth.

#[cfg(test)]
use crate::DecodeError;
pub(crate) use crate::error::Malformed;

/// How many groups may stand in one another where they are skipped.
const GROUP_DEPTH_MAX: usize = 64;

/// How a field's value stands on the wire: the lower three bits of its tag.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const GROUP_START: u32 = 3;
const GROUP_END: u32 = 4;
const FIXED32: u32 = 5;

/// The tag of a field that is a number of one to ten bytes.
pub(crate) const fn varint_field(number: u32) -> u32 {
    number << 3 | VARINT
}

/// The tag of a field of eight bytes.
pub(crate) const fn fixed64_field(number: u32) -> u32 {
    number << 3 | FIXED64
}

/// The tag of a field of four bytes.
pub(crate) const fn fixed32_field(number: u32) -> u32 {
    number << 3 | FIXED32
}

/// The tag of a field that is text, bytes or a message.
pub(crate) const fn bytes_field(number: u32) -> u32 {
    number << 3 | BYTES
}

/// Reads the fields of one message one after the other.
///
/// A reader asks for a tag, and then for what a field of that tag holds, or skips it. A field
/// with another wire type than its schema says has another tag: it is unknown.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Where in the whole body the message ends: so what is read need not be counted.
    end: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self { rest: input, end: input.len() }
    }

    /// How many bytes of the whole body were read.
    pub(crate) fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    /// Returns what is not read yet.
    #[inline]
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns what is not read yet as text.
    #[inline]
    pub(crate) fn text(&self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.rest).map_err(|error| {
            Malformed::at(self.offset() + error.valid_up_to(), "a text is not UTF-8")
        })
    }

    /// Reads the tag of the next field; `None` at the message's end.
    #[inline]
    pub(crate) fn tag(&mut self) -> Result<Option<u32>, Malformed> {
        /// A bit for each wire type that a field's value can have.
        const OF_VALUES: u32 = 1 << VARINT | 1 << FIXED64 | 1 << BYTES | 1 << FIXED32;
        match self.rest {
            [] => Ok(None),
            // The fields below 16.
            [tag @ 0x08..=0x7f, rest @ ..] if OF_VALUES >> (*tag & 7) & 1 == 1 => {
                self.rest = rest;
                Ok(Some(u32::from(*tag)))
            }
            _ => self.long_tag(),
        }
    }

    #[inline(never)]
    fn long_tag(&mut self) -> Result<Option<u32>, Malformed> {
        while !self.rest.is_empty() {
            let offset = self.offset();
            let tag = self.any_tag()?;
            match tag & 7 {
                GROUP_START => self.skip_group(tag >> 3)?,
                GROUP_END => return Err(Malformed::at(offset, "a group ends that did not begin")),
                VARINT | FIXED64 | BYTES | FIXED32 => return Ok(Some(tag)),
                other => return Err(no_wire_type(other, offset)),
            }
        }
        Ok(None)
    }

    fn any_tag(&mut self) -> Result<u32, Malformed> {
        let offset = self.offset();
        let tag = self.varint()?;
        match u32::try_from(tag) {
            Ok(tag) if tag >> 3 > 0 => Ok(tag),
            _ => Err(Malformed::at(offset, format!("{} is no field number", tag >> 3))),
        }
    }

    /// Passes over what the field of this tag, which was read, holds.
    pub(crate) fn skip(&mut self, tag: u32) -> Result<(), Malformed> {
        match tag & 7 {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed64().map(drop),
            BYTES => self.message().map(drop),
            FIXED32 => self.fixed32().map(drop),
            other => Err(no_wire_type(other, self.offset())),
        }
    }

    /// Passes over a group whose begin was read, and the groups inside.
    fn skip_group(&mut self, number: u32) -> Result<(), Malformed> {
        let mut open = [0; GROUP_DEPTH_MAX];
        open[0] = number;
        let mut depth = 1;
        while depth > 0 {
            let offset = self.offset();
            let tag = self.any_tag()?;
            match tag & 7 {
                GROUP_START if depth == GROUP_DEPTH_MAX => {
                    let message = format!("groups are nested over {GROUP_DEPTH_MAX} deep");
                    return Err(Malformed::at(offset, message));
                }
                GROUP_START => {
                    open[depth] = tag >> 3;
                    depth += 1;
                }
                GROUP_END if open[depth - 1] == tag >> 3 => depth -= 1,
                GROUP_END => return Err(Malformed::at(offset, "a group ends that did not begin")),
                _ => self.skip(tag)?,
            }
        }
        Ok(())
    }

    /// Reads a number of one to ten bytes.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        // Most have one byte.
        match self.rest {
            [byte @ 0..=0x7f, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            // The tenth byte has room for the last bit alone.
            if index == 9 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        let message = if self.rest.len() < 10 {
            "truncated: a number does not end"
        } else {
            "a number has over 64 bits"
        };
        Err(Malformed::at(self.offset(), message))
    }

    /// Reads eight bytes.
    #[inline]
    pub(crate) fn fixed64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads four bytes.
    #[inline]
    pub(crate) fn fixed32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// Reads a text, bytes or a message, which are read on their own.
    #[inline]
    pub(crate) fn message(&mut self) -> Result<Self, Malformed> {
        let announced = self.varint()?;
        let len = usize::try_from(announced).unwrap_or(usize::MAX);
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(len));
        };
        self.rest = rest;
        Ok(Self { rest: taken, end: self.offset() })
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.truncated(N));
        };
        self.rest = rest;
        Ok(*taken)
    }

    #[cold]
    fn truncated(&self, len: usize) -> Malformed {
        let remaining = self.rest.len();
        // Zipkin's words.
        let message = format!("Truncated: length {len} > bytes remaining {remaining}");
        Malformed::at(self.offset(), message)
    }
}

#[cold]
fn no_wire_type(wire_type: u32, offset: usize) -> Malformed {
    Malformed::at(offset, format!("{wire_type} is no wire type of protobuf"))
}

/// Appends a field that is a varint; zero, the default, is left out.
pub(crate) fn write_varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        write_oneof_varint_field(out, number, value);
    }
}

/// Appends a field that is a varint and one of several, where zero is not left out.
pub(crate) fn write_oneof_varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    write_varint(out, varint_field(number).into());
    write_varint(out, value);
}

/// Appends a field of eight bytes; zero, the default, is left out.
pub(crate) fn write_fixed64_field(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        write_oneof_fixed64_field(out, number, value);
    }
}

/// Appends a field of eight bytes that is one of several, where zero is not left out.
pub(crate) fn write_oneof_fixed64_field(out: &mut Vec<u8>, number: u32, value: u64) {
    write_varint(out, fixed64_field(number).into());
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a field of text, bytes or an encoded message.
pub(crate) fn write_bytes_field(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    write_varint(out, bytes_field(number).into());
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a field of four bytes; zero, the default, is left out.
pub(crate) fn write_fixed32_field(out: &mut Vec<u8>, number: u32, value: u32) {
    if value != 0 {
        write_varint(out, fixed32_field(number).into());
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Appends a field of text; an empty one, the default, is left out.
pub(crate) fn write_text_field(out: &mut Vec<u8>, number: u32, text: &str) {
    if !text.is_empty() {
        write_bytes_field(out, number, text.as_bytes());
    }
}

/// Appends a field that is a message, whose fields `write` appends.
///
/// The length stands before what it counts: room for a length of one byte is left, and where it
/// needs more, the message moves up.
pub(crate) fn write_message_field(
    out: &mut Vec<u8>,
    number: u32,
    write: impl FnOnce(&mut Vec<u8>),
) {
    write_varint(out, bytes_field(number).into());
    let start = out.len() + 1;
    out.push(0);
    write(out);
    let len = out.len() - start;
    if let Ok(len @ 0..0x80) = u8::try_from(len) {
        out[start - 1] = len;
        return;
    }
    let mut prefix = Vec::with_capacity(10);
    write_varint(&mut prefix, len as u64);
    out.splice(start - 1..start, prefix);
}

#[expect(clippy::cast_possible_truncation, reason = "seven bits at a time are what is asked for")]
fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Result<Vec<(u32, String)>, DecodeError> {
        let mut reader = Reader::new(input);
        let mut fields = Vec::new();
        while let Some(tag) = reader.tag()? {
            let shown = match tag & 7 {
                VARINT => format!("Varint({})", reader.varint()?),
                FIXED64 => format!("Fixed64({})", reader.fixed64()?),
                FIXED32 => format!("Fixed32({})", reader.fixed32()?),
                BYTES => format!("Bytes({:?})", reader.message()?.bytes()),
                _ => format!("{:?}", reader.skip(tag)?),
            };
            fields.push((tag >> 3, shown));
        }
        Ok(fields)
    }

    #[test]
    fn numbers_have_up_to_ten_bytes_and_64_bits() {
        let most = [&[0x08][..], &[0xff; 9], &[0x01]].concat();
        assert_eq!(read(&most).unwrap(), [(1, format!("Varint({})", u64::MAX))]);
        let too_much = [&[0x08][..], &[0xff; 9], &[0x02]].concat();
        assert_eq!(read(&too_much).unwrap_err().message, "a number has over 64 bits");
        let too_long = [&[0x08][..], &[0x80; 10], &[0x00]].concat();
        assert_eq!(read(&too_long).unwrap_err().message, "a number has over 64 bits");
        assert_eq!(read(&[0x08, 0x80]).unwrap_err().message, "truncated: a number does not end");
    }

    #[test]
    fn groups_are_passed_over_to_a_limited_depth() {
        assert_eq!(
            read(&[0x0b, 0x10, 0x01, 0x13, 0x14, 0x0c, 0x10, 0x05]).unwrap(),
            [(2, "Varint(5)".to_owned())]
        );
        let nested = |depth| [[0x0b].repeat(depth), [0x0c].repeat(depth)].concat();
        assert_eq!(read(&nested(GROUP_DEPTH_MAX)), Ok(vec![]));
        let refused = read(&nested(GROUP_DEPTH_MAX + 1)).unwrap_err();
        assert_eq!(refused.message, "groups are nested over 64 deep");
        assert!(read(&[0x0b]).is_err(), "no end");
        assert!(read(&[0x0b, 0x14]).is_err(), "another's end");
        assert!(read(&[0x0c]).is_err(), "an end alone");
    }

    #[test]
    fn field_zero_and_unknown_wire_types_are_refused() {
        assert_eq!(read(&[0x00, 0x01]).unwrap_err().message, "0 is no field number");
        assert_eq!(read(&[0x0e]).unwrap_err().message, "6 is no wire type of protobuf");
    }

    #[test]
    fn a_length_is_checked_against_what_remains() {
        let refused = read(&[0x0a, 0x65, 1, 2, 3]).unwrap_err();
        assert_eq!(refused.to_string(), "Truncated: length 101 > bytes remaining 3 (at byte 2)");
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        for value in [1, 0x7f, 0x80, u64::MAX] {
            write_varint_field(&mut out, 3, value);
        }
        write_fixed64_field(&mut out, 16, 7);
        write_varint_field(&mut out, 4, 0);
        let shown: Vec<_> = read(&out).unwrap().into_iter().map(|(_, wire)| wire).collect();
        let expected = [
            "Varint(1)",
            "Varint(127)",
            "Varint(128)",
            "Varint(18446744073709551615)",
            "Fixed64(7)",
        ];
        assert_eq!(shown, expected);
    }
}
