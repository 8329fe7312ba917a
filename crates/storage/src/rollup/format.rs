//! Rollups as bytes: column after column, so that a general compressor does the rest.
//!
//! All numbers are variable-length integers of seven bits a byte, the least first; signed ones in
//! zigzag. In order:
//!
//! 1. the version, one byte;
//! 2. the names: their count, the length of each, their texts in byte order;
//! 3. the spans: the count of rows, then as columns service, operation, class, minute, durations;
//! 4. the calls: the count of rows, then parent, child, minute, errors, durations.
//!
//! The rows are in the order of their columns, a class before its minutes. Names are told by
//! place: 0 is no name, 1 is all those without room, 2 the first text. Names and minutes are told
//! as the difference to the row before. The durations are four columns: how many more were
//! counted than have a duration, how many buckets there are, the distance of each bucket to the
//! one before, and the count of each. Rows that count nothing, and names that no row has, are not
//! written: the same sums are the same bytes.

use super::histogram::{BUCKET_COUNT, Histogram};
use super::names::Name;
use super::{CallKey, Class, Limits, NAME_LEN_MAX, NameText, Rollup, SpanKey, Sums};

const VERSION: u8 = 1;

/// Why bytes are no rollup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RollupError {
    /// The bytes end within it.
    #[error("the rollup is cut off at byte {offset}")]
    Truncated {
        /// Where more was wanted.
        offset: usize,
    },
    /// A later program wrote it.
    #[error("the rollup is of version {version}, and this program knows version {VERSION}")]
    Newer {
        /// Its version.
        version: u8,
    },
    /// It announces more than a reader takes.
    #[error("the rollup announces {count} {what} at byte {offset}, over the limit of {limit}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many are announced.
        count: u64,
        /// How many there may be.
        limit: usize,
        /// Where that is said.
        offset: usize,
    },
    /// It says what cannot be.
    #[error("the rollup's {what} before byte {offset} cannot be")]
    Damaged {
        /// What is wrong.
        what: &'static str,
        /// Where the reader stood.
        offset: usize,
    },
}

impl Rollup {
    /// Appends the rollup as bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        let places = self.encode_names(out);
        let place = |name: Name| places.get(name.place()).copied().unwrap_or(0);

        let span_columns = |key: &SpanKey| {
            let class = u64::from(key.class.byte());
            [place(key.service), place(key.operation), class, u64::from(key.minute)]
        };
        let mut spans: Vec<([u64; 4], &Sums)> =
            self.spans.rows().map(|(key, sums)| (span_columns(key), sums)).collect();
        spans.sort_unstable_by_key(|(columns, _)| *columns);
        put(out, spans.len() as u64);
        put_differences(out, spans.iter().map(|([service, ..], _)| *service));
        put_differences(out, spans.iter().map(|([_, operation, ..], _)| *operation));
        spans.iter().for_each(|([_, _, class, _], _)| put(out, *class));
        put_differences(out, spans.iter().map(|([.., minute], _)| *minute));
        put_durations(out, || spans.iter().map(|(_, sums)| *sums));

        let call_columns =
            |key: &CallKey| [place(key.parent), place(key.child), u64::from(key.minute)];
        let mut calls: Vec<([u64; 3], &Sums)> =
            self.calls.rows().map(|(key, sums)| (call_columns(key), sums)).collect();
        calls.sort_unstable_by_key(|(columns, _)| *columns);
        put(out, calls.len() as u64);
        put_differences(out, calls.iter().map(|([parent, ..], _)| *parent));
        put_differences(out, calls.iter().map(|([_, child, _], _)| *child));
        put_differences(out, calls.iter().map(|([.., minute], _)| *minute));
        calls.iter().for_each(|(_, sums)| put_signed(out, sums.errors));
        put_durations(out, || calls.iter().map(|(_, sums)| *sums));
    }

    /// Writes the names that rows have, sorted, and returns for each name its place among them.
    fn encode_names(&self, out: &mut Vec<u8>) -> Vec<u64> {
        let of_spans = self.spans.rows().flat_map(|(key, _)| [key.service, key.operation]);
        let of_calls = self.calls.rows().flat_map(|(key, _)| [key.parent, key.child]);
        let mut names: Vec<(NameText<'_>, Name)> =
            of_spans.chain(of_calls).map(|name| (self.names.text(name), name)).collect();
        names.sort_unstable();
        names.dedup();

        let last = names.iter().map(|(_, name)| name.place()).max().unwrap_or(0);
        let mut places = vec![0; last.saturating_add(1).max(Name::TEXTS_AT)];
        let mut texts = Vec::with_capacity(names.len());
        for (text, name) in names {
            let place = match text {
                NameText::Absent => Name::ABSENT.place(),
                NameText::Other => Name::OTHER.place(),
                NameText::Text(text) => {
                    texts.push(text);
                    texts.len() - 1 + Name::TEXTS_AT
                }
            };
            if let Some(slot) = places.get_mut(name.place()) {
                *slot = place as u64;
            }
        }
        put(out, texts.len() as u64);
        texts.iter().for_each(|text| put(out, text.len() as u64));
        texts.iter().for_each(|text| out.extend_from_slice(text.as_bytes()));
        places
    }

    /// Reads a rollup that [`Rollup::encode`] wrote. The limits hold for what is read, and for
    /// what is added to it afterwards.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the bytes, and where. Nothing is allocated for what they
    /// announce and do not hold.
    pub fn decode(bytes: &[u8], limits: Limits) -> Result<Self, RollupError> {
        let mut reader = Reader { bytes, offset: 0 };
        let version = reader.byte()?;
        if version != VERSION {
            return Err(if version > VERSION {
                RollupError::Newer { version }
            } else {
                reader.damaged("version")
            });
        }
        let mut rollup = Self::new(limits);
        let names_end = rollup.decode_names(&mut reader)?;
        rollup.decode_spans(&mut reader, names_end)?;
        rollup.decode_calls(&mut reader, names_end)?;
        if reader.rest() > 0 {
            return Err(reader.damaged("end"));
        }
        Ok(rollup)
    }

    /// Reads the names, and returns the first place past them.
    fn decode_names(&mut self, reader: &mut Reader<'_>) -> Result<u64, RollupError> {
        let count = reader.count("names", self.limits.names_len_max)?;
        let mut lens = Vec::with_capacity(count);
        for _ in 0..count {
            lens.push(reader.count("bytes of a name", NAME_LEN_MAX)?);
        }
        let mut before: Option<&str> = None;
        for (place, len) in (Name::TEXTS_AT..).zip(lens) {
            let bytes = reader.take(len)?;
            let text = std::str::from_utf8(bytes).map_err(|_| reader.damaged("name"))?;
            if before.is_some_and(|before| before >= text) {
                return Err(reader.damaged("order of names"));
            }
            before = Some(text);
            if self.name(text).place() != place {
                return Err(RollupError::TooMany {
                    what: "names",
                    count: count as u64,
                    limit: self.limits.names_len_max,
                    offset: reader.offset,
                });
            }
        }
        Ok((count + Name::TEXTS_AT) as u64)
    }

    fn decode_spans(&mut self, reader: &mut Reader<'_>, names: u64) -> Result<(), RollupError> {
        let count = reader.count("rows of spans", self.limits.all_span_rows_max())?;
        let services = reader.differences(count, "service", names)?;
        let operations = reader.differences(count, "operation", names)?;
        let mut classes = Vec::with_capacity(count);
        for &byte in reader.take(count)? {
            classes.push(Class::of_byte(byte).ok_or_else(|| reader.damaged("class"))?);
        }
        let minutes = reader.differences(count, "minute", MINUTES)?;
        let sums = reader.durations(count)?;
        let mut before = None;
        let names = services.into_iter().zip(operations);
        for (((service, operation), class), (minute, sums)) in
            names.zip(classes).zip(minutes.into_iter().zip(sums))
        {
            let key = SpanKey {
                service: Name::of(service),
                operation: Name::of(operation),
                class,
                minute,
            };
            if before.is_some_and(|before| before >= key) || sums.is_nothing() {
                return Err(reader.damaged("row of spans"));
            }
            before = Some(key);
            self.spans.insert(key, sums);
        }
        Ok(())
    }

    fn decode_calls(&mut self, reader: &mut Reader<'_>, names: u64) -> Result<(), RollupError> {
        let count = reader.count("rows of calls", self.limits.all_call_rows_max())?;
        let parents = reader.differences(count, "parent", names)?;
        let children = reader.differences(count, "child", names)?;
        let minutes = reader.differences(count, "minute", MINUTES)?;
        let mut errors = Vec::with_capacity(count);
        for _ in 0..count {
            errors.push(reader.signed()?);
        }
        let sums = reader.durations(count)?;
        let mut before = None;
        let names = parents.into_iter().zip(children);
        for (((parent, child), minute), (errors, sums)) in
            names.zip(minutes).zip(errors.into_iter().zip(sums))
        {
            let key = CallKey { parent: Name::of(parent), child: Name::of(child), minute };
            let sums = Sums { errors, ..sums };
            if before.is_some_and(|before| before >= key) || sums.is_nothing() {
                return Err(reader.damaged("row of calls"));
            }
            before = Some(key);
            self.calls.insert(key, sums);
        }
        Ok(())
    }
}

/// All values of a minute.
const MINUTES: u64 = 1 << 32;

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

fn put_differences(out: &mut Vec<u8>, values: impl Iterator<Item = u64>) {
    let mut before = 0u64;
    for value in values {
        put_signed(out, value.wrapping_sub(before).cast_signed());
        before = value;
    }
}

fn put_durations<'s, I: Iterator<Item = &'s Sums>>(out: &mut Vec<u8>, rows: impl Fn() -> I) {
    for sums in rows() {
        put_signed(out, sums.count.wrapping_sub(sums.durations.count()));
    }
    for sums in rows() {
        put(out, sums.durations.len() as u64);
    }
    for sums in rows() {
        put_differences(out, sums.durations.raw().map(|(bucket, _)| bucket.into()));
    }
    for sums in rows() {
        sums.durations.raw().for_each(|(_, count)| put_signed(out, count));
    }
}

/// What is still to read.
struct Reader<'b> {
    bytes: &'b [u8],
    offset: usize,
}

impl<'b> Reader<'b> {
    fn rest(&self) -> usize {
        self.bytes.len().saturating_sub(self.offset)
    }

    fn damaged(&self, what: &'static str) -> RollupError {
        RollupError::Damaged { what, offset: self.offset }
    }

    fn byte(&mut self) -> Result<u8, RollupError> {
        let byte = self.bytes.get(self.offset).copied();
        let byte = byte.ok_or(RollupError::Truncated { offset: self.offset })?;
        self.offset += 1;
        Ok(byte)
    }

    fn take(&mut self, len: usize) -> Result<&'b [u8], RollupError> {
        let end = self.offset.checked_add(len);
        let taken = end.and_then(|end| self.bytes.get(self.offset..end));
        let taken = taken.ok_or(RollupError::Truncated { offset: self.bytes.len() })?;
        self.offset += len;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, RollupError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damaged("number"))
    }

    fn signed(&mut self) -> Result<i64, RollupError> {
        let raw = self.number()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// A count of things that take at least one byte each.
    fn count(&mut self, what: &'static str, limit: usize) -> Result<usize, RollupError> {
        let offset = self.offset;
        let announced = self.number()?;
        let too_many = RollupError::TooMany { what, count: announced, limit, offset };
        let count = usize::try_from(announced).ok().filter(|&count| count <= limit);
        let count = count.ok_or(too_many)?;
        if count > self.rest() {
            return Err(RollupError::Truncated { offset: self.bytes.len() });
        }
        Ok(count)
    }

    /// A column of numbers below `end`.
    fn differences(
        &mut self,
        count: usize,
        what: &'static str,
        end: u64,
    ) -> Result<Vec<u32>, RollupError> {
        let mut values = Vec::with_capacity(count);
        let mut value = 0u64;
        for _ in 0..count {
            value = value.wrapping_add_signed(self.signed()?);
            let sound = u32::try_from(value).ok().filter(|_| value < end);
            values.push(sound.ok_or_else(|| self.damaged(what))?);
        }
        Ok(values)
    }

    /// The counts and histograms of so many rows.
    fn durations(&mut self, count: usize) -> Result<Vec<Sums>, RollupError> {
        let mut timeless = Vec::with_capacity(count);
        for _ in 0..count {
            timeless.push(self.signed()?);
        }
        let mut lens = Vec::with_capacity(count);
        for _ in 0..count {
            lens.push(self.count("buckets", BUCKET_COUNT.into())?);
        }
        let mut buckets = Vec::with_capacity(count);
        for len in lens {
            // Checked again: the rows before took their part of what is left.
            if len > self.rest() {
                return Err(RollupError::Truncated { offset: self.bytes.len() });
            }
            buckets.push(self.differences(len, "bucket", BUCKET_COUNT.into())?);
        }
        let mut rows = Vec::with_capacity(count);
        for (timeless, buckets) in timeless.into_iter().zip(buckets) {
            let mut counts = Vec::with_capacity(buckets.len());
            for _ in &buckets {
                counts.push(self.signed()?);
            }
            let numbers = buckets.into_iter().map(u16::try_from).collect::<Result<Vec<_>, _>>();
            let durations = numbers.ok().and_then(|numbers| Histogram::of_raw(numbers, counts));
            let durations = durations.ok_or_else(|| self.damaged("histogram"))?;
            let count = timeless.wrapping_add(durations.count());
            rows.push(Sums { count, errors: 0, durations });
        }
        Ok(rows)
    }
}
