//! Owns the process's own HTTP port: health for people and machines; knows nothing of where the facts come from.
//!
//! It shows and never acts, so it needs no token. Metrics, page and operator's interface join it as further routers.

use crate::health::{self, facts::Facts};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Connections at once; a further one waits until another ends.
pub const CONNECTIONS_MAX: usize = 64;
/// Longest wait for a request's head, and for the next request on a kept connection.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// Longest time for one answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// Pause after a failed accept: mostly too many open files.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Where the answers come from.
#[derive(Clone)]
pub struct Source(Arc<dyn Fn() -> Facts + Send + Sync>);

impl Source {
    /// `facts` is called for each request and must not block.
    pub fn new(facts: impl Fn() -> Facts + Send + Sync + 'static) -> Self {
        Self(Arc::new(facts))
    }

    fn facts(&self) -> Facts {
        (self.0)()
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}

/// A served port; dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Served {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address for people and for `phoenix health`; an address that means all is reached by loopback.
    #[must_use]
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves on the current runtime.
///
/// # Errors
/// The port is taken or the address is not this machine's.
pub async fn serve(address: SocketAddr, source: Source) -> std::io::Result<Served> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(accept(listener, router(source)));
    Ok(Served { address, task })
}

fn router(source: Source) -> Router {
    Router::new()
        .route("/health", get(answer_health))
        .route("/livez", get(answer_live))
        .route("/readyz", get(answer_ready))
        .method_not_allowed_fallback(|| async { error(StatusCode::METHOD_NOT_ALLOWED, "only GET") })
        .fallback(|| async { error(StatusCode::NOT_FOUND, "known: /health, /livez, /readyz") })
        .layer(middleware::from_fn(guard))
        .with_state(source)
}

/// Bounds the time of each answer, and forbids that anybody keeps it.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = match tokio::time::timeout(ANSWER_LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => error(StatusCode::SERVICE_UNAVAILABLE, "no answer in time"),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn error(status: StatusCode, why: &str) -> Response {
    (status, Json(serde_json::json!({ "error": why }))).into_response()
}

async fn answer_health(State(source): State<Source>) -> Response {
    let health = health::judge(&source.facts());
    let status = match health.status {
        health::Status::Healthy | health::Status::Warning => StatusCode::OK,
        health::Status::Severe => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(health)).into_response()
}

async fn answer_live(State(source): State<Source>) -> Response {
    yes_or_no(health::is_live(&source.facts()), "live")
}

async fn answer_ready(State(source): State<Source>) -> Response {
    yes_or_no(health::is_ready(&source.facts()), "ready")
}

fn yes_or_no(is_so: bool, what: &str) -> Response {
    let status = match is_so {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(serde_json::json!({ what: is_so }))).into_response()
}

async fn accept(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Connections end with the port.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                connections.spawn(async move {
                    converse(stream, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the page was not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, router: Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the page ended");
    }
}

#[cfg(test)]
mod tests;
