//! What happens during a span: log lines, the steps of a connection, exceptions.

use std::fmt::Write as _;

use spandrel_model::{Attribute, Event};

use super::values::prose;
use crate::random::SplitMix;
use crate::world::{Role, WORDS};

/// The steps of a request on a new connection, and on one that is used again.
const CONNECTED: [&str; 8] = [
    "dns_start",
    "dns_done",
    "connect_start",
    "connect_done",
    "tls_start",
    "tls_done",
    "wrote_request",
    "first_byte",
];
const REUSED: [&str; 3] = ["got_connection", "wrote_request", "first_byte"];

/// How many HTTP requests of a million tell their steps, and how many of those connect anew.
const TOLD_PPM: u32 = 500_000;
const NEW_PPM: u32 = 150_000;

/// Of a million spans, how many have at least one, two and three log lines: Poisson with 0.3.
const AT_LEAST: [u64; 3] = [259_182, 36_936, 3_600];

/// The times of a span, by the clock of its process.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) start_ns: u64,
    pub(super) duration_ns: u64,
}

/// Writes the events of a span.
pub(super) fn write(
    role: Role,
    times: Times,
    is_error: bool,
    stream: &mut SplitMix,
    out: &mut Vec<Event<'static>>,
) {
    if role == Role::HttpClient && stream.chance(TOLD_PPM) {
        let steps = if stream.chance(NEW_PPM) { &CONNECTED[..] } else { &REUSED };
        let count = steps.len() as u64 + 1;
        let at = |index: usize| times.start_ns + times.duration_ns / count * (index as u64 + 1);
        out.extend(steps.iter().enumerate().map(|(index, step)| Event::new(at(index), *step)));
    }
    let point = stream.below(1_000_000);
    let lines = AT_LEAST.iter().filter(|ppm| point < **ppm).count();
    for _ in 0..lines {
        out.push(log_line(times, stream));
    }
    if is_error {
        out.push(exception(times, stream));
    }
}

fn log_line(times: Times, stream: &mut SplitMix) -> Event<'static> {
    let time_ns = times.start_ns + stream.below(times.duration_ns);
    let mut event = Event::new(time_ns, "log");
    let level = *stream.choose(&["info", "info", "debug", "warn"]);
    event.attributes =
        vec![Attribute::new("level", level), Attribute::new("message", prose(stream, 30))];
    event
}

fn exception(times: Times, stream: &mut SplitMix) -> Event<'static> {
    let kinds = ["java.io.IOException", "TimeoutError", "sql.ErrNoRows", "IllegalStateException"];
    let kind = *stream.choose(&kinds);
    let message = prose(stream, 40);
    let len = 1_000 + stream.below(3_000) as usize;
    let mut stack = String::with_capacity(len + 80);
    while stack.len() < len {
        let (package, class) = (stream.choose(&WORDS), stream.choose(&WORDS));
        // Writing to a String cannot fail.
        let _ = writeln!(
            stack,
            "\tat com.example.{package}.{class}.run({class}.java:{})",
            stream.below(900)
        );
    }
    let end_ns = times.start_ns + times.duration_ns;
    let mut event = Event::new(end_ns - times.duration_ns.min(1_000), "exception");
    event.attributes = vec![
        Attribute::new("exception.type", kind),
        Attribute::new("exception.message", message),
        Attribute::new("exception.stacktrace", stack),
    ];
    event
}
