//! Errors as logs, by OpenTracing's conventions.

use std::error::Error;
use std::fmt::Write as _;

use crate::fields;
use crate::log::Log;

/// How many sources of an error are followed: a chain that loops must end.
const SOURCES_LEN_MAX: usize = 32;

/// Makes the log of an error: `event` = `error`, its kind, message and chain of sources.
pub(crate) fn log_of<E: Error + ?Sized>(error: &E) -> Log {
    let log = Log::event("error")
        .field(fields::ERROR_KIND, kind_of(error))
        .field(fields::MESSAGE, error.to_string());
    match source_chain(error) {
        chain if chain.is_empty() => log,
        chain => log.field(fields::STACK, chain),
    }
}

pub(crate) fn log_of_panic() -> Log {
    Log::event("error")
        .field(fields::ERROR_KIND, "panic")
        .field(fields::MESSAGE, "the thread panicked while the span was open")
}

/// Names the error's type. A `dyn Error` has forgotten its type; the first word of its debug
/// form is the type's name wherever that is derived.
fn kind_of<E: Error + ?Sized>(error: &E) -> String {
    let name = std::any::type_name::<E>();
    if !name.starts_with("dyn ") {
        return name.to_owned();
    }
    let debug = format!("{error:?}");
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let word = debug.split(|character| !is_name(character)).next().unwrap_or_default();
    if word.starts_with(char::is_uppercase) { word.to_owned() } else { "error".to_owned() }
}

fn source_chain<E: Error + ?Sized>(error: &E) -> String {
    let mut chain = String::new();
    let mut source = error.source();
    for _ in 0..SOURCES_LEN_MAX {
        let Some(cause) = source else { break };
        if !chain.is_empty() {
            chain.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = write!(chain, "caused by: {cause}");
        source = cause.source();
    }
    chain
}
