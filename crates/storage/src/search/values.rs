//! Tests on attributes, in both forms that columns have: lists of words a row, and dense columns.

use super::plan::{KeyTest, KeyValues, ValueRowTest};
use super::row_set::{RowSet, WORD_LEN};
use super::select::{RowColumns, retain_codes};
use super::value_test::CodeTest;
use crate::columns::{Chunk, Shapes, TextHeap};
use crate::segment::{GroupColumns, KeyColumn, ValueForm};

/// Where the values of rows are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Values<'c> {
    /// A list of words for each row.
    Lists(&'c Chunk),
    /// A column for each key.
    Dense(&'c GroupColumns, &'c Shapes),
}

impl Values<'_> {
    /// Takes out the rows that don't pass. Returns whether those that stay do.
    pub(super) fn retain(
        &self,
        test: &ValueRowTest,
        columns: &RowColumns<'_>,
        rows: &mut RowSet,
    ) -> bool {
        let has_resources =
            test.otherwise == CodeTest::Never || columns.resource.len() >= columns.row_count;
        if columns.shape.len() < columns.row_count || !has_resources {
            return false;
        }
        match self {
            Self::Lists(chunk) => retain_in_lists(chunk, test, rows),
            Self::Dense(group, shapes) => retain_in_columns(group, shapes, (test, columns), rows),
        }
    }
}

/// The last value of a shape under any of the keys of a test.
#[derive(Clone, Copy, Debug)]
struct Pick {
    /// Its place in the list.
    place: u32,
    /// Which of the test's keys it has.
    key: u32,
}

fn retain_in_lists(chunk: &Chunk, test: &ValueRowTest, rows: &mut RowSet) -> bool {
    let picks = picks(&chunk.shapes, &test.keys);
    let tests: Vec<_> = test.keys.iter().map(|key| InList::new(chunk, key)).collect();
    let (shapes, resources) = (&chunk.rows.shape, &chunk.rows.resource);
    rows.retain(|row| match picks.get(shapes[row] as usize).copied().flatten() {
        None => test.otherwise.holds(resources[row]),
        Some(pick) => {
            let word = chunk.span_values.get(row).get(pick.place as usize);
            word.is_some_and(|word| tests[pick.key as usize].holds(*word))
        }
    });
    true
}

/// The pick of each shape.
fn picks(shapes: &Shapes, keys: &[KeyTest]) -> Vec<Option<Pick>> {
    let pick = |(place, column): (usize, &u32)| {
        let key = keys.iter().position(|test| test.key == *column)?;
        Some(Pick { place: place as u32, key: key as u32 })
    };
    let last = |shape| shapes.get(shape).iter().enumerate().rev().find_map(pick);
    (0..shapes.len() as u32).map(last).collect()
}

/// The test on one key's words in lists.
struct InList<'c> {
    values: &'c KeyValues,
    texts: &'c TextHeap,
}

impl<'c> InList<'c> {
    fn new(chunk: &'c Chunk, test: &'c KeyTest) -> Self {
        let texts = chunk.columns[test.key as usize].texts.heap();
        Self { values: &test.values, texts }
    }

    #[inline]
    fn holds(&self, word: u64) -> bool {
        match self.values {
            KeyValues::Numbers(test) => test.holds(word),
            KeyValues::Texts { codes: Some(codes), .. } => codes.holds(word as u32),
            KeyValues::Texts { codes: None, bytes } => bytes.holds(self.texts.get(word as u32)),
        }
    }
}

/// Stands for a resource that no test lets pass.
const NO_RESOURCE: u32 = u32::MAX;

/// With fewer rows than this share of all left, values are tested one by one as rows need them.
const FEW_ROWS_SHARE: usize = 16;

/// Tests dense columns: first all values of a column at once, as neighbours are fast, and then
/// which rows those are. A column that was not read leaves its rows in doubt.
fn retain_in_columns(
    group: &GroupColumns,
    shapes: &Shapes,
    (test, columns): (&ValueRowTest, &RowColumns<'_>),
    rows: &mut RowSet,
) -> bool {
    let is_sparse = rows.count() * FEW_ROWS_SHARE < rows.row_count();
    let value = |key: &KeyTest| group.values.get(key.key as usize);
    let columns_of_keys =
        test.keys.iter().map(|key| InColumn::new(&key.values, value(key), is_sparse));
    let keys: Vec<_> = columns_of_keys.collect();
    if test.otherwise == CodeTest::Never && keys.iter().all(InColumn::is_never) {
        rows.clear();
        return true;
    }
    let codes: Vec<_> = test.keys.iter().map(|key| key.key).collect();
    let shape_of_rows = &columns.shape[..columns.row_count];
    let otherwise = |row: usize| {
        test.otherwise.holds(columns.resource.get(row).copied().unwrap_or(NO_RESOURCE))
    };
    if let [key] = &keys[..]
        && test.otherwise == CodeTest::Never
    {
        return retain_by_key(key, shape_of_rows, &ShapesOfKeys::new(shapes, &codes), rows);
    }
    let mut last_values = LastValues::new(shape_of_rows, shapes, &codes);
    let mut is_exact = true;
    rows.retain(|row| match last_values.of_row(row) {
        None => otherwise(row),
        Some((key, place)) => {
            let holds = keys[key].holds(place);
            is_exact &= holds.is_some();
            holds.unwrap_or(true)
        }
    });
    is_exact
}

/// Takes out the rows that have no passing value under the only key there is. Where few values
/// pass, most rows are gone by in blocks.
fn retain_by_key(
    key: &InColumn<'_>,
    shape_of_rows: &[u32],
    shapes: &ShapesOfKeys,
    rows: &mut RowSet,
) -> bool {
    let mut passed = 0;
    let mut is_exact = true;
    rows.replace_blocks(|first, wanted| {
        let block = &shape_of_rows[first..(first + WORD_LEN).min(shape_of_rows.len())];
        let start = passed;
        passed += block.iter().map(|shape| shapes.count_of_first(*shape)).sum::<usize>();
        if wanted == 0 || !key.may_hold(start, passed) {
            return 0;
        }
        let mut place = start;
        let mut kept = 0;
        for (bit, shape) in block.iter().enumerate() {
            let count = shapes.count_of_first(*shape);
            if count > 0 && wanted >> bit & 1 != 0 {
                let holds = key.holds(place + count - 1);
                is_exact &= holds.is_some();
                kept |= u64::from(holds.unwrap_or(true)) << bit;
            }
            place += count;
        }
        kept
    });
    is_exact
}

/// Walks the rows of a group, and tells where in dense columns the last value of each is under
/// any of some keys.
pub(crate) struct LastValues<'g> {
    shape_of_rows: &'g [u32],
    shapes: ShapesOfKeys,
    row: usize,
    /// How many values of each key the rows before have.
    passed: Vec<usize>,
}

impl<'g> LastValues<'g> {
    /// Starts at the first row.
    pub(crate) fn new(shape_of_rows: &'g [u32], shapes: &Shapes, keys: &[u32]) -> Self {
        let shapes = ShapesOfKeys::new(shapes, keys);
        Self { shape_of_rows, shapes, row: 0, passed: vec![0; keys.len()] }
    }

    /// The place of the row's value, and which of the keys it has. Rows must be asked in order.
    #[inline]
    pub(crate) fn of_row(&mut self, row: usize) -> Option<(usize, usize)> {
        for shape in &self.shape_of_rows[self.row..row] {
            self.shapes.pass(*shape, &mut self.passed);
        }
        self.row = row;
        let pick = self.shapes.pick(self.shape_of_rows[row])?;
        let key = pick.key as usize;
        Some((key, self.passed[key] + pick.place as usize))
    }
}

/// What each shape means for the keys of a test.
struct ShapesOfKeys {
    key_count: usize,
    /// How many values of each key a list of the shape has; by shape, then by key.
    counts: Vec<u32>,
    /// The last value under any of the keys: which key, and which of that key's values in the list.
    picks: Vec<Option<Pick>>,
}

impl ShapesOfKeys {
    fn new(shapes: &Shapes, keys: &[u32]) -> Self {
        let key_count = keys.len();
        let mut counts = vec![0_u32; shapes.len() * key_count];
        let mut picks = Vec::with_capacity(shapes.len());
        for shape in 0..shapes.len() {
            let counts = &mut counts[shape * key_count..][..key_count];
            let mut last = None;
            for column in shapes.get(shape as u32) {
                if let Some(key) = keys.iter().position(|key| key == column) {
                    last = Some(Pick { place: counts[key], key: key as u32 });
                    counts[key] += 1;
                }
            }
            picks.push(last);
        }
        Self { key_count, counts, picks }
    }

    /// Counts the values of a row that is passed by.
    #[inline]
    fn pass(&self, shape: u32, passed: &mut [usize]) {
        let counts = self.counts.get(shape as usize * self.key_count..).unwrap_or_default();
        passed.iter_mut().zip(counts).for_each(|(passed, count)| *passed += *count as usize);
    }

    /// How many values of the first key a list of the shape has.
    #[inline]
    fn count_of_first(&self, shape: u32) -> usize {
        self.counts.get(shape as usize * self.key_count).copied().unwrap_or(0) as usize
    }

    #[inline]
    fn pick(&self, shape: u32) -> Option<Pick> {
        self.picks.get(shape as usize).copied().flatten()
    }
}

/// The test on one key's dense values.
enum InColumn<'c> {
    /// All values have the same answer.
    Known(bool),
    /// The values that pass.
    Tested(RowSet),
    /// Values are tested when they are asked for.
    Untested(&'c KeyValues, &'c KeyColumn),
    /// The values are not there.
    Unread,
}

impl<'c> InColumn<'c> {
    fn new(values: &'c KeyValues, column: Option<&'c KeyColumn>, is_sparse: bool) -> Self {
        if values.is_decided() {
            return Self::Known(values.is_always());
        }
        let Some(column) = column.filter(|column| column.form != ValueForm::Absent) else {
            return Self::Unread;
        };
        match (values, column.form) {
            (KeyValues::Texts { codes: Some(CodeTest::Never), .. }, ValueForm::Codes) => {
                Self::Known(false)
            }
            (KeyValues::Texts { codes: None, .. }, ValueForm::Codes) => Self::Unread,
            _ if is_sparse => Self::Untested(values, column),
            _ => Self::test(values, column),
        }
    }

    fn test(values: &'c KeyValues, column: &KeyColumn) -> Self {
        let mut passing;
        match values {
            KeyValues::Numbers(test) => {
                passing = RowSet::all(column.numbers.len());
                passing.retain_column(&column.numbers, |word| test.holds(word));
            }
            KeyValues::Texts { bytes, .. } if column.form == ValueForm::Texts => {
                passing = RowSet::all(column.texts.len());
                passing.retain(|place| bytes.holds(column.texts.get(place as u32)));
            }
            KeyValues::Texts { codes, .. } => {
                passing = RowSet::all(column.codes.len());
                let test = codes.as_ref().unwrap_or(&CodeTest::Always);
                retain_codes(&mut passing, &column.codes, test);
            }
        }
        if passing.is_empty() { Self::Known(false) } else { Self::Tested(passing) }
    }

    fn is_never(&self) -> bool {
        matches!(self, Self::Known(false))
    }

    /// Whether one of the values from a place to before another may pass.
    fn may_hold(&self, from: usize, before: usize) -> bool {
        match self {
            Self::Known(holds) => *holds,
            Self::Tested(passing) => passing.first_from(from).is_some_and(|place| place < before),
            Self::Untested(..) | Self::Unread => before > from,
        }
    }

    /// Whether the nth value passes; `None` when nobody knows.
    #[inline]
    fn holds(&self, place: usize) -> Option<bool> {
        match self {
            Self::Known(holds) => Some(*holds),
            Self::Tested(passing) => Some(passing.contains(place)),
            Self::Untested(KeyValues::Numbers(test), column) => {
                column.numbers.get(place).map(|word| test.holds(*word))
            }
            Self::Untested(KeyValues::Texts { bytes, .. }, column)
                if column.form == ValueForm::Texts =>
            {
                Some(bytes.holds(column.texts.get(place as u32)))
            }
            Self::Untested(KeyValues::Texts { codes, .. }, column) => {
                let code = column.codes.get(place)?;
                codes.as_ref().map(|codes| codes.holds(*code))
            }
            Self::Unread => None,
        }
    }
}
