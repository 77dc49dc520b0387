use super::*;
use phoenix_core::instrument::{SymbolId, ethusdc};
use phoenix_core::order::Execute;
use phoenix_core::units::{Lots, Side, Ticks};

struct Desk {
    contracts: Contracts,
    ids: ClientIds,
    signer: Signer,
}

impl Desk {
    fn new() -> Self {
        let mut contracts = Contracts::default();
        contracts.add(SymbolId(3), ethusdc()).expect("fits");
        let signer = Signer::hmac("key".to_owned().into(), &"secret".to_owned().into());
        Self {
            contracts,
            ids: ClientIds::new("a1").expect("valid"),
            signer: signer.expect("usable"),
        }
    }
    fn auth(&self) -> Auth<'_> {
        Auth {
            signer: &self.signer,
            validity: Validity {
                timestamp: Wall::from_millis(1_700_000_000_123),
                window: Span::from_millis(2_000),
            },
        }
    }
    fn eth(&self) -> &Contract {
        self.contracts.by_id(SymbolId(3)).expect("added")
    }
}

fn order(execute: Execute) -> NewOrder {
    NewOrder {
        symbol: SymbolId(3),
        id: OrderId {
            session: 7,
            seq: 42,
        },
        side: Side::Buy,
        price: Ticks(250_001),
        size: Lots(50),
        execute,
    }
}

/// Takes the signature off, after checking that it signs what stands before it.
fn unsigned(desk: &Desk, out: &[u8]) -> String {
    let text = std::str::from_utf8(out).expect("ASCII");
    let (head, signature) = text.split_once("&signature=").expect("signed");
    let (_, query) = head.split_once('?').expect("query");
    let expected = desk.signer.sign(query.as_bytes()).expect("signs");
    assert_eq!(signature.as_bytes(), expected.as_bytes());
    head.to_owned()
}

#[test]
fn orders_are_written_exactly_and_signed_last() {
    let desk = Desk::new();
    let mut encoder = RestEncoder::default();
    let mut out = b"left over".to_vec();
    for (execute, middle) in [
        (Execute::PostOnly, ("GTX", "", "ACK")),
        (Execute::PostOnlyReduce, ("GTX", "&reduceOnly=true", "ACK")),
        (Execute::TakeReduce, ("IOC", "&reduceOnly=true", "RESULT")),
    ] {
        let endpoint = encoder
            .place(
                desk.eth(),
                &desk.ids,
                &order(execute),
                desk.auth(),
                &mut out,
            )
            .expect("encodes");
        assert_eq!(endpoint, Endpoint::Place);
        let (tif, reduce, response) = middle;
        let expected = format!(
            "/fapi/v1/order?symbol=ETHUSDC&side=BUY&type=LIMIT&timeInForce={tif}&quantity=0.050\
             &price=2500.01{reduce}&newClientOrderId=px-a1-7-42&newOrderRespType={response}\
             &selfTradePreventionMode=EXPIRE_MAKER&recvWindow=2000&timestamp=1700000000123"
        );
        assert_eq!(unsigned(&desk, &out), expected);
    }
}

#[test]
fn changes_and_ends_name_the_order_by_our_id() {
    let desk = Desk::new();
    let mut encoder = RestEncoder::default();
    let mut out = Vec::new();
    let o = order(Execute::PostOnlyReduce);
    let change = Amendment {
        symbol: o.symbol,
        id: o.id,
        side: Side::Sell,
        price: Ticks(1),
        size: Lots(1_000),
        execute: o.execute,
    };
    let tail = "&recvWindow=2000&timestamp=1700000000123";
    encoder
        .amend(desk.eth(), &desk.ids, &change, desk.auth(), &mut out)
        .expect("encodes");
    assert_eq!(
        unsigned(&desk, &out),
        format!(
            "/fapi/v1/order?symbol=ETHUSDC&origClientOrderId=px-a1-7-42&side=SELL&quantity=1.000&price=0.01&reduceOnly=true{tail}"
        )
    );
    encoder
        .cancel(desk.eth(), &desk.ids, o.id, desk.auth(), &mut out)
        .expect("encodes");
    assert_eq!(
        unsigned(&desk, &out),
        format!("/fapi/v1/order?symbol=ETHUSDC&origClientOrderId=px-a1-7-42{tail}")
    );
    let ids = [
        o.id,
        OrderId {
            session: 7,
            seq: 43,
        },
    ];
    encoder
        .cancel_batch(desk.eth(), &desk.ids, &ids, desk.auth(), &mut out)
        .expect("encodes");
    assert_eq!(
        unsigned(&desk, &out),
        format!(
            "/fapi/v1/batchOrders?symbol=ETHUSDC&origClientOrderIdList=%5B%22px-a1-7-42%22%2C%22px-a1-7-43%22%5D{tail}"
        )
    );
}

#[test]
fn batches_are_one_encoded_list_whose_elements_are_orders() {
    let desk = Desk::new();
    let mut encoder = RestEncoder::default();
    let mut out = Vec::new();
    let orders = [order(Execute::PostOnly), order(Execute::TakeReduce)];
    let endpoint = encoder
        .place_batch(&desk.contracts, &desk.ids, &orders, desk.auth(), &mut out)
        .expect("encodes");
    assert_eq!(endpoint, Endpoint::PlaceBatch);
    let head = unsigned(&desk, &out);
    let (_, query) = head.split_once("?batchOrders=").expect("list");
    let (list, _) = query.split_once('&').expect("more");
    let list = percent_encoding::percent_decode_str(list)
        .decode_utf8()
        .expect("UTF-8");
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!(list[0]["price"], "2500.01");
    assert_eq!(list[0]["newClientOrderId"], "px-a1-7-42");
    assert_eq!(list[1]["timeInForce"], "IOC");
    assert_eq!(list.as_array().map(Vec::len), Some(2));
}

#[test]
fn impossible_batches_are_refused() {
    let desk = Desk::new();
    let mut encoder = RestEncoder::default();
    let mut out = Vec::new();
    let mut place = |orders: &[NewOrder]| {
        encoder.place_batch(&desk.contracts, &desk.ids, orders, desk.auth(), &mut out)
    };
    assert_eq!(place(&[]), Err(EncodeError::BatchSize(0)));
    assert_eq!(
        place(&[order(Execute::PostOnly); 6]),
        Err(EncodeError::BatchSize(6))
    );
    let foreign = NewOrder {
        symbol: SymbolId(9),
        ..order(Execute::PostOnly)
    };
    assert_eq!(place(&[foreign]), Err(EncodeError::Symbol));
}

#[test]
fn the_other_requests_have_their_parameters() {
    let desk = Desk::new();
    let mut encoder = RestEncoder::default();
    let mut out = Vec::new();
    let tail = "&recvWindow=2000&timestamp=1700000000123";
    encoder
        .countdown(desk.eth(), Span::from_secs(30), desk.auth(), &mut out)
        .expect("encodes");
    assert_eq!(
        unsigned(&desk, &out),
        format!("/fapi/v1/countdownCancelAll?symbol=ETHUSDC&countdownTime=30000{tail}")
    );
    encoder
        .countdown(desk.eth(), Span(1), desk.auth(), &mut out)
        .expect("encodes");
    assert!(
        unsigned(&desk, &out).contains("countdownTime=1&"),
        "does not disarm"
    );
    encoder
        .countdown(desk.eth(), Span::ZERO, desk.auth(), &mut out)
        .expect("encodes");
    assert!(unsigned(&desk, &out).contains("countdownTime=0&"));
    encoder
        .user_trades(desk.eth(), 17, desk.auth(), &mut out)
        .expect("encodes");
    assert!(unsigned(&desk, &out).contains("symbol=ETHUSDC&fromId=17&limit=1000&"));
    encoder
        .user_trades_between(
            desk.eth(),
            (Wall::from_millis(5), Wall::from_millis(9)),
            desk.auth(),
            &mut out,
        )
        .expect("encodes");
    assert!(unsigned(&desk, &out).contains("symbol=ETHUSDC&startTime=5&endTime=9&limit=1000&"));
    encoder
        .funding_income(
            Wall::from_millis(5),
            Wall::from_millis(9),
            desk.auth(),
            &mut out,
        )
        .expect("encodes");
    assert!(
        unsigned(&desk, &out).contains("?incomeType=FUNDING_FEE&startTime=5&endTime=9&limit=1000&")
    );
    encoder
        .set_leverage(desk.eth(), 5, desk.auth(), &mut out)
        .expect("encodes");
    assert!(unsigned(&desk, &out).contains("symbol=ETHUSDC&leverage=5&"));
    encoder
        .set_margin_type(desk.eth(), MarginType::Cross, desk.auth(), &mut out)
        .expect("encodes");
    assert!(unsigned(&desk, &out).contains("symbol=ETHUSDC&marginType=CROSSED&"));
    encoder
        .query(
            desk.eth(),
            &desk.ids,
            order(Execute::PostOnly).id,
            desk.auth(),
            &mut out,
        )
        .expect("encodes");
    assert!(unsigned(&desk, &out).starts_with("/fapi/v1/order?symbol=ETHUSDC&origClientOrderId="));
}

#[test]
fn unsigned_endpoints_carry_neither_timestamp_nor_signature() {
    let desk = Desk::new();
    let mut encoder = RestEncoder::default();
    let mut out = Vec::new();
    encoder
        .about(Endpoint::Depth, desk.eth(), desk.auth(), &mut out)
        .expect("encodes");
    assert_eq!(out, b"/fapi/v1/depth?symbol=ETHUSDC&limit=1000");
    encoder
        .plain(Endpoint::ListenKeyRenew, desk.auth(), &mut out)
        .expect("encodes");
    assert_eq!(out, b"/fapi/v1/listenKey");
    encoder
        .plain(Endpoint::Time, desk.auth(), &mut out)
        .expect("encodes");
    assert_eq!(out, b"/fapi/v1/time");
    encoder
        .plain(Endpoint::BookTickers, desk.auth(), &mut out)
        .expect("encodes");
    assert_eq!(out, b"/fapi/v1/ticker/bookTicker");
    encoder
        .plain(Endpoint::Balance, desk.auth(), &mut out)
        .expect("encodes");
    assert_eq!(
        unsigned(&desk, &out),
        "/fapi/v3/balance?recvWindow=2000&timestamp=1700000000123"
    );
}

#[test]
fn orders_never_ride_on_unsigned_or_reading_requests() {
    for endpoint in Endpoint::ALL {
        if endpoint.kind().changes_state() {
            assert_eq!(endpoint.security(), Security::Signed, "{endpoint:?}");
            assert_ne!(endpoint.method(), Method::Get, "{endpoint:?}");
        } else if endpoint.kind() != RequestKind::ListenKey {
            assert_eq!(endpoint.method(), Method::Get, "{endpoint:?}");
        }
        assert!(endpoint.path().starts_with("/fapi/v"), "{endpoint:?}");
    }
}
