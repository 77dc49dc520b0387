//! Owns what the desks of one account share: order ids, message budgets, connection states, the
//! account-wide halt and the notional used by each symbol; knows nothing of markets.

use super::funding::FundingCheck;
use super::probes::Probes;
use super::requests::Request;
use crate::action::{Action, Actions};
use crate::budget::order_rate::OrderRate;
use crate::budget::weight::Weight;
use crate::digest::Digest;
use crate::event::{Link, LinkState, Refusal, Why};
use crate::instrument::SymbolId;
use crate::liveness::user_stream::UserStream;
use crate::notice::{HaltReason, Notice, What};
use crate::orders::OrderIds;
use crate::params::AccountParams;
use crate::units::{Mono, Quote, Span};
use alloc::vec::Vec;
use core::hash::Hash;

/// Two requests for the account closer together than this are one: several desks may want it at once.
pub const ACCOUNT_SPACING: Span = Span::from_millis(500);
/// Two wishes to replace the same connection closer together than this are one: a connection carries the
/// streams of several symbols.
const RECONNECT_SPACING: Span = Span::from_secs(1);

/// Account-wide state.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Client order ids of this session.
    pub ids: OrderIds,
    /// Order-rate limits of the account (protocol §6.1).
    pub order_rate: OrderRate,
    /// Request weight of the IP.
    pub weight: Weight,
    /// Why nothing may be quoted on any symbol; cleared by the operator's `Resume`.
    pub halt: Option<HaltReason>,
    /// A graceful end is in progress.
    pub stopping: bool,
    /// What holds for all symbols together.
    pub params: AccountParams,
    /// Wallet balance of the margin asset as last reported.
    pub wallet: Option<Quote>,
    /// Whether the user stream answers to our orders.
    pub user: UserStream,
    /// When funding payments are asked for.
    pub funding: FundingCheck,
    /// Which probe serves whom.
    pub probes: Probes,
    links: [LinkState; 4],
    notionals: Vec<Quote>,
    account_asked_at: Option<Mono>,
    reconnected_at: [Option<Mono>; 4],
    /// Until when people know that we wait: a limit refuses many orders at once.
    back_off_said: Option<Mono>,
}

impl Shared {
    /// Nothing connected, nothing used.
    #[must_use]
    pub fn new(session: u32, params: AccountParams) -> Self {
        Self {
            ids: OrderIds::new(session),
            order_rate: OrderRate::new(&params),
            weight: Weight::new(&params),
            halt: None,
            stopping: false,
            params,
            wallet: None,
            user: UserStream::new(params.user_event_within),
            funding: FundingCheck::default(),
            probes: Probes::default(),
            links: [LinkState::Down; 4],
            notionals: Vec::new(),
            account_asked_at: None,
            reconnected_at: [None; 4],
            back_off_said: None,
        }
    }

    /// Takes changed parameters over; what was used and acknowledged before stays so.
    pub const fn on_params(&mut self, params: AccountParams) {
        self.params = params;
        self.order_rate.on_params(&params);
        self.weight.on_params(&params);
        self.user.on_params(params.user_event_within);
    }

    /// Notes the state of a connection; returns whether it changed.
    pub fn on_link(&mut self, link: Link, state: LinkState, now: Mono) -> bool {
        match (link, state) {
            (Link::User, LinkState::Up) => self.user.on_up(now),
            (Link::User, LinkState::Down) => self.user.on_lost(),
            (Link::Public | Link::Market | Link::Orders, _) => {}
        }
        match self.links.get_mut(link_index(link)) {
            Some(known) if *known != state => {
                *known = state;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Whether a connection can be used.
    #[must_use]
    pub fn is_up(&self, link: Link) -> bool {
        self.links.get(link_index(link)) == Some(&LinkState::Up)
    }

    /// Asks for a connection to be replaced unless that was just done.
    pub fn reconnect(&mut self, link: Link, now: Mono, actions: &mut Actions) {
        if let Some(at) = self.reconnected_at.get_mut(link_index(link))
            && at.is_none_or(|at| now.since(at) >= RECONNECT_SPACING)
        {
            *at = Some(now);
            actions.push(Action::Reconnect(link));
        }
    }

    /// Counts a request if its weight may be spent now; false when it must wait
    /// ([`Weight::next_check`]).
    pub fn may_ask(&mut self, request: Request, now: Mono) -> bool {
        let (weight, purpose) = (request.weight(), request.purpose());
        let allowed = self.weight.allows(weight, purpose, now);
        if allowed {
            self.weight.on_sent(weight, now);
        }
        allowed
    }

    /// Asks for balance and positions, unless another desk did so at this very instant: the answer goes to all. `Err`
    /// is when to ask again because it was just done or would cost too much.
    ///
    /// # Errors
    /// The instant of the next try.
    pub fn fetch_account(&mut self, now: Mono, actions: &mut Actions) -> Result<(), Mono> {
        if let Some(at) = self.account_asked_at
            && now.since(at) < ACCOUNT_SPACING
        {
            return match at == now {
                true => Ok(()),
                false => Err(at.after(ACCOUNT_SPACING)),
            };
        }
        if !self.may_ask(Request::Account, now) {
            return Err(self.weight.next_check(now));
        }
        self.account_asked_at = Some(now);
        actions.push(Action::FetchAccount);
        Ok(())
    }

    /// Halts every symbol; returns whether that is news. A graver reason replaces a lesser one, so that a
    /// pause does not soften a kill.
    pub fn halt_for(&mut self, reason: HaltReason) -> bool {
        let is_graver = self
            .halt
            .is_none_or(|known| gravity(reason) > gravity(known));
        if is_graver {
            self.halt = Some(reason);
        }
        is_graver
    }

    /// The same, and tells people when it is news.
    pub fn halt_and_say(
        &mut self,
        reason: HaltReason,
        symbol: Option<SymbolId>,
        actions: &mut Actions,
    ) {
        if self.halt_for(reason) {
            let what = What::Halted(reason, None);
            actions.say(Notice { symbol, what });
        }
    }

    /// Takes in a refusal of any request as far as it limits or ends all of them (protocol §6.3, §7);
    /// returns how long to wait when it is a limit.
    pub fn on_refused(
        &mut self,
        refusal: &Refusal,
        now: Mono,
        symbol: Option<SymbolId>,
        actions: &mut Actions,
    ) -> Option<Span> {
        let retry = refusal.retry_after;
        let wait = match refusal.why {
            Why::OrderRate => self.order_rate.on_limited(retry, now),
            Why::Weight => self.weight.on_banned(retry, now),
            Why::Throttled => self.order_rate.on_throttled(retry, now),
            Why::Auth => {
                self.halt_and_say(HaltReason::Auth, symbol, actions);
                return None;
            }
            Why::Account => {
                self.halt_and_say(HaltReason::Account, symbol, actions);
                return None;
            }
            Why::NotSent
            | Why::WouldTake
            | Why::NoSuchOrder
            | Why::Duplicate
            | Why::Transient
            | Why::Clock
            | Why::Margin
            | Why::ReduceOnly
            | Why::TooManyOpen
            | Why::PriceBand
            | Why::Rejected
            | Why::NoChange
            | Why::AmendPending
            | Why::AmendImpossible
            | Why::ListenKey
            | Why::SymbolHalted
            | Why::ReduceOnlyMode => return None,
        };
        if self.back_off_said.is_none_or(|until| now >= until) {
            let what = What::BackOff(refusal.why, wait);
            actions.say(Notice { symbol, what });
        }
        self.back_off_said = self.back_off_said.max(Some(now.after(wait)));
        Some(wait)
    }

    /// Notes the notional that a symbol uses: |position| and what could still fill, at mid.
    pub fn on_notional(&mut self, symbol: SymbolId, used: Quote) {
        let index = usize::from(symbol.0);
        if self.notionals.len() <= index {
            self.notionals.resize(index + 1, Quote::ZERO);
        }
        if let Some(slot) = self.notionals.get_mut(index) {
            *slot = used;
        }
    }

    /// How many symbols share the limits, those that were removed included.
    #[must_use]
    pub const fn symbol_count(&self) -> usize {
        self.notionals.len()
    }

    /// Notional used by all symbols but this one.
    #[must_use]
    pub fn notional_of_others(&self, symbol: SymbolId) -> Quote {
        let others = self
            .notionals
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != usize::from(symbol.0));
        others.fold(Quote::ZERO, |sum, (_, used)| sum.saturating_add(*used))
    }

    /// Adds everything that later behaviour depends on.
    pub fn digest(&self, digest: &mut Digest) {
        // One order id ahead of a copy says how many were given out.
        let mut ids = self.ids;
        ids.next_id().hash(digest);
        (&self.order_rate, &self.weight, &self.user).hash(digest);
        (self.halt, self.stopping, self.params, self.wallet).hash(digest);
        self.links.map(|l| l == LinkState::Up).hash(digest);
        (&self.notionals, self.account_asked_at).hash(digest);
        (self.reconnected_at, self.back_off_said).hash(digest);
        (self.funding, &self.probes).hash(digest);
    }
}

/// Which halt outlasts which: none is softened by a lesser one.
const fn gravity(reason: HaltReason) -> u8 {
    match reason {
        HaltReason::StopLoss | HaltReason::Symbol | HaltReason::Panics => 0,
        HaltReason::Paused => 1,
        HaltReason::SecondInstance => 2,
        HaltReason::Account => 3,
        HaltReason::Auth => 4,
        HaltReason::Killed => 5,
        HaltReason::Stopping => 6,
    }
}

const fn link_index(link: Link) -> usize {
    match link {
        Link::Public => 0,
        Link::Market => 1,
        Link::User => 2,
        Link::Orders => 3,
    }
}
