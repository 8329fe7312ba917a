//! Appends JSON objects, member by member, to a buffer.

use std::fmt::Display;
use std::io::Write as _;

use spandrel_model::Address;

/// Writes one object.
pub(super) struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'o> ObjectWriter<'o> {
    /// Opens the object.
    pub(super) fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_first: true }
    }

    /// Writes a member's name and returns where its value goes.
    pub(super) fn value(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
        write_text(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// Writes a text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        write_text(self.value(name), text);
    }

    /// Writes a number or a boolean.
    pub(super) fn raw(&mut self, name: &str, shown: impl Display) {
        write!(self.value(name), "{shown}").expect("writing to a vector cannot fail");
    }

    /// Writes what needs no escapes as a text.
    pub(super) fn display(&mut self, name: &str, shown: impl Display) {
        write!(self.value(name), "\"{shown}\"").expect("writing to a vector cannot fail");
    }

    /// Closes the object.
    pub(super) fn end(self) {
        self.out.push(b'}');
    }
}

/// Writes a text with its quotes and escapes.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing a text to a vector cannot fail");
}

/// Writes one list.
pub(super) struct ListWriter<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'o> ListWriter<'o> {
    /// Opens the list.
    pub(super) fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, is_first: true }
    }

    /// Returns where the next item goes.
    pub(super) fn item(&mut self) -> &mut Vec<u8> {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
        self.out
    }

    /// Closes the list.
    pub(super) fn end(self) {
        self.out.push(b']');
    }
}

/// Writes an endpoint; where it has nothing, an empty object.
pub(super) fn write_endpoint(out: &mut Vec<u8>, service_name: Option<&str>, address: &Address) {
    let mut endpoint = ObjectWriter::begin(out);
    if let Some(name) = service_name {
        endpoint.text("serviceName", name);
    }
    if let Some(ipv4) = address.ipv4 {
        endpoint.display("ipv4", ipv4);
    }
    if let Some(ipv6) = address.ipv6 {
        endpoint.display("ipv6", ipv6);
    }
    if let Some(port) = address.port {
        endpoint.raw("port", port);
    }
    endpoint.end();
}
