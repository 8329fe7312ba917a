//! https: the handshake's events, and certificates that are not trusted.

use std::sync::Arc;

use spandrel::mock::MockTracer;
use spandrel::tags;
use spandrel_http::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::support::*;

/// Starts a server for https with a certificate for `shop`, and returns port and certificate.
async fn secure() -> (u16, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["shop".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let port = scripted(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await?;
            let mut head = Vec::new();
            loop {
                head.push(stream.read_u8().await?);
                if head.ends_with(b"\r\n\r\n") {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await?;
                    stream.flush().await?;
                    head.clear();
                }
            }
        }
    })
    .await;
    (port, certificate)
}

fn trusting(certificate: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

#[tokio::test]
async fn a_secure_request_tells_of_its_handshake_once() {
    let (port, certificate) = secure().await;
    let tracer = MockTracer::new();
    let client = builder(&tracer).tls_config(trusting(certificate)).build();
    for _ in 0..2 {
        assert_eq!(ask(&client, &format!("https://shop:{port}/")).await, "ok");
    }
    let hops = named(&tracer, "HTTP GET");
    assert_eq!(
        events(&hops[0]),
        [
            "GetConn",
            "DNSStart",
            "DNSDone",
            "ConnectStart",
            "ConnectDone",
            "TLSHandshakeStart",
            "TLSHandshakeDone",
            "GotConn",
            "WroteHeaders",
            "WroteRequest",
            "GotFirstResponseByte",
            "PutIdleConn",
            "ClosedBody"
        ]
    );
    assert_eq!(hops[0].logs()[6].field("version"), Some(&"TLSv1_3".into()));
    assert_eq!(events(&hops[1])[..2], ["GetConn", "GotConn"]);
    assert_eq!(tag(&hops[1], "net/http.reused"), Some(true.into()));
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_fails_the_request() {
    let (port, _) = secure().await;
    let (_, other) = secure().await;
    let tracer = MockTracer::new();
    let client = builder(&tracer).tls_config(trusting(other)).build();
    let error = soon(client.get(&format!("https://shop:{port}/"))).await.unwrap_err();
    assert!(matches!(&error, Error::Tls { host, .. } if host == "shop"), "{error}");
    let hop = only(&tracer, "HTTP GET");
    assert!(hop.is_error() && only(&tracer, "HTTP Client").is_error());
    assert_eq!(tag(&hop, tags::HTTP_STATUS_CODE), None);
    let events = events(&hop);
    assert_eq!(
        events[events.len() - 3..],
        ["TLSHandshakeStart", "failed TLSHandshakeDone", "error Tls"]
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_fails_the_request() {
    let (port, certificate) = secure().await;
    let tracer = MockTracer::new();
    let client = builder(&tracer).tls_config(trusting(certificate)).build();
    let error = soon(client.get(&format!("https://bank:{port}/"))).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
}
