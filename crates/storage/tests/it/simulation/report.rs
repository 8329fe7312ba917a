//! What runs did, for the counts that the tests print.

/// What one run did, for the counts that the tests print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) appended: u64,
    pub(super) acked: u64,
    pub(super) refused: u64,
    pub(super) deleted: u64,
    pub(super) pinned: u64,
    pub(super) flushes: u64,
    pub(super) merges: u64,
    pub(super) folded: u64,
    pub(super) expired: u64,
    pub(super) failed_jobs: u64,
    pub(super) jobs_cut_off: u64,
    pub(super) power_cuts: u64,
    pub(super) process_deaths: u64,
    pub(super) failed_opens: u64,
    pub(super) failed_reads: u64,
    pub(super) traces_checked: u64,
    pub(super) calls_checked: u64,
    pub(super) calls: u64,
    pub(super) fingerprint: u64,
}

impl Report {
    pub(super) fn add(&mut self, other: &Self) {
        self.appended += other.appended;
        self.acked += other.acked;
        self.refused += other.refused;
        self.deleted += other.deleted;
        self.pinned += other.pinned;
        self.flushes += other.flushes;
        self.merges += other.merges;
        self.folded += other.folded;
        self.expired += other.expired;
        self.failed_jobs += other.failed_jobs;
        self.jobs_cut_off += other.jobs_cut_off;
        self.power_cuts += other.power_cuts;
        self.process_deaths += other.process_deaths;
        self.failed_opens += other.failed_opens;
        self.failed_reads += other.failed_reads;
        self.traces_checked += other.traces_checked;
        self.calls_checked += other.calls_checked;
        self.calls += other.calls;
    }
}
