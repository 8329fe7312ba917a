//! Reads and writes Thrift: values, fields, lists, the head of a message; no message of any service.
//!
//! There are two protocols, [`binary`] and [`compact`], of one shape: what is read through [`Read`]
//! and written through [`Write`] is told once for both. Every length is checked against the bytes
//! that remain before anything is done with it, and nothing here allocates while reading. Unknown
//! fields are skipped to a limited depth.

pub(crate) mod binary;
pub(crate) mod compact;

use crate::error::Malformed;

/// How many structs, lists, sets and maps may stand in one another where they are skipped.
const SKIP_DEPTH_MAX: usize = 64;

/// What kinds of message are taken: an ordinary call and one that wants no answer.
const MESSAGE_TYPES: [u8; 2] = [1, 4];

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// True or false.
    Bool,
    /// One byte.
    Byte,
    /// A floating-point number.
    Double,
    /// A number of 16 bits.
    I16,
    /// A number of 32 bits.
    I32,
    /// A number of 64 bits.
    I64,
    /// A length and bytes: text or binary.
    String,
    /// Fields until the end mark.
    Struct,
    /// Keys and values.
    Map,
    /// Values, each once.
    Set,
    /// Values.
    List,
    /// Sixteen bytes.
    Uuid,
}

/// Reads values one after the other.
pub(crate) trait Read<'a>: Clone {
    /// How many bytes were read.
    fn offset(&self) -> usize;

    /// What is not read yet.
    fn rest(&self) -> &'a [u8];

    /// Reads a boolean.
    fn bool(&mut self) -> Result<bool, Malformed>;

    /// Reads a byte.
    fn byte(&mut self) -> Result<u8, Malformed>;

    /// Reads a 16-bit number.
    fn i16(&mut self) -> Result<i16, Malformed>;

    /// Reads a 32-bit number.
    fn i32(&mut self) -> Result<i32, Malformed>;

    /// Reads a 64-bit number.
    fn i64(&mut self) -> Result<i64, Malformed>;

    /// Reads a floating-point number.
    fn double(&mut self) -> Result<f64, Malformed>;

    /// Reads sixteen bytes.
    fn uuid(&mut self) -> Result<[u8; 16], Malformed>;

    /// Reads bytes with a length before them.
    fn binary(&mut self) -> Result<&'a [u8], Malformed>;

    /// Reads the head of a struct's next field; `None` at the struct's end. `last_id` is the
    /// struct's own, zero before its first field.
    fn field(&mut self, last_id: &mut i16) -> Result<Option<(i16, Type)>, Malformed>;

    /// Whether the struct's next field is this one; if so, reads its head. For where one field
    /// nearly always follows another: it is quicker than [`Read::field`].
    fn is_next(&mut self, id: i16, type_: Type, last_id: &mut i16) -> bool;

    /// Whether the struct ends here; if so, reads its end.
    fn is_end(&mut self) -> bool;

    /// Reads the head of a list or a set: the type of its elements, and how many there are.
    fn list(&mut self) -> Result<(Type, usize), Malformed>;

    /// Reads the head of a list of structs and returns how many there are. The element type
    /// is ignored: reporters that write another one send structs all the same.
    fn list_of_structs(&mut self) -> Result<usize, Malformed>;

    /// Reads the head of a map: the types of its keys and values, and how many there are.
    fn map(&mut self) -> Result<(Type, Type, usize), Malformed>;

    /// Reads the head of a message that calls a method, and returns the method's name. The struct
    /// of its arguments follows.
    fn message(&mut self) -> Result<&'a str, Malformed>;

    /// Reads text with a length before it.
    #[inline]
    fn text(&mut self) -> Result<&'a str, Malformed> {
        let bytes = self.binary()?;
        let start = self.offset() - bytes.len();
        std::str::from_utf8(bytes)
            .map_err(|error| Malformed::at(start + error.valid_up_to(), "a text is not UTF-8"))
    }

    /// Passes over a value.
    fn skip(&mut self, type_: Type) -> Result<(), Malformed> {
        skip_within(self, type_, SKIP_DEPTH_MAX)
    }
}

fn skip_within<'a>(
    reader: &mut impl Read<'a>,
    type_: Type,
    depth_left: usize,
) -> Result<(), Malformed> {
    match type_ {
        Type::Bool => reader.bool().map(drop),
        Type::Byte => reader.byte().map(drop),
        Type::I16 => reader.i16().map(drop),
        Type::I32 => reader.i32().map(drop),
        Type::I64 => reader.i64().map(drop),
        Type::Double => reader.double().map(drop),
        Type::Uuid => reader.uuid().map(drop),
        Type::String => reader.binary().map(drop),
        Type::Struct | Type::Map | Type::Set | Type::List if depth_left == 0 => {
            let message = format!("an unknown field is nested over {SKIP_DEPTH_MAX} deep");
            Err(Malformed::at(reader.offset(), message))
        }
        Type::Struct => {
            let mut last_id = 0;
            while let Some((_, type_)) = reader.field(&mut last_id)? {
                skip_within(reader, type_, depth_left - 1)?;
            }
            Ok(())
        }
        Type::Set | Type::List => {
            let (element, len) = reader.list()?;
            for _ in 0..len {
                skip_within(reader, element, depth_left - 1)?;
            }
            Ok(())
        }
        Type::Map => {
            let (key, value, len) = reader.map()?;
            for _ in 0..len {
                skip_within(reader, key, depth_left - 1)?;
                skip_within(reader, value, depth_left - 1)?;
            }
            Ok(())
        }
    }
}

#[cold]
fn truncated(offset: usize, len: usize, remaining: usize) -> Malformed {
    let message = format!("truncated: length {len} is over the {remaining} bytes remaining");
    Malformed::at(offset, message)
}

#[cold]
fn refused_len(announced: i64, remaining: usize, offset: usize) -> Malformed {
    let fault = match announced {
        ..0 => "is negative".to_owned(),
        _ => format!("is over the {remaining} bytes remaining"),
    };
    Malformed::at(offset, format!("announced length {announced} {fault}"))
}

#[cold]
fn no_type(byte: u8, offset: usize) -> Malformed {
    Malformed::at(offset, format!("{byte} is no type of Thrift"))
}

/// Checks the type of a message that was read at `offset`.
fn check_message_type(message_type: u8, offset: usize) -> Result<(), Malformed> {
    if MESSAGE_TYPES.contains(&message_type) {
        return Ok(());
    }
    let message = format!("message type {message_type} is no call (1) and no oneway call (4)");
    Err(Malformed::at(offset, message))
}

/// Appends values one after the other.
pub(crate) trait Write {
    /// Writes a field of one boolean.
    fn bool(&mut self, id: i16, value: bool);

    /// Writes a field of a 16-bit number.
    fn i16(&mut self, id: i16, value: i16);

    /// Writes a field of a 32-bit number.
    fn i32(&mut self, id: i16, value: i32);

    /// Writes a field of a 64-bit number.
    fn i64(&mut self, id: i16, value: i64);

    /// Writes a field of a floating-point number.
    fn double(&mut self, id: i16, value: f64);

    /// Writes a field of text or bytes.
    fn binary(&mut self, id: i16, bytes: &[u8]);

    /// Writes the head of a field that is a struct, which follows without a begin of its own.
    fn begin_struct(&mut self, id: i16);

    /// Begins a struct that is no field: a whole body, or an element of a list.
    fn begin_element(&mut self);

    /// Ends a struct.
    fn end_struct(&mut self);

    /// Writes a field that is a list of structs, which follow.
    fn begin_list(&mut self, id: i16, len: usize);

    /// Writes the head of a message that calls this method and wants no answer.
    fn oneway_message(&mut self, method: &str);
}

/// Returns a length as Thrift counts.
fn wire_len(len: usize) -> i32 {
    i32::try_from(len).expect("what is in memory as spans is far below 2 GiB")
}
