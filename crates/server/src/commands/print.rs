//! Printing for people and pipes: what came from a sender never moves the cursor.

use std::io::{self, Write as _};

/// Prints lines to standard output. A reader that has closed its end, as `head` does, has read
/// enough: that is success.
pub(crate) fn print_lines(lines: impl IntoIterator<Item = String>) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let print = || -> io::Result<()> {
        for line in lines {
            writeln!(out, "{line}")?;
        }
        out.flush()
    };
    match print() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints an error and its causes to standard error, on one line.
pub(crate) fn print_error(error: &anyhow::Error) {
    // With standard error gone there is nowhere left to say so.
    let _ = writeln!(io::stderr(), "spandrel: {error:#}");
}

/// Says on standard error why an answer may be incomplete.
pub(crate) fn warn_partial(reason: Option<&str>) {
    if let Some(reason) = reason {
        warn(&format!("the answer may be incomplete: {}", escaped(reason)));
    }
}

/// Prints a line to standard error.
pub(crate) fn warn(message: &str) {
    // With standard error gone there is nowhere left to say so.
    let _ = writeln!(io::stderr(), "spandrel: {message}");
}

/// Escapes control characters and those that turn the direction of writing, so that stored
/// text can't drive the terminal.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || turns {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_text_can_not_drive_the_terminal() {
        assert_eq!(escaped("a\u{1b}[31mb\n\u{202e}主机"), "a\\u{1b}[31mb\\u{a}\\u{202e}主机");
    }
}
