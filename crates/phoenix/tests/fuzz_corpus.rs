//! Replays the corpus of every fuzz target, and some thousand inputs made from it with a fixed seed, without a fuzzer: what was found
//! once stays found, on the stable toolchain and in every run.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

// The targets' library is a package of its own outside of the workspace: it needs a fuzzer, which this test does not.
#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

/// Longest input made here; the fuzzer's own are shorter than 4096 bytes.
const LENGTH_MAX: usize = 2_048;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target)
}

/// The files of a target's corpus, by name.
fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(corpus(target)).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Xorshift by Marsaglia (2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % n.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    /// An input like those of the corpus, or one like none.
    fn input(&mut self, files: &[(String, Vec<u8>)]) -> Vec<u8> {
        if self.below(8) == 0 {
            let length = self.below(400);
            return (0..length).map(|_| self.byte()).collect();
        }
        let mut bytes = files[self.below(files.len())].1.clone();
        for _ in 0..=self.below(5) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 => bytes.insert(at, self.byte()),
                1 => bytes.truncate(at),
                2 if at < bytes.len() => drop(bytes.remove(at)),
                3 => {
                    let other = &files[self.below(files.len())].1;
                    let from = self.below(other.len() + 1);
                    let tail = other.iter().skip(from).take(1 + self.below(64));
                    bytes.splice(at..at, tail.copied());
                }
                _ if at < bytes.len() => bytes[at] = self.byte(),
                _ => {}
            }
        }
        bytes.truncate(LENGTH_MAX);
        bytes
    }
}

/// Replays everything of one target; the input on which it breaks is said, to be kept in the corpus.
fn replay(target: &str, inputs: usize) {
    let (_, run) = targets::TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .unwrap();
    let files = kept(target);
    assert!(!files.is_empty(), "{target} has no corpus");
    let judge = |name: &str, bytes: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(bytes))) {
            eprintln!("{target} broke on {name}: {}", bytes.escape_ascii());
            resume_unwind(panic);
        }
    };
    for (name, bytes) in &files {
        judge(name, bytes);
    }
    let seed = 0x7068_6f65_6e69_7831;
    println!("{target}: seed {seed}, {inputs} inputs");
    let mut chance = Chance(seed);
    for number in 0..inputs {
        judge(&format!("input {number}"), &chance.input(&files));
    }
}

/// One test a target, so that they run side by side.
macro_rules! replayed {
    ($($target:ident: $inputs:expr;)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target), $inputs);
        })*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($target)),*];
            let targets = targets::TARGETS.map(|(name, _)| name);
            assert_eq!(replayed.as_slice(), targets);
        }
    };
}

replayed! {
    market_frame: 4_000;
    user_frame: 4_000;
    rest_body: 3_000;
    config: 2_000;
    client_id: 5_000;
    book: 4_000;
    orders: 5_000;
    engine: 400;
    exchange: 2_000;
    serve_request: 2_000;
}

#[test]
fn every_target_has_a_binary() {
    let manifest = fs::read_to_string(corpus("../Cargo.toml")).unwrap();
    for (name, _) in targets::TARGETS {
        let path = format!("path = \"fuzz_targets/{name}.rs\"");
        assert!(manifest.contains(&path), "fuzz/Cargo.toml has no {name}");
        let body = fs::read_to_string(corpus(&format!("../fuzz_targets/{name}.rs"))).unwrap();
        assert!(body.contains(&format!("phoenix_fuzz::{name}::run(bytes)")));
    }
}
