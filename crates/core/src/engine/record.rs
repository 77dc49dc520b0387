//! Owns what is measured about one desk while it runs: worst exposure, time at risk, two-sided time, fills;
//! decides nothing.

use super::risk_time::RiskTime;
use crate::units::{Lots, Mono, Now, Side, Span};

/// Measurements since the desk was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// Longest time an order of ours was open after the last data that justified it.
    pub time_at_risk_max: Span,
    /// How that time was distributed, and the worst of the day.
    pub risk_time: RiskTime,
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
    }

    /// Notes, before anything is changed by a step, how old the data is on which open orders rest.
    pub fn on_data_age(&mut self, age: Span, now: Now) {
        self.time_at_risk_max = self.time_at_risk_max.max(age);
        self.risk_time.on_age(age, now.wall);
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
