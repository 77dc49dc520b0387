//! Owns what commands that act from outside the trading process hand to the watchdog's crate: key, address, and how our orders are named.

use std::path::Path;
use std::time::Duration;

use phoenix_watchdog::key::{Key, KeyError};
use phoenix_watchdog::venue::{Venue, VenueSetup};
use secrecy::ExposeSecret;

use crate::binance::client_id::PREFIX;
use crate::config;
use crate::secrets::{Credentials, SigningKey};

/// Another handle of the same key.
///
/// # Errors
/// [`KeyError::Pkcs8`] when the private key cannot be used.
pub fn key_of(credentials: Credentials) -> Result<Key, KeyError> {
    match credentials.signing {
        SigningKey::Hmac(secret) => Ok(Key::hmac(credentials.api_key, &secret)),
        SigningKey::Rsa(der) | SigningKey::Ed25519(der) => {
            Key::from_pkcs8(credentials.api_key, der.expose_secret())
        }
    }
}

/// A client of its own. `rest_url` has no path and no slash at its end.
pub fn venue(rest_url: &str, key: Key, recv_window: Duration) -> Venue {
    Venue::new(VenueSetup {
        rest_url: rest_url.to_owned(),
        key,
        recv_window,
    })
}

/// Base address of a venue's REST interface. `given` goes first; only loopback may be spoken to without TLS.
///
/// # Errors
/// A sentence for the operator.
pub fn rest_url(venue: config::Venue, given: Option<&str>) -> Result<String, String> {
    use crate::binance::routes::Venue as Routes;
    let Some(given) = given else {
        return match venue {
            config::Venue::Live => Ok(Routes::mainnet().rest().to_owned()),
            config::Venue::Testnet => Ok(Routes::testnet().rest().to_owned()),
            config::Venue::Local => Err(
                "the venue local without rest_url lives inside the process that trades on it, and ends with it: \
                 give --rest-url of a `phoenix exchange`, or --venue testnet or live"
                    .to_owned(),
            ),
        };
    };
    let url = Routes::custom(given, "ws://unused").map_err(|error| error.to_string())?;
    let is_plain = url.rest().starts_with("http://");
    if is_plain && !is_loopback(url.rest()) {
        return Err(format!(
            "{given}: a key must not travel without TLS; only loopback may be http://"
        ));
    }
    Ok(url.rest().to_owned())
}

fn is_loopback(url: &str) -> bool {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let address: Option<std::net::IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

/// What the client ids of the installation called `instance` start with.
pub fn id_prefix(instance: &str) -> String {
    format!("{PREFIX}{instance}-")
}

/// The name of the installation that keeps its state in `state_dir`; `None` when it has not made one yet.
pub fn instance_of(state_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(state_dir.join("instance")).ok()?;
    let name = text.trim();
    let is_name = crate::binance::client_id::ClientIds::new(name).is_ok();
    is_name.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_from_the_venue_or_from_the_operator() {
        let local = config::Venue::Local;
        for (venue, given, url) in [
            (config::Venue::Live, None, "https://fapi.binance.com"),
            (
                config::Venue::Testnet,
                None,
                "https://demo-fapi.binance.com",
            ),
            (
                local,
                Some("http://127.0.0.1:8080"),
                "http://127.0.0.1:8080",
            ),
            (local, Some("http://localhost:1/"), "http://localhost:1"),
            (local, Some("http://[::1]:1"), "http://[::1]:1"),
        ] {
            assert_eq!(rest_url(venue, given).as_deref(), Ok(url));
        }
        let refused = |given| rest_url(local, given).expect_err("refused");
        assert!(refused(None).contains("--rest-url"));
        assert!(refused(Some("http://10.0.0.1")).contains("without TLS"));
        assert!(refused(Some("ftp://x")).contains("http"));
    }

    #[test]
    fn an_installation_is_known_by_the_name_it_made() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(instance_of(folder.path()), None);
        std::fs::write(folder.path().join("instance"), "a1b2c3\n").expect("a file");
        let name = instance_of(folder.path()).expect("a name");
        assert_eq!(id_prefix(&name), "px-a1b2c3-");
        std::fs::write(folder.path().join("instance"), "").expect("a file");
        assert_eq!(instance_of(folder.path()), None, "an empty name is none");
    }
}
