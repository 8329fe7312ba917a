//! `spandrel trace <id>`: asks for the trace's columns and draws them.

use std::env;

use crate::cli::TraceFlags;
use crate::commands::fetch::Server;
use crate::commands::print::print_lines;
use crate::commands::waterfall::{Columns, draw};

/// How wide the drawing is where no terminal says.
const WIDTH_DEFAULT: u16 = 100;
/// The least width on which names, bar and duration have room.
const WIDTH_MIN: u16 = 60;

/// Draws one trace.
pub(super) fn run(flags: &TraceFlags) -> anyhow::Result<()> {
    let raw = if flags.raw { "?raw=true" } else { "" };
    let trace_id = percent_encoding::utf8_percent_encode(
        flags.trace_id.trim(),
        percent_encoding::NON_ALPHANUMERIC,
    );
    let server = Server::at(&flags.client.url)?;
    let body = server.get(&format!("/api/spandrel/traces/{trace_id}{raw}"))?;
    if flags.client.json {
        return print_lines([body]);
    }
    let columns: Columns = serde_json::from_str(&body)?;
    let width = flags.width.or_else(terminal_width).unwrap_or(WIDTH_DEFAULT);
    print_lines(draw(&columns, usize::from(width.max(WIDTH_MIN))))
}

/// The width that the shell tells. Most shells set COLUMNS without exporting it, so it is only
/// there for those who asked for it.
fn terminal_width() -> Option<u16> {
    env::var("COLUMNS").ok()?.parse().ok()
}
