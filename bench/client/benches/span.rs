//! What starting and finishing one child span costs: nanoseconds (criterion) and allocations (a
//! counting allocator, on the thread that makes the spans).
//!
//! Every library reports to nobody, so that what is measured is what the program waits for. The
//! floor is what no library can go below: two readings of the clock.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use fastrace::collector::{Config, Reporter as FastraceReporter, SpanRecord};
use opentelemetry::trace::{
    Span as _, SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context as OtelContext, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use spandrel::reporter::ZipkinReporter;
use spandrel::{ConstSampler, Tracer};
use tracing_subscriber::layer::SubscriberExt as _;

/// Counts allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Measures one case. Beside criterion's estimate it prints the allocations a span in steady
/// state, and the best of many short rounds: on a machine that does other things too, the best
/// round is what the code costs and the rest is what the neighbours do.
fn case(criterion: &mut Criterion, name: &str, mut span: impl FnMut()) {
    // Criterion's own filter comes too late for the rounds.
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if filter.is_some_and(|filter| filter != "none" && !name.contains(&filter)) {
        return;
    }
    const SPANS: u32 = 1_000;
    const ROUNDS: u32 = 300;
    let mut round = || {
        let (start, before) = (Instant::now(), ALLOCATIONS.with(Cell::get));
        for _ in 0..SPANS {
            span();
        }
        let allocations = ALLOCATIONS.with(Cell::get) - before;
        (start.elapsed().as_nanos() as f64, allocations as f64)
    };
    let rounds: Vec<_> = (0..ROUNDS).map(|_| round()).collect();
    let best_ns = rounds.iter().map(|(ns, _)| *ns).fold(f64::INFINITY, f64::min);
    let allocations: f64 = rounds.iter().skip(100).map(|(_, allocations)| allocations).sum();
    println!(
        "{name}: best round {:.1} ns, {:.2} allocations",
        best_ns / f64::from(SPANS),
        allocations / f64::from(SPANS * (ROUNDS - 100)),
    );
    criterion.bench_function(name, |bencher| bencher.iter(&mut span));
}

fn floor(criterion: &mut Criterion) {
    case(criterion, "floor/two clock readings", || {
        black_box(Instant::now());
        black_box(Instant::now());
    });
}

fn spandrel(criterion: &mut Criterion) {
    let noop = Tracer::noop();
    case(criterion, "spandrel/noop tracer", || black_box(&noop).start_span("child").finish());

    let drops = Tracer::builder("bench").sampler(ConstSampler::new(false)).build();
    let root = drops.start_span("root");
    case(criterion, "spandrel/unsampled child", || {
        drops.span("child").child_of(&root).start().finish();
    });

    let tracer = Tracer::builder("bench").build();
    let root = tracer.start_span("root");
    case(criterion, "spandrel/sampled child", || {
        tracer.span("child").child_of(&root).start().finish();
    });
    case(criterion, "spandrel/sampled child of the active span, entered", || {
        drop(tracer.span("child").child_of(&root).enter());
    });
    case(criterion, "spandrel/sampled child, 4 tags", || {
        let span = tracer.span("child").child_of(&root).start();
        span.set_tag("http.method", "GET").set_tag("http.status_code", 200);
        span.set_tag("http.url", "/users/42").set_tag("error", false);
        span.finish();
    });
    case(criterion, "spandrel/sampled child, 1 log of 2 fields", || {
        let span = tracer.span("child").child_of(&root).start();
        span.log([("event", "DNSDone"), ("addr", "127.0.0.1")]);
        span.finish();
    });
    case(criterion, "spandrel/sampled root", || {
        tracer.span("root").ignore_active_span().start().finish();
    });
}

/// Answers every request on every connection with 202.
fn accept_all(listener: TcpListener) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream.try_clone()?);
            loop {
                let (mut line, mut len) = (String::new(), 0);
                while line != "\r\n" {
                    line.clear();
                    if reader.read_line(&mut line)? == 0 {
                        return std::io::Result::Ok(());
                    }
                    let value = line.strip_prefix("Content-Length: ");
                    len = value.and_then(|value| value.trim().parse().ok()).unwrap_or(len);
                }
                std::io::copy(&mut (&mut reader).take(len), &mut std::io::sink())?;
                stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
            }
        });
    }
}

/// The cost with a reporter behind: one whose server takes all, and one whose server stalls, so
/// that the queue is full and spans are dropped.
fn spandrel_reporting(criterion: &mut Criterion) {
    for is_stalled in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let url = format!("http://{}", listener.local_addr().expect("a bound address"));
        // A listener that is never asked accepts connections all the same, and never answers.
        let _stalled = if is_stalled {
            Some(listener)
        } else {
            std::thread::spawn(move || accept_all(listener));
            None
        };
        let reporter = ZipkinReporter::builder(url).build().expect("a reporter");
        let tracer = Tracer::builder("bench").reporter(reporter).build();
        let root = tracer.start_span("root");
        let backend = if is_stalled { "stalled" } else { "healthy" };
        case(criterion, &format!("spandrel/sampled child, {backend} server"), || {
            tracer.span("child").child_of(&root).start().finish();
        });
        println!("{backend}: {:?}", tracer.reporter_counters());
    }
}

struct NoFastrace;

impl FastraceReporter for NoFastrace {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        black_box(spans.len());
    }
}

fn fastrace(criterion: &mut Criterion) {
    fastrace::set_reporter(NoFastrace, Config::default());
    let drops =
        fastrace::Span::root("root", fastrace::collector::SpanContext::random().sampled(false));
    case(criterion, "fastrace/unsampled child", || {
        drop(fastrace::Span::enter_with_parent("child", &drops));
    });
    let root = || fastrace::Span::root("root", fastrace::collector::SpanContext::random());
    let sampled = root();
    case(criterion, "fastrace/sampled child", || {
        drop(fastrace::Span::enter_with_parent("child", &sampled));
    });
    case(criterion, "fastrace/sampled child, 4 tags", || {
        let span = fastrace::Span::enter_with_parent("child", &sampled);
        drop(span.with_properties(|| {
            [
                ("http.method", "GET"),
                ("http.status_code", "200"),
                ("http.url", "/users/42"),
                ("error", "false"),
            ]
        }));
    });
    // A local parent takes 10,240 spans and then none, so it is made anew in time.
    let local = std::cell::RefCell::new(None);
    let spans = Cell::new(0);
    case(criterion, "fastrace/local child (a root for each 1,000)", || {
        if spans.get() % 1_000 == 0 {
            local.borrow_mut().take();
            let root = root();
            *local.borrow_mut() = Some((root.set_local_parent(), root));
        }
        spans.set(spans.get() + 1);
        drop(fastrace::local::LocalSpan::enter_with_local_parent("child"));
    });
}

#[derive(Debug)]
struct NoExport;

impl SpanExporter for NoExport {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        black_box(batch.len());
        Ok(())
    }
}

fn provider(sampler: Sampler) -> SdkTracerProvider {
    let processor = BatchSpanProcessor::builder(NoExport).build();
    SdkTracerProvider::builder().with_sampler(sampler).with_span_processor(processor).build()
}

fn opentelemetry(criterion: &mut Criterion) {
    for (name, sampler) in [("unsampled", Sampler::AlwaysOff), ("sampled", Sampler::AlwaysOn)] {
        let provider = provider(Sampler::ParentBased(Box::new(sampler)));
        let tracer = provider.tracer("bench");
        let parent = OtelContext::new().with_span(tracer.start("root"));
        case(criterion, &format!("opentelemetry_sdk/{name} child"), || {
            tracer.start_with_context("child", &parent).end();
        });
        if name == "unsampled" {
            continue;
        }
        case(criterion, "opentelemetry_sdk/sampled child, 4 tags", || {
            let builder = tracer.span_builder("child").with_kind(SpanKind::Internal);
            let mut span = builder.start_with_context(&tracer, &parent);
            span.set_attribute(KeyValue::new("http.method", "GET"));
            span.set_attribute(KeyValue::new("http.status_code", 200));
            span.set_attribute(KeyValue::new("http.url", "/users/42"));
            span.set_attribute(KeyValue::new("error", false));
            span.end();
        });
    }
}

fn tracing(criterion: &mut Criterion) {
    for (name, sampler) in [("unsampled", Sampler::AlwaysOff), ("sampled", Sampler::AlwaysOn)] {
        let provider = provider(Sampler::ParentBased(Box::new(sampler)));
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let root = tracing::info_span!("root").entered();
            case(criterion, &format!("tracing-opentelemetry/{name} child"), || {
                drop(tracing::info_span!("child").entered());
            });
            if name == "sampled" {
                case(criterion, "tracing-opentelemetry/sampled child, 4 tags", || {
                    let span = tracing::info_span!(
                        "child",
                        http.method = "GET",
                        http.status_code = 200,
                        http.url = "/users/42",
                        error = false
                    );
                    drop(span.entered());
                });
            }
            drop(root);
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30);
    targets = floor, spandrel, spandrel_reporting, fastrace, opentelemetry, tracing
}
criterion_main!(benches);
