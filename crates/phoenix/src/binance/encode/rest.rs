//! Owns the REST endpoints that are used and the bytes of requests to them; knows nothing of HTTP
//! connections or retries.

use super::{ParamName, Params, Validity, add_validity};
use super::{amendment, named_order, named_symbol, new_order};
use crate::binance::client_id::ClientIds;
use crate::binance::codes::RequestKind;
use crate::binance::contracts::{Contract, Contracts};
use crate::binance::decode::rest::account::MarginType;
use crate::binance::sign::{SignError, Signer};
use phoenix_core::order::{Amendment, NewOrder, OrderId};
use phoenix_core::units::{Span, Wall};

/// Most orders placed or amended in one request (protocol §4.4).
pub const BATCH_MAX: usize = 5;
/// Most orders cancelled by id in one request (protocol §4.4).
pub const CANCEL_BATCH_MAX: usize = 10;
/// Levels of a snapshot; the most that the exchange gives.
pub const SNAPSHOT_LIMIT: u32 = 1_000;
/// Rows of `userTrades` and `income`; the most that the exchange gives.
pub const ROWS_LIMIT: u32 = 1_000;

/// HTTP method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates.
    Post,
    /// Changes.
    Put,
    /// Ends.
    Delete,
}

impl Method {
    /// As it stands in the request line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// What a request must prove (protocol §4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// Nothing.
    Open,
    /// The `X-MBX-APIKEY` header.
    ApiKey,
    /// The header, and timestamp and signature in the query.
    Signed,
}

macro_rules! endpoints {
    ($($(#[$doc:meta])* $name:ident: $method:ident $path:literal $security:ident $kind:ident $weight:literal $orders:literal,)*) => {
        /// The endpoints that are used.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Endpoint {
            $($(#[$doc])* $name,)*
        }

        impl Endpoint {
            /// All.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// Method.
            #[must_use]
            pub const fn method(self) -> Method {
                match self { $(Self::$name => Method::$method,)* }
            }
            /// Path, beginning with a slash.
            #[must_use]
            pub const fn path(self) -> &'static str {
                match self { $(Self::$name => $path,)* }
            }
            /// What it must prove.
            #[must_use]
            pub const fn security(self) -> Security {
                match self { $(Self::$name => Security::$security,)* }
            }
            /// What it can have done, for [`crate::binance::codes`].
            #[must_use]
            pub const fn kind(self) -> RequestKind {
                match self { $(Self::$name => RequestKind::$kind,)* }
            }
            /// Request weight as we call it: one symbol, [`SNAPSHOT_LIMIT`] levels.
            #[must_use]
            pub const fn weight(self) -> u32 {
                match self { $(Self::$name => $weight,)* }
            }
            /// Count on the 10 s order limit; for batches, that of each order.
            #[must_use]
            pub const fn orders(self) -> u32 {
                match self { $(Self::$name => $orders,)* }
            }
        }
    };
}

endpoints! {
    /// The exchange's clock.
    Time: Get "/fapi/v1/time" Open Read 1 0,
    /// Contracts and limits.
    ExchangeInfo: Get "/fapi/v1/exchangeInfo" Open Read 1 0,
    /// Depth snapshot.
    Depth: Get "/fapi/v1/depth" Open Read 20 0,
    /// Best bid and ask.
    BookTicker: Get "/fapi/v1/ticker/bookTicker" Open Read 2 0,
    /// Best bid and ask of every symbol of the exchange.
    BookTickers: Get "/fapi/v1/ticker/bookTicker" Open Read 5 0,
    /// Mark price and funding.
    PremiumIndex: Get "/fapi/v1/premiumIndex" Open Read 1 0,
    /// New order.
    Place: Post "/fapi/v1/order" Signed Place 0 1,
    /// Change of an order.
    Amend: Put "/fapi/v1/order" Signed Amend 0 1,
    /// End of an order.
    Cancel: Delete "/fapi/v1/order" Signed Cancel 1 0,
    /// One order.
    Query: Get "/fapi/v1/order" Signed Query 1 0,
    /// Open orders of a symbol.
    OpenOrders: Get "/fapi/v1/openOrders" Signed Read 1 0,
    /// Up to [`BATCH_MAX`] new orders.
    PlaceBatch: Post "/fapi/v1/batchOrders" Signed Place 5 1,
    /// Up to [`BATCH_MAX`] changes.
    AmendBatch: Put "/fapi/v1/batchOrders" Signed Amend 5 1,
    /// Up to [`CANCEL_BATCH_MAX`] ends.
    CancelBatch: Delete "/fapi/v1/batchOrders" Signed Cancel 1 0,
    /// End of all orders of a symbol.
    CancelAll: Delete "/fapi/v1/allOpenOrders" Signed CancelAll 1 0,
    /// Dead-man countdown of a symbol.
    Countdown: Post "/fapi/v1/countdownCancelAll" Signed DeadMan 10 0,
    /// Our trades on a symbol.
    UserTrades: Get "/fapi/v1/userTrades" Signed Read 5 0,
    /// What was booked to the account.
    Income: Get "/fapi/v1/income" Signed Read 30 0,
    /// Positions.
    PositionRisk: Get "/fapi/v3/positionRisk" Signed Read 5 0,
    /// Balances.
    Balance: Get "/fapi/v3/balance" Signed Read 5 0,
    /// Margin figures.
    Account: Get "/fapi/v3/account" Signed Read 5 0,
    /// A new listen key, or the one that is alive.
    ListenKeyStart: Post "/fapi/v1/listenKey" ApiKey ListenKey 1 0,
    /// Sixty more minutes for the listen key.
    ListenKeyRenew: Put "/fapi/v1/listenKey" ApiKey ListenKey 1 0,
    /// End of the listen key, for every process of the account.
    ListenKeyClose: Delete "/fapi/v1/listenKey" ApiKey ListenKey 1 0,
    /// One-way or hedge mode.
    PositionMode: Get "/fapi/v1/positionSide/dual" Signed Read 30 0,
    /// Multi-assets mode.
    MultiAssets: Get "/fapi/v1/multiAssetsMargin" Signed Read 30 0,
    /// Settings of the account, cheaper than the two before.
    AccountConfig: Get "/fapi/v1/accountConfig" Signed Read 5 0,
    /// Settings of the symbols.
    SymbolConfig: Get "/fapi/v1/symbolConfig" Signed Read 5 0,
    /// Commission rates of a symbol.
    CommissionRate: Get "/fapi/v1/commissionRate" Signed Read 20 0,
    /// Indicators of the quantitative rules for a symbol.
    TradingStatus: Get "/fapi/v1/apiTradingStatus" Signed Read 1 0,
    /// The account's own order limits.
    OrderLimits: Get "/fapi/v1/rateLimit/order" Signed Read 1 0,
    /// Leverage of a symbol.
    SetLeverage: Post "/fapi/v1/leverage" Signed Setting 1 0,
    /// Margin type of a symbol.
    SetMarginType: Post "/fapi/v1/marginType" Signed Setting 1 0,
}

/// A request that cannot be written. Nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncodeError {
    /// The signature could not be made.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// No order, or more than one request can carry.
    #[error("a batch of {0} orders")]
    BatchSize(usize),
    /// An order of a symbol that has no contract data.
    #[error("an order of a symbol without contract data")]
    Symbol,
}

/// Who signs, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Auth<'a> {
    /// Key.
    pub signer: &'a Signer,
    /// Timestamp and window.
    pub validity: Validity,
}

/// Writes REST request targets (`/path?query`), reusing its memory. Every method clears `out`, fills it,
/// and says which endpoint it is for; method and security follow from that.
#[derive(Clone, Debug, Default)]
pub struct RestEncoder {
    params: Params,
    element: Params,
    /// The percent-encoded list of a batch, which goes in front of the other parameters; else empty.
    list: Vec<u8>,
}

impl RestEncoder {
    /// A request without parameters, signed when its endpoint asks for it.
    ///
    /// # Errors
    /// `Sign` when the signature cannot be made.
    pub fn plain(
        &mut self,
        endpoint: Endpoint,
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        self.params.clear();
        self.finish(endpoint, auth, out)
    }

    /// A request about one symbol: open orders, cancel-all, rates, status, best price, mark price.
    ///
    /// # Errors
    /// `Sign` when the signature cannot be made.
    pub fn about(
        &mut self,
        endpoint: Endpoint,
        contract: &Contract,
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        named_symbol(contract, &mut self.params);
        if endpoint == Endpoint::Depth {
            self.params
                .number(ParamName::Limit, i64::from(SNAPSHOT_LIMIT));
        }
        self.finish(endpoint, auth, out)
    }

    /// A new order.
    ///
    /// # Errors
    /// `Sign` when the signature cannot be made.
    pub fn place(
        &mut self,
        contract: &Contract,
        ids: &ClientIds,
        order: &NewOrder,
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        new_order(contract, ids, order, &mut self.params);
        self.finish(Endpoint::Place, auth, out)
    }

    /// A change of an order.
    ///
    /// # Errors
    /// `Sign` when the signature cannot be made.
    pub fn amend(
        &mut self,
        contract: &Contract,
        ids: &ClientIds,
        change: &Amendment,
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        amendment(contract, ids, change, &mut self.params);
        self.finish(Endpoint::Amend, auth, out)
    }

    /// The end of an order.
    ///
    /// # Errors
    /// `Sign` when the signature cannot be made.
    pub fn cancel(
        &mut self,
        contract: &Contract,
        ids: &ClientIds,
        id: OrderId,
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        named_order(contract, ids, id, &mut self.params);
        self.finish(Endpoint::Cancel, auth, out)
    }

    /// The state of an order.
    ///
    /// # Errors
    /// `Sign` when the signature cannot be made.
    pub fn query(
        &mut self,
        contract: &Contract,
        ids: &ClientIds,
        id: OrderId,
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        named_order(contract, ids, id, &mut self.params);
        self.finish(Endpoint::Query, auth, out)
    }

    /// New orders in one request; the exchange answers each on its own.
    ///
    /// # Errors
    /// `BatchSize` for none or more than [`BATCH_MAX`], `Symbol` without contract data, `Sign`.
    pub fn place_batch(
        &mut self,
        contracts: &Contracts,
        ids: &ClientIds,
        orders: &[NewOrder],
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        let find = |order: &NewOrder| contracts.by_id(order.symbol);
        check_batch(orders, BATCH_MAX, find)?;
        self.batch(orders, |order, element| {
            if let Some(contract) = find(order) {
                new_order(contract, ids, order, element);
            }
        });
        self.finish(Endpoint::PlaceBatch, auth, out)
    }

    /// Changes of orders in one request; the exchange answers each on its own.
    ///
    /// # Errors
    /// `BatchSize` for none or more than [`BATCH_MAX`], `Symbol` without contract data, `Sign`.
    pub fn amend_batch(
        &mut self,
        contracts: &Contracts,
        ids: &ClientIds,
        changes: &[Amendment],
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        let find = |change: &Amendment| contracts.by_id(change.symbol);
        check_batch(changes, BATCH_MAX, find)?;
        self.batch(changes, |change, element| {
            if let Some(contract) = find(change) {
                amendment(contract, ids, change, element);
            }
        });
        self.finish(Endpoint::AmendBatch, auth, out)
    }

    fn batch<T>(&mut self, items: &[T], describe: impl Fn(&T, &mut Params)) {
        let Self {
            params,
            element,
            list,
        } = self;
        params.clear();
        list.clear();
        list.extend_from_slice(b"%5B");
        for (n, item) in items.iter().enumerate() {
            list.extend_from_slice(if n > 0 { b"%2C%7B" } else { b"%7B" });
            describe(item, element);
            element.render_json_for_url(list);
            list.extend_from_slice(b"%7D");
        }
        list.extend_from_slice(b"%5D");
    }

    /// The end of orders of one symbol, by their ids.
    ///
    /// # Errors
    /// `BatchSize` for none or more than [`CANCEL_BATCH_MAX`], `Sign`.
    pub fn cancel_batch(
        &mut self,
        contract: &Contract,
        ids: &ClientIds,
        orders: &[OrderId],
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        check_batch(orders, CANCEL_BATCH_MAX, |_| Some(contract))?;
        named_symbol(contract, &mut self.params);
        self.params.add(ParamName::OrigClientOrderIdList, |list| {
            list.push(b'[');
            for (n, id) in orders.iter().enumerate() {
                if n > 0 {
                    list.push(b',');
                }
                list.push(b'"');
                list.extend_from_slice(ids.encode(*id).as_bytes());
                list.push(b'"');
            }
            list.push(b']');
        });
        self.finish(Endpoint::CancelBatch, auth, out)
    }

    /// Arms the dead-man switch of a symbol, or disarms it with a countdown of zero. Less than a
    /// millisecond counts as one, so that rounding never disarms.
    ///
    /// # Errors
    /// `Sign` when the signature cannot be made.
    pub fn countdown(
        &mut self,
        contract: &Contract,
        countdown: Span,
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        named_symbol(contract, &mut self.params);
        let floor = i64::from(countdown.is_positive());
        let ms = countdown.as_millis().max(floor);
        self.params.number(ParamName::CountdownTime, ms);
        self.finish(Endpoint::Countdown, auth, out)
    }

    /// Our trades on a symbol with an id of at least `from_id`, at most [`ROWS_LIMIT`].
    ///
    /// # Errors
    /// `Sign` when the signature cannot be made.
    pub fn user_trades(
        &mut self,
        contract: &Contract,
        from_id: i64,
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        named_symbol(contract, &mut self.params);
        self.params.number(ParamName::FromId, from_id.max(0));
        self.params.number(ParamName::Limit, i64::from(ROWS_LIMIT));
        self.finish(Endpoint::UserTrades, auth, out)
    }

    /// Our trades on a symbol in a range of time of at most seven days, at most [`ROWS_LIMIT`].
    ///
    /// # Errors
    /// `Sign` when the signature cannot be made.
    pub fn user_trades_between(
        &mut self,
        contract: &Contract,
        (from, to): (Wall, Wall),
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        named_symbol(contract, &mut self.params);
        self.params.number(ParamName::StartTime, from.as_millis());
        self.params.number(ParamName::EndTime, to.as_millis());
        self.params.number(ParamName::Limit, i64::from(ROWS_LIMIT));
        self.finish(Endpoint::UserTrades, auth, out)
    }

    /// Funding that was paid in a range of time, on all symbols, at most [`ROWS_LIMIT`] rows.
    ///
    /// # Errors
    /// `Sign` when the signature cannot be made.
    pub fn funding_income(
        &mut self,
        from: Wall,
        to: Wall,
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        self.params.clear();
        self.params.text(ParamName::IncomeType, "FUNDING_FEE");
        self.params.number(ParamName::StartTime, from.as_millis());
        self.params.number(ParamName::EndTime, to.as_millis());
        self.params.number(ParamName::Limit, i64::from(ROWS_LIMIT));
        self.finish(Endpoint::Income, auth, out)
    }

    /// Leverage of a symbol.
    ///
    /// # Errors
    /// `Sign` when the signature cannot be made.
    pub fn set_leverage(
        &mut self,
        contract: &Contract,
        leverage: u32,
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        named_symbol(contract, &mut self.params);
        self.params.number(ParamName::Leverage, i64::from(leverage));
        self.finish(Endpoint::SetLeverage, auth, out)
    }

    /// Margin type of a symbol.
    ///
    /// # Errors
    /// `Sign` when the signature cannot be made.
    pub fn set_margin_type(
        &mut self,
        contract: &Contract,
        margin_type: MarginType,
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        named_symbol(contract, &mut self.params);
        let text = match margin_type {
            MarginType::Cross => "CROSSED",
            MarginType::Isolated => "ISOLATED",
        };
        self.params.text(ParamName::MarginType, text);
        self.finish(Endpoint::SetMarginType, auth, out)
    }

    /// Writes path, parameters and, for a signed endpoint, validity and signature.
    fn finish(
        &mut self,
        endpoint: Endpoint,
        auth: Auth<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Endpoint, EncodeError> {
        let signed = endpoint.security() == Security::Signed;
        if signed {
            add_validity(auth.validity, &mut self.params);
        }
        out.clear();
        out.extend_from_slice(endpoint.path().as_bytes());
        out.push(b'?');
        let query_at = out.len();
        if !self.list.is_empty() {
            out.extend_from_slice(ParamName::BatchOrders.as_str().as_bytes());
            out.push(b'=');
            out.append(&mut self.list);
            out.push(b'&');
        }
        self.params.render_query(out);
        if out.len() == query_at {
            out.pop();
        }
        if signed {
            let query = out.get(query_at..).unwrap_or_default();
            let signature = auth.signer.sign(query)?;
            out.extend_from_slice(b"&signature=");
            signature.append_for_url(out);
        }
        Ok(endpoint)
    }
}

fn check_batch<'a, T>(
    items: &[T],
    max: usize,
    find: impl Fn(&T) -> Option<&'a Contract>,
) -> Result<(), EncodeError> {
    if items.is_empty() || items.len() > max {
        return Err(EncodeError::BatchSize(items.len()));
    }
    if items.iter().any(|item| find(item).is_none()) {
        return Err(EncodeError::Symbol);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
