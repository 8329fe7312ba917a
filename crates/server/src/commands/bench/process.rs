//! What Linux says of this process: processor time by thread, and the most memory it had.
//!
//! On other systems nothing is said, and the figures are left out.

use std::collections::BTreeMap;
use std::fs;

/// Processor time of threads, by their name.
#[derive(Clone, Debug, Default)]
pub(super) struct ThreadTimes(BTreeMap<String, ThreadTime>);

/// Processor time of the threads of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ThreadTime {
    /// All of it.
    pub(super) cpu_ns: u64,
    /// The part in the kernel, to a hundredth of a second.
    pub(super) kernel_ns: u64,
}

impl ThreadTimes {
    /// Reads the times of the threads that live now.
    pub(super) fn read() -> Self {
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
    pub(super) fn since(&self, earlier: &Self, name: &str) -> ThreadTime {
        let of = |times: &Self| times.0.get(name).copied().unwrap_or_default();
        let (now, then) = (of(self), of(earlier));
        ThreadTime {
            cpu_ns: now.cpu_ns.saturating_sub(then.cpu_ns),
            kernel_ns: now.kernel_ns.saturating_sub(then.kernel_ns),
        }
    }
}

/// The most memory that the process had in RAM since [`forget_peak`], in bytes.
pub(super) fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(first_number(line) * 1024)
}

/// Begins [`peak_memory`] anew.
pub(super) fn forget_peak() {
    // Where that is not allowed, the peak counts what was before; it only gets larger by that.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn first_number(text: &str) -> u64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// The fifteenth field of `/proc/PID/stat`, in hundredths of a second on every architecture.
fn kernel_ns(stat: &str) -> u64 {
    // The name, the second field, may hold spaces and parentheses of its own.
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = behind_name.split_whitespace().nth(12).and_then(|word| word.parse::<u64>().ok());
    ticks.unwrap_or(0) * 10_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_time_is_found_behind_any_name() {
        let stat = "77 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 400 25 0 0 20 0 1";
        assert_eq!(kernel_ns(stat), 250_000_000);
        assert_eq!(kernel_ns(""), 0);
    }
}
