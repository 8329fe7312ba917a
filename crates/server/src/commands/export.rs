//! `spandrel export`: the traces of a server, or of a store in a folder, as lines of JSON or as a
//! Parquet file.

#[cfg(feature = "parquet")]
mod parquet;
mod sink;

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context as _;
use http::{HeaderMap, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use spandrel_storage::Tenant;

use super::fetch::{Question, Server};
use super::offline;
use super::print::warn_partial;
use super::progress_line::{ProgressLine, Unit};
use crate::cli::ExportFlags;
use crate::clock::{Clock as _, SystemClock};
use crate::export::{LineFormat, Selection};
use crate::quantity::parse_age_ns;
use sink::Sink;

/// Exports to standard output.
pub(crate) fn run(flags: &ExportFlags) -> anyhow::Result<()> {
    let selection = selection(flags, SystemClock.now_ns())?;
    let sink = Sink::new(flags.format)?;
    let exported = match &flags.data_dir {
        Some(data_dir) => of_folder(data_dir, &selection, sink),
        None => of_server(&flags.url, &selection, sink),
    };
    // A reader that has closed its end, as `head` does, has read enough.
    match exported {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        outcome => outcome,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn selection(flags: &ExportFlags, now_ns: u64) -> anyhow::Result<Selection> {
    let ago_ns = |age: &Option<String>| {
        let Some(age) = age else { return Ok(None) };
        let age_ns =
            parse_age_ns(age).with_context(|| format!("`{age}` is no age: say 24h or 14d"));
        age_ns.map(|age_ns| Some(now_ns.saturating_sub(age_ns)))
    };
    Ok(Selection {
        service: flags.service.as_ref().map(|service| service.to_lowercase()),
        start_min_ns: ago_ns(&flags.since)?,
        start_max_ns: ago_ns(&flags.until)?,
    })
}

fn of_server(url: &str, selection: &Selection, mut sink: Sink) -> anyhow::Result<()> {
    let format = sink.line_format();
    let path = path(selection, format);
    let mut line = ProgressLine::new("exporting", Unit::Spans);
    let (total, partial) = (Cell::new(0), RefCell::new(None));
    let mut begin = |headers: &HeaderMap| {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        total.set(text("spandrel-spans").and_then(|count| count.parse().ok()).unwrap_or(0));
        partial.replace(text("spandrel-partial").map(str::to_owned));
    };
    let mut done = 0;
    let question = Question::new(Method::GET, &path);
    Server::at(url)?.talk()?.stream(&question, &mut begin, &mut |data| {
        if line.is_seen() {
            done += span_count_about(&data, format);
            line.tell(done, total.get());
        }
        sink.take_lines(&data)
    })?;
    sink.finish()?;
    drop(line);
    warn_partial(partial.take().as_deref());
    Ok(())
}

fn path(selection: &Selection, format: LineFormat) -> String {
    let mut path = match format {
        LineFormat::Zipkin => "/api/spandrel/export?format=zipkin".to_owned(),
        LineFormat::Otlp => "/api/spandrel/export?format=otlp".to_owned(),
    };
    let times = [("startMinNs", selection.start_min_ns), ("startMaxNs", selection.start_max_ns)];
    for (name, time_ns) in times {
        if let Some(time_ns) = time_ns {
            path += &format!("&{name}={time_ns}");
        }
    }
    if let Some(service) = &selection.service {
        path += &format!("&serviceName={}", utf8_percent_encode(service, NON_ALPHANUMERIC));
    }
    path
}

/// How many spans are in a piece, links counted too: enough for a line of progress.
fn span_count_about(data: &[u8], format: LineFormat) -> u64 {
    const SPAN_ID: &[u8] = b"\"spanId\":";
    let count = match format {
        LineFormat::Zipkin => data.iter().filter(|byte| **byte == b'\n').count(),
        LineFormat::Otlp => data.windows(SPAN_ID.len()).filter(|part| *part == SPAN_ID).count(),
    };
    count as u64
}

fn of_folder(data_dir: &Path, selection: &Selection, mut sink: Sink) -> anyhow::Result<()> {
    let store = offline::open(data_dir)?;
    let stats = store.stats();
    let total = if selection.is_everything() { stats.head_spans + stats.segment_spans } else { 0 };
    let mut line = ProgressLine::new("exporting", Unit::Spans);
    let (mut done, mut taken) = (0, Ok(()));
    selection.for_each_trace(&store, &Tenant::default(), &mut |spans| {
        done += spans.len() as u64;
        line.tell(done, total);
        taken = sink.take_spans(spans);
        if taken.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    taken?;
    sink.finish()?;
    drop(line);
    warn_partial(store.missing().as_deref());
    Ok(())
}
