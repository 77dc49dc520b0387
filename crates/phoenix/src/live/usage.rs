//! Owns what the process and its threads cost, as the kernel accounts it (`/proc`).

use std::path::Path;

/// Memory and processor time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Largest resident memory so far, bytes; `None` where `/proc` does not say.
    pub rss_bytes_max: Option<u64>,
    /// Processor seconds of all threads but those left out.
    pub cpu_s: Option<f64>,
}

/// Threads of the embedded exchange, which are not the market maker's cost.
pub const EXCHANGE_THREAD: &str = "exchange";
/// Clock ticks per second of `/proc` times; fixed on Linux.
const TICKS_PER_S: f64 = 100.0;

/// Measures this process, leaving out threads of this name.
#[must_use]
pub fn measure(left_out: &str) -> Usage {
    Usage {
        rss_bytes_max: rss_max(),
        cpu_s: cpu(left_out),
    }
}

fn rss_max() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Time of the whole process, ended threads included, less that of the threads left out.
fn cpu(left_out: &str) -> Option<f64> {
    let process = ticks_of(Path::new("/proc/self/stat"))?;
    let mut others = 0.0;
    for entry in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if name.trim() == left_out {
            others += ticks_of(&entry.path().join("stat")).unwrap_or(0.0);
        }
    }
    Some((process - others) / TICKS_PER_S)
}

/// User and system ticks: fields 14 and 15, counted behind the name, which may hold blanks.
fn ticks_of(stat: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(stat).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let user: f64 = fields.get(11)?.parse().ok()?;
    let system: f64 = fields.get(12)?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_time() {
        let usage = measure("no such thread");
        assert!(usage.rss_bytes_max.expect("VmHWM") > 100_000);
        assert!(usage.cpu_s.expect("times") >= 0.0);
    }
}
