use super::account::{
    Commission, IncomeKind, IndicatorScope, MarginType, account_config, balance, commission,
    hedge_mode, income, listen_key, margin, multi_assets_mode, order_limits, positions,
    symbol_config, trading_status,
};
use super::reference::{
    Unusable, book_ticker, book_tickers, exchange_info, premium_index, snapshot, time,
};
use super::trading::{batch, countdown, open_orders, order, trades};
use super::*;
use crate::binance::client_id::ClientIds;
use crate::binance::codes::{Context, RequestKind};
use crate::binance::contracts::{Contract, Contracts};
use crate::binance::decode::AccountScope;
use crate::binance::decode::market::Levels;
use crate::binance::limits::LimitKind;
use phoenix_core::event::{ContractStatus, ExchangeStatus, Level, Outcome, PositionReport, Why};
use phoenix_core::instrument::{InstrumentError, SymbolId, ethusdc};
use phoenix_core::order::{OrderId, Owner};
use phoenix_core::units::{Lots, Price8, Quote, Ratio, Side, Span, Ticks, Wall};
use secrecy::ExposeSecret;

const ETH: SymbolId = SymbolId(2);

fn contracts() -> Contracts {
    let mut contracts = Contracts::default();
    contracts.add(ETH, ethusdc()).expect("fits");
    contracts
}

fn eth() -> Contract {
    Contract::new(ETH, ethusdc()).expect("valid grid")
}

fn account() -> AccountScope {
    AccountScope {
        margin_asset: "USDC".into(),
        ids: ClientIds::new("a1").expect("valid"),
    }
}

const ORDER: &str = r#"{"orderId":22542179,"symbol":"ETHUSDC","status":"PARTIALLY_FILLED","clientOrderId":"px-a1-7-42","price":"2500.50","avgPrice":"0.00",
 "origQty":"0.100","executedQty":"0.040","cumQty":"0","cumQuote":"0","timeInForce":"GTX","type":"LIMIT","reduceOnly":true,"closePosition":false,"side":"SELL",
 "positionSide":"BOTH","stopPrice":"0","workingType":"CONTRACT_PRICE","priceProtect":false,"origType":"LIMIT","priceMatch":"NONE",
 "selfTradePreventionMode":"EXPIRE_MAKER","goodTillDate":0,"updateTime":1566818724722,"modifyId":"7","new":[{}]}"#;

#[test]
fn an_order_is_read_with_its_owner() {
    let report = order(&contracts(), &account(), ORDER.as_bytes()).expect("an order");
    assert_eq!(
        report.owner,
        Owner::Ours(OrderId {
            session: 7,
            seq: 42
        })
    );
    assert_eq!(
        (report.price, report.size, report.filled),
        (Ticks(250_050), Lots(100), Lots(40))
    );
    assert_eq!(
        (report.side, report.status),
        (Side::Sell, ExchangeStatus::PartiallyFilled)
    );
    assert!(report.reduce_only);
    assert_eq!(report.exchange_id, 22_542_179);
    assert_eq!(report.time, Wall::from_millis(1_566_818_724_722));
}

#[test]
fn orders_of_other_symbols_are_an_error_alone_and_left_out_of_lists() {
    let foreign = ORDER.replace("ETHUSDC", "XRPUSDC");
    let alone = order(&contracts(), &account(), foreign.as_bytes());
    assert_eq!(alone, Err(BodyError::Symbol));
    let mut out = Vec::new();
    let list = format!(
        "[{ORDER},{foreign},{}]",
        ORDER.replace("px-a1-7-42", "web_1")
    );
    open_orders(&contracts(), &account(), list.as_bytes(), &mut out).expect("a list");
    let owners: Vec<Owner> = out.iter().map(|report| report.owner).collect();
    assert_eq!(
        owners,
        [
            Owner::Ours(OrderId {
                session: 7,
                seq: 42
            }),
            Owner::Foreign
        ]
    );
    open_orders(&contracts(), &account(), b"[]", &mut out).expect("a list");
    assert!(out.is_empty());
}

#[test]
fn every_element_of_a_batch_has_its_own_outcome() {
    let context = Context {
        kind: RequestKind::Place,
        now: Wall::from_millis(0),
        retry_after: None,
    };
    let body = format!(
        r#"[{{"code":-5022,"msg":"Post Only order will be rejected."}},{ORDER},{{"code":-1007,"msg":"Timeout"}},{{"odd":1}}]"#
    );
    let mut out = Vec::new();
    batch(
        &contracts(),
        &account(),
        context,
        body.as_bytes(),
        5,
        &mut out,
    )
    .expect("a list");
    assert_eq!(out.len(), 5);
    assert!(matches!(out[0], Outcome::Refused(r) if r.why == Why::WouldTake && r.code == -5022));
    assert!(matches!(out[1], Outcome::Accepted(report) if report.exchange_id == 22_542_179));
    assert_eq!(
        &out[2..],
        [Outcome::Unknown; 3],
        "time-out, unreadable and missing"
    );
    batch(
        &contracts(),
        &account(),
        context,
        body.as_bytes(),
        1,
        &mut out,
    )
    .expect("a list");
    assert_eq!(out.len(), 1, "never more than was asked");
    let html = batch(&contracts(), &account(), context, b"<html>", 1, &mut out);
    assert!(matches!(html, Err(BodyError::Html(_))));
}

#[test]
fn trades_are_sorted_and_of_one_symbol() {
    let trade = |id: i64, symbol: &str| {
        format!(
            r#"{{"buyer":false,"commission":"0.07819010","commissionAsset":"USDC","id":{id},"maker":false,"orderId":25851813,"price":"2500.01","qty":"0.002",
            "quoteQty":"5.00002","realizedPnl":"-0.91539999","side":"SELL","positionSide":"BOTH","symbol":"{symbol}","time":1569514978020,"baseQty":"1"}}"#
        )
    };
    let mut out = Vec::new();
    let body = format!("[{},{}]", trade(9, "ETHUSDC"), trade(8, "ETHUSDC"));
    trades(&eth(), &account(), body.as_bytes(), &mut out).expect("a list");
    let ids: Vec<i64> = out.iter().map(|t| t.fill.trade_id).collect();
    assert_eq!(ids, [8, 9]);
    let fill = out[0].fill;
    assert_eq!(
        (fill.price, fill.size, fill.maker),
        (Ticks(250_001), Lots(2), false)
    );
    assert_eq!(
        (fill.fee, fill.realized),
        (Quote(-7_819_010), Quote(-91_539_999))
    );
    let body = format!("[{}]", trade(1, "XRPUSDC"));
    let other = trades(&eth(), &account(), body.as_bytes(), &mut out);
    assert_eq!(other, Err(BodyError::Symbol));
}

#[test]
fn the_dead_man_countdown_is_that_of_the_symbol() {
    let body = br#"{"symbol":"ETHUSDC","countdownTime":"120000"}"#;
    assert_eq!(countdown(&eth(), body), Ok(Span::from_secs(120)));
    let body = br#"{"symbol":"ETHUSDC","countdownTime":0}"#;
    assert_eq!(countdown(&eth(), body), Ok(Span::ZERO));
    let body = br#"{"symbol":"XRPUSDC","countdownTime":"120000"}"#;
    assert_eq!(countdown(&eth(), body), Err(BodyError::Symbol));
}

const INFO: &str = r#"{"timezone":"UTC","serverTime":1,"futuresType":"U_MARGINED","rateLimits":[
 {"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400},
 {"rateLimitType":"ORDERS","interval":"MINUTE","intervalNum":1,"limit":1200},
 {"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":300}],"exchangeFilters":[],"assets":[],"symbols":[
 {"symbol":"BROKEN"},{"nameless":1},
 {"symbol":"ETHUSDC","pair":"ETHUSDC","contractType":"PERPETUAL","deliveryDate":4133404800000,"onboardDate":1704285300000,"status":"TRADING",
 "baseAsset":"ETH","quoteAsset":"USDC","marginAsset":"USDC","pricePrecision":5,"quantityPrecision":7,"filters":[
  {"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"100000","tickSize":"0.01"},
  {"filterType":"LOT_SIZE","minQty":"0.001","maxQty":"8000","stepSize":"0.001"},
  {"filterType":"MARKET_LOT_SIZE","minQty":"0.001","maxQty":"700","stepSize":"0.001"},
  {"filterType":"MAX_NUM_ORDERS","limit":200},
  {"filterType":"MIN_NOTIONAL","notional":"20"},
  {"filterType":"PERCENT_PRICE","multiplierUp":"1.0500","multiplierDown":"0.9500","multiplierDecimal":"4"},
  {"filterType":"POSITION_RISK_CONTROL","positionControlSide":"NONE"}]}]}"#;

#[test]
fn contracts_come_from_filters_not_from_precisions() {
    let info = exchange_info(INFO.as_bytes(), |name| name == "ETHUSDC").expect("readable");
    assert_eq!(info.listed.len(), 1);
    let listed = &info.listed[0];
    assert_eq!(listed.instrument, ethusdc());
    assert_eq!(listed.status, ContractStatus::Trading);
    assert_eq!(
        (listed.margin_asset.as_str(), listed.perpetual),
        ("USDC", true)
    );
    let limits: Vec<_> = info
        .limits
        .iter()
        .map(|l| (l.kind, l.window.as_millis(), l.max))
        .collect();
    assert_eq!(
        limits,
        [
            (LimitKind::Weight, 60_000, 2_400),
            (LimitKind::Orders, 60_000, 1_200),
            (LimitKind::Orders, 10_000, 300)
        ]
    );
    assert!(info.unusable.is_empty());
}

#[test]
fn a_contract_that_cannot_be_traded_says_why_and_spoils_no_other() {
    let eth = |from: &str, to: &str| {
        let body = INFO.replace(from, to);
        let info = exchange_info(body.as_bytes(), |name| name == "ETHUSDC").expect("readable");
        info.unusable.into_iter().map(|(_, why)| why).next()
    };
    assert_eq!(
        eth("PRICE_FILTER", "X"),
        Some(Unusable::Missing("PRICE_FILTER"))
    );
    assert_eq!(
        eth(r#""tickSize":"0.01""#, r#""tickSize":"0.000000001""#),
        Some(Unusable::Filter("tickSize", Malformed::OffGrid))
    );
    assert_eq!(
        eth(r#""tickSize":"0.01""#, r#""tickSize":"0""#),
        Some(Unusable::Instrument(InstrumentError::Grid))
    );
    assert_eq!(
        eth(r#""maxPrice":"100000""#, r#""maxPrice":"0.001""#).map(|w| w.to_string()),
        None,
        "a maximum below one tick rounds to zero, which is no bound"
    );
    assert_eq!(
        eth(r#""limit":200"#, r#""limit":-1"#),
        Some(Unusable::Missing("limit"))
    );
    let info = exchange_info(INFO.as_bytes(), |_| true).expect("readable");
    assert_eq!(info.unusable, [("BROKEN".to_owned(), Unusable::Shape)]);
    assert_eq!(info.listed.len(), 1);
    let halted = INFO.replace("\"TRADING\"", "\"SETTLING\"");
    let info = exchange_info(halted.as_bytes(), |name| name == "ETHUSDC").expect("readable");
    assert_eq!(info.listed[0].status, ContractStatus::NotTrading);
}

#[test]
fn bounds_off_the_grid_only_shrink_the_range() {
    let body = INFO
        .replace(r#""minPrice":"0.01""#, r#""minPrice":"0.015""#)
        .replace(r#""maxPrice":"100000""#, r#""maxPrice":"99999.999""#);
    let info = exchange_info(body.as_bytes(), |name| name == "ETHUSDC").expect("readable");
    let instrument = &info.listed[0].instrument;
    assert_eq!(
        (instrument.price_min, instrument.price_max),
        (Ticks(2), Ticks(9_999_999))
    );
}

#[test]
fn snapshots_reuse_their_memory_and_refuse_what_is_off_the_grid() {
    let mut levels = Levels::default();
    let body = r#"{"lastUpdateId":1027024,"E":1589436922972,"T":1589436922959,"bids":[["2500.00","431"]],"asks":[["2500.02","12.5"],["2500.03","1"]]}"#;
    let level = |price, size| Level {
        price: Ticks(price),
        size: Lots(size),
    };
    let book = snapshot(&eth(), body.as_bytes(), &mut levels).expect("a snapshot");
    assert_eq!(book.last_id, 1_027_024);
    assert_eq!(book.transact_time, Wall::from_millis(1_589_436_922_959));
    assert_eq!(book.bids, [level(250_000, 431_000)]);
    assert_eq!(book.asks, [level(250_002, 12_500), level(250_003, 1_000)]);
    let off = body.replace("2500.02", "2500.025");
    let off = snapshot(&eth(), off.as_bytes(), &mut levels);
    assert_eq!(off, Err(BodyError::Field("asks", Malformed::OffGrid)));
}

#[test]
fn leftovers_of_a_finer_tick_deep_in_the_book_do_not_condemn_it() {
    let mut levels = Levels::default();
    let front: Vec<String> = (0..20)
        .map(|n| format!("[\"2500.{:02}\",\"1\"]", 90 - n))
        .collect();
    let bids = |extra: &str| {
        let front = front.join(",");
        format!(r#"{{"lastUpdateId":1,"T":1,"bids":[{front},{extra},["1.50","2"]],"asks":[]}}"#)
    };
    let book = snapshot(&eth(), bids("[\"2.50579\",\"7\"]").as_bytes(), &mut levels);
    assert_eq!(book.map(|b| b.bids.len()), Ok(21));
    let first = bids("[\"3\",\"7\"]").replace("2500.90", "2500.905");
    let book = snapshot(&eth(), first.as_bytes(), &mut levels);
    assert_eq!(book, Err(BodyError::Field("bids", Malformed::OffGrid)));
}

#[test]
fn best_price_mark_and_time_are_read() {
    let body = br#"{"symbol":"ETHUSDC","bidPrice":"2500.00","bidQty":"4","askPrice":"2500.01","askQty":"0.5","time":1589437530011,"lastUpdateId":9}"#;
    let ticker = book_ticker(&eth(), body).expect("a ticker");
    assert_eq!(
        (ticker.update_id, ticker.bid.price, ticker.ask.size),
        (0, Ticks(250_000), Lots(500))
    );
    let body = br#"{"symbol":"ETHUSDC","markPrice":"2500.63104562","indexPrice":"2499.80495970","estimatedSettlePrice":"1","lastFundingRate":"-0.00038246","nextFundingTime":1597392000000,"interestRate":"0.00010000","time":1597370495002}"#;
    let mark = premium_index(&eth(), body).expect("a mark");
    assert_eq!(
        (mark.mark, mark.funding_rate),
        (Price8(250_063_104_562), Ratio(-38_246))
    );
    assert_eq!(time(br#"{"serverTime":7}"#), Ok(Wall::from_millis(7)));
}

#[test]
fn of_the_best_prices_of_all_symbols_ours_are_read_and_one_broken_row_costs_no_other() {
    // As the exchange answers: hundreds of rows, in its own order, with fields that nobody told of.
    let row = |symbol: &str, bid: &str, ask: &str| {
        format!(
            r#"{{"symbol":"{symbol}","pair":"{symbol}","bidPrice":"{bid}","bidQty":"4.000","askPrice":"{ask}","askQty":"0.500","time":1589437530011,"lastUpdateId":9,"ps":null}}"#
        )
    };
    let mut list = contracts();
    let mut btc = ethusdc();
    btc.name = "BTCUSDC".to_owned();
    list.add(SymbolId(5), btc).expect("fits");
    let read = |rows: &[String]| {
        let body = format!("[{}]", rows.join(","));
        book_tickers(&list, body.as_bytes())
    };
    let eth = row("ETHUSDC", "2500.00", "2500.01");
    let btc = row("BTCUSDC", "7000.00", "7000.10");
    let foreign = row("BTCUSDT_240628", "0.000000001", "");
    let tickers = read(&[
        foreign.clone(),
        btc.clone(),
        r#"{"symbol":"NEWUSDT"}"#.to_owned(),
        "{}".to_owned(),
        eth.clone(),
    ])
    .expect("tickers");
    let seen: Vec<_> = tickers
        .iter()
        .map(|(symbol, t)| (*symbol, t.update_id, t.bid.price, t.ask.size))
        .collect();
    assert_eq!(
        seen,
        [
            (SymbolId(5), 0, Ticks(700_000), Lots(500)),
            (ETH, 0, Ticks(250_000), Lots(500)),
        ]
    );
    assert_eq!(
        tickers.last().expect("one").1.event_time.as_millis(),
        1_589_437_530_011
    );
    // A row of ours that cannot be read is no answer for that symbol alone.
    let broken = row("BTCUSDC", "what", "7000.10");
    let tickers = read(&[broken, eth]).expect("tickers");
    assert_eq!(tickers.iter().map(|t| t.0).collect::<Vec<_>>(), [ETH]);
    assert_eq!(read(&[foreign]).expect("none of ours"), []);
    assert_eq!(read(&[]).expect("none at all"), []);
    for body in [&b""[..], b"<html>", b"{}", b"[{]", b"[1"] {
        book_tickers(&list, body).expect_err("no list");
    }
}

#[test]
fn symbols_without_a_row_are_flat() {
    let row = |symbol: &str, side: &str, size: &str| {
        format!(
            r#"{{"symbol":"{symbol}","positionSide":"{side}","positionAmt":"{size}","entryPrice":"2500.5"}}"#
        )
    };
    let mut out = Vec::new();
    let eth_at = |size, entry| PositionReport {
        symbol: ETH,
        size: Lots(size),
        entry: Price8(entry),
    };
    let body = format!(
        "[{},{}]",
        row("ETHUSDC", "BOTH", "-0.100"),
        row("XRPUSDC", "BOTH", "5")
    );
    positions(&contracts(), body.as_bytes(), &mut out).expect("positions");
    assert_eq!(out, [eth_at(-100, 250_050_000_000)]);
    positions(&contracts(), b"[]", &mut out).expect("positions");
    assert_eq!(out, [eth_at(0, 0)]);
    let body = format!("[{}]", row("ETHUSDC", "LONG", "0.1"));
    let hedge = positions(&contracts(), body.as_bytes(), &mut out);
    assert_eq!(hedge, Err(BodyError::HedgeMode));
}

#[test]
fn balance_and_margin_are_those_of_the_margin_asset() {
    let body = br#"[{"asset":"USDT","balance":"1"},{"asset":"USDC","balance":"5000.12345678","crossWalletBalance":"1"}]"#;
    let report = balance(&account(), body).expect("a balance");
    assert_eq!(
        (report.wallet, report.change),
        (Quote(500_012_345_678), Quote(0))
    );
    let none = balance(&account(), br#"[{"asset":"USDT","balance":"1"}]"#);
    assert_eq!(none, Err(BodyError::NoMarginAsset));
    let asset = |name: &str, wallet: &str| {
        format!(
            r#"{{"asset":"{name}","walletBalance":"{wallet}","unrealizedProfit":"-1.5","marginBalance":"0","maintMargin":"2","initialMargin":"3","availableBalance":"4"}}"#
        )
    };
    let body = format!(
        r#"{{"totalWalletBalance":"99","assets":[{},{}],"positions":[]}}"#,
        asset("USDT", "1"),
        asset("USDC", "7")
    );
    let figures = margin(&account(), body.as_bytes()).expect("figures");
    assert_eq!(
        (figures.wallet, figures.unrealized),
        (Quote(700_000_000), Quote(-150_000_000))
    );
    assert_eq!(figures.available, Quote(400_000_000));
}

#[test]
fn settings_of_the_account_and_its_symbols() {
    assert_eq!(hedge_mode(br#"{"dualSidePosition":true}"#), Ok(true));
    assert_eq!(
        multi_assets_mode(br#"{"multiAssetsMargin":false}"#),
        Ok(false)
    );
    assert_eq!(
        hedge_mode(b"{}"),
        Err(BodyError::Field("dualSidePosition", Malformed::Shape))
    );
    let body = br#"{"feeTier":3,"canTrade":true,"canDeposit":true,"dualSidePosition":false,"updateTime":0,"multiAssetsMargin":false,"tradeGroupId":-1}"#;
    let settings = account_config(body).expect("settings");
    assert_eq!(
        (settings.hedge_mode, settings.can_trade, settings.fee_tier),
        (false, true, 3)
    );
    let body = br#"[{"symbol":"ETHUSDC","marginType":"CROSSED","isAutoAddMargin":"false","leverage":21,"maxNotionalValue":"1000000"},{"symbol":"X","marginType":"?","leverage":1,"maxNotionalValue":"1"}]"#;
    let ours = symbol_config(&contracts(), body).expect("settings");
    assert_eq!(ours.len(), 1);
    assert_eq!(
        (ours[0].symbol, ours[0].margin_type, ours[0].leverage),
        (ETH, MarginType::Cross, 21)
    );
    let body = br#"{"symbol":"ETHUSDC","makerCommissionRate":"-0.00004","takerCommissionRate":"0.0004","rpiCommissionRate":"0"}"#;
    let expected = Commission {
        maker: Ratio(-4_000),
        taker: Ratio(40_000),
    };
    assert_eq!(commission(&eth(), body), Ok(expected));
}

#[test]
fn indicators_and_limits_of_the_account() {
    let body = br#"{"indicators":{"ETHUSDC":[{"isLocked":true,"plannedRecoverTime":1545741270000,"indicator":"UFR","value":0.05,"triggerValue":0.995}],
        "ACCOUNT":[{"indicator":"TMV","value":10,"triggerValue":1,"plannedRecoverTime":5,"isLocked":false}],"XRPUSDC":[]},"updateTime":1}"#;
    let list = trading_status(&contracts(), body).expect("indicators");
    assert_eq!(list.len(), 2);
    assert_eq!(
        (list[0].scope, list[0].value),
        (IndicatorScope::Account, Ratio(1_000_000_000))
    );
    assert_eq!(list[1].scope, IndicatorScope::Symbol(ETH));
    assert_eq!(
        (list[1].value, list[1].trigger),
        (Ratio(5_000_000), Ratio(99_500_000))
    );
    assert!(list[1].locked);
    let body =
        br#"[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":10000}]"#;
    assert_eq!(order_limits(body).expect("limits")[0].max, 10_000);
}

#[test]
fn income_rows_keep_their_asset_and_kind() {
    let body = br#"[{"symbol":"","incomeType":"TRANSFER","income":"-0.37500000","asset":"USDT","info":"TRANSFER","time":1570608000000,"tranId":"9689322392","tradeId":""},
        {"symbol":"ETHUSDC","incomeType":"FUNDING_FEE","income":"-0.01","asset":"USDC","info":"","time":2,"tranId":5,"tradeId":2059192},
        {"symbol":"ETHUSDC","incomeType":"BRAND_NEW","income":"1","asset":"BNB","info":"","time":2,"tranId":5}]"#;
    let rows = income(&contracts(), body).expect("rows");
    let kinds: Vec<_> = rows
        .iter()
        .map(|row| (row.symbol, row.kind, row.amount_e8))
        .collect();
    assert_eq!(
        kinds,
        [
            (None, IncomeKind::Transfer, -37_500_000),
            (Some(ETH), IncomeKind::Funding, -1_000_000),
            (Some(ETH), IncomeKind::Other, 100_000_000)
        ]
    );
    assert_eq!(
        (rows[0].transaction_id, rows[1].trade_id),
        (9_689_322_392, 2_059_192)
    );
}

#[test]
fn listen_keys_are_secret_even_in_errors() {
    let key = listen_key(br#"{"listenKey":"pqia91"}"#)
        .expect("a key")
        .expect("named");
    assert_eq!(key.expose_secret(), "pqia91");
    assert!(listen_key(b"{}").expect("fine").is_none());
    let broken = listen_key(br#"{"listenKey":"pqia91"#).expect_err("cut off");
    assert!(!format!("{broken} {broken:?}").contains("pqia91"));
    assert!(listen_key(br#"{"listenKey":""}"#).is_err());
}

#[test]
fn no_damage_to_a_body_makes_a_decoder_panic() {
    let (contracts, account) = (contracts(), account());
    let bodies = [
        ORDER,
        INFO,
        r#"[{"symbol":"ETHUSDC","positionSide":"BOTH","positionAmt":"1","entryPrice":"1"}]"#,
    ];
    for body in bodies {
        for cut in 0..body.len() {
            let Some(part) = body.as_bytes().get(..cut) else {
                continue;
            };
            let mut flipped = body.as_bytes().to_vec();
            flipped[cut] ^= 0x15;
            for bytes in [part, &flipped] {
                let mut out = (Vec::new(), Vec::new());
                drop(order(&contracts, &account, bytes));
                drop(open_orders(&contracts, &account, bytes, &mut out.0));
                drop(exchange_info(bytes, |_| true));
                drop(positions(&contracts, bytes, &mut out.1));
                drop(margin(&account, bytes));
            }
        }
    }
}

#[test]
fn bodies_that_are_no_json_say_what_they_begin_with() {
    assert_eq!(done(b"  \n"), Err(BodyError::Empty));
    let html = done(b"<!DOCTYPE html>\n<title>403</title>").expect_err("html");
    assert_eq!(
        html.to_string(),
        "an HTML page instead of JSON, beginning `<!DOCTYPE html>·<title>403</title>`"
    );
    let shape = done(b"upstream \x1b[31m gone \xff").expect_err("no JSON");
    assert_eq!(
        shape.to_string(),
        "not the expected JSON at column 1, beginning `upstream ·[31m gone ·`"
    );
    let long = "x".repeat(500);
    assert!(
        done(long.as_bytes())
            .expect_err("no JSON")
            .to_string()
            .len()
            < 200
    );
}

#[test]
fn success_without_content_comes_in_two_forms() {
    assert_eq!(done(b"{}"), Ok(()));
    assert_eq!(done(br#"{"code":200,"msg":"success"}"#), Ok(()));
    assert_eq!(done(br#"{"code":-1,"msg":"no"}"#), Err(BodyError::Code(-1)));
    assert!(matches!(done(b"[]"), Err(BodyError::Shape(..)) | Ok(())));
}
