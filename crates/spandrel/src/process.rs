//! What a program knows about itself when nobody tells: its host's name and address.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use crate::record::Process;
use crate::value::Tag;

/// An address of the block for documentation (RFC 5737): routed like any far one, and nobody's.
const FAR_AWAY: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// Adds what is not there: the tags `spandrel.version` and `hostname`, and the address.
pub(crate) fn describe(process: &mut Process) {
    add_tag(process, "spandrel.version", concat!("Rust-", env!("CARGO_PKG_VERSION")));
    if let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        add_tag(process, "hostname", name.trim());
    }
    if process.address.is_empty() {
        process.address.ipv4 = outgoing_ipv4();
    }
}

fn add_tag(process: &mut Process, key: &'static str, value: &str) {
    if !process.tags.iter().any(|tag| tag.key == key) {
        process.tags.push(Tag::new(key, value));
    }
}

/// Asks the system from which address it would send. Connecting a UDP socket sends nothing.
fn outgoing_ipv4() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(FAR_AWAY).ok()?;
    match socket.local_addr().ok()? {
        SocketAddr::V4(address) if !address.ip().is_unspecified() => Some(*address.ip()),
        _ => None,
    }
}
