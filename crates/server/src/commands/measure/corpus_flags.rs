//! Which corpus a measurement is made with, and how counts and sizes are written in flags.

use std::str::FromStr;

use clap::Args;
use spandrel_corpus::{Corpus, Profile, Requests};

/// Which corpus.
#[derive(Args, Clone, Debug)]
pub(in crate::commands) struct CorpusFlags {
    /// The kind of traces: lab, mesh, shop, ten, giant or giant:SPANS
    #[arg(long, default_value = "lab")]
    pub(in crate::commands) profile: Profile,
    /// Which of the corpora of that kind
    #[arg(long, default_value_t = 42)]
    pub(in crate::commands) seed: u64,
    /// How many spans, as in 200k or 5m; the last trace is whole
    #[arg(long, default_value = "1m", value_name = "COUNT")]
    pub(in crate::commands) spans: Count,
    /// Add a random attribute of 32 hexadecimal digits to every span
    #[arg(long)]
    pub(in crate::commands) random_attribute: bool,
    /// How many spans a request has at most
    #[arg(long, default_value_t = 512)]
    pub(in crate::commands) spans_per_request: usize,
}

impl CorpusFlags {
    pub(in crate::commands) fn corpus(&self) -> Corpus {
        let corpus = Corpus::of(self.profile, self.seed);
        if self.random_attribute { corpus.with_random_attribute() } else { corpus }
    }

    /// The requests that carry it.
    pub(in crate::commands) fn requests(&self) -> Requests {
        self.corpus().requests(self.spans.0, self.spans_per_request)
    }
}

/// A number of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Count(pub(in crate::commands) u64);

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Size(pub(in crate::commands) u64);

impl FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let units = [("", 1), ("k", 1_000), ("m", 1_000_000), ("g", 1_000_000_000)];
        let lower = text.to_lowercase();
        scaled(&lower, &units).map(Self).ok_or("a count is a number over zero, as in 200k or 5m")
    }
}

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let units = [("", 1), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        scaled(text, &units).map(Self).ok_or("a size is a number of MiB or GiB, as in 512MiB")
    }
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits_len = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(digits_len);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*factor).filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_decimal_and_sizes_binary() {
        assert_eq!("5m".parse(), Ok(Count(5_000_000)));
        assert_eq!("200K".parse(), Ok(Count(200_000)));
        assert_eq!("17".parse(), Ok(Count(17)));
        assert_eq!("512MiB".parse(), Ok(Size(512 << 20)));
        for text in ["", "0", "m", "5 m", "1.5m", "99999999999999999999g"] {
            assert!(text.parse::<Count>().is_err(), "{text}");
        }
        assert!("1GB".parse::<Size>().is_err());
    }
}
