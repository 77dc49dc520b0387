//! The account's keys: where they are found, whether they are well-formed, and that nobody sees them; does not know how requests are signed.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use aws_lc_rs::signature::{Ed25519KeyPair, RsaKeyPair};
use base64::Engine as _;
use secrecy::zeroize::{Zeroize, Zeroizing};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use crate::config::GlobalConfig;

/// Environment variable of the API key.
pub const ENV_API_KEY: &str = "BINANCE_API_KEY";
/// Environment variable of an HMAC key's secret.
pub const ENV_API_SECRET: &str = "BINANCE_API_SECRET";
/// Environment variable that names the file of an Ed25519 or RSA private key.
pub const ENV_PRIVATE_KEY_FILE: &str = "BINANCE_PRIVATE_KEY_FILE";
/// Set by systemd; the folder with the service's credentials.
const ENV_CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Largest secret file read; a 4096-bit RSA key has about 3.3 kB.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Lengths of API keys and secrets. The exchange's have 64 characters; the embedded exchange takes others.
const KEY_CHARS_MIN: usize = 8;
const KEY_CHARS_MAX: usize = 256;

/// The three kinds of key that the exchange knows (protocol §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Shared secret, HMAC-SHA256.
    Hmac,
    /// RSA private key, RSASSA-PKCS1-v1_5 with SHA-256.
    Rsa,
    /// Ed25519 private key; the only kind that may log on to the WebSocket order interface.
    Ed25519,
}

/// What requests are signed with. `Debug` shows the kind only; the memory is wiped when dropped.
#[derive(Debug)]
pub enum SigningKey {
    /// The shared secret.
    Hmac(SecretString),
    /// PKCS#8 DER.
    Rsa(SecretSlice<u8>),
    /// PKCS#8 DER.
    Ed25519(SecretSlice<u8>),
}

/// The keys of one account.
#[derive(Debug)]
pub struct Credentials {
    /// Sent with each request; not secret by design, but treated as if it were.
    pub api_key: SecretString,
    /// Never sent.
    pub signing: SigningKey,
}

impl Credentials {
    /// An HMAC key from its two texts.
    ///
    /// # Errors
    /// [`SecretError::Malformed`] when one cannot be a key.
    pub fn hmac(api_key: String, secret: String) -> Result<Self, SecretError> {
        Ok(Self {
            api_key: well_formed("the API key", api_key)?,
            signing: SigningKey::Hmac(well_formed("the API secret", secret)?),
        })
    }

    /// Which kind of key this is.
    pub fn kind(&self) -> KeyKind {
        match self.signing {
            SigningKey::Hmac(_) => KeyKind::Hmac,
            SigningKey::Rsa(_) => KeyKind::Rsa,
            SigningKey::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// Sixteen hexadecimal digits that stand for the account in logs and file names: a piece of the API key's SHA-256.
    pub fn fingerprint(&self) -> String {
        let hash = digest::digest(&digest::SHA256, self.api_key.expose_secret().as_bytes());
        hash.as_ref()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Why there are no usable keys. No message contains any part of a key.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Nothing was found anywhere.
    #[error(
        "no API key: set {ENV_API_KEY} with {ENV_API_SECRET} or {ENV_PRIVATE_KEY_FILE}, \
         or give `credentials_file` or `private_key_file` in the configuration"
    )]
    Missing,
    /// One half was found.
    #[error("{have} is given without {lack}")]
    Half {
        /// What was found.
        have: &'static str,
        /// What is missing.
        lack: &'static str,
    },
    /// Two ways of signing were found, and guessing could sign for the wrong account.
    #[error("both an API secret and a private key are given; remove one of them")]
    Ambiguous,
    /// A text that cannot be a key.
    #[error("{what} is malformed: {why}")]
    Malformed {
        /// Where it stands.
        what: String,
        /// What is wrong, without showing it.
        why: String,
    },
    /// A file that could not be read.
    #[error("{file}: {error}")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's reason.
        error: std::io::Error,
    },
    /// A file that others can read too.
    #[error("{file} can be read by others (mode {mode:04o}); run: chmod 600 {file}")]
    Exposed {
        /// The file.
        file: String,
        /// Its permission bits.
        mode: u32,
    },
    /// A file that someone else could change.
    #[error("{file} belongs to another user (uid {owner}); run: chown {user} {file}")]
    Foreign {
        /// The file.
        file: String,
        /// Whose it is.
        owner: u32,
        /// Who runs this process.
        user: u32,
    },
}

/// Where keys are looked for. The first of environment, systemd and file that has an API key is used.
pub struct Sources<'a> {
    /// Reads an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// `private_key_file` of the configuration.
    pub private_key_file: Option<&'a Path>,
    /// `credentials_file` of the configuration.
    pub credentials_file: Option<&'a Path>,
}

/// The keys for `global`, from this process's environment and files.
///
/// # Errors
/// [`SecretError`]; the caller ends with the exit code for configuration errors.
pub fn load(global: &GlobalConfig) -> Result<Credentials, SecretError> {
    load_from(&Sources {
        env: &|name| std::env::var_os(name),
        private_key_file: global.private_key_file.as_deref(),
        credentials_file: global.credentials_file.as_deref(),
    })
}

/// The keys from `sources`.
///
/// # Errors
/// As [`load`].
pub fn load_from(sources: &Sources<'_>) -> Result<Credentials, SecretError> {
    let systemd = (sources.env)(ENV_CREDENTIALS_DIRECTORY).map(PathBuf::from);
    let pair = find_pair(sources, systemd.as_deref())?;
    let private_key = find_private_key(sources, systemd.as_deref())?;
    match (pair, private_key) {
        (None, None) => Err(SecretError::Missing),
        (None, Some(_)) => Err(SecretError::Half {
            have: "a private key",
            lack: "its API key (BINANCE_API_KEY)",
        }),
        (Some(Pair { secret: None, .. }), None) => Err(SecretError::Half {
            have: "an API key",
            lack: "an API secret or a private key",
        }),
        (
            Some(Pair {
                secret: Some(_), ..
            }),
            Some(_),
        ) => Err(SecretError::Ambiguous),
        (
            Some(Pair {
                api_key,
                secret: Some(secret),
            }),
            None,
        ) => Ok(Credentials {
            api_key,
            signing: SigningKey::Hmac(secret),
        }),
        (
            Some(Pair {
                api_key,
                secret: None,
            }),
            Some(signing),
        ) => Ok(Credentials { api_key, signing }),
    }
}

/// An API key and, for HMAC, its secret, both from one place.
struct Pair {
    api_key: SecretString,
    secret: Option<SecretString>,
}

impl Pair {
    fn of(
        api_key: Option<SecretString>,
        secret: Option<SecretString>,
    ) -> Result<Option<Self>, SecretError> {
        match (api_key, secret) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(SecretError::Half {
                have: "an API secret",
                lack: "its API key",
            }),
            (Some(api_key), secret) => Ok(Some(Self { api_key, secret })),
        }
    }
}

fn find_pair(sources: &Sources<'_>, systemd: Option<&Path>) -> Result<Option<Pair>, SecretError> {
    let from_env = |name: &str| {
        let Some(value) = (sources.env)(name) else {
            return Ok(None);
        };
        let value = value
            .into_string()
            .map_err(|_| malformed(name, "it is not text"))?;
        well_formed(name, value).map(Some)
    };
    if let Some(pair) = Pair::of(from_env(ENV_API_KEY)?, from_env(ENV_API_SECRET)?)? {
        return Ok(Some(pair));
    }
    if let Some(folder) = systemd {
        let from_file = |name: &str| {
            let path = folder.join(name);
            if !path.exists() {
                return Ok(None);
            }
            let text = read_secret(&path, Guard::Systemd)?;
            well_formed(&path.display().to_string(), text.trim().to_owned()).map(Some)
        };
        let pair = Pair::of(
            from_file("binance_api_key")?,
            from_file("binance_api_secret")?,
        )?;
        if pair.is_some() {
            return Ok(pair);
        }
    }
    match sources.credentials_file {
        Some(path) => read_pair(path),
        None => Ok(None),
    }
}

/// `NAME=value` lines; `#` begins a comment, `export` and quotes are allowed as in a shell file.
fn read_pair(path: &Path) -> Result<Option<Pair>, SecretError> {
    let text = read_secret(path, Guard::OwnerOnly)?;
    let (mut api_key, mut secret) = (None, None);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format!("{}:{}", path.display(), index + 1);
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| malformed(&place, "expected NAME=value"))?;
        let slot = match name.trim() {
            ENV_API_KEY => &mut api_key,
            ENV_API_SECRET => &mut secret,
            _ => {
                return Err(malformed(
                    &place,
                    "only BINANCE_API_KEY and BINANCE_API_SECRET are known here",
                ));
            }
        };
        if slot.is_some() {
            return Err(malformed(&place, "given twice"));
        }
        let value = unquoted(value.trim()).to_owned();
        *slot = Some(well_formed(&place, value)?);
    }
    let pair = Pair::of(api_key, secret)?;
    if pair.is_none() {
        return Err(malformed(
            &path.display().to_string(),
            "it has no BINANCE_API_KEY= line",
        ));
    }
    Ok(pair)
}

fn unquoted(value: &str) -> &str {
    let inner = |quote: char| {
        value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    };
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

fn find_private_key(
    sources: &Sources<'_>,
    systemd: Option<&Path>,
) -> Result<Option<SigningKey>, SecretError> {
    if let Some(path) = (sources.env)(ENV_PRIVATE_KEY_FILE) {
        return read_private_key(Path::new(&path), Guard::OwnerOnly).map(Some);
    }
    if let Some(path) = systemd
        .map(|folder| folder.join("binance_private_key"))
        .filter(|path| path.exists())
    {
        return read_private_key(&path, Guard::Systemd).map(Some);
    }
    match sources.private_key_file {
        Some(path) => read_private_key(path, Guard::OwnerOnly).map(Some),
        None => Ok(None),
    }
}

/// Who sees to it that nobody else reads a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// Its permission bits, which are checked.
    OwnerOnly,
    /// systemd, which guards the folder with access lists that permission bits do not show.
    Systemd,
}

fn read_secret(path: &Path, guard: Guard) -> Result<Zeroizing<String>, SecretError> {
    let file = path.display().to_string();
    let unreadable = |error| SecretError::Unreadable {
        file: file.clone(),
        error,
    };
    let handle = File::open(path).map_err(unreadable)?;
    // The open file is examined, not the name: the two could be exchanged in between.
    let metadata = handle.metadata().map_err(unreadable)?;
    if guard == Guard::OwnerOnly {
        let user = rustix::process::geteuid().as_raw();
        let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
        if mode & 0o077 != 0 {
            return Err(SecretError::Exposed { file, mode });
        }
        if owner != user && owner != 0 {
            return Err(SecretError::Foreign { file, owner, user });
        }
    }
    // Room for everything at once, so that no copy is left behind by growing.
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize + 1));
    let read = handle
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(malformed(&file, "it is too large to be a key"));
    }
    Ok(text)
}

fn read_private_key(path: &Path, guard: Guard) -> Result<SigningKey, SecretError> {
    let text = read_secret(path, guard)?;
    parse_pem(&path.display().to_string(), &text)
}

/// Reads an unencrypted PKCS#8 PEM key; the algorithm is found by trying both.
fn parse_pem(file: &str, text: &str) -> Result<SigningKey, SecretError> {
    let fail = |why: &str| Err(malformed(file, why));
    let Some((_, after)) = text.split_once("-----BEGIN ") else {
        return fail("it is not a PEM file (no `-----BEGIN PRIVATE KEY-----`)");
    };
    let Some((label, body)) = after.split_once("-----") else {
        return fail("its first line is cut");
    };
    match label {
        "PRIVATE KEY" => {}
        "ENCRYPTED PRIVATE KEY" => {
            return fail(
                "it is encrypted; decrypt it with: openssl pkey -in KEY.pem -out PLAIN.pem",
            );
        }
        "RSA PRIVATE KEY" => {
            return fail(
                "it is PKCS#1; convert it with: openssl pkcs8 -topk8 -nocrypt -in KEY.pem -out KEY8.pem",
            );
        }
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {
            return fail(
                "it is the public key, which belongs to the exchange; give the private one",
            );
        }
        _ => {
            return fail(
                "it is not a PKCS#8 private key; create one with: openssl genpkey -algorithm ed25519",
            );
        }
    }
    let Some((body, _)) = body.split_once("-----END PRIVATE KEY-----") else {
        return fail("its end is missing");
    };
    let mut compact = Zeroizing::new(String::with_capacity(body.len()));
    compact.extend(body.chars().filter(|c| !c.is_ascii_whitespace()));
    let Ok(mut der) = base64::engine::general_purpose::STANDARD.decode(compact.as_bytes()) else {
        return fail("its base64 text is damaged");
    };
    if Ed25519KeyPair::from_pkcs8(&der).is_ok() {
        return Ok(SigningKey::Ed25519(SecretSlice::from(der)));
    }
    if RsaKeyPair::from_pkcs8(&der).is_ok() {
        return Ok(SigningKey::Rsa(SecretSlice::from(der)));
    }
    der.zeroize();
    fail("it holds neither an Ed25519 key nor an RSA key of at least 2048 bits")
}

fn malformed(what: &str, why: &str) -> SecretError {
    SecretError::Malformed {
        what: what.to_owned(),
        why: why.to_owned(),
    }
}

fn well_formed(what: &str, mut text: String) -> Result<SecretString, SecretError> {
    let length = text.chars().count();
    let why = if text.is_empty() {
        "it is empty".to_owned()
    } else if text.trim() != text {
        "it begins or ends with white space".to_owned()
    } else if text.starts_with(['"', '\'']) {
        "it begins with a quotation mark".to_owned()
    } else if text.contains("-----BEGIN") {
        format!("it is a PEM key; put it into a file and name that with {ENV_PRIVATE_KEY_FILE}")
    } else if !text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    {
        "it contains characters that no key has; keys are letters and digits".to_owned()
    } else if !(KEY_CHARS_MIN..=KEY_CHARS_MAX).contains(&length) {
        format!("it has {length} characters; the exchange's keys have 64")
    } else {
        return Ok(SecretString::from(text));
    };
    text.zeroize();
    Err(malformed(what, &why))
}

/// Keeps this process's memory out of core dumps and away from other processes of the same user.
///
/// Nothing of a crash is lost by it: panics print their backtrace, and the flight record holds what led there.
///
/// # Errors
/// The system's reason; the caller warns and goes on.
pub fn forbid_core_dumps() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

#[cfg(test)]
mod tests;
