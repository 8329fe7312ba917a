//! The table of doors: one row for each address that the server listens at.
//!
//! What a door needs to be known by is in its row; a new door is a row, its routes, and a flag in
//! `config.rs`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use spandrel_codec::jaeger;

use crate::app::App;
use crate::config::{DoorSetting, ServeConfig};
use crate::door::{DatagramDoor, Door};
use crate::{api, receivers, sampling, ui};

/// What is true of a door before it is bound.
#[derive(Debug)]
pub(crate) struct DoorKind {
    /// What it is called in the log, in the status and in the metrics.
    pub(crate) name: &'static str,
    /// The setting that says where it is, as in `--listen`.
    pub(crate) setting: &'static str,
    /// Where it is unless that is said.
    pub(crate) usual_address: &'static str,
    /// Whether it opens unless it is said to be off; else only where it is asked for.
    pub(crate) is_usual: bool,
    /// What is spoken there.
    pub(crate) manner: Manner,
}

/// What is spoken at a door, and what is behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// HTTP, gRPC included, with these routes.
    Http(fn() -> Router<Arc<App>>),
    /// A batch of Jaeger's in each datagram, and no answer.
    Datagrams(jaeger::Format),
    /// Scribe's calls in frames.
    Scribe,
}

/// The main door, which must open.
pub(crate) const MAIN: DoorKind = DoorKind {
    name: "main",
    setting: "listen",
    usual_address: "127.0.0.1:9411",
    is_usual: true,
    manner: Manner::Http(|| {
        Router::new()
            .merge(receivers::zipkin_routes())
            .merge(receivers::otlp_http_routes())
            .merge(receivers::grpc_routes())
            .merge(receivers::archive_routes())
            .merge(api::zipkin_routes())
            .merge(api::spandrel_routes())
            .merge(api::operations_routes())
            .merge(ui::routes())
    }),
};

/// OTLP over gRPC.
pub(crate) const OTLP_GRPC: DoorKind = DoorKind {
    name: "otlp-grpc",
    setting: "otlp-grpc",
    usual_address: "127.0.0.1:4317",
    is_usual: true,
    manner: Manner::Http(receivers::otlp_grpc_routes),
};

/// OTLP over HTTP.
pub(crate) const OTLP_HTTP: DoorKind = DoorKind {
    name: "otlp-http",
    setting: "otlp-http",
    usual_address: "127.0.0.1:4318",
    is_usual: true,
    manner: Manner::Http(receivers::otlp_http_routes),
};

/// Jaeger's batches in Thrift over HTTP.
pub(crate) const JAEGER_THRIFT_HTTP: DoorKind = DoorKind {
    name: "jaeger-thrift-http",
    setting: "jaeger-thrift-http",
    usual_address: "127.0.0.1:14268",
    is_usual: true,
    manner: Manner::Http(receivers::jaeger_http_routes),
};

/// Jaeger's batches over gRPC.
pub(crate) const JAEGER_GRPC: DoorKind = DoorKind {
    name: "jaeger-grpc",
    setting: "jaeger-grpc",
    usual_address: "127.0.0.1:14250",
    is_usual: true,
    manner: Manner::Http(receivers::jaeger_grpc_routes),
};

/// What clients send to Jaeger's agent in Thrift's compact protocol.
pub(crate) const JAEGER_COMPACT: DoorKind = DoorKind {
    name: "jaeger-compact",
    setting: "jaeger-compact",
    usual_address: "127.0.0.1:6831",
    is_usual: true,
    manner: Manner::Datagrams(jaeger::Format::AgentCompact),
};

/// The same in Thrift's binary protocol.
pub(crate) const JAEGER_BINARY: DoorKind = DoorKind {
    name: "jaeger-binary",
    setting: "jaeger-binary",
    usual_address: "127.0.0.1:6832",
    is_usual: true,
    manner: Manner::Datagrams(jaeger::Format::AgentBinary),
};

/// Where clients of Jaeger's ask how much to sample.
pub(crate) const SAMPLING: DoorKind = DoorKind {
    name: "sampling",
    setting: "sampling",
    usual_address: "127.0.0.1:5778",
    is_usual: true,
    manner: Manner::Http(sampling::routes),
};

/// Zipkin's first way in, which nothing new uses.
pub(crate) const SCRIBE: DoorKind = DoorKind {
    name: "scribe",
    setting: "scribe",
    usual_address: "127.0.0.1:9410",
    is_usual: false,
    manner: Manner::Scribe,
};

/// All doors, the main one first.
pub(crate) static DOORS: [&DoorKind; 9] = [
    &MAIN,
    &OTLP_GRPC,
    &OTLP_HTTP,
    &JAEGER_THRIFT_HTTP,
    &JAEGER_GRPC,
    &JAEGER_COMPACT,
    &JAEGER_BINARY,
    &SAMPLING,
    &SCRIBE,
];

/// A door that is open, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenDoor {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
}

/// A door that is bound, with what is spoken there.
#[derive(Debug)]
pub(crate) enum Bound {
    Http(Door, fn() -> Router<Arc<App>>),
    Datagrams(DatagramDoor, jaeger::Format),
    Scribe(Door),
}

impl Bound {
    async fn bind(kind: &DoorKind, address: SocketAddr) -> io::Result<Self> {
        let name = kind.name;
        Ok(match kind.manner {
            Manner::Http(routes) => Self::Http(Door::bind(name, address).await?, routes),
            Manner::Datagrams(format) => {
                Self::Datagrams(DatagramDoor::bind(name, address).await?, format)
            }
            Manner::Scribe => Self::Scribe(Door::bind(name, address).await?),
        })
    }

    /// The door as it is told of.
    fn open_door(&self) -> OpenDoor {
        match self {
            Self::Http(door, _) | Self::Scribe(door) => {
                OpenDoor { name: door.name, address: door.address }
            }
            Self::Datagrams(door, _) => OpenDoor { name: door.name, address: door.address },
        }
    }
}

/// The doors that got bound, in the table's order, and what kept the others shut.
#[derive(Debug)]
pub(crate) struct BoundDoors {
    pub(crate) doors: Vec<Bound>,
    pub(crate) warnings: Vec<String>,
}

impl BoundDoors {
    /// Binds every door that is not off. One whose usual address is taken is left out with a
    /// warning; the main door, and one that was asked for, must open.
    pub(crate) async fn bind(config: &ServeConfig) -> anyhow::Result<Self> {
        let mut bound = Self { doors: Vec::new(), warnings: Vec::new() };
        for (kind, setting) in DOORS.into_iter().zip(&config.doors) {
            let (address, is_asked) = match setting {
                DoorSetting::Off => continue,
                DoorSetting::Usual(address) => (*address, kind.name == MAIN.name),
                DoorSetting::Asked(address) => (*address, true),
            };
            let DoorKind { name, setting, .. } = *kind;
            match Bound::bind(kind, address).await {
                Ok(door) => bound.doors.push(door),
                Err(error) if is_asked => {
                    let message = format!(
                        "the door {name} can't bind {address}: choose another with --{setting}"
                    );
                    return Err(error).context(message);
                }
                Err(error) => bound.warnings.push(format!(
                    "the door {name} stays shut, because {address} can't be bound ({error}): choose another with --{setting}, or say --{setting} off"
                )),
            }
        }
        Ok(bound)
    }

    /// The doors as they are told of.
    pub(crate) fn open_doors(&self) -> Vec<OpenDoor> {
        self.doors.iter().map(Bound::open_door).collect()
    }
}
