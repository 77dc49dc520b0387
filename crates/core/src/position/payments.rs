//! Owns which funding payments of a symbol are in the books; knows nothing of who told of them.

use super::Booked;
use crate::digest::Digest;
use crate::units::{FundingHour, Quote};
use alloc::vec::Vec;

/// Payments remembered one by one. At the bound the oldest counts as settled, and so does every instant before it:
/// what is told of those later is a repetition. Lists come oldest first, so that nothing of them is lost by it.
pub const PAYMENTS_MAX: usize = 64;

/// Funding of one symbol.
#[derive(Clone, Debug, Default)]
pub(super) struct Payments {
    total: Quote,
    /// What of it was paid up to `through`.
    settled: Quote,
    /// No payment up to this instant can be missing.
    through: Option<FundingHour>,
    /// Later ones that are in the books, ascending.
    recent: Vec<(FundingHour, Quote)>,
}

impl Payments {
    /// What earlier sessions booked, of instants up to `through`.
    pub(super) const fn resumed(settled: Quote, through: Option<FundingHour>) -> Self {
        Self {
            total: settled,
            settled,
            through,
            recent: Vec::new(),
        }
    }

    pub(super) const fn total(&self) -> Quote {
        self.total
    }

    pub(super) const fn settled(&self) -> (Option<FundingHour>, Quote) {
        (self.through, self.settled)
    }

    pub(super) fn book(&mut self, hour: FundingHour, amount: Quote) -> Booked {
        if self.through.is_some_and(|through| hour <= through) {
            return Booked::Duplicate;
        }
        let Err(place) = self.recent.binary_search_by_key(&hour, |(hour, _)| *hour) else {
            return Booked::Duplicate;
        };
        let Some(total) = self.total.checked_add(amount) else {
            return Booked::Unbookable;
        };
        self.total = total;
        self.recent.insert(place, (hour, amount));
        if self.recent.len() > PAYMENTS_MAX
            && let Some((oldest, _)) = self.recent.first()
        {
            self.settle(*oldest);
        }
        Booked::New
    }

    pub(super) fn settle(&mut self, through: FundingHour) {
        self.through = self.through.max(Some(through));
        let settled = self.recent.iter().filter(|(hour, _)| *hour <= through);
        // Each sum of them was checked when it was booked, in the order in which they came: this one is clamped.
        self.settled = settled.fold(self.settled, |sum, (_, amount)| sum.saturating_add(*amount));
        self.recent.retain(|(hour, _)| *hour > through);
    }

    pub(super) fn digest(&self, digest: &mut Digest) {
        digest.word(self.total.0);
        digest.word(self.settled.0);
        digest.word(self.through.map_or(i64::MIN, |hour| hour.0));
        for (hour, amount) in &self.recent {
            digest.word(hour.0);
            digest.word(amount.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn hour(hour: i64) -> FundingHour {
        FundingHour(hour)
    }

    #[test]
    fn each_instant_is_booked_once_in_whatever_order_they_come() {
        let mut payments = Payments::resumed(Quote(100), Some(hour(8)));
        for (at, amount, outcome) in [
            (24, -5, Booked::New),
            (16, 3, Booked::New),
            (24, -5, Booked::Duplicate),
            (16, 3, Booked::Duplicate),
            (8, -1, Booked::Duplicate),
            (25, i64::MAX, Booked::Unbookable),
        ] {
            assert_eq!(payments.book(hour(at), Quote(amount)), outcome, "{at}");
        }
        assert_eq!(payments.total(), Quote(98));
        assert_eq!(payments.settled(), (Some(hour(8)), Quote(100)));
    }

    #[test]
    fn what_is_settled_is_told_again_in_vain_and_never_comes_back() {
        let mut payments = Payments::default();
        for at in [1, 2, 3] {
            assert_eq!(payments.book(hour(at), Quote(at)), Booked::New);
        }
        payments.settle(hour(2));
        payments.settle(hour(1));
        assert_eq!(payments.settled(), (Some(hour(2)), Quote(3)));
        assert_eq!(payments.book(hour(2), Quote(9)), Booked::Duplicate);
        assert_eq!(payments.book(hour(3), Quote(9)), Booked::Duplicate);
        assert_eq!(payments.total(), Quote(6));
    }

    #[test]
    fn a_long_list_is_booked_in_full_beside_a_payment_of_now() {
        let mut payments = Payments::resumed(Quote(0), Some(hour(0)));
        assert_eq!(payments.book(hour(2_000), Quote(1)), Booked::New);
        for at in 1..2_000 {
            assert_eq!(payments.book(hour(at), Quote(1)), Booked::New, "{at}");
        }
        assert_eq!(payments.total(), Quote(2_000));
        assert!(payments.recent.len() <= PAYMENTS_MAX);
    }
}
