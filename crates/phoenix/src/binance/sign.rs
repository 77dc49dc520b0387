//! Owns the keys and the signatures made with them (protocol §5); knows nothing of what is signed.
//!
//! Secrets never appear in `Debug` output, errors or logs.

use crate::secrets::{Credentials, KeyKind, SigningKey};
use arrayvec::ArrayVec;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::{hmac, rand, rsa, signature};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// Longest RSA signature that is made: 8192-bit keys.
const RSA_BYTES_MAX: usize = 1_024;
/// Hex of an HMAC-SHA256.
const HEX_LEN: usize = 64;
/// Base64 of the 64 bytes of an Ed25519 signature.
const SHORT_MAX: usize = 88;

/// A key that cannot be used. Says nothing of its content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// The API key or the secret is empty or holds blanks or control characters.
    #[error("the API key or secret is empty or holds characters that cannot be sent")]
    Text,
    /// No PEM block of an unencrypted PKCS#8 private key.
    #[error("not a PEM file with an unencrypted PKCS#8 private key (BEGIN PRIVATE KEY)")]
    Pem,
    /// The key is neither Ed25519 nor RSA of 2048 bits or more.
    #[error("neither an Ed25519 nor a usable RSA private key in PKCS#8")]
    Pkcs8,
}

/// Signing failed inside the cryptographic library. Nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the signature could not be made")]
pub struct SignError;

enum Key {
    Hmac(hmac::Key),
    Rsa(Box<rsa::KeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// An API key with what proves that it is ours.
pub struct Signer {
    api_key: SecretString,
    key: Key,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// With what was loaded from the environment or a file.
    ///
    /// # Errors
    /// As the constructors below.
    pub fn new(credentials: Credentials) -> Result<Self, KeyError> {
        match credentials.signing {
            SigningKey::Hmac(secret) => Self::hmac(credentials.api_key, &secret),
            SigningKey::Rsa(der) | SigningKey::Ed25519(der) => {
                Self::from_der(credentials.api_key, der.expose_secret())
            }
        }
    }

    /// With a shared secret. Its key schedule is computed once, here.
    ///
    /// # Errors
    /// `Text` for an empty key or secret, or one with blanks (a copied line end).
    pub fn hmac(api_key: SecretString, secret: &SecretString) -> Result<Self, KeyError> {
        check_text(&api_key)?;
        check_text(secret)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        Ok(Self {
            api_key,
            key: Key::Hmac(key),
        })
    }

    /// With a private key in PEM: `-----BEGIN PRIVATE KEY-----`.
    ///
    /// # Errors
    /// `Pem` or `Pkcs8` when it cannot be read, `Text` for an unusable API key.
    pub fn from_pem(api_key: SecretString, pem: &SecretString) -> Result<Self, KeyError> {
        let der = pem_der(pem.expose_secret()).ok_or(KeyError::Pem)?;
        Self::from_der(api_key, &der)
    }

    /// With a private key in PKCS#8 DER.
    ///
    /// # Errors
    /// `Pkcs8` when it cannot be read, `Text` for an unusable API key.
    pub fn from_der(api_key: SecretString, der: &[u8]) -> Result<Self, KeyError> {
        check_text(&api_key)?;
        let key = if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            Key::Ed25519(Box::new(pair))
        } else {
            let pair = rsa::KeyPair::from_pkcs8(der).map_err(|_| KeyError::Pkcs8)?;
            if pair.public_modulus_len() > RSA_BYTES_MAX {
                return Err(KeyError::Pkcs8);
            }
            Key::Rsa(Box::new(pair))
        };
        Ok(Self { api_key, key })
    }

    /// Kind of the key.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        match self.key {
            Key::Hmac(_) => KeyKind::Hmac,
            Key::Rsa(_) => KeyKind::Rsa,
            Key::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// The public half, for the `X-MBX-APIKEY` header.
    #[must_use]
    pub fn api_key(&self) -> &str {
        self.api_key.expose_secret()
    }

    /// The signature's own text of `payload`: hex for HMAC, else base64.
    ///
    /// # Errors
    /// [`SignError`] when the cryptographic library fails.
    pub fn sign(&self, payload: &[u8]) -> Result<Signature, SignError> {
        let text = match &self.key {
            Key::Hmac(key) => {
                let tag = hmac::sign(key, payload);
                let mut text = [b'0'; HEX_LEN];
                for (pair, byte) in text.chunks_exact_mut(2).zip(tag.as_ref()) {
                    pair.copy_from_slice(&[hex(byte >> 4), hex(byte & 15)]);
                }
                Text::Hex(text)
            }
            Key::Ed25519(pair) => {
                let signed = pair.try_sign(payload).map_err(|_| SignError)?;
                Text::Short(short_base64(signed.as_ref())?)
            }
            Key::Rsa(pair) => {
                let mut raw = [0; RSA_BYTES_MAX];
                let raw = raw.get_mut(..pair.public_modulus_len()).ok_or(SignError)?;
                let rng = rand::SystemRandom::new();
                pair.sign(&signature::RSA_PKCS1_SHA256, &rng, payload, raw)
                    .map_err(|_| SignError)?;
                Text::Long(STANDARD.encode(raw).into_bytes())
            }
        };
        Ok(Signature { text })
    }
}

/// A signature as text.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    text: Text,
}

/// Short ones stay where they are made; an RSA signature is long, and making it takes so much longer than
/// acquiring its memory that only that one does.
#[derive(Clone, PartialEq, Eq)]
enum Text {
    Hex([u8; HEX_LEN]),
    Short(ArrayVec<u8, SHORT_MAX>),
    Long(Vec<u8>),
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(…)")
    }
}

impl Signature {
    /// As it stands in JSON: hex or base64.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.text {
            Text::Hex(text) => text,
            Text::Short(text) => text,
            Text::Long(text) => text,
        }
    }

    /// Appends it as it stands in a URL, where the `+`, `/` and `=` of base64 must be encoded.
    pub fn append_for_url(&self, out: &mut Vec<u8>) {
        if let Text::Hex(text) = &self.text {
            return out.extend_from_slice(text);
        }
        for &byte in self.as_bytes() {
            match byte {
                b'+' => out.extend_from_slice(b"%2B"),
                b'/' => out.extend_from_slice(b"%2F"),
                b'=' => out.extend_from_slice(b"%3D"),
                other => out.push(other),
            }
        }
    }
}

const fn hex(nibble: u8) -> u8 {
    if nibble < 10 {
        b'0' + nibble
    } else {
        b'a' + nibble - 10
    }
}

fn short_base64(raw: &[u8]) -> Result<ArrayVec<u8, SHORT_MAX>, SignError> {
    let mut buffer = [0; SHORT_MAX];
    let len = STANDARD
        .encode_slice(raw, &mut buffer)
        .map_err(|_| SignError)?;
    let mut text = ArrayVec::new();
    text.try_extend_from_slice(buffer.get(..len).ok_or(SignError)?)
        .map_err(|_| SignError)?;
    Ok(text)
}

fn check_text(secret: &SecretString) -> Result<(), KeyError> {
    let text = secret.expose_secret();
    let plain = text.bytes().all(|b| b.is_ascii_graphic());
    if text.is_empty() || !plain {
        return Err(KeyError::Text);
    }
    Ok(())
}

/// The DER of the first `PRIVATE KEY` block.
fn pem_der(pem: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let joined: Vec<u8> = body.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let joined = Zeroizing::new(joined);
    STANDARD.decode(joined.as_slice()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::KeyPair as _;

    /// Documentation vector of the exchange (protocol §5.2).
    const SECRET: &str = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";

    fn text(secret: &str) -> SecretString {
        secret.to_owned().into()
    }

    fn hmac_signer() -> Signer {
        Signer::hmac(text("key"), &text(SECRET)).expect("usable")
    }

    fn signed(signer: &Signer, payload: &[u8]) -> String {
        let signature = signer.sign(payload).expect("signs");
        String::from_utf8(signature.as_bytes().to_vec()).expect("ASCII")
    }

    /// PKCS#8 v1 of an Ed25519 seed, as OpenSSL writes it (RFC 8410).
    fn ed25519_der(seed: &[u8; 32]) -> Vec<u8> {
        let mut der = vec![
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ];
        der.extend_from_slice(seed);
        der
    }

    /// Seed of RFC 8032 §7.1 test 2.
    const SEED: [u8; 32] = [
        0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e,
        0x0f, 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8,
        0xa6, 0xfb,
    ];

    fn pem(der: &[u8]) -> SecretString {
        let body = STANDARD.encode(der);
        let lines: Vec<String> = body
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        text(&format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\r\n")
        ))
    }

    #[test]
    fn hmac_matches_the_documented_vectors() {
        let query = b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943";
        let mixed = b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTCquantity=1&price=9000&recvWindow=5000&timestamp=1591702613943";
        let signer = hmac_signer();
        assert_eq!(
            signed(&signer, query),
            "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
        );
        assert_eq!(
            signed(&signer, mixed),
            "30baaf0fab549bbeda7f5ef201898b34122da25fd23c646cac2c529aebe670a4"
        );
        assert_eq!(signer.kind(), KeyKind::Hmac);
    }

    #[test]
    fn ed25519_matches_rfc_8032_from_der_and_from_pem() {
        // RFC 8032 §7.1 test 2: the message 0x72.
        let expected = STANDARD.encode([
            0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64,
            0x25, 0x40, 0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50, 0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23,
            0xeb, 0xdb, 0x69, 0xda, 0x08, 0x5a, 0xc1, 0xe4, 0x3e, 0x15, 0x99, 0x6e, 0x45, 0x8f,
            0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c, 0x38, 0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a, 0xee,
            0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00,
        ]);
        let der = ed25519_der(&SEED);
        let from_der = Signer::from_der(text("key"), &der).expect("usable");
        let from_pem = Signer::from_pem(text("key"), &pem(&der)).expect("usable");
        assert_eq!(from_der.kind(), KeyKind::Ed25519);
        assert_eq!(signed(&from_der, &[0x72]), expected);
        assert_eq!(signed(&from_pem, &[0x72]), expected);
    }

    #[test]
    fn rsa_signatures_verify_and_are_the_same_each_time() {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("generates");
        let der = pair.as_der().expect("encodes");
        let signer = Signer::from_pem(text("key"), &pem(der.as_ref())).expect("usable");
        assert_eq!(signer.kind(), KeyKind::Rsa);
        let first = signed(&signer, b"symbol=ETHUSDC");
        assert_eq!(first, signed(&signer, b"symbol=ETHUSDC"));
        let raw = STANDARD.decode(first).expect("base64");
        let public = pair.public_key().as_ref().to_vec();
        let algorithm = &signature::RSA_PKCS1_2048_8192_SHA256;
        signature::UnparsedPublicKey::new(algorithm, public)
            .verify(b"symbol=ETHUSDC", &raw)
            .expect("verifies");
    }

    #[test]
    fn base64_is_encoded_for_urls_and_hex_is_not_touched() {
        let signer = Signer::from_der(text("key"), &ed25519_der(&SEED)).expect("usable");
        let signature = signer.sign(&[0x72]).expect("signs");
        let mut url = Vec::new();
        signature.append_for_url(&mut url);
        let url = String::from_utf8(url).expect("ASCII");
        assert!(
            url.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'%'),
            "{url}"
        );
        assert!(url.ends_with("MAA%3D%3D") && url.contains("%2B"), "{url}");
        let back = percent_encoding::percent_decode_str(&url).collect::<Vec<u8>>();
        assert_eq!(back, signature.as_bytes());
        let mut hex = Vec::new();
        hmac_signer()
            .sign(b"x")
            .expect("signs")
            .append_for_url(&mut hex);
        assert_eq!(hex.len(), 64);
    }

    #[test]
    fn loaded_credentials_make_the_same_signer() {
        let loaded = Credentials {
            api_key: text("key"),
            signing: SigningKey::Ed25519(ed25519_der(&SEED).into()),
        };
        let signer = Signer::new(loaded).expect("usable");
        let direct = Signer::from_der(text("key"), &ed25519_der(&SEED)).expect("usable");
        assert_eq!(signed(&signer, b"x"), signed(&direct, b"x"));
        assert_eq!(signer.api_key(), "key");
        let loaded = Credentials {
            api_key: text("key"),
            signing: SigningKey::Hmac(text(SECRET)),
        };
        let signer = Signer::new(loaded).expect("usable");
        assert_eq!(signed(&signer, b"x"), signed(&hmac_signer(), b"x"));
    }

    #[test]
    fn secrets_are_not_printed() {
        let signer = hmac_signer();
        let shown = format!("{signer:?} {:?}", signer.sign(b"x").expect("signs"));
        assert_eq!(shown, "Signer { kind: Hmac, .. } Signature(…)");
        let broken = format!("{:?}", Signer::from_pem(text("key"), &text(SECRET)));
        assert!(!broken.contains("2b5e"));
    }

    #[test]
    fn unusable_keys_are_refused() {
        let refused = |result: Result<Signer, KeyError>| result.err();
        assert_eq!(
            refused(Signer::hmac(text(""), &text("s"))),
            Some(KeyError::Text)
        );
        assert_eq!(
            refused(Signer::hmac(text("k"), &text("s\n"))),
            Some(KeyError::Text)
        );
        let encrypted =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----";
        assert_eq!(
            refused(Signer::from_pem(text("k"), &text(encrypted))),
            Some(KeyError::Pem)
        );
        assert_eq!(
            refused(Signer::from_pem(text("k"), &pem(b"junk"))),
            Some(KeyError::Pkcs8)
        );
        assert_eq!(
            refused(Signer::from_der(text("k"), b"")),
            Some(KeyError::Pkcs8)
        );
    }
}
