//! OTLP in JSON: reads objects member by member, numbers, bytes and attribute values.
//!
//! As protobuf's JSON has it: null is absent, 64-bit numbers are texts or numbers, bytes are
//! base64 of either alphabet. Of several members of an `AnyValue` the last counts.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::value::RawValue;
use spandrel_model::{Attribute, Value};

use super::VALUE_DEPTH_MAX;
use super::intake::Fault;
use crate::DecodeError;
use crate::error::echo;
use crate::json::Key;

/// What the members of one kind of object mean.
pub(super) trait Members<'de> {
    /// Begins an object.
    fn begin(&mut self) {}

    /// Reads the value of a member; one that is unknown is passed over by [`skip`].
    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error>;

    /// Ends an object.
    fn end<E: serde::de::Error>(&mut self) -> Result<(), E> {
        Ok(())
    }

    /// Reads null in an object's place: an empty one, where that says no more than none.
    fn null<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.begin();
        self.end()
    }
}

/// Passes over a member's value.
pub(super) fn skip<'de, A: MapAccess<'de>>(members: &mut A) -> Result<(), A::Error> {
    members.next_value::<IgnoredAny>().map(drop)
}

/// Reads one object, or null.
pub(super) struct Object<'m, M>(pub(super) &'m mut M);

impl<'de, M: Members<'de>> DeserializeSeed<'de> for Object<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de, M: Members<'de>> Visitor<'de> for Object<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.0.begin();
        while let Some(Key(key)) = members.next_key()? {
            self.0.member(&key, &mut members)?;
        }
        self.0.end()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.0.null()
    }
}

/// Reads a list of objects; null is an empty one.
pub(super) struct Objects<'m, M>(pub(super) &'m mut M);

impl<'de, M: Members<'de>> DeserializeSeed<'de> for Objects<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de, M: Members<'de>> Visitor<'de> for Objects<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(Object(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Reads a text; null is an empty one.
pub(super) fn text<'de, A: MapAccess<'de>>(members: &mut A) -> Result<Cow<'de, str>, A::Error> {
    Ok(optional_text(members)?.unwrap_or(Cow::Borrowed("")))
}

fn optional_text<'de, A: MapAccess<'de>>(
    members: &mut A,
) -> Result<Option<Cow<'de, str>>, A::Error> {
    Ok(members.next_value::<Option<Key<'de>>>()?.map(|text| text.0))
}

/// Reads a whole number of the member's type; null is zero.
pub(super) fn whole<'de, A: MapAccess<'de>, T: TryFrom<i128> + Default>(
    members: &mut A,
) -> Result<T, A::Error> {
    Ok(optional_whole(members)?.unwrap_or_default())
}

fn optional_whole<'de, A: MapAccess<'de>, T: TryFrom<i128>>(
    members: &mut A,
) -> Result<Option<T>, A::Error> {
    let Some(Whole(number)) = members.next_value()? else { return Ok(None) };
    let refused = |_| A::Error::custom(format_args!("{number} is out of range"));
    T::try_from(number).map(Some).map_err(refused)
}

/// Reads the number of an enum, or finds it by its name; null and an unknown name are zero.
pub(super) fn enum_number<'de, A: MapAccess<'de>>(
    members: &mut A,
    names: &[&str],
) -> Result<i32, A::Error> {
    let Some(raw) = members.next_value::<Option<&'de RawValue>>()?.map(RawValue::get) else {
        return Ok(0);
    };
    if raw.starts_with('"') {
        let Key(name) = serde_json::from_str(raw).map_err(A::Error::custom)?;
        let index = names.iter().position(|known| *known == name);
        return Ok(index.and_then(|index| i32::try_from(index).ok()).unwrap_or(0));
    }
    let Whole(number) = serde_json::from_str(raw).map_err(A::Error::custom)?;
    i32::try_from(number)
        .map_err(|_| A::Error::custom(format_args!("{number} is no number of an enum")))
}

/// A whole number: digits, digits in quotes, or a number that happens to have a point.
struct Whole(i128);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_any(WholeVisitor).map(Self)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = i128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E>(self, number: i64) -> Result<i128, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<i128, E> {
        Ok(number.into())
    }

    #[expect(clippy::cast_possible_truncation, reason = "guarded: it is whole and well in range")]
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<i128, E> {
        /// Up to here a double holds every whole number.
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || number.abs() > EXACT_MAX {
            return Err(E::custom(format_args!("{number:?} is not a whole number of 64 bits")));
        }
        Ok(number as i128)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<i128, E> {
        let refused = |_| E::custom(format_args!("{:?} is not a whole number", echo(text)));
        text.parse().map_err(refused)
    }
}

/// Reads a double: a number, or its name or digits in quotes.
fn optional_double<'de, A: MapAccess<'de>>(members: &mut A) -> Result<Option<f64>, A::Error> {
    // serde_json's own doubles may be off by the last bit; the standard library's are not.
    let raw = members.next_value::<&'de RawValue>()?.get();
    let digits = raw.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(raw);
    match digits {
        "null" => Ok(None),
        "NaN" => Ok(Some(f64::NAN)),
        "Infinity" => Ok(Some(f64::INFINITY)),
        "-Infinity" => Ok(Some(f64::NEG_INFINITY)),
        _ if digits.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => digits
            .parse()
            .map(Some)
            .map_err(|_| A::Error::custom(format_args!("{:?} is not a number", echo(digits)))),
        _ => Err(A::Error::custom(format_args!("{:?} is not a number", echo(digits)))),
    }
}

/// Reads bytes.
fn optional_bytes<'de, A: MapAccess<'de>>(members: &mut A) -> Result<Option<Vec<u8>>, A::Error> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let Some(text) = optional_text(members)? else { return Ok(None) };
    let engine = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    let refused = |error| A::Error::custom(format_args!("no base64: {error}"));
    engine.decode(&*text).map(Some).map_err(refused)
}

/// Reads `KeyValue`s and appends them to a list.
pub(super) struct Attributes<'m, 'de> {
    out: &'m mut Vec<Attribute<'de>>,
    fault: &'m mut Fault,
    depth_left: usize,
}

impl<'m, 'de> Attributes<'m, 'de> {
    /// Appends to `out`; a value that is nested too deep is the span's fault.
    pub(super) fn new(out: &'m mut Vec<Attribute<'de>>, fault: &'m mut Fault) -> Self {
        Self { out, fault, depth_left: VALUE_DEPTH_MAX }
    }
}

impl<'de> Members<'de> for Attributes<'_, 'de> {
    fn begin(&mut self) {
        // Past the limit the members go to the last one kept: the whole is refused.
        if self.fault.has_room(0) {
            self.out.push(Attribute { key: Cow::Borrowed(""), value: Value::Empty });
        }
    }

    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        let Some(attribute) = self.out.last_mut() else { return skip(members) };
        match key {
            "key" => attribute.key = text(members)?,
            "value" => {
                attribute.value = Value::Empty;
                let (value, fault) = (&mut attribute.value, &mut *self.fault);
                let depth_left = self.depth_left;
                members.next_value_seed(Object(&mut AnyValue { value, fault, depth_left }))?;
            }
            _ => skip(members)?,
        }
        Ok(())
    }
}

/// Reads an `AnyValue`.
struct AnyValue<'m, 'de> {
    value: &'m mut Value<'de>,
    fault: &'m mut Fault,
    depth_left: usize,
}

impl<'de> AnyValue<'_, 'de> {
    /// Reads a member that holds no further values; null leaves the value as it is.
    fn scalar<A: MapAccess<'de>>(
        key: &str,
        members: &mut A,
    ) -> Result<Option<Value<'de>>, A::Error> {
        Ok(match key {
            "stringValue" | "string_value" => optional_text(members)?.map(Value::String),
            "boolValue" | "bool_value" => members.next_value::<Option<bool>>()?.map(Value::Bool),
            "intValue" | "int_value" => optional_whole(members)?.map(Value::Int),
            "doubleValue" | "double_value" => optional_double(members)?.map(Value::Double),
            NAN_BITS => optional_text(members)?.map(|bits| Value::Double(nan(&bits))),
            "bytesValue" | "bytes_value" => {
                optional_bytes(members)?.map(|bytes| Value::Bytes(Cow::Owned(bytes)))
            }
            _ => {
                skip(members)?;
                None
            }
        })
    }
}

impl<'de> Members<'de> for AnyValue<'_, 'de> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        let is_array = matches!(key, "arrayValue" | "array_value");
        if !is_array && !matches!(key, "kvlistValue" | "kvlist_value") {
            if let Some(value) = Self::scalar(key, members)? {
                *self.value = value;
            }
            return Ok(());
        }
        let Some(depth_left) = self.depth_left.checked_sub(1) else {
            let message = format!("a value is nested over {VALUE_DEPTH_MAX} deep");
            self.fault.note(DecodeError::of_body(message));
            return skip(members);
        };
        let fault = &mut *self.fault;
        if is_array {
            let mut out = Vec::new();
            let reader = Elements { out: &mut out, fault, depth_left };
            if read_values(reader, members)? {
                *self.value = Value::Array(out);
            }
        } else {
            let mut out = Vec::new();
            let reader = Attributes { out: &mut out, fault, depth_left };
            if read_values(reader, members)? {
                *self.value = Value::Map(out);
            }
        }
        Ok(())
    }
}

/// The member that tells the bits of a NaN which is not the usual one, behind `doubleValue`:
/// for JSON, there is but one. Others pass over it.
pub(super) const NAN_BITS: &str = "spandrelNanBits";

fn nan(hex_bits: &str) -> f64 {
    let bits = u64::from_str_radix(hex_bits, 16).map(f64::from_bits);
    bits.ok().filter(|double| double.is_nan()).unwrap_or(f64::NAN)
}

/// Reads an `ArrayValue` or a `KeyValueList`; false for null.
fn read_values<'de, M: Members<'de>, A: MapAccess<'de>>(
    reader: M,
    members: &mut A,
) -> Result<bool, A::Error> {
    let mut values = ValuesOf { reader, is_null: false };
    members.next_value_seed(Object(&mut values))?;
    Ok(!values.is_null)
}

/// Reads an object of one list.
struct ValuesOf<M> {
    reader: M,
    is_null: bool,
}

impl<'de, M: Members<'de>> Members<'de> for ValuesOf<M> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        match key {
            "values" => members.next_value_seed(Objects(&mut self.reader)),
            _ => skip(members),
        }
    }

    fn null<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.is_null = true;
        Ok(())
    }
}

/// Reads the `AnyValue`s of an array.
struct Elements<'m, 'de> {
    out: &'m mut Vec<Value<'de>>,
    fault: &'m mut Fault,
    depth_left: usize,
}

impl<'de> Members<'de> for Elements<'_, 'de> {
    fn begin(&mut self) {
        if self.fault.has_room(0) {
            self.out.push(Value::Empty);
        }
    }

    fn member<A: MapAccess<'de>>(&mut self, key: &str, members: &mut A) -> Result<(), A::Error> {
        let Some(value) = self.out.last_mut() else { return skip(members) };
        let (fault, depth_left) = (&mut *self.fault, self.depth_left);
        AnyValue { value, fault, depth_left }.member(key, members)
    }
}
