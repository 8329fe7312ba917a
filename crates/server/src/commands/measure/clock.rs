//! Where the benches read time: on the wall, and what processors spent.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Tells how long ago it was started.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "what is measured is this machine's time")]
    pub(in crate::commands) fn start() -> Self {
        Self(Instant::now())
    }

    pub(in crate::commands) fn ns(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// How long something took, again and again.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct Times {
    /// On the wall, which other work on the machine makes longer.
    pub(in crate::commands) wall_ns: Vec<u64>,
    /// On the processor that the caller runs on.
    pub(in crate::commands) cpu_ns: Vec<u64>,
}

impl Times {
    /// Does it once more.
    pub(in crate::commands) fn measure<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let (wall, cpu_ns) = (Stopwatch::start(), thread_cpu_ns());
        let done = work();
        self.cpu_ns.push(thread_cpu_ns() - cpu_ns);
        self.wall_ns.push(wall.ns());
        done
    }
}

/// Processor time of the calling thread, in user and kernel mode.
pub(in crate::commands) fn thread_cpu_ns() -> u64 {
    cpu_ns(ClockId::ThreadCPUTime)
}

/// Processor time of the process, of threads that have ended too.
pub(in crate::commands) fn process_cpu_ns() -> u64 {
    cpu_ns(ClockId::ProcessCPUTime)
}

fn cpu_ns(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
