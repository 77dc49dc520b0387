//! Owns one HTTP exchange on a connection of its own, with one time limit over all of it; knows nothing of the exchange's words.

use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, http};

/// Largest answer read; `exchangeInfo` of all symbols has about 2 MB.
const BODY_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Connections kept for the next request are few and young: an old one may be half open, and finding that out costs a whole time limit.
const IDLE_MAX: usize = 2;
const IDLE_AGE_MAX: Duration = Duration::from_secs(4);

/// Methods that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Asks.
    Get,
    /// Places, arms.
    Post,
    /// Cancels.
    Delete,
}

impl Method {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, seconds.
    pub retry_after_s: Option<u64>,
    /// The body as text.
    pub body: String,
}

/// No answer: whether the request arrived is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no answer: {0}")]
pub struct Lost(pub String);

/// Makes requests, one at a time.
#[derive(Debug)]
pub struct Http {
    agent: Agent,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Http {
    /// With the machine's roots of trust. Redirections are not followed and no proxy is used: a signed request goes to its host or nowhere.
    #[must_use]
    pub fn new() -> Self {
        let found = rustls_native_certs::load_native_certs().certs;
        let roots: Vec<Certificate<'static>> = found
            .iter()
            .map(|der| Certificate::from_der(der).to_owned())
            .collect();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(RootCerts::from(roots))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("phoenix/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections(IDLE_MAX)
            .max_idle_connections_per_host(IDLE_MAX)
            .max_idle_age(IDLE_AGE_MAX)
            .build();
        Self {
            agent: config.new_agent(),
        }
    }

    /// Sends and waits, at most `limit` from the look-up of the name to the last byte of the answer.
    ///
    /// # Errors
    /// [`Lost`] when there is no whole answer in time. Its text has no part of the address's query.
    pub fn send(
        &self,
        method: Method,
        url: &str,
        api_key: Option<&str>,
        limit: Duration,
    ) -> Result<Answer, Lost> {
        let lost = |error: ureq::Error| Lost(reason(&error));
        let mut header = None;
        if let Some(key) = api_key {
            let mut value = http::HeaderValue::from_str(key)
                .map_err(|_| Lost("the API key cannot stand in a header".to_owned()))?;
            value.set_sensitive(true);
            header = Some(value);
        }
        let limit = Some(limit.max(Duration::from_millis(1)));
        let sent = match method {
            Method::Get | Method::Delete => {
                let request = match method {
                    Method::Get => self.agent.get(url),
                    Method::Delete | Method::Post => self.agent.delete(url),
                };
                let request = header.into_iter().fold(request, |request, value| {
                    request.header("X-MBX-APIKEY", value)
                });
                request.config().timeout_global(limit).build().call()
            }
            Method::Post => {
                let request = header
                    .into_iter()
                    .fold(self.agent.post(url), |request, value| {
                        request.header("X-MBX-APIKEY", value)
                    });
                // An empty body with its length: everything is in the query.
                let request = request.config().timeout_global(limit).build();
                request.send(&[][..])
            }
        };
        let mut response = sent.map_err(lost)?;
        let retry_after = response.headers().get("retry-after");
        let retry_after_s = retry_after
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.trim().parse().ok());
        let body = response
            .body_mut()
            .with_config()
            .limit(BODY_BYTES_MAX)
            .read_to_string()
            .map_err(lost)?;
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after_s,
            body,
        })
    }
}

/// Words without the address, which carries the signature.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "the time limit passed".to_owned(),
        ureq::Error::HostNotFound => "the host's name is not known".to_owned(),
        ureq::Error::BadUri(_) => "the address is malformed".to_owned(),
        ureq::Error::Io(error) => format!("connection: {error}"),
        ureq::Error::Rustls(error) => format!("TLS: {error}"),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        _ => "the answer broke off or is no HTTP".to_owned(),
    }
}
