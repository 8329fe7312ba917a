//! The commands beside serving. Most ask a running server: they speak its HTTP API and print.

mod backup;
mod bench;
mod demo;
mod export;
mod fetch;
mod import;
mod loadgen;
mod measure;
mod offline;
mod print;
mod progress_line;
mod trace;
mod verify;
mod waterfall;

use serde::Deserialize;

use crate::cli::{ClientFlags, DemoFlags, TraceFlags};
use fetch::Server;

pub(crate) use backup::run as backup;
pub(crate) use bench::{BenchFlags, run as bench};
pub(crate) use export::run as export;
pub(crate) use import::run as import;
pub(crate) use loadgen::{LoadgenFlags, run as loadgen};
pub(crate) use print::print_error;
use print::{escaped, print_lines, warn_partial};
pub(crate) use verify::run as verify;

/// `spandrel services`: one name a line.
pub(crate) fn services(flags: &ClientFlags) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Services {
        services: Vec<String>,
        partial: Option<String>,
    }
    let body = Server::at(&flags.url)?.get("/api/spandrel/services")?;
    if flags.json {
        return print_lines([body]);
    }
    let answer: Services = serde_json::from_str(&body)?;
    warn_partial(answer.partial.as_deref());
    if answer.services.is_empty() {
        let hint = "no service has sent spans yet: POST some to /api/v1/spans or /api/v2/spans";
        return print_lines([hint.to_owned()]);
    }
    print_lines(answer.services.iter().map(|name| escaped(name)))
}

/// `spandrel demo`: the article's program, from end to end.
pub(crate) fn demo(flags: &DemoFlags) -> anyhow::Result<()> {
    demo::run(flags)
}

/// `spandrel trace <id>`: a waterfall.
pub(crate) fn trace(flags: &TraceFlags) -> anyhow::Result<()> {
    trace::run(flags)
}
