//! Owns what the desks of one account share: order ids, message budgets, connection states, the
//! account-wide halt and the notional used by each symbol; knows nothing of markets.

use crate::action::{Action, Actions};
use crate::budget::order_rate::OrderRate;
use crate::budget::weight::Weight;
use crate::event::{Link, LinkState};
use crate::instrument::SymbolId;
use crate::notice::HaltReason;
use crate::orders::OrderIds;
use crate::units::{Mono, Quote, Span};
use alloc::vec::Vec;

/// Two requests for the account closer together than this are one: several desks may want it at once.
const ACCOUNT_SPACING: Span = Span::from_millis(500);

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
    /// `total_notional_max` across symbols.
    pub total_notional_max: Quote,
    /// Wallet balance of the margin asset as last reported.
    pub wallet: Option<Quote>,
    links: [LinkState; 4],
    notionals: Vec<Quote>,
    account_asked_at: Option<Mono>,
}

impl Shared {
    /// Nothing connected, nothing used.
    #[must_use]
    pub fn new(session: u32, total_notional_max: Quote) -> Self {
        Self {
            ids: OrderIds::new(session),
            order_rate: OrderRate::default(),
            weight: Weight::default(),
            halt: None,
            stopping: false,
            total_notional_max,
            wallet: None,
            links: [LinkState::Down; 4],
            notionals: Vec::new(),
            account_asked_at: None,
        }
    }

    /// Notes the state of a connection; returns whether it changed.
    pub fn on_link(&mut self, link: Link, state: LinkState) -> bool {
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

    /// Asks for balance and positions unless that was just done.
    pub fn fetch_account(&mut self, now: Mono, actions: &mut Actions) {
        if self
            .account_asked_at
            .is_none_or(|at| now.since(at) >= ACCOUNT_SPACING)
        {
            self.account_asked_at = Some(now);
            actions.push(Action::FetchAccount);
        }
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
}

const fn link_index(link: Link) -> usize {
    match link {
        Link::Public => 0,
        Link::Market => 1,
        Link::User => 2,
        Link::Orders => 3,
    }
}
