//! Tests on attributes, in both forms that columns have: lists of words a row, and dense columns.

use super::plan::{KeyTest, KeyValues, ValueRowTest};
use super::row_set::RowSet;
use super::select::RowColumns;
use super::value_test::CodeTest;
use crate::columns::{Chunk, Shapes, TextHeap};

/// Where the values of rows are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Values<'c> {
    /// A list of words for each row.
    Lists(&'c Chunk),
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
