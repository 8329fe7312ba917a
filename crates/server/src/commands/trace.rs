//! `spandrel trace <id>`: asks for the trace's columns and draws them.

use std::env;

use crate::cli::TraceFlags;
use crate::commands::fetch::Server;
use crate::commands::print::{print_lines, warn_partial};
use crate::commands::waterfall::{Columns, draw};

/// How wide the drawing is where no terminal says.
const WIDTH_DEFAULT: u16 = 100;
/// The least width on which names, bar and duration have room.
const WIDTH_MIN: u16 = 60;

/// Draws one trace, or prints the server's answer.
pub(super) fn run(flags: &TraceFlags) -> anyhow::Result<()> {
    let server = Server::at(&flags.client.url)?;
    let raw = if flags.raw { "?raw=true" } else { "" };
    let body = server.get(&path(&flags.trace_id, raw))?;
    if flags.client.json {
        return print_lines([body]);
    }
    print_lines(lines(&body, flags.width)?)
}

/// Asks for a trace and draws it, on the terminal's width unless told.
pub(super) fn drawn(
    server: &Server,
    trace_id: &str,
    width: Option<u16>,
) -> anyhow::Result<Vec<String>> {
    lines(&server.get(&path(trace_id, ""))?, width)
}

fn path(trace_id: &str, query: &str) -> String {
    let set = percent_encoding::NON_ALPHANUMERIC;
    let trace_id = percent_encoding::utf8_percent_encode(trace_id.trim(), set);
    format!("/api/spandrel/traces/{trace_id}{query}")
}

fn lines(body: &str, width: Option<u16>) -> anyhow::Result<Vec<String>> {
    let columns: Columns = serde_json::from_str(body)?;
    warn_partial(columns.partial.as_deref());
    let width = width.or_else(terminal_width).unwrap_or(WIDTH_DEFAULT);
    Ok(draw(&columns, usize::from(width.max(WIDTH_MIN))))
}

/// The width that the shell tells. Most shells set COLUMNS without exporting it, so it is only
/// there for those who asked for it.
fn terminal_width() -> Option<u16> {
    env::var("COLUMNS").ok()?.parse().ok()
}
