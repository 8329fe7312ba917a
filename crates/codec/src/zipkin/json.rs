//! Reads what Zipkin's two JSON formats have in common: the list, texts, numbers, endpoints.
//!
//! Texts without escapes are borrowed from the body. What one object means is left to the
//! [`SpanReader`] of the format.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::value::RawValue;
use spandrel_model::{Endpoint, SpanId, TraceId};

use super::scratch::{echo, id_message, port, start_ns};
use crate::DecodeError;
pub(super) use crate::json::Key;
use crate::json::refusal;

/// Reads one object of a list.
pub(super) trait SpanReader<'de> {
    /// Reads the members of one object and returns how many spans they made.
    fn read_span<A: MapAccess<'de>>(&mut self, members: A) -> Result<usize, A::Error>;

    /// Whether a member was met that only the other JSON format has.
    fn is_other_format(&self) -> bool;
}

/// Reads a list of objects and returns how many spans they made.
///
/// `mismatch` is what is wrong when the reader says that this is the other format.
pub(super) fn decode_list<'de, R: SpanReader<'de>>(
    body: &'de [u8],
    mismatch: &str,
    reader: &mut R,
) -> Result<usize, DecodeError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| DecodeError::at(error.valid_up_to(), "the body is not UTF-8"))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let mut list = List { reader, index: 0, is_in_span: false, count: 0 };
    let read = json.deserialize_seq(&mut list).and_then(|()| json.end());
    let Err(error) = read else { return Ok(list.count) };
    if list.reader.is_other_format() {
        return Err(DecodeError::of_body(mismatch));
    }
    let refused = refusal(&error, text);
    Err(if list.is_in_span { refused.in_span(list.index) } else { refused })
}

struct List<'r, R> {
    reader: &'r mut R,
    index: usize,
    is_in_span: bool,
    count: usize,
}

impl<'de, R: SpanReader<'de>> Visitor<'de> for &mut List<'_, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of spans")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(count) = elements.next_element_seed(Element(&mut *self))? {
            self.is_in_span = false;
            self.index += 1;
            self.count += count;
        }
        Ok(())
    }
}

struct Element<'l, 'r, R>(&'l mut List<'r, R>);

impl<'de, R: SpanReader<'de>> DeserializeSeed<'de> for Element<'_, '_, R> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<usize, D::Error> {
        self.0.is_in_span = true;
        value.deserialize_map(self)
    }
}

impl<'de, R: SpanReader<'de>> Visitor<'de> for Element<'_, '_, R> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<usize, A::Error> {
        self.0.reader.read_span(members)
    }
}

/// Reads the elements of a list as `W` and appends what they hold; null is an empty list.
pub(super) struct ListInto<'v, W, T>(&'v mut Vec<T>, PhantomData<W>);

impl<'v, W, T> ListInto<'v, W, T> {
    /// Appends to `items`.
    pub(super) fn new(items: &'v mut Vec<T>) -> Self {
        Self(items, PhantomData)
    }
}

impl<'de, W: Deserialize<'de> + Into<T>, T> DeserializeSeed<'de> for ListInto<'_, W, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de, W: Deserialize<'de> + Into<T>, T> Visitor<'de> for ListInto<'_, W, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<W>()? {
            self.0.push(element.into());
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A text, or a number as the text it is written with, as Zipkin's reader takes it.
pub(super) struct Text<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        // The raw value is the only way to a number's own digits; a text without escapes is its
        // raw value less the quotes.
        let raw = <&RawValue>::deserialize(value)?.get();
        match raw.as_bytes() {
            [b'"', .., b'"'] if !raw.contains('\\') => {
                Ok(Self(Cow::Borrowed(&raw[1..raw.len() - 1])))
            }
            [b'"', ..] => serde_json::from_str(raw)
                .map(|text| Self(Cow::Owned(text)))
                .map_err(D::Error::custom),
            [b'-' | b'0'..=b'9', ..] => Ok(Self(Cow::Borrowed(raw))),
            other => {
                let found = json_type(other);
                Err(D::Error::custom(format_args!("Expected a string but was {found}")))
            }
        }
    }
}

/// The name that Zipkin's reader has for the type of a value that is neither text nor number.
fn json_type(raw: &[u8]) -> &'static str {
    match raw.first() {
        Some(b'{') => "BEGIN_OBJECT",
        Some(b'[') => "BEGIN_ARRAY",
        Some(b'n') => "NULL",
        _ => "BOOLEAN",
    }
}

/// A whole number: digits, a number that happens to have a point, or digits in quotes.
#[derive(Clone, Copy)]
pub(super) struct Whole(pub(super) i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_any(WholeVisitor).map(Self)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::custom(format_args!("{number} is over 63 bits")))
    }

    #[expect(clippy::cast_possible_truncation, reason = "guarded: it is whole and well in range")]
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<i64, E> {
        /// Up to here a double holds every whole number.
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || number.abs() > EXACT_MAX {
            return Err(E::custom(format_args!("{number:?} is not a whole number of 63 bits")));
        }
        Ok(number as i64)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<i64, E> {
        let refused = |_| E::custom(format_args!("{:?} is not a whole number", echo(text)));
        text.parse().map_err(refused)
    }
}

/// Reads a trace id from a text.
pub(super) fn trace_id<E: serde::de::Error>(text: &Key<'_>) -> Result<TraceId, E> {
    TraceId::parse(&text.0).map_err(|error| E::custom(id_message("traceId", &text.0, error)))
}

/// Reads a span id from a text.
pub(super) fn span_id<E: serde::de::Error>(text: &Key<'_>) -> Result<SpanId, E> {
    SpanId::parse(&text.0).map_err(|error| E::custom(id_message("id", &text.0, error)))
}

/// Reads a parent id from a text, where zeros stand for none.
pub(super) fn parent_id<E: serde::de::Error>(text: &Key<'_>) -> Result<Option<SpanId>, E> {
    match SpanId::parse(&text.0) {
        Ok(id) => Ok(Some(id)),
        Err(spandrel_model::IdError::Zero) => Ok(None),
        Err(error) => Err(E::custom(id_message("parentId", &text.0, error))),
    }
}

/// Reads a number that may be null, which is zero.
pub(super) fn whole<'de, A: MapAccess<'de>>(members: &mut A) -> Result<i64, A::Error> {
    Ok(members.next_value::<Option<Whole>>()?.map_or(0, |whole| whole.0))
}

/// Checks that an annotation has both its parts and a time that the model can hold.
pub(super) fn annotation_time_us<'de, E: serde::de::Error>(
    timestamp: Option<Whole>,
    value: Option<Text<'de>>,
) -> Result<(i64, Cow<'de, str>), E> {
    let (Some(Whole(time_us)), Some(Text(value))) = (timestamp, value) else {
        return Err(E::custom("incomplete annotation: it needs a timestamp and a value"));
    };
    if time_us < 0 {
        return Err(E::custom(format_args!("annotation timestamp {time_us} us is before 1970")));
    }
    start_ns(time_us).map_err(|message| E::custom(format_args!("annotation {message}")))?;
    Ok((time_us, value))
}

/// An endpoint: `serviceName`, `ipv4`, `ipv6`, `port`. What is no address is left out.
#[derive(Default)]
pub(super) struct JsonEndpoint<'de>(pub(super) Endpoint<'de>);

impl<'de> Deserialize<'de> for JsonEndpoint<'de> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_map(EndpointVisitor).map(Self)
    }
}

struct EndpointVisitor;

impl<'de> Visitor<'de> for EndpointVisitor {
    type Value = Endpoint<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an endpoint")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut endpoint = Endpoint::default();
        while let Some(Key(key)) = members.next_key()? {
            match &*key {
                "serviceName" => {
                    let name = members.next_value::<Option<Text<'de>>>()?.map(|text| text.0);
                    endpoint.service_name = name.filter(|name| !name.is_empty());
                }
                "ipv4" | "ipv6" => {
                    if let Some(Text(ip)) = members.next_value()? {
                        endpoint.address.set_ip(&ip);
                    }
                }
                "port" => {
                    let number = members.next_value::<Option<Whole>>()?;
                    endpoint.address.port =
                        port(number.map_or(0, |whole| whole.0)).map_err(A::Error::custom)?;
                }
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(endpoint)
    }
}
