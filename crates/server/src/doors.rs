//! The table of doors: one row for each address that the server listens at.
//!
//! What a door needs to be known by is in its row; a new door is a row, its routes, and a flag in
//! `config.rs`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;

use crate::app::App;
use crate::config::{DoorSetting, ServeConfig};
use crate::door::Door;
use crate::{api, receivers, ui};

/// What is true of a door before it is bound.
#[derive(Debug)]
pub(crate) struct DoorKind {
    /// What it is called in the log, in the status and in the metrics.
    pub(crate) name: &'static str,
    /// The setting that says where it is, as in `--listen`.
    pub(crate) setting: &'static str,
    /// Where it is unless that is said.
    pub(crate) usual_address: &'static str,
    /// What is behind it.
    pub(crate) routes: fn() -> Router<Arc<App>>,
}

/// The main door, which must open.
pub(crate) const MAIN: DoorKind = DoorKind {
    name: "main",
    setting: "listen",
    usual_address: "127.0.0.1:9411",
    routes: || {
        Router::new()
            .merge(receivers::zipkin_routes())
            .merge(receivers::otlp_http_routes())
            .merge(receivers::grpc_routes())
            .merge(receivers::archive_routes())
            .merge(api::zipkin_routes())
            .merge(api::spandrel_routes())
            .merge(api::operations_routes())
            .merge(ui::routes())
    },
};

/// OTLP over gRPC.
pub(crate) const OTLP_GRPC: DoorKind = DoorKind {
    name: "otlp-grpc",
    setting: "otlp-grpc",
    usual_address: "127.0.0.1:4317",
    routes: receivers::otlp_grpc_routes,
};

/// OTLP over HTTP.
pub(crate) const OTLP_HTTP: DoorKind = DoorKind {
    name: "otlp-http",
    setting: "otlp-http",
    usual_address: "127.0.0.1:4318",
    routes: receivers::otlp_http_routes,
};

/// All doors, the main one first.
pub(crate) static DOORS: [&DoorKind; 3] = [&MAIN, &OTLP_GRPC, &OTLP_HTTP];

/// A door that is open, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenDoor {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
}

/// The doors that got bound, in the table's order, and what kept the others shut.
#[derive(Debug)]
pub(crate) struct BoundDoors {
    pub(crate) doors: Vec<(&'static DoorKind, Door)>,
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
            match Door::bind(name, address).await {
                Ok(door) => bound.doors.push((kind, door)),
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
        let told = |(_, door): &(_, Door)| OpenDoor { name: door.name, address: door.address };
        self.doors.iter().map(told).collect()
    }
}
