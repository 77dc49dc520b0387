//! Owns the beginning of a session's flight record and of the keeper of incidents; a session without them trades as well.

use super::Setup;
use super::boot::Booted;
use crate::flight::recorder::Recorder;
use crate::flight::writer::{Flight, Plan, begin};
use crate::incident;
use crate::incident::keeper::{Keeper, Place};
use crate::live::clock::Clock;

/// What records a session.
pub(super) struct Recording {
    pub(super) flight: Option<Flight>,
    pub(super) recorder: Option<Recorder>,
    pub(super) keeper: Option<Keeper>,
    /// Why there is no record though one is wanted.
    pub(super) trouble: Option<String>,
}

/// Begins what is wanted.
pub(super) fn start(setup: &Setup, booted: &Booted, clock: &Clock) -> Recording {
    let global = &setup.config.global;
    let keep_bytes = u64::from(global.flight_keep_mb) << 20;
    let mut recording = Recording {
        flight: None,
        recorder: None,
        keeper: None,
        trouble: None,
    };
    if let Some(folder) = &setup.flight {
        let begun = begin(&Plan {
            folder: folder.clone(),
            keep_bytes,
            session: booted.session,
            venue: setup.venue_name.clone(),
            began_wall_ns: clock.wall().raw(),
            params: booted.account_params,
        });
        match begun {
            Ok((flight, recorder)) => {
                recording.flight = Some(flight);
                recording.recorder = Some(recorder);
            }
            Err(error) => {
                let text = format!(
                    "no flight record in {}: {error}; this session cannot be replayed",
                    folder.display()
                );
                tracing::warn!(code = "flight_failed", "{text}");
                recording.trouble = Some(text);
            }
        }
    }
    let place = Place {
        folder: global.state_dir.join(incident::FOLDER),
        keep_bytes,
        cutter: recording.flight.as_ref().map(Flight::cutter),
    };
    match Keeper::start(place) {
        Ok(keeper) => recording.keeper = Some(keeper),
        Err(error) => tracing::warn!(%error, "incidents are not kept"),
    }
    recording
}
