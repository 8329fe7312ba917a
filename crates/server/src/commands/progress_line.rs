//! One line on a terminal that says how far long work has come, written over and over.
//!
//! Where standard error is no terminal it says nothing.

use std::io::{self, IsTerminal as _, Write as _};

use crate::clock::{Clock, SystemClock};
use crate::progress::Pace;
use crate::quantity::size_text;

/// How long a line stands before the next one.
const SHOW_EVERY_NS: u64 = 200_000_000;

/// What work is counted in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    Bytes,
    Spans,
}

/// The line. Dropping it clears it away.
#[derive(Debug)]
pub(super) struct ProgressLine {
    what: &'static str,
    unit: Unit,
    is_terminal: bool,
    started_ns: u64,
    shown_ns: u64,
}

impl ProgressLine {
    /// Begins work of a name, as in `exporting`.
    pub(super) fn new(what: &'static str, unit: Unit) -> Self {
        let now_ns = SystemClock.now_ns();
        let is_terminal = io::stderr().is_terminal();
        Self { what, unit, is_terminal, started_ns: now_ns, shown_ns: now_ns }
    }

    /// Whether anybody sees it.
    pub(super) fn is_seen(&self) -> bool {
        self.is_terminal
    }

    /// Says how much is done, of how much; zero is unknown.
    pub(super) fn tell(&mut self, done: u64, total: u64) {
        if !self.is_terminal {
            return;
        }
        let now_ns = SystemClock.now_ns();
        if now_ns.saturating_sub(self.shown_ns) < SHOW_EVERY_NS {
            return;
        }
        self.shown_ns = now_ns;
        let elapsed_ns = now_ns.saturating_sub(self.started_ns);
        let line = line(self.what, self.unit, Pace { done, total, elapsed_ns });
        // A terminal that is gone reads nothing.
        let _ = write!(io::stderr(), "\r{line}\x1b[K");
    }

    /// Clears the line away, so that something else can be said.
    pub(super) fn clear(&self) {
        if self.is_terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}

fn line(what: &str, unit: Unit, pace: Pace) -> String {
    let amount = |amount| match unit {
        Unit::Bytes => size_text(amount),
        Unit::Spans => format!("{amount} spans"),
    };
    let rate = amount(pace.per_second());
    match pace.percent() {
        Some(percent) => format!("{what}: {percent} %, {rate}/s, {}", pace.left_text()),
        None => format!("{what}: {}, {rate}/s", amount(pace.done)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_percent_rate_and_time_left_where_they_are_known() {
        let mut pace = Pace { done: 500, total: 2_000, elapsed_ns: 5_000_000_000 };
        let shown = line("exporting", Unit::Spans, pace);
        assert_eq!(shown, "exporting: 25 %, 100 spans/s, 15s left");
        pace.total = 0;
        assert_eq!(line("importing", Unit::Bytes, pace), "importing: 500 B, 100 B/s");
    }
}
