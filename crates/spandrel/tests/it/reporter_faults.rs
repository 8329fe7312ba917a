//! The reporter against backends that stall, refuse, drip and vanish.
//!
//! In every test the account adds up, and the program's threads never wait.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use spandrel::reporter::{Reporter, ReporterCounters, ZipkinReporter, ZipkinReporterBuilder};
use spandrel::{Logger, Tracer};

use crate::backend::{ACCEPTED, Act, Backend, PATIENCE, accept, nobody, status};

const SHORT: Duration = Duration::from_millis(50);

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Logger for Lines {
    fn error(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

impl Lines {
    fn contain(&self, text: &str) -> bool {
        self.0.lock().unwrap().iter().any(|line| line.contains(text))
    }
}

/// Makes a tracer whose batches go when they are full or somebody flushes, however slow the
/// machine is.
fn tracer_to(builder: ZipkinReporterBuilder) -> Tracer {
    let reporter = builder.flush_interval(PATIENCE).build().unwrap();
    Tracer::builder("faults").reporter(reporter).build()
}

fn finish_spans(tracer: &Tracer, len: usize) {
    for _ in 0..len {
        tracer.span("s").tag("k", "some text that is longer than a few words").start().finish();
    }
}

fn assert_adds_up(counters: ReporterCounters) {
    let ReporterCounters { reported, sent, dropped, queued, .. } = counters;
    assert_eq!(reported, sent + dropped.total() + queued, "{counters:?}");
}

#[test]
fn nothing_is_lost_when_the_backend_is_up() {
    let backend = Backend::start([]);
    let tracer = tracer_to(ZipkinReporter::builder(backend.url("")));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| finish_spans(&tracer, 1_000));
        }
    });
    tracer.close(PATIENCE).unwrap();
    let counters = tracer.reporter_counters();
    assert_eq!((counters.sent, counters.queued, counters.dropped.total()), (4_000, 0, 0));
    assert!(backend.requests().len() >= 40, "batches of 100");
}

#[test]
fn a_stalled_backend_costs_bounded_memory_and_nothing_else() {
    let backend = Backend::start(vec![Act::Stall; 100]);
    let builder = ZipkinReporter::builder(backend.url(""));
    let tracer = tracer_to(builder.queue_len_max(500).timeout(PATIENCE));
    finish_spans(&tracer, 100);
    backend.request();
    // From here on the reporter's thread waits for an answer that will not come.
    finish_spans(&tracer, 5_000);
    let counters = tracer.reporter_counters();
    assert_adds_up(counters);
    assert_eq!((counters.reported, counters.queued), (5_100, 500));
    assert_eq!(counters.dropped.queue_len, 4_600);
    assert_eq!(tracer.flush(SHORT).unwrap_err().queued, 500);
    let unsent = tracer.close(SHORT).unwrap_err();
    assert_eq!(unsent.queued, 500);
    let counters = tracer.reporter_counters();
    assert_adds_up(counters);
    assert_eq!((counters.queued, counters.dropped.closed), (100, 400), "one batch is in flight");
}

#[test]
fn the_bytes_that_wait_are_bounded_too() {
    let backend = Backend::start(vec![Act::Stall; 100]);
    let builder = ZipkinReporter::builder(backend.url("")).queue_bytes_max(64 * 1024);
    let tracer = tracer_to(builder);
    for _ in 0..100 {
        tracer.span("s").tag("big", "x".repeat(10_000)).start().finish();
    }
    let counters = tracer.reporter_counters();
    assert_adds_up(counters);
    assert!(counters.queued_bytes <= 64 * 1024);
    assert_eq!(counters.dropped.queue_bytes, 100 - counters.queued);
}

#[test]
fn a_span_that_no_batch_can_hold_is_dropped_alone() {
    let backend = Backend::start([]);
    let tracer = tracer_to(ZipkinReporter::builder(backend.url("")));
    let large = tracer.start_span("large");
    for index in 0..200 {
        large.set_tag(format!("k{index}"), "x".repeat(16_000));
    }
    large.finish();
    finish_spans(&tracer, 1);
    tracer.close(PATIENCE).unwrap();
    let counters = tracer.reporter_counters();
    assert_eq!((counters.sent, counters.dropped.too_large), (1, 1));
}

#[test]
fn a_backend_that_refuses_connections_is_tried_again_and_given_up() {
    let lines = Lines::default();
    let builder = ZipkinReporter::builder(nobody()).attempts_max(2).logger(lines.clone());
    let tracer = tracer_to(builder);
    finish_spans(&tracer, 3);
    let unsent = tracer.flush(PATIENCE).unwrap_err();
    assert_eq!((unsent.queued, unsent.dropped), (0, 3));
    let counters = tracer.reporter_counters();
    assert_adds_up(counters);
    assert_eq!(counters.dropped.unreachable, 3);
    assert!(lines.contain("attempt 2"));
}

#[test]
fn an_answer_of_4xx_drops_the_batch_at_once_and_says_why() {
    let lines = Lines::default();
    let backend = Backend::start([status(400)]);
    let builder = ZipkinReporter::builder(backend.url("")).logger(lines.clone());
    let tracer = tracer_to(builder);
    finish_spans(&tracer, 2);
    assert_eq!(tracer.flush(PATIENCE).unwrap_err().dropped, 2);
    assert_eq!(tracer.reporter_counters().dropped.refused, 2);
    assert!(lines.contain("status 400: why?"));
    finish_spans(&tracer, 1);
    tracer.flush(PATIENCE).unwrap();
    assert_eq!(backend.requests().len(), 2);
}

#[test]
fn a_busy_backend_gets_the_batch_again() {
    for code in [408, 429, 500, 503] {
        let backend = Backend::start([status(code), accept()]);
        let tracer = tracer_to(ZipkinReporter::builder(backend.url("")));
        finish_spans(&tracer, 2);
        tracer.close(PATIENCE).unwrap();
        let requests = backend.requests();
        assert_eq!(requests.len(), 2, "{code}");
        assert_eq!(requests[0].body, requests[1].body);
        assert_eq!(requests[1].connection, 0, "an answer keeps the connection");
        assert_eq!(tracer.reporter_counters().sent, 2);
    }
}

#[test]
fn a_backend_that_drips_is_given_up_at_the_deadline() {
    let drip = Act::Drip(format!("HTTP/1.1 202 Accepted\r\n{}\r\n", "X: y\r\n".repeat(3_000)));
    let backend = Backend::start(vec![drip; 10]);
    let builder = ZipkinReporter::builder(backend.url(""));
    let tracer = tracer_to(builder.timeout(Duration::from_millis(200)).attempts_max(1));
    finish_spans(&tracer, 1);
    assert_eq!(tracer.flush(PATIENCE).unwrap_err().dropped, 1);
    assert_eq!(tracer.reporter_counters().dropped.unreachable, 1);
}

#[test]
fn a_connection_that_was_closed_while_idle_is_replaced() {
    let backend =
        Backend::start([Act::AnswerAndClose(ACCEPTED.to_owned()), accept(), Act::Hang, accept()]);
    let builder = ZipkinReporter::builder(backend.url("")).attempts_max(1);
    let tracer = tracer_to(builder);
    for _ in 0..3 {
        finish_spans(&tracer, 1);
        tracer.flush(PATIENCE).unwrap();
    }
    assert_eq!(tracer.reporter_counters().sent, 3);
    let connections: Vec<_> = backend.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 1, 1, 2], "the third request hangs on the kept connection");
}

#[test]
fn answers_of_every_shape_are_read_to_their_end() {
    let answers = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
    ];
    let backend = Backend::start(answers.map(|answer| Act::Answer(answer.to_owned())));
    let tracer = tracer_to(ZipkinReporter::builder(backend.url("")).attempts_max(1));
    for _ in answers {
        finish_spans(&tracer, 1);
        tracer.flush(PATIENCE).unwrap();
    }
    assert_eq!(tracer.reporter_counters().sent, answers.len() as u64);
    assert!(backend.requests().iter().all(|request| request.connection == 0));
}

#[test]
fn answers_that_are_not_http_or_have_no_end_are_bounded() {
    let endless_head = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(10_000));
    let endless_body = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1 << 20));
    for (answer, sent) in [
        ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), 0),
        (endless_head, 0),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n".to_owned(), 0),
        (endless_body, 1),
    ] {
        let backend = Backend::start([Act::AnswerAndClose(answer)]);
        let tracer = tracer_to(ZipkinReporter::builder(backend.url("")).attempts_max(1));
        finish_spans(&tracer, 1);
        let _ = tracer.flush(PATIENCE);
        assert_eq!(tracer.reporter_counters().sent, sent);
        assert_adds_up(tracer.reporter_counters());
    }
}

#[test]
fn spans_that_finish_after_the_close_are_dropped_and_counted() {
    let backend = Backend::start([]);
    let tracer = tracer_to(ZipkinReporter::builder(backend.url("")));
    let late = tracer.start_span("late");
    tracer.close(PATIENCE).unwrap();
    late.finish();
    tracer.close(PATIENCE).unwrap();
    tracer.flush(PATIENCE).unwrap();
    let counters = tracer.reporter_counters();
    assert_adds_up(counters);
    assert_eq!((counters.reported, counters.dropped.closed), (1, 1));
}

#[test]
fn a_span_does_not_wait_for_its_batch_longer_than_the_interval() {
    let backend = Backend::start([]);
    let reporter = ZipkinReporter::builder(backend.url("")).flush_interval(SHORT).build();
    let tracer = Tracer::builder("interval").reporter(reporter.unwrap()).build();
    finish_spans(&tracer, 1);
    assert!(!backend.request().body.is_empty());
}

#[test]
fn dropping_the_tracer_sends_what_waits() {
    let backend = Backend::start([]);
    let tracer = tracer_to(ZipkinReporter::builder(backend.url("")));
    finish_spans(&tracer, 2);
    drop(tracer);
    let request = backend.request();
    assert!(!request.body.is_empty());
}

#[test]
fn the_account_adds_up_at_every_instant_of_flushes_and_a_close() {
    let backend = Backend::start([]);
    let builder = ZipkinReporter::builder(backend.url("")).queue_len_max(200).batch_len_max(7);
    let reporter = builder.build().unwrap();
    let tracer = Tracer::builder("race").reporter(reporter.clone()).build();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| finish_spans(&tracer, 2_000));
        }
        scope.spawn(|| {
            for _ in 0..20 {
                let _ = tracer.flush(SHORT);
            }
            let _ = tracer.close(PATIENCE);
        });
        for _ in 0..2_000 {
            assert_adds_up(reporter.counters());
        }
    });
    let counters = reporter.counters();
    assert_adds_up(counters);
    assert_eq!((counters.reported, counters.queued), (6_000, 0));
}
