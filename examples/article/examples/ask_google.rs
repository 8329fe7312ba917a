//! A request inside a span, with the span as the current one of its context. The host is local:
//! an example must run without the world.

use std::io::{self, Write as _};

use article::{NewClientTrace, on_error};
use http::Request;
use http_body_util::BodyExt as _;
use spandrel::reporter::InMemoryReporter;
use spandrel::{Context, Tracer};
use spandrel_http::{Client, Error, RequestExt as _};
use tokio::net::TcpListener;

/// Asks, as part of whatever the context is about.
async fn ask_google(
    tracer: &Tracer,
    context: &Context,
    request: Request<String>,
) -> Result<usize, Error> {
    // A span that wraps the request, and finishes whichever way this function ends.
    let (span, context) = tracer.start_span_from_context(context, "ask google");
    let trace = NewClientTrace::new(&span);
    let request = request.with_context(context).with_client_trace(trace);
    let answered = async {
        let response = Client::new(tracer.clone()).request(request).await?;
        Ok(response.into_body().collect().await?.to_bytes().len())
    };
    answered.await.inspect_err(|error| on_error(&span, error))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://localhost:{}/", listener.local_addr()?.port());
    let server = tokio::spawn(article::run_server(listener, Tracer::noop()));

    let reporter = InMemoryReporter::new();
    let tracer = Tracer::builder("client").reporter(reporter.clone()).build();
    let parent = tracer.start_span("main");
    let request = Request::get(url).body(String::new())?;
    let len = ask_google(&tracer, &Context::from(&parent), request).await?;
    parent.finish();
    server.abort();

    writeln!(io::stdout(), "{len} bytes, and these spans in the order they finished:")?;
    let spans = reporter.take();
    for span in &spans {
        writeln!(io::stdout(), "{} with {} logs", span.operation_name(), span.logs().len())?;
    }
    let names: Vec<&str> = spans.iter().map(|span| span.operation_name()).collect();
    assert_eq!(names, ["HTTP GET", "HTTP GET", "HTTP Client", "ask google", "main"]);
    Ok(())
}
