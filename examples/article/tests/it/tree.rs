//! The actors in one process: the tree of the article.

use spandrel::propagation::Jaeger;
use spandrel::reporter::InMemoryReporter;
use spandrel::{FinishedSpan, SpanKind, Tracer};
use tokio::net::TcpListener;

fn tracer(service: &str, shares_span_ids: bool) -> (Tracer, InMemoryReporter) {
    let reporter = InMemoryReporter::new();
    let builder = Tracer::builder(service).reporter(reporter.clone()).propagator(Jaeger);
    (builder.shared_rpc_span(shares_span_ids).build(), reporter)
}

/// Runs both actors, and returns what the client and the server reported.
async fn traced(shares_span_ids: bool) -> (Vec<FinishedSpan>, Vec<FinishedSpan>) {
    let (client, of_client) = tracer("client", shares_span_ids);
    let (server, of_server) = tracer("server", shares_span_ids);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(article::run_server(listener, server));
    let answer = article::run_client(&format!("http://localhost:{port}/"), &client).await.unwrap();
    assert!(answer.starts_with("The time is "), "{answer}");
    // The server's span ends when its connection has sent the last byte.
    while of_server.len() < 2 {
        tokio::task::yield_now().await;
    }
    serving.abort();
    (of_client.take(), of_server.take())
}

fn names(spans: &[FinishedSpan]) -> Vec<&str> {
    spans.iter().map(FinishedSpan::operation_name).collect()
}

#[tokio::test]
async fn the_trace_is_the_articles_tree() {
    let (client, server) = traced(false).await;
    assert_eq!(names(&client), ["HTTP GET", "HTTP GET", "HTTP Client", "client"]);
    assert_eq!(names(&server), ["HTTP GET", "HTTP GET"]);
    let [first, second, top, root] = client.as_slice() else { panic!("four spans") };
    assert_eq!(root.parent_id(), None);
    assert_eq!(top.parent_id(), Some(root.span_id()));
    for (hop, half) in [(first, &server[0]), (second, &server[1])] {
        assert_eq!(hop.parent_id(), Some(top.span_id()));
        assert_eq!(half.parent_id(), Some(hop.span_id()));
        assert_eq!((hop.kind(), half.kind()), (Some(SpanKind::Client), Some(SpanKind::Server)));
        assert_eq!(hop.tag("http.status_code"), half.tag("http.status_code"));
    }
    assert!(client.iter().chain(&server).all(|span| span.trace_id() == root.trace_id()));
    assert_eq!(second.tag("net/http.reused"), Some(&true.into()));
    assert!(second.logs().iter().all(|log| log.event() != Some("DNSStart")));
}

#[tokio::test]
async fn shared_spans_have_one_id_for_both_halves() {
    let (client, server) = traced(true).await;
    for (hop, half) in client.iter().zip(&server) {
        assert_eq!(half.span_id(), hop.span_id());
        assert_eq!(half.parent_id(), hop.parent_id());
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_of_the_whole_trace() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (client, reported) = tracer("client", false);
    assert!(article::run_client(&format!("http://{address}/"), &client).await.is_err());
    let spans = reported.take();
    assert_eq!(names(&spans), ["HTTP GET", "HTTP Client", "client"]);
    assert!(spans.iter().all(FinishedSpan::is_error));
}
