//! Grows one trace of the lab's corpus, call by call.
//!
//! The order of the draws is part of the corpus, and with it the order of the statements here.

use std::borrow::Cow;
use std::sync::Arc;

use spandrel_model::{Attribute, Event, Span, SpanId, SpanKind, StatusCode, TraceId, Value};

use super::draws::Draws;
use super::world::{ENTRIES, Instance, Operation, Service, THINGS, World};
use crate::draft::FLAGS;

/// How deep services call each other.
const DEPTH_MAX: usize = 12;

/// How many spans a trace has at most, where it is planned.
const SPANS_MAX: usize = 8000;

/// When the broker counted its first message.
const OFFSET_EPOCH_S: i64 = 1_749_000_000;

const USER_AGENTS: [&str; 12] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "okhttp/4.12.0",
    "Go-http-client/1.1",
    "python-requests/2.32.3",
    "axios/1.7.2",
    "grpc-go/1.64.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "curl/8.7.1",
    "Apache-HttpClient/5.3.1 (Java/21.0.3)",
    "kube-probe/1.29",
];

/// The spans of a trace, and the number of the instance that sends each.
#[derive(Debug, Default)]
pub(super) struct Grown {
    pub(super) spans: Vec<Span<'static>>,
    pub(super) emitters: Vec<u32>,
}

/// Makes the trace that starts at `now_ns`; the gap before it has been drawn already.
pub(super) fn trace(world: &World, mut draws: Draws, now_ns: u64, out: &mut Grown) {
    let budget = (draws.log_normal(12.0, 1.354) as usize).clamp(1, SPANS_MAX);
    let (high, low) = (draws.next(), draws.next());
    let trace_id = TraceId::from_halves(high, low).expect("128 bits of chance are not all zero");
    let service = draws.skewed(ENTRIES);
    let mut grower = Grower { world, draws, now_ns, trace_id, services: Vec::new(), out };
    grower.serve(&Visit { service, parent: 0, start_ns: now_ns, budget, depth: 0, caller: None });
}

struct Grower<'w, 'o> {
    world: &'w World,
    draws: Draws,
    now_ns: u64,
    trace_id: TraceId,
    /// The service of every span.
    services: Vec<usize>,
    out: &'o mut Grown,
}

/// A request that reaches a service.
struct Visit<'w> {
    service: usize,
    parent: u64,
    start_ns: u64,
    /// How many spans it may make.
    budget: usize,
    depth: usize,
    caller: Option<&'w Instance>,
}

/// A service at work on a request.
struct Work<'w> {
    number: usize,
    service: &'w Service,
    instance: &'w Instance,
    span_id: u64,
    thread: i64,
}

/// The times of a piece of work that is over.
#[derive(Clone, Copy)]
struct Times {
    start_ns: u64,
    end_ns: u64,
}

impl<'w> Grower<'w, '_> {
    /// Answers a request with all it takes, and returns when it was answered.
    fn serve(&mut self, visit: &Visit<'w>) -> u64 {
        let service = &self.world.services[visit.service];
        let operation = &service.operations[self.draws.skewed(service.operations.len())];
        let instance = &service.instances[self.draws.below(service.instances.len())];
        let span_id = self.draws.next();
        let path = self.path(&operation.route);
        let is_error = self.draws.chance(operation.error_probability);
        let status = self.http_status(is_error);
        let thread = (1 + self.draws.skewed(64)) as i64;
        let work = Work { number: visit.service, service, instance, span_id, thread };

        let first = self.out.spans.len();
        let attributes = self.server_attributes(&work, operation, (path, status), visit);
        let mut span = self.span(&work, span_id, SpanKind::Server, visit.start_ns);
        span.parent_id = SpanId::new(visit.parent);
        span.name = Cow::Owned(operation.name.clone());
        span.attributes = attributes;
        set_error(&mut span, is_error);
        self.push(&work, span);

        let pause_ns = operation.median_us * 100.0;
        let begin_ns = visit.start_ns + self.draws.log_normal(pause_ns, 0.8) as u64;
        let work_end_ns = self.spend(&work, operation, visit, begin_ns);
        let end_ns = work_end_ns + self.draws.log_normal(pause_ns, 0.8) as u64;
        self.out.spans[first].duration_ns = Some(end_ns - visit.start_ns);
        self.record_events(&work, first);
        end_ns
    }

    /// Spends the budget of a request on calls, statements, functions and messages; returns when
    /// the last of them is over.
    fn spend(
        &mut self,
        work: &Work<'w>,
        operation: &Operation,
        visit: &Visit<'w>,
        begin_ns: u64,
    ) -> u64 {
        let mut budget = visit.budget.saturating_sub(1);
        let (mut next_ns, mut last_end_ns) = (begin_ns, begin_ns);
        while budget > 0 {
            let what = self.draws.unit();
            let is_parallel = self.draws.chance(0.25);
            let start_ns = next_ns;
            let can_call =
                budget >= 2 && !work.service.downstream.is_empty() && visit.depth < DEPTH_MAX;
            let end_ns = if what < 0.40 && can_call {
                let (end_ns, spent) = self.call(work, start_ns, budget, visit.depth);
                budget -= spent;
                end_ns
            } else {
                budget -= 1;
                match what {
                    ..0.75 => self.ask(work, start_ns),
                    0.75..0.95 => self.compute(work, start_ns),
                    _ => self.publish(work, start_ns),
                }
            };
            last_end_ns = last_end_ns.max(end_ns);
            next_ns = if is_parallel {
                start_ns + self.draws.log_normal(50_000.0, 0.8) as u64
            } else {
                last_end_ns + self.draws.log_normal(operation.median_us * 30.0, 0.8) as u64
            };
        }
        last_end_ns
    }

    /// Calls another service; returns when the answer is there and how many spans it took.
    fn call(
        &mut self,
        work: &Work<'w>,
        start_ns: u64,
        budget: usize,
        depth: usize,
    ) -> (u64, usize) {
        let downstream = &work.service.downstream;
        let called = downstream[self.draws.skewed(downstream.len())];
        let share = (1 + self.draws.below(budget - 1)).min(budget - 1);
        let span_id = self.draws.next();
        let latency_ns = self.draws.log_normal(250_000.0, 0.5) as u64;
        let client = self.out.spans.len();
        let span = self.span(work, span_id, SpanKind::Client, start_ns);
        self.push(work, span);
        let answered_ns = self.serve(&Visit {
            service: called,
            parent: span_id,
            start_ns: start_ns + latency_ns,
            budget: share,
            depth: depth + 1,
            caller: Some(work.instance),
        });
        let end_ns = answered_ns + self.draws.log_normal(250_000.0, 0.5) as u64;
        self.finish_call(work, &self.world.services[called], client, end_ns);
        (end_ns, share + 1)
    }

    /// Completes a client span by what its server span, which follows it, knows.
    fn finish_call(&mut self, work: &Work<'w>, called: &Service, client: usize, end_ns: u64) {
        let length = self.content_length();
        let server = &self.out.spans[client + 1];
        let answered = |key: &str| server.attribute(key).cloned().unwrap_or_default();
        let method = answered("http.method");
        let target = answered("http.target");
        let url = format!("http://{}:8080{}", called.host, target.as_str().unwrap_or_default());
        let name = Cow::Owned(method.as_str().unwrap_or_default().to_owned());
        let status = server.status.clone();
        let attributes = vec![
            Attribute::new("http.method", method),
            Attribute::new("http.url", url),
            Attribute::new("http.status_code", answered("http.status_code")),
            Attribute::new("net.peer.name", called.host.clone()),
            Attribute::new("net.peer.port", 8080),
            Attribute::new("peer.service", called.name.clone()),
            Attribute::new("http.response_content_length", length),
            Attribute::new("http.flavor", "1.1"),
            Attribute::new("thread.id", work.thread),
            Attribute::new("component", "net/http"),
        ];
        let span = &mut self.out.spans[client];
        span.duration_ns = span.start_ns.map(|start_ns| end_ns - start_ns);
        (span.name, span.status, span.attributes) = (name, status, attributes);
    }

    /// Asks the database or the cache; returns when the answer is there.
    fn ask(&mut self, work: &Work<'w>, start_ns: u64) -> u64 {
        let statements = &work.service.statements;
        let statement = &statements[self.draws.skewed(statements.len())];
        let text = self.filled(&statement.text, "#");
        let is_cache = statement.verb == "GET";
        let median_ns = if is_cache { 300_000.0 } else { 1_200_000.0 };
        let end_ns = start_ns + self.draws.log_normal(median_ns, 0.9) as u64;
        let is_error = self.draws.chance(0.002);
        let host = if is_cache { "cache" } else { "pg" };
        let mut attributes = vec![
            Attribute::new("db.system", if is_cache { "redis" } else { "postgresql" }),
            Attribute::new("db.name", work.service.name.clone()),
            Attribute::new("db.user", "app"),
            Attribute::new("db.statement", text),
            Attribute::new("db.operation", statement.verb),
            Attribute::new("db.sql.table", statement.table),
            Attribute::new("net.peer.name", format!("{}-{host}.db.internal", work.service.name)),
            Attribute::new("net.peer.port", if is_cache { 6379 } else { 5432 }),
            Attribute::new("thread.id", work.thread),
            Attribute::new("thread.name", format!("worker-{}", work.thread)),
        ];
        if !is_cache {
            attributes.push(Attribute::new("db.rows", self.draws.skewed(200) as i64));
        }
        let name = format!("{} {}", statement.verb, statement.table);
        let times = Times { start_ns, end_ns };
        let mut span = self.leaf(work, SpanKind::Client, times, name.into());
        span.attributes = attributes;
        set_error(&mut span, is_error);
        self.push(work, span);
        end_ns
    }

    /// Runs a function; returns when it returns.
    fn compute(&mut self, work: &Work<'w>, start_ns: u64) -> u64 {
        let functions = &work.service.functions;
        let function = &functions[self.draws.skewed(functions.len())];
        let end_ns = start_ns + self.draws.log_normal(150_000.0, 1.2) as u64;
        let line = function.namespace.len() * 17 + function.name.len() * 31;
        let mut attributes = vec![
            Attribute::new("code.namespace", function.namespace.clone()),
            Attribute::new("code.function", function.name),
            Attribute::new("code.lineno", line as i64),
            Attribute::new("thread.id", work.thread),
            Attribute::new("thread.name", format!("worker-{}", work.thread)),
            Attribute::new("app.cache_hit", self.draws.chance(0.8)),
            Attribute::new("app.items", self.draws.skewed(100) as i64),
            Attribute::new("app.customer", format!("c{}", self.draws.user())),
        ];
        if self.draws.chance(0.2) {
            let flag = self.draws.choose(&["new-checkout", "beta-search", "dark-mode"]);
            attributes.push(Attribute::new("app.flag", flag));
        }
        let times = Times { start_ns, end_ns };
        let mut span = self.leaf(work, SpanKind::Internal, times, function.name.into());
        span.attributes = attributes;
        self.push(work, span);
        end_ns
    }

    /// Publishes a message; returns when the broker has it.
    fn publish(&mut self, work: &Work<'w>, start_ns: u64) -> u64 {
        let end_ns = start_ns + self.draws.log_normal(400_000.0, 0.7) as u64;
        let topic = self.draws.choose(&THINGS);
        let seconds = (self.now_ns / 1_000_000_000) as i64 - OFFSET_EPOCH_S;
        let attributes = vec![
            Attribute::new("messaging.system", "kafka"),
            Attribute::new("messaging.destination.name", format!("prod.{topic}")),
            Attribute::new("messaging.operation", "publish"),
            Attribute::new("messaging.kafka.destination.partition", self.draws.below(24) as i64),
            Attribute::new(
                "messaging.kafka.message.offset",
                seconds * 40 + self.draws.below(40) as i64,
            ),
            Attribute::new(
                "messaging.message.id",
                format!("{:016x}{:016x}", self.draws.next(), self.draws.next()),
            ),
            Attribute::new(
                "messaging.message.payload_size_bytes",
                self.draws.log_normal(600.0, 1.0) as i64,
            ),
            Attribute::new("thread.id", work.thread),
            Attribute::new("net.peer.name", "kafka-0.kafka.internal"),
        ];
        let name = format!("prod.{topic} publish");
        let times = Times { start_ns, end_ns };
        let mut span = self.leaf(work, SpanKind::Producer, times, name.into());
        span.attributes = attributes;
        self.push(work, span);
        end_ns
    }

    fn server_attributes(
        &mut self,
        work: &Work<'w>,
        operation: &Operation,
        (path, status): (String, i64),
        visit: &Visit<'w>,
    ) -> Vec<Attribute<'static>> {
        let mut attributes = Vec::with_capacity(15);
        attributes.extend([
            Attribute::new("http.method", operation.method),
            Attribute::new("http.route", operation.route.clone()),
            Attribute::new("http.target", path),
            Attribute::new("http.scheme", "http"),
            Attribute::new("http.flavor", "1.1"),
            Attribute::new("http.status_code", status),
            Attribute::new("net.host.name", work.service.host.clone()),
            Attribute::new("net.host.port", 8080),
            Attribute::new("net.sock.peer.addr", self.peer_address(visit.caller)),
            Attribute::new("net.sock.peer.port", 32768 + self.draws.below(28000) as i64),
            Attribute::new(
                "user_agent.original",
                USER_AGENTS[match visit.caller {
                    Some(_) => 3 + work.service.language,
                    None => self.draws.skewed(12),
                }],
            ),
            Attribute::new("http.response_content_length", self.content_length()),
            Attribute::new("thread.id", work.thread),
        ]);
        if visit.depth == 0 {
            attributes.push(Attribute::new("enduser.id", format!("u-{}", self.draws.user())));
        }
        if self.draws.chance(0.3) {
            let tenant = format!("tenant-{}", self.draws.skewed(300));
            attributes.push(Attribute::new("tenant.id", tenant));
        }
        attributes
    }

    fn peer_address(&mut self, caller: Option<&Instance>) -> String {
        if let Some(instance) = caller {
            return instance.ip.clone();
        }
        let (first, second) = (1 + self.draws.skewed(200), self.draws.skewed(256));
        format!("{first}.{second}.{}.{}", self.draws.below(256), self.draws.below(256))
    }

    fn http_status(&mut self, is_error: bool) -> i64 {
        if is_error {
            self.draws.choose(&[500, 503, 500, 502])
        } else if self.draws.chance(0.03) {
            self.draws.choose(&[404, 400, 401, 429])
        } else {
            self.draws.choose(&[200, 200, 200, 201, 204])
        }
    }

    fn content_length(&mut self) -> i64 {
        self.draws.log_normal(900.0, 1.5) as i64
    }

    fn path(&mut self, route: &str) -> String {
        self.filled(route, "{id}")
    }

    /// Puts a user's number at every placeholder.
    fn filled(&mut self, template: &str, placeholder: &str) -> String {
        let mut pieces = template.split(placeholder);
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            text.push_str(&self.draws.user().to_string());
            text.push_str(piece);
        }
        text
    }

    fn leaf(
        &mut self,
        work: &Work<'w>,
        kind: SpanKind,
        times: Times,
        name: Cow<'static, str>,
    ) -> Span<'static> {
        let span_id = self.draws.next();
        let mut span = self.span(work, span_id, kind, times.start_ns);
        span.duration_ns = Some(times.end_ns - times.start_ns);
        span.name = name;
        span
    }

    /// Begins a span inside the work, or the work's own.
    fn span(&self, work: &Work<'w>, span_id: u64, kind: SpanKind, start_ns: u64) -> Span<'static> {
        let id = SpanId::new(span_id).expect("64 bits of chance are not all zero");
        let mut span = Span::new(self.trace_id, id);
        span.parent_id = SpanId::new(work.span_id);
        span.kind = Some(kind);
        span.start_ns = Some(start_ns);
        span.resource = Arc::clone(&work.instance.resource);
        let scope = usize::from(kind == SpanKind::Internal);
        span.scope = Some(Arc::clone(&self.world.scopes[scope]));
        span.trace_flags = FLAGS;
        span
    }

    fn push(&mut self, work: &Work<'w>, span: Span<'static>) {
        self.services.push(work.number);
        self.out.spans.push(span);
        self.out.emitters.push(work.instance.emitter);
    }

    /// Adds events to the spans from `first` on: to failed ones the exception, to some others of
    /// this service a few messages. Spans below that have theirs already keep them.
    fn record_events(&mut self, work: &Work<'w>, first: usize) {
        for index in first..self.out.spans.len() {
            let span = &self.out.spans[index];
            let is_first = index == first;
            if !span.events.is_empty() || (!is_first && span.kind == Some(SpanKind::Server)) {
                continue;
            }
            let (Some(start_ns), Some(end_ns)) = (span.start_ns, span.end_ns()) else { continue };
            let times = Times { start_ns, end_ns };
            if span.status.code == StatusCode::Error {
                let event = self.exception(&work.service.name, times);
                self.out.spans[index].events.push(event);
            } else if (is_first || self.services[index] == work.number) && self.draws.chance(0.06) {
                let count = 1 + self.draws.below(3) as u64;
                for number in 1..=count {
                    let event = self.message(number, count, times);
                    self.out.spans[index].events.push(event);
                }
            }
        }
    }

    fn exception(&mut self, service: &str, times: Times) -> Event<'static> {
        let line = self.draws.below(900);
        let kind = self.draws.choose(&[
            "java.lang.IllegalStateException",
            "TimeoutError",
            "ConnectionResetError",
            "sql.ErrConnDone",
        ]);
        let message = format!(
            "upstream request failed after {} ms for key {}",
            self.draws.below(5000),
            self.draws.user()
        );
        let stack = format!(
            "at com.example.{service}.Handler.handle(Handler.java:{line})\n\
             \tat com.example.core.Dispatch.run(Dispatch.java:112)\n\
             \tat com.example.core.Pool$Worker.call(Pool.java:77)\n\
             \tat java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1144)\n\
             \tat java.base/java.lang.Thread.run(Thread.java:1583)"
        );
        let before_end_ns = 1000.min(times.end_ns - times.start_ns);
        let mut event = Event::new(times.end_ns - before_end_ns, "exception");
        event.attributes = vec![
            Attribute::new("exception.type", kind),
            Attribute::new("exception.message", message),
            Attribute::new("exception.stacktrace", stack),
        ];
        event
    }

    fn message(&mut self, number: u64, count: u64, times: Times) -> Event<'static> {
        let names = ["message", "cache.miss", "retry", "dns.done", "connect.done"];
        let name = self.draws.choose(&names);
        let size = self.draws.log_normal(500.0, 1.0) as i64;
        let offset_ns = (times.end_ns - times.start_ns) * number / (count + 1);
        let mut event = Event::new(times.start_ns + offset_ns, name);
        event.attributes = vec![
            Attribute::new("message.id", Value::Int(number as i64)),
            Attribute::new("message.uncompressed_size", size),
        ];
        event
    }
}

fn set_error(span: &mut Span<'static>, is_error: bool) {
    if is_error {
        span.status.code = StatusCode::Error;
    }
}
