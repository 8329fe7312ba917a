//! What the reporter to Zipkin's doors puts on the wire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spandrel::reporter::{InMemoryReporter, Reporter, ReporterError, ZipkinFormat, ZipkinReporter};
use spandrel::{
    Address, FinishedSpan, Log, Sampling, SpanContext, SpanId, SpanKind, TagValue, TraceId, Tracer,
    TracerBuilder, tags,
};
use spandrel_codec::zipkin;
use spandrel_model::{Span, Value};

use crate::backend::{Backend, PATIENCE};

fn at_us(us: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(us)
}

/// The tracer of one of the programs of the captures.
fn go_program(service: &str, reporter: &InMemoryReporter) -> TracerBuilder {
    let address = Address { ipv4: Some([192, 0, 2, 2].into()), ..Address::default() };
    Tracer::builder(service)
        .describe_process(false)
        .address(address)
        .process_tag("jaeger.version", "Go-2.29.2-dev")
        .process_tag("hostname", "demo-host")
        .trace_id_128_bit(false)
        .reporter(reporter.clone())
}

fn remote(span_id: u64, parent_id: Option<u64>) -> SpanContext {
    let trace_id = TraceId::new(1_380_911_482_191_484_500).unwrap();
    SpanContext::remote(trace_id, SpanId::new(span_id).unwrap(), Sampling::Keep)
        .with_parent_id(parent_id.and_then(SpanId::new))
}

/// Ids in the order they are asked for.
struct Ids(std::sync::Mutex<std::vec::IntoIter<u64>>);

impl spandrel::IdSource for Ids {
    fn next_u64(&self) -> u64 {
        self.0.lock().unwrap().next().unwrap()
    }
}

fn ids<const N: usize>(ids: [u64; N]) -> Ids {
    Ids(std::sync::Mutex::new(Vec::from(ids).into_iter()))
}

/// Makes the capture's server half again.
fn server_half() -> Vec<FinishedSpan> {
    let reporter = InMemoryReporter::new();
    let tracer = go_program("server", &reporter).shared_rpc_span(true).build();
    let client = remote(706_159_859_222_668_871, Some(2_833_692_872_888_181_081));
    let span = tracer
        .span("HTTP GET")
        .child_of(&client)
        .kind(SpanKind::Server)
        .tag("http.method", "GET")
        .tag("http.url", "/")
        .tag("component", "net/http")
        .tag("http.status_code", 301)
        .tag("http.response_size", 64)
        .start_time(at_us(1_795_364_932_884_501) + Duration::from_nanos(900))
        .start();
    span.finish_at(at_us(1_795_364_932_884_540) + Duration::from_nanos(100));
    reporter.take()
}

/// Makes the capture's client half again, with its network events.
fn client_half() -> Vec<FinishedSpan> {
    let reporter = InMemoryReporter::new();
    let tracer = go_program("client", &reporter).ids(ids([1, 706_159_859_222_668_871])).build();
    // A first span of the process, so that the next is not.
    let parent = remote(2_833_692_872_888_181_081, None);
    let first = tracer.span("first").child_of(&parent).start();
    let context = remote(2_833_692_872_888_181_081, None);
    let span = tracer
        .span("HTTP GET")
        .child_of(&context)
        .kind(SpanKind::Client)
        .tag("component", "net/http")
        .tag("http.method", "GET")
        .tag("http.url", "http://localhost:8000/")
        .tag("peer.address", "localhost:8000")
        .start_time(at_us(1_795_364_932_883_288) + Duration::from_nanos(800))
        .start();
    span.set_tag("net/http.reused", false).set_tag("net/http.was_idle", false);
    span.set_tag("http.status_code", 301);
    let dialled = |event: &'static str| {
        Log::event(event).field("network", "tcp").field("addr", "127.0.0.1:8000")
    };
    let logs = [
        (883_341, Log::event("GetConn").field("hostPort", "localhost:8000")),
        (883_468, Log::event("DNSStart").field("host", "localhost")),
        (883_648, Log::event("DNSDone").field("addr", "127.0.0.1")),
        (883_654, dialled("ConnectStart")),
        (884_145, dialled("ConnectDone")),
        (884_165, Log::event("GotConn")),
        (884_273, Log::event("WroteHeaders")),
        (884_275, Log::event("WroteRequest")),
        (896_353, Log::event("GotFirstResponseByte")),
        (896_438, Log::event("PutIdleConn")),
        (896_442, Log::event("ClosedBody")),
    ];
    for (us, log) in logs {
        span.log(log.at(at_us(1_795_364_932_000_000 + us)));
    }
    span.finish_at(at_us(1_795_364_932_896_443) + Duration::from_nanos(100));
    drop(first);
    reporter.take().into_iter().take(1).collect()
}

#[test]
fn a_server_half_is_byte_for_byte_what_the_go_client_sends() {
    let body = ZipkinFormat::V1Thrift.encode(&server_half());
    assert_eq!(body, include_bytes!("../../testdata/go-client-01.thrift"));
}

#[test]
fn a_client_half_with_its_events_is_byte_for_byte_what_the_go_client_sends() {
    // There it is no first span of its process, and so has no tags of the process.
    let with_process_tags = ZipkinFormat::V1Thrift.encode(&client_half());
    let ours = text_of_thrift(&with_process_tags).replace(PROCESS_TAGS, "");
    let theirs = text_of_thrift(include_bytes!("../../testdata/go-client-02.thrift"));
    assert_eq!(ours, theirs);
}

const PROCESS_TAGS: &str = "  tag jaeger.version = String(\"Go-2.29.2-dev\")\n  \
                            tag hostname = String(\"demo-host\")\n";

/// Decodes a body with the server's decoder and shows all of it.
fn text_of_thrift(body: &[u8]) -> String {
    let mut spans: Vec<Span<'static>> = Vec::new();
    zipkin::decode(zipkin::Format::V1Thrift, body, &mut spans).unwrap();
    assert_eq!(spans.len(), 1);
    let mut text = String::new();
    for span in &spans {
        text += &format!("{:?}\n", (span.trace_id, span.span_id, span.parent_id, &span.name));
        text += &format!("{:?}\n", (span.kind, span.start_ns, span.duration_ns));
        text += &format!("{:?}\n", (span.service_name(), span.local, &span.remote));
        for tag in &span.attributes {
            text += &format!("  tag {} = {:?}\n", tag.key, tag.value);
        }
        for event in &span.events {
            text += &format!("  {} {}\n", event.time_ns, event.name);
        }
    }
    text
}

#[test]
fn a_trace_of_no_calls_is_byte_for_byte_what_the_go_client_sends() {
    let reporter = InMemoryReporter::new();
    let (root_id, child_id) = (1_380_911_482_191_484_500, 2_833_692_872_888_181_081);
    let tracer = go_program("client", &reporter).ids(ids([root_id, child_id])).build();
    let root_start = at_us(1_795_364_932_883_255);
    let root = tracer.span("client").tag("component", "client").start_time(root_start).start();
    let child_start = at_us(1_795_364_932_883_286);
    let child = tracer.span("HTTP Client").child_of(&root).start_time(child_start).start();
    child.finish_at(child_start + Duration::from_micros(13_807));
    root.finish_at(root_start + Duration::from_micros(13_838));
    let [child, root] = reporter.take().try_into().unwrap();
    let body = |span| ZipkinFormat::V1Thrift.encode(&[span]);
    assert_eq!(body(child), include_bytes!("../../testdata/go-client-05.thrift"));
    assert_eq!(body(root), include_bytes!("../../testdata/go-client-06.thrift"));
}

fn one_span(describe: impl FnOnce(&spandrel::Span), kind: SpanKind) -> FinishedSpan {
    let reporter = InMemoryReporter::new();
    let tracer = Tracer::builder("Shop").describe_process(false).reporter(reporter.clone()).build();
    let span = tracer.span("Get").kind(kind).start();
    describe(&span);
    span.finish();
    reporter.take().pop().unwrap()
}

fn decoded(format: ZipkinFormat, span: &FinishedSpan) -> Span<'static> {
    let body = format.encode(std::slice::from_ref(span));
    let theirs = match format {
        ZipkinFormat::V1Thrift => zipkin::Format::V1Thrift,
        ZipkinFormat::V2Json => zipkin::Format::V2Json,
    };
    let mut spans: Vec<Span<'static>> = Vec::new();
    let text = String::from_utf8_lossy(&body).into_owned();
    zipkin::decode(theirs, &body, &mut spans).unwrap_or_else(|error| panic!("{error}: {text}"));
    spans.pop().unwrap()
}

const FORMATS: [ZipkinFormat; 2] = [ZipkinFormat::V1Thrift, ZipkinFormat::V2Json];

#[test]
fn booleans_and_bytes_keep_their_type_in_v1_and_are_text_in_v2() {
    let span = one_span(
        |span| {
            span.set_tag("error", true).set_tag("n", 5).set_tag("x", 0.5).set_tag("b", vec![0xff]);
        },
        SpanKind::Client,
    );
    let v1 = decoded(ZipkinFormat::V1Thrift, &span);
    assert_eq!(v1.attribute("error"), Some(&Value::Bool(true)));
    assert_eq!(v1.attribute("n"), Some(&Value::from("5")));
    assert_eq!(v1.attribute("x"), Some(&Value::from("0.5")));
    assert_eq!(v1.attribute("b"), Some(&Value::Bytes(vec![0xff].into())));
    let v2 = decoded(ZipkinFormat::V2Json, &span);
    assert_eq!(v2.attribute("error"), Some(&Value::from("true")));
    assert_eq!(v2.attribute("b"), Some(&Value::from("_w==")));
}

#[test]
fn every_kind_and_its_peer_arrive_in_both_formats() {
    for kind in [SpanKind::Client, SpanKind::Server, SpanKind::Producer, SpanKind::Consumer] {
        let span = one_span(
            |span| {
                span.set_tag(tags::PEER_SERVICE, "Stock").set_tag(tags::PEER_IPV4, "10.0.0.7");
                span.set_tag(tags::PEER_PORT, 8080).set_tag(tags::PEER_HOSTNAME, "stock.local");
            },
            kind,
        );
        for format in FORMATS {
            let read = decoded(format, &span);
            assert_eq!(read.kind, Some(kind), "{format:?}");
            let remote = read.remote.as_ref().unwrap();
            assert_eq!(remote.service_name.as_deref(), Some("Stock"), "{format:?} {kind:?}");
            assert_eq!(remote.address.ipv4, Some([10, 0, 0, 7].into()));
            assert_eq!(remote.address.port.unwrap().get(), 8080);
            assert_eq!(read.attribute(tags::PEER_SERVICE), None);
            assert_eq!(read.attribute(tags::SPAN_KIND), None);
            assert!(read.attribute(tags::PEER_HOSTNAME).is_some());
        }
    }
}

#[test]
fn names_keep_their_case_and_ids_their_width() {
    let span = one_span(|_| {}, SpanKind::Client);
    for format in FORMATS {
        let read = decoded(format, &span);
        assert_eq!((&*read.name, read.service_name()), ("Get", Some("Shop")));
        assert_eq!((read.trace_id, read.span_id), (span.trace_id(), span.span_id()));
        assert_ne!(read.trace_id.high(), 0);
    }
}

#[test]
fn a_log_is_bare_text_or_a_json_object_of_texts() {
    let span = one_span(
        |span| {
            span.log("plain").log(Log::event(7)).log([("主机", "a\"b")]);
            span.log(Log::event("Done").field("addr", "1").field("addr", "2").field("n", true));
        },
        SpanKind::Internal,
    );
    for format in FORMATS {
        let read = decoded(format, &span);
        let mut texts: Vec<_> = read.events.iter().map(|event| &*event.name).collect();
        texts.sort_unstable();
        let expected = [
            "plain",
            r#"{"addr":"1, 2","event":"Done","n":"true"}"#,
            r#"{"event":"7"}"#,
            r#"{"主机":"a\"b"}"#,
        ];
        assert_eq!(texts, expected, "{format:?}");
        assert_eq!(read.attribute(tags::SPAN_KIND), Some(&Value::from("internal")));
    }
}

#[test]
fn shared_and_debug_are_said() {
    let reporter = InMemoryReporter::new();
    let tracer = go_program("s", &reporter).shared_rpc_span(true).build();
    let client = remote(7, None).with_sampling(Sampling::Debug);
    tracer.span("s").child_of(&client).kind(SpanKind::Server).start().finish();
    let span = reporter.take().pop().unwrap();
    let v2 = decoded(ZipkinFormat::V2Json, &span);
    assert!(v2.is_shared && v2.is_debug);
    assert!(decoded(ZipkinFormat::V1Thrift, &span).is_debug);
}

#[test]
fn requests_are_posted_to_the_formats_door_over_one_connection() {
    for (path, line, content_type) in [
        ("", "POST /api/v1/spans HTTP/1.1", "application/x-thrift"),
        ("/api/v1/spans", "POST /api/v1/spans HTTP/1.1", "application/x-thrift"),
        ("/api/v2/spans", "POST /api/v2/spans HTTP/1.1", "application/json"),
        ("/proxy/x?y=1", "POST /proxy/x?y=1 HTTP/1.1", "application/x-thrift"),
    ] {
        let backend = Backend::start([]);
        let reporter = ZipkinReporter::builder(backend.url(path)).batch_len_max(1).build();
        let reporter = reporter.unwrap();
        let tracer = Tracer::builder("wire").reporter(reporter.clone()).build();
        for _ in 0..3 {
            tracer.start_span("s").finish();
            tracer.flush(PATIENCE).unwrap();
        }
        tracer.close(PATIENCE).unwrap();
        let requests = backend.requests();
        assert_eq!(requests.len(), 3);
        for request in &requests {
            assert_eq!((&*request.line, request.connection), (line, 0));
            assert_eq!(request.header("content-type"), Some(content_type));
            let host = request.header("host").unwrap();
            assert!(backend.url("").ends_with(host), "{host}");
        }
        assert_eq!(reporter.counters().sent, 3);
    }
}

#[test]
fn urls_that_are_not_plain_http_are_refused() {
    for url in ["https://localhost:9411", "localhost:9411", "", "http://"] {
        let error = ZipkinReporter::builder(url).build().unwrap_err();
        assert!(matches!(error, ReporterError::Url(_)));
        assert!(error.to_string().contains("http://localhost:9411"));
    }
}

#[test]
fn tag_values_read_as_text() {
    assert_eq!(TagValue::from(0.25).to_string(), "0.25");
}
