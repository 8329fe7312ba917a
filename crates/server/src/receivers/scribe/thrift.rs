//! As much of Thrift's binary protocol as a call of Scribe's needs.
//!
//! The codecs' reader is theirs alone; what is read here is a head and a list of pairs of texts.

/// How deep unknown fields may be nested.
const SKIP_DEPTH_MAX: u8 = 64;

pub(super) const I32: u8 = 8;
pub(super) const STRING: u8 = 11;
pub(super) const STRUCT: u8 = 12;
pub(super) const LIST: u8 = 15;

/// Why bytes are no call.
pub(super) type Fault = &'static str;

const TRUNCATED: Fault = "truncated: a value is longer than what is left";

/// Reads values one after the other.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn i32(&mut self) -> Result<i32, Fault> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(i32::from_be_bytes(*taken))
    }

    /// Reads a length of elements of at least one byte each.
    pub(super) fn len(&mut self) -> Result<usize, Fault> {
        let len = usize::try_from(self.i32()?).map_err(|_negative| "a length is below zero")?;
        if len > self.rest.len() { Err(TRUNCATED) } else { Ok(len) }
    }

    pub(super) fn binary(&mut self) -> Result<&'a [u8], Fault> {
        let len = self.len()?;
        self.take(len)
    }

    /// Reads the head of a field: its id and type; none at the struct's end.
    pub(super) fn field(&mut self) -> Result<Option<(i16, u8)>, Fault> {
        match self.byte()? {
            0 => Ok(None),
            type_ => {
                let id = self.take(2)?;
                Ok(Some((i16::from_be_bytes([id[0], id[1]]), type_)))
            }
        }
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self, type_: u8) -> Result<(), Fault> {
        self.skip_within(type_, SKIP_DEPTH_MAX)
    }

    fn skip_within(&mut self, type_: u8, depth_left: u8) -> Result<(), Fault> {
        let inside = depth_left.checked_sub(1).ok_or("an unknown field is nested too deep");
        match type_ {
            2 | 3 => self.take(1).map(drop),
            6 => self.take(2).map(drop),
            I32 => self.take(4).map(drop),
            4 | 10 => self.take(8).map(drop),
            STRING => self.binary().map(drop),
            STRUCT => {
                while let Some((_, type_)) = self.field()? {
                    self.skip_within(type_, inside?)?;
                }
                Ok(())
            }
            13 => {
                let (key, value) = (self.byte()?, self.byte()?);
                for _ in 0..self.len()? {
                    self.skip_within(key, inside?)?;
                    self.skip_within(value, inside?)?;
                }
                Ok(())
            }
            14 | LIST => {
                let element = self.byte()?;
                for _ in 0..self.len()? {
                    self.skip_within(element, inside?)?;
                }
                Ok(())
            }
            _ => Err("a type that Thrift does not have"),
        }
    }
}
