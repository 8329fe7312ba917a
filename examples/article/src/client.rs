//! The client: one request, and its answer.

use std::error::Error;
use std::io::{self, Write as _};

use http::Request;
use http_body_util::{BodyExt as _, Limited};
use spandrel::{Context, SpanRef, Tracer, tags};
use spandrel_http::{Client, RequestExt as _};

/// How much of an answer is read.
const ANSWER_LEN_MAX: usize = 64 << 10;

/// Asks for a URL, following redirects, and returns the answer.
///
/// The trace begins with a span called `client`, which stands for all that the client does.
///
/// # Errors
///
/// Says why there is no answer; the span has recorded it by then.
pub async fn run_client(
    url: &str,
    tracer: &Tracer,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let span = tracer.span("client").tag(tags::COMPONENT, "client").start();
    let client = Client::new(tracer.clone());
    let answer = ask(&client, url, &Context::from(&span)).await;
    if let Err(error) = &answer {
        on_error(&span, &**error);
    }
    answer
}

async fn ask(
    client: &Client,
    url: &str,
    context: &Context,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let request = Request::get(url).body(String::new())?.with_context(context.clone());
    let response = client.request(request).await?;
    let body = Limited::new(response.into_body(), ANSWER_LEN_MAX).collect().await?;
    Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
}

/// Handles an error by recording it on the span, and telling the user.
pub fn on_error(span: &SpanRef, error: &(dyn Error + Send + Sync + 'static)) {
    span.set_error(error);
    // Nobody is left to tell when the stream is closed.
    let _ = writeln!(io::stderr(), "{error}");
}
