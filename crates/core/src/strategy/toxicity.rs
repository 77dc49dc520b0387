//! Owns what VPIN does to quotes (wider, or a pause); knows nothing of how VPIN is measured.

use crate::strategy::StrategyView;
use crate::units::Mono;

/// The pause in force and the evidence it was based on.
#[derive(Clone, Debug, Default)]
pub struct Toxicity {
    paused_until: Option<Mono>,
    /// Buckets completed when VPIN was judged last.
    judged: Option<u64>,
}

/// What to do about order flow now.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reaction {
    /// Factor on distances, ≥ 1.
    pub factor: f64,
    /// The end of the pause, while one runs.
    pub paused_until: Option<Mono>,
}

impl Toxicity {
    /// Judges the reading of `view` (spec §3): above `threshold` distances grow by `widen` × VPIN, above
    /// `pause_threshold` nothing is quoted for `pause`.
    ///
    /// VPIN only moves when a bucket completes, so each bucket can cause one pause: a market that falls
    /// silent at a high VPIN is quoted again instead of being left for ever.
    pub fn react(&mut self, view: &StrategyView<'_>) -> Reaction {
        let params = &view.params.vpin;
        let mut factor = 1.0;
        if !params.enabled {
            self.paused_until = None;
        } else if let Some(reading) = view.vpin.filter(|r| r.value.is_finite()) {
            if reading.value > params.threshold {
                factor += params.widen * reading.value;
            }
            let news = self.judged.replace(reading.buckets) != Some(reading.buckets);
            if news && reading.value > params.pause_threshold {
                self.paused_until = Some(view.now.mono.after(params.pause));
            }
        }
        self.paused_until = self.paused_until.filter(|&end| view.now.mono < end);
        Reaction {
            factor,
            paused_until: self.paused_until,
        }
    }
}
