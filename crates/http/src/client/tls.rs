//! TLS by rustls on ring: whom to trust, and the handshake.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, HandshakeKind, RootCertStore};

use super::attempt::Attempt;
use crate::Error;
use crate::client_trace::{ClientTrace as _, TlsInfo};

/// How long a handshake may take, as in Go's default transport.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Shakes hands. What the system trusts is loaded when the first connection asks.
#[derive(Default)]
pub(super) struct Tls {
    config: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    pub(super) fn with(config: Option<Arc<ClientConfig>>) -> Self {
        Self { config: OnceCell::new_with(config) }
    }

    pub(super) async fn handshake(
        &self,
        tcp: TcpStream,
        host: &str,
        attempt: &Attempt,
    ) -> Result<TlsStream, Error> {
        let failed = |source| Error::Tls { host: host.to_owned(), source };
        let config = self.config.get_or_try_init(system_config).await.map_err(failed)?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        attempt.tls_handshake_start();
        let connecting = TlsConnector::from(Arc::clone(config)).connect(name, tcp);
        let shaken = timeout(HANDSHAKE_TIMEOUT, connecting).await.unwrap_or_else(|_| {
            let message = format!("no handshake within {HANDSHAKE_TIMEOUT:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        });
        match &shaken {
            Ok(stream) => attempt.tls_handshake_done(Ok(&info_of(stream))),
            Err(error) => attempt.tls_handshake_done(Err(error)),
        }
        shaken.map_err(failed)
    }
}

fn info_of(stream: &TlsStream) -> TlsInfo {
    let (_, session) = stream.get_ref();
    let version = session.protocol_version().map(|version| format!("{version:?}"));
    let suite = session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
    TlsInfo {
        version: version.unwrap_or_default(),
        cipher_suite: suite.unwrap_or_default(),
        is_resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
    }
}

/// Trusts what the system trusts. Reading that blocks, so a thread for such work does it.
async fn system_config() -> io::Result<Arc<ClientConfig>> {
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let loaded = loaded.map_err(io::Error::other)?;
    let mut roots = RootCertStore::empty();
    // A certificate that rustls cannot read is one that it would not trust either.
    let (added, _) = roots.add_parsable_certificates(loaded.certs);
    if added == 0 {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the system trusts no certificate"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
