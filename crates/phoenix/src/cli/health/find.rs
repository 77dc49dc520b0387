//! Finds the process that a question goes to: from an address, or from the locks in its state folder.

use std::path::{Path, PathBuf};

use super::{DEFAULT_CONFIG, HealthArgs};
use crate::config::Config;
use crate::health::rules::PROCESS;
use crate::health::{Check, Health, SERVICE, Status};
use crate::journal::query::Reader;
use crate::lock::{self, Instance};

/// Whom to ask, and what the answer must say of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Base address; `None` when the process has told none.
    pub(super) url: Option<String>,
    /// The process, where it is known.
    pub(super) pid: Option<u32>,
    /// The account, where it is known.
    pub(super) account: Option<String>,
    /// ` -c FILE` for the commands that are advised.
    pub(super) config: String,
}

/// A finding about a process that cannot be asked: severe, for what is not known is not well.
pub(super) fn severe(target: &Target, phase: &str, text: &str, next: &str) -> Health {
    let check = Check {
        name: PROCESS.name.to_owned(),
        symbol: None,
        status: Status::Severe,
        value: None,
        unit: PROCESS.unit.to_owned(),
        limit: None,
        limit_severe: None,
        text: text.to_owned(),
        next: Some(next.replace(" {config}", &target.config)),
    };
    Health {
        service: SERVICE.to_owned(),
        status: Status::Severe,
        phase: phase.to_owned(),
        pid: target.pid,
        account: target.account.clone(),
        symbols: Vec::new(),
        checks: vec![check],
        promises: Default::default(),
        evidence: Default::default(),
    }
}

/// Whom the arguments mean.
///
/// # Errors
/// The answer, when there is nobody to ask or it is not clear whom.
pub(super) fn target(args: &HealthArgs) -> Result<Target, Box<Health>> {
    let config = match args.config.as_os_str() == DEFAULT_CONFIG && !args.config.exists() {
        true => String::new(),
        false => format!(" -c {}", args.config.display()),
    };
    let mut target = Target {
        url: args.url.clone(),
        pid: None,
        account: args.account.clone(),
        config,
    };
    if target.url.is_some() {
        return Ok(target);
    }
    let state_dir = state_dir(args, &target)?;
    let all = match lock::instances(&state_dir) {
        Ok(all) => all,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            let text = format!("{} cannot be read: {error}", state_dir.display());
            let next = format!(
                "run this as the user that runs phoenix, or look at: ls -ld {}",
                state_dir.display()
            );
            return Err(Box::new(severe(&target, "unknown", &text, &next)));
        }
    };
    let is_meant = |i: &&Instance| {
        args.account
            .as_ref()
            .is_none_or(|account| *account == i.account)
    };
    let running: Vec<&Instance> = all
        .iter()
        .filter(is_meant)
        .filter(|i| i.holder.is_some())
        .collect();
    match running.as_slice() {
        [] => Err(Box::new(absent(
            &target,
            &state_dir,
            all.iter().filter(is_meant),
        ))),
        [one] => {
            let file = lock::page_file(&state_dir, &one.account);
            let url = std::fs::read_to_string(file).ok();
            target.url = url
                .map(|url| url.trim().to_owned())
                .filter(|url| !url.is_empty());
            // 0 stands for a holder whose number the kernel does not tell here.
            target.pid = one.holder.filter(|pid| *pid > 0);
            target.account = Some(one.account.clone());
            Ok(target)
        }
        several => Err(Box::new(ambiguous(&target, several))),
    }
}

fn state_dir(args: &HealthArgs, target: &Target) -> Result<PathBuf, Box<Health>> {
    if let Some(folder) = &args.state_dir {
        return Ok(folder.clone());
    }
    Config::load(&args.config).map(|loaded| loaded.config.global.state_dir).map_err(|rejected| {
        let why = rejected.errors.first().map_or_else(String::new, ToString::to_string);
        let text = format!("the configuration cannot be used: {why}");
        let file = args.config.display();
        let next = format!("phoenix check-config {file}; or say where the state is: phoenix health --state-dir DIR");
        Box::new(severe(target, "unknown", &text, &next))
    })
}

fn ambiguous(target: &Target, several: &[&Instance]) -> Health {
    let accounts: Vec<&str> = several.iter().map(|i| i.account.as_str()).collect();
    let text = format!(
        "{} processes run from this folder, of the accounts {}",
        several.len(),
        accounts.join(", ")
    );
    let commands = accounts
        .iter()
        .map(|account| format!("phoenix health {{config}} --account {account}"));
    let next = commands.collect::<Vec<_>>().join("; ");
    severe(target, "unknown", &text, &next)
}

/// Nobody holds a lock: says what is known of the last one who did.
fn absent<'a>(
    target: &Target,
    state_dir: &Path,
    all: impl Iterator<Item = &'a Instance>,
) -> Health {
    let notes: Vec<String> = all
        .map(|i| format!("account {} was {}", i.account, i.note))
        .collect();
    let mut text = match notes.is_empty() {
        true => format!("not running; nobody ever ran from {}", state_dir.display()),
        false => format!("not running; {}", notes.join(", ")),
    };
    if let Some(end) = last_end(&state_dir.join("journal.db")) {
        text = format!("{text}; {end}");
    }
    let next = "orders may rest, look first: phoenix emergency status {config}; then start it: phoenix run {config}";
    severe(target, "absent", &text, next)
}

/// How the journal's last session ended.
fn last_end(journal: &Path) -> Option<String> {
    if !journal.exists() {
        return None;
    }
    let session = Reader::open(journal)
        .ok()?
        .restart_state()
        .ok()?
        .last_session?;
    let at = |ms: i64| {
        jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |t| t.to_string())
    };
    Some(match (session.ended_ms, session.exit) {
        (Some(ended), Some(exit)) => {
            format!("session {} ended {} ({exit})", session.session, at(ended))
        }
        _ => format!(
            "session {} began {} and has NO recorded end: it was killed or the machine failed",
            session.session,
            at(session.started_ms)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::InstanceLock;

    fn args(state_dir: &Path) -> HealthArgs {
        HealthArgs {
            config: PathBuf::from("nowhere/phoenix.yaml"),
            state_dir: Some(state_dir.to_owned()),
            url: None,
            account: None,
            json: true,
            watch: None,
        }
    }

    fn text_of(health: &Health) -> (String, String) {
        let check = health.checks.first().expect("a check");
        (check.text.clone(), check.next.clone().expect("what to do"))
    }

    #[test]
    fn the_holder_of_the_only_lock_is_asked_where_its_file_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let _lock = InstanceLock::take(folder.path(), "0011", "noon").expect("free");
        let target = target(&args(folder.path())).expect("one process");
        assert_eq!((target.pid, target.url), (Some(std::process::id()), None));
        std::fs::write(
            lock::page_file(folder.path(), "0011"),
            "http://127.0.0.1:9\n",
        )
        .expect("a file");
        let target = super::target(&args(folder.path())).expect("one process");
        assert_eq!(target.url.as_deref(), Some("http://127.0.0.1:9"));
        assert_eq!(target.account.as_deref(), Some("0011"));
    }

    #[test]
    fn of_several_processes_one_must_be_chosen() {
        let folder = tempfile::tempdir().expect("a folder");
        let _one = InstanceLock::take(folder.path(), "0011", "noon").expect("free");
        let _two = InstanceLock::take(folder.path(), "0022", "noon").expect("free");
        let health = target(&args(folder.path())).expect_err("two");
        assert!(text_of(&health).1.contains("--account 0022"), "{health:?}");
        let chosen = HealthArgs {
            account: Some("0022".to_owned()),
            ..args(folder.path())
        };
        let target = target(&chosen).expect("the chosen one");
        assert_eq!(target.account.as_deref(), Some("0022"));
    }

    #[test]
    fn of_a_process_that_is_gone_its_last_note_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(InstanceLock::take(folder.path(), "0011", "noon").expect("free"));
        let health = target(&args(folder.path())).expect_err("nobody runs");
        assert_eq!(
            (health.status, health.phase.as_str()),
            (Status::Severe, "absent")
        );
        let (text, next) = text_of(&health);
        assert!(text.contains("since noon"), "{text}");
        assert!(
            next.contains("phoenix emergency status -c nowhere/phoenix.yaml;"),
            "{next}"
        );
    }

    #[test]
    fn a_configuration_that_cannot_be_read_is_severe_and_names_the_way_out() {
        let wrong = HealthArgs {
            state_dir: None,
            ..args(Path::new("-"))
        };
        let health = target(&wrong).expect_err("no such file");
        assert!(
            text_of(&health)
                .1
                .starts_with("phoenix check-config nowhere/phoenix.yaml"),
            "{health:?}"
        );
    }
}
