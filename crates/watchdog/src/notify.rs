//! Owns what is told to the service manager (`sd_notify(3)`): plain datagrams to the socket that it names; nothing where it names none.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// A way to the service manager.
#[derive(Debug)]
pub struct Notifier {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// The longest silence that the service manager allows.
    silence_max: Option<Duration>,
    told_at: Option<Duration>,
    status: String,
}

impl Notifier {
    /// The one that the environment names (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`), or none.
    #[must_use]
    pub fn of_environment() -> Self {
        let to = std::env::var_os("NOTIFY_SOCKET").and_then(|name| connect(name.as_bytes()).ok());
        let of_us =
            std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let micros = std::env::var("WATCHDOG_USEC").ok();
        let silence = micros.and_then(|text| text.parse().ok()).filter(|_| of_us);
        Self::new(to, silence.map(Duration::from_micros))
    }

    const fn new(to: Option<(UnixDatagram, SocketAddr)>, silence_max: Option<Duration>) -> Self {
        Self {
            to,
            silence_max,
            told_at: None,
            status: String::new(),
        }
    }

    fn tell(&self, text: &str) {
        if let Some((socket, address)) = &self.to {
            // One that cannot hear now must not hold up the supervision; it restarts us if that lasts.
            drop(socket.send_to_addr(text.as_bytes(), address));
        }
    }

    /// The supervision has begun.
    pub fn on_ready(&self) {
        self.tell("READY=1");
    }

    /// The supervision ends by itself.
    pub fn on_stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// A line for people; told when it changes.
    pub fn on_status(&mut self, status: &str) {
        if status != self.status {
            status.clone_into(&mut self.status);
            self.tell(&format!("STATUS={status}"));
        }
    }

    /// The supervision makes progress: told three times in the silence that is allowed.
    pub fn on_progress(&mut self, now: Duration) {
        let Some(silence) = self.silence_max else {
            return;
        };
        if self
            .told_at
            .is_none_or(|at| now.saturating_sub(at) >= silence / 3)
        {
            self.told_at = Some(now);
            self.tell("WATCHDOG=1");
        }
    }
}

fn connect(name: &[u8]) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> Option<String> {
        let mut buffer = [0; 256];
        let count = socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..count]).into_owned())
    }

    #[test]
    fn the_service_manager_hears_what_changes_and_progress_in_good_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).expect("bound");
        manager.set_nonblocking(true).expect("set");
        let to = connect(path.as_os_str().as_bytes()).expect("connected");
        let mut notifier = Notifier::new(Some(to), Some(Duration::from_secs(6)));
        notifier.on_ready();
        notifier.on_status("watching");
        notifier.on_status("watching");
        for tenth in 0..=40 {
            notifier.on_progress(Duration::from_millis(100 * tenth));
        }
        notifier.on_stopping();
        let all: Vec<String> = std::iter::from_fn(|| heard(&manager)).collect();
        assert_eq!(
            all,
            [
                "READY=1",
                "STATUS=watching",
                "WATCHDOG=1",
                "WATCHDOG=1",
                "WATCHDOG=1",
                "STOPPING=1"
            ]
        );
    }

    #[test]
    fn an_abstract_name_works_and_a_dead_socket_holds_nothing_up() {
        let name = format!("phoenix-notify-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let manager = UnixDatagram::bind_addr(&address).expect("bound");
        manager.set_nonblocking(true).expect("set");
        let to = connect(format!("@{name}").as_bytes()).expect("connected");
        let notifier = Notifier::new(Some(to), None);
        notifier.on_ready();
        assert_eq!(heard(&manager).as_deref(), Some("READY=1"));
        drop(manager);
        notifier.on_stopping();
        Notifier::new(None, None).on_ready();
    }
}
