//! Owns the exchange's ledger as JSON for checkers from outside; judges nothing.

use phoenix_exchange::api::{AccountId, SymbolId};
use phoenix_exchange::exchange::Shock;
use phoenix_exchange::{E8, LedgerOrder, Side, decimal};

use super::super::auth::KeyRing;
use super::super::json::{Object, array};
use super::super::venue::Venue;
use super::super::witness::{FillNote, RequestNote, mid_of};
use super::super::words;

/// How many letters of a key are shown.
const KEY_HINT: usize = 4;

/// `GET /v1/ledger`.
pub fn summary(venue: &Venue, keys: &KeyRing<AccountId>, now_us: u64) -> String {
    let accounts = venue
        .exchange
        .accounts()
        .map(|account| account_json(venue, keys, account, now_us));
    Object::with_capacity(4_096)
        .int("now_us", now_us)
        .raw("accounts", &array(accounts))
        .done()
}

fn account_json(
    venue: &Venue,
    keys: &KeyRing<AccountId>,
    account: AccountId,
    now_us: u64,
) -> String {
    let balances = venue.exchange.balances(account);
    let wallets = balances.iter().fold(Object::new(), |object, row| {
        object.short(&row.asset, row.wallet)
    });
    let equities = balances.iter().fold(Object::new(), |object, row| {
        let equity = row.wallet.saturating_add(row.cross_unrealized);
        object.short(&row.asset, equity)
    });
    let symbols = venue
        .exchange
        .symbols()
        .map(|(symbol, _)| symbol_json(venue, account, symbol));
    Object::with_capacity(2_048)
        .int("account", account.0)
        .raw("api_key_hint", &super::quoted(&hint(keys, account)))
        .raw("wallets", &wallets.done())
        .raw("equities", &equities.done())
        .raw("symbols", &array(symbols))
        .raw("requests", &usage_json(venue, account, now_us))
        .done()
}

fn hint(keys: &KeyRing<AccountId>, account: AccountId) -> String {
    let name = keys.name_of(account).unwrap_or_default();
    let shown: String = name.chars().take(KEY_HINT).collect();
    format!("{shown}…")
}

fn symbol_json(venue: &Venue, account: AccountId, symbol: SymbolId) -> String {
    let exchange = &venue.exchange;
    let seen = exchange.exposure_extremes(account, symbol);
    let spec = exchange.spec(symbol);
    let top = exchange.book_ticker(symbol);
    let due_us = exchange.countdown_due_us(account, symbol);
    Object::with_capacity(1_024)
        .text("symbol", &spec.name)
        .int("open_orders", seen.open_orders)
        .int("open_buys", open_count(venue, account, symbol, Side::Buy))
        .int("open_sells", open_count(venue, account, symbol, Side::Sell))
        .int("open_orders_max", seen.open_orders_max)
        .short("open_buy_qty", seen.open_buy_qty)
        .short("open_sell_qty", seen.open_sell_qty)
        .short("position", seen.position)
        .short("position_min", seen.position_min)
        .short("position_max", seen.position_max)
        .short("long_exposure_max", seen.long_exposure_max)
        .short("short_exposure_min", seen.short_exposure_min)
        .int("orders_accepted", seen.orders_accepted)
        .int("orders_canceled", seen.orders_canceled)
        .int("fills_buy", seen.fills_buy)
        .int("fills_sell", seen.fills_sell)
        .short("bought_qty", seen.bought_qty)
        .short("sold_qty", seen.sold_qty)
        .raw("bid", &price_or_null(top.bid.0))
        .raw("ask", &price_or_null(top.ask.0))
        .raw("mid", &price_or_null(mid_of(exchange, symbol)))
        .short("mark", exchange.premium_index(symbol).mark)
        .text("status", venue.contract_status(symbol.0))
        .raw("dead_man_deadline_us", &number_or_null(due_us))
        .done()
}

fn open_count(venue: &Venue, account: AccountId, symbol: SymbolId, side: Side) -> usize {
    let open = venue.exchange.open_orders(account, Some(symbol));
    open.iter().filter(|order| order.side == side).count()
}

fn usage_json(venue: &Venue, account: AccountId, now_us: u64) -> String {
    let witness = &venue.witness;
    let usage = venue
        .exchange
        .rate_usage(venue.witness.last_ip, Some(account));
    let minute_ago_us = now_us.saturating_sub(60_000_000);
    let cancels = witness.requests_since(minute_ago_us).filter(|note| {
        note.account == Some(account.0) && note.method == "DELETE" && note.status == 200
    });
    Object::new()
        .int("total", witness.requests_total)
        .int("weight_1m", usage.weight_1m)
        .int("orders_10s", usage.orders_10s)
        .int("orders_1m", usage.orders_1m)
        .int("cancel_requests_1m", cancels.count())
        .int("refused_429", witness.refused_429)
        .int("refused_418", witness.refused_418)
        .done()
}

fn price_or_null(price: E8) -> String {
    match price {
        0 => "null".to_owned(),
        price => format!("\"{}\"", decimal::short(price)),
    }
}

fn number_or_null(value: Option<u64>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

/// `GET /v1/ledger/orders`: open ones, and those that ended at or after `since_us`.
pub fn orders(venue: &Venue, now_us: u64, since_us: u64) -> String {
    let mut rows = Vec::new();
    for account in venue.exchange.accounts() {
        for (symbol, spec) in venue.exchange.symbols() {
            let all = venue.exchange.ledger_orders(account, symbol);
            let wanted = all
                .iter()
                .filter(|order| order.done_us.is_none_or(|done_us| done_us >= since_us));
            rows.extend(wanted.map(|order| order_json(order, &spec.name)));
        }
    }
    Object::with_capacity(4_096)
        .int("now_us", now_us)
        .raw("orders", &array(rows))
        .done()
}

fn order_json(order: &LedgerOrder, symbol: &str) -> String {
    Object::with_capacity(384)
        .int("account", order.account.0)
        .text("symbol", symbol)
        .int("order_id", order.order_id)
        .text("client_id", order.client_id.as_str())
        .text("side", words::side(order.side))
        .short("price", order.price)
        .short("orig_qty", order.orig_qty)
        .short("executed", order.executed)
        .truth("reduce_only", order.reduce_only)
        .int("modifies", order.modifies)
        .int("accepted_us", order.accepted_us)
        .raw("done_us", &number_or_null(order.done_us))
        .text("status", words::status(order.status))
        .done()
}

/// `GET /v1/ledger/fills`.
pub fn fills(venue: &Venue, now_us: u64, since_us: u64) -> String {
    let rows = venue
        .witness
        .fills_since(since_us)
        .map(|fill| fill_json(venue, fill));
    Object::with_capacity(4_096)
        .int("now_us", now_us)
        .raw("fills", &array(rows))
        .done()
}

fn fill_json(venue: &Venue, fill: &FillNote) -> String {
    Object::with_capacity(384)
        .int("account", fill.account.0)
        .text("symbol", &venue.exchange.spec(fill.symbol).name)
        .int("order_id", fill.order_id)
        .text("client_id", fill.client_id.as_str())
        .text("side", words::side(fill.side))
        .short("price", fill.price)
        .short("quantity", fill.qty)
        .truth("maker", fill.is_maker)
        .truth("reduce_only", fill.reduce_only)
        .short("commission", fill.commission)
        .int("at_us", fill.at_us)
        .raw("mid", &price_or_null(fill.mid))
        .done()
}

/// `GET /v1/ledger/requests`.
pub fn requests(venue: &Venue, now_us: u64, since_us: u64) -> String {
    let rows = venue.witness.requests_since(since_us).map(request_json);
    Object::with_capacity(4_096)
        .int("now_us", now_us)
        .raw("requests", &array(rows))
        .done()
}

fn request_json(note: &RequestNote) -> String {
    let symbol = note.symbol.as_deref().map(super::quoted);
    let account = note.account.map(|account| account.to_string());
    Object::with_capacity(256)
        .int("at_us", note.at_us)
        .raw("method", &super::quoted(&note.method))
        .raw("path", &super::quoted(&note.path))
        .raw("symbol", symbol.as_deref().unwrap_or("null"))
        .raw("account", account.as_deref().unwrap_or("null"))
        .int("status", note.status)
        .int("code", note.code)
        .int("took_us", note.took_us)
        .done()
}

/// The move of the market that is asked for.
///
/// # Errors
/// In words, when a parameter makes no sense.
pub fn shock_of(
    kind: &str,
    bps: i64,
    seconds: Option<f64>,
    side: Option<&str>,
) -> Result<Shock, String> {
    match (kind, side) {
        ("shock", None) => {
            let seconds = seconds.unwrap_or(2.0);
            if !(0.0..=3_600.0).contains(&seconds) {
                return Err("seconds: between 0 and 3600".to_owned());
            }
            Ok(Shock::Move {
                bps,
                over_ms: (seconds * 1_000.0) as u64,
            })
        }
        ("gap", None) => Ok(Shock::Gap { bps }),
        ("sweep", side) => {
            let side = match side {
                None | Some("both") => None,
                Some("buy") => Some(Side::Buy),
                Some("sell") => Some(Side::Sell),
                Some(_) => return Err("side: both, buy or sell".to_owned()),
            };
            Ok(Shock::Sweep { side, bps })
        }
        ("shock" | "gap", Some(_)) => Err("side: only of a sweep".to_owned()),
        _ => Err("kind: one of shock, gap, sweep".to_owned()),
    }
}
