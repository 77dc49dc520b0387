//! Owns API keys and the two questions asked of a private request, "is it signed by this key?" and "is it in time?"; knows nothing of orders or HTTP.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::refusal::Refusal;

/// Default `recvWindow`, milliseconds (protocol §5.3).
pub const RECV_WINDOW_DEFAULT_MS: i64 = 5_000;
/// Largest `recvWindow`, milliseconds.
pub const RECV_WINDOW_MAX_MS: i64 = 60_000;
/// How far a request may be ahead of the server's clock, milliseconds.
pub const AHEAD_MAX_MS: i64 = 1_000;
/// Keys one server holds; a launch with more is refused.
pub const KEYS_MAX: usize = 4_096;

/// How a request was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HMAC-SHA256, hex in any case.
    Hmac,
    /// RSASSA-PKCS1-v1_5 with SHA-256, base64.
    Rsa,
    /// Ed25519, base64.
    Ed25519,
}

/// What a key is configured with; several schemes may share one key text.
#[derive(Clone, Default)]
pub struct KeyConfig {
    /// The text of `X-MBX-APIKEY`.
    pub api_key: String,
    /// HMAC secret.
    pub secret: Option<String>,
    /// Ed25519 public key, PEM.
    pub ed25519_pem: Option<String>,
    /// RSA public key, PEM.
    pub rsa_pem: Option<String>,
}

impl std::fmt::Debug for KeyConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyConfig")
            .field("api_key", &self.api_key)
            .finish_non_exhaustive()
    }
}

/// All keys of the venue, each with the account that it trades.
#[derive(Default)]
pub struct KeyRing<A> {
    keys: BTreeMap<String, Key<A>>,
}

/// One key, ready to verify.
pub struct Key<A> {
    /// The account that the key trades.
    pub account: A,
    hmac: Option<hmac::Key>,
    ed25519: Option<ParsedPublicKey>,
    rsa: Option<ParsedPublicKey>,
}

impl<A: Copy> KeyRing<A> {
    /// An empty ring.
    pub const fn new() -> Self {
        Self {
            keys: BTreeMap::new(),
        }
    }

    /// Adds a key for `account`.
    ///
    /// # Errors
    /// When a public key cannot be read, the key text is empty or taken, or there are [`KEYS_MAX`] already.
    pub fn insert(&mut self, account: A, config: &KeyConfig) -> Result<()> {
        ensure!(!config.api_key.is_empty(), "an API key may not be empty");
        ensure!(self.keys.len() < KEYS_MAX, "more than {KEYS_MAX} API keys");
        let key = Key {
            account,
            hmac: config
                .secret
                .as_ref()
                .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())),
            ed25519: parsed(&ED25519, config.ed25519_pem.as_deref()).context("Ed25519 key")?,
            rsa: parsed(&RSA_PKCS1_2048_8192_SHA256, config.rsa_pem.as_deref())
                .context("RSA key")?,
        };
        ensure!(
            self.keys.insert(config.api_key.clone(), key).is_none(),
            "the same API key is configured twice"
        );
        Ok(())
    }

    /// The text of the first key of an account.
    pub fn name_of(&self, account: A) -> Option<&str>
    where
        A: PartialEq,
    {
        let mut keys = self.keys.iter();
        keys.find(|(_, key)| key.account == account)
            .map(|(name, _)| name.as_str())
    }

    /// The key with this text: −2014 when there is none or it has characters no key has, −2015 when nobody owns it.
    pub fn find(&self, api_key: Option<&str>) -> Result<&Key<A>, Refusal> {
        let text = api_key.unwrap_or_default();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Refusal::bad_key_format());
        }
        self.keys.get(text).ok_or_else(Refusal::unknown_key)
    }
}

impl<A> Key<A> {
    /// Which scheme of this key the signature satisfies over exactly these bytes, or −1022.
    pub fn verify(&self, payload: &[u8], signature: &str) -> Result<Scheme, Refusal> {
        if let (Some(key), Some(tag)) = (&self.hmac, hex_digest(signature))
            && hmac::verify(key, payload, &tag).is_ok()
        {
            return Ok(Scheme::Hmac);
        }
        let raw = STANDARD
            .decode(signature)
            .map_err(|_| Refusal::bad_signature())?;
        let verified = |key: &Option<ParsedPublicKey>| {
            key.as_ref()
                .is_some_and(|key| key.verify_sig(payload, &raw).is_ok())
        };
        if verified(&self.ed25519) {
            Ok(Scheme::Ed25519)
        } else if verified(&self.rsa) {
            Ok(Scheme::Rsa)
        } else {
            Err(Refusal::bad_signature())
        }
    }
}

/// Applies the first timing check of protocol §5.3: `timestamp < server + 1000 && server − timestamp <= recvWindow`.
///
/// Returns the window in use, milliseconds, for the second check at the matching engine.
///
/// # Errors
/// −1021 with one of its two texts; −1131 for a window above the maximum or below one.
pub fn check_time(
    timestamp_ms: i64,
    window_ms: Option<i64>,
    server_ms: i64,
) -> Result<i64, Refusal> {
    let window = window_ms.unwrap_or(RECV_WINDOW_DEFAULT_MS);
    if !(1..=RECV_WINDOW_MAX_MS).contains(&window) {
        return Err(Refusal::new(-1131, "recvWindow must be less than 60000"));
    }
    if timestamp_ms >= server_ms.saturating_add(AHEAD_MAX_MS) {
        return Err(Refusal::new(
            -1021,
            "Timestamp for this request was 1000ms ahead of the server's time.",
        ));
    }
    if server_ms.saturating_sub(timestamp_ms) > window {
        return Err(Refusal::new(
            -1021,
            "Timestamp for this request is outside of the recvWindow.",
        ));
    }
    Ok(window)
}

fn parsed(
    algorithm: &'static dyn VerificationAlgorithm,
    pem: Option<&str>,
) -> Result<Option<ParsedPublicKey>> {
    let Some(pem) = pem else { return Ok(None) };
    let der = public_der(pem)?;
    let key = UnparsedPublicKey::new(algorithm, der)
        .parse()
        .map_err(|error| anyhow::anyhow!("not a public key of this kind: {error}"))?;
    Ok(Some(key))
}

/// The DER bytes of a PEM public key; a private key is refused, since a venue has no business with one.
fn public_der(pem: &str) -> Result<Vec<u8>> {
    ensure!(
        !pem.contains("PRIVATE KEY"),
        "this is a private key; the exchange wants the public one"
    );
    ensure!(pem.contains("PUBLIC KEY"), "no PEM public key found");
    let text: String = pem
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("-----"))
        .collect();
    STANDARD.decode(text).context("PEM body is not base64")
}

fn hex_digest(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut tag = [0_u8; 32];
    for (byte, pair) in tag.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(tag)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256};

    use super::*;

    const SECRET: &str = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";

    fn pem(der: &[u8]) -> String {
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der)
        )
    }

    fn ring(config: KeyConfig) -> KeyRing<u32> {
        let mut ring = KeyRing::new();
        ring.insert(7, &config).expect("a good key");
        ring
    }

    fn hmac_ring() -> KeyRing<u32> {
        ring(KeyConfig {
            api_key: "K".into(),
            secret: Some(SECRET.into()),
            ..KeyConfig::default()
        })
    }

    #[test]
    fn hmac_accepts_the_documented_vectors_in_any_case() {
        let ring = hmac_ring();
        let key = ring.find(Some("K")).expect("known");
        let query = b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943";
        let digest = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9";
        assert_eq!(key.verify(query, digest), Ok(Scheme::Hmac));
        assert_eq!(key.verify(query, &digest.to_uppercase()), Ok(Scheme::Hmac));
        let mixed = super::super::params::signed_wire(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC",
            "quantity=1&price=9000&recvWindow=5000&timestamp=1591702613943&signature=30baaf0fab549bbeda7f5ef201898b34122da25fd23c646cac2c529aebe670a4",
        )
        .expect("signed");
        assert_eq!(
            key.verify(mixed.payload.as_bytes(), &mixed.signature),
            Ok(Scheme::Hmac)
        );
        assert_eq!(
            key.verify(b"symbol=BTCUSDT", digest),
            Err(Refusal::bad_signature())
        );
        assert_eq!(key.account, 7);
    }

    #[test]
    fn ed25519_and_rsa_verify_base64_signatures_and_each_refuses_the_other() {
        let ed = Ed25519KeyPair::generate().expect("a key");
        let ed_der = ed.public_key().as_der().expect("SPKI");
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let rsa_der = rsa.public_key().as_der().expect("SPKI");
        let ring = ring(KeyConfig {
            api_key: "K".into(),
            secret: None,
            ed25519_pem: Some(pem(ed_der.as_ref())),
            rsa_pem: Some(pem(rsa_der.as_ref())),
        });
        let key = ring.find(Some("K")).expect("known");
        let payload = b"timestamp=1&x=2";
        let signed = STANDARD.encode(ed.sign(payload));
        assert_eq!(key.verify(payload, &signed), Ok(Scheme::Ed25519));
        assert_eq!(
            key.verify(b"timestamp=2&x=2", &signed),
            Err(Refusal::bad_signature())
        );
        let mut raw = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), payload, &mut raw)
            .expect("signs");
        assert_eq!(key.verify(payload, &STANDARD.encode(&raw)), Ok(Scheme::Rsa));
        assert_eq!(
            key.verify(payload, "not base64!"),
            Err(Refusal::bad_signature())
        );
    }

    #[test]
    fn a_private_key_a_broken_key_and_a_duplicate_are_refused_at_launch() {
        let mut ring = hmac_ring();
        for pem in [
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
            "nonsense",
        ] {
            let config = KeyConfig {
                api_key: "E".into(),
                ed25519_pem: Some(pem.into()),
                ..KeyConfig::default()
            };
            assert!(ring.insert(1, &config).is_err(), "{pem}");
        }
        let again = KeyConfig {
            api_key: "K".into(),
            ..KeyConfig::default()
        };
        assert!(ring.insert(1, &again).is_err());
    }

    #[test]
    fn missing_and_unknown_keys_are_told_apart() {
        let ring = hmac_ring();
        let code = |key| {
            ring.find(key)
                .err()
                .map(|refusal| (refusal.status, refusal.code))
        };
        assert_eq!(code(None), Some((401, -2014)));
        assert_eq!(code(Some("a b")), Some((401, -2014)));
        assert_eq!(code(Some("other")), Some((401, -2015)));
        assert_eq!(code(Some("K")), None);
    }

    #[test]
    fn time_window_edges() {
        let code = |timestamp, window| check_time(timestamp, window, 100_000).map_err(|r| r.code);
        assert_eq!(code(100_999, None), Ok(5_000));
        assert_eq!(code(101_000, None), Err(-1021));
        assert_eq!(code(95_000, None), Ok(5_000));
        assert_eq!(code(94_999, None), Err(-1021));
        assert_eq!(code(40_000, Some(60_000)), Ok(60_000));
        assert_eq!(code(100_000, Some(60_001)), Err(-1131));
        assert_eq!(code(100_000, Some(0)), Err(-1131));
    }

    #[test]
    fn secrets_do_not_reach_debug_output() {
        let config = KeyConfig {
            api_key: "K".into(),
            secret: Some("very-secret".into()),
            ..KeyConfig::default()
        };
        assert!(!format!("{config:?}").contains("very-secret"));
    }
}
