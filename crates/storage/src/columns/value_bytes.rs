//! Values, resources, scopes and addresses as bytes: what columns keep as texts of their own.
//!
//! The encoding is a part of the segment format (docs/format.md). Reading checks everything, as
//! these bytes come back from a disk; nesting is limited.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use spandrel_model::{Address, Attribute, Resource, Scope, Value};

/// How deep values nest at most when they are read; no decoder of ours makes deeper ones.
const DEPTH_MAX: usize = 256;

/// Appends a value: its tag, then its content.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Empty => out.push(0),
        Value::String(text) => {
            out.push(1);
            write_bytes(out, text.as_bytes());
        }
        Value::Bool(false) => out.push(2),
        Value::Bool(true) => out.push(3),
        Value::Int(number) => {
            out.push(4);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Double(number) => {
            out.push(5);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(6);
            write_bytes(out, bytes);
        }
        Value::Array(values) => {
            out.push(7);
            write_len(out, values.len());
            values.iter().for_each(|value| write_value(out, value));
        }
        Value::Map(attributes) => {
            out.push(8);
            write_attributes(out, attributes);
        }
    }
}

/// Reads the value that fills `bytes`; `None` when they are damaged.
pub(crate) fn read_value(bytes: &[u8]) -> Option<Value<'_>> {
    let mut reader = Reader { bytes };
    let value = reader.value(0)?;
    reader.bytes.is_empty().then_some(value)
}

/// Appends a resource.
pub(crate) fn write_resource(out: &mut Vec<u8>, resource: &Resource) {
    match &resource.service_name {
        None => out.push(0),
        Some(name) => {
            out.push(1);
            write_bytes(out, name.as_bytes());
        }
    }
    write_len(out, resource.dropped_attributes as usize);
    write_attributes(out, &resource.attributes);
}

/// Reads a resource; `None` when it is damaged.
pub(crate) fn read_resource(bytes: &[u8]) -> Option<Resource> {
    let mut reader = Reader { bytes };
    let service_name = match reader.byte()? {
        0 => None,
        1 => Some(reader.str()?.to_owned()),
        _ => return None,
    };
    let dropped_attributes = u32::try_from(reader.len()?).ok()?;
    let attributes = reader.owned_attributes()?;
    reader.bytes.is_empty().then_some(Resource { service_name, attributes, dropped_attributes })
}

/// Appends a scope, or that there is none.
pub(crate) fn write_scope(out: &mut Vec<u8>, scope: Option<&Scope>) {
    let Some(scope) = scope else { return };
    write_bytes(out, scope.name.as_bytes());
    write_bytes(out, scope.version.as_bytes());
    write_len(out, scope.dropped_attributes as usize);
    write_attributes(out, &scope.attributes);
}

/// Reads a scope, which no bytes say is absent; `None` when it is damaged.
pub(crate) fn read_scope(bytes: &[u8]) -> Option<Option<Scope>> {
    if bytes.is_empty() {
        return Some(None);
    }
    let mut reader = Reader { bytes };
    let (name, version) = (reader.str()?.to_owned(), reader.str()?.to_owned());
    let dropped_attributes = u32::try_from(reader.len()?).ok()?;
    let attributes = reader.owned_attributes()?;
    let scope = Scope { name, version, attributes, dropped_attributes };
    reader.bytes.is_empty().then_some(Some(scope))
}

/// Appends an address: which parts it has, then those.
pub(crate) fn write_address(out: &mut Vec<u8>, address: &Address) {
    let has = |is_there: bool, bit: u8| if is_there { bit } else { 0 };
    let parts = has(address.ipv4.is_some(), 1)
        | has(address.ipv6.is_some(), 2)
        | has(address.port.is_some(), 4);
    out.push(parts);
    out.extend(address.ipv4.iter().flat_map(Ipv4Addr::octets));
    out.extend(address.ipv6.iter().flat_map(Ipv6Addr::octets));
    out.extend(address.port.iter().flat_map(|port| port.get().to_le_bytes()));
}

/// Reads an address; `None` when it is damaged.
pub(crate) fn read_address(bytes: &[u8]) -> Option<Address> {
    let mut reader = Reader { bytes };
    let parts = reader.byte()?;
    let mut address = Address::default();
    if parts & 1 != 0 {
        address.ipv4 = Some(Ipv4Addr::from(*reader.array::<4>()?));
    }
    if parts & 2 != 0 {
        address.ipv6 = Some(Ipv6Addr::from(*reader.array::<16>()?));
    }
    if parts & 4 != 0 {
        address.port = Some(NonZeroU16::new(u16::from_le_bytes(*reader.array::<2>()?))?);
    }
    (parts < 8 && reader.bytes.is_empty()).then_some(address)
}

fn write_attributes(out: &mut Vec<u8>, attributes: &[Attribute<'_>]) {
    write_len(out, attributes.len());
    for attribute in attributes {
        write_bytes(out, attribute.key.as_bytes());
        write_value(out, &attribute.value);
    }
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn write_len(out: &mut Vec<u8>, len: usize) {
    let mut rest = len as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        self.bytes.split_off_first().copied()
    }

    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        self.bytes.split_off(..N)?.as_array()
    }

    fn len(&mut self) -> Option<usize> {
        let mut len = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            len |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return usize::try_from(len).ok();
            }
        }
        None
    }

    /// A number of things of which each takes a byte at least.
    fn count(&mut self) -> Option<usize> {
        self.len().filter(|count| *count <= self.bytes.len())
    }

    fn slice(&mut self) -> Option<&'a [u8]> {
        let len = self.len()?;
        self.bytes.split_off(..len)
    }

    fn str(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.slice()?).ok()
    }

    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        if depth > DEPTH_MAX {
            return None;
        }
        Some(match self.byte()? {
            0 => Value::Empty,
            1 => Value::String(Cow::Borrowed(self.str()?)),
            2 => Value::Bool(false),
            3 => Value::Bool(true),
            4 => Value::Int(i64::from_le_bytes(*self.array()?)),
            5 => Value::Double(f64::from_bits(u64::from_le_bytes(*self.array()?))),
            6 => Value::Bytes(Cow::Borrowed(self.slice()?)),
            7 => {
                let count = self.count()?;
                Value::Array((0..count).map(|_| self.value(depth + 1)).collect::<Option<_>>()?)
            }
            8 => Value::Map(self.attributes(depth + 1)?),
            _ => return None,
        })
    }

    fn attributes(&mut self, depth: usize) -> Option<Vec<Attribute<'a>>> {
        let count = self.count()?;
        let mut attribute =
            || Some(Attribute { key: self.str()?.into(), value: self.value(depth)? });
        (0..count).map(|_| attribute()).collect()
    }

    fn owned_attributes(&mut self) -> Option<Vec<Attribute<'static>>> {
        Some(self.attributes(0)?.into_iter().map(Attribute::into_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested() -> Value<'static> {
        Value::Array(vec![
            Value::Empty,
            Value::from("text"),
            Value::Bool(true),
            Value::Int(-1),
            Value::Double(f64::NAN),
            Value::Bytes(Cow::Borrowed(b"\xff\x00")),
            Value::Map(vec![Attribute::new("key", 5), Attribute::new("", "again")]),
        ])
    }

    #[test]
    fn a_nested_value_comes_back_as_it_was() {
        let mut bytes = Vec::new();
        write_value(&mut bytes, &nested());
        assert_eq!(read_value(&bytes), Some(nested()));
        for end in 0..bytes.len() {
            assert_eq!(read_value(&bytes[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn resources_scopes_and_addresses_come_back_as_they_were() {
        let attributes = vec![Attribute::new("list", nested())];
        let resource = Resource {
            service_name: Some("shop".to_owned()),
            attributes: attributes.clone(),
            dropped_attributes: 300,
        };
        let mut bytes = Vec::new();
        write_resource(&mut bytes, &resource);
        assert_eq!(read_resource(&bytes), Some(resource));

        let name = String::new();
        let scope = Scope { name, version: "1".to_owned(), attributes, dropped_attributes: 0 };
        bytes.clear();
        write_scope(&mut bytes, Some(&scope));
        assert_eq!(read_scope(&bytes), Some(Some(scope)));
        assert_eq!(read_scope(&[]), Some(None));

        let address = Address {
            ipv4: Some(Ipv4Addr::LOCALHOST),
            ipv6: Some(Ipv6Addr::LOCALHOST),
            port: NonZeroU16::new(9411),
        };
        for address in [address, Address::default(), Address { ipv4: None, ..address }] {
            bytes.clear();
            write_address(&mut bytes, &address);
            assert_eq!(read_address(&bytes), Some(address));
        }
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused() {
        let mut bytes = [7, 1].repeat(DEPTH_MAX + 1);
        bytes.push(0);
        assert_eq!(read_value(&bytes), None);
        assert!(read_value(&bytes[2..]).is_some());
    }
}
