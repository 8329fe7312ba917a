//! The figures of a load, in the form that `spandrel bench` tells its own.

use std::fs;

use anyhow::Context as _;
use serde_json::json;

use super::check::Checked;
use super::flags::{CheckScope, LoadgenFlags};
use super::send::Tally;
use crate::commands::measure::clock::Times;
use crate::commands::measure::figures::{Figures, Section, per};
use crate::commands::measure::process::ThreadTime;
use crate::commands::print::{escaped, print_lines, warn};

const NS_PER_S: u64 = 1_000_000_000;

/// The processor time that the load took, and the server's memory.
#[derive(Clone, Debug)]
pub(super) struct Spent {
    /// Of making bodies while others were sent.
    pub(super) making_ns: u64,
    /// Of all of the client, that included.
    pub(super) client_ns: u64,
    pub(super) server: Option<ThreadTime>,
    /// Of the server until all is in segments.
    pub(super) flushed: Option<ThreadTime>,
    pub(super) server_peak_memory: Option<u64>,
}

/// Prints the figures, and writes them to the file that is asked for.
pub(super) fn tell(
    flags: &LoadgenFlags,
    tally: &Tally,
    spent: &Spent,
    checked: &Checked,
) -> anyhow::Result<()> {
    let mut figures = Figures::default();
    figures.push(rates(flags, tally));
    figures.push(answers(tally));
    figures.push(latency(flags, tally));
    figures.push(processors(tally, spent));
    if flags.check != CheckScope::Some(0) {
        figures.push(comparison(checked));
    }
    print_lines([title(flags)].into_iter().chain(figures.lines()))?;
    if let Some(refusal) = &tally.first_refusal {
        warn(&format!("the first refusal was {}", escaped(refusal)));
    }
    if let Some(path) = &flags.json {
        let told = json!({
            "load": load(flags),
            "refused": tally.refused,
            "first_refusal": tally.first_refusal,
            "figures": figures.to_json(),
        });
        fs::write(path, serde_json::to_vec_pretty(&told)?)
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn title(flags: &LoadgenFlags) -> String {
    let LoadgenFlags { corpus, protocol, connections, streams, .. } = flags;
    let encoding = flags.encoding.name().unwrap_or("no encoding");
    let pace = match flags.rate {
        Some(rate) => format!("{} spans/s", rate.0),
        None => "closed loop".to_owned(),
    };
    format!(
        "corpus {}, seed {}: {}, {encoding}, {connections} connections of {streams}, {} spans a request at most, {pace}",
        corpus.profile, corpus.seed, protocol.name, corpus.spans_per_request
    )
}

fn load(flags: &LoadgenFlags) -> serde_json::Value {
    let corpus = &flags.corpus;
    json!({
        "profile": corpus.profile.to_string(),
        "seed": corpus.seed,
        "has_random_attribute": corpus.random_attribute,
        "spans_wanted": corpus.spans.0,
        "spans_per_request": corpus.spans_per_request,
        "protocol": flags.protocol.name,
        "encoding": flags.encoding.name(),
        "connections": flags.connections,
        "streams": flags.streams,
        "sending_threads": flags.threads,
        "mode": if flags.rate.is_some() { "open" } else { "closed" },
        "rate": flags.rate.map(|rate| rate.0),
        "duration_max_s": flags.duration.as_secs(),
    })
}

fn rates(flags: &LoadgenFlags, tally: &Tally) -> Section {
    let mut section = Section::new("load");
    let a_second = |count: u64| per(count.saturating_mul(NS_PER_S), tally.end_ns);
    section.add("acknowledged", a_second(tally.acked_spans), "spans/s");
    section.add("acknowledged, requests", a_second(tally.acked_requests), "requests/s");
    section.add("acknowledged, as sent", a_second(tally.acked_bytes) / 1e6, "MB/s");
    if let Some(rate) = flags.rate {
        section.add("offered", rate.0 as f64, "spans/s");
        let due = u128::from(rate.0) * flags.duration.as_nanos() / u128::from(NS_PER_S);
        let due = u64::try_from(due).unwrap_or(u64::MAX).min(flags.corpus.spans.0);
        let tried = tally.acked_spans + tally.rejected_spans + tally.failed_spans;
        section.add("due and never sent", due.saturating_sub(tried) as f64, "spans");
    }
    section.add("time", tally.end_ns as f64 / 1e9, "s");
    section.add("length of a span, as sent", per(tally.acked_bytes, tally.acked_spans), "B/span");
    section.add("times a sender waited for a body", tally.waits_for_bodies as f64, "");
    section
}

fn answers(tally: &Tally) -> Section {
    let mut section = Section::new("answers");
    section.add("acknowledged spans", tally.acked_spans as f64, "");
    section.add("acknowledged requests", tally.acked_requests as f64, "");
    section.add("spans rejected in acknowledged requests", tally.rejected_spans as f64, "");
    for (status, count) in &tally.refused {
        section.add(format!("refused: {status}"), *count as f64, "");
    }
    section.add("requests sent again", tally.retried as f64, "");
    section.add("requests never acknowledged", tally.failed_requests as f64, "");
    section.add("their spans", tally.failed_spans as f64, "");
    section
}

fn latency(flags: &LoadgenFlags, tally: &Tally) -> Section {
    let mut section = Section::new("latency");
    let from = match flags.rate {
        Some(_) => "from when it was due to its acknowledgement",
        None => "from sending it first to its acknowledgement",
    };
    section.add_times(from, Times { wall_ns: tally.latency_ns.clone(), cpu_ns: Vec::new() });
    section
}

fn processors(tally: &Tally, spent: &Spent) -> Section {
    let spans = tally.acked_spans;
    let mut section = Section::new("processor time and memory");
    let seconds = |ns: u64| ns as f64 / 1e9;
    let sending_ns = spent.client_ns.saturating_sub(spent.making_ns);
    if let Some(server) = spent.server {
        section.add("spans a second of the server's processors", a_cpu_second(spans, server), "");
        section.add("server", seconds(server.cpu_ns), "s");
        section.add("server, the kernel's part", seconds(server.kernel_ns), "s");
        section.add("server, of a span", per(server.cpu_ns, spans) / 1e3, "us/span");
        let processors = per(server.cpu_ns, tally.end_ns);
        section.add("server, processors in use", processors, "");
    }
    if let Some(flushed) = spent.flushed {
        let until = "until all is in segments";
        let name = format!("spans a second of the server's processors, {until}");
        section.add(name, a_cpu_second(spans, flushed), "");
        section.add(format!("server, {until}"), seconds(flushed.cpu_ns), "s");
    }
    section.add("client, sending", seconds(sending_ns), "s");
    section.add("client, of a span", per(sending_ns, spans) / 1e3, "us/span");
    section.add("client, making bodies beside it", seconds(spent.making_ns), "s");
    if let Some(peak) = spent.server_peak_memory {
        section.add("server, most memory in RAM", peak as f64 / f64::from(1 << 20), "MiB");
    }
    section
}

fn a_cpu_second(spans: u64, time: ThreadTime) -> f64 {
    per(spans.saturating_mul(NS_PER_S), time.cpu_ns)
}

fn comparison(checked: &Checked) -> Section {
    let mut section = Section::new("check: traces read back and the corpus made again");
    section.add("traces compared", checked.traces as f64, "");
    section.add("acknowledged spans that are there as sent", checked.spans as f64, "");
    section.add("acknowledged spans lost or changed", checked.lost as f64, "");
    section.add("spans never sent", checked.foreign as f64, "");
    section.add("spans there without an acknowledgement", checked.unacknowledged as f64, "");
    section
}
