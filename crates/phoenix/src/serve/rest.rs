//! Owns the list of endpoints, what each costs and who may call it (protocol §4), for REST and the WebSocket API alike; knows no socket.

use phoenix_exchange::Cost;
use phoenix_exchange::api::{AccountId, ApiError, IpKey, RateUsage, SymbolId};
use phoenix_exchange::{E8, decimal};

use super::auth::{KeyRing, check_time};
use super::params::Params;
use super::refusal::Refusal;
use super::stream_json::{Pen, pen_of};
use super::venue::Venue;

pub mod account;
mod carry_out;
pub mod market;
pub mod order_params;
pub mod settings;
pub mod trade;

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self {
            status: error.http_status,
            code: i32::try_from(error.code).unwrap_or(-1000),
            message: error.msg.into(),
            retry_after_s: error.retry_after_s,
        }
    }
}

/// Who may call an endpoint (protocol §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Anyone.
    None,
    /// Whoever sends a known key.
    Key,
    /// Whoever signs with a known key.
    Signed,
}

/// What a call costs, which may depend on its parameters.
#[derive(Clone, Copy)]
pub enum Price {
    /// Always the same.
    Fixed(Cost),
    /// Weight with a symbol, and without.
    BySymbol(u32, u32),
    /// By parameters.
    By(fn(&Params) -> Cost),
}

/// One call on its way to the venue: everything checked that does not depend on the venue's state.
pub struct Call<'a> {
    /// The venue.
    pub venue: &'a mut Venue,
    /// Arrival, µs since the epoch.
    pub now_us: u64,
    /// Decoded parameters.
    pub params: &'a Params,
    /// The caller's account; `None` for [`Security::None`].
    caller: Option<AccountId>,
}

/// Carries out a call and renders its answer.
pub type Handler = fn(&mut Call<'_>) -> Result<String, Refusal>;

/// One endpoint.
pub struct Endpoint {
    /// HTTP method.
    pub method: &'static str,
    /// Path.
    pub path: &'static str,
    /// Who may call it.
    pub security: Security,
    /// What it costs.
    pub price: Price,
    /// What it does.
    pub handler: Handler,
}

impl Endpoint {
    const fn new(
        method: &'static str,
        path: &'static str,
        security: Security,
        price: Price,
        handler: Handler,
    ) -> Self {
        Self {
            method,
            path,
            security,
            price,
            handler,
        }
    }

    /// What a call with these parameters costs.
    pub fn cost(&self, params: &Params) -> Cost {
        match self.price {
            Price::Fixed(cost) => cost,
            Price::BySymbol(one, all) => Cost::weight(if params.value("symbol").is_some() {
                one
            } else {
                all
            }),
            Price::By(cost) => cost(params),
        }
    }
}

const fn weight(weight: u32) -> Price {
    Price::Fixed(Cost::weight(weight))
}

/// All endpoints, found by method and path.
pub struct Table {
    /// Sorted by path, then method.
    endpoints: Vec<Endpoint>,
}

impl Default for Table {
    fn default() -> Self {
        let mut endpoints = market::endpoints();
        endpoints.extend(trade::endpoints());
        endpoints.extend(account::endpoints());
        endpoints.extend(settings::endpoints());
        endpoints.sort_by_key(|endpoint| (endpoint.path, endpoint.method));
        Self { endpoints }
    }
}

impl Table {
    /// The endpoint at this place, or 404 with −5000.
    pub fn find(&self, method: &str, path: &str) -> Result<&Endpoint, Refusal> {
        self.endpoints
            .binary_search_by(|endpoint| (endpoint.path, endpoint.method).cmp(&(path, method)))
            .ok()
            .and_then(|index| self.endpoints.get(index))
            .ok_or_else(|| Refusal {
                status: 404,
                ..Refusal::composed(-5000, format!("Path {path}, Method {method} is invalid"))
            })
    }
}

/// How a caller proves who it is.
pub enum Proof<'a> {
    /// `X-MBX-APIKEY` or `params.apiKey`, and signature with the exact text it covers.
    Key {
        /// The key's text.
        api_key: Option<&'a str>,
        /// Signature and signed text; `None` when there is no signature.
        signed: Option<(&'a str, &'a [u8])>,
    },
    /// A WebSocket API session that logged on earlier.
    Session(AccountId),
}

/// Checks key, time and signature, in this order.
///
/// # Errors
/// −2014, −2015, −1102, −1131, −1021, −1022.
pub fn authorise(
    keys: &KeyRing<AccountId>,
    security: Security,
    proof: &Proof<'_>,
    params: &Params,
    now_ms: i64,
) -> Result<Option<AccountId>, Refusal> {
    let (account, signed) = match proof {
        _ if security == Security::None => return Ok(None),
        Proof::Session(account) => (*account, None),
        Proof::Key { api_key, signed } => {
            let key = keys.find(*api_key)?;
            (key.account, Some((key, signed)))
        }
    };
    if security == Security::Key {
        return Ok(Some(account));
    }
    let timestamp = params
        .integer("timestamp")?
        .ok_or_else(|| Refusal::missing("timestamp"))?;
    check_time(timestamp, params.integer("recvWindow")?, now_ms)?;
    if let Some((key, signed)) = signed {
        let (signature, payload) = signed.ok_or_else(|| Refusal::missing("signature"))?;
        key.verify(payload, signature)?;
    }
    Ok(Some(account))
}

/// An answer with the counters for its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Body or refusal.
    pub result: Result<String, Refusal>,
    /// Counters after the request.
    pub usage: RateUsage,
    /// Whether the order counters belong into the answer.
    pub shows_orders: bool,
}

impl Answer {
    /// The answer of a request that a drill held on its way: the second timing check is the engine's (protocol §5.3).
    pub fn after_hold(mut self) -> Self {
        if let Err(refusal) = &mut self.result
            && refusal.code == -1021
        {
            *refusal = Refusal::new(
                -5028,
                "Timestamp for this request is outside of the ME recvWindow",
            );
        }
        self
    }
}

/// Admits, authorises and carries out one call.
pub fn answer(
    venue: &mut Venue,
    keys: &KeyRing<AccountId>,
    endpoint: &Endpoint,
    params: &Params,
    proof: &Proof<'_>,
    (now_us, ip): (u64, IpKey),
) -> Answer {
    let cost = endpoint.cost(params);
    let now_ms = venue.wire_ms(now_us);
    let mut caller = None;
    let result = venue
        .exchange
        .admit(now_us, ip, None, Cost::weight(cost.weight))
        .map_err(Refusal::from)
        .and_then(|_| authorise(keys, endpoint.security, proof, params, now_ms))
        .and_then(|account| {
            caller = account;
            if cost.orders_10s > 0 {
                let orders = Cost { weight: 0, ..cost };
                venue.exchange.admit(now_us, ip, account, orders)?;
            }
            let mut call = Call {
                venue,
                now_us,
                params,
                caller,
            };
            (endpoint.handler)(&mut call)
        });
    venue.fan_out();
    Answer {
        shows_orders: cost.orders_10s > 0 && result.is_ok(),
        usage: venue.exchange.rate_usage(ip, caller),
        result,
    }
}

impl Call<'_> {
    /// The caller's account.
    ///
    /// # Errors
    /// −2014 on an endpoint that anyone may call; such handlers do not ask.
    pub fn account(&self) -> Result<AccountId, Refusal> {
        self.caller.ok_or_else(Refusal::bad_key_format)
    }

    /// The mandatory `symbol`: −1102 when absent, −1121 when unknown.
    pub fn symbol(&self) -> Result<SymbolId, Refusal> {
        self.params.required("symbol")?;
        self.symbol_if_any()?.ok_or_else(Refusal::bad_symbol)
    }

    /// The optional `symbol`: −1121 when unknown.
    pub fn symbol_if_any(&self) -> Result<Option<SymbolId>, Refusal> {
        symbol_of(self.venue, self.params)
    }

    /// All symbols, or the one asked for.
    pub fn symbols_asked(&self) -> Result<Vec<SymbolId>, Refusal> {
        Ok(match self.symbol_if_any()? {
            Some(symbol) => vec![symbol],
            None => self
                .venue
                .exchange
                .symbols()
                .map(|(symbol, _)| symbol)
                .collect(),
        })
    }

    /// How to write a symbol.
    pub fn pen(&self, symbol: SymbolId) -> &Pen {
        pen_of(&self.venue.pens, symbol.index())
    }

    /// `limit`, within 1 and `max`.
    ///
    /// # Errors
    /// −1130 outside.
    pub fn limit(&self, default: usize, max: usize) -> Result<usize, Refusal> {
        match self.params.integer("limit")? {
            None => Ok(default),
            Some(limit) => usize::try_from(limit)
                .ok()
                .filter(|limit| (1..=max).contains(limit))
                .ok_or_else(|| Refusal::bad_value("limit")),
        }
    }

    /// An optional non-negative id.
    pub fn id(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.params
            .integer(name)?
            .map(|id| u64::try_from(id).map_err(|_| Refusal::bad_value(name)))
            .transpose()
    }

    /// Positions as the caller is shown them: a drill may add to the true ones.
    pub fn positions(
        &self,
        account: AccountId,
        symbol: Option<SymbolId>,
    ) -> Vec<phoenix_exchange::api::PositionView> {
        let mut rows = self.venue.exchange.positions(account, symbol);
        self.venue.faults.distort(account, &mut rows);
        rows
    }

    /// Arrival by the clock that clients see, ms.
    pub fn now_ms(&self) -> i64 {
        self.venue.wire_ms(self.now_us)
    }
}

/// The symbol named by the parameters, if any.
pub fn symbol_of(venue: &Venue, params: &Params) -> Result<Option<SymbolId>, Refusal> {
    params
        .value("symbol")
        .map(|name| {
            venue
                .exchange
                .symbol_id(name)
                .ok_or_else(Refusal::bad_symbol)
        })
        .transpose()
}

/// `name` as a decimal: −1100 when it is no number, −1111 when it has more than 8 decimals.
pub fn decimal_of(params: &Params, name: &str) -> Result<Option<E8>, Refusal> {
    use decimal::DecimalError as E;
    params
        .value(name)
        .map(|text| {
            decimal::parse(text).map_err(|error| match error {
                E::Malformed | E::OutOfRange => Refusal::illegal_characters(name),
                E::TooPrecise => ApiError::price_too_precise().into(),
            })
        })
        .transpose()
}

/// One object for one symbol, an array for all: the shape many endpoints share.
pub fn one_or_all(is_one: bool, mut rows: Vec<String>) -> String {
    match (is_one, rows.len()) {
        (true, 1) => rows.swap_remove(0),
        _ => super::json::array(rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_places_are_404() {
        let table = Table::default();
        let refusal = table
            .find("GET", "/fapi/v1/nothing")
            .err()
            .expect("unknown");
        assert_eq!((refusal.status, refusal.code), (404, -5000));
        assert!(table.find("POST", "/fapi/v1/order").is_ok());
    }

    #[test]
    fn decimals_are_told_apart_from_nonsense() {
        let code = |value: &str| {
            let params = Params::from_wire(&format!("price={value}"), "").expect("few");
            decimal_of(&params, "price").map_err(|refusal| refusal.code)
        };
        assert_eq!(code("1.5"), Ok(Some(150_000_000)));
        assert_eq!(code(""), Ok(None));
        assert_eq!(code("abc"), Err(-1100));
        assert_eq!(code("0.000000001"), Err(-1111));
    }
}
