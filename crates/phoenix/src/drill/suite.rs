//! Owns many drills at once: workers, folders, Ctrl-C; does not know how one goes.

use super::Drill;
use super::conduct::{Interrupted, conduct};
use super::judge::judge;
use super::score::{Scorecard, Verdict};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Drills that may run at once.
pub const JOBS_MAX: usize = 16;

/// How drills are run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Drills at once.
    pub jobs: usize,
    /// Seed of the markets.
    pub seed: u64,
    /// Folders of drills that passed are kept too.
    pub keeps_all: bool,
}

/// Runs the drills, tells each end to `said`, and gives the scorecards in the order of the drills.
///
/// # Errors
/// When no folder can be made.
pub fn run(
    drills: &[Drill],
    options: Options,
    said: &(dyn Fn(&Scorecard) + Sync),
) -> Result<Vec<Scorecard>> {
    let folder = std::env::temp_dir().join(format!("phoenix-drill-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| format!("{}", folder.display()))?;
    let interrupted = Arc::new(Interrupted::new(false));
    watch_for_interrupts(Arc::clone(&interrupted))?;
    let next = AtomicUsize::new(0);
    let cards: Mutex<Vec<Option<Scorecard>>> = Mutex::new(vec![None; drills.len()]);
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.clamp(1, JOBS_MAX) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(drill) = drills.get(place) else {
                        return;
                    };
                    let card = one(drill, &folder, options, &interrupted);
                    said(&card);
                    let mut cards = cards.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(slot) = cards.get_mut(place) {
                        *slot = Some(card);
                    }
                }
            });
        }
    });
    // Fails while folders of failed drills are in it, and shall.
    let _ = std::fs::remove_dir(&folder);
    let cards = cards.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(cards.into_iter().flatten().collect())
}

fn one(drill: &Drill, folder: &Path, options: Options, interrupted: &Interrupted) -> Scorecard {
    let began = Instant::now();
    let own: PathBuf = folder.join(drill.name);
    let mut card = if interrupted.load(Ordering::Relaxed) {
        Scorecard::of_error(drill.name, "interrupted".to_owned())
    } else {
        match conduct(drill, own.clone(), options.seed, interrupted) {
            Ok(evidence) => judge(drill, &evidence),
            Err(error) => Scorecard::of_error(drill.name, format!("{error:#}")),
        }
    };
    card.seconds = began.elapsed().as_secs_f64();
    if card.verdict() == Verdict::Passed && !options.keeps_all {
        let _ = std::fs::remove_dir_all(&own);
    } else if own.exists() {
        card.note = format!("logs: {}", own.display());
    }
    card
}

/// Sets the flag on SIGINT and SIGTERM: every drill then ends its processes.
fn watch_for_interrupts(interrupted: Arc<Interrupted>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("drill-signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let terminate =
                    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
                let Ok(mut terminate) = terminate else { return };
                tokio::select! {
                biased; // Either ends everything.
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminate.recv() => {}
                }
                interrupted.store(true, Ordering::Relaxed);
            });
        })?;
    Ok(())
}
