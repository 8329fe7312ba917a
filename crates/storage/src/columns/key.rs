//! What a column of values is: whose, under which key, and of which type.

use spandrel_model::Value;

/// Names a column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ColumnKey {
    /// Whose values they are.
    pub(crate) owner: Owner,
    /// The attribute's key; empty for a field.
    pub(crate) name: Box<str>,
    /// The type of all its values.
    pub(crate) kind: ValueKind,
}

impl ColumnKey {
    /// Whether it is this one.
    #[inline]
    pub(crate) fn is(&self, owner: Owner, name: &str, kind: ValueKind) -> bool {
        self.kind == kind && self.owner == owner && *self.name == *name
    }
}

/// Whose values a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// A span's attributes.
    SpanAttribute,
    /// An event's attributes.
    EventAttribute,
    /// A link's attributes.
    LinkAttribute,
    /// What few spans, events or links have, so that the others don't pay for it.
    Field(Field),
}

/// A part of a span, an event or a link that is absent from most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Field {
    /// A span's W3C trace flags, unless zero.
    TraceFlags = 0,
    /// A span's or a link's W3C trace state, unless empty.
    TraceState = 1,
    /// The message of a span's status, unless empty.
    StatusMessage = 2,
    /// How many attributes the sender dropped, unless none: of a span, an event or a link.
    DroppedAttributes = 3,
    /// How many events the sender dropped, unless none.
    DroppedEvents = 4,
    /// How many links the sender dropped, unless none.
    DroppedLinks = 5,
    /// A remote endpoint that says nothing.
    RemoteEmpty = 6,
    /// The remote endpoint's service.
    RemoteService = 7,
    /// The remote endpoint's address of version 4, as a number.
    RemoteIpv4 = 8,
    /// The remote endpoint's address of version 6, as 16 bytes.
    RemoteIpv6 = 9,
    /// The remote endpoint's port.
    RemotePort = 10,
}

impl Field {
    /// All fields, in the order of their numbers.
    pub(crate) const ALL: [Self; 11] = [
        Self::TraceFlags,
        Self::TraceState,
        Self::StatusMessage,
        Self::DroppedAttributes,
        Self::DroppedEvents,
        Self::DroppedLinks,
        Self::RemoteEmpty,
        Self::RemoteService,
        Self::RemoteIpv4,
        Self::RemoteIpv6,
        Self::RemotePort,
    ];
}

impl Owner {
    /// The number that stands for it on disk.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::SpanAttribute => 0,
            Self::EventAttribute => 1,
            Self::LinkAttribute => 2,
            Self::Field(field) => 16 + field as u8,
        }
    }

    /// The owner of a number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::SpanAttribute),
            1 => Some(Self::EventAttribute),
            2 => Some(Self::LinkAttribute),
            _ => Field::ALL.get(usize::from(code.checked_sub(16)?)).copied().map(Self::Field),
        }
    }
}

/// The type of a column's values, and with it what its 64-bit words mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum ValueKind {
    /// No value; the word is 0.
    Empty = 0,
    /// The place of a text.
    String = 1,
    /// 0 or 1.
    Bool = 2,
    /// A whole number in two's complement.
    Int = 3,
    /// The bits of a double.
    Double = 4,
    /// The place of bytes.
    Bytes = 5,
    /// The place of an array's or a map's encoding.
    Nested = 6,
}

impl ValueKind {
    const ALL: [Self; 7] =
        [Self::Empty, Self::String, Self::Bool, Self::Int, Self::Double, Self::Bytes, Self::Nested];

    /// The type of a value.
    pub(crate) fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Empty => Self::Empty,
            Value::String(_) => Self::String,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Int,
            Value::Double(_) => Self::Double,
            Value::Bytes(_) => Self::Bytes,
            Value::Array(_) | Value::Map(_) => Self::Nested,
        }
    }

    /// The type of a number on disk.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Whether its words are places in a list of texts.
    pub(crate) fn has_texts(self) -> bool {
        matches!(self, Self::String | Self::Bytes | Self::Nested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_on_disk_lead_back() {
        let fields = Field::ALL.map(Owner::Field);
        let owners = [Owner::SpanAttribute, Owner::EventAttribute, Owner::LinkAttribute];
        for owner in owners.into_iter().chain(fields) {
            assert_eq!(Owner::from_code(owner.code()), Some(owner));
        }
        assert_eq!([3, 15, 27].map(Owner::from_code), [None; 3]);
        for kind in ValueKind::ALL {
            assert_eq!(ValueKind::from_code(kind as u8), Some(kind));
        }
        assert_eq!(ValueKind::from_code(7), None);
    }
}
