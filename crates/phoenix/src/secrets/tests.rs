//! Tests of finding and refusing keys. Every key here is made up or generated on the spot.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;

use super::*;

const API_KEY: &str = "madeUpKey0madeUpKey1madeUpKey2madeUpKey3madeUpKey4madeUpKey5xxxx";
const API_SECRET: &str = "noSecret01noSecret02noSecret03noSecret04noSecret05noSecret06yyyy";

#[derive(Default)]
struct Bench {
    env: HashMap<String, OsString>,
    private_key_file: Option<PathBuf>,
    credentials_file: Option<PathBuf>,
    folder: Option<tempfile::TempDir>,
}

impl Bench {
    fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    fn file(&mut self, name: &str, text: &str, mode: u32) -> PathBuf {
        let folder = self
            .folder
            .get_or_insert_with(|| tempfile::tempdir().expect("a temporary folder"));
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file of the test");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("its mode");
        path
    }

    fn load(&self) -> Result<Credentials, SecretError> {
        load_from(&Sources {
            env: &|name| self.env.get(name).cloned(),
            private_key_file: self.private_key_file.as_deref(),
            credentials_file: self.credentials_file.as_deref(),
        })
    }

    fn refusal(&self) -> String {
        let shown = self.load().expect_err("a refusal").to_string();
        assert!(
            !shown.contains(API_KEY) && !shown.contains(API_SECRET),
            "{shown}"
        );
        shown
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn ed25519_der() -> Vec<u8> {
    let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).expect("a key");
    document.as_ref().to_vec()
}

#[test]
fn an_hmac_key_comes_from_the_environment() {
    let bench = Bench::default()
        .env(ENV_API_KEY, API_KEY)
        .env(ENV_API_SECRET, API_SECRET);
    let credentials = bench.load().expect("both are set");
    assert_eq!(credentials.kind(), KeyKind::Hmac);
    assert_eq!(credentials.api_key.expose_secret(), API_KEY);
    let SigningKey::Hmac(secret) = &credentials.signing else {
        panic!("{credentials:?}");
    };
    assert_eq!(secret.expose_secret(), API_SECRET);
}

#[test]
fn debug_output_shows_no_part_of_a_key() {
    let credentials =
        Credentials::hmac(API_KEY.to_owned(), API_SECRET.to_owned()).expect("well-formed");
    let shown = format!("{credentials:?} {credentials:#?}");
    assert!(shown.contains("REDACTED"), "{shown}");
    for piece in [&API_KEY[..6], &API_SECRET[..6]] {
        assert!(!shown.contains(piece), "{shown}");
    }
}

#[test]
fn the_fingerprint_is_stable_and_not_the_key() {
    let one = Credentials::hmac(API_KEY.to_owned(), API_SECRET.to_owned()).expect("well-formed");
    let two = Credentials::hmac(API_KEY.to_owned(), API_KEY.to_owned()).expect("well-formed");
    let other =
        Credentials::hmac(API_SECRET.to_owned(), API_SECRET.to_owned()).expect("well-formed");
    assert_eq!(one.fingerprint(), two.fingerprint());
    assert_ne!(one.fingerprint(), other.fingerprint());
    assert_eq!(one.fingerprint().len(), 16);
}

#[test]
fn an_ed25519_key_comes_from_a_file_only_its_owner_can_read() {
    let mut bench = Bench::default().env(ENV_API_KEY, API_KEY);
    let text = pem("PRIVATE KEY", &ed25519_der());
    let path = bench.file("key.pem", &text, 0o600);
    bench.private_key_file = Some(path.clone());
    let credentials = bench.load().expect("a good key");
    assert_eq!(credentials.kind(), KeyKind::Ed25519);
    let SigningKey::Ed25519(der) = &credentials.signing else {
        panic!("{credentials:?}");
    };
    assert!(Ed25519KeyPair::from_pkcs8(der.expose_secret()).is_ok());

    // The environment's file goes before the configuration's.
    let bench = bench.env(ENV_PRIVATE_KEY_FILE, "/nonexistent/key.pem");
    assert!(
        bench.refusal().starts_with("/nonexistent/key.pem: "),
        "{}",
        bench.refusal()
    );
}

#[test]
fn an_rsa_key_is_recognised() {
    let mut bench = Bench::default().env(ENV_API_KEY, API_KEY);
    let key = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().expect("its encoding");
    let path = bench.file("rsa.pem", &pem("PRIVATE KEY", der.as_ref()), 0o400);
    bench.private_key_file = Some(path);
    assert_eq!(bench.load().expect("a good key").kind(), KeyKind::Rsa);
}

#[test]
fn private_keys_of_the_wrong_form_say_what_to_do() {
    let good = ed25519_der();
    let cut = pem("PRIVATE KEY", &good).replace("-----END", "");
    for (text, part) in [
        (
            pem("RSA PRIVATE KEY", &good),
            "openssl pkcs8 -topk8 -nocrypt",
        ),
        (
            pem("ENCRYPTED PRIVATE KEY", &good),
            "it is encrypted; decrypt it with: openssl pkey",
        ),
        (pem("PUBLIC KEY", &good), "it is the public key"),
        (
            pem("EC PRIVATE KEY", &good),
            "openssl genpkey -algorithm ed25519",
        ),
        (
            pem("PRIVATE KEY", b"nonsense"),
            "neither an Ed25519 key nor an RSA key",
        ),
        (cut, "its end is missing"),
        (
            "-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n".to_owned(),
            "base64 text is damaged",
        ),
        (API_SECRET.to_owned(), "it is not a PEM file"),
        (String::new(), "it is not a PEM file"),
        (
            "x".repeat(FILE_BYTES_MAX as usize + 1),
            "too large to be a key",
        ),
    ] {
        let mut bench = Bench::default().env(ENV_API_KEY, API_KEY);
        let path = bench.file("key.pem", &text, 0o600);
        bench.private_key_file = Some(path);
        let refusal = bench.refusal();
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
}

#[test]
fn a_file_that_others_can_read_is_refused_with_the_command_that_helps() {
    for mode in [0o644, 0o640, 0o604, 0o660] {
        let mut bench = Bench::default().env(ENV_API_KEY, API_KEY);
        let path = bench.file("key.pem", &pem("PRIVATE KEY", &ed25519_der()), mode);
        let shown = format!("(mode {mode:04o}); run: chmod 600 {}", path.display());
        bench.private_key_file = Some(path);
        assert!(bench.refusal().contains(&shown), "{}", bench.refusal());
    }
}

#[test]
fn malformed_keys_are_refused_without_being_shown() {
    for (value, part) in [
        ("", "it is empty"),
        (" noSecret99SD5VNHk4", "white space"),
        ("noSecret99SD5VNHk4\n", "white space"),
        ("\"noSecret99SD5VNHk4\"", "quotation mark"),
        ("noSecret99 SD5VNHk4", "characters that no key has"),
        ("noSecret99SD5VNHkü", "characters that no key has"),
        ("short", "it has 5 characters"),
        ("-----BEGIN PRIVATE KEY-----", "it is a PEM key"),
    ] {
        let bench = Bench::default()
            .env(ENV_API_KEY, API_KEY)
            .env(ENV_API_SECRET, value);
        let refusal = bench.refusal();
        assert!(
            refusal.starts_with("BINANCE_API_SECRET is malformed") && refusal.contains(part),
            "{refusal}"
        );
        assert!(
            value.is_empty() || !refusal.contains(value.trim()),
            "{refusal}"
        );
    }
    let long = "a".repeat(257);
    let bench = Bench::default()
        .env(ENV_API_KEY, long)
        .env(ENV_API_SECRET, API_SECRET);
    assert!(
        bench
            .refusal()
            .starts_with("BINANCE_API_KEY is malformed: it has 257 characters")
    );
}

#[test]
fn what_is_missing_is_named() {
    assert!(
        Bench::default()
            .refusal()
            .contains("no API key: set BINANCE_API_KEY")
    );
    let bench = Bench::default().env(ENV_API_KEY, API_KEY);
    assert_eq!(
        bench.refusal(),
        "an API key is given without an API secret or a private key"
    );
    let bench = Bench::default().env(ENV_API_SECRET, API_SECRET);
    assert_eq!(
        bench.refusal(),
        "an API secret is given without its API key"
    );
    let mut bench = Bench::default();
    let path = bench.file("key.pem", &pem("PRIVATE KEY", &ed25519_der()), 0o600);
    bench.private_key_file = Some(path);
    assert!(
        bench
            .refusal()
            .starts_with("a private key is given without its API key")
    );
}

#[test]
fn two_ways_of_signing_are_refused_not_guessed() {
    let mut bench = Bench::default()
        .env(ENV_API_KEY, API_KEY)
        .env(ENV_API_SECRET, API_SECRET);
    let path = bench.file("key.pem", &pem("PRIVATE KEY", &ed25519_der()), 0o600);
    bench.private_key_file = Some(path);
    assert!(bench.refusal().contains("remove one of them"));
}

#[test]
fn a_credentials_file_is_read_like_a_shell_file() {
    let mut bench = Bench::default();
    let text = format!(
        "# keys\n\nexport BINANCE_API_KEY=\"{API_KEY}\"\nBINANCE_API_SECRET = '{API_SECRET}'\n"
    );
    let path = bench.file("keys.env", &text, 0o600);
    bench.credentials_file = Some(path);
    let credentials = bench.load().expect("a good file");
    assert_eq!(credentials.api_key.expose_secret(), API_KEY);
    assert_eq!(credentials.kind(), KeyKind::Hmac);

    for (text, part) in [
        (
            API_SECRET.to_owned(),
            "keys.env:1 is malformed: expected NAME=value",
        ),
        (
            format!("# x\nSECRET={API_SECRET}"),
            "keys.env:2 is malformed: only BINANCE_API_KEY",
        ),
        (
            format!("BINANCE_API_KEY={API_KEY}\nBINANCE_API_KEY={API_KEY}"),
            "keys.env:2 is malformed: given twice",
        ),
        (String::new(), "it has no BINANCE_API_KEY= line"),
    ] {
        let path = bench.file("keys.env", &text, 0o600);
        bench.credentials_file = Some(path);
        let refusal = bench.refusal();
        assert!(refusal.contains(part), "{refusal}");
    }
}

#[test]
fn systemd_credentials_are_found_and_the_environment_goes_first() {
    let mut bench = Bench::default();
    // systemd guards the folder by access lists; the bits look open.
    let path = bench.file("binance_api_key", &format!("{API_KEY}\n"), 0o440);
    bench.file(
        "binance_private_key",
        &pem("PRIVATE KEY", &ed25519_der()),
        0o440,
    );
    let folder = path.parent().expect("the folder").to_owned();
    let bench = bench.env("CREDENTIALS_DIRECTORY", folder);
    let credentials = bench.load().expect("systemd's credentials");
    assert_eq!(credentials.kind(), KeyKind::Ed25519);
    assert_eq!(credentials.api_key.expose_secret(), API_KEY);

    let bench = bench.env(ENV_API_KEY, API_SECRET);
    assert_eq!(
        bench.load().expect("both").api_key.expose_secret(),
        API_SECRET
    );
}

#[test]
fn the_process_can_be_made_undumpable() {
    use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};
    let before = dumpable_behavior().expect("readable");
    forbid_core_dumps().expect("allowed");
    assert_eq!(
        dumpable_behavior().expect("readable"),
        DumpableBehavior::NotDumpable
    );
    set_dumpable_behavior(before).expect("restored");
}
