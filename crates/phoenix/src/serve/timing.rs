//! Owns the connection rules of protocol §1.4 as one set of numbers that tests scale; knows no socket.

use std::time::Duration;

/// Connection rules; the default is what the venue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How often the engine is advanced.
    pub tick: Duration,
    /// How often the server pings.
    pub ping_every: Duration,
    /// After how long without any pong a socket is closed.
    pub pong_timeout: Duration,
    /// After how long a socket is closed however healthy it is.
    pub age_max: Duration,
    /// Messages (control, ping and pong) a client may send on a stream socket in [`Self::message_window`].
    pub messages_max: usize,
    /// Pings and pongs a client may send on a WebSocket API socket in [`Self::message_window`].
    pub api_pings_max: usize,
    /// The window of the two limits above.
    pub message_window: Duration,
    /// Messages queued to one socket; at the bound it is closed.
    pub queue_max: usize,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(5),
            ping_every: Duration::from_secs(180),
            pong_timeout: Duration::from_secs(600),
            age_max: Duration::from_secs(86_400),
            messages_max: 10,
            api_pings_max: 5,
            message_window: Duration::from_secs(1),
            queue_max: 8_192,
        }
    }
}
