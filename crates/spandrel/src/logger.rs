//! Where the library tells people what it cannot tell the program.

use std::io::Write as _;

/// Takes messages for the people who run the program.
pub trait Logger: Send + Sync + 'static {
    /// Takes a message about something that went wrong. Called from the reporter's thread.
    fn error(&self, message: &str);

    /// Takes a message about ordinary work.
    fn info(&self, message: &str) {
        let _ = message;
    }
}

impl<L: Logger + ?Sized> Logger for std::sync::Arc<L> {
    fn error(&self, message: &str) {
        (**self).error(message);
    }

    fn info(&self, message: &str) {
        (**self).info(message);
    }
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullLogger;

impl Logger for NullLogger {
    fn error(&self, _message: &str) {}
}

/// Writes to the standard error stream, a line a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct StdLogger;

impl Logger for StdLogger {
    fn error(&self, message: &str) {
        // Nobody is left to tell when the stream is closed.
        let _ = writeln!(std::io::stderr(), "ERROR: {message}");
    }

    fn info(&self, message: &str) {
        let _ = writeln!(std::io::stderr(), "{message}");
    }
}
