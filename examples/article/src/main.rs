//! The article's program: `article -actor server`, then `article -actor client`.

mod options;

use std::error::Error;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use article::{init_tracer, run_client, run_server};
use options::{Actor, Options, Refusal, USAGE};
use spandrel::Tracer;
use tokio::net::TcpListener;

/// How long the last spans may take to be sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1), std::env::var("SPANDREL_URL").ok())
    {
        Ok(options) => options,
        Err(Refusal::Help) => return told(ExitCode::SUCCESS, USAGE.trim_end()),
        Err(refusal) => return told(ExitCode::from(2), &format!("{refusal}\n\n{USAGE}")),
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => told(ExitCode::FAILURE, &error.to_string()),
    }
}

async fn run(options: Options) -> Outcome {
    let name = options.actor.name();
    let tracer = init_tracer(name, &options.report_url, options.shares_span_ids)?;
    let outcome = match options.actor {
        Actor::Client => client(options.port, &tracer).await,
        Actor::Server => server(options.port, tracer.clone()).await,
    };
    // The reporter's thread does the waiting; the runtime's must not.
    let closing = tokio::task::spawn_blocking(move || tracer.close(CLOSE_TIMEOUT));
    closing.await??;
    outcome
}

async fn client(port: u16, tracer: &Tracer) -> Outcome {
    let answer = run_client(&format!("http://localhost:{port}/"), tracer).await;
    let answer = answer.map_err(|_| "there was no answer")?;
    writeln!(io::stdout(), "Received result: {answer}")?;
    Ok(())
}

async fn server(port: u16, tracer: Tracer) -> Outcome {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let port = listener.local_addr()?.port();
    writeln!(io::stdout(), "Serving on http://localhost:{port}/")?;
    tokio::select! {
        served = run_server(listener, tracer) => served?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}

fn told(code: ExitCode, message: &str) -> ExitCode {
    let message = format!("{message}\n");
    // Nobody is left to tell when the stream is closed.
    let _ = if code == ExitCode::SUCCESS {
        io::stdout().write_all(message.as_bytes())
    } else {
        io::stderr().write_all(message.as_bytes())
    };
    code
}
