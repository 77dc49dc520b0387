//! The files in `deploy/` agree with the program that they start.

use phoenix_watchdog::policy::ending::code;
use phoenix_watchdog::policy::progress::STOP_MAX;
use std::path::Path;
use std::process::Command;

const UNIT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../deploy/systemd/phoenix.service"
);

fn unit() -> String {
    std::fs::read_to_string(UNIT).expect("the unit")
}

/// The values of a key of the unit, in their order.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let of_key = |line: &'a str| line.strip_prefix(key)?.strip_prefix('=');
    unit.lines().filter_map(of_key).collect()
}

#[test]
fn the_unit_is_restarted_only_where_that_helps() {
    let unit = unit();
    assert_eq!(values(&unit, "Restart"), ["on-failure"]);
    let prevented = values(&unit, "RestartPreventExitStatus").join(" ");
    let prevented: Vec<u8> = prevented
        .split(' ')
        .map(|word| word.parse().expect("a code"))
        .collect();
    assert_eq!(prevented, [code::CONFIG, code::BUSY, code::GAVE_UP]);
}

#[test]
fn the_unit_leaves_time_for_a_verified_end_and_hears_the_watchdog() {
    let unit = unit();
    let stop: u64 = values(&unit, "TimeoutStopSec")[0].parse().expect("seconds");
    assert!(stop > 2 * STOP_MAX.as_secs());
    assert_eq!(values(&unit, "Type"), ["notify"]);
    assert_eq!(values(&unit, "KillMode"), ["mixed"]);
    assert_eq!(values(&unit, "WatchdogSec").len(), 1);
    let start = values(&unit, "ExecStart")[0];
    assert!(start.contains(" watchdog -c "), "{start}");
    // The names that the secrets are looked for under.
    for credential in values(&unit, "LoadCredential") {
        let name = credential.split(':').next().unwrap_or_default();
        assert!(["binance_api_key", "binance_api_secret"].contains(&name));
    }
}

#[test]
fn systemd_understands_the_unit() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("phoenix.service");
    // The check wants the program to exist.
    let text = unit().replace("/usr/local/bin/phoenix", env!("CARGO_BIN_EXE_phoenix"));
    std::fs::write(&file, text).expect("a file");
    let checked = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(&file)
        .output();
    let Ok(checked) = checked else {
        eprintln!("SKIPPED: systemd-analyze is absent");
        return;
    };
    let said = String::from_utf8_lossy(&checked.stderr);
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("phoenix.service"))
        .collect();
    assert!(ours.is_empty(), "{said}");
    assert!(Path::new(UNIT).exists());
}
