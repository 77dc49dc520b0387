//! Owns the rhythm of one stream: after which silence it is suspect, learned from the times between its messages;
//! knows nothing of what follows from a suspicion.
//!
//! Like the φ-accrual detector (Hayashibara et al. 2004, §3) it asks how improbable a silence is under the learned
//! distribution, but fits only the tail, where the answer lies: peaks over threshold (Pickands 1975). With the 99 %
//! quantile `q` of the times and the mean excess `s` beyond it, `P(time > t) = 0.01 · exp(−(t − q) / s)`. A stream with
//! `n` messages a day is suspect at the `t` where `n · P` is one: `t = q + s · ln(0.01 · n)`.
//!
//! Real tails are heavier than exponential at times. So a suspicion that proved false lifts the silence needed for the
//! next one above what was just seen, and that lift fades over hours.
//!
//! All of it is integer arithmetic on a handful of words: the quantile is tracked by stochastic approximation, the means
//! are exponential, and nothing is stored that a burst could fill.

use crate::units::{Mono, Span};

/// Times between messages that must have been seen before a silence is judged by them.
pub const SAMPLES_MIN: u32 = 100;
/// No silence shorter than this is suspect: on healthy connections packets are lost and sent again.
pub const SUSPECT_MIN: Span = Span::from_millis(500);
/// The lift after a false suspicion, as a ratio of the silence that was none.
const LIFT: (i64, i64) = (5, 4);
/// The lift loses an eighth of itself this often: half in five hours.
const LIFT_FADES_EVERY: Span = Span::from_secs(3_600);
/// Weight of a new excess in its mean: the last few dozen count.
const EXCESS_WEIGHT: i64 = 16;
/// Weight of a new time in the mean time between messages.
const MEAN_WEIGHT: i64 = 256;
/// Steps of the quantile: down by one part with each time below it, up by 99 with each above.
const QUANTILE_PARTS: i64 = 4_096;
const DAY: i64 = Span::from_secs(86_400).raw();
/// ln 2 in 1/65536.
const LN_2: i64 = 45_426;

/// What was learned of one stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Rhythm {
    samples: u32,
    /// 99 % of the times are at most this long; during the first samples the longest.
    quantile: Span,
    /// Mean of what the others exceed it by.
    excess: Span,
    mean: Span,
    lift: Span,
    lifted_at: Mono,
}

impl Rhythm {
    /// Learns the time between two messages, the later of which came at `now`.
    pub fn on_interval(&mut self, interval: Span, limit: Span, now: Mono) {
        self.fade(now);
        if self.suspect_after(limit).is_some_and(|t| interval >= t) {
            let lift = Span(interval.raw().saturating_mul(LIFT.0) / LIFT.1).min(limit);
            if lift > self.lift {
                self.lift = lift;
                self.lifted_at = now;
            }
        }
        let time = interval.min(limit.saturating_add(limit));
        if self.samples < SAMPLES_MIN {
            self.begin(time);
        } else {
            self.follow(time);
        }
    }

    /// The silence after which the stream is suspect; `None` while too little was seen, or when that would be
    /// longer than `limit`: such a stream is too slow to be judged by its rhythm.
    #[must_use]
    pub fn suspect_after(&self, limit: Span) -> Option<Span> {
        if self.samples < SAMPLES_MIN {
            return None;
        }
        let per_day = DAY / self.mean.raw().max(1);
        let tail = i128::from(self.excess.raw()) * i128::from(ln_64k(per_day / 100));
        let tail = i64::try_from(tail >> 16).unwrap_or(i64::MAX);
        // A stream as regular as a clock has no tail; its next message is not suspect for being as late as any.
        let tail = tail.max(self.quantile.raw() / 4);
        let learned = self.quantile.saturating_add(Span(tail));
        let after = learned.max(self.lift).max(SUSPECT_MIN);
        (after < limit).then_some(after)
    }

    /// The first times: their mean, and their longest as a first guess at the quantile.
    fn begin(&mut self, time: Span) {
        let n = i64::from(self.samples);
        self.samples += 1;
        self.mean = Span((self.mean.raw().saturating_mul(n).saturating_add(time.raw())) / (n + 1));
        self.quantile = self.quantile.max(time);
        // Exact for exponential times, whose longest of a hundred is about five means.
        self.excess = Span((self.quantile.raw() - self.mean.raw()).max(0) / 4);
    }

    fn follow(&mut self, time: Span) {
        self.mean = toward(self.mean, time, MEAN_WEIGHT);
        let part = (self.quantile.raw() / QUANTILE_PARTS).max(1);
        if time > self.quantile {
            let beyond = Span(time.raw() - self.quantile.raw());
            self.excess = toward(self.excess, beyond, EXCESS_WEIGHT);
            self.quantile = self.quantile.saturating_add(Span(99 * part));
        } else {
            self.quantile = Span((self.quantile.raw() - part).max(0));
        }
    }

    fn fade(&mut self, now: Mono) {
        while self.lift.is_positive() && now.since(self.lifted_at) >= LIFT_FADES_EVERY {
            self.lift = Span(self.lift.raw() / 8 * 7);
            self.lifted_at = self.lifted_at.after(LIFT_FADES_EVERY);
        }
    }
}

/// One exponential step of `mean` towards `value`.
const fn toward(mean: Span, value: Span, weight: i64) -> Span {
    Span(mean.raw() + (value.raw() - mean.raw()) / weight)
}

/// ln of a count in 1/65536, with the mantissa's logarithm taken as linear (never more than 0.06 below); zero below two.
const fn ln_64k(n: i64) -> i64 {
    if n < 2 {
        return 0;
    }
    let whole = n.ilog2();
    let mantissa = if whole <= 16 {
        (n - (1 << whole)) << (16 - whole)
    } else {
        (n - (1 << whole)) >> (whole - 16)
    };
    ((((whole as i64) << 16) + mantissa) * LN_2) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const LIMIT: Span = Span::from_millis(1_500);

    /// Feeds times in ms one after the other; returns the instant of the last message.
    fn feed(rhythm: &mut Rhythm, mut now: Mono, times: impl IntoIterator<Item = i64>) -> Mono {
        for ms in times {
            now = now.after(Span::from_millis(ms));
            rhythm.on_interval(Span::from_millis(ms), LIMIT, now);
        }
        now
    }

    fn learned(times: impl IntoIterator<Item = i64>) -> Option<i64> {
        let mut rhythm = Rhythm::default();
        feed(&mut rhythm, Mono(0), times);
        rhythm.suspect_after(LIMIT).map(|t| t.raw() / 1_000_000)
    }

    /// Exponentially distributed times with a mean in ms, from equidistant quantiles in a scrambled order.
    fn exponential(mean: i64, count: i64) -> Vec<i64> {
        (0..count)
            .map(|i| {
                let place = (i * 7_919) % count + 1;
                let ln = ln_64k((count << 20) / place) - ln_64k(1 << 20);
                (ln * mean) >> 16
            })
            .collect()
    }

    #[test]
    fn the_logarithm_is_close_enough_and_never_negative() {
        for (n, expected) in [
            (0, 0.0),
            (1, 0.0),
            (2, 0.693),
            (8_640, 9.064),
            (1 << 40, 27.7),
        ] {
            let found = ln_64k(n) as f64 / 65_536.0;
            assert!((found - expected).abs() < 0.07, "ln {n}: {found}");
        }
    }

    #[test]
    fn a_silence_is_judged_by_the_rhythm_that_went_before() {
        let regular = |ms: i64| core::iter::repeat_n(ms, 3_000);
        for (what, found, expected) in [
            ("too little seen", learned(regular(100).take(99)), None),
            (
                "as regular as a clock",
                learned(regular(100)),
                Some(500..=500),
            ),
            ("two a second", learned(regular(500)), Some(600..=700)),
            ("one a second", learned(regular(1_000)), Some(1_200..=1_300)),
            ("slower still", learned(regular(2_000)), None),
            (
                "bursts",
                learned((0..3_000).map(|i| if i % 20 == 0 { 200 } else { 1 })),
                Some(500..=700),
            ),
            (
                "at random, ten a second",
                learned(exponential(60, 5_000)),
                Some(700..=1_200),
            ),
            (
                "at random, one a second",
                learned(exponential(1_000, 5_000)),
                None,
            ),
        ] {
            match (found, expected) {
                (Some(ms), Some(range)) => assert!(range.contains(&ms), "{what}: {ms}"),
                (found, expected) => assert_eq!(found, expected.map(|r| *r.start()), "{what}"),
            }
        }
    }

    #[test]
    fn a_false_suspicion_lifts_the_threshold_and_the_lift_fades() {
        let mut rhythm = Rhythm::default();
        let now = feed(&mut rhythm, Mono(0), core::iter::repeat_n(100, 1_000));
        assert_eq!(rhythm.suspect_after(LIMIT), Some(SUSPECT_MIN));
        let mut now = feed(&mut rhythm, now, [800]);
        let lifted = rhythm.suspect_after(LIMIT).expect("still judged");
        assert!(lifted >= Span::from_millis(1_000), "{lifted:?}");
        for hours in 0..20 {
            let before = rhythm.suspect_after(LIMIT);
            now = feed(&mut rhythm, now, core::iter::repeat_n(100, 36_000));
            assert!(rhythm.suspect_after(LIMIT) <= before, "hour {hours}");
        }
        assert_eq!(rhythm.suspect_after(LIMIT), Some(SUSPECT_MIN));
    }

    #[test]
    fn a_burst_of_silences_does_not_blow_it_up_for_good() {
        let mut rhythm = Rhythm::default();
        let now = feed(&mut rhythm, Mono(0), core::iter::repeat_n(50, 2_000));
        let now = feed(&mut rhythm, now, core::iter::repeat_n(60_000, 50));
        assert_eq!(rhythm.suspect_after(LIMIT), None, "not while it lasts");
        // What remains after ten minutes of rhythm is the lift of the false suspicions.
        let now = feed(&mut rhythm, now, core::iter::repeat_n(50, 12_000));
        rhythm.lift = Span::ZERO;
        let after = rhythm.suspect_after(LIMIT).expect("judged again");
        assert!(after <= Span::from_millis(1_000), "{after:?} at {now:?}");
    }

    #[test]
    fn no_time_however_absurd_overflows() {
        let mut rhythm = Rhythm::default();
        for i in 0..1_000 {
            let time = if i % 3 == 0 { i64::MAX } else { 0 };
            rhythm.on_interval(Span(time), Span(i64::MAX), Mono(i64::MAX));
        }
        assert_eq!(rhythm.suspect_after(LIMIT), None);
    }

    proptest! {
        #![proptest_config(crate::seeded(256))]

        #[test]
        fn a_suspicion_lies_between_its_bounds_and_a_silence_just_survived_is_not_suspect_again(
            times in prop::collection::vec(prop_oneof![
                600 => 1_000_000..200_000_000_i64,
                6 => 200_000_000..1_500_000_000_i64,
                1 => 0..=i64::MAX,
            ], 1..600),
        ) {
            let mut rhythm = Rhythm::default();
            let mut now = Mono(0);
            for time in times {
                now = now.after(Span(time));
                rhythm.on_interval(Span(time), LIMIT, now);
                if let Some(after) = rhythm.suspect_after(LIMIT) {
                    prop_assert!(after >= SUSPECT_MIN && after < LIMIT, "{:?}", after);
                    prop_assert!(after.0 > time || time >= LIMIT.0, "{:?} after {}", after, time);
                }
            }
        }
    }
}
