//! Owns what is measured about one desk while it runs: worst exposure, time at risk, two-sided time, fills;
//! decides nothing.

use super::risk_time::RiskTime;
use crate::units::{Lots, Mono, Now, Side, Span};

/// Measurements since the desk was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// Longest time an order of ours was open after the last data that justified it.
    pub time_at_risk_max: Span,
    /// The same of orders that were left: whose cancellation had not been asked for (promise `fresh`). One that cannot be
    /// delivered is at risk, and not left.
    pub left_at_risk_max: Span,
    /// How that time was distributed, and the worst of the day.
    pub risk_time: RiskTime,
    /// Longest time that open orders were under no switch that the exchange confirmed (promise `dead_man`).
    pub unarmed_max: Span,
    unarmed_since: Option<Mono>,
    /// Largest position + buy exposure, and largest −position + sell exposure.
    pub worst_long: Lots,
    /// See `worst_long`.
    pub worst_short: Lots,
    /// Largest |position|.
    pub position_abs_max: Lots,
    /// Most orders open at once.
    pub open_orders_max: u32,
    /// Number of fills of our buy orders.
    pub fills_buy: u64,
    /// Number of fills of our sell orders.
    pub fills_sell: u64,
    /// Number of discretionary re-quotes.
    pub requotes: u64,
    /// Cancels sent, safety cancels included.
    pub cancels: u64,
    /// Most cancels sent in any sliding minute, those for safety left out (promise `polite`).
    pub cancels_per_min_max: u32,
    /// When quoting was allowed for the first time.
    pub ready_at: Option<Mono>,
    /// When every desired layer rested for the first time.
    pub full_quote_at: Option<Mono>,
    /// Time with confirmed orders on both sides since `ready_at`.
    pub two_sided: Span,
    /// Orders that reduce the position and were refused by a limit on its growth: must stay zero (`exit_open`).
    pub exits_refused: u64,
    /// Longest time from the end of an obstacle until enough orders rested on each side where some are wanted; one
    /// that has not ended counts as far as it went (promise `alive`).
    pub recovery_max: Span,
    /// Since when such a recovery runs.
    pub recovering_since: Option<Mono>,
    was_allowed: bool,
    /// When the resting orders were last compared on fresh data with what is wanted, and brought towards it.
    pub last_quote_refresh: Option<Mono>,
    /// When the exchange last accepted an order or amendment.
    pub last_order_accepted: Option<Mono>,
    /// How long the last answer to placing an order took, refusals included.
    pub last_order_round_trip: Option<Span>,
    last: Option<Mono>,
    was_two_sided: bool,
}

/// What is recorded after each step.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Now.
    pub now: Mono,
    /// Signed position.
    pub position: Lots,
    /// Buy exposure.
    pub buy: Lots,
    /// Sell exposure.
    pub sell: Lots,
    /// Orders not done.
    pub open: usize,
    /// Whether confirmed orders rest on both sides.
    pub is_two_sided: bool,
    /// Whether quoting is possible and some order is wanted.
    pub is_allowed: bool,
    /// Whether enough of the wanted orders rest on each side ([`is_enough`]).
    pub is_enough: bool,
}

/// Whether so many resting orders are enough of so many wanted ones: 70 % (spec §8); none are enough of none.
#[must_use]
pub const fn is_enough(resting: usize, wanted: usize) -> bool {
    resting.saturating_mul(10) >= wanted.saturating_mul(7)
}

impl Record {
    /// Notes the state after a step.
    pub fn on_step(&mut self, moment: &Moment) {
        if let Some(last) = self.last
            && self.was_two_sided
            && self.ready_at.is_some()
        {
            self.two_sided = self.two_sided.saturating_add(moment.now.since(last));
        }
        self.last = Some(moment.now);
        self.was_two_sided = moment.is_two_sided;
        self.note_recovery(moment);
        self.worst_long = self
            .worst_long
            .max(moment.position.saturating_add(moment.buy));
        self.worst_short = self
            .worst_short
            .max(moment.sell.saturating_sub(moment.position));
        self.position_abs_max = self.position_abs_max.max(moment.position.abs());
        self.open_orders_max = self
            .open_orders_max
            .max(u32::try_from(moment.open).unwrap_or(u32::MAX));
    }

    /// A recovery begins when the last obstacle is gone. A new obstacle ends it: the next one begins after that.
    fn note_recovery(&mut self, moment: &Moment) {
        if !moment.is_allowed {
            self.recovering_since = None;
        } else if !self.was_allowed {
            self.recovering_since = Some(moment.now);
        }
        self.was_allowed = moment.is_allowed;
        if let Some(since) = self.recovering_since {
            self.recovery_max = self.recovery_max.max(moment.now.since(since));
            if moment.is_enough {
                self.recovering_since = None;
            }
        }
    }

    /// The desk is gone; until its successor's first step nothing of ours counts as resting.
    pub fn on_gone(&mut self, now: Mono) {
        if let Some(last) = self
            .last
            .filter(|_| self.was_two_sided && self.ready_at.is_some())
        {
            self.two_sided = self.two_sided.saturating_add(now.since(last));
        }
        self.last = Some(now);
        self.was_two_sided = false;
        self.was_allowed = false;
        self.recovering_since = None;
    }

    /// Notes, before anything is changed by a step, how old the data is on which open orders rest.
    pub fn on_data_age(&mut self, age: Span, now: Now) {
        self.time_at_risk_max = self.time_at_risk_max.max(age);
        self.risk_time.on_age(age, now.wall);
    }

    /// Notes the same of orders whose cancellation nobody has asked for.
    pub fn on_left(&mut self, age: Span) {
        self.left_at_risk_max = self.left_at_risk_max.max(age);
    }

    /// Notes whether open orders are under no armed switch.
    pub fn on_armed(&mut self, is_bare: bool, now: Mono) {
        self.unarmed_since = self.unarmed_since.or(Some(now)).filter(|_| is_bare);
        if let Some(since) = self.unarmed_since {
            self.unarmed_max = self.unarmed_max.max(now.since(since));
        }
    }

    /// Notes how many cancels were sent in the last minute.
    pub fn on_cancel_rate(&mut self, per_minute: u32) {
        self.cancels_per_min_max = self.cancels_per_min_max.max(per_minute);
    }

    /// Notes a fill.
    pub const fn on_fill(&mut self, side: Side) {
        match side {
            Side::Buy => self.fills_buy += 1,
            Side::Sell => self.fills_sell += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(now: i64, is_two_sided: bool) -> Moment {
        Moment {
            now: Mono(now),
            position: Lots(-3),
            buy: Lots(1),
            sell: Lots(4),
            open: 2,
            is_two_sided,
            is_allowed: false,
            is_enough: false,
        }
    }

    #[test]
    fn a_recovery_lasts_from_the_last_obstacle_until_enough_rests() {
        let mut record = Record::default();
        for (now, is_allowed, is_enough, max) in [
            (0, false, false, 0),
            (10, true, false, 0),
            // A second obstacle: the recovery from the first is over as far as it went.
            (15, false, false, 0),
            (20, true, false, 0),
            (27, true, false, 7),
            (29, true, true, 9),
            // Later losses of orders are no recovery.
            (99, true, false, 9),
        ] {
            record.on_step(&Moment {
                is_allowed,
                is_enough,
                ..moment(now, false)
            });
            assert_eq!(record.recovery_max, Span(max), "at {now}");
        }
        assert_eq!(record.recovering_since, None);
    }

    #[test]
    fn seven_of_ten_orders_are_enough_and_none_of_none() {
        for (resting, wanted, enough) in
            [(7, 10, true), (6, 10, false), (0, 0, true), (0, 1, false)]
        {
            assert_eq!(is_enough(resting, wanted), enough, "{resting} of {wanted}");
        }
    }

    #[test]
    fn two_sided_time_counts_from_readiness_only() {
        let mut record = Record::default();
        record.on_step(&moment(0, true));
        record.on_step(&moment(10, true));
        assert_eq!(record.two_sided, Span(0));
        record.ready_at = Some(Mono(10));
        record.on_step(&moment(15, false));
        record.on_step(&moment(30, true));
        assert_eq!(record.two_sided, Span(5));
    }

    #[test]
    fn the_worst_case_counts_what_could_still_fill_in_each_direction() {
        let mut record = Record::default();
        record.on_step(&moment(0, true));
        assert_eq!((record.worst_long, record.worst_short), (Lots(0), Lots(7)));
    }
}
