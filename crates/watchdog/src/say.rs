//! Owns the watchdog's own lines: on standard error, and in a small file that outlives the terminal; does not know what they mean.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::clock;
use crate::policy::event::Level;

/// Size at which the file gives way to a new one; the last one is kept beside it.
const FILE_BYTES_MAX: u64 = 1_048_576;
const DAY_MS: i64 = 86_400_000;

/// Form of the lines on standard error. The file has JSON always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Human,
    /// One JSON object for each line, with the field names of the trading process's log.
    Json,
}

/// Writes lines.
#[derive(Debug)]
pub struct Sayer {
    form: Form,
    file: Option<(PathBuf, File)>,
}

impl Sayer {
    /// Lines go to standard error and, where it can be written, to `file`.
    #[must_use]
    pub fn new(form: Form, file: Option<&Path>) -> Self {
        let file = file.and_then(|path| Some((path.to_owned(), open(path).ok()?)));
        Self { form, file }
    }

    /// One line. What cannot be written is lost: nothing may hold up the supervision.
    pub fn say(&mut self, code: &str, level: Level, text: &str) {
        let at_ms = clock::wall_ms();
        let json = json_line(at_ms, code, level, text);
        let line = match self.form {
            Form::Json => json.clone(),
            Form::Human => format!(
                "{} {:>5} watchdog: {text} code=\"{code}\"\n",
                stamp(at_ms),
                word(level)
            ),
        };
        drop(io::stderr().lock().write_all(line.as_bytes()));
        self.keep(&json);
    }

    fn keep(&mut self, line: &str) {
        let Some((path, file)) = &mut self.file else {
            return;
        };
        if file.metadata().is_ok_and(|m| m.len() > FILE_BYTES_MAX) {
            let old = path.with_extension("log.1");
            if let (Ok(()), Ok(new)) = (std::fs::rename(&*path, old), open(path)) {
                *file = new;
            }
        }
        drop(file.write_all(line.as_bytes()));
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

const fn word(level: Level) -> &'static str {
    match level {
        Level::Info => "INFO",
        Level::Warning => "WARN",
        Level::Severe | Level::Emergency => "ERROR",
    }
}

fn json_line(at_ms: i64, code: &str, level: Level, text: &str) -> String {
    let object = serde_json::json!({
        "timestamp": stamp(at_ms),
        "level": word(level),
        "message": text,
        "code": code,
        "alert": level.number(),
        "target": "phoenix_watchdog",
    });
    format!("{object}\n")
}

/// UTC in the form of RFC 3339, with milliseconds.
fn stamp(at_ms: i64) -> String {
    let (year, month, day) = date_of(at_ms.div_euclid(DAY_MS));
    let ms = at_ms.rem_euclid(DAY_MS);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        ms % 1_000
    )
}

/// Civil date of a day counted from 1970-01-01, in the Gregorian calendar, whose pattern repeats every 400 years of 146 097 days.
fn date_of(day: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last of a year.
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_utc() {
        for (at_ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(stamp(at_ms), expected);
        }
    }

    #[test]
    fn lines_are_kept_beside_the_terminal_and_the_file_stays_small() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("watchdog.log");
        let mut sayer = Sayer::new(Form::Json, Some(&path));
        sayer.say("child_stalled", Level::Severe, "it \"stands\" still");
        let text = std::fs::read_to_string(&path).expect("the file");
        let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(line["code"], "child_stalled");
        assert_eq!(
            (&line["alert"], &line["level"]),
            (&2.into(), &"ERROR".into())
        );
        assert_eq!(line["message"], "it \"stands\" still");
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(FILE_BYTES_MAX + 1))
            .expect("a large file");
        sayer.say("over", Level::Info, "the end");
        let text = std::fs::read_to_string(&path).expect("the new file");
        assert_eq!(text.lines().count(), 1);
        assert!(path.with_extension("log.1").exists());
    }

    #[test]
    fn a_file_that_cannot_be_written_is_done_without() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut sayer = Sayer::new(Form::Human, Some(&folder.path().join("no/such/file")));
        sayer.say("over", Level::Info, "the end");
        assert!(sayer.file.is_none());
    }
}
