//! Draws a trace as a waterfall of text: a line a row, its events under it.
//!
//! Pure: columns in, lines out.

use serde::Deserialize;

use crate::commands::print::escaped;

/// The part of `GET /api/spandrel/traces/{id}` that is drawn.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Columns {
    trace_id: String,
    duration_ns: Option<u64>,
    span_count: usize,
    error_count: usize,
    is_skew_corrected: bool,
    services: Vec<Service>,
    strings: Vec<String>,
    rows: Rows,
    events: Events,
    /// Why something may be missing.
    #[serde(default)]
    pub(super) partial: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Service {
    name: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rows {
    depth: Vec<usize>,
    name: Vec<i64>,
    service: Vec<i64>,
    client_service: Vec<i64>,
    start_ns: Vec<Option<i64>>,
    duration_ns: Vec<Option<u64>>,
    server_start_ns: Vec<Option<i64>>,
    server_duration_ns: Vec<Option<u64>>,
    flags: Vec<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Events {
    row: Vec<usize>,
    offset_ns: Vec<i64>,
    label: Vec<i64>,
}

/// How much of the width the names may take.
const NAMES_PERCENT: usize = 45;
/// Room for a duration such as `999.999 ms`, and the mark of a failure.
const DURATION_WIDTH: usize = 13;
/// The deepest indentation: below it rows stay where they are.
const DEPTH_DRAWN_MAX: usize = 24;

const FLAG_ERROR: u32 = 1;
const FLAG_PARENT_MISSING: u32 = 1 << 1;

/// Draws the trace on `width` columns.
pub(super) fn draw(columns: &Columns, width: usize) -> Vec<String> {
    let mut lines = vec![heading(columns), String::new()];
    let labels: Vec<String> = (0..columns.rows.depth.len()).map(|row| columns.label(row)).collect();
    let longest = labels.iter().map(|label| text_width(label)).max().unwrap_or(0);
    let names_width = longest.min(width * NAMES_PERCENT / 100);
    let bar_width = width.saturating_sub(names_width + DURATION_WIDTH + 2).max(10);
    let mut events = columns.events.row.iter().copied().enumerate().peekable();
    for (row, label) in labels.iter().enumerate() {
        let name = fitted(label, names_width);
        let bar = columns.bar(row, bar_width);
        lines.push(format!("{name} {bar} {}", columns.duration(row)).trim_end().to_owned());
        while let Some((event, _)) = events.next_if(|(_, event_row)| *event_row <= row) {
            lines.push(columns.event_line(event, row, names_width, bar_width));
        }
    }
    lines
}

fn heading(columns: &Columns) -> String {
    let services: Vec<_> =
        columns.services.iter().map(|service| escaped(columns.string(service.name))).collect();
    let duration = columns.duration_ns.map_or_else(|| "no duration".to_owned(), duration_text);
    let errors = match columns.error_count {
        0 => String::new(),
        1 => ", 1 error".to_owned(),
        count => format!(", {count} errors"),
    };
    let corrected = if columns.is_skew_corrected { ", clock skew corrected" } else { "" };
    let spans = if columns.span_count == 1 { "span" } else { "spans" };
    format!(
        "trace {}  {duration}, {} {spans} of {}{errors}{corrected}",
        columns.trace_id,
        columns.span_count,
        services.join(", "),
    )
}

impl Columns {
    fn string(&self, index: i64) -> &str {
        let text = usize::try_from(index).ok().and_then(|index| self.strings.get(index));
        text.map_or("", String::as_str)
    }

    /// `  client -> server  HTTP GET`, indented by depth.
    fn label(&self, row: usize) -> String {
        let at = |column: &[i64]| self.string(column.get(row).copied().unwrap_or(-1)).to_owned();
        let (service, client) = (at(&self.rows.service), at(&self.rows.client_service));
        let depth = self.rows.depth.get(row).copied().unwrap_or(0).min(DEPTH_DRAWN_MAX);
        let who = match (client.as_str(), service.as_str()) {
            ("", "") => "?".to_owned(),
            (client, service) if client.is_empty() || client == service => service.to_owned(),
            (client, "") => client.to_owned(),
            (client, service) => format!("{client} -> {service}"),
        };
        let orphan =
            if self.flags(row) & FLAG_PARENT_MISSING == 0 { "" } else { "(parent missing) " };
        let name = at(&self.rows.name);
        escaped(&format!("{}{orphan}{who}  {name}", "  ".repeat(depth)))
    }

    fn flags(&self, row: usize) -> u32 {
        self.rows.flags.get(row).copied().unwrap_or(0)
    }

    fn duration(&self, row: usize) -> String {
        let duration_ns = self.rows.duration_ns.get(row).copied().flatten();
        let mark = if self.flags(row) & FLAG_ERROR == 0 { " " } else { "!" };
        format!("{mark}{:>12}", duration_ns.map_or_else(String::new, duration_text))
    }

    /// The row's bar, with the answering half in a darker shade inside it.
    fn bar(&self, row: usize, width: usize) -> String {
        let mut cells = vec![' '; width];
        let get = |column: &[Option<i64>]| column.get(row).copied().flatten();
        let get_duration = |column: &[Option<u64>]| column.get(row).copied().flatten();
        let rows = &self.rows;
        self.fill(&mut cells, get(&rows.start_ns), get_duration(&rows.duration_ns), '▒');
        self.fill(
            &mut cells,
            get(&rows.server_start_ns),
            get_duration(&rows.server_duration_ns),
            '█',
        );
        cells.into_iter().collect()
    }

    fn fill(
        &self,
        cells: &mut [char],
        start_ns: Option<i64>,
        duration_ns: Option<u64>,
        cell: char,
    ) {
        let Some(start_ns) = start_ns else { return };
        let duration_ns = i64::try_from(duration_ns.unwrap_or(0)).unwrap_or(i64::MAX);
        let first = self.column_of(start_ns, cells.len());
        let last = self.column_of(start_ns.saturating_add(duration_ns), cells.len()).max(first);
        if let Some(filled) = cells.get_mut(first..=last) {
            filled.fill(cell);
        }
    }

    /// The column of an offset: always inside, however far the offset lies out.
    fn column_of(&self, offset_ns: i64, width: usize) -> usize {
        let duration_ns = u128::from(self.duration_ns.unwrap_or(0).max(1));
        let offset_ns = u128::try_from(offset_ns.max(0)).unwrap_or(0);
        let column = offset_ns.saturating_mul(width as u128) / duration_ns;
        usize::try_from(column).unwrap_or(usize::MAX).min(width.saturating_sub(1))
    }

    /// `·` under the bar, and what happened when.
    fn event_line(&self, event: usize, row: usize, names_width: usize, bar_width: usize) -> String {
        let offset_ns = self.events.offset_ns.get(event).copied().unwrap_or(0);
        let label = self.string(self.events.label.get(event).copied().unwrap_or(-1));
        let depth = self.rows.depth.get(row).copied().unwrap_or(0).min(DEPTH_DRAWN_MAX);
        let name = fitted(&format!("{}· {}", "  ".repeat(depth + 1), escaped(label)), names_width);
        let mut cells = vec![' '; bar_width];
        if let Some(cell) = cells.get_mut(self.column_of(offset_ns, bar_width)) {
            *cell = '·';
        }
        let sign = if offset_ns < 0 { "-" } else { "+" };
        let at = format!("{sign}{}", duration_text(offset_ns.unsigned_abs()));
        format!("{name} {}  {at:>12}", cells.into_iter().collect::<String>())
    }
}

/// Three decimals in the largest unit that leaves something before the point.
fn duration_text(duration_ns: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three decimals are shown")]
    let duration = duration_ns as f64;
    match duration_ns {
        0..1_000 => format!("{duration_ns} ns"),
        1_000..1_000_000 => format!("{:.3} µs", duration / 1e3),
        1_000_000..1_000_000_000 => format!("{:.3} ms", duration / 1e6),
        _ => format!("{:.3} s", duration / 1e9),
    }
}

/// The text cut or padded to a width.
fn fitted(text: &str, width: usize) -> String {
    let text_width = text_width(text);
    if text_width <= width {
        return format!("{text}{}", " ".repeat(width - text_width));
    }
    let mut cut = String::new();
    let mut used = 0;
    for character in text.chars() {
        let character_width = char_width(character);
        if used + character_width + 1 > width {
            break;
        }
        used += character_width;
        cut.push(character);
    }
    format!("{cut}…{}", " ".repeat(width.saturating_sub(used + 1)))
}

fn text_width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// How many columns a terminal gives a character: two for East Asian wide ones.
fn char_width(character: char) -> usize {
    unicode_width::UnicodeWidthChar::width(character).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
        serde_json::from_str(
            r#"{
              "traceId": "463ac35c9f6413ad", "durationNs": 1000000, "spanCount": 2, "errorCount": 1,
              "isSkewCorrected": false, "services": [{"name": 0}, {"name": 1}],
              "strings": ["client", "server", "GET", "DNSStart"],
              "rows": {
                "depth": [0, 1], "name": [2, 2], "service": [0, 1], "clientService": [-1, 0],
                "startNs": [0, 200000], "durationNs": [1000000, 600000],
                "serverStartNs": [null, 400000], "serverDurationNs": [null, 200000], "flags": [0, 5]
              },
              "events": {"row": [1], "offsetNs": [1000001], "label": [3]}
            }"#,
        )
        .unwrap()
    }

    #[test]
    fn a_trace_is_drawn_with_both_halves_and_its_events() {
        let drawn = draw(&columns(), 70);
        assert_eq!(
            drawn,
            [
                "trace 463ac35c9f6413ad  1.000 ms, 2 spans of client, server, 1 error",
                "",
                "client  GET             ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒      1.000 ms",
                "  client -> server  GET       ▒▒▒▒▒▒████████▒▒▒▒▒▒       !  600.000 µs",
                "    · DNSStart                                         ·     +1.000 ms",
            ]
        );
    }

    #[test]
    fn an_event_past_the_end_stays_on_the_canvas() {
        assert_eq!(columns().column_of(i64::MAX, 10), 9);
        assert_eq!(columns().column_of(-5, 10), 0);
    }

    #[test]
    fn durations_keep_three_decimals_of_their_unit() {
        let texts: Vec<_> =
            [0, 999, 38_000, 1_234_567, 2_000_000_000].into_iter().map(duration_text).collect();
        assert_eq!(texts, ["0 ns", "999 ns", "38.000 µs", "1.235 ms", "2.000 s"]);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(text_width("主机"), 4);
        assert_eq!(fitted("主机主机", 6), "主机… ");
        assert_eq!(fitted("ab", 4), "ab  ");
    }
}
