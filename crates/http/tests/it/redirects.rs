//! Redirects: one span for each hop, with the events of that hop and no other's.

use http::{Method, Request};
use http_body_util::Full;
use spandrel::mock::MockTracer;
use spandrel::{SpanKind, tags};
use spandrel_http::Error;
use tokio::io::AsyncWriteExt;

use crate::support::*;

#[tokio::test]
async fn each_hop_has_its_span_and_its_own_events_in_order() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let answer = ask(&client(&tracer), &format!("http://shop:{port}/")).await;
    assert_eq!(answer, "The time is now");

    let hops = named(&tracer, "HTTP GET");
    let top = only(&tracer, "HTTP Client");
    assert_eq!(hops.len(), 2);
    assert_eq!(
        events(&hops[0]),
        [
            "GetConn",
            "DNSStart",
            "DNSDone",
            "ConnectStart",
            "ConnectDone",
            "GotConn",
            "WroteHeaders",
            "WroteRequest",
            "GotFirstResponseByte",
            "PutIdleConn",
            "ClosedBody"
        ]
    );
    assert_eq!(
        events(&hops[1]),
        [
            "GetConn",
            "GotConn",
            "WroteHeaders",
            "WroteRequest",
            "GotFirstResponseByte",
            "PutIdleConn",
            "ClosedBody"
        ]
    );
    for hop in &hops {
        assert_eq!(hop.parent_id(), Some(top.span_id()));
        assert_eq!(hop.kind(), Some(SpanKind::Client));
        assert!(hop.logs().is_sorted_by_key(|log| log.time_ns));
    }
    assert_eq!(tracer.unfinished_spans().len(), 0);
}

#[tokio::test]
async fn hops_carry_the_tags_that_go_writes() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    ask(&client(&tracer), &format!("http://me:secret@shop:{port}/")).await;

    let hops = named(&tracer, "HTTP GET");
    let of = |hop: usize, key| tag(&hops[hop], key);
    for (hop, path, status) in [(0, "", 301), (1, "gettime", 200)] {
        assert_eq!(of(hop, tags::HTTP_URL), Some(format!("http://shop:{port}/{path}").into()));
        assert_eq!(of(hop, tags::HTTP_METHOD), Some("GET".into()));
        assert_eq!(of(hop, tags::PEER_ADDRESS), Some(format!("shop:{port}").into()));
        assert_eq!(of(hop, tags::HTTP_STATUS_CODE), Some(status.into()));
        assert_eq!(of(hop, tags::ERROR), None);
    }
    assert_eq!(of(0, "net/http.reused"), Some(false.into()));
    assert_eq!(of(0, "net/http.was_idle"), Some(false.into()));
    assert_eq!(of(1, "net/http.reused"), Some(true.into()));
    assert_eq!(of(1, "net/http.was_idle"), Some(true.into()));
    assert!(of(1, "net/http.idle_time_ns").is_some());
}

#[tokio::test]
async fn a_post_that_is_redirected_becomes_a_get_without_body() {
    let port = scripted(|mut stream| async move {
        while let Some(head) = read_head(&mut stream).await {
            let answer = if head.starts_with("POST") {
                let mut body = [0; 5];
                tokio::io::AsyncReadExt::read_exact(&mut stream, &mut body).await?;
                "HTTP/1.1 303 See Other\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n".to_owned()
            } else {
                let has_body = head.to_ascii_lowercase().contains("content-");
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{has_body}",
                    4 + usize::from(!has_body)
                )
            };
            stream.write_all(answer.as_bytes()).await?;
        }
        Ok(())
    })
    .await;
    let tracer = MockTracer::new();
    let request = Request::post(format!("http://shop:{port}/"))
        .header("content-type", "text/plain")
        .body(Full::new(bytes::Bytes::from_static(b"hello")))
        .unwrap();
    let response = soon(client(&tracer).request(request)).await.unwrap();
    assert_eq!(text(response).await, "false");
    assert_eq!(named(&tracer, "HTTP POST").len(), 1);
    assert_eq!(tag(&only(&tracer, "HTTP GET"), "net/http.reused"), Some(true.into()));
}

#[tokio::test]
async fn a_chain_without_end_is_given_up() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let client = builder(&tracer).redirects_max(3).build();
    let error = soon(client.get(&format!("http://shop:{port}/loop"))).await.unwrap_err();
    assert!(matches!(error, Error::TooManyRedirects { limit: 3 }), "{error}");
    assert_eq!(named(&tracer, "HTTP GET").len(), 4);
    let top = only(&tracer, "HTTP Client");
    assert!(top.is_error());
    assert_eq!(events(&top), ["error TooManyRedirects"]);
}

#[tokio::test]
async fn secrets_are_not_sent_to_another_host() {
    let heads = Notes::default();
    let seen = heads.clone();
    let other = scripted(move |mut stream| {
        let seen = seen.clone();
        async move {
            seen.add(read_head(&mut stream).await.unwrap_or_default());
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await
        }
    })
    .await;
    let port = scripted(move |mut stream| async move {
        read_head(&mut stream).await;
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: http://other:{other}/\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await
    })
    .await;
    let tracer = MockTracer::new();
    let mut request = get_request(&format!("http://shop:{port}/"));
    for (name, value) in [("authorization", "Basic x"), ("cookie", "a=b"), ("accept", "*/*")] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    text(soon(client(&tracer).request(request)).await.unwrap()).await;
    let heads = heads.all();
    assert!(heads[0].contains("accept: */*"), "{heads:?}");
    assert!(heads[0].contains(&format!("host: other:{other}")), "{heads:?}");
    assert!(!heads[0].contains("Basic") && !heads[0].contains("cookie"), "{heads:?}");
}

#[tokio::test]
async fn the_spans_of_a_head_request_finish_with_its_response() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let mut request = get_request(&format!("http://shop:{port}/gettime"));
    *request.method_mut() = Method::HEAD;
    let response = soon(client(&tracer).request(request)).await.unwrap();
    let hop = only(&tracer, "HTTP HEAD");
    assert_eq!(events(&hop).last().map(String::as_str), Some("PutIdleConn"));
    only(&tracer, "HTTP Client");
    drop(response);
    assert_eq!(tracer.finished_spans().len(), 2);
}
