//! The pool: reuse, waiting, limits, and connections that were closed meanwhile.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt;
use spandrel::mock::MockTracer;
use spandrel::tags;
use spandrel_http::{ClientTrace, Error, GotConnInfo, RequestExt};
use tokio::io::AsyncWriteExt;

use crate::support::*;

/// Keeps what it hears of connections.
#[derive(Clone, Default)]
struct Connections(Arc<Mutex<Vec<GotConnInfo>>>);

impl ClientTrace for Connections {
    fn got_conn(&self, info: &GotConnInfo) {
        self.0.lock().unwrap().push(*info);
    }
}

#[tokio::test]
async fn a_pool_of_one_makes_the_second_request_wait_and_reuse() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let client = builder(&tracer).connections_per_host_max(1).build();
    let connections = Connections::default();
    let request = || {
        get_request(&format!("http://shop:{port}/gettime")).with_client_trace(connections.clone())
    };

    let first = soon(client.request(request())).await.unwrap();
    let second = tokio::spawn(client.request(request()));
    until(|| client.counters().requests_waited == 1).await;
    assert_eq!(connections.0.lock().unwrap().len(), 1);
    text(first).await;
    text(soon(second).await.unwrap().unwrap()).await;

    let seen = connections.0.lock().unwrap().clone();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].connection_id, seen[1].connection_id);
    assert_eq!(seen[0].local_address, seen[1].local_address);
    assert_eq!((seen[0].reused, seen[1].reused), (false, true));
    assert!(!seen[1].was_idle, "it was handed over and never idle");
    assert_eq!(seen[1].idle_time, None);
    let hops = named(&tracer, "HTTP GET");
    assert_eq!(tag(&hops[1], "net/http.reused"), Some(true.into()));
    assert_eq!(tag(&hops[1], "net/http.was_idle"), Some(false.into()));
    let counters = client.counters();
    assert_eq!((counters.connections_opened, counters.connections_reused), (1, 1));
}

#[tokio::test]
async fn too_many_that_wait_are_refused() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let client = builder(&tracer).connections_per_host_max(1).waiting_per_host_max(1).build();
    let url = format!("http://shop:{port}/gettime");
    let first = soon(client.get(&url)).await.unwrap();
    let waiting = tokio::spawn(client.request(get_request(&url)));
    until(|| client.counters().requests_waited == 1).await;

    let error = soon(client.get(&url)).await.unwrap_err();
    assert!(matches!(error, Error::PoolFull { limit: 1, .. }), "{error}");
    assert_eq!(events(&only(&tracer, "HTTP GET")), ["GetConn", "error PoolFull"]);
    drop(first);
    text(soon(waiting).await.unwrap().unwrap()).await;
    assert_eq!(client.counters().requests_refused, 1);
}

#[tokio::test]
async fn a_request_that_is_given_up_while_it_waits_leaves_the_queue() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let client = builder(&tracer).connections_per_host_max(1).build();
    let url = format!("http://shop:{port}/gettime");
    let first = soon(client.get(&url)).await.unwrap();
    let waiting = tokio::spawn(client.request(get_request(&url)));
    until(|| client.counters().requests_waited == 1).await;
    waiting.abort();
    assert!(soon(waiting).await.unwrap_err().is_cancelled());
    let hop = only(&tracer, "HTTP GET");
    assert_eq!(events(&hop), ["GetConn", "Cancelled"]);
    assert!(!hop.is_error());

    text(first).await;
    assert_eq!(ask(&client, &url).await, "The time is now");
    assert_eq!(client.counters().connections_opened, 1);
}

#[tokio::test]
async fn a_body_that_is_dropped_early_closes_its_connection_and_frees_its_place() {
    // The rest of the body never comes: nobody can read on to its end.
    let port = scripted(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin").await?;
        read_head(&mut stream).await;
        Ok(())
    })
    .await;
    let tracer = MockTracer::new();
    let client = builder(&tracer).connections_per_host_max(1).build();
    let url = format!("http://shop:{port}/");
    let mut response = soon(client.get(&url)).await.unwrap();
    let frame = soon(response.body_mut().frame()).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "begin");
    drop(response);

    let hop = only(&tracer, "HTTP GET");
    let events = events(&hop);
    assert_eq!(events.last().map(String::as_str), Some("ClosedBody"));
    assert!(!events.contains(&"PutIdleConn".to_owned()), "{events:?}");
    assert!(!hop.is_error());
    only(&tracer, "HTTP Client");
    let second = soon(client.get(&url)).await.unwrap();
    assert_eq!(client.counters().connections_opened, 2);
    drop(second);
}

#[tokio::test]
async fn a_body_that_was_read_but_not_to_its_very_end_gives_its_connection_back() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let client = client(&tracer);
    let url = format!("http://shop:{port}/gettime");
    let mut response = soon(client.get(&url)).await.unwrap();
    assert!(soon(response.body_mut().frame()).await.unwrap().unwrap().is_data());
    drop(response);
    until(|| {
        let hop = only(&tracer, "HTTP GET");
        events(&hop).contains(&"PutIdleConn".to_owned()) || client.counters().events_late == 1
    })
    .await;
    ask(&client, &url).await;
    assert_eq!(client.counters().connections_opened, 1);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced() {
    // Each connection answers once and says nothing of closing.
    let port = scripted(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await
    })
    .await;
    let tracer = MockTracer::new();
    let client = client(&tracer);
    let url = format!("http://shop:{port}/");
    for _ in 0..20 {
        assert_eq!(ask(&client, &url).await, "ok");
    }
    for hop in named(&tracer, "HTTP GET") {
        assert_eq!(tag(&hop, tags::HTTP_STATUS_CODE), Some(200.into()));
        assert!(!hop.is_error(), "{:?}", events(&hop));
    }
    assert_eq!(client.counters().connections_opened, 20);
}

#[tokio::test]
async fn a_request_on_a_connection_that_closes_under_it_is_sent_again() {
    // The second request on a connection is read, and then the connection closes.
    let port = scripted(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await?;
        read_head(&mut stream).await;
        Ok(())
    })
    .await;
    let tracer = MockTracer::new();
    let client = client(&tracer);
    let url = format!("http://shop:{port}/");
    ask(&client, &url).await;
    ask(&client, &url).await;
    let events = events(&named(&tracer, "HTTP GET")[1]);
    let count = |name: &str| events.iter().filter(|event| *event == name).count();
    assert_eq!((count("GetConn"), count("GotConn"), count("ConnectDone")), (2, 2, 1), "{events:?}");
    assert_eq!(count("GotFirstResponseByte"), 1);
    assert_eq!(client.counters().requests_resent, 1);

    let mut post = get_request(&url);
    *post.method_mut() = http::Method::POST;
    let error = soon(client.request(post)).await.unwrap_err();
    assert!(matches!(error, Error::Exchange { .. }), "a post is not sent twice: {error}");
}

#[tokio::test]
async fn an_idle_connection_that_is_too_old_is_not_used() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let client = builder(&tracer).idle_timeout(Duration::ZERO).build();
    let url = format!("http://shop:{port}/gettime");
    ask(&client, &url).await;
    ask(&client, &url).await;
    assert_eq!(client.counters().connections_opened, 2);
    until(|| client.counters().connections_retired == 2).await;
}

#[tokio::test]
async fn a_connection_over_the_limit_of_idle_ones_is_closed_and_says_so() {
    let port = serve(article()).await;
    let tracer = MockTracer::new();
    let client = builder(&tracer).idle_len_max(0).build();
    ask(&client, &format!("http://shop:{port}/gettime")).await;
    let hop = only(&tracer, "HTTP GET");
    let put = hop.logs().iter().find(|log| log.event() == Some("PutIdleConn")).unwrap();
    assert_eq!(put.field("error.object"), Some(&"too many idle connections".into()));
}

#[tokio::test]
async fn a_server_that_announces_the_end_gets_no_second_request() {
    let port = scripted(|stream| {
        answer_all(stream, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    })
    .await;
    let tracer = MockTracer::new();
    let client = client(&tracer);
    let url = format!("http://shop:{port}/");
    ask(&client, &url).await;
    ask(&client, &url).await;
    assert_eq!(client.counters().connections_opened, 2);
    assert_eq!(client.counters().requests_resent, 0);
}
