//! Owns the page of one session: its port, the file that says where it is, and the facts it shows.

use super::Setup;
use crate::health::facts::{Facts, SymbolFacts};
use crate::live::clock::Clock;
use crate::lock;
use crate::web::{self, Served, Source};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// A page; it is closed and its file removed when it is dropped.
#[derive(Debug)]
pub(super) struct Page {
    /// Where the facts go in.
    pub(super) facts: watch::Sender<Facts>,
    /// What people must hear of: it is not where it should be.
    pub(super) trouble: Option<String>,
    file: PathBuf,
    _served: Option<Served>,
}

impl Drop for Page {
    fn drop(&mut self) {
        // Absent is as good as removed; one that stays is recognised by the process that it does not name.
        let _ = std::fs::remove_file(&self.file);
    }
}

/// Opens the page. Nothing about it keeps the session from trading: a port that is taken is replaced by a free one
/// on the same address, and said.
pub(super) async fn open(setup: &Setup, clock: &Clock) -> Page {
    let global = &setup.config.global;
    let wanted = SocketAddr::new(global.listen_address, global.metrics_port);
    if !global.listen_address.is_loopback() {
        tracing::warn!(address = %global.listen_address, "global.listen_address is not loopback: others can read the health of this process");
    }
    let (facts, reader) = watch::channel(booting(setup));
    let source = source(clock.clone(), reader);
    let file = lock::page_file(&global.state_dir, &setup.fingerprint);
    let (served, mut trouble) = serve(wanted, source).await;
    if let Some(served) = &served {
        tracing::info!(url = %format!("{}/health", served.url()), "health is served");
        if let Err(error) = write(&file, &served.url()) {
            trouble = Some(format!("{} cannot be written: {error}", file.display()));
        }
    }
    if let Some(why) = &trouble {
        tracing::error!(code = "page_moved", "{why}");
        facts.send_modify(|facts| facts.page_trouble = Some(why.clone()));
    }
    Page {
        facts,
        trouble,
        file,
        _served: served,
    }
}

async fn serve(wanted: SocketAddr, source: Source) -> (Option<Served>, Option<String>) {
    let error = match web::serve(wanted, source.clone()).await {
        Ok(served) => return (Some(served), None),
        Err(error) => error,
    };
    let taken =
        format!("{wanted} (global.listen_address, global.metrics_port) cannot be used: {error}");
    match web::serve(SocketAddr::new(wanted.ip(), 0), source).await {
        Ok(served) => {
            let trouble = format!("{taken}; health is served on {} instead", served.url());
            (Some(served), Some(trouble))
        }
        Err(_) => (None, Some(format!("{taken}; health is NOT served"))),
    }
}

/// Answers with the latest facts, as old as they are by then.
fn source(clock: Clock, reader: watch::Receiver<Facts>) -> Source {
    Source::new(move || {
        let facts = reader.borrow().clone();
        let now_s = clock.mono().raw() as f64 / 1e9;
        let late_s = now_s - facts.at_s;
        facts.aged(late_s)
    })
}

fn booting(setup: &Setup) -> Facts {
    let global = &setup.config.global;
    let symbols = setup.config.symbols.iter().map(|s| SymbolFacts {
        name: s.symbol.clone(),
        ..SymbolFacts::default()
    });
    Facts {
        pid: std::process::id(),
        account: setup.fingerprint.clone(),
        config_file: setup.config_path.as_deref().map(typed),
        state_dir: typed(&global.state_dir),
        kill_file: typed(&global.state_dir.join(&global.kill_file)),
        is_lock_ours: Some(true),
        symbols: symbols.collect(),
        ..Facts::default()
    }
}

/// A path as it can be typed in any folder: commands that are advised name it.
fn typed(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let text = whole.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    match text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// One line with the address, readable by its owner only; in place at once, never half written.
fn write(file: &Path, url: &str) -> std::io::Result<()> {
    let new = file.with_extension("http.new");
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    writeln!(out, "{url}")?;
    drop(out);
    std::fs::rename(&new, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn paths_can_be_typed_in_any_folder() {
        assert_eq!(
            typed(Path::new("/a/b-1/phoenix.yaml")),
            "/a/b-1/phoenix.yaml"
        );
        assert_eq!(typed(Path::new("/a b/it's")), r"'/a b/it'\''s'");
        assert!(typed(Path::new("data")).starts_with('/'));
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_replaced_and_told() {
        let source = || Source::new(Facts::default);
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (first, trouble) = serve(loopback(0), source()).await;
        let taken = first.as_ref().expect("a free port").address();
        assert_eq!(trouble, None);
        let (second, trouble) = serve(taken, source()).await;
        let moved = second.expect("another port").address();
        assert_ne!(moved, taken);
        let told = trouble.expect("an alert");
        for part in [
            taken.to_string(),
            moved.to_string(),
            "global.metrics_port".to_owned(),
        ] {
            assert!(told.contains(&part), "{part}: {told}");
        }
        let nowhere = SocketAddr::from(([203, 0, 113, 7], 0));
        let (none, trouble) = serve(nowhere, source()).await;
        assert!(none.is_none() && trouble.is_some_and(|t| t.contains("NOT served")));
    }

    #[test]
    fn the_file_with_the_address_is_its_owners() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let file = lock::page_file(folder.path(), "0011");
        write(&file, "http://127.0.0.1:9").expect("written");
        assert_eq!(
            std::fs::read_to_string(&file).expect("readable"),
            "http://127.0.0.1:9\n"
        );
        let mode = std::fs::metadata(&file)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
