//! Tests on values as columns hold them: words, codes of dictionaries, and bytes of texts.
//!
//! All of them say of a value what [`ValueTest::holds`] says of it on a span.

use std::borrow::Cow;

use spandrel_model::{Value, find};

use super::tables::Tables;
use crate::columns::{TextHeap, ValueKind, read_resource, read_value};
use crate::predicate::{Ordered, TextTest, ValueTest};

/// A test on the codes of one dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CodeTest {
    /// None passes.
    Never,
    /// Every one passes.
    Always,
    /// One passes.
    One(u32),
    /// Those pass whose entry says so.
    Table(Box<[bool]>),
}

impl CodeTest {
    /// Tests each text of a dictionary once.
    pub(crate) fn of_texts(texts: &TextHeap, mut test: impl FnMut(&[u8]) -> bool) -> Self {
        Self::of_codes(texts.len(), |code| test(texts.get(code)))
    }

    /// Tests each name of a dictionary once.
    pub(crate) fn of_names(names: &TextHeap, test: &TextTest) -> Self {
        let test = BytesTest::of_text(test);
        Self::of_texts(names, |name| test.holds(name))
    }

    /// Tests each resource for an attribute that passes.
    pub(crate) fn of_resources(tables: &impl Tables, key: &str, test: &ValueTest) -> Self {
        // Most resources don't have it, which is told without making attributes of their bytes.
        let finder = memchr::memmem::Finder::new(key.as_bytes());
        Self::of_texts(tables.resources(), |encoded| {
            finder.find(encoded).is_some()
                && read_resource(encoded).is_some_and(|resource| {
                    find(&resource.attributes, key).is_some_and(|value| test.holds(value))
                })
        })
    }

    /// Tests each code once.
    pub(crate) fn of_codes(count: usize, mut test: impl FnMut(u32) -> bool) -> Self {
        let mut passed = (0..count as u32).filter(|code| test(*code));
        let Some(first) = passed.next() else { return Self::Never };
        let Some(second) = passed.next() else {
            return if count == 1 { Self::Always } else { Self::One(first) };
        };
        let mut table = vec![false; count].into_boxed_slice();
        for code in [first, second].into_iter().chain(passed) {
            table[code as usize] = true;
        }
        if table.iter().all(|passes| *passes) { Self::Always } else { Self::Table(table) }
    }

    /// Whether a code passes.
    #[inline]
    pub(crate) fn holds(&self, code: u32) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::One(only) => code == *only,
            Self::Table(table) => table.get(code as usize).is_some_and(|passes| *passes),
        }
    }

    /// Which share of rows is likely to pass, when nothing is known of them.
    pub(crate) fn share(&self) -> f32 {
        match self {
            Self::Never => 0.0,
            Self::Always => 1.0,
            Self::One(_) => 0.02,
            Self::Table(table) => {
                let passing = table.iter().filter(|passes| **passes).count();
                passing as f32 / table.len() as f32
            }
        }
    }
}

/// A test on the words of a column of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum WordTest {
    /// None passes.
    Never,
    /// Every one passes.
    Always,
    /// This one passes.
    Equals(u64),
    /// Whole numbers from one to another pass, both included.
    Between(i64, i64),
    /// Doubles pass that stand so to the expected one.
    Ordered(Ordered, f64),
    /// Doubles pass that are none.
    IsNan,
}

impl WordTest {
    /// Makes the test of a kind whose words are numbers.
    pub(crate) fn new(kind: ValueKind, test: &ValueTest) -> Self {
        if *test == ValueTest::Exists {
            return Self::Always;
        }
        match kind {
            ValueKind::Empty if test.holds(&Value::Empty) => Self::Always,
            ValueKind::Bool => match [false, true].map(|value| test.holds(&Value::Bool(value))) {
                [true, true] => Self::Always,
                [true, false] => Self::Equals(0),
                [false, true] => Self::Equals(1),
                [false, false] => Self::Never,
            },
            ValueKind::Int => of_int(test),
            ValueKind::Double => of_double(test),
            _ => Self::Never,
        }
    }

    /// Whether a word passes.
    #[inline]
    pub(crate) fn holds(self, word: u64) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Equals(expected) => word == expected,
            Self::Between(min, max) => (min..=max).contains(&word.cast_signed()),
            Self::Ordered(ordered, expected) => ordered.holds(f64::from_bits(word), expected),
            Self::IsNan => f64::from_bits(word).is_nan(),
        }
    }
}

fn of_int(test: &ValueTest) -> WordTest {
    let equals = |number: i64| WordTest::Equals(number.cast_unsigned());
    match test {
        ValueTest::Equals(Value::Int(number)) => equals(*number),
        ValueTest::PrintsAs(text) => match text.parse() {
            // "+5" and "05" are numbers too, but none prints so.
            Ok(number) if test.holds(&Value::Int(number)) => equals(number),
            _ => WordTest::Never,
        },
        ValueTest::Number(ordered, expected) => match int_range(*ordered, *expected) {
            Some((min, max)) => WordTest::Between(min, max),
            None => WordTest::Never,
        },
        _ => WordTest::Never,
    }
}

fn of_double(test: &ValueTest) -> WordTest {
    match test {
        ValueTest::Equals(Value::Double(number)) => WordTest::Equals(number.to_bits()),
        ValueTest::PrintsAs(text) => match text.parse::<f64>() {
            Ok(number) if !test.holds(&Value::Double(number)) => WordTest::Never,
            Ok(number) if number.is_nan() => WordTest::IsNan,
            Ok(number) => WordTest::Equals(number.to_bits()),
            Err(_) => WordTest::Never,
        },
        ValueTest::Number(ordered, expected) => WordTest::Ordered(*ordered, *expected),
        _ => WordTest::Never,
    }
}

/// The whole numbers that, as doubles, stand so to the expected one; those are neighbours, as
/// rounding keeps the order.
#[expect(clippy::cast_precision_loss, reason = "numbers are compared as the doubles they round to")]
fn int_range(ordered: Ordered, expected: f64) -> Option<(i64, i64)> {
    let holds = |number: i64| ordered.holds(number as f64, expected);
    let is_below = matches!(ordered, Ordered::Less | Ordered::LessOrEqual);
    // The first number at which the answer is no longer that of the smallest.
    let (mut low, mut high) = (i64::MIN, i64::MAX);
    while low < high {
        // Rounded down, so that it stays below the upper end.
        let half = (high.wrapping_sub(low)).cast_unsigned() / 2;
        let middle = low.wrapping_add(half.cast_signed());
        if holds(middle) == is_below { low = middle + 1 } else { high = middle }
    }
    let range = match (is_below, holds(low)) {
        (true, true) => (i64::MIN, low),
        (true, false) => (i64::MIN, low.checked_sub(1)?),
        (false, true) => (low, i64::MAX),
        (false, false) => return None,
    };
    Some(range)
}

/// A test on the bytes of a text, or of a value that is encoded like one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BytesTest {
    /// None passes.
    Never,
    /// Every one passes.
    Always,
    /// These pass.
    Equals(Box<[u8]>),
    /// Texts pass that fold to the expected one.
    Text(TextTest),
    /// Values pass that do when they are read.
    Value(ValueKind, ValueTest),
}

impl BytesTest {
    /// Makes the test of a kind whose values are texts.
    pub(crate) fn new(kind: ValueKind, test: &ValueTest) -> Self {
        let is_string = kind == ValueKind::String;
        match test {
            ValueTest::Exists => Self::Always,
            ValueTest::PrintsAs(text) if is_string => Self::Equals(text.as_bytes().into()),
            ValueTest::Equals(expected) => match (kind, expected) {
                (ValueKind::String, Value::String(text)) => Self::Equals(text.as_bytes().into()),
                (ValueKind::Bytes, Value::Bytes(bytes)) => Self::Equals((**bytes).into()),
                (ValueKind::Nested, Value::Array(_) | Value::Map(_)) => {
                    Self::Value(kind, test.clone())
                }
                _ => Self::Never,
            },
            ValueTest::Number(..) if !is_string => Self::Never,
            ValueTest::PrintsAs(_) | ValueTest::Number(..) => Self::Value(kind, test.clone()),
        }
    }

    /// Makes the test of names.
    pub(crate) fn of_text(test: &TextTest) -> Self {
        match test {
            TextTest::Equals(text) => Self::Equals(text.as_bytes().into()),
            TextTest::EqualsFolded(_) => Self::Text(test.clone()),
        }
    }

    /// Whether the bytes pass. Those that can't be read don't.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Equals(expected) => bytes == &**expected,
            Self::Text(test) => std::str::from_utf8(bytes).is_ok_and(|text| test.holds(text)),
            Self::Value(ValueKind::String, ValueTest::Number(..)) if !may_be_number(bytes) => false,
            Self::Value(kind, test) => {
                value_of(*kind, bytes).is_some_and(|value| test.holds(&value))
            }
        }
    }
}

/// Whether a text can parse as a number, told by its first byte.
pub(crate) fn may_be_number(text: &[u8]) -> bool {
    text.first()
        .is_some_and(|first| matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.' | b'i' | b'I'))
}

/// The value that a text of a column is; `None` when it can't be read.
pub(crate) fn value_of(kind: ValueKind, bytes: &[u8]) -> Option<Value<'_>> {
    match kind {
        ValueKind::String => Some(Value::String(Cow::Borrowed(std::str::from_utf8(bytes).ok()?))),
        ValueKind::Bytes => Some(Value::Bytes(Cow::Borrowed(bytes))),
        ValueKind::Nested => read_value(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: [f64; 14] = [
        0.0,
        -0.0,
        0.5,
        -1.5,
        499.0,
        500.0,
        1e300,
        -1e300,
        9.223_372_036_854_776e18,
        -9.223_372_036_854_776e18,
        9_007_199_254_740_993.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];

    const ORDERS: [Ordered; 4] =
        [Ordered::Less, Ordered::LessOrEqual, Ordered::Greater, Ordered::GreaterOrEqual];

    #[test]
    fn words_pass_when_the_numbers_they_are_pass() {
        let whole = [i64::MIN, i64::MIN + 1, -2, -1, 0, 1, 499, 500, 501, i64::MAX - 600, i64::MAX];
        for (ordered, expected) in
            ORDERS.into_iter().flat_map(|ordered| NUMBERS.map(|number| (ordered, number)))
        {
            let test = ValueTest::Number(ordered, expected);
            let (int, double) =
                (WordTest::new(ValueKind::Int, &test), WordTest::new(ValueKind::Double, &test));
            for number in whole.into_iter().chain([(1 << 53) + 1, 1 << 53]) {
                let holds = test.holds(&Value::Int(number));
                assert_eq!(int.holds(number.cast_unsigned()), holds, "{number} {test:?}");
            }
            for number in NUMBERS {
                let holds = test.holds(&Value::Double(number));
                assert_eq!(double.holds(number.to_bits()), holds, "{number} {test:?}");
            }
        }
    }

    #[test]
    fn words_pass_by_the_text_they_print_as() {
        let texts = ["5", "+5", "05", "-0", "5.0", "5.", "1e21", "NaN", "inf", "true", "0", ""];
        for test in texts.map(|text| ValueTest::PrintsAs(text.to_owned())) {
            for number in [5, 0, -5, 1] {
                let word = WordTest::new(ValueKind::Int, &test).holds(number as u64);
                assert_eq!(word, test.holds(&Value::Int(number)), "{number} {test:?}");
            }
            for number in NUMBERS.into_iter().chain([5.0, 1e21, -f64::NAN]) {
                let word = WordTest::new(ValueKind::Double, &test).holds(number.to_bits());
                assert_eq!(word, test.holds(&Value::Double(number)), "{number} {test:?}");
            }
            for value in [false, true] {
                let word = WordTest::new(ValueKind::Bool, &test).holds(value.into());
                assert_eq!(word, test.holds(&Value::Bool(value)), "{value} {test:?}");
            }
            let empty = WordTest::new(ValueKind::Empty, &test).holds(0);
            assert_eq!(empty, test.holds(&Value::Empty), "{test:?}");
        }
    }

    #[test]
    fn texts_that_may_be_numbers_are_told_by_their_first_byte() {
        for text in ["1", "-1", "+1", ".5", "inf", "Infinity", "INF", "-inf"] {
            assert!(text.parse::<f64>().is_ok() && may_be_number(text.as_bytes()), "{text}");
        }
        // What parses as no number at all stands in no order to any.
        assert!("NaN".parse::<f64>().is_ok_and(f64::is_nan));
        assert!(!may_be_number(b"NaN") && !may_be_number(b"") && !may_be_number(b" 1"));
    }

    #[test]
    fn one_passing_code_needs_no_table() {
        let passing = |codes: &'static [u32]| move |code: u32| codes.contains(&code);
        assert_eq!(CodeTest::of_codes(5, passing(&[])), CodeTest::Never);
        assert_eq!(CodeTest::of_codes(5, passing(&[3])), CodeTest::One(3));
        assert_eq!(CodeTest::of_codes(2, passing(&[0, 1])), CodeTest::Always);
        assert_eq!(CodeTest::of_codes(1, passing(&[0])), CodeTest::Always);
        let table = CodeTest::of_codes(4, passing(&[1, 2]));
        assert_eq!(
            [0, 1, 2, 3, 4].map(|code| table.holds(code)),
            [false, true, true, false, false]
        );
    }
}
