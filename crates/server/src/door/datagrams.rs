//! A door for datagrams: a bound socket that is read, and never written to.

use std::io;
use std::net::SocketAddr;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use tokio::net::UdpSocket;

/// How much the kernel is asked to hold of what is not read yet. It gives what it is set up to
/// give (`net.core.rmem_max`); what does not fit is lost before anybody here can count it.
const KERNEL_BUFFER_LEN: usize = 4 << 20;

/// A bound socket that nothing was read from yet.
#[derive(Debug)]
pub(crate) struct DatagramDoor {
    pub(crate) socket: UdpSocket,
    /// What it is called.
    pub(crate) name: &'static str,
    /// Where it got bound.
    pub(crate) address: SocketAddr,
}

impl DatagramDoor {
    /// Binds. Port 0 takes a free one.
    pub(crate) async fn bind(name: &'static str, address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address).await?;
        // A kernel that gives less serves all the same, and loses more of a burst.
        let _ = set_socket_recv_buffer_size(&socket, KERNEL_BUFFER_LEN);
        let address = socket.local_addr()?;
        Ok(Self { socket, name, address })
    }
}
