//! The flags of `spandrel loadgen`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::protocol::{PROTOCOLS, Protocol};
use crate::commands::measure::corpus_flags::{CorpusFlags, Count, Size};
use crate::quantity::parse_age_ns;

/// The longest load. What takes longer is not a measurement.
const DURATION_MAX: Duration = Duration::from_secs(3_600);

/// What to send, to whom, and how fast.
#[derive(Args, Debug)]
pub(crate) struct LoadgenFlags {
    #[command(flatten)]
    pub(super) corpus: CorpusFlags,
    /// The main door of the server that takes it [default: one that is started for this, on free
    /// ports and a folder that is removed afterwards]
    #[arg(long, value_name = "URL")]
    pub(super) target: Option<String>,
    /// Send to another machine than this one, too
    #[arg(long, requires = "target")]
    pub(super) allow_remote: bool,
    /// The process of the target on this machine, of which processor time and memory are told
    #[arg(long, value_name = "PID", requires = "target")]
    pub(super) server_pid: Option<u32>,
    /// What is spoken
    #[arg(long, default_value = "otlp-http", value_parser = protocol_named)]
    pub(super) protocol: &'static Protocol,
    /// How bodies are compressed
    #[arg(long, value_enum, default_value_t = Encoding::None)]
    pub(super) encoding: Encoding,
    /// How many connections are held
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(super) connections: u16,
    /// How many requests are under way at once on each connection; more than one over HTTP/2 only
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) streams: u16,
    /// How many threads send
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) threads: u16,
    /// Offer so many spans a second, whether answers come or not; latency counts from when a
    /// request was due, and a refused one is not sent again [default: the next request goes when
    /// the one before is answered]
    #[arg(long, value_name = "COUNT")]
    pub(super) rate: Option<Count>,
    /// When to stop sending though spans are left, as in 30s or 2m
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(super) duration: Duration,
    /// How many bytes of bodies are held ready; those that fit are made before the clock starts
    #[arg(long, default_value = "1GiB", value_name = "SIZE")]
    pub(super) bodies: Size,
    /// How many traces are read back and compared: a number, `all` or `none`
    #[arg(long, default_value = "1000", value_name = "COUNT")]
    pub(super) check: CheckScope,
    /// The memory budget of a server that is started for this, as in 256MiB
    #[arg(long, value_name = "SIZE", conflicts_with = "target")]
    pub(super) memory: Option<String>,
    /// Where a server that is started for this puts its folder [default: the temporary folder]
    #[arg(long, value_name = "DIR", conflicts_with = "target")]
    pub(super) data_dir: Option<PathBuf>,
    /// Write the figures to a file as JSON too
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Encoding {
    /// Not at all
    None,
    /// gzip at level 6, the usual one of senders
    Gzip,
    /// zstd at level 3, the usual one of senders
    Zstd,
}

impl Encoding {
    /// What headers call it.
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// Which traces are read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckScope {
    All,
    /// So many, spread evenly over what was sent.
    Some(u64),
}

impl FromStr for CheckScope {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            "none" => Ok(Self::Some(0)),
            _ => text.parse::<Count>().map(|count| Self::Some(count.0)),
        }
    }
}

fn protocol_named(name: &str) -> Result<&'static Protocol, String> {
    let named = PROTOCOLS.iter().find(|protocol| protocol.name == name);
    named.ok_or_else(|| {
        let names: Vec<_> = PROTOCOLS.iter().map(|protocol| protocol.name).collect();
        format!("the protocols are {}", names.join(", "))
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = parse_age_ns(text).map(Duration::from_nanos);
    duration.filter(|duration| *duration <= DURATION_MAX).ok_or_else(|| {
        format!("a duration is as in 30s or 2m, {} s at the most", DURATION_MAX.as_secs())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_checked_is_a_number_or_a_word() {
        assert_eq!("all".parse(), Ok(CheckScope::All));
        assert_eq!("none".parse(), Ok(CheckScope::Some(0)));
        assert_eq!("2k".parse(), Ok(CheckScope::Some(2_000)));
        assert!("some".parse::<CheckScope>().is_err());
    }

    #[test]
    fn a_load_has_an_end() {
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("2h").is_err() && duration("5").is_err());
    }

    #[test]
    fn a_protocol_that_is_not_there_is_told_which_are() {
        assert_eq!(protocol_named("otlp-grpc").unwrap().name, "otlp-grpc");
        assert!(protocol_named("carrier-pigeon").unwrap_err().contains("zipkin-v1-thrift"));
    }
}
