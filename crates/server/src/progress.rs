//! How far long work has come: in percent, how fast, and how long it will take yet.
//!
//! It computes and says; when it is asked and where the words go is the caller's to decide.

use crate::quantity::seconds_text;

const NS_PER_S: u64 = 1_000_000_000;

/// Work of a known size, or of one that is not known, at one instant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// How much is done, in whatever the work is counted in.
    pub(crate) done: u64,
    /// How much there is to do; zero when nobody knows.
    pub(crate) total: u64,
    /// For how long it has been done.
    pub(crate) elapsed_ns: u64,
}

impl Pace {
    /// How much of a hundred is done, where the total is known.
    pub(crate) fn percent(self) -> Option<u64> {
        let done = u128::from(self.done.min(self.total)) * 100;
        let percent = done.checked_div(u128::from(self.total))?;
        u64::try_from(percent).ok()
    }

    /// How much is done in a second.
    pub(crate) fn per_second(self) -> u64 {
        let done = u128::from(self.done) * u128::from(NS_PER_S);
        let rate = done.checked_div(u128::from(self.elapsed_ns)).unwrap_or(0);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// How many seconds the rest takes at this rate, where that can be told.
    pub(crate) fn left_s(self) -> Option<u64> {
        self.total
            .saturating_sub(self.done)
            .checked_div(self.per_second())
            .filter(|_| self.total > 0)
    }

    /// `40s left`, where that can be told.
    pub(crate) fn left_text(self) -> String {
        self.left_s().map_or_else(|| "time unknown".to_owned(), |s| seconds_text(s) + " left")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_rate_and_the_rest_follow_from_what_is_done() {
        let pace = Pace { done: 250, total: 1_000, elapsed_ns: 5 * NS_PER_S };
        assert_eq!((pace.percent(), pace.per_second(), pace.left_s()), (Some(25), 50, Some(15)));
        assert_eq!(pace.left_text(), "15s left");
    }

    #[test]
    fn nothing_is_made_up() {
        let unknown = Pace { done: 250, total: 0, elapsed_ns: NS_PER_S };
        assert_eq!((unknown.percent(), unknown.left_s()), (None, None));
        let begun = Pace { done: 0, total: 10, elapsed_ns: 0 };
        assert_eq!((begun.percent(), begun.per_second(), begun.left_s()), (Some(0), 0, None));
        let over = Pace { done: 12, total: 10, elapsed_ns: NS_PER_S };
        assert_eq!((over.percent(), over.left_s()), (Some(100), Some(0)));
    }
}
