//! Finds the faults of a group.

use spandrel_model::Value;

use super::faults::{FAULT_SHARE, FaultMarks, Faults, STATUS_KEYS, STATUS_MIN};
use crate::columns::{NO_SERVICE, Owner, ValueKind};
use crate::predicate::{AttributeScope, Ordered, Predicate, SpanFilter, ValueTest};
use crate::search::{LastValues, Plan, RowSet, value_of};
use crate::segment::{GroupColumns, SegmentTexts, ValueForm};

/// Finds faults, and keeps the space that it takes.
#[derive(Debug, Default)]
pub(super) struct FaultFinder {
    /// What each fault row's status is: by row, the bits of [`FaultMarks`] and the status.
    statuses: Vec<(u32, u8, u16)>,
}

impl FaultFinder {
    /// Appends the faults of a group.
    pub(super) fn group(
        &mut self,
        group: &GroupColumns,
        texts: &SegmentTexts<'_>,
        faults: &mut Faults,
    ) {
        self.statuses.clear();
        for (place, key) in STATUS_KEYS.iter().enumerate() {
            self.find_statuses(place, key, group, texts);
        }
        self.statuses.sort_unstable();
        let errors = SpanFilter { predicates: vec![Predicate::IsError(true)] };
        let mut rows = Plan::new(&errors, texts).select_in_group(group, texts.shapes).rows;
        self.statuses.iter().for_each(|(row, ..)| rows.insert(*row as usize));
        let is_listed = rows.count() * FAULT_SHARE <= group.row_count.max(FAULT_SHARE);
        faults.is_listed.push(is_listed.into());
        if is_listed {
            self.push_all(&rows, group, texts, faults);
        }
        faults.ends.push(faults.row.len() as u32);
    }

    fn push_all(
        &self,
        rows: &RowSet,
        group: &GroupColumns,
        texts: &SegmentTexts<'_>,
        faults: &mut Faults,
    ) {
        let mut statuses = self.statuses.iter().peekable();
        for row in rows.rows() {
            let (mut bits, mut status) = (0, 0);
            while let Some((_, more, number)) = statuses.next_if(|(of, ..)| *of as usize == row) {
                let differs = bits != 0 && status != *number;
                bits |= more | if differs { FaultMarks::ODD } else { 0 };
                status = *number;
            }
            if bits & FaultMarks::ODD != 0 {
                status = 0;
            }
            let service = texts.services_of_resources.get(group.resource[row] as usize);
            let service = service.filter(|service| **service != NO_SERVICE);
            faults.row.push(row as u32);
            faults.marks.push(FaultMarks::new(group.marks[row], bits).0);
            faults.service.push(service.map_or(0, |service| service + 1));
            faults.name.push(group.name[row]);
            faults.status.push(status);
            faults.duration_ns.push(group.duration_ns[row]);
        }
    }

    /// Finds the rows whose status under a key is a fault.
    fn find_statuses(
        &mut self,
        place: usize,
        key: &str,
        group: &GroupColumns,
        texts: &SegmentTexts<'_>,
    ) {
        let test = ValueTest::Number(Ordered::GreaterOrEqual, STATUS_MIN);
        let (scope, name) = (AttributeScope::Span, key.to_owned());
        let filter =
            SpanFilter { predicates: vec![Predicate::Attribute { scope, key: name, test }] };
        let rows = Plan::new(&filter, texts).select_in_group(group, texts.shapes).rows;
        if rows.is_empty() {
            return;
        }
        let of_spans = (0..).zip(texts.keys);
        let is_it = |key_code: &(u32, &crate::columns::ColumnKey)| {
            key_code.1.owner == Owner::SpanAttribute && *key_code.1.name == *key
        };
        let keys: Vec<u32> = of_spans.filter(is_it).map(|(code, _)| code).collect();
        let mut last_values = LastValues::new(&group.shape, texts.shapes, &keys);
        for row in rows.rows() {
            let found = last_values.of_row(row);
            let value = found.and_then(|(key, at)| value_at(group, texts, keys[key], at));
            let status = value.and_then(|value| plain_status(&value));
            let bits =
                FaultMarks::STATUS << place | if status.is_none() { FaultMarks::ODD } else { 0 };
            self.statuses.push((row as u32, bits, status.unwrap_or(0)));
        }
    }
}

/// The status, if it is a whole number of usual size and prints as one.
fn plain_status(value: &Value<'_>) -> Option<u16> {
    let status = match value {
        Value::Int(number) => u16::try_from(*number).ok()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    (value.to_text() == status.to_string()).then_some(status)
}

/// A value in a dense column.
fn value_at<'g>(
    group: &'g GroupColumns,
    texts: &SegmentTexts<'g>,
    key: u32,
    at: usize,
) -> Option<Value<'g>> {
    let (kind, column) = (texts.keys[key as usize].kind, group.values.get(key as usize)?);
    match column.form {
        ValueForm::Numbers if kind == ValueKind::Int => {
            Some(Value::Int(column.numbers.get(at)?.cast_signed()))
        }
        ValueForm::Codes => value_of(kind, texts.values[key as usize].get(*column.codes.get(at)?)),
        ValueForm::Texts => value_of(kind, column.texts.get(at as u32)),
        ValueForm::Numbers | ValueForm::Empty | ValueForm::Absent => None,
    }
}
