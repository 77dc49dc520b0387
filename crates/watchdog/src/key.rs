//! Owns this crate's handle of the account's key and the signatures made with it (protocol §5); does not know where keys are found.

use std::fmt;

use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::{hmac, rand, rsa, signature};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// A key that cannot be used, or a signature that could not be made. Says nothing of the key's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The private key is neither Ed25519 nor RSA in PKCS#8.
    #[error("the private key is neither an Ed25519 nor a usable RSA key in PKCS#8")]
    Pkcs8,
    /// The cryptographic library failed.
    #[error("the signature could not be made")]
    Sign,
}

enum Kind {
    Hmac(hmac::Key),
    Rsa(Box<rsa::KeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// An API key with what proves that it is ours. `Debug` shows nothing of it.
pub struct Key {
    api_key: SecretString,
    kind: Kind,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// With a shared secret: HMAC-SHA256.
    #[must_use]
    pub fn hmac(api_key: SecretString, secret: &SecretString) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        Self {
            api_key,
            kind: Kind::Hmac(key),
        }
    }

    /// With an Ed25519 or RSA private key in PKCS#8 DER; which of the two is found by trying.
    ///
    /// # Errors
    /// [`KeyError::Pkcs8`] when it is neither.
    pub fn from_pkcs8(api_key: SecretString, der: &[u8]) -> Result<Self, KeyError> {
        let kind = match Ed25519KeyPair::from_pkcs8(der) {
            Ok(pair) => Kind::Ed25519(Box::new(pair)),
            Err(_) => {
                let pair = rsa::KeyPair::from_pkcs8(der).map_err(|_| KeyError::Pkcs8)?;
                Kind::Rsa(Box::new(pair))
            }
        };
        Ok(Self { api_key, kind })
    }

    /// The public half, for the `X-MBX-APIKEY` header.
    pub(crate) fn api_key(&self) -> &str {
        self.api_key.expose_secret()
    }

    /// The signature of `payload` as it stands in a URL: hex, or base64 with `+`, `/` and `=` encoded.
    ///
    /// # Errors
    /// [`KeyError::Sign`] when the cryptographic library fails.
    pub fn sign(&self, payload: &str) -> Result<String, KeyError> {
        let payload = payload.as_bytes();
        match &self.kind {
            Kind::Hmac(key) => {
                let tag = hmac::sign(key, payload);
                Ok(tag.as_ref().iter().map(|b| format!("{b:02x}")).collect())
            }
            Kind::Ed25519(pair) => {
                let signed = pair.try_sign(payload).map_err(|_| KeyError::Sign)?;
                Ok(for_url(signed.as_ref()))
            }
            Kind::Rsa(pair) => {
                let mut raw = vec![0; pair.public_modulus_len()];
                let rng = rand::SystemRandom::new();
                pair.sign(&signature::RSA_PKCS1_SHA256, &rng, payload, &mut raw)
                    .map_err(|_| KeyError::Sign)?;
                Ok(for_url(&raw))
            }
        }
    }
}

fn for_url(raw: &[u8]) -> String {
    percent_encoded(&STANDARD.encode(raw))
}

/// `text` with everything but letters, digits, `-`, `.` and `_` as `%XX`.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ED25519, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    };

    /// Secret, payload and signature as the exchange publishes them (protocol §5.2).
    const SECRET: &str = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";

    fn raw_of(text: &str) -> Vec<u8> {
        let plain = text
            .replace("%2B", "+")
            .replace("%2F", "/")
            .replace("%3D", "=");
        STANDARD.decode(plain).expect("base64")
    }

    #[test]
    fn the_published_examples_are_met() {
        let key = Key::hmac("any".into(), &SECRET.into());
        let table = [
            (
                "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943",
                "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9",
            ),
            (
                "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTCquantity=1&price=9000&recvWindow=5000&timestamp=1591702613943",
                "30baaf0fab549bbeda7f5ef201898b34122da25fd23c646cac2c529aebe670a4",
            ),
        ];
        for (payload, signature) in table {
            assert_eq!(key.sign(payload).as_deref(), Ok(signature));
        }
    }

    #[test]
    fn private_keys_make_signatures_that_their_public_halves_confirm() {
        let pair = Ed25519KeyPair::generate().expect("a key");
        let der = pair.to_pkcs8().expect("PKCS#8");
        let key = Key::from_pkcs8("any".into(), der.as_ref()).expect("a usable key");
        let signed = key.sign("a=b&timestamp=1").expect("a signature");
        assert!(!signed.contains(['+', '/', '=']), "{signed}");
        UnparsedPublicKey::new(&ED25519, pair.public_key())
            .verify(b"a=b&timestamp=1", &raw_of(&signed))
            .expect("Ed25519 holds");

        let pair = rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = pair.as_der().expect("PKCS#8");
        let key = Key::from_pkcs8("any".into(), der.as_ref()).expect("a usable key");
        let signed = key.sign("a=b&timestamp=1").expect("a signature");
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key())
            .verify(b"a=b&timestamp=1", &raw_of(&signed))
            .expect("RSA holds");
    }

    #[test]
    fn a_key_that_is_none_is_refused_and_none_is_shown() {
        assert_eq!(
            Key::from_pkcs8("any".into(), b"no key").err(),
            Some(KeyError::Pkcs8)
        );
        let key = Key::hmac("shown-nowhere".into(), &"hidden".into());
        assert_eq!(format!("{key:?}"), "Key(…)");
    }
}
