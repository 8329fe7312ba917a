//! The standard log fields of OpenTracing's semantic conventions.

/// A stable name of what happened.
pub const EVENT: &str = "event";
/// A concise, human-readable line about it.
pub const MESSAGE: &str = "message";
/// The kind of an error: its type's name. Only with `event` = `error`.
pub const ERROR_KIND: &str = "error.kind";
/// The error itself, as text. Only with `event` = `error`.
pub const ERROR_OBJECT: &str = "error.object";
/// A stack trace; here the chain of an error's sources, one a line.
pub const STACK: &str = "stack";
