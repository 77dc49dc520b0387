//! Log lines to standard error and, when wanted, to a rotated file, without ever holding up whoever logs; does not know what is logged.

pub mod tally;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use crate::config::{GlobalConfig, LogFormat, LogLevel, LogRotation};

/// Lines that may wait for a slow terminal or disk. Further ones are dropped and counted:
/// a log that blocks the engine would be worse than a log with a gap.
pub const LINES_MAX: usize = 16_384;

/// How to log.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// Least severe line of our own crates; others log from WARN on.
    pub level: LogLevel,
    /// Form of the lines.
    pub format: LogFormat,
    /// File that receives the lines as well.
    pub file: Option<PathBuf>,
    /// When the file is rotated.
    pub rotation: LogRotation,
    /// How many rotated files are kept.
    pub files_max: u32,
}

impl LogOptions {
    /// What the configuration says.
    pub fn of(global: &GlobalConfig) -> Self {
        Self {
            level: global.log_level,
            format: global.log_format,
            file: global.log_file.clone(),
            rotation: global.log_rotation,
            files_max: global.log_files_max,
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log file cannot be written.
    #[error("cannot write the log file {file}: {reason}")]
    File {
        /// The file as configured.
        file: String,
        /// The system's reason.
        reason: String,
    },
    /// Logging was set up before.
    #[error("logging is already set up")]
    Twice,
}

/// Changes the level of a log that runs.
#[derive(Clone)]
pub struct LevelHandle(reload::Handle<Targets, Registry>);

impl LevelHandle {
    /// Applies a changed `log_level`.
    pub fn apply(&self, level: LogLevel) {
        // Fails only when the subscriber is gone, and with it every line.
        let _ = self.0.reload(targets(level));
    }
}

impl std::fmt::Debug for LevelHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LevelHandle")
    }
}

/// Keeps logging alive; dropping it writes out what waits.
pub struct Logging {
    level: reload::Handle<Targets, Registry>,
    dropped: Vec<ErrorCounter>,
    _workers: Vec<WorkerGuard>,
}

impl Logging {
    /// What applies a changed `log_level`.
    pub fn level(&self) -> LevelHandle {
        LevelHandle(self.level.clone())
    }

    /// Lines dropped so far because a terminal or disk was too slow.
    pub fn dropped_lines(&self) -> usize {
        self.dropped.iter().map(ErrorCounter::dropped_lines).sum()
    }
}

/// Sets up logging for the process. Standard output is never written.
///
/// # Errors
/// [`LogError`]
pub fn init(options: &LogOptions) -> Result<Logging, LogError> {
    let stderr = Sink {
        writer: Box::new(std::io::stderr()),
        ansi: std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let (subscriber, logging) = build(options, stderr)?;
    subscriber.try_init().map_err(|_| LogError::Twice)?;
    Ok(logging)
}

struct Sink {
    writer: Box<dyn Write + Send>,
    ansi: bool,
}

fn build(
    options: &LogOptions,
    console: Sink,
) -> Result<(impl Subscriber + Send + Sync + use<>, Logging), LogError> {
    let mut sinks = vec![console];
    if let Some(file) = &options.file {
        sinks.push(Sink {
            writer: Box::new(open_file(file, options)?),
            ansi: false,
        });
    }
    let (mut layers, mut workers, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
    for sink in sinks {
        let (writer, worker) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES_MAX)
            .lossy(true)
            .thread_name("log")
            .finish(sink.writer);
        dropped.push(writer.error_counter());
        workers.push(worker);
        layers.push(layer(options.format, writer, sink.ansi));
    }
    let (filter, level) = reload::Layer::new(targets(options.level));
    // One filter over all layers, so that both sinks have the same lines.
    let subscriber = Registry::default()
        .with(filter)
        .with(layers)
        .with(tally::Tally);
    let logging = Logging {
        level,
        dropped,
        _workers: workers,
    };
    Ok((subscriber, logging))
}

fn layer<S>(format: LogFormat, writer: NonBlocking, ansi: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let base = fmt::layer()
        .with_writer(writer)
        .with_ansi(ansi)
        .log_internal_errors(false);
    match format {
        LogFormat::Human => base.boxed(),
        LogFormat::Json => base
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
    }
}

fn targets(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    let others = own.min(LevelFilter::WARN);
    // A prefix: phoenix, phoenix_core, phoenix_exchange, phoenix_watchdog.
    Targets::new()
        .with_default(others)
        .with_target("phoenix", own)
}

fn open_file(
    file: &std::path::Path,
    options: &LogOptions,
) -> Result<RollingFileAppender, LogError> {
    let fail = |reason: String| LogError::File {
        file: file.display().to_string(),
        reason,
    };
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| fail("it is no file name".to_owned()))?;
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => std::path::Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(|error| fail(error.to_string()))?;
    let rotation = match options.rotation {
        LogRotation::Daily => Rotation::DAILY,
        LogRotation::Hourly => Rotation::HOURLY,
        LogRotation::Never => Rotation::NEVER,
    };
    RollingFileAppender::builder()
        .rotation(rotation)
        .filename_prefix(name)
        .max_log_files(options.files_max as usize)
        .build(folder)
        .map_err(|error| fail(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0
                .lock()
                .expect("no panic while held")
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A writer whose other end is gone.
    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }

    fn options(level: LogLevel, format: LogFormat, file: Option<PathBuf>) -> LogOptions {
        LogOptions {
            level,
            format,
            file,
            rotation: LogRotation::Never,
            files_max: 3,
        }
    }

    fn sink(writer: impl Write + Send + 'static) -> Sink {
        Sink {
            writer: Box::new(writer),
            ansi: false,
        }
    }

    fn logged(options: &LogOptions, work: impl FnOnce(&Logging)) -> String {
        let shared = Shared::default();
        let (subscriber, logging) = build(options, sink(shared.clone())).expect("logging");
        tracing::subscriber::with_default(subscriber, || work(&logging));
        drop(logging);
        let bytes = shared.0.lock().expect("no panic while held").clone();
        String::from_utf8(bytes).expect("log lines are text")
    }

    #[test]
    fn lines_below_the_level_and_chatter_of_others_are_left_out() {
        let text = logged(&options(LogLevel::Info, LogFormat::Human, None), |_| {
            tracing::info!(symbol = "ETHUSDC", "quoting");
            tracing::debug!("hidden");
            tracing::info!(target: "hyper", "chatter");
            tracing::warn!(target: "hyper", "trouble");
        });
        assert!(text.contains("quoting symbol=\"ETHUSDC\""), "{text}");
        assert!(text.contains("trouble"), "{text}");
        assert!(
            !text.contains("hidden") && !text.contains("chatter"),
            "{text}"
        );
    }

    #[test]
    fn a_changed_level_applies_at_once() {
        let text = logged(
            &options(LogLevel::Error, LogFormat::Human, None),
            |logging| {
                tracing::info!("before");
                logging.level().apply(LogLevel::Debug);
                tracing::debug!("after");
            },
        );
        assert!(!text.contains("before") && text.contains("after"), "{text}");
    }

    #[test]
    fn json_lines_are_one_object_each() {
        let text = logged(&options(LogLevel::Info, LogFormat::Json, None), |_| {
            tracing::info!(symbol = "ETHUSDC", "two\nlines");
        });
        let line = text.strip_suffix('\n').expect("one line");
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(value["symbol"], "ETHUSDC");
        assert_eq!(value["message"], "two\nlines");
        assert_eq!(value["level"], "INFO");
    }

    #[test]
    fn the_file_receives_the_same_lines() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("logs/phoenix.log");
        let text = logged(
            &options(LogLevel::Info, LogFormat::Human, Some(file.clone())),
            |_| {
                tracing::info!("to both");
            },
        );
        let written = std::fs::read_to_string(file).expect("the log file");
        // Each sink stamps its own time.
        let untimed = |line: &str| line.split_once(' ').map(|(_, rest)| rest.to_owned());
        assert_eq!(untimed(&written), untimed(&text));
        assert!(written.contains("to both"));
    }

    #[test]
    fn a_closed_terminal_neither_panics_nor_blocks() {
        let (subscriber, logging) = build(
            &options(LogLevel::Info, LogFormat::Human, None),
            sink(Broken),
        )
        .expect("logging");
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..1000 {
                tracing::info!(number, "into the void");
            }
        });
        drop(logging);
    }

    #[test]
    fn a_log_file_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let blocker = folder.path().join("file");
        std::fs::write(&blocker, "").expect("a file");
        let bad = options(
            LogLevel::Info,
            LogFormat::Human,
            Some(blocker.join("phoenix.log")),
        );
        let error = build(&bad, sink(Broken))
            .err()
            .expect("refused")
            .to_string();
        assert!(
            error.contains("cannot write the log file") && error.contains("phoenix.log"),
            "{error}"
        );
    }
}
