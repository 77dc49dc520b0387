//! Every event and action through the codec: values are made from random bytes, so that no variant is forgotten.

use crate::flight::codec::asked::Asked;
use crate::flight::codec::event::{self, Lists};
use crate::flight::codec::{Bad, Code, Input, Sink};
use phoenix_core::params::AccountParams;
use phoenix_core::units::{Mono, Now, Wall};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::collections::BTreeSet;

const NOW: Now = Now {
    mono: Mono(77_000_000_123),
    wall: Wall(1_700_000_000_000_000_456),
};

fn input(bytes: &[u8]) -> Input<'_> {
    let mut input = Input::new(bytes);
    input.now = NOW;
    input
}

fn sink() -> Sink {
    Sink {
        now: NOW,
        ..Sink::default()
    }
}

/// What a value is, without what it holds: `Reply(Trades { symbol: …` → `Reply(Trades`.
fn kind(text: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric();
    let words = text.split(|c| !is_name(c)).filter(|word| !word.is_empty());
    let upper = words.filter(|w| w.starts_with(|c: char| c.is_ascii_uppercase()));
    let known = upper.filter(|w| *w != "SymbolId" && *w != "OrderId");
    known.take(2).collect::<Vec<_>>().join(" ")
}

/// Small bytes are tags, flags and short lists; the others are numbers of every length.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let flags = prop_oneof![60 => 0_u8..2, 1 => any::<u8>()];
    let mixed = prop_oneof![6 => 0_u8..3, 3 => 0_u8..40, 1 => any::<u8>()];
    prop_oneof![
        proptest::collection::vec(flags, 400),
        proptest::collection::vec(mixed, 400),
    ]
}

fn again<T: Code + std::fmt::Debug>(bytes: &[u8]) -> Option<String> {
    let value = T::decode(&mut input(bytes)).ok()?;
    let mut first = sink();
    value.encode(&mut first);
    let mut rest = input(&first.bytes);
    let back = T::decode(&mut rest).expect("what was written is read");
    assert!(rest.is_empty(), "{value:?} has bytes that nobody reads");
    assert_eq!(format!("{value:?}"), format!("{back:?}"));
    let mut second = sink();
    back.encode(&mut second);
    assert_eq!(first.bytes, second.bytes);
    Some(format!("{value:?}"))
}

fn event_again(bytes: &[u8]) -> Option<String> {
    let (mut lists, mut other) = (Lists::default(), Lists::default());
    let value = event::decode(&mut input(bytes), &mut lists).ok()?;
    let mut first = sink();
    event::encode(&value, &mut first);
    let mut rest = input(&first.bytes);
    let back = event::decode(&mut rest, &mut other).expect("what was written is read");
    assert!(rest.is_empty(), "{value:?} has bytes that nobody reads");
    let (was, now) = (format!("{value:?}"), format!("{back:?}"));
    // Two numbers that are none are not equal, and their bits are compared below.
    assert!(value == back || was.contains("NaN"), "{was} became {now}");
    let mut second = sink();
    event::encode(&back, &mut second);
    assert_eq!(first.bytes, second.bytes);
    Some(was)
}

/// Begins with each tag in turn, so that rare ones come too.
fn tagged(count: usize, mut each: impl FnMut(&[u8])) {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for round in 0..count {
        let tree = bytes().new_tree(&mut runner).expect("bytes");
        let mut bytes = tree.current();
        bytes[0] = u8::try_from(round % 17).expect("small");
        if bytes[0] == 1 {
            // A symbol stands before the market's tag.
            bytes[1] %= 40;
            bytes[2] = u8::try_from(round / 17 % 8).expect("small");
        } else if bytes[0] == 15 {
            // A notice without a symbol.
            bytes[1] = 0;
            bytes[2] = u8::try_from(round / 17 % 34).expect("small");
        } else {
            bytes[1] = u8::try_from(round / 17 % 34).expect("small");
        }
        each(&bytes);
    }
}

#[test]
fn every_event_is_read_as_it_was_written() {
    let mut kinds = BTreeSet::new();
    tagged(30_000, |bytes| {
        kinds.extend(event_again(bytes).map(|text| kind(&text)));
    });
    for wanted in [
        "Wakeup",
        "Market Depth",
        "Market Snapshot",
        "Market SnapshotFailed",
        "Market BookTicker",
        "Market Trade",
        "Market Mark",
        "Market Status",
        "Market Malformed",
        "Account Order",
        "Account Lite",
        "Account Update",
        "Account ListenKeyExpired",
        "Account MarginCall",
        "Account Malformed",
        "Reply Place",
        "Reply Amend",
        "Reply Cancel",
        "Reply CancelAll",
        "Reply Query",
        "Reply OpenOrders",
        "Reply Account",
        "Reply Trades",
        "Reply Funding",
        "Reply Probe",
        "Reply ProbeAll",
        "Reply DeadMan",
        "Reply Weight",
        "Reply OrderCounts",
        "Link Public",
        "Operator Stop",
        "Config Add",
        "Config Change",
        "Config Remove",
        "Config Account",
    ] {
        assert!(
            kinds.iter().any(|k| k == wanted),
            "{wanted} never came: {kinds:?}"
        );
    }
}

#[test]
fn every_action_is_read_as_it_was_written() {
    let mut texts = String::new();
    tagged(30_000, |bytes| {
        if let Some(text) = again::<Asked>(bytes) {
            texts.push_str(&kind(&text));
            texts.push('\n');
            let what = text.split("what: ").nth(1).unwrap_or_default();
            texts.push_str(&kind(what));
            texts.push('\n');
        }
    });
    for wanted in [
        "Place",
        "Amend",
        "Cancel",
        "CancelAll",
        "QueryOrder",
        "FetchOpenOrders",
        "FetchAccount",
        "FetchTrades",
        "FetchFunding",
        "FetchSnapshot",
        "Probe",
        "ProbeAll",
        "ArmDeadMan",
        "RenewListenKey",
        "Reconnect",
        "Say",
        "Stopped",
        "Mode",
        "BookReady",
        "BookLost",
        "StreamStale",
        "StreamDead",
        "StreamSuspect",
        "StreamSilent",
        "BookSuspect",
        "ClockDoubted",
        "StreamBack",
        "BadFrame",
        "LinkDown",
        "LinkUp",
        "OrderRefused",
        "OrderUnknown",
        "GhostOrder",
        "SecondInstance",
        "OrderOverflow",
        "PositionRepaired",
        "PositionHigh",
        "StopLoss",
        "Drawdown",
        "Halted",
        "Resumed",
        "CancelBudgetSpent",
        "BackOff",
        "DeadManArmed",
        "DeadManFailed",
        "MarginCall",
        "SymbolTrading",
        "DeskPanicked",
        "DeskRestarted",
        "ConfigApplied",
        "Removed",
    ] {
        let is_here = texts
            .lines()
            .any(|line| line.split(' ').next() == Some(wanted));
        assert!(is_here, "{wanted} never came");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(4), ..ProptestConfig::default() })]

    #[test]
    fn numbers_of_every_size_come_back(value in any::<i64>(), other in any::<u64>(), small in any::<u32>()) {
        let mut out = sink();
        value.encode(&mut out);
        other.encode(&mut out);
        small.encode(&mut out);
        Mono(value).encode(&mut out);
        Wall(value).encode(&mut out);
        let mut rest = input(&out.bytes);
        prop_assert_eq!(i64::decode(&mut rest), Ok(value));
        prop_assert_eq!(u64::decode(&mut rest), Ok(other));
        prop_assert_eq!(u32::decode(&mut rest), Ok(small));
        prop_assert_eq!(Mono::decode(&mut rest), Ok(Mono(value)));
        prop_assert_eq!(Wall::decode(&mut rest), Ok(Wall(value)));
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut lists = Lists::default();
        let _ = event::decode(&mut input(&bytes), &mut lists);
        let _ = Asked::decode(&mut input(&bytes));
        let _ = AccountParams::decode(&mut input(&bytes));
    }
}

#[test]
fn a_list_that_cannot_be_there_asks_for_no_memory() {
    // OpenOrders of symbol 0, accepted, with more orders than there are bytes.
    let mut bytes = vec![3, 5, 0, 0, 0];
    bytes.extend_from_slice(&[0xff; 9]);
    bytes.push(1);
    let mut lists = Lists::default();
    assert_eq!(event::decode(&mut input(&bytes), &mut lists), Err(Bad));
}

#[test]
fn near_numbers_are_short() {
    let mut out = sink();
    Mono(NOW.mono.0 - 60).encode(&mut out);
    (-3_i64).encode(&mut out);
    assert_eq!(out.bytes.len(), 2);
    // Whole milliseconds of the exchange, a few before: one byte.
    Wall::from_millis(NOW.wall.as_millis() - 7).encode(&mut out);
    assert_eq!(out.bytes.len(), 3);
}
