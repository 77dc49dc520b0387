use super::*;
use crate::binance::client_id::ClientIds;
use phoenix_core::event::ExchangeStatus;
use phoenix_core::instrument::ethusdc;
use phoenix_core::order::{OrderId, Owner};
use phoenix_core::units::{Lots, Price8, Ticks};
use proptest::prelude::*;

const FRAMES: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/binance/user_2026.jsonl"
));
const ETH: SymbolId = SymbolId(0);

fn contracts() -> Contracts {
    let mut contracts = Contracts::default();
    contracts.add(ETH, ethusdc()).expect("fits");
    contracts
}

fn account() -> AccountScope {
    AccountScope {
        margin_asset: "USDC".into(),
        ids: ClientIds::new("a1").expect("valid"),
    }
}

fn frame(n: usize) -> &'static str {
    FRAMES.lines().nth(n).expect("fixture line")
}

/// Decodes fixture line `n` and hands the result to `check`.
fn check(n: usize, check: impl FnOnce(Decoded<'_>)) {
    let mut decoder = UserDecoder::default();
    check(decoder.decode(&contracts(), &account(), frame(n).as_bytes()));
}

fn order_update(n: usize) -> OrderUpdate {
    let mut decoder = UserDecoder::default();
    match decoder.decode(&contracts(), &account(), frame(n).as_bytes()) {
        Decoded::Event(Event::Account(Account::Order(update))) => update,
        other => panic!("line {n}: {other:?}"),
    }
}

const fn ours(seq: u32) -> Owner {
    Owner::Ours(OrderId { session: 7, seq })
}

#[test]
fn a_new_order_is_reported_without_a_fill() {
    let update = order_update(0);
    let expected = OrderReport {
        symbol: ETH,
        owner: ours(42),
        exchange_id: 8_886_774,
        side: Side::Sell,
        price: Ticks(250_050),
        size: Lots(100),
        filled: Lots(0),
        status: ExchangeStatus::New,
        reduce_only: false,
        time: Wall::from_millis(1_795_000_100_650),
    };
    assert_eq!(update.report, expected);
    assert_eq!((update.execution, update.fill), (Execution::New, None));
    assert_eq!(update.event_time, Wall::from_millis(1_795_000_100_651));
}

#[test]
fn a_fill_without_commission_fields_costs_nothing() {
    let update = order_update(2);
    assert_eq!(update.report.status, ExchangeStatus::PartiallyFilled);
    assert_eq!(update.report.filled, Lots(40));
    let expected = Fill {
        trade_id: 109_100_866,
        price: Ticks(250_050),
        size: Lots(40),
        fee: Quote(0),
        fee_other_e8: 0,
        realized: Quote(-125_000_000),
        maker: true,
    };
    assert_eq!(update.fill, Some(expected));
}

#[test]
fn a_taker_fill_in_an_envelope_pays_in_the_margin_asset() {
    let update = order_update(3);
    assert!(update.report.reduce_only);
    let fill = update.fill.expect("a trade");
    assert_eq!(
        (fill.fee, fill.fee_other_e8, fill.maker),
        (Quote(-90_027_000), 0, false)
    );
}

#[test]
fn self_trade_prevention_ends_an_order() {
    let update = order_update(4);
    assert_eq!(update.execution, Execution::Expired);
    assert_eq!(update.report.status, ExchangeStatus::Expired);
    assert!(update.report.status.is_terminal());
}

#[test]
fn liquidation_and_deleveraging_fills_are_never_lost() {
    let liquidation = order_update(5);
    assert_eq!(liquidation.report.owner, Owner::Foreign);
    assert_eq!(liquidation.execution, Execution::Liquidation);
    let fill = liquidation.fill.expect("a fill");
    assert_eq!(
        (fill.price, fill.size),
        (Ticks(240_000), Lots(500)),
        "rounded against us"
    );
    let adl = order_update(6);
    let fill = adl.fill.expect("a fill");
    assert_eq!(adl.report.owner, Owner::Foreign);
    assert_eq!((fill.fee, fill.fee_other_e8), (Quote(0), -100_000));
}

#[test]
fn amendments_of_another_instance_are_told_apart() {
    let update = order_update(7);
    assert_eq!(update.report.owner, Owner::OtherInstance);
    assert_eq!((update.execution, update.fill), (Execution::Amended, None));
    assert_eq!(update.report.filled, Lots(200));
}

#[test]
fn values_of_the_future_are_reported_as_unrecognised() {
    let update = order_update(8);
    assert_eq!(update.execution, Execution::Unrecognised);
    assert_eq!(update.report.status, ExchangeStatus::Unrecognised);
    assert!(!update.report.status.is_terminal());
}

#[test]
fn a_lite_fill_carries_the_fill_price_not_the_order_price() {
    check(1, |decoded| {
        let expected = LiteFill {
            symbol: ETH,
            owner: ours(42),
            side: Side::Sell,
            trade_id: 109_100_866,
            price: Ticks(250_050),
            size: Lots(40),
            maker: true,
            time: Wall::from_millis(1_795_000_101_000),
        };
        assert_eq!(decoded, event(Account::Lite(expected)));
    });
}

#[test]
fn account_updates_hold_the_margin_asset_and_our_symbols_only() {
    check(9, |decoded| {
        let positions = [PositionReport {
            symbol: ETH,
            size: Lots(-100),
            entry: Price8(250_050_123_456),
        }];
        let expected = AccountUpdate {
            reason: AccountReason::Order,
            symbol: None,
            balance: Some(BalanceReport {
                wallet: Quote(500_012_000_000),
                change: Quote(0),
            }),
            positions: &positions,
            time: Wall::from_millis(1_795_000_108_000),
        };
        assert_eq!(decoded, event(Account::Update(expected)));
    });
}

#[test]
fn funding_names_its_symbol_and_needs_no_position() {
    check(10, |decoded| {
        let Decoded::Event(Event::Account(Account::Update(update))) = decoded else {
            panic!("{decoded:?}");
        };
        assert_eq!(update.reason, AccountReason::Funding);
        assert_eq!(update.symbol, Some(ETH));
        assert_eq!(update.balance.map(|b| b.change), Some(Quote(-25_003_000)));
        assert!(update.positions.is_empty());
    });
}

#[test]
fn a_transfer_of_another_asset_changes_nothing_of_ours() {
    check(11, |decoded| {
        let Decoded::Event(Event::Account(Account::Update(update))) = decoded else {
            panic!("{decoded:?}");
        };
        assert_eq!(
            (update.reason, update.balance),
            (AccountReason::Other, None)
        );
    });
}

#[test]
fn the_remaining_events_have_their_meaning() {
    let expected = [
        event(Account::MarginCall),
        Decoded::AccountConfig(AccountConfig::Leverage(ETH, 25)),
        Decoded::AccountConfig(AccountConfig::MultiAssets(true)),
        event(Account::ListenKeyExpired),
        Decoded::Ignored(Ignored::Algo),
        Decoded::Ignored(Ignored::Unrecognised),
        Decoded::Control(Control::Ack(Some(4))),
    ];
    assert_eq!(FRAMES.lines().count(), 12 + expected.len());
    for (n, expected) in expected.into_iter().enumerate() {
        check(12 + n, |decoded| {
            assert_eq!(decoded, expected, "line {}", 12 + n)
        });
    }
}

#[test]
fn what_cannot_be_understood_is_malformed_never_dropped() {
    let mut decoder = UserDecoder::default();
    let trade = frame(2);
    for (text, why) in [
        (String::new(), Malformed::Shape),
        ("{".into(), Malformed::Shape),
        ("[]".into(), Malformed::Shape),
        (
            trade.replace("\"p\":\"2500.50\"", "\"p\":\"2500.505\""),
            Malformed::OffGrid,
        ),
        (
            trade.replace("\"l\":\"0.040\"", "\"l\":\"0.0405\""),
            Malformed::OffGrid,
        ),
        (
            trade.replace("\"l\":\"0.040\"", "\"l\":\"0\""),
            Malformed::Shape,
        ),
        (
            trade.replace("\"S\":\"SELL\"", "\"S\":\"HOLD\""),
            Malformed::Shape,
        ),
        (trade.replace("\"i\":8886774,", ""), Malformed::Shape),
        (
            trade.replace("\"q\":\"0.100\"", "\"q\":\"99999999999999\""),
            Malformed::TooLarge,
        ),
        (
            frame(9).replace("\"ps\":\"BOTH\"", "\"ps\":\"SHORT\""),
            Malformed::Shape,
        ),
    ] {
        let decoded = decoder.decode(&contracts(), &account(), text.as_bytes());
        assert_eq!(decoded, event(Account::Malformed(why)), "{text}");
    }
}

#[test]
fn symbols_that_are_not_ours_are_ignored() {
    let mut decoder = UserDecoder::default();
    for n in [0, 1, 13] {
        let text = frame(n).replace("ETHUSDC", "XRPUSDC");
        let decoded = decoder.decode(&contracts(), &account(), text.as_bytes());
        assert_eq!(decoded, Decoded::Ignored(Ignored::Symbol));
    }
}

proptest! {
    #![proptest_config(crate::binance::seeded(5_000))]

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        UserDecoder::default().decode(&contracts(), &account(), &bytes);
    }

    #[test]
    fn no_damage_to_a_frame_makes_the_decoder_panic(
        line in 0usize..19,
        cut in 0usize..900,
        edits in proptest::collection::vec((0usize..900, any::<u8>()), 0..6),
    ) {
        let mut bytes = frame(line).as_bytes().to_vec();
        for (at, byte) in edits {
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
        }
        let mut decoder = UserDecoder::default();
        decoder.decode(&contracts(), &account(), &bytes);
        bytes.truncate(cut);
        decoder.decode(&contracts(), &account(), &bytes);
    }
}
