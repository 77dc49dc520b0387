//! Owns what the venue remembers for checkers from outside, beside the exchange's own ledger: requests as they arrived, fills with the mid; judges nothing.

use std::collections::VecDeque;

use phoenix_exchange::api::{ClientId, ExecutionType, IpKey, OrderId, Side, SymbolId, UserEvent};
use phoenix_exchange::{AccountId, E8, Exchange};

/// Requests remembered; the oldest is forgotten at the bound.
pub const REQUESTS_MAX: usize = 50_000;
/// Fills remembered; the oldest is forgotten at the bound.
pub const FILLS_MAX: usize = 100_000;

/// One request and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestNote {
    /// Arrival, µs.
    pub at_us: u64,
    /// HTTP method; that of the same endpoint for the WebSocket API.
    pub method: String,
    /// Path.
    pub path: String,
    /// `symbol`, when it was sent.
    pub symbol: Option<String>,
    /// The account of its key.
    pub account: Option<u16>,
    /// Status of the answer; 0 without an answer.
    pub status: u16,
    /// Code of a refusal; 0 otherwise.
    pub code: i32,
    /// How long the answer took, µs.
    pub took_us: u64,
}

/// One fill of a client's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillNote {
    /// When, µs.
    pub at_us: u64,
    /// Whose.
    pub account: AccountId,
    /// On which symbol.
    pub symbol: SymbolId,
    /// Order id.
    pub order_id: OrderId,
    /// Client order id.
    pub client_id: ClientId,
    /// Side.
    pub side: Side,
    /// Price.
    pub price: E8,
    /// Quantity.
    pub qty: E8,
    /// Whether the order rested.
    pub is_maker: bool,
    /// Whether it was reduce-only.
    pub reduce_only: bool,
    /// Commission paid.
    pub commission: E8,
    /// Mid at the last tick before it; 0 when there was none.
    pub mid: E8,
}

/// The record.
#[derive(Debug)]
pub struct Witness {
    requests: VecDeque<RequestNote>,
    fills: VecDeque<FillNote>,
    mids: Vec<E8>,
    /// The address of the last request: on loopback everyone's.
    pub last_ip: IpKey,
    /// Requests since the start.
    pub requests_total: u64,
    /// Answered 429.
    pub refused_429: u64,
    /// Answered 418.
    pub refused_418: u64,
}

impl Default for Witness {
    fn default() -> Self {
        Self {
            requests: VecDeque::new(),
            fills: VecDeque::new(),
            mids: Vec::new(),
            last_ip: IpKey(0),
            requests_total: 0,
            refused_429: 0,
            refused_418: 0,
        }
    }
}

impl Witness {
    /// Takes in a request that ended.
    pub fn on_request(&mut self, ip: IpKey, note: RequestNote) {
        self.last_ip = ip;
        self.requests_total += 1;
        match note.status {
            429 => self.refused_429 += 1,
            418 => self.refused_418 += 1,
            _ => {}
        }
        if self.requests.len() == REQUESTS_MAX {
            self.requests.pop_front();
        }
        self.requests.push_back(note);
    }

    /// Takes in a user event; only fills matter.
    pub fn on_user_event(&mut self, account: AccountId, at_us: u64, event: &UserEvent) {
        let UserEvent::OrderUpdate(update) = event else {
            return;
        };
        let is_fill = matches!(
            update.execution,
            ExecutionType::Trade | ExecutionType::Calculated
        );
        if !is_fill {
            return;
        }
        if self.fills.len() == FILLS_MAX {
            self.fills.pop_front();
        }
        self.fills.push_back(FillNote {
            at_us,
            account,
            symbol: update.symbol,
            order_id: update.order_id,
            client_id: update.client_id,
            side: update.side,
            price: update.last_price,
            qty: update.last_qty,
            is_maker: update.is_maker,
            reduce_only: update.reduce_only,
            commission: update.commission,
            mid: self.mids.get(update.symbol.index()).copied().unwrap_or(0),
        });
    }

    /// Looks at the mids, against which the next fills are held.
    pub fn see_mids(&mut self, exchange: &Exchange) {
        let symbols = exchange.symbols().map(|(symbol, _)| symbol);
        self.mids = symbols.map(|symbol| mid_of(exchange, symbol)).collect();
    }

    /// Requests that arrived at or after an instant, oldest first.
    pub fn requests_since(&self, since_us: u64) -> impl Iterator<Item = &RequestNote> {
        self.requests
            .iter()
            .filter(move |note| note.at_us >= since_us)
    }

    /// Fills at or after an instant, oldest first.
    pub fn fills_since(&self, since_us: u64) -> impl Iterator<Item = &FillNote> {
        self.fills.iter().filter(move |note| note.at_us >= since_us)
    }
}

/// The middle of the best prices; 0 unless there are two.
pub fn mid_of(exchange: &Exchange, symbol: SymbolId) -> E8 {
    let top = exchange.book_ticker(symbol);
    match (top.bid.0, top.ask.0) {
        (bid, ask) if bid > 0 && ask > 0 => bid.midpoint(ask),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(at_us: u64, status: u16) -> RequestNote {
        RequestNote {
            at_us,
            method: "GET".into(),
            path: "/fapi/v1/ping".into(),
            symbol: None,
            account: None,
            status,
            code: 0,
            took_us: 1,
        }
    }

    #[test]
    fn requests_are_counted_and_bounded() {
        let mut witness = Witness::default();
        for at_us in 0..u64::try_from(REQUESTS_MAX).expect("small") + 3 {
            witness.on_request(IpKey(1), note(at_us, 200));
        }
        witness.on_request(IpKey(1), note(90_000, 429));
        witness.on_request(IpKey(1), note(90_001, 418));
        assert_eq!(witness.requests_since(0).count(), REQUESTS_MAX);
        assert_eq!(witness.requests_since(90_000).count(), 2);
        assert_eq!((witness.refused_429, witness.refused_418), (1, 1));
        assert_eq!(witness.requests_total, 50_005);
    }
}
