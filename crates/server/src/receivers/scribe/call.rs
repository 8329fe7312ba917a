//! The head of a call, and the answers to it, in frames.

use super::thrift::{Fault, I32, Reader, STRING};

/// `ResultCode.OK`: all spans are on disk.
pub(super) const OK: i32 = 0;
/// `ResultCode.TRY_LATER`: none is.
pub(super) const TRY_LATER: i32 = 1;

/// The version of the protocol in the upper half of a head that has one.
const VERSION_1: u32 = 0x8001_0000;
const CALL: u8 = 1;
const REPLY: u8 = 2;
const EXCEPTION: u8 = 3;
/// The longest name of a method that is repeated.
const METHOD_LEN_MAX: usize = 64;
/// `TApplicationException.PROTOCOL_ERROR`.
const PROTOCOL_ERROR: i32 = 7;

/// Which method is called, and how its answer has to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) method: &'a [u8],
    number: i32,
    /// Whether the head has a version. Scribe's own clients leave it out.
    has_version: bool,
}

impl<'a> Head<'a> {
    /// Reads a head; the struct of arguments follows.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        let first = reader.clone().i32()?.cast_unsigned();
        let has_version = first & 0xffff_0000 == VERSION_1;
        let (method, message_type) = if has_version {
            reader.i32()?;
            (reader.binary()?, first.to_be_bytes()[3])
        } else {
            (reader.binary()?, reader.byte()?)
        };
        if message_type != CALL || method.len() > METHOD_LEN_MAX {
            return Err("no call of a method");
        }
        Ok(Self { method, number: reader.i32()?, has_version })
    }

    /// Answers with the result of `Log`.
    pub(super) fn result(&self, code: i32) -> Vec<u8> {
        let mut out = self.begin(REPLY);
        out.extend([I32, 0, 0]);
        out.extend(code.to_be_bytes());
        end(out)
    }

    /// Answers that the call can't be understood, and why.
    pub(super) fn exception(&self, message: &str) -> Vec<u8> {
        let mut out = self.begin(EXCEPTION);
        out.extend([STRING, 0, 1]);
        extend_sized(&mut out, message.as_bytes());
        out.extend([I32, 0, 2]);
        out.extend(PROTOCOL_ERROR.to_be_bytes());
        end(out)
    }

    /// Begins a frame, whose length is not known yet.
    fn begin(&self, message_type: u8) -> Vec<u8> {
        let mut out = vec![0; 4];
        if self.has_version {
            out.extend((VERSION_1 | u32::from(message_type)).to_be_bytes());
            extend_sized(&mut out, self.method);
        } else {
            extend_sized(&mut out, self.method);
            out.push(message_type);
        }
        out.extend(self.number.to_be_bytes());
        out
    }
}

fn extend_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(wire_len(bytes.len()));
    out.extend_from_slice(bytes);
}

/// Ends the struct and fills in the frame's length.
fn end(mut out: Vec<u8>) -> Vec<u8> {
    out.push(0);
    let len = wire_len(out.len() - 4);
    out[..4].copy_from_slice(&len);
    out
}

fn wire_len(len: usize) -> [u8; 4] {
    i32::try_from(len).expect("answers are short").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_begins_as_its_call_did() {
        let versioned = [&[0x80, 1, 0, 1, 0, 0, 0, 3], &b"Log"[..], &[0, 0, 0, 9, 0]].concat();
        let plain = [&[0, 0, 0, 3], &b"Log"[..], &[1, 0, 0, 0, 9, 0]].concat();
        let head = |bytes| Head::read(&mut Reader::new(bytes)).unwrap();
        assert_eq!((head(&versioned).method, head(&versioned).number), (&b"Log"[..], 9));
        let result = [8, 0, 0, 0, 0, 0, 1, 0];
        let expected =
            [&[0, 0, 0, 23, 0x80, 1, 0, 2, 0, 0, 0, 3], &b"Log"[..], &[0, 0, 0, 9], &result]
                .concat();
        assert_eq!(head(&versioned).result(TRY_LATER), expected);
        let expected =
            [&[0, 0, 0, 20, 0, 0, 0, 3], &b"Log"[..], &[2, 0, 0, 0, 9], &result].concat();
        assert_eq!(head(&plain).result(TRY_LATER), expected);
    }

    #[test]
    fn what_is_no_call_has_no_head() {
        for bytes in
            [&b""[..], b"\x80\x01\x00\x02\0\0\0\0\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\0"]
        {
            assert!(Head::read(&mut Reader::new(bytes)).is_err(), "{bytes:?}");
        }
    }
}
