//! Owns how a byte stream to an endpoint is opened, with or without TLS; resolves the name anew each time.

use super::{Endpoint, NetError};
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Addresses of a name that are tried; the next attempt asks for the name again.
const ADDRESSES_MAX: usize = 4;

/// A connected byte stream.
#[derive(Debug)]
pub enum Stream {
    /// Without TLS: loopback and the embedded exchange.
    Plain(TcpStream),
    /// With TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects with TCP_NODELAY; the name is resolved anew at each call, because the stream hosts rotate.
///
/// # Errors
/// [`NetError::Connect`] or [`NetError::Timeout`].
pub async fn connect(endpoint: &Endpoint, limit: Duration) -> Result<Stream, NetError> {
    let wrap = |source| NetError::Connect {
        host: endpoint.host.clone(),
        port: endpoint.port,
        source,
    };
    match tokio::time::timeout(limit, open(endpoint, limit)).await {
        Ok(result) => result.map_err(wrap),
        Err(_) => Err(NetError::Timeout {
            what: "connecting",
            limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        }),
    }
}

async fn open(endpoint: &Endpoint, limit: Duration) -> io::Result<Stream> {
    let host = endpoint.host.trim_matches(|c| c == '[' || c == ']');
    let found = tokio::net::lookup_host((host, endpoint.port)).await?;
    let tcp = connect_any(&found.collect::<Vec<_>>(), limit).await?;
    tcp.set_nodelay(true)?;
    if !endpoint.tls {
        return Ok(Stream::Plain(tcp));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a host name TLS can verify",
        )
    })?;
    let tls = TlsConnector::from(client_config()?)
        .connect(name, tcp)
        .await?;
    Ok(Stream::Tls(Box::new(tls)))
}

/// Connects to the first address that answers. Each gets a share of the limit only: one that swallows
/// packets (a dead host in the answer, a broken IPv6 route) must not use up the time of the others.
async fn connect_any(addresses: &[SocketAddr], limit: Duration) -> io::Result<TcpStream> {
    let tried = addresses.len().min(ADDRESSES_MAX);
    let share = limit / u32::try_from(tried.max(1)).unwrap_or(1);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses.iter().take(ADDRESSES_MAX) {
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "no answer to connecting"),
        }
    }
    Err(last)
}

/// One configuration for the process: the system's root certificates, TLS 1.2 and 1.3.
fn client_config() -> io::Result<Arc<rustls::ClientConfig>> {
    static CONFIG: OnceLock<Arc<rustls::ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no root certificates found on this system; install the package ca-certificates",
        ));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(CONFIG.get_or_init(|| Arc::new(config)).clone())
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Self::Tls(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_write(cx, buf),
            Self::Tls(s) => Pin::new(s).poll_write(cx, buf),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_flush(cx),
            Self::Tls(s) => Pin::new(s).poll_flush(cx),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Self::Tls(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::{TcpListener, TcpSocket};

    /// An address whose queue is full: it answers nothing, like a host that is gone.
    async fn mute() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().expect("socket");
        socket
            .bind("127.0.0.1:0".parse().expect("address"))
            .expect("bind");
        let listener = socket.listen(0).expect("listen");
        let address = listener.local_addr().expect("bound");
        let mut queued = Vec::new();
        while let Ok(tcp) =
            tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
        {
            queued.push(tcp.expect("queued"));
            assert!(queued.len() < 64, "the queue has an end");
        }
        (address, listener, queued)
    }

    #[tokio::test]
    async fn an_address_that_swallows_packets_leaves_time_for_the_next() {
        let (dead, _listener, _queued) = mute().await;
        let alive = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let addresses = [dead, alive.local_addr().expect("bound")];
        let connected = tokio::time::timeout(
            Duration::from_millis(800),
            connect_any(&addresses, Duration::from_millis(800)),
        );
        let tcp = connected.await.expect("in time").expect("connected");
        assert_eq!(tcp.peer_addr().expect("peer"), addresses[1]);
    }

    #[tokio::test]
    async fn no_address_is_an_error_at_once() {
        let none = connect_any(&[], Duration::from_secs(1)).await;
        assert_eq!(none.expect_err("nothing").kind(), io::ErrorKind::NotFound);
    }
}
