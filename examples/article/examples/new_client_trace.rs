//! Hooks made by hand: two of them, on a span of one's own, under a key in any script.

use std::io::{self, Write as _};

use article::NewClientTrace;
use http::Request;
use http_body_util::BodyExt as _;
use spandrel::Tracer;
use spandrel::reporter::InMemoryReporter;
use spandrel_http::{Client, RequestExt as _};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://localhost:{}/gettime", listener.local_addr()?.port());
    let server = tokio::spawn(article::run_server(listener, Tracer::noop()));

    let reporter = InMemoryReporter::new();
    let tracer = Tracer::builder("client").reporter(reporter.clone()).build();
    let span = tracer.start_span("look up");
    // The client itself makes no spans: all that is seen comes from the hooks.
    let client = Client::new(Tracer::noop());
    let request = Request::get(url).body(String::new())?;
    let request = request.with_client_trace(NewClientTrace::new(&span));
    client.request(request).await?.into_body().collect().await?;
    span.finish();
    server.abort();

    let spans = reporter.take();
    for log in spans.iter().flat_map(|span| span.logs()) {
        let fields = log.fields.iter().map(|field| format!("{}={}", field.key, field.value));
        writeln!(io::stdout(), "{}", fields.collect::<Vec<_>>().join(" "))?;
    }
    assert_eq!(spans[0].logs()[0].field("主机"), Some(&"localhost".into()));
    Ok(())
}
