//! `spandrel demo`: runs the article's program, draws its trace, and says where to look at it.
//!
//! It reports to a server that runs; where none does it starts one for as long as it is looked
//! at.

use anyhow::Context as _;

use crate::cli::{DemoFlags, USUAL_URL};
use crate::commands::fetch::Server;
use crate::commands::print::print_lines;
use crate::commands::trace::drawn;
use crate::config::ServeConfig;
use crate::demo::tell;
use crate::serve::{Running, StopSignals};

/// Runs the demo.
pub(super) fn run(flags: &DemoFlags) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the demo's threads could not be started")?;
    let url = flags.url.clone().or_else(|| is_ours(USUAL_URL).then(|| USUAL_URL.to_owned()));
    match url {
        Some(url) => runtime.block_on(show(url)),
        None => runtime.block_on(serve_and_show()),
    }
}

/// Whether a Spandrel answers at the URL, and not another program.
fn is_ours(url: &str) -> bool {
    Server::at(url).and_then(|server| server.get("/api/spandrel/status")).is_ok()
}

/// Tells the story to the server at `url`, and shows what it has of it.
async fn show(url: String) -> anyhow::Result<()> {
    let trace_id = tell(&url).await?;
    tokio::task::spawn_blocking(move || {
        let link = format!("{}/traces/{trace_id}", url.trim_end_matches('/'));
        let mut lines = drawn(&Server::at(&url)?, &trace_id.to_string(), None)?;
        lines.extend([String::new(), format!("in the browser: {link}")]);
        print_lines(lines)
    })
    .await
    .context("drawing the trace panicked")?
}

/// Starts a server on a free port and a folder that goes with it.
async fn serve_and_show() -> anyhow::Result<()> {
    let mut stop = StopSignals::listen()?;
    let folder = tempfile::tempdir().context("the demo needs a temporary folder")?;
    let running = Running::start(ServeConfig::temporary(folder.path())).await?;
    running.recovered().await?;
    show(format!("http://{}", running.app.main_door())).await?;
    print_lines(["the server stays until Ctrl-C; what it has then goes with it".to_owned()])?;
    stop.wait().await;
    running.close().await
}
