//! Spans as columns in memory: what the head holds, what a segment is written from, and what one
//! is read into.
//!
//! A [`Chunk`] has a row for each span. What every span has is a column of its own; the rest,
//! above all attributes, follows the span's *shape*: the list of keys and types that its values
//! have, in their order, of which there are few. Values are 64-bit words, behind each other for
//! one row; texts are places in a list that belongs to the key. Nothing of a span is lost or
//! changed on the way in and out.
//!
//! Nothing here reads or writes a file.

mod builder;
mod key;
mod list;
mod read;
mod shapes;
mod texts;
mod value_bytes;

use spandrel_model::{SpanKind, StatusCode};

pub(crate) use builder::ChunkBuilder;
pub(crate) use key::{ColumnKey, Field, Owner, ValueKind};
pub(crate) use read::{Resources, SpanReader};
pub(crate) use shapes::Shapes;
pub(crate) use texts::{TextHeap, Texts};
pub(crate) use value_bytes::{read_address, read_resource, read_value};

/// How many rows a chunk has at most.
pub(crate) const CHUNK_ROW_COUNT_MAX: usize = 16 << 10;

/// Stands for no service in a list of places.
pub(crate) const NO_SERVICE: u32 = u32::MAX;

/// Spans as columns.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) rows: Rows,
    /// The spans' values, a list for each row.
    pub(crate) span_values: Lists,
    /// The spans' events, those of one row behind each other.
    pub(crate) events: Events,
    /// The spans' links, those of one row behind each other.
    pub(crate) links: Links,
    /// The keys that occur, each with the texts of its values.
    pub(crate) columns: Vec<Column>,
    pub(crate) shapes: Shapes,
    /// Names of spans.
    pub(crate) names: Texts,
    /// Names of events.
    pub(crate) event_names: Texts,
    /// Resources, encoded.
    pub(crate) resources: Resources,
    /// Scopes, encoded; no bytes where there is none.
    pub(crate) scopes: Texts,
    /// Addresses of emitters, encoded.
    pub(crate) addresses: Texts,
    /// The requests that the rows came with.
    pub(crate) requests: Vec<Request>,
}

/// What every span has; one entry of each list is a row.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) trace_high: Vec<u64>,
    pub(crate) trace_low: Vec<u64>,
    pub(crate) span_id: Vec<u64>,
    /// 0 for none.
    pub(crate) parent_id: Vec<u64>,
    /// 0 where [`Marks::HAS_START`] is not set.
    pub(crate) start_ns: Vec<u64>,
    /// 0 where [`Marks::HAS_DURATION`] is not set.
    pub(crate) duration_ns: Vec<u64>,
    pub(crate) marks: Vec<Marks>,
    /// A place in [`Chunk::names`].
    pub(crate) name: Vec<u32>,
    /// A place in [`Chunk::resources`].
    pub(crate) resource: Vec<u32>,
    /// A place in [`Chunk::scopes`].
    pub(crate) scope: Vec<u32>,
    /// A place in [`Chunk::addresses`].
    pub(crate) address: Vec<u32>,
    /// The shape of the row's list in [`Chunk::span_values`].
    pub(crate) shape: Vec<u32>,
    /// Where the row's events end.
    pub(crate) events_end: Vec<u32>,
    /// Where the row's links end.
    pub(crate) links_end: Vec<u32>,
    /// A place in [`Chunk::requests`].
    pub(crate) request: Vec<u32>,
}

/// Lists of words behind each other.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    pub(crate) words: Vec<u64>,
    pub(crate) ends: Vec<u32>,
}

/// Events of spans.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) time_ns: Vec<u64>,
    /// A place in [`Chunk::event_names`].
    pub(crate) name: Vec<u32>,
    pub(crate) shape: Vec<u32>,
    pub(crate) values: Lists,
}

/// Links of spans.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// What the link means, by [`link_kind_code`].
    pub(crate) kind: Vec<u8>,
    pub(crate) trace_high: Vec<u64>,
    pub(crate) trace_low: Vec<u64>,
    pub(crate) span_id: Vec<u64>,
    pub(crate) shape: Vec<u32>,
    pub(crate) values: Lists,
}

/// A key that occurs, and the texts of its values.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) key: ColumnKey,
    pub(crate) texts: Texts,
}

/// A request that spans came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// When, in nanoseconds since 1970.
    pub(crate) arrival_ns: u64,
    /// The log file that keeps it; 0 once that does not matter any more.
    pub(crate) log_file_id: u64,
    /// Its place in that file.
    pub(crate) log_offset: u64,
}

/// Small facts about a span, one bit or few each. The bits are a part of the segment format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks(pub(crate) u16);

impl Marks {
    const KIND_MASK: u16 = 0b111;
    const STATUS_SHIFT: u32 = 3;
    /// The span has a start.
    pub(crate) const HAS_START: u16 = 1 << 5;
    /// The span has a duration.
    pub(crate) const HAS_DURATION: u16 = 1 << 6;
    /// `Span::is_shared`.
    pub(crate) const SHARED: u16 = 1 << 7;
    /// `Span::is_debug`.
    pub(crate) const DEBUG: u16 = 1 << 8;
    /// `Span::is_error()`.
    pub(crate) const ERROR: u16 = 1 << 9;
    const ALL: u16 = (1 << 10) - 1;

    /// Puts kind and status together; the other bits are added.
    pub(crate) fn new(kind: Option<SpanKind>, status: StatusCode, bits: u16) -> Self {
        let kind = match kind {
            None => 0,
            Some(SpanKind::Internal) => 1,
            Some(SpanKind::Server) => 2,
            Some(SpanKind::Client) => 3,
            Some(SpanKind::Producer) => 4,
            Some(SpanKind::Consumer) => 5,
        };
        let status = match status {
            StatusCode::Unset => 0,
            StatusCode::Ok => 1,
            StatusCode::Error => 2,
        };
        Self(kind | status << Self::STATUS_SHIFT | bits)
    }

    /// Marks as read from a disk; `None` when no span has these.
    pub(crate) fn from_bits(bits: u16) -> Option<Self> {
        let is_known = bits & !Self::ALL == 0
            && bits & Self::KIND_MASK <= 5
            && bits >> Self::STATUS_SHIFT & 0b11 <= 2;
        is_known.then_some(Self(bits))
    }

    /// Whether a bit is set.
    #[inline]
    pub(crate) fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    /// The span's kind.
    pub(crate) fn kind(self) -> Option<SpanKind> {
        match self.0 & Self::KIND_MASK {
            1 => Some(SpanKind::Internal),
            2 => Some(SpanKind::Server),
            3 => Some(SpanKind::Client),
            4 => Some(SpanKind::Producer),
            5 => Some(SpanKind::Consumer),
            _ => None,
        }
    }

    /// The span's status.
    pub(crate) fn status(self) -> StatusCode {
        match self.0 >> Self::STATUS_SHIFT & 0b11 {
            1 => StatusCode::Ok,
            2 => StatusCode::Error,
            _ => StatusCode::Unset,
        }
    }
}

impl Lists {
    /// The list of a row.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> &[u64] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.words[start as usize..self.ends[row] as usize]
    }

    /// Appends a list.
    pub(crate) fn push(&mut self, words: &[u64]) {
        self.words.extend_from_slice(words);
        self.ends.push(self.words.len() as u32);
    }

    fn with_capacity(len: usize, word_count: usize) -> Self {
        Self { words: Vec::with_capacity(word_count), ends: Vec::with_capacity(len) }
    }

    fn byte_len(&self) -> usize {
        bytes_of(&self.words) + bytes_of(&self.ends)
    }
}

impl Chunk {
    /// How many rows it has.
    pub(crate) fn len(&self) -> usize {
        self.rows.span_id.len()
    }

    /// The memory that it takes.
    pub(crate) fn byte_len(&self) -> usize {
        let texts = [
            &self.names,
            &self.event_names,
            &self.resources.encoded,
            &self.resources.services,
            &self.scopes,
            &self.addresses,
        ];
        let texts = texts.into_iter().chain(self.columns.iter().map(|column| &column.texts));
        texts.map(|texts| texts.heap().byte_len()).sum::<usize>()
            + self.rows.byte_len()
            + self.span_values.byte_len()
            + self.events.byte_len()
            + self.links.byte_len()
            + self.shapes.byte_len()
            + bytes_of(&self.requests)
            + bytes_of(&self.resources.service)
    }

    /// The events of a row.
    pub(crate) fn events_of(&self, row: usize) -> std::ops::Range<usize> {
        range_of(&self.rows.events_end, row)
    }

    /// The links of a row.
    pub(crate) fn links_of(&self, row: usize) -> std::ops::Range<usize> {
        range_of(&self.rows.links_end, row)
    }

    /// The request that a row came with.
    pub(crate) fn request_of(&self, row: usize) -> Request {
        self.requests[self.rows.request[row] as usize]
    }
}

impl Rows {
    fn with_capacity(len: usize) -> Self {
        let wide = || Vec::with_capacity(len);
        let narrow = || Vec::with_capacity(len);
        Self {
            trace_high: wide(),
            trace_low: wide(),
            span_id: wide(),
            parent_id: wide(),
            start_ns: wide(),
            duration_ns: wide(),
            marks: Vec::with_capacity(len),
            name: narrow(),
            resource: narrow(),
            scope: narrow(),
            address: narrow(),
            shape: narrow(),
            events_end: narrow(),
            links_end: narrow(),
            request: narrow(),
        }
    }

    fn byte_len(&self) -> usize {
        let wide = [
            &self.trace_high,
            &self.trace_low,
            &self.span_id,
            &self.parent_id,
            &self.start_ns,
            &self.duration_ns,
        ];
        let narrow = [
            &self.name,
            &self.resource,
            &self.scope,
            &self.address,
            &self.shape,
            &self.events_end,
            &self.links_end,
            &self.request,
        ];
        let narrow: usize = narrow.into_iter().map(bytes_of).sum();
        wide.into_iter().map(bytes_of).sum::<usize>() + narrow + bytes_of(&self.marks)
    }
}

impl Events {
    fn byte_len(&self) -> usize {
        let places = bytes_of(&self.name) + bytes_of(&self.shape);
        bytes_of(&self.time_ns) + places + self.values.byte_len()
    }
}

impl Links {
    fn byte_len(&self) -> usize {
        let ids = [&self.trace_high, &self.trace_low, &self.span_id];
        let ids: usize = ids.into_iter().map(bytes_of).sum();
        bytes_of(&self.kind) + ids + bytes_of(&self.shape) + self.values.byte_len()
    }
}

fn bytes_of<T>(list: &Vec<T>) -> usize {
    list.capacity() * size_of::<T>()
}

fn range_of(ends: &[u32], row: usize) -> std::ops::Range<usize> {
    let start = row.checked_sub(1).map_or(0, |before| ends[before]);
    start as usize..ends[row] as usize
}

/// The number that stands for a link's kind in columns and on disk.
pub(crate) fn link_kind_code(kind: spandrel_model::LinkKind) -> u8 {
    match kind {
        spandrel_model::LinkKind::Related => 0,
        spandrel_model::LinkKind::ChildOf => 1,
        spandrel_model::LinkKind::FollowsFrom => 2,
    }
}

/// The link kind of a number; `None` when it is none's.
pub(crate) fn link_kind_of(code: u8) -> Option<spandrel_model::LinkKind> {
    match code {
        0 => Some(spandrel_model::LinkKind::Related),
        1 => Some(spandrel_model::LinkKind::ChildOf),
        2 => Some(spandrel_model::LinkKind::FollowsFrom),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Request = Request { arrival_ns: 5, log_file_id: 1, log_offset: 4096 };

    #[test]
    fn spans_come_back_from_columns_as_they_were() {
        let spans: Vec<_> = (0..2_000).map(testkit::seeded_span).collect();
        let mut builder = ChunkBuilder::new(9);
        builder.begin_request(REQUEST);
        for (row, span) in spans.iter().enumerate() {
            assert_eq!(builder.push(span), row);
        }
        let chunk = builder.finish();
        let reader = SpanReader::new(&chunk);
        for (row, span) in spans.iter().enumerate() {
            assert_eq!(reader.span(row).as_ref(), Some(span));
            assert_eq!(chunk.request_of(row), REQUEST);
            let service = chunk.resources.service_of(chunk.rows.resource[row]);
            assert_eq!(service, span.service_name());
        }
        assert_eq!(builder.chunk().len(), 0, "the builder begins another chunk");
    }

    #[test]
    fn the_seed_of_the_tables_changes_no_row() {
        let chunk = |seed| {
            let mut builder = ChunkBuilder::new(seed);
            builder.begin_request(REQUEST);
            (0..500).map(testkit::seeded_span).for_each(|span| {
                builder.push(&span);
            });
            format!("{:?}", builder.finish())
        };
        assert_eq!(chunk(1), chunk(2));
    }
}
