//! The client's spans: parents, headers, options, and being a service.

use spandrel::mock::MockTracer;
use spandrel::{Context, InSpan, tags};
use spandrel_http::{Client, RequestExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use crate::support::*;

#[tokio::test]
async fn the_top_span_is_a_child_of_the_context_or_of_the_active_span() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let client = client(&tracer);
    let url = format!("http://shop:{port}/gettime");
    let (given, active) = (tracer.start_span("given"), tracer.start_span("active"));
    let (given_id, active_id) = (given.span_id(), active.span_id());
    async {
        let request = get_request(&url).with_context(Context::from(&given));
        text(soon(client.request(request)).await.unwrap()).await;
        ask(&client, &url).await;
    }
    .in_span(active)
    .await;
    ask(&client, &url).await;
    let parents: Vec<_> =
        named(&tracer, "HTTP Client").iter().map(|span| span.parent_id()).collect();
    assert_eq!(parents, [Some(given_id), Some(active_id), None]);
}

#[tokio::test]
async fn the_hops_identity_is_in_its_headers_unless_switched_off() {
    let heads = Notes::default();
    let seen = heads.clone();
    let port = scripted(move |mut stream| {
        let seen = seen.clone();
        async move {
            seen.add(read_head(&mut stream).await.unwrap_or_default());
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await
        }
    })
    .await;
    let tracer = MockTracer::new();
    let url = format!("http://shop:{port}/a?b=c");
    ask(&client(&tracer), &url).await;
    ask(&builder(&tracer).inject(false).build(), &url).await;
    let hop = &named(&tracer, "HTTP GET")[0];
    let heads = heads.all();
    assert!(heads[0].starts_with("GET /a?b=c HTTP/1.1\r\n"), "{}", heads[0]);
    assert!(heads[0].contains(&format!("mockpfx-ids-spanid: {}\r\n", hop.span_id().get())));
    assert!(heads[0].contains(&format!("host: shop:{port}\r\n")));
    assert!(!heads[1].contains("mockpfx"), "{}", heads[1]);
}

#[tokio::test]
async fn names_and_tags_are_the_programs_to_choose() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let client = builder(&tracer)
        .operation_name("shop")
        .component("net/http")
        .url_tag(|url| url.path().to_owned())
        .build();
    ask(&client, &format!("http://shop:{port}/gettime")).await;
    only(&tracer, "shop");
    let hop = only(&tracer, "HTTP GET");
    assert_eq!(tag(&hop, tags::COMPONENT), Some("net/http".into()));
    assert_eq!(tag(&hop, tags::HTTP_URL), Some("/gettime".into()));
}

#[tokio::test]
async fn it_is_a_tower_service() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let request = get_request(&format!("http://shop:{port}/gettime"));
    let response = soon(client(&tracer).oneshot(request)).await.unwrap();
    assert_eq!(text(response).await, "The time is now");
}

#[tokio::test]
async fn without_a_tracer_it_is_a_client_all_the_same() {
    let port = serve(article()).await;
    let client = Client::new(spandrel::Tracer::noop());
    assert_eq!(ask(&client, &format!("http://localhost:{port}/")).await, "The time is now");
}

#[tokio::test]
async fn a_response_without_a_body_frees_its_connection_at_once() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let client = builder(&tracer).connections_per_host_max(1).build();
    let url = format!("http://shop:{port}/empty");
    let first = soon(client.get(&url)).await.unwrap();
    let second = soon(client.get(&url)).await.unwrap();
    assert_eq!(tracer.finished_spans().len(), 0, "their bodies are still held");
    drop((first, second));
    assert_eq!(named(&tracer, "HTTP GET").len(), 2);
    assert_eq!(client.counters().connections_opened, 1);
}

#[tokio::test]
async fn an_upgraded_connection_stays_open_both_ways() {
    let port = scripted(|mut stream| async move {
        read_head(&mut stream).await;
        let answer =
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        stream.write_all(answer).await?;
        let mut said = [0; 4];
        stream.read_exact(&mut said).await?;
        stream.write_all(&said).await
    })
    .await;
    let tracer = MockTracer::new();
    let mut request = get_request(&format!("http://shop:{port}/"));
    request.headers_mut().insert("connection", "upgrade".parse().unwrap());
    request.headers_mut().insert("upgrade", "echo".parse().unwrap());
    let mut response = soon(client(&tracer).request(request)).await.unwrap();
    assert_eq!(response.status(), 101);
    let upgraded = soon(hyper::upgrade::on(&mut response)).await.unwrap();
    drop(response);
    let mut upgraded = hyper_util::rt::TokioIo::new(upgraded);
    soon(upgraded.write_all(b"ping")).await.unwrap();
    let mut echoed = String::new();
    soon(upgraded.read_to_string(&mut echoed)).await.unwrap();
    assert_eq!(echoed, "ping");
    let hop = only(&tracer, "HTTP GET");
    assert_eq!(tag(&hop, tags::HTTP_STATUS_CODE), Some(101.into()));
    assert!(!hop.is_error());
}
