//! Request weight per IP, order counts per account, 429 and the escalating 418 ban (protocol §6.1–§6.3); knows no request.
//!
//! Windows are aligned to the clock minute and to full 10 s, as the headers of the real venue suggest.

use std::collections::BTreeMap;

use crate::api::{AccountId, ApiError, IpKey, RateUsage};
use crate::orders::ms;

/// Addresses remembered; at the bound those whose window and ban history are over are forgotten, then the lowest key.
pub const IPS_MAX: usize = 4096;

const SECOND_US: u64 = 1_000_000;
const MINUTE_US: u64 = 60 * SECOND_US;
const DAY_US: u64 = 24 * 60 * MINUTE_US;

/// Limits of protocol §6.1 and the ban of §6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitConfig {
    /// Request weight per IP and clock minute (2400).
    pub weight_1m_max: u32,
    /// Orders per account and 10 s (300).
    pub orders_10s_max: u32,
    /// Orders per account and minute (1200).
    pub orders_1m_max: u32,
    /// Refused requests of an IP within a minute that turn 429 into a ban (20).
    pub refusals_before_ban: u32,
    /// First ban, ms (2 min); each further one within a day is four times as long, up to `ban_ms_max`.
    pub ban_ms_min: u64,
    /// Longest ban, ms (3 days).
    pub ban_ms_max: u64,
}

impl Default for LimitConfig {
    fn default() -> LimitConfig {
        LimitConfig {
            weight_1m_max: 2400,
            orders_10s_max: 300,
            orders_1m_max: 1200,
            refusals_before_ban: 20,
            ban_ms_min: 120_000,
            ban_ms_max: 3 * 86_400_000,
        }
    }
}

/// What a request costs; see [`crate::Exchange::admit`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Request weight on the IP.
    pub weight: u32,
    /// Count on the account's 10 s window.
    pub orders_10s: u32,
    /// Count on the account's minute window.
    pub orders_1m: u32,
}

impl Cost {
    /// A single placement or modification.
    pub const ORDER: Cost = Cost {
        weight: 0,
        orders_10s: 1,
        orders_1m: 1,
    };
    /// A batch placement or modification, however many elements.
    pub const BATCH: Cost = Cost {
        weight: 5,
        orders_10s: 5,
        orders_1m: 1,
    };

    /// Weight only.
    #[must_use]
    pub const fn weight(weight: u32) -> Cost {
        Cost {
            weight,
            orders_10s: 0,
            orders_1m: 0,
        }
    }

    /// Weight of a depth snapshot (protocol §4.2).
    #[must_use]
    pub const fn depth(limit: usize) -> Cost {
        Cost::weight(match limit {
            0..=50 => 2,
            51..=100 => 5,
            101..=500 => 10,
            _ => 20,
        })
    }
}

/// A count in a clock-aligned window.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    number: u64,
    used: u32,
}

impl Window {
    fn used(self, now_us: u64, length_us: u64) -> u32 {
        if self.number == now_us / length_us {
            self.used
        } else {
            0
        }
    }

    fn add(&mut self, now_us: u64, length_us: u64, amount: u32) {
        *self = Window {
            used: self.used(now_us, length_us).saturating_add(amount),
            number: now_us / length_us,
        };
    }
}

fn seconds_left(now_us: u64, length_us: u64) -> u64 {
    (length_us - now_us % length_us).div_ceil(SECOND_US)
}

#[derive(Clone, Copy, Debug, Default)]
struct Address {
    weight: Window,
    refusals: Window,
    banned_until_us: u64,
    bans: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct OrderCount {
    ten_seconds: Window,
    minute: Window,
}

/// All counters of the venue.
#[derive(Debug)]
pub(crate) struct Limiter {
    config: LimitConfig,
    addresses: BTreeMap<IpKey, Address>,
    accounts: BTreeMap<AccountId, OrderCount>,
}

impl Limiter {
    pub(crate) fn new(config: LimitConfig) -> Limiter {
        Limiter {
            config,
            addresses: BTreeMap::new(),
            accounts: BTreeMap::new(),
        }
    }

    pub(crate) fn config(&self) -> LimitConfig {
        self.config
    }

    /// Charges a request, or refuses it. A refused request costs nothing but counts towards a ban when its weight was refused.
    pub(crate) fn admit(
        &mut self,
        now_us: u64,
        ip: IpKey,
        account: Option<AccountId>,
        cost: Cost,
    ) -> Result<RateUsage, ApiError> {
        self.admit_weight(now_us, ip, cost.weight)?;
        if let Some(account) = account.filter(|_| cost.orders_10s > 0 || cost.orders_1m > 0) {
            self.admit_orders(now_us, account, cost)?;
        }
        Ok(self.usage(now_us, ip, account))
    }

    fn admit_weight(&mut self, now_us: u64, ip: IpKey, weight: u32) -> Result<(), ApiError> {
        self.make_room(now_us, ip);
        let config = self.config;
        let address = self.addresses.entry(ip).or_default();
        if now_us < address.banned_until_us {
            let left_s = (address.banned_until_us - now_us).div_ceil(SECOND_US);
            return Err(ApiError::ip_banned(ms(address.banned_until_us), left_s));
        }
        if address
            .weight
            .used(now_us, MINUTE_US)
            .saturating_add(weight)
            <= config.weight_1m_max
        {
            address.weight.add(now_us, MINUTE_US, weight);
            return Ok(());
        }
        address.refusals.add(now_us, MINUTE_US, 1);
        if address.refusals.used(now_us, MINUTE_US) <= config.refusals_before_ban {
            return Err(ApiError::too_much_weight(
                config.weight_1m_max,
                seconds_left(now_us, MINUTE_US),
            ));
        }
        Err(address.ban(now_us, &config))
    }

    fn admit_orders(
        &mut self,
        now_us: u64,
        account: AccountId,
        cost: Cost,
    ) -> Result<(), ApiError> {
        let config = self.config;
        let count = self.accounts.entry(account).or_default();
        if count
            .ten_seconds
            .used(now_us, 10 * SECOND_US)
            .saturating_add(cost.orders_10s)
            > config.orders_10s_max
        {
            return Err(ApiError::too_many_orders(
                config.orders_10s_max,
                "10 SECOND",
                seconds_left(now_us, 10 * SECOND_US),
            ));
        }
        if count
            .minute
            .used(now_us, MINUTE_US)
            .saturating_add(cost.orders_1m)
            > config.orders_1m_max
        {
            return Err(ApiError::too_many_orders(
                config.orders_1m_max,
                "1 MINUTE",
                seconds_left(now_us, MINUTE_US),
            ));
        }
        count
            .ten_seconds
            .add(now_us, 10 * SECOND_US, cost.orders_10s);
        count.minute.add(now_us, MINUTE_US, cost.orders_1m);
        Ok(())
    }

    pub(crate) fn usage(&self, now_us: u64, ip: IpKey, account: Option<AccountId>) -> RateUsage {
        let weight_1m = self
            .addresses
            .get(&ip)
            .map_or(0, |address| address.weight.used(now_us, MINUTE_US));
        let count = account
            .and_then(|account| self.accounts.get(&account))
            .copied()
            .unwrap_or_default();
        RateUsage {
            weight_1m,
            orders_10s: count.ten_seconds.used(now_us, 10 * SECOND_US),
            orders_1m: count.minute.used(now_us, MINUTE_US),
        }
    }

    fn make_room(&mut self, now_us: u64, ip: IpKey) {
        if self.addresses.len() < IPS_MAX || self.addresses.contains_key(&ip) {
            return;
        }
        self.addresses.retain(|_, address| {
            address.weight.used(now_us, MINUTE_US) > 0
                || address.banned_until_us.saturating_add(DAY_US) > now_us
        });
        if self.addresses.len() >= IPS_MAX {
            self.addresses.pop_first();
        }
    }
}

impl Address {
    fn ban(&mut self, now_us: u64, config: &LimitConfig) -> ApiError {
        if now_us > self.banned_until_us.saturating_add(DAY_US) {
            self.bans = 0;
        }
        let length_ms = config
            .ban_ms_min
            .saturating_mul(4_u64.saturating_pow(self.bans))
            .min(config.ban_ms_max);
        self.bans = self.bans.saturating_add(1);
        self.refusals = Window::default();
        self.banned_until_us = now_us.saturating_add(length_ms.saturating_mul(1000));
        ApiError::ip_banned(ms(self.banned_until_us), length_ms.div_ceil(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: IpKey = IpKey(1);
    const ACCOUNT: AccountId = AccountId(0);

    fn limiter() -> Limiter {
        Limiter::new(LimitConfig {
            weight_1m_max: 100,
            orders_10s_max: 10,
            orders_1m_max: 12,
            refusals_before_ban: 2,
            ..LimitConfig::default()
        })
    }

    #[test]
    fn weight_is_counted_per_ip_and_clock_minute() {
        let mut limiter = limiter();
        assert_eq!(
            limiter
                .admit(1, IP, None, Cost::weight(60))
                .map(|usage| usage.weight_1m),
            Ok(60)
        );
        let refused = limiter
            .admit(30 * SECOND_US, IP, None, Cost::weight(41))
            .expect_err("over the limit");
        assert_eq!(
            (refused.http_status, refused.code, refused.retry_after_s),
            (429, -1003, Some(30))
        );
        assert!(
            limiter
                .admit(30 * SECOND_US, IpKey(2), None, Cost::weight(100))
                .is_ok(),
            "another address"
        );
        assert_eq!(
            limiter
                .admit(MINUTE_US, IP, None, Cost::weight(100))
                .map(|usage| usage.weight_1m),
            Ok(100),
            "the next minute"
        );
    }

    #[test]
    fn orders_are_counted_per_account_in_both_windows_and_a_batch_costs_five_and_one() {
        let mut limiter = limiter();
        let usage = limiter
            .admit(0, IP, Some(ACCOUNT), Cost::BATCH)
            .expect("fits");
        assert_eq!(
            (usage.weight_1m, usage.orders_10s, usage.orders_1m),
            (5, 5, 1)
        );
        for _ in 0..5 {
            limiter
                .admit(0, IP, Some(ACCOUNT), Cost::ORDER)
                .expect("fits");
        }
        let refused = limiter
            .admit(SECOND_US, IP, Some(ACCOUNT), Cost::ORDER)
            .expect_err("ten in 10 s");
        assert_eq!(
            (refused.http_status, refused.code, refused.retry_after_s),
            (429, -1015, Some(9))
        );
        assert!(
            limiter
                .admit(SECOND_US, IP, Some(ACCOUNT), Cost::weight(1))
                .is_ok(),
            "cancels still work"
        );
        for _ in 0..6 {
            limiter
                .admit(10 * SECOND_US, IP, Some(ACCOUNT), Cost::ORDER)
                .expect("a new 10 s window");
        }
        let refused = limiter
            .admit(20 * SECOND_US, IP, Some(ACCOUNT), Cost::ORDER)
            .expect_err("twelve in the minute");
        assert_eq!((refused.code, refused.retry_after_s), (-1015, Some(40)));
    }

    #[test]
    fn going_on_after_429_is_a_ban_that_escalates_and_names_its_end() {
        let mut limiter = limiter();
        limiter.admit(0, IP, None, Cost::weight(100)).expect("fits");
        for _ in 0..2 {
            assert_eq!(
                limiter
                    .admit(0, IP, None, Cost::weight(1))
                    .expect_err("full")
                    .http_status,
                429
            );
        }
        let banned = limiter
            .admit(0, IP, None, Cost::weight(1))
            .expect_err("banned");
        assert_eq!(
            (banned.http_status, banned.code, banned.retry_after_s),
            (418, -1003, Some(120))
        );
        assert!(
            banned.msg.contains("IP banned until 120000"),
            "{}",
            banned.msg
        );
        assert_eq!(
            limiter
                .admit(119 * SECOND_US, IP, None, Cost::ORDER)
                .expect_err("still banned")
                .http_status,
            418
        );
        let after = 120 * SECOND_US;
        limiter
            .admit(after, IP, None, Cost::weight(100))
            .expect("free again");
        for _ in 0..2 {
            assert_eq!(
                limiter
                    .admit(after, IP, None, Cost::weight(1))
                    .expect_err("full")
                    .http_status,
                429
            );
        }
        assert_eq!(
            limiter
                .admit(after, IP, None, Cost::weight(1))
                .expect_err("banned")
                .retry_after_s,
            Some(480)
        );
    }

    #[test]
    fn addresses_are_bounded() {
        let mut limiter = limiter();
        for ip in 0..(IPS_MAX as u64 + 100) {
            limiter
                .admit(0, IpKey(ip), None, Cost::weight(1))
                .expect("fits");
        }
        assert!(limiter.addresses.len() <= IPS_MAX);
    }
}
