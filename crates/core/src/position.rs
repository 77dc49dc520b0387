//! Owns the books of one symbol: position, cost, realised profit, fees and funding, and which trades are
//! in them; knows nothing of orders, and of the market only the mark price it is given.
//!
//! Average-cost method, as the exchange keeps it: a fill that grows the position adds its value to the
//! cost; one that reduces it releases the cost in proportion, and the difference to its value is
//! realised. The released cost is rounded towards zero to 1e-8 quote and the remainder stays in the
//! cost, so `realised − cost` is at every instant exactly the cash that the fills moved.
//!
//! Size, cash, fees and funding do not depend on the order in which different trades arrive. How the
//! profit divides into realised and unrealised does (their sum does not): that is the method, not a loss.

mod payments;
mod seen;

pub use payments::PAYMENTS_MAX;
pub use seen::SEEN_MAX;

use crate::digest::Digest;
use crate::event::{Fill, LiteFill, PositionReport, Resume};
use crate::instrument::Instrument;
use crate::units::{E8, FundingHour, Lots, Price8, Quote, Side, Ticks, Wall};
use payments::Payments;
use seen::{SeenTrades, Sight, Standing};

/// A cost from a rounded entry price is off by one unit for each unit of the base asset, and by the roundings of both sides.
const ROUNDING: i128 = 4;

/// What became of a fill or payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Booked {
    /// It is new, and booked.
    New,
    /// Its size was booked before; fee (and what else was missing) is added.
    Completed,
    /// It was in the books already; nothing changed.
    Duplicate,
    /// The position was taken over from the exchange after it: size and cost contain it, its fee and the
    /// exchange's realised profit are added.
    Contained,
    /// Its trade id is too old to tell whether it is in the books: not booked, reconcile.
    TooOld,
    /// Price or size not above zero, or a value beyond [`Quote`]: not booked, reconcile.
    Unbookable,
}

/// A position taken over from the exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repaired {
    /// Our size before.
    pub ours: Lots,
    /// The exchange's size, ours from now on.
    pub theirs: Lots,
}

/// The books of one symbol.
#[derive(Clone, Debug, Default)]
pub struct Position {
    size: Lots,
    /// Value paid for the open position: the sign is that of `size`, zero when flat.
    cost: Quote,
    realised: Quote,
    fees: Quote,
    fees_other_e8: i64,
    payments: Payments,
    seen: SeenTrades,
    /// Fills up to this instant are contained in `size` and `cost`.
    contains_until: Option<Wall>,
    /// Size and cost are those that an earlier session left; the exchange has not confirmed them yet.
    is_assumed: bool,
    /// Grows with everything that may change the books.
    revision: u64,
}

impl Position {
    /// Goes on with the books of an earlier session; trades up to its last are in them.
    #[must_use]
    pub fn resumed(resume: &Resume) -> Self {
        let mut position = Self {
            size: resume.size,
            cost: resume.cost,
            realised: resume.realized,
            fees: resume.fees,
            payments: Payments::resumed(resume.funding, resume.funding_through),
            ..Self::default()
        };
        if let Some(id) = resume.trade_id {
            position.start_after(id);
        }
        position
    }

    /// Size and cost are compared with an account that will be read after `wall`, before anything is quoted: trades until
    /// then add their fee and the exchange's realised profit only. Some of them may be in the size already, and nobody
    /// knows which.
    pub fn on_taken_over(&mut self, wall: Wall) {
        self.revision = self.revision.wrapping_add(1);
        self.contains_until = self.contains_until.max(Some(wall));
        self.is_assumed = true;
    }

    /// Signed size, long is positive.
    #[inline]
    #[must_use]
    pub const fn size(&self) -> Lots {
        self.size
    }

    /// The side that grows the position; `None` when flat.
    #[inline]
    #[must_use]
    pub const fn side(&self) -> Option<Side> {
        match self.size.signum() {
            1 => Some(Side::Buy),
            -1 => Some(Side::Sell),
            _ => None,
        }
    }

    /// Value paid for the open position, signed like the size; zero when flat.
    #[must_use]
    pub const fn cost(&self) -> Quote {
        self.cost
    }

    /// Realised profit before fees and funding.
    #[must_use]
    pub const fn realised(&self) -> Quote {
        self.realised
    }

    /// Commission in the margin asset; a cost is negative.
    #[must_use]
    pub const fn fees(&self) -> Quote {
        self.fees
    }

    /// Commission in another asset (BNB), 1e-8 of it; a cost is negative.
    #[must_use]
    pub const fn fees_other_e8(&self) -> i64 {
        self.fees_other_e8
    }

    /// Funding received (positive) and paid (negative).
    #[must_use]
    pub const fn funding(&self) -> Quote {
        self.payments.total()
    }

    /// The last funding instant of which no payment can be missing, and what was paid up to it.
    #[must_use]
    pub const fn funding_settled(&self) -> (Option<FundingHour>, Quote) {
        self.payments.settled()
    }

    /// Cash moved by the fills: `realised − cost`. Cash + value of the position is the gross profit.
    #[must_use]
    pub const fn cash(&self) -> Quote {
        self.realised.saturating_sub(self.cost)
    }

    /// Average entry price, rounded towards zero; `None` when flat.
    #[must_use]
    pub fn entry(&self, instrument: &Instrument) -> Option<Price8> {
        let base_e8 = i128::from(self.size.0) * i128::from(instrument.step_e8);
        let price = (i128::from(self.cost.0) * i128::from(E8)).checked_div(base_e8)?;
        i64::try_from(price).ok().map(Price8)
    }

    /// Profit of the open position at `mark`: value − cost, clamped.
    #[must_use]
    pub fn unrealised(&self, instrument: &Instrument, mark: Price8) -> Quote {
        instrument
            .value_at(mark, self.size)
            .saturating_sub(self.cost)
    }

    /// Everything earned at `mark`: realised, unrealised, fees in the margin asset and funding, clamped.
    #[must_use]
    pub fn profit(&self, instrument: &Instrument, mark: Price8) -> Quote {
        self.unrealised(instrument, mark)
            .saturating_add(self.realised)
            .saturating_add(self.fees)
            .saturating_add(self.payments.total())
    }

    /// Differs between two states of the same books if they differ.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Highest trade id in the books; a back-fill asks for what follows the last one it confirmed.
    #[must_use]
    pub fn trade_id_max(&self) -> Option<i64> {
        self.seen.id_max()
    }

    /// Number of trades whose fee has not come yet.
    #[must_use]
    pub fn fees_pending(&self) -> usize {
        self.seen.incomplete()
    }

    /// Declares every trade up to `id` to be in the books already (from the journal, before the first
    /// fill): a delivery of one is [`Booked::TooOld`].
    pub fn start_after(&mut self, id: i64) {
        self.revision = self.revision.wrapping_add(1);
        self.seen.forget_through(id);
    }

    /// Books a fill of ORDER_TRADE_UPDATE or REST `userTrades`; `time` is the trade's.
    pub fn on_fill(
        &mut self,
        instrument: &Instrument,
        side: Side,
        fill: &Fill,
        time: Wall,
    ) -> Booked {
        self.revision = self.revision.wrapping_add(1);
        let trade = (side, fill.price, fill.size);
        match self.seen.sight(fill.trade_id) {
            Sight::Known(Standing::Complete) => Booked::Duplicate,
            Sight::TooOld => Booked::TooOld,
            Sight::Known(Standing::Traded) => {
                self.complete(fill);
                Booked::Completed
            }
            Sight::Known(Standing::Skipped) => {
                self.complete(fill);
                self.realised = self.realised.saturating_add(fill.realized);
                Booked::Completed
            }
            Sight::New if self.contains(time) => {
                self.complete(fill);
                self.realised = self.realised.saturating_add(fill.realized);
                Booked::Contained
            }
            Sight::New => match self.checked_trade(instrument, trade) {
                Some(books) => {
                    self.trade(books);
                    self.complete(fill);
                    Booked::New
                }
                None => Booked::Unbookable,
            },
        }
    }

    /// Books size and price of a TRADE_LITE at once; the ORDER_TRADE_UPDATE of the same trade then only
    /// adds the fee.
    pub fn on_lite(&mut self, instrument: &Instrument, lite: &LiteFill) -> Booked {
        self.revision = self.revision.wrapping_add(1);
        match self.seen.sight(lite.trade_id) {
            Sight::Known(Standing::Complete | Standing::Traded | Standing::Skipped) => {
                Booked::Duplicate
            }
            Sight::TooOld => Booked::TooOld,
            Sight::New if self.contains(lite.time) => {
                self.seen.mark(lite.trade_id, Standing::Skipped);
                Booked::Contained
            }
            Sight::New => {
                let trade = (lite.side, lite.price, lite.size);
                let Some(books) = self.checked_trade(instrument, trade) else {
                    return Booked::Unbookable;
                };
                self.trade(books);
                self.seen.mark(lite.trade_id, Standing::Traded);
                Booked::New
            }
        }
    }

    /// Books a funding payment. Stream and list of income tell of it with times of their own: the full hour
    /// nearest to `time` is its identity, for a symbol pays at most once an hour.
    pub fn on_funding(&mut self, amount: Quote, time: Wall) -> Booked {
        self.revision = self.revision.wrapping_add(1);
        self.payments.book(FundingHour::of(time), amount)
    }

    /// Every payment up to this instant was told; one that is told later is a repetition.
    pub fn on_funding_settled(&mut self, through: FundingHour) {
        self.revision = self.revision.wrapping_add(1);
        self.payments.settle(through);
    }

    /// Takes the exchange's position over: at boot, or when a difference has outlived a re-check. `as_of`
    /// is the exchange's time of the report; fills not later than it are contained in it and change
    /// neither size nor cost when they arrive afterwards. Realised profit, fees and funding stay. Where
    /// the sizes agree our cost stays, for it is exact and the reported entry price is rounded.
    pub fn repair(
        &mut self,
        instrument: &Instrument,
        report: &PositionReport,
        as_of: Wall,
    ) -> Repaired {
        self.revision = self.revision.wrapping_add(1);
        let repaired = Repaired {
            ours: self.size,
            theirs: report.size,
        };
        if self.size != report.size {
            self.size = report.size;
            self.cost = instrument.value_at(report.entry, report.size);
        }
        self.is_assumed = false;
        self.contains_until = self.contains_until.max(Some(as_of));
        repaired
    }

    /// The exchange shows a position of the same size as ours. One that an earlier session left may still be another: closed
    /// and opened anew at another price after the journal last heard of it. Then the exchange's cost is taken over.
    pub fn on_same_size(&mut self, instrument: &Instrument, report: &PositionReport) {
        let cost = instrument.value_at(report.entry, report.size);
        if core::mem::take(&mut self.is_assumed) && self.is_another(cost, instrument) {
            self.revision = self.revision.wrapping_add(1);
            self.cost = cost;
        }
    }

    /// Adds everything that later behaviour depends on.
    pub fn digest(&self, digest: &mut Digest) {
        let amounts = [self.cost, self.realised, self.fees];
        digest.word(self.size.0);
        amounts.iter().for_each(|amount| digest.word(amount.0));
        digest.word(self.fees_other_e8);
        digest.word(i64::from(self.is_assumed));
        digest.word(self.contains_until.map_or(i64::MIN, |time| time.0));
        self.payments.digest(digest);
        self.seen.digest(digest);
    }

    /// Whether a cost of the same size, computed from an entry price of 1e-8, cannot be ours.
    fn is_another(&self, cost: Quote, instrument: &Instrument) -> bool {
        let base = i128::from(self.size.0).abs() * i128::from(instrument.step_e8) / i128::from(E8);
        let rounding = base.saturating_add(ROUNDING);
        (i128::from(cost.0) - i128::from(self.cost.0)).abs() > rounding
    }

    fn contains(&self, time: Wall) -> bool {
        self.contains_until.is_some_and(|until| time <= until)
    }

    /// Size, cost and realised profit after a trade; `None` if it cannot be booked.
    fn checked_trade(
        &self,
        instrument: &Instrument,
        (side, price, size): (Side, Ticks, Lots),
    ) -> Option<(Lots, Quote, Quote)> {
        if !price.is_positive() || !size.is_positive() {
            return None;
        }
        let change = side.signed(size);
        let after = self.size.checked_add(change)?;
        if self.size.signum() * change.signum() >= 0 {
            let value = instrument.checked_notional(price, change)?;
            return Some((after, self.cost.checked_add(value)?, self.realised));
        }
        let closing = size.min(self.size.abs());
        let released = self.released(closing)?;
        // What the closing part brings in: selling lots that cost `released`, or buying them back.
        let brought = instrument.checked_notional(price, side.signed(closing))?;
        let profit = Quote::ZERO.checked_sub(released.checked_add(brought)?)?;
        let opening = side.signed(size.checked_sub(closing)?);
        let opened = instrument.checked_notional(price, opening)?;
        let cost = self.cost.checked_sub(released)?.checked_add(opened)?;
        Some((after, cost, self.realised.checked_add(profit)?))
    }

    /// Share of the cost that `closing` lots release, rounded towards zero; all of it with the last lot.
    fn released(&self, closing: Lots) -> Option<Quote> {
        let share = i128::from(self.cost.0) * i128::from(closing.0);
        let share = share.checked_div(i128::from(self.size.abs().0))?;
        i64::try_from(share).ok().map(Quote)
    }

    const fn trade(&mut self, (size, cost, realised): (Lots, Quote, Quote)) {
        self.size = size;
        self.cost = cost;
        self.realised = realised;
    }

    /// Adds the fee. The sums are clamped: commissions beyond 9e10 quote do not occur.
    fn complete(&mut self, fill: &Fill) {
        self.fees = self.fees.saturating_add(fill.fee);
        self.fees_other_e8 = self.fees_other_e8.saturating_add(fill.fee_other_e8);
        self.seen.mark(fill.trade_id, Standing::Complete);
    }
}

#[cfg(test)]
mod tests;
