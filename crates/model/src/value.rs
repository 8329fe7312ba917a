//! Typed values and the attributes that carry them.
//!
//! A value keeps the type its sender gave it; only [`Value::to_text`] folds it, for protocols
//! that know no other type than text.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

/// A typed value: OpenTelemetry's `AnyValue`, which holds what every other format can say.
///
/// Two values are equal when type and content are, doubles bit for bit, so that what comes back
/// from a store can be compared with what went in.
#[derive(Clone, Debug, Default)]
pub enum Value<'a> {
    /// A key was given without a value.
    #[default]
    Empty,
    /// Text.
    String(Cow<'a, str>),
    /// True or false.
    Bool(bool),
    /// A whole number; narrower ones are widened.
    Int(i64),
    /// A floating-point number, NaN and the infinities included.
    Double(f64),
    /// Bytes of no told meaning.
    Bytes(Cow<'a, [u8]>),
    /// Values in order.
    Array(Vec<Self>),
    /// Keys and values in order.
    Map(Vec<Attribute<'a>>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The key. May be empty and may repeat: senders do both.
    pub key: Cow<'a, str>,
    /// The value.
    pub value: Value<'a>,
}

impl<'a> Attribute<'a> {
    /// Makes an attribute of anything that reads as a key and a value.
    pub fn new(key: impl Into<Cow<'a, str>>, value: impl Into<Value<'a>>) -> Self {
        Self { key: key.into(), value: value.into() }
    }

    /// Copies what is borrowed, so that the attribute outlives its input.
    #[must_use]
    pub fn into_owned(self) -> Attribute<'static> {
        Attribute { key: Cow::Owned(self.key.into_owned()), value: self.value.into_owned() }
    }
}

/// The value of the last attribute with `key`: where senders repeat a key, the last one wins.
#[must_use]
pub fn find<'s, 'a>(attributes: &'s [Attribute<'a>], key: &str) -> Option<&'s Value<'a>> {
    attributes.iter().rev().find(|attribute| attribute.key == key).map(|found| &found.value)
}

impl<'a> Value<'a> {
    /// Copies what is borrowed, so that the value outlives its input.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Empty => Value::Empty,
            Self::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Double(value) => Value::Double(value),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Array(values) => Value::Array(values.into_iter().map(Self::into_owned).collect()),
            Self::Map(entries) => {
                Value::Map(entries.into_iter().map(Attribute::into_owned).collect())
            }
        }
    }

    /// Returns the text of a [`Value::String`], `None` for every other type.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Prints the value for a protocol that knows only text, such as Zipkin v2.
    ///
    /// Text stays as it is; booleans are `true` and `false`; a double has the shortest digits
    /// that read back as itself and always a point, an exponent or a name (`NaN`, `inf`); bytes
    /// are base64 of the URL-safe alphabet, as Zipkin 2.4 printed them; arrays and maps are JSON.
    #[must_use]
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Empty => Cow::Borrowed(""),
            Self::String(text) => Cow::Borrowed(text),
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Int(value) => Cow::Owned(value.to_string()),
            Self::Double(value) => Cow::Owned(format!("{value:?}")),
            Self::Bytes(bytes) => Cow::Owned(URL_SAFE.encode(bytes)),
            Self::Array(_) | Self::Map(_) => {
                let mut json = String::new();
                self.write_json(&mut json);
                Cow::Owned(json)
            }
        }
    }

    /// Appends the value as JSON. A double that JSON cannot say is written as its name in quotes.
    pub fn write_json(&self, json: &mut String) {
        match self {
            Self::Empty => json.push_str("null"),
            Self::String(_) | Self::Bytes(_) => write_json_string(&self.to_text(), json),
            Self::Double(value) if !value.is_finite() => write_json_string(&self.to_text(), json),
            Self::Bool(_) | Self::Int(_) | Self::Double(_) => json.push_str(&self.to_text()),
            Self::Array(values) => {
                json.push('[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        json.push(',');
                    }
                    value.write_json(json);
                }
                json.push(']');
            }
            Self::Map(entries) => {
                json.push('{');
                for (index, entry) in entries.iter().enumerate() {
                    if index > 0 {
                        json.push(',');
                    }
                    write_json_string(&entry.key, json);
                    json.push(':');
                    entry.value.write_json(json);
                }
                json.push('}');
            }
        }
    }
}

fn write_json_string(text: &str, json: &mut String) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            control if control < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Empty, Self::Empty) => true,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Double(a), Self::Double(b)) => a.to_bits() == b.to_bits(),
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value<'_> {}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::String(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_prints_as_text() {
        let map =
            Value::Map(vec![Attribute::new("k\n", Value::Array(vec![1.into(), true.into()]))]);
        for (value, text) in [
            (Value::Empty, ""),
            ("é".into(), "é"),
            (false.into(), "false"),
            (i64::MIN.into(), "-9223372036854775808"),
            (1.0.into(), "1.0"),
            (f64::NAN.into(), "NaN"),
            (Value::Bytes(Cow::Borrowed(&[0xff, 0xfe])), "__4="),
            (map, r#"{"k\n":[1,true]}"#),
            (Value::Array(vec![f64::INFINITY.into(), "\u{1}".into()]), r#"["inf","\u0001"]"#),
        ] {
            assert_eq!(value.to_text(), text);
        }
    }

    #[test]
    fn values_of_different_types_differ_and_nan_equals_itself() {
        assert_ne!(Value::from("1"), Value::from(1));
        assert_eq!(Value::from(f64::NAN), Value::from(f64::NAN));
        assert_ne!(Value::from(0.0), Value::from(-0.0));
    }

    #[test]
    fn the_last_of_a_repeated_key_is_found() {
        let attributes = [Attribute::new("a", 1), Attribute::new("b", 2), Attribute::new("a", 3)];
        assert_eq!(find(&attributes, "a"), Some(&Value::Int(3)));
        assert_eq!(find(&attributes, "c"), None);
    }
}
