//! Appends JSON objects, member by member, to a buffer.

use std::fmt::Display;
use std::io::Write as _;

/// Writes one object.
pub(crate) struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'o> ObjectWriter<'o> {
    /// Opens the object.
    pub(crate) fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_first: true }
    }

    /// Writes a member's name and returns where its value goes.
    pub(crate) fn value(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
        write_text(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// Writes a text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        write_text(self.value(name), text);
    }

    /// Writes a number or a boolean.
    pub(crate) fn raw(&mut self, name: &str, shown: impl Display) {
        write!(self.value(name), "{shown}").expect("writing to a vector cannot fail");
    }

    /// Writes what needs no escapes as a text.
    pub(crate) fn display(&mut self, name: &str, shown: impl Display) {
        write!(self.value(name), "\"{shown}\"").expect("writing to a vector cannot fail");
    }

    /// Closes the object.
    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

/// Writes a text with its quotes and escapes.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing a text to a vector cannot fail");
}

/// Writes one list.
pub(crate) struct ListWriter<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'o> ListWriter<'o> {
    /// Opens the list.
    pub(crate) fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, is_first: true }
    }

    /// Returns where the next item goes.
    pub(crate) fn item(&mut self) -> &mut Vec<u8> {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
        self.out
    }

    /// Closes the list.
    pub(crate) fn end(self) {
        self.out.push(b']');
    }
}
