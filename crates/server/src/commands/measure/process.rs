//! What Linux says of a process: processor time, of this one by thread, and the most memory it had.
//!
//! On other systems nothing is said, and the figures are left out.

use std::collections::BTreeMap;
use std::fs;

/// Processor time of threads, by their name.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct ThreadTimes(BTreeMap<String, ThreadTime>);

/// Processor time of the threads of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::commands) struct ThreadTime {
    /// All of it.
    pub(in crate::commands) cpu_ns: u64,
    /// The part in the kernel, to a hundredth of a second.
    pub(in crate::commands) kernel_ns: u64,
}

impl ThreadTimes {
    /// Reads the times of the threads that live now.
    pub(in crate::commands) fn read() -> Self {
        let mut times = Self::default();
        let Ok(tasks) = fs::read_dir("/proc/self/task") else { return times };
        for task in tasks.flatten() {
            let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let time = times.0.entry(read("comm").trim().to_owned()).or_default();
            time.cpu_ns += first_number(&read("schedstat"));
            time.kernel_ns += kernel_ns(&read("stat"));
        }
        times
    }

    /// The time of the threads of a name since `earlier`.
    pub(in crate::commands) fn since(&self, earlier: &Self, name: &str) -> ThreadTime {
        let of = |times: &Self| times.0.get(name).copied().unwrap_or_default();
        let (now, then) = (of(self), of(earlier));
        ThreadTime {
            cpu_ns: now.cpu_ns.saturating_sub(then.cpu_ns),
            kernel_ns: now.kernel_ns.saturating_sub(then.kernel_ns),
        }
    }
}

/// Processor time of another process, of threads that have ended too, to a hundredth of a second.
pub(in crate::commands) fn time_of(pid: u32) -> Option<ThreadTime> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let kernel_ns = kernel_ns(&stat);
    Some(ThreadTime { cpu_ns: user_ns(&stat) + kernel_ns, kernel_ns })
}

/// The most memory that another process ever had in RAM, in bytes.
pub(in crate::commands) fn peak_memory_of(pid: u32) -> Option<u64> {
    peak_memory_in(&format!("/proc/{pid}/status"))
}

/// The most memory that the process had in RAM since [`forget_peak`], in bytes.
pub(in crate::commands) fn peak_memory() -> Option<u64> {
    peak_memory_in("/proc/self/status")
}

fn peak_memory_in(path: &str) -> Option<u64> {
    let status = fs::read_to_string(path).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(first_number(line) * 1024)
}

/// Begins [`peak_memory`] anew.
pub(in crate::commands) fn forget_peak() {
    // Where that is not allowed, the peak counts what was before; it only gets larger by that.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn first_number(text: &str) -> u64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// The fourteenth field of `/proc/PID/stat`.
fn user_ns(stat: &str) -> u64 {
    ticks_ns(stat, 14)
}

/// The fifteenth field of `/proc/PID/stat`.
fn kernel_ns(stat: &str) -> u64 {
    ticks_ns(stat, 15)
}

/// A field counted from one, in hundredths of a second on every architecture.
fn ticks_ns(stat: &str, field: usize) -> u64 {
    // The name, the second field, may hold spaces and parentheses of its own.
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let word = behind_name.split_whitespace().nth(field - 3);
    word.and_then(|word| word.parse::<u64>().ok()).unwrap_or(0) * 10_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "77 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 400 25 0 0 20 0 1";
        assert_eq!(kernel_ns(stat), 250_000_000);
        assert_eq!(user_ns(stat), 4_000_000_000);
        assert_eq!(kernel_ns(""), 0);
    }
}
