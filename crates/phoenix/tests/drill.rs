//! `phoenix drill` as a user meets it: one real drill end to end, its scorecard for machines, and nothing left behind.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn drill(args: &[&str], temp: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_phoenix"))
        .arg("drill")
        .args(args)
        .env("TMPDIR", temp)
        .output()
        .expect("the binary runs")
}

/// Processes whose arguments name the folder: those that a drill started in it.
fn left_behind(temp: &Path) -> Vec<String> {
    let folder = temp.display().to_string();
    let processes = std::fs::read_dir("/proc")
        .expect("a process list")
        .flatten();
    let arguments = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = arguments.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    lines.filter(|line| line.contains(&folder)).collect()
}

#[test]
fn a_drill_is_carried_out_judged_and_cleaned_up() {
    let temp = tempfile::tempdir().expect("a folder");
    let output = drill(&["kill-switch", "--json"], temp.path());
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(
        text.lines().count(),
        1,
        "one object and nothing else: {text}\n{log}"
    );
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let card = &value["drills"][0];
    assert_eq!(card["error"], Value::Null, "{text}");
    for key in [
        "detect_s",
        "off_book_s",
        "time_at_risk_s",
        "exposure_max",
        "loss_quote",
    ] {
        assert!(card[key].is_f64(), "{key}: {text}");
    }
    assert_eq!(card["recovered_s"], Value::Null, "a person resumes: {text}");
    // How soon is for a machine of its own to say; that the promises hold is not.
    assert_eq!(card["promises_broken"], Value::Array(Vec::new()), "{text}");
    let is_passed = value["passed"] == 1 && value["failed"] == 0;
    assert_eq!(output.status.code(), Some(i32::from(!is_passed)), "{log}");
    assert_eq!(left_behind(temp.path()), Vec::<String>::new());
}

#[test]
fn an_interrupt_ends_every_process_of_a_drill() {
    let temp = tempfile::tempdir().expect("a folder");
    let child = Command::new(env!("CARGO_BIN_EXE_phoenix"))
        .args(["drill", "silent-depth", "--json"])
        .env("TMPDIR", temp.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    while left_behind(temp.path()).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .expect("an id");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
    let output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(1));
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let why = value["drills"][0]["error"].as_str().expect("a reason");
    assert!(why.contains("interrupted"), "{value}");
    assert_eq!((&value["passed"], &value["errors"]), (&0.into(), &1.into()));
    assert_eq!(left_behind(temp.path()), Vec::<String>::new());
}

#[test]
fn names_are_listed_and_wrong_ones_refused() {
    let temp = tempfile::tempdir().expect("a folder");
    let list = drill(&["--list"], temp.path());
    let text = String::from_utf8(list.stdout).expect("UTF-8");
    assert!(
        list.status.success() && text.lines().count() >= 33,
        "{text}"
    );
    let listed: Value =
        serde_json::from_slice(&drill(&["--list", "--json"], temp.path()).stdout).expect("JSON");
    assert_eq!(listed["drills"][0]["name"], "silent-depth");
    for (args, said) in [
        (&["silent-dept"][..], "silent-depth"),
        (&[][..], "--all"),
        (&["--jobs", "0", "sigkill"][..], "1 to 16"),
    ] {
        let output = drill(args, temp.path());
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {log}");
        assert!(
            log.contains(said) && output.stdout.is_empty(),
            "{args:?}: {log}"
        );
    }
}
