//! The server's configuration: flags over environment over file over defaults.
//!
//! Every setting has one name: `--data-dir`, SPANDREL_DATA_DIR, and `data-dir` in the file.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Deserialize;
use spandrel_storage::{Durability, Retention, StoreLen};

use crate::doors::{DOORS, DoorKind, MAIN};
use crate::quantity::{parse_age_ns, parse_size};
use crate::receivers::CorsOrigins;

const MEMORY_DEFAULT_BYTES: u64 = 1 << 30;
/// Below this the server can't hold one request of the largest size and its spans.
const MEMORY_MIN_BYTES: u64 = 64 << 20;

/// The flags of `spandrel serve`.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ServeFlags {
    /// The main door: pages, Zipkin's API, OTLP/HTTP and Spandrel's own API [default: 127.0.0.1:9411; port 0 takes a free one]
    #[arg(long, env = "SPANDREL_LISTEN", value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// The door for OTLP over gRPC, or `off` [default: 127.0.0.1:4317]
    #[arg(long, env = "SPANDREL_OTLP_GRPC", value_name = "HOST:PORT")]
    pub(crate) otlp_grpc: Option<String>,
    /// The door for OTLP over HTTP, or `off`; the main door takes it too [default: 127.0.0.1:4318]
    #[arg(long, env = "SPANDREL_OTLP_HTTP", value_name = "HOST:PORT")]
    pub(crate) otlp_http: Option<String>,
    /// The door for Jaeger's batches over HTTP, or `off` [default: 127.0.0.1:14268]
    #[arg(long, env = "SPANDREL_JAEGER_THRIFT_HTTP", value_name = "HOST:PORT")]
    pub(crate) jaeger_thrift_http: Option<String>,
    /// The door for Jaeger's batches over gRPC, or `off` [default: 127.0.0.1:14250]
    #[arg(long, env = "SPANDREL_JAEGER_GRPC", value_name = "HOST:PORT")]
    pub(crate) jaeger_grpc: Option<String>,
    /// The door for Jaeger's clients over UDP, compact Thrift, or `off` [default: 127.0.0.1:6831]
    #[arg(long, env = "SPANDREL_JAEGER_COMPACT", value_name = "HOST:PORT")]
    pub(crate) jaeger_compact: Option<String>,
    /// The door for Jaeger's clients over UDP, binary Thrift, or `off` [default: 127.0.0.1:6832]
    #[arg(long, env = "SPANDREL_JAEGER_BINARY", value_name = "HOST:PORT")]
    pub(crate) jaeger_binary: Option<String>,
    /// The door where Jaeger's clients ask how much to sample, or `off` [default: 127.0.0.1:5778]
    #[arg(long, env = "SPANDREL_SAMPLING", value_name = "HOST:PORT")]
    pub(crate) sampling: Option<String>,
    /// A file of Jaeger's that says how much each service samples; read again when it changes [default: none, all is sampled]
    #[arg(long, env = "SPANDREL_SAMPLING_STRATEGIES", value_name = "FILE")]
    pub(crate) sampling_strategies: Option<PathBuf>,
    /// The door for Zipkin's oldest senders, over Scribe, as in 127.0.0.1:9410 [default: off]
    #[arg(long, env = "SPANDREL_SCRIBE", value_name = "HOST:PORT")]
    pub(crate) scribe: Option<String>,
    /// Web sites whose pages may send spans, as in https://shop.example, several behind commas, or `*` for all [default: none]
    #[arg(long, env = "SPANDREL_CORS_ORIGIN", value_name = "ORIGIN")]
    pub(crate) cors_origin: Option<String>,
    /// Where spans are kept [default: `spandrel` in the user's data folder]
    #[arg(long, env = "SPANDREL_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The memory budget, as in 512MiB or 2GiB [default: 1GiB]
    #[arg(long, env = "SPANDREL_MEMORY", value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// When a span counts as kept: `fsync`, or `interval:200ms` to sync that often and risk that much [default: fsync]
    #[arg(long, env = "SPANDREL_DURABILITY", value_name = "WHEN")]
    pub(crate) durability: Option<String>,
    /// How long spans are kept after they came, as in 14d or 36h, or `off` [default: off]
    #[arg(long, env = "SPANDREL_RETENTION_AGE", value_name = "AGE")]
    pub(crate) retention_age: Option<String>,
    /// How much of the disk spans may take, as in 200GiB or 80%, or `off` [default: 80%]
    #[arg(long, env = "SPANDREL_RETENTION_SIZE", value_name = "SIZE")]
    pub(crate) retention_size: Option<String>,
    /// How much of the disk stays free: below it the oldest spans go [default: 512MiB]
    #[arg(long, env = "SPANDREL_RETENTION_FREE", value_name = "SIZE")]
    pub(crate) retention_free: Option<String>,
    /// A TOML file with the same names (listen, data-dir, memory, durability, retention-age, ...)
    #[arg(long, env = "SPANDREL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Run the article's client and server once the door is open, as `spandrel demo` does
    #[arg(long)]
    pub(crate) demo: bool,
    /// Trace the server's own requests, as the service `spandrel`, ten a second at the most
    #[arg(long, env = "SPANDREL_SELF_TRACE")]
    pub(crate) self_trace: bool,
}

/// The same settings in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ConfigFile {
    listen: Option<String>,
    otlp_grpc: Option<String>,
    otlp_http: Option<String>,
    jaeger_thrift_http: Option<String>,
    jaeger_grpc: Option<String>,
    jaeger_compact: Option<String>,
    jaeger_binary: Option<String>,
    sampling: Option<String>,
    sampling_strategies: Option<PathBuf>,
    scribe: Option<String>,
    cors_origin: Option<String>,
    data_dir: Option<PathBuf>,
    memory: Option<String>,
    durability: Option<String>,
    retention_age: Option<String>,
    retention_size: Option<String>,
    retention_free: Option<String>,
    self_trace: Option<bool>,
}

/// Where a door binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoorSetting {
    /// Nowhere.
    Off,
    /// Where it usually is; nobody asked for it.
    Usual(SocketAddr),
    /// Where somebody asked for it.
    Asked(SocketAddr),
}

/// The settings that the server runs with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServeConfig {
    /// Where the doors bind, in the order of [`DOORS`].
    pub(crate) doors: [DoorSetting; DOORS.len()],
    /// Where it stands how much each service samples; without it, all is sampled.
    pub(crate) sampling_strategies: Option<PathBuf>,
    /// Which other sites' pages may send spans.
    pub(crate) cors_origins: CorsOrigins,
    /// Where spans are kept, absolute.
    pub(crate) data_dir: PathBuf,
    /// The memory budget in bytes.
    pub(crate) memory_bytes: u64,
    /// When a span counts as kept.
    pub(crate) durability: Durability,
    /// What is kept at most.
    pub(crate) retention: Retention,
    /// Whether the server's own requests are traced.
    pub(crate) self_trace: bool,
}

impl ServeConfig {
    /// Reads the file that the flags name, and settles every setting.
    pub(crate) fn load(flags: ServeFlags) -> anyhow::Result<Self> {
        let file = match &flags.config {
            Some(path) => read_file(path)?,
            None => ConfigFile::default(),
        };
        let asked = [
            flags.listen.or(file.listen),
            flags.otlp_grpc.or(file.otlp_grpc),
            flags.otlp_http.or(file.otlp_http),
            flags.jaeger_thrift_http.or(file.jaeger_thrift_http),
            flags.jaeger_grpc.or(file.jaeger_grpc),
            flags.jaeger_compact.or(file.jaeger_compact),
            flags.jaeger_binary.or(file.jaeger_binary),
            flags.sampling.or(file.sampling),
            flags.scribe.or(file.scribe),
        ];
        let sampling_strategies = flags.sampling_strategies.or(file.sampling_strategies);
        let cors_origins = flags.cors_origin.or(file.cors_origin);
        let memory = flags.memory.or(file.memory);
        let durability = flags.durability.or(file.durability);
        let retention = parse_retention(
            flags.retention_age.or(file.retention_age).as_deref(),
            flags.retention_size.or(file.retention_size).as_deref(),
            flags.retention_free.or(file.retention_free).as_deref(),
        )?;
        let data_dir = data_dir(flags.data_dir.or(file.data_dir))?;
        Ok(Self {
            doors: settle_doors(asked)?,
            sampling_strategies,
            cors_origins: CorsOrigins::parse(cors_origins.as_deref().unwrap_or_default())?,
            data_dir,
            memory_bytes: memory.as_deref().map_or(Ok(MEMORY_DEFAULT_BYTES), parse_memory)?,
            durability: durability.as_deref().map_or(Ok(Durability::Fsync), parse_durability)?,
            retention,
            self_trace: flags.self_trace || file.self_trace.unwrap_or(false),
        })
    }

    /// The settings of a server that lives as long as somebody looks: a free port on loopback,
    /// a folder that is removed afterwards.
    pub(crate) fn temporary(folder: &Path) -> Self {
        let mut doors = [DoorSetting::Off; DOORS.len()];
        doors[0] = DoorSetting::Asked(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        Self {
            doors,
            sampling_strategies: None,
            cors_origins: CorsOrigins::default(),
            data_dir: folder.to_owned(),
            memory_bytes: MEMORY_DEFAULT_BYTES,
            durability: Durability::Fsync,
            retention: Retention::default(),
            self_trace: false,
        }
    }
}

/// The data folder, absolute: the one that was asked for, or the usual one.
pub(crate) fn data_dir(asked: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let data_dir = match asked {
        Some(data_dir) => data_dir,
        None => default_data_dir(|name| env::var_os(name).map(PathBuf::from))?,
    };
    std::path::absolute(&data_dir)
        .with_context(|| format!("data-dir {} is no path", data_dir.display()))
}

fn read_file(path: &Path) -> anyhow::Result<ConfigFile> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("the configuration file {} can't be read", path.display()))?;
    toml::from_str(&text)
        .with_context(|| format!("the configuration file {} is wrong", path.display()))
}

fn settle_doors(
    asked: [Option<String>; DOORS.len()],
) -> anyhow::Result<[DoorSetting; DOORS.len()]> {
    let mut settings = [DoorSetting::Off; DOORS.len()];
    for ((setting, kind), asked) in settings.iter_mut().zip(DOORS).zip(asked) {
        *setting = match asked.as_deref() {
            None if !kind.is_usual => DoorSetting::Off,
            None => DoorSetting::Usual(parse_address(kind, kind.usual_address)?),
            Some("off") if kind.name == MAIN.name => {
                bail!("listen `off`: the main door can't be off")
            }
            Some("off") => DoorSetting::Off,
            Some(text) => DoorSetting::Asked(parse_address(kind, text)?),
        };
    }
    Ok(settings)
}

fn parse_address(kind: &DoorKind, text: &str) -> anyhow::Result<SocketAddr> {
    let DoorKind { setting, usual_address, .. } = kind;
    if text.starts_with(':') {
        bail!(
            "{setting} `{text}` names no host: say 127.0.0.1{text} for this machine only, or 0.0.0.0{text} for all"
        );
    }
    let mut addresses = text
        .to_socket_addrs()
        .with_context(|| format!("{setting} `{text}` is not HOST:PORT, as in {usual_address}"))?;
    addresses.next().with_context(|| format!("{setting} `{text}` names a host without an address"))
}

fn parse_memory(text: &str) -> anyhow::Result<u64> {
    let bytes = parse_size(text)
        .with_context(|| format!("memory `{text}` is no size: say 512MiB, 2GiB, or bytes"))?;
    if bytes < MEMORY_MIN_BYTES {
        bail!("memory `{text}` is under the least of {}MiB", MEMORY_MIN_BYTES >> 20);
    }
    Ok(bytes)
}

/// What is not said is as the store has it.
fn parse_retention(
    age: Option<&str>,
    size: Option<&str>,
    free: Option<&str>,
) -> anyhow::Result<Retention> {
    let mut retention = Retention::default();
    if let Some(age) = age {
        retention.age_max_ns = parse_retention_age(age)?;
    }
    if let Some(size) = size {
        retention.len_max = parse_retention_size(size)?;
    }
    if let Some(free) = free {
        retention.disk_free_min = parse_size(free)
            .with_context(|| format!("retention-free `{free}` is no size: say 512MiB or 2GiB"))?;
    }
    Ok(retention)
}

fn parse_retention_age(text: &str) -> anyhow::Result<Option<u64>> {
    if text == "off" {
        return Ok(None);
    }
    let age_ns = parse_age_ns(text);
    let age_ns =
        age_ns.with_context(|| format!("retention-age `{text}` is no age: say 14d, 36h or off"))?;
    Ok(Some(age_ns))
}

fn parse_retention_size(text: &str) -> anyhow::Result<StoreLen> {
    let wrong =
        || format!("retention-size `{text}` is no size: say 200GiB, 80% (1% to 100%) or off");
    if text == "off" {
        return Ok(StoreLen::Bytes(u64::MAX));
    }
    match text.strip_suffix('%') {
        Some(percent) => {
            let percent = percent.trim_end().parse().ok();
            let percent = percent.filter(|percent| (1..=100).contains(percent));
            percent.map(StoreLen::DiskPercent).with_context(wrong)
        }
        None => {
            let bytes = parse_size(text).filter(|bytes| *bytes > 0);
            bytes.map(StoreLen::Bytes).with_context(wrong)
        }
    }
}

fn parse_durability(text: &str) -> anyhow::Result<Durability> {
    if text == "fsync" {
        return Ok(Durability::Fsync);
    }
    let interval_ms = text
        .strip_prefix("interval:")
        .and_then(|interval| interval.strip_suffix("ms"))
        .and_then(|digits| digits.parse().ok())
        .filter(|interval_ms| (1..=60_000).contains(interval_ms));
    match interval_ms {
        Some(interval_ms) => Ok(Durability::Interval { interval_ms }),
        None => bail!(
            "durability `{text}` is neither fsync nor interval:MS, 1ms to 60000ms, as in interval:200ms"
        ),
    }
}

/// The XDG data folder, by the variables that name it.
fn default_data_dir(variable: impl Fn(&str) -> Option<PathBuf>) -> anyhow::Result<PathBuf> {
    // The XDG specification has relative paths ignored.
    let data_home = variable("XDG_DATA_HOME").filter(|path| path.is_absolute());
    let data_home = data_home.or_else(|| Some(variable("HOME")?.join(".local/share")));
    let data_home = data_home.context("neither XDG_DATA_HOME nor HOME is set: say --data-dir")?;
    Ok(data_home.join("spandrel"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_needs_some_memory() {
        assert!(parse_memory("1MiB").unwrap_err().to_string().contains("least of 64MiB"));
    }

    #[test]
    fn retention_is_by_age_by_size_and_by_what_stays_free() {
        let parse = |age, size, free| parse_retention(age, size, free).map_err(|e| e.to_string());
        assert_eq!(parse(None, None, None).unwrap(), Retention::default());
        let set = parse(Some("14d"), Some("50%"), Some("1GiB")).unwrap();
        assert_eq!(set.age_max_ns, Some(14 * 86_400 * 1_000_000_000));
        assert_eq!((set.len_max, set.disk_free_min), (StoreLen::DiskPercent(50), 1 << 30));
        let set = parse(Some("off"), Some("2GiB"), None).unwrap();
        assert_eq!((set.age_max_ns, set.len_max), (None, StoreLen::Bytes(2 << 30)));
        let set = parse(None, Some("off"), Some("0")).unwrap();
        assert_eq!((set.len_max, set.disk_free_min), (StoreLen::Bytes(u64::MAX), 0));
        for text in ["14", "never", "0d", ""] {
            assert!(parse(Some(text), None, None).unwrap_err().contains("retention-age"), "{text}");
        }
        for text in ["0%", "101%", "%", "0", "much", ""] {
            assert!(
                parse(None, Some(text), None).unwrap_err().contains("retention-size"),
                "{text}"
            );
        }
        assert!(parse(None, None, Some("80%")).unwrap_err().contains("retention-free"));
    }

    #[test]
    fn durability_is_fsync_or_a_named_window() {
        assert_eq!(parse_durability("fsync").unwrap(), Durability::Fsync);
        let interval = Durability::Interval { interval_ms: 200 };
        assert_eq!(parse_durability("interval:200ms").unwrap(), interval);
        for text in ["", "never", "interval", "interval:0ms", "interval:2s"] {
            assert!(parse_durability(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_an_unknown_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spandrel.toml");
        fs::write(&path, "listen = '127.0.0.1:1'\nmemory = '128MiB'\ndata-dir = '/d'\n").unwrap();
        let mut flags = ServeFlags { config: Some(path.clone()), ..ServeFlags::default() };
        flags.listen = Some("127.0.0.1:2".to_owned());
        let config = ServeConfig::load(flags.clone()).unwrap();
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let usual = |port| DoorSetting::Usual(address(port));
        let doors = [
            DoorSetting::Asked(address(2)),
            usual(4317),
            usual(4318),
            usual(14268),
            usual(14250),
            usual(6831),
            usual(6832),
            usual(5778),
            DoorSetting::Off,
        ];
        assert_eq!((config.doors, config.memory_bytes), (doors, 128 << 20));
        assert_eq!(config.data_dir, Path::new("/d"));

        fs::write(&path, "lissten = '127.0.0.1:1'\n").unwrap();
        let error = format!("{:#}", ServeConfig::load(flags).unwrap_err());
        assert!(error.contains("lissten") && error.contains("listen"), "{error}");
    }

    #[test]
    fn a_door_is_off_or_somewhere_and_the_main_one_is_somewhere() {
        let settle = |asked: [Option<&str>; 3]| {
            let mut all = [const { None }; DOORS.len()];
            for (setting, text) in all.iter_mut().zip(asked) {
                *setting = text.map(Into::into);
            }
            settle_doors(all)
        };
        let settled = settle([None, Some("off"), Some("127.0.0.1:0")]).unwrap();
        assert!(matches!(settled[0], DoorSetting::Usual(address) if address.port() == 9411));
        assert_eq!(settled[1], DoorSetting::Off);
        assert!(matches!(settled[2], DoorSetting::Asked(address) if address.port() == 0));
        assert!(settle([Some("off"), None, None]).is_err());
        for text in [":4317", "4317", "on", ""] {
            let error = settle([None, Some(text), None]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("otlp-grpc `{text}`")), "{error}");
        }
    }

    #[test]
    fn the_default_folder_follows_xdg() {
        let variable = |set: &'static [(&str, &str)]| {
            move |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, v)| v.into())
        };
        let found = |set| default_data_dir(variable(set)).ok();
        assert_eq!(found(&[("XDG_DATA_HOME", "/x"), ("HOME", "/h")]), Some("/x/spandrel".into()));
        assert_eq!(
            found(&[("XDG_DATA_HOME", "x"), ("HOME", "/h")]),
            Some("/h/.local/share/spandrel".into())
        );
        assert_eq!(found(&[]), None);
    }
}
