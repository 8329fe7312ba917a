//! `spandrel loadgen`: what the server takes through its doors, and whether what it acknowledged
//! is there.
//!
//! A corpus is sent by one of the protocols, as fast as answers come or at a rate. Then traces are
//! read back by their ids and compared with the corpus, made again.

mod answer;
mod bodies;
mod channel;
mod check;
mod flags;
mod protocol;
mod report;
mod send;
mod subject;

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};

pub(crate) use flags::LoadgenFlags;

use crate::commands::measure::clock::process_cpu_ns;
use crate::serve::StopSignals;
use bodies::Pool;
use channel::Target;
use check::Checked;
use flags::CheckScope;
use report::Spent;
use send::{Plan, Tally};
use subject::Subject;

/// Sends, reads back, tells, and fails when something acknowledged is not there.
pub(crate) fn run(flags: &LoadgenFlags) -> anyhow::Result<()> {
    ensure!(
        flags.streams == 1 || flags.protocol.is_multiplexed(),
        "--streams is for protocols over HTTP/2, and {} has one request at once on a connection",
        flags.protocol.name
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(flags.threads.into())
        .thread_name("loadgen-send")
        .enable_all()
        .build()
        .context("the sending threads could not be started")?;
    let mut stop = runtime.block_on(async { StopSignals::listen() })?;
    let subject = Arc::new(Subject::of(flags)?);
    let target = Target::of(&subject, flags)?;
    let pool = Arc::new(Pool::new(flags.bodies.0));
    let (interrupted, unwanted) = (Arc::clone(&subject), Arc::clone(&pool));
    runtime.spawn(async move {
        stop.wait().await;
        unwanted.stop();
        interrupted.interrupt();
    });
    let maker = bodies::start(&pool, flags)?;
    pool.wait_filled();
    // What could not be made before the clock starts is made beside it, and told apart.
    let (made_ns, cpu_ns, server) = (pool.making_cpu_ns(), process_cpu_ns(), subject.spent());
    let plan = Plan { pool: Arc::clone(&pool), target, flags };
    let tally = runtime.block_on(send::send_all(plan))?;
    subject.go_on()?;
    let spent = Spent {
        making_ns: pool.making_cpu_ns() - made_ns,
        client_ns: process_cpu_ns() - cpu_ns,
        server: subject.spent_since(server),
        flushed: subject.flush_and_spend(server)?,
        server_peak_memory: subject.peak_memory(),
    };
    pool.stop();
    let made = maker.join();
    ensure!(made.is_ok(), "making the bodies panicked");
    let checked = check::check(&subject, flags, &tally)?;
    report::tell(flags, &tally, &spent, &checked)?;
    judge(flags, &tally, &checked)
}

fn judge(flags: &LoadgenFlags, tally: &Tally, checked: &Checked) -> anyhow::Result<()> {
    if let Some(difference) = &checked.first {
        bail!("what was acknowledged is not what is there: {difference}");
    }
    if tally.acked_requests == 0 {
        let reason = tally.first_refusal.as_deref().unwrap_or("nothing was sent");
        bail!("no request was acknowledged: {reason}");
    }
    let is_checked = checked.spans > 0 || flags.check == CheckScope::Some(0);
    ensure!(is_checked, "nothing of what was acknowledged was checked: say --check all");
    Ok(())
}
