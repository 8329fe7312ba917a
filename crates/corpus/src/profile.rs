//! Which kind of traces a corpus is made of.

use std::fmt;
use std::str::FromStr;

use crate::damage::Damage;

/// How many spans the trace of [`Profile::Giant`] has unless one says otherwise.
const GIANT_SPANS: u32 = 100_000;

/// How many it may have: about 1 GB of memory.
const GIANT_SPANS_MAX: u32 = 1_000_000;

/// A kind of traces.
///
/// Who calls whom is the profile's and is the same under every seed, except in the lab's; the
/// seed decides which traces there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// The corpus on which the storage layout was measured: 50 services with 147 instances, 30
    /// spans a trace, 444 bytes of OTLP a span.
    ///
    /// It alone is drawn in floating point, with the `ln`, `exp`, `pow` and `cos` of the
    /// platform's mathematics library. On Linux with the GNU C library on x86-64 it is the
    /// original byte for byte under seed 42; other libraries may round a last bit otherwise, and
    /// then a trace differs. What one machine makes, it makes again.
    Lab,
    /// Two hundred services in tiers: half of the traces have 12 spans or fewer, one in a
    /// hundred more than 1,000, and the largest 100,000.
    Mesh,
    /// A shop of nineteen services after OpenTelemetry's demo: 3 to 60 spans a trace.
    Shop,
    /// The services of [`Profile::Mesh`], and exactly ten spans in every trace.
    Ten,
    /// The services of [`Profile::Mesh`], and this many spans in every trace. One trace is
    /// usually enough; a million spans take about 1 GB of memory.
    Giant {
        /// How many spans each trace has, 1 to 1,000,000.
        spans: u32,
    },
}

impl Profile {
    /// Returns the damage that belongs to the profile: none for the lab's corpus, which is to be
    /// the original, and a little for the others.
    #[must_use]
    pub fn default_damage(self) -> Damage {
        match self {
            Self::Lab => Damage::NONE,
            Self::Mesh | Self::Shop | Self::Ten | Self::Giant { .. } => Damage::default(),
        }
    }

    /// Distinguishes the streams of chance of the profiles under one seed.
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Lab => 1,
            Self::Mesh => 2,
            Self::Shop => 3,
            Self::Ten => 4,
            Self::Giant { spans } => 5 | u64::from(spans) << 8,
        }
    }

    /// How many traces start in a second: so many that there are some 5,000 spans.
    pub(crate) fn traces_per_second(self) -> u64 {
        match self {
            Self::Lab => 167,
            Self::Mesh => 40,
            Self::Shop => 200,
            Self::Ten => 500,
            Self::Giant { spans } => (5_000 / u64::from(spans.max(1))).max(1),
        }
    }
}

/// Prints the name that [`Profile::from_str`] reads.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lab => f.write_str("lab"),
            Self::Mesh => f.write_str("mesh"),
            Self::Shop => f.write_str("shop"),
            Self::Ten => f.write_str("ten"),
            Self::Giant { spans: GIANT_SPANS } => f.write_str("giant"),
            Self::Giant { spans } => write!(f, "giant:{spans}"),
        }
    }
}

/// Reads `lab`, `mesh`, `shop`, `ten`, `giant` (100,000 spans) or `giant:` and a number of spans.
impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        match text {
            "lab" => Ok(Self::Lab),
            "mesh" => Ok(Self::Mesh),
            "shop" => Ok(Self::Shop),
            "ten" => Ok(Self::Ten),
            "giant" => Ok(Self::Giant { spans: GIANT_SPANS }),
            _ => {
                let number = text.strip_prefix("giant:").ok_or(ProfileError)?;
                let spans = number.parse().map_err(|_| ProfileError)?;
                let is_possible = (1..=GIANT_SPANS_MAX).contains(&spans);
                is_possible.then_some(Self::Giant { spans }).ok_or(ProfileError)
            }
        }
    }
}

/// The text names no profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileError;

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a profile is `lab`, `mesh`, `shop`, `ten`, `giant` or `giant:SPANS` \
             with 1 to {GIANT_SPANS_MAX} spans"
        )
    }
}

impl std::error::Error for ProfileError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_as_it_is_printed() {
        for text in ["lab", "mesh", "shop", "ten", "giant", "giant:10000", "giant:1000000"] {
            let profile: Profile = text.parse().unwrap();
            assert_eq!(profile.to_string(), text);
        }
        for text in ["", "Mesh", "giant:", "giant:0", "giant:1000001", "giant:-1", "ten:10"] {
            assert_eq!(text.parse::<Profile>(), Err(ProfileError), "{text}");
        }
    }
}
