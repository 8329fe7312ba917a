//! What is left to read of a part, and where in the part it stands.

use super::damaged::{Damaged, Fault};

/// A cursor over a part. Cuts of it know their place in the whole, so that an error can name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(part: &'a [u8]) -> Self {
        Self { bytes: part, offset: 0 }
    }

    pub(crate) fn len(self) -> usize {
        self.bytes.len()
    }

    /// An error that points at the next byte.
    pub(crate) fn damaged(self, fault: Fault) -> Damaged {
        Damaged { fault, offset: self.offset }
    }

    /// Takes the next bytes as an input of their own.
    pub(crate) fn cut(&mut self, len: usize) -> Result<Self, Damaged> {
        let Some((cut, rest)) = self.bytes.split_at_checked(len) else {
            return Err(self.damaged(Fault::Truncated { missing: len - self.bytes.len() }));
        };
        let cut = Self { bytes: cut, offset: self.offset };
        *self = Self { bytes: rest, offset: self.offset + len };
        Ok(cut)
    }

    /// Takes all that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes;
        *self = Self { bytes: &[], offset: self.offset + rest.len() };
        rest
    }

    pub(crate) fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], Damaged> {
        let cut = self.cut(LEN)?;
        let (array, _) = cut.bytes.split_first_chunk().expect("the cut has this length");
        Ok(*array)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damaged> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Takes a little-endian number of up to eight bytes.
    pub(crate) fn number(&mut self, len: usize) -> Result<u64, Damaged> {
        let cut = self.cut(len)?;
        Ok(cut.bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Takes an LEB128 number.
    pub(crate) fn varint(&mut self) -> Result<u64, Damaged> {
        let start = *self;
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(start.damaged(Fault::TooLong { what: "length of a number", len: 11, len_max: 10 }))
    }

    /// Takes a number of things, which must be no more than `max`.
    pub(crate) fn count(&mut self, what: &'static str, max: usize) -> Result<usize, Damaged> {
        let start = *self;
        let number = self.varint()?;
        let refused = Fault::TooLong { what, len: number, len_max: max as u64 };
        usize::try_from(number)
            .ok()
            .filter(|count| *count <= max)
            .ok_or_else(|| start.damaged(refused))
    }

    /// Takes what [`nested`] wrote.
    pub(crate) fn nested(&mut self) -> Result<Self, Damaged> {
        let len = u32::from_le_bytes(self.array()?);
        self.cut(len as usize)
    }

    /// Refuses what stands behind the last value.
    pub(crate) fn finish(self) -> Result<(), Damaged> {
        match self.bytes.len() {
            0 => Ok(()),
            extra => Err(self.damaged(Fault::LeftOver { extra })),
        }
    }
}

/// Appends an LEB128 number.
pub(crate) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends what `write` appends, with its length before it.
///
/// # Panics
///
/// Panics when that is 4 GiB or more: [`LEN_MAX`](super::texts::LEN_MAX) keeps all that nests
/// in another part far below.
pub(crate) fn nested(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let len = u32::try_from(out.len() - start - 4).expect("texts are bounded before they get here");
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
}
