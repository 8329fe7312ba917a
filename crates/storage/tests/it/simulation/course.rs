//! One fixed course of events, of which each call to the disk fails in turn.

use testkit::Failure;

use super::life::{Life, Run, Sabotage};

/// A seed whose run keeps all, on a disk without a limit, and syncs before it acknowledges.
const PLAIN_SEED: u64 = 3;

/// How long it takes until a job that failed is tried again.
const PAUSE_NS: u64 = 6_000_000_000;

/// Lives twice: appends, flushes, merges, deletes, pins, and starts again. Returns how many calls
/// to the disk that took.
pub(super) fn course(failure: Option<(u64, Failure)>) -> Result<u64, String> {
    let mut run = Run::new(PLAIN_SEED, Sabotage::None);
    run.disk.plan(failure);
    for _ in 0..2 {
        let life = match run.begin()? {
            None if run.disk.is_dead() => break,
            // A call fails once.
            None => run.begin()?.ok_or("it can't be opened for good")?,
            Some(life) => life,
        };
        live(&mut run, life)?;
    }
    let calls = run.disk.calls();
    run.disk.restart();
    let life = run.open()?.ok_or("it can't be opened")?;
    run.rest(life)?;
    let life = run.open()?.ok_or("it can't be opened again")?;
    run.check_files(&life.engine)?;
    Ok(calls)
}

fn live(run: &mut Run, mut life: Life) -> Result<(), String> {
    for round in 0..5 {
        for _ in 0..3 {
            run.append(&mut life);
            run.commit(&mut life);
        }
        if round == 2 {
            run.delete(&mut life);
            run.pin(&mut life)?;
        }
        life.engine.want_flush();
        for _ in 0..3 {
            run.now_ns += PAUSE_NS;
            while let Some(job) = life.engine.next_job(run.now_ns) {
                life.engine.finish_job(job.run(), run.now_ns);
            }
        }
        if !run.disk.is_dead() && life.engine.is_flush_wanted() {
            return Err("a call that fails once makes a flush fail for good".to_owned());
        }
    }
    run.check_all(&life.engine)?;
    run.end(life)
}
