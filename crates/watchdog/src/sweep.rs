//! Owns the emptying of the book for a child that cannot do it: a thread of its own with its own connection, one request after the other.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use crate::clock;
use crate::emergency::cancel::{CancelReport, FAMILY, Scope, Whose, cancel_orders};
use crate::policy::Cleared;
use crate::venue::Venue;

/// Longest sweep. A shorter one would give up while the exchange asks for a silence of some seconds.
const SWEEP_LIMIT: Duration = Duration::from_secs(15);
/// Longest file with the installation's name.
const NAME_BYTES_MAX: usize = 64;

/// What can empty the book.
pub trait Sweeper: Send + 'static {
    /// Cancels all orders of ours and asks what is open.
    fn sweep(&mut self) -> Cleared;
}

/// Where there is nothing to sweep: a dry run, or an exchange that is a part of the child and ends with it.
#[derive(Debug, Clone, Copy)]
pub struct NoVenue;

impl Sweeper for NoVenue {
    fn sweep(&mut self) -> Cleared {
        Cleared::Nothing
    }
}

/// Sweeps the account over the watchdog's own connection.
#[derive(Debug)]
pub struct VenueSweeper {
    venue: Venue,
    name_file: PathBuf,
    prefix: Option<String>,
}

impl VenueSweeper {
    /// `name_file` holds the name of this installation as it stands in order ids; the child makes it before its first order.
    #[must_use]
    pub const fn new(venue: Venue, name_file: PathBuf) -> Self {
        Self {
            venue,
            name_file,
            prefix: None,
        }
    }

    fn whose(&mut self) -> Whose {
        let read = std::fs::read_to_string(&self.name_file);
        let name = read.as_deref().unwrap_or_default().trim();
        if !name.is_empty() && name.len() <= NAME_BYTES_MAX {
            self.prefix = Some(format!("{FAMILY}{name}-"));
        }
        let is_absent = read.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        Whose {
            prefix: self.prefix.clone(),
            // A name that is there and cannot be read may be on any order: better one too many than one left.
            scope: if self.prefix.is_some() || is_absent {
                Scope::Ours
            } else {
                Scope::AnyInstance
            },
        }
    }
}

impl Sweeper for VenueSweeper {
    fn sweep(&mut self) -> Cleared {
        let deadline = clock::now() + SWEEP_LIMIT;
        let whose = self.whose();
        // All symbols: those of the file are not those that the child traded since.
        cleared(&cancel_orders(&mut self.venue, &[], &whose, deadline))
    }
}

/// What a report says of the book.
fn cleared(report: &CancelReport) -> Cleared {
    let left = |open: usize| u32::try_from(open).unwrap_or(u32::MAX);
    match (report.is_verified_empty, report.open) {
        (true, _) => Cleared::Empty {
            cancelled: left(report.orders.len()),
        },
        (false, Some(open)) if open > 0 => Cleared::Open { left: left(open) },
        (false, Some(_) | None) => Cleared::Unknown,
    }
}

/// Starts the thread. Each number sent is answered by `answer` with the same number when its sweep is done.
///
/// # Errors
/// The thread could not be made.
pub fn start(
    mut sweeper: Box<dyn Sweeper>,
    answer: impl Fn(u64, Cleared) -> bool + Send + 'static,
) -> io::Result<mpsc::Sender<u64>> {
    let (ask, asked) = mpsc::channel::<u64>();
    std::thread::Builder::new()
        .name("sweep".to_owned())
        .spawn(move || {
            for number in asked {
                if !answer(number, sweeper.sweep()) {
                    return;
                }
            }
        })?;
    Ok(ask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;
    use crate::venue::VenueSetup;

    fn report(is_verified_empty: bool, open: Option<usize>) -> CancelReport {
        CancelReport {
            orders: Vec::new(),
            left_alone: Vec::new(),
            is_verified_empty,
            open,
            error: None,
        }
    }

    #[test]
    fn the_name_on_our_orders_is_read_when_it_is_needed_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("instance");
        let venue = Venue::new(VenueSetup {
            rest_url: "http://127.0.0.1:9".to_owned(),
            key: Key::hmac("key".into(), &"secret".into()),
            recv_window: Duration::from_secs(5),
        });
        let mut sweeper = VenueSweeper::new(venue, file.clone());
        let mut check = |prefix: Option<&str>, scope| {
            let expected = Whose {
                prefix: prefix.map(str::to_owned),
                scope,
            };
            assert_eq!(sweeper.whose(), expected);
        };
        // Before the first boot there is no order.
        check(None, Scope::Ours);
        std::fs::write(&file, "").expect("an empty file");
        check(None, Scope::AnyInstance);
        std::fs::write(&file, "a1b2c3\n").expect("a name");
        check(Some("px-a1b2c3-"), Scope::Ours);
        std::fs::remove_file(&file).expect("removed");
        check(Some("px-a1b2c3-"), Scope::Ours);
    }

    #[test]
    fn only_what_was_verified_is_called_empty() {
        for (verified, open, expected) in [
            (true, Some(0), Cleared::Empty { cancelled: 0 }),
            (false, Some(2), Cleared::Open { left: 2 }),
            (false, Some(0), Cleared::Unknown),
            (false, None, Cleared::Unknown),
        ] {
            assert_eq!(cleared(&report(verified, open)), expected);
        }
    }
}
