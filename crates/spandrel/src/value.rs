//! Values of tags and log fields, and the text inside them.
//!
//! Short text is held in place, so that tagging a span with it allocates nothing.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// How many bytes a [`Text`] holds in place.
const INLINE_LEN_MAX: usize = 22;

/// Immutable text that allocates only when it is longer than 22 bytes and not `'static`.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Inline { len: u8, bytes: [u8; INLINE_LEN_MAX] },
    Heap(Box<str>),
}

impl Text {
    /// Makes a text of a literal, whatever its length, without copying it.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Repr::Static(text))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(text) => text,
            Repr::Heap(text) => text,
            // The bytes were copied from a str and are never written again.
            Repr::Inline { len, bytes } => bytes
                .get(..usize::from(*len))
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .unwrap_or_default(),
        }
    }

    /// How many bytes it holds outside of itself.
    pub(crate) fn heap_len(&self) -> usize {
        match &self.0 {
            Repr::Heap(text) => text.len(),
            Repr::Static(_) | Repr::Inline { .. } => 0,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let mut bytes = [0; INLINE_LEN_MAX];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(target), Ok(len)) => {
                target.copy_from_slice(text.as_bytes());
                Self(Repr::Inline { len, bytes })
            }
            _ => Self(Repr::Heap(text.into())),
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        if text.len() <= INLINE_LEN_MAX {
            return Self::from(text.as_str());
        }
        Self(Repr::Heap(text.into_boxed_str()))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// The value of a tag or of a log field, with its type.
///
/// Made with `into()` from text, booleans and numbers of every width. An unsigned number that
/// no `i64` can hold becomes text.
///
/// # Examples
///
/// ```
/// use spandrel::TagValue;
///
/// assert_eq!(TagValue::from(200_u16), TagValue::Int(200));
/// assert_eq!(TagValue::from("GET").as_str(), Some("GET"));
/// assert_eq!(TagValue::from(u64::MAX).to_string(), "18446744073709551615");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TagValue {
    /// Text.
    String(Text),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// Bytes of no told meaning.
    Bytes(Box<[u8]>),
}

impl TagValue {
    /// Makes a value of a literal without copying it.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self::String(Text::from_static(text))
    }

    /// Returns the text, `None` for every other type.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the boolean, `None` for every other type.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the whole number, `None` for every other type.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the floating-point number, `None` for every other type.
    #[must_use]
    pub const fn as_double(&self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// How many bytes it holds outside of itself.
    pub(crate) fn heap_len(&self) -> usize {
        match self {
            Self::String(text) => text.heap_len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Bool(_) | Self::Int(_) | Self::Double(_) => 0,
        }
    }

    /// Cuts text and bytes to `len_max` bytes; text is cut between two characters.
    pub(crate) fn truncate(&mut self, len_max: usize) -> bool {
        match self {
            Self::String(text) if text.len() > len_max => {
                *text = Text::from(text.get(..text.floor_char_boundary(len_max)).unwrap_or(""));
                true
            }
            Self::Bytes(bytes) if bytes.len() > len_max => {
                *bytes = bytes.get(..len_max).unwrap_or_default().into();
                true
            }
            _ => false,
        }
    }
}

impl fmt::Display for TagValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => f.write_str(text),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Bytes(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
        }
    }
}

macro_rules! value_from {
    ($($from:ty => |$value:ident| $make:expr;)+) => {$(
        impl From<$from> for TagValue {
            fn from($value: $from) -> Self {
                $make
            }
        }
    )+};
}

value_from! {
    &str => |text| Self::String(text.into());
    String => |text| Self::String(text.into());
    &String => |text| Self::String(text.as_str().into());
    Cow<'_, str> => |text| match text {
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text.into(),
    };
    Text => |text| Self::String(text);
    bool => |value| Self::Bool(value);
    i8 => |value| Self::Int(value.into());
    i16 => |value| Self::Int(value.into());
    i32 => |value| Self::Int(value.into());
    i64 => |value| Self::Int(value);
    u8 => |value| Self::Int(value.into());
    u16 => |value| Self::Int(value.into());
    u32 => |value| Self::Int(value.into());
    u64 => |value| i64::try_from(value).map_or_else(|_| value.to_string().into(), Self::Int);
    usize => |value| i64::try_from(value).map_or_else(|_| value.to_string().into(), Self::Int);
    isize => |value| i64::try_from(value).map_or_else(|_| value.to_string().into(), Self::Int);
    f32 => |value| Self::Double(value.into());
    f64 => |value| Self::Double(value);
    Vec<u8> => |bytes| Self::Bytes(bytes.into());
    &[u8] => |bytes| Self::Bytes(bytes.into());
}

/// A key with its value: a tag of a span, or a field of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    /// The key.
    pub key: Cow<'static, str>,
    /// The value.
    pub value: TagValue,
}

/// A field of a [`Log`](crate::Log): the same thing as a [`Tag`].
pub type Field = Tag;

impl Tag {
    /// Makes a tag of a key and anything that reads as a value.
    pub fn new(key: impl Into<Cow<'static, str>>, value: impl Into<TagValue>) -> Self {
        Self { key: key.into(), value: value.into() }
    }

    /// How many bytes it takes, itself included.
    pub(crate) fn byte_len(&self) -> usize {
        let key_len = match &self.key {
            Cow::Borrowed(_) => 0,
            Cow::Owned(key) => key.len(),
        };
        size_of::<Self>() + key_len + self.value.heap_len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_whatever_holds_it() {
        for len in [0, 1, 21, 22, 23, 300] {
            let text = "x".repeat(len);
            assert_eq!(Text::from(text.as_str()), text.as_str());
            assert_eq!(Text::from(text.clone()), text.as_str());
        }
        assert_eq!(Text::from("主机"), "主机");
        assert_eq!(Text::from("short").heap_len(), 0);
    }

    #[test]
    fn text_is_cut_between_characters() {
        let mut value = TagValue::from("ab主机");
        assert!(value.truncate(4));
        assert_eq!(value.as_str(), Some("ab"));
        assert!(!value.truncate(4));
    }

    #[test]
    fn a_text_is_three_words_and_a_value_no_more_than_four() {
        assert_eq!(size_of::<Text>(), 24);
        assert!(size_of::<TagValue>() <= 32);
    }
}
