//! The values of attributes, and the prose that logs and errors are made of.

use std::borrow::Cow;
use std::fmt::Write as _;

use spandrel_model::{Attribute, Value};

use crate::fixed::log_normal;
use crate::random::{SplitMix, hex};
use crate::world::{AttributeSpec, Values, WORDS, World};

/// How long long texts are: 200 bytes times up to 10, short ones as likely as long ones.
const PROSE_MIN: u64 = 200;
const PROSE_MAX: u64 = 2_000;

/// Writes the attributes of a span.
pub(super) fn write(
    world: &'static World,
    specs: &'static [AttributeSpec],
    is_error: bool,
    stream: &mut SplitMix,
    out: &mut Vec<Attribute<'static>>,
) {
    out.reserve_exact(specs.len());
    for spec in specs {
        if spec.presence_ppm >= 1_000_000 || stream.chance(spec.presence_ppm) {
            let value = draw(world, &spec.values, is_error, stream);
            out.push(Attribute { key: Cow::Borrowed(&spec.key), value });
        }
    }
}

fn draw(
    world: &'static World,
    values: &'static Values,
    is_error: bool,
    stream: &mut SplitMix,
) -> Value<'static> {
    match values {
        Values::Texts(texts) => {
            early(texts, stream).map_or(Value::Empty, |text| text.as_str().into())
        }
        Values::Ints(numbers) => {
            early(numbers, stream).map_or(Value::Empty, |&number| number.into())
        }
        Values::Pool(pool) => early(&world.pools[*pool as usize], stream)
            .map_or(Value::Empty, |text| text.as_str().into()),
        Values::Number { median, sigma } => {
            Value::Int(i64::try_from(log_normal(stream, *median, *sigma)).unwrap_or(i64::MAX))
        }
        // Whole numbers up to 1,024 divided by it are exact on every machine.
        Values::Ratio => Value::Double(stream.below(1_025) as f64 / 1_024.0),
        Values::Flag(ppm) => Value::Bool(stream.chance(*ppm)),
        Values::Identifier => {
            hex(u128::from(stream.next()) << 64 | u128::from(stream.next())).into()
        }
        Values::User(prefix) => numbered(prefix, stream).into(),
        Values::Path(path) => match path.split_once('{') {
            Some((before, _)) => numbered(before, stream).into(),
            None if path.ends_with("= ") => numbered(path, stream).into(),
            None => path.as_str().into(),
        },
        Values::HttpStatus if is_error => Value::Int(*stream.choose(&[500, 503, 500, 502])),
        Values::HttpStatus if stream.chance(30_000) => {
            Value::Int(*stream.choose(&[404, 400, 401, 429]))
        }
        Values::HttpStatus => Value::Int(*stream.choose(&[200, 200, 200, 200, 201, 204])),
        Values::CallStatus => {
            Value::Int(if is_error { *stream.choose(&[14, 13, 4, 2]) } else { 0 })
        }
        Values::List(texts) => {
            let count = 1 + stream.below(3);
            let of_list =
                |_| early(texts, stream).map_or(Value::Empty, |text| text.as_str().into());
            Value::Array((0..count).map(of_list).collect())
        }
        Values::Digest => {
            let bits = u128::from(stream.next()) << 64 | u128::from(stream.next());
            Value::Bytes(Cow::Owned(bits.to_be_bytes().to_vec()))
        }
        Values::Prose => {
            let len = prose_len(stream);
            prose(stream, len).into()
        }
    }
}

/// Draws one of the choices, early ones more often.
fn early<'c, T>(choices: &'c [T], stream: &mut SplitMix) -> Option<&'c T> {
    let index = match choices.len() {
        1 => 0,
        len => stream.index(len).min(stream.index(len)),
    };
    choices.get(index)
}

/// Puts a number behind a text; a few of a million numbers are common.
fn numbered(text: &str, stream: &mut SplitMix) -> String {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut number = 1_000 + stream.doubling(20);
    while number > 0 {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let mut out = String::with_capacity(text.len() + digits.len() - at);
    out.push_str(text);
    out.extend(digits[at..].iter().map(|&digit| char::from(digit)));
    out
}

fn prose_len(stream: &mut SplitMix) -> usize {
    let longest = PROSE_MIN << stream.below(4);
    (PROSE_MIN + stream.below(longest)).min(PROSE_MAX) as usize
}

/// Makes a text of words, with a number here and there, of at least `len` bytes.
pub(super) fn prose(stream: &mut SplitMix, len: usize) -> String {
    let mut out = String::with_capacity(len + 24);
    while out.len() < len {
        // Eight bits choose a word, seven times; the others say whether a number follows.
        let mut bits = stream.next();
        let number = bits >> 56;
        for _ in 0..7 {
            out.push_str(WORDS[((bits as usize & 0xff) * WORDS.len()) >> 8]);
            out.push(' ');
            bits >>= 8;
        }
        if number < 100 {
            // Writing to a String cannot fail.
            let _ = write!(out, "{} ", stream.doubling(24));
        }
    }
    out.pop();
    out
}
