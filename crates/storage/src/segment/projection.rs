//! Which columns of a group are wanted, and what these need to be read.

use super::part_id as id;

/// Which columns of a group are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Projection {
    /// Fixed columns, as bits: [`Projection::MARKS`] and so on. What these need is added.
    pub(crate) columns: u32,
    /// Codes of the keys whose values are wanted. The shapes that tell whose they are, are added.
    pub(crate) keys: Vec<u32>,
    /// Whether the values of all keys are wanted.
    pub(crate) has_all_keys: bool,
}

impl Projection {
    /// The trace table, and the high halves of ids.
    pub(crate) const TRACES: u32 = 1 << 0;
    /// Span ids.
    pub(crate) const SPAN_ID: u32 = 1 << 1;
    /// Rows of parents; their ids too if span ids are wanted as well.
    pub(crate) const PARENT: u32 = 1 << 2;
    /// Starts. Adds traces, parents and marks.
    pub(crate) const START: u32 = 1 << 3;
    /// Durations.
    pub(crate) const DURATION: u32 = 1 << 4;
    /// Marks.
    pub(crate) const MARKS: u32 = 1 << 5;
    /// Span names.
    pub(crate) const NAME: u32 = 1 << 6;
    /// Resources, and with them services.
    pub(crate) const RESOURCE: u32 = 1 << 7;
    /// Scopes.
    pub(crate) const SCOPE: u32 = 1 << 8;
    /// Addresses.
    pub(crate) const ADDRESS: u32 = 1 << 9;
    /// Shapes of spans.
    pub(crate) const SHAPE: u32 = 1 << 10;
    /// All of events but their values. Adds starts.
    pub(crate) const EVENTS: u32 = 1 << 11;
    /// All of links but their values.
    pub(crate) const LINKS: u32 = 1 << 12;
    /// Names of events, and whose they are.
    pub(crate) const EVENT_NAME: u32 = 1 << 13;
    /// Shapes of events, and whose they are.
    pub(crate) const EVENT_SHAPE: u32 = 1 << 14;
    /// Every column but the values of keys.
    pub(crate) const FIXED: u32 = (1 << 15) - 1;

    /// Everything.
    pub(crate) fn all() -> Self {
        Self { columns: Self::FIXED, keys: Vec::new(), has_all_keys: true }
    }

    /// The columns with those that they need.
    pub(super) fn closure(&self) -> u32 {
        let mut columns = self.columns;
        if self.has_all_keys || !self.keys.is_empty() {
            // A field may be that of a span, an event or a link, and its values are in one part.
            columns |= Self::SHAPE | Self::EVENT_SHAPE | Self::LINKS;
        }
        if columns & Self::EVENTS != 0 {
            columns |= Self::START | Self::EVENT_NAME | Self::EVENT_SHAPE;
        }
        if columns & Self::START != 0 {
            columns |= Self::TRACES | Self::PARENT | Self::MARKS;
        }
        columns
    }

    /// Whether a part is to be read, where `columns` is the closure.
    pub(super) fn wants(&self, columns: u32, part: u32) -> bool {
        if let Some((key, _)) = id::key_of(part) {
            return self.has_all_keys || self.keys.contains(&key);
        }
        let any_of = match part {
            id::TRACES | id::TRACE_HIGH => Self::TRACES,
            id::SPAN_ID => Self::SPAN_ID,
            id::PARENT => Self::PARENT,
            id::PARENT_ELSEWHERE => return columns & Self::PARENT_IDS == Self::PARENT_IDS,
            id::START => Self::START,
            id::DURATION => Self::DURATION,
            id::MARKS => Self::MARKS,
            id::NAME => Self::NAME,
            id::RESOURCE => Self::RESOURCE,
            id::SCOPE => Self::SCOPE,
            id::ADDRESS => Self::ADDRESS,
            id::SHAPE => Self::SHAPE,
            id::EVENT_COUNT => Self::EVENTS | Self::EVENT_NAME | Self::EVENT_SHAPE,
            id::EVENT_TIME => Self::EVENTS,
            id::EVENT_NAME => Self::EVENT_NAME,
            id::EVENT_SHAPE => Self::EVENT_SHAPE,
            _ => Self::LINKS,
        };
        columns & any_of != 0
    }

    /// With both of these the ids of parents are there.
    pub(super) const PARENT_IDS: u32 = Self::PARENT | Self::SPAN_ID;
}
