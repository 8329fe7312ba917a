//! Rollups: how often what was done and how long it took, minute by minute.
//!
//! A [`Rollup`] counts spans by minute, service, operation, kind and outcome, and calls by minute,
//! parent and child, each with a histogram of durations. Counts are signed, and adding rollups up
//! is exact: a correction, which is what is now known less what was known before, makes of the
//! old sums precisely the new ones, whatever the order in which they are added.
//!
//! A rollup is bounded: past its [`Limits`] operations become [`NameText::Other`], then services
//! too. Sums stay exact, only what they are split by is lost, and how much that was is told.
//!
//! This module reads no clock and no file, and knows no spans.

mod format;
mod histogram;
mod names;

use std::collections::HashMap;
use std::hash::Hash;

use spandrel_model::{SpanKind, StatusCode};

pub use format::RollupError;
pub use histogram::Histogram;
use names::Names;
pub use names::{NAME_LEN_MAX, Name, NameText};

/// The minute of what has no start. No time in 64 bits of nanoseconds has this minute.
pub const NO_MINUTE: u32 = u32::MAX;

const MINUTE_NS: u64 = 60_000_000_000;

/// The minute since 1970 in which a span began.
#[must_use]
pub fn minute_of(start_ns: Option<u64>) -> u32 {
    start_ns.and_then(|ns| u32::try_from(ns / MINUTE_NS).ok()).unwrap_or(NO_MINUTE)
}

/// How much one rollup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows of spans by operation. As many again may be split by service alone.
    pub span_rows_max: usize,
    /// Rows of calls.
    pub call_rows_max: usize,
    /// The length of all names together.
    pub names_len_max: usize,
}

impl Limits {
    /// The limits of one segment: ten times what 1,300 operations need in four minutes.
    pub const SEGMENT: Self =
        Self { span_rows_max: 1 << 16, call_rows_max: 1 << 14, names_len_max: 4 << 20 };

    /// The limits of a segment that was merged of others, and of what is read of many. It spans
    /// more minutes.
    pub const MERGED: Self =
        Self { span_rows_max: 1 << 18, call_rows_max: 1 << 16, names_len_max: 4 << 20 };

    /// Both kinds of rows by service, and one of all for each class.
    fn all_span_rows_max(self) -> usize {
        self.span_rows_max.saturating_mul(2).saturating_add(CLASS_COUNT)
    }

    /// One more for all that found no place.
    fn all_call_rows_max(self) -> usize {
        self.call_rows_max.saturating_add(1)
    }
}

/// Kind and outcome of a span, in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(u8);

const CLASS_COUNT: usize = 36;

impl Class {
    /// Packs them. An error may be told by an attribute alone, and so beside any status.
    #[must_use]
    pub const fn new(kind: Option<SpanKind>, status: StatusCode, is_error: bool) -> Self {
        let kind = match kind {
            None => 0,
            Some(SpanKind::Internal) => 1,
            Some(SpanKind::Client) => 2,
            Some(SpanKind::Server) => 3,
            Some(SpanKind::Producer) => 4,
            Some(SpanKind::Consumer) => 5,
        };
        let status = match status {
            StatusCode::Unset => 0,
            StatusCode::Ok => 1,
            StatusCode::Error => 2,
        };
        Self(kind * 6 + status * 2 + is_error as u8)
    }

    /// The class of this number, if there is one.
    fn of_byte(byte: u8) -> Option<Self> {
        (usize::from(byte) < CLASS_COUNT).then_some(Self(byte))
    }

    fn byte(self) -> u8 {
        self.0
    }

    /// Which side of a call the spans are.
    #[must_use]
    pub const fn kind(self) -> Option<SpanKind> {
        match self.0 / 6 {
            1 => Some(SpanKind::Internal),
            2 => Some(SpanKind::Client),
            3 => Some(SpanKind::Server),
            4 => Some(SpanKind::Producer),
            5 => Some(SpanKind::Consumer),
            _ => None,
        }
    }

    /// The outcome that the spans say.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self.0 / 2 % 3 {
            1 => StatusCode::Ok,
            2 => StatusCode::Error,
            _ => StatusCode::Unset,
        }
    }

    /// Whether the spans failed.
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.0 % 2 == 1
    }
}

/// What spans are counted by. The names are of the rollup that they are added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanKey {
    /// The service that emitted them.
    pub service: Name,
    /// The operation.
    pub operation: Name,
    /// Kind and outcome.
    pub class: Class,
    /// The minute in which they began: [`minute_of`].
    pub minute: u32,
}

/// What calls are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey {
    /// The service that called.
    pub parent: Name,
    /// The service that was called.
    pub child: Name,
    /// The minute of the call.
    pub minute: u32,
}

/// How often, how often failed, and how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sums {
    count: i64,
    errors: i64,
    /// Of those whose duration is known.
    durations: Histogram,
}

impl Sums {
    fn add(&mut self, other: &Self, sign: i64) {
        self.count = self.count.wrapping_add(other.count.wrapping_mul(sign));
        self.errors = self.errors.wrapping_add(other.errors.wrapping_mul(sign));
        self.durations.add_all(&other.durations, sign);
    }

    fn is_nothing(&self) -> bool {
        self.count == 0 && self.errors == 0 && self.durations.is_empty()
    }
}

/// Spans counted by one key.
#[derive(Clone, Copy, Debug)]
pub struct SpanRow<'r> {
    /// The service.
    pub service: NameText<'r>,
    /// The operation.
    pub operation: NameText<'r>,
    /// Kind and outcome.
    pub class: Class,
    /// The minute, or [`NO_MINUTE`].
    pub minute: u32,
    /// How many; negative in a correction that takes some away.
    pub count: i64,
    /// The durations of those that have one.
    pub durations: &'r Histogram,
}

/// Calls counted by one key.
#[derive(Clone, Copy, Debug)]
pub struct CallRow<'r> {
    /// The service that called.
    pub parent: NameText<'r>,
    /// The service that was called.
    pub child: NameText<'r>,
    /// The minute, or [`NO_MINUTE`].
    pub minute: u32,
    /// How many calls.
    pub count: i64,
    /// How many of them failed.
    pub errors: i64,
    /// The durations of those that have one.
    pub durations: &'r Histogram,
}

/// Counts and durations by minute.
#[derive(Clone, Debug)]
pub struct Rollup {
    limits: Limits,
    names: Names,
    spans: Table<SpanKey>,
    calls: Table<CallKey>,
}

impl Rollup {
    /// Makes one that counted nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            names: Names::new(limits.names_len_max),
            spans: Table::default(),
            calls: Table::default(),
        }
    }

    /// The name of this text here; [`Name::OTHER`] when it is too long, or the names are too many.
    pub fn name(&mut self, text: &str) -> Name {
        self.names.name(text)
    }

    /// Counts one span.
    pub fn add_span(&mut self, key: SpanKey, duration_ns: Option<u64>) {
        let sums = self.span_sums(key);
        sums.count = sums.count.wrapping_add(1);
        if let Some(ns) = duration_ns {
            sums.durations.add(ns, 1);
        }
    }

    /// Counts one call.
    pub fn add_call(&mut self, key: CallKey, is_error: bool, duration_ns: Option<u64>) {
        let sums = self.call_sums(key);
        sums.count = sums.count.wrapping_add(1);
        sums.errors = sums.errors.wrapping_add(is_error.into());
        if let Some(ns) = duration_ns {
            sums.durations.add(ns, 1);
        }
    }

    /// Adds all that the other one counted.
    pub fn merge(&mut self, other: &Self) {
        self.combine(other, 1, |_| true);
    }

    /// Adds what the other one counted in some minutes.
    pub fn merge_minutes(&mut self, other: &Self, is_wanted: impl Fn(u32) -> bool) {
        self.combine(other, 1, is_wanted);
    }

    /// Whether it counts nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.rows().next().is_none() && self.calls.rows().next().is_none()
    }

    /// Takes away all that the other one counted.
    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, -1, |_| true);
    }

    fn combine(&mut self, other: &Self, sign: i64, is_wanted: impl Fn(u32) -> bool) {
        let names = self.names.take_over(&other.names);
        let own = |name: Name| names.get(name.place()).copied().unwrap_or(Name::OTHER);
        for (key, sums) in other.spans.rows().filter(|(key, _)| is_wanted(key.minute)) {
            let key = SpanKey { service: own(key.service), operation: own(key.operation), ..*key };
            self.span_sums(key).add(sums, sign);
        }
        for (key, sums) in other.calls.rows().filter(|(key, _)| is_wanted(key.minute)) {
            let key = CallKey { parent: own(key.parent), child: own(key.child), ..*key };
            self.call_sums(key).add(sums, sign);
        }
    }

    /// The spans by key, in no particular order.
    pub fn spans(&self) -> impl Iterator<Item = SpanRow<'_>> {
        self.spans.rows().map(|(key, sums)| SpanRow {
            service: self.names.text(key.service),
            operation: self.names.text(key.operation),
            class: key.class,
            minute: key.minute,
            count: sums.count,
            durations: &sums.durations,
        })
    }

    /// The calls by key, in no particular order.
    pub fn calls(&self) -> impl Iterator<Item = CallRow<'_>> {
        self.calls.rows().map(|(key, sums)| CallRow {
            parent: self.names.text(key.parent),
            child: self.names.text(key.child),
            minute: key.minute,
            count: sums.count,
            errors: sums.errors,
            durations: &sums.durations,
        })
    }

    /// How many spans are counted under another name than their own, for lack of room.
    #[must_use]
    pub fn folded_spans(&self) -> i64 {
        let folded = |row: &SpanRow<'_>| {
            matches!(row.service, NameText::Other) || matches!(row.operation, NameText::Other)
        };
        self.spans().filter(folded).fold(0, |sum, row| sum.wrapping_add(row.count))
    }

    /// How many calls are.
    #[must_use]
    pub fn folded_calls(&self) -> i64 {
        let folded = |row: &CallRow<'_>| {
            matches!(row.parent, NameText::Other) || matches!(row.child, NameText::Other)
        };
        self.calls().filter(folded).fold(0, |sum, row| sum.wrapping_add(row.count))
    }

    fn span_sums(&mut self, key: SpanKey) -> &mut Sums {
        let rows_max = self.limits.span_rows_max;
        let mut place = self.spans.place(key, rows_max);
        if place.is_none() {
            let by_service = SpanKey { operation: Name::OTHER, ..key };
            place = self.spans.place(by_service, rows_max.saturating_mul(2));
        }
        let of_all = SpanKey { service: Name::OTHER, minute: NO_MINUTE, ..key };
        let of_all = SpanKey { operation: Name::OTHER, ..of_all };
        self.spans.sums(place, of_all)
    }

    fn call_sums(&mut self, key: CallKey) -> &mut Sums {
        let place = self.calls.place(key, self.limits.call_rows_max);
        let of_all = CallKey { parent: Name::OTHER, child: Name::OTHER, minute: NO_MINUTE };
        self.calls.sums(place, of_all)
    }
}

/// Sums by key. The rows stand in the order in which their keys came, so that what is done with
/// them does not hang on how a map hashes.
#[derive(Clone, Debug)]
struct Table<K> {
    places: HashMap<K, usize>,
    rows: Vec<(K, Sums)>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { places: HashMap::new(), rows: Vec::new() }
    }
}

impl<K: Copy + Eq + Hash> Table<K> {
    /// The row of a key; `None` when it has none and there are as many as there may be.
    fn place(&mut self, key: K, rows_max: usize) -> Option<usize> {
        let next = self.rows.len();
        if next >= rows_max {
            return self.places.get(&key).copied();
        }
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            self.rows.push((key, Sums::default()));
        }
        Some(place)
    }

    /// Adds a row whose key has none.
    fn insert(&mut self, key: K, sums: Sums) {
        self.places.insert(key, self.rows.len());
        self.rows.push((key, sums));
    }

    /// The sums of a row, or of the one that takes what found no place.
    fn sums(&mut self, place: Option<usize>, of_all: K) -> &mut Sums {
        let place = place.or_else(|| self.place(of_all, usize::MAX));
        let row = place.and_then(|place| self.rows.get_mut(place));
        &mut row.expect("a place without a bound is always given, and rows are never taken out").1
    }

    /// The rows that count something.
    fn rows(&self) -> impl Iterator<Item = &(K, Sums)> {
        self.rows.iter().filter(|(_, sums)| !sums.is_nothing())
    }
}

#[cfg(test)]
mod tests;
