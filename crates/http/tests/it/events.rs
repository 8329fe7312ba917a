//! Hooks, and which span an event lands on.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use spandrel::mock::MockTracer;
use spandrel::{Log, SpanRef};
use spandrel_http::{ClientTrace, DnsDoneInfo, DnsStartInfo, RequestExt};
use tokio::io::AsyncWriteExt;

use crate::support::*;

/// The article's hand-made trace: only what belongs to the lookup, on a span of its own.
struct Lookups(SpanRef);

impl ClientTrace for Lookups {
    fn dns_start(&self, info: &DnsStartInfo<'_>) {
        self.0.log(Log::event("DNS start").field("主机", info.host));
    }

    fn dns_done(&self, _: &DnsDoneInfo<'_>) {
        self.0.log("DNS done");
    }
}

#[tokio::test]
async fn hooks_of_ones_own_hear_what_they_ask_for() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let span = tracer.start_span("ask");
    let request = get_request(&format!("http://shop:{port}/gettime"))
        .with_client_trace(Lookups(span.handle()));
    text(soon(client(&tracer).request(request)).await.unwrap()).await;
    span.finish();

    let span = only(&tracer, "ask");
    assert_eq!(events(&span), ["DNS start", "DNS done"]);
    assert_eq!(span.logs()[0].field("主机"), Some(&"shop".into()));
    assert_eq!(events(&only(&tracer, "HTTP GET")).len(), 11, "both hear of everything");
}

#[tokio::test]
async fn logs_have_the_fields_that_go_writes() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    ask(&client(&tracer), &format!("http://shop:{port}/gettime")).await;
    let hop = only(&tracer, "HTTP GET");
    let shown: Vec<String> = hop.logs()[..6]
        .iter()
        .map(|log| {
            let pairs = log.fields.iter().map(|field| format!("{}={}", field.key, field.value));
            pairs.collect::<Vec<_>>().join(" ")
        })
        .collect();
    let address = format!("127.0.0.1:{port}");
    assert_eq!(
        shown,
        [
            format!("event=GetConn hostPort=shop:{port}"),
            "event=DNSStart host=shop".to_owned(),
            "event=DNSDone addr=127.0.0.1".to_owned(),
            format!("event=ConnectStart network=tcp addr={address}"),
            format!("event=ConnectDone network=tcp addr={address}"),
            "event=GotConn".to_owned(),
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_concurrent_requests_never_land_on_anothers_span() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    // Few connections for many requests: they change hands all the time.
    let client = builder(&tracer).connections_per_host_max(3).build();
    let tasks: Vec<_> = (0..200)
        .map(|index| {
            let (client, host) = (client.clone(), index % 4);
            let path = if index % 3 == 0 { "" } else { "gettime" };
            let url = format!("http://host{host}:{port}/{path}");
            tokio::spawn(async move { ask(&client, &url).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(soon(task).await.unwrap(), "The time is now");
    }
    let hops = named(&tracer, "HTTP GET");
    assert_eq!(hops.len(), 200 + 67);
    for hop in &hops {
        let peer = hop.tag("peer.address").unwrap();
        assert_eq!(hop.logs()[0].field("hostPort"), Some(peer));
        let events = events(hop);
        let made = ["DNSStart", "DNSDone", "ConnectStart", "ConnectDone"];
        let is_reused = hop.tag("net/http.reused") == Some(&true.into());
        let served = [
            "GotConn",
            "WroteHeaders",
            "WroteRequest",
            "GotFirstResponseByte",
            "PutIdleConn",
            "ClosedBody",
        ];
        let mut expected = vec!["GetConn"];
        expected.extend(made.iter().filter(|_| !is_reused));
        expected.extend(served);
        assert_eq!(events, expected);
    }
    assert_eq!(client.counters().events_late, 0);
    assert_eq!(client.counters().connections_opened, 12);
}

#[tokio::test]
async fn the_request_is_written_when_its_body_is() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let body = vec![b'x'; 300_000];
    let request = Request::post(format!("http://shop:{port}/echo"))
        .body(Full::new(Bytes::from(body.clone())))
        .unwrap();
    let response = soon(client(&tracer).request(request)).await.unwrap();
    assert_eq!(text(response).await.len(), body.len());
    let hop = only(&tracer, "HTTP POST");
    let events = events(&hop);
    assert_eq!(events[6..9], ["WroteHeaders", "WroteRequest", "GotFirstResponseByte"]);
    assert_eq!(events[9..], ["PutIdleConn", "ClosedBody"]);
}

#[tokio::test]
async fn an_interim_response_is_told_to_hooks() {
    let port = scripted(|stream| {
        let answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
            HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        answer_all(stream, answer)
    })
    .await;
    struct Nothing;
    impl ClientTrace for Nothing {}
    let tracer = MockTracer::new();
    let request = get_request(&format!("http://shop:{port}/")).with_client_trace(Nothing);
    text(soon(client(&tracer).request(request)).await.unwrap()).await;
    let events = events(&only(&tracer, "HTTP GET"));
    assert!(events.contains(&"Got1xxResponse".to_owned()), "{events:?}");
}

#[tokio::test]
async fn a_connection_that_takes_too_long_is_given_up_and_the_lookup_is_the_last_word() {
    let tracer = MockTracer::new();
    let client = builder(&tracer)
        .resolver(|_: &str| -> spandrel_http::Resolving { Box::pin(std::future::pending()) })
        .connect_timeout(Duration::from_millis(1))
        .build();
    let error = soon(client.get("http://slow.invalid/")).await.unwrap_err();
    assert!(matches!(error, spandrel_http::Error::Timeout { .. }), "{error}");
    assert_eq!(events(&only(&tracer, "HTTP GET")), ["GetConn", "DNSStart", "error Timeout"]);
}

#[tokio::test]
async fn events_can_be_left_out() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let client = builder(&tracer).log_events(false).build();
    ask(&client, &format!("http://shop:{port}/gettime")).await;
    assert_eq!(events(&only(&tracer, "HTTP GET")), [""; 0]);
}

#[tokio::test]
async fn bytes_that_nobody_asked_for_are_nobodys_events() {
    // An idle connection that suddenly speaks.
    let port = scripted(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await?;
        stream.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await
    })
    .await;
    let tracer = MockTracer::new();
    let client = client(&tracer);
    let url = format!("http://shop:{port}/");
    for _ in 0..5 {
        let response = soon(client.get(&url)).await;
        if let Ok(response) = response {
            text(response).await;
        }
    }
    for hop in named(&tracer, "HTTP GET") {
        let events = events(&hop);
        let firsts = events.iter().filter(|event| *event == "GotFirstResponseByte").count();
        assert!(firsts <= 1, "{events:?}");
        assert_eq!(events[0], "GetConn");
    }
}
