//! An error on its span: the tag `error`, and a log that says which and why.

use std::io::{self, Write as _};

use article::on_error;
use spandrel::Tracer;
use spandrel::reporter::InMemoryReporter;
use spandrel_http::Client;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A port that was free just now: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;

    let reporter = InMemoryReporter::new();
    let tracer = Tracer::builder("client").reporter(reporter.clone()).build();
    let span = tracer.start_span("ask nobody");
    let client = Client::new(Tracer::noop());
    if let Err(error) = client.get(&format!("http://{address}/")).await {
        on_error(&span, &error);
    }
    span.finish();

    let spans = reporter.take();
    assert!(spans[0].is_error());
    for field in spans[0].logs().iter().flat_map(|log| &log.fields) {
        writeln!(io::stdout(), "{}: {}", field.key, field.value)?;
    }
    Ok(())
}
