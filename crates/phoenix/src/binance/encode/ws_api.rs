//! Owns the request frames of the WebSocket API (protocol §5.4); knows nothing of connections.
//!
//! Signed payloads are all parameters but the signature, sorted by name, values as they are. After a
//! log-on, key and signature are left out and only the timestamp stays.

use super::{ParamName, Params, Validity, add_validity};
use super::{amendment, named_order, new_order};
use crate::binance::client_id::ClientIds;
use crate::binance::codes::RequestKind;
use crate::binance::contracts::Contract;
use crate::binance::sign::{SignError, Signer};
use phoenix_core::order::{Amendment, NewOrder, OrderId};

/// How a request proves whose it is.
#[derive(Clone, Copy, Debug)]
pub enum Auth<'a> {
    /// Key and signature in the request.
    Each(&'a Signer),
    /// The connection is logged on (Ed25519 only).
    Session,
}

/// What every request has besides its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Comes back in the answer.
    pub id: u64,
    /// Proof of whose it is.
    pub auth: Auth<'a>,
    /// Timestamp and window.
    pub validity: Validity,
}

/// Methods that are used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WsMethod {
    /// Log-on of the connection.
    Logon,
    /// New order.
    Place,
    /// Change of an order.
    Amend,
    /// End of an order.
    Cancel,
    /// State of an order.
    Query,
}

impl WsMethod {
    /// All.
    pub const ALL: [Self; 5] = [
        Self::Logon,
        Self::Place,
        Self::Amend,
        Self::Cancel,
        Self::Query,
    ];

    /// As the exchange spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logon => "session.logon",
            Self::Place => "order.place",
            Self::Amend => "order.modify",
            Self::Cancel => "order.cancel",
            Self::Query => "order.status",
        }
    }

    /// What it can have done, for [`crate::binance::codes`].
    #[must_use]
    pub const fn kind(self) -> RequestKind {
        match self {
            Self::Logon => RequestKind::Read,
            Self::Place => RequestKind::Place,
            Self::Amend => RequestKind::Amend,
            Self::Cancel => RequestKind::Cancel,
            Self::Query => RequestKind::Query,
        }
    }

    /// Request weight.
    #[must_use]
    pub const fn weight(self) -> u32 {
        match self {
            Self::Place | Self::Amend => 0,
            Self::Cancel | Self::Query => 1,
            Self::Logon => 2,
        }
    }
}

/// Writes request frames, reusing its memory. Every method clears `out` and fills it with one text
/// frame.
#[derive(Clone, Debug, Default)]
pub struct WsEncoder {
    params: Params,
    payload: Vec<u8>,
}

impl WsEncoder {
    /// Logs the connection on; works with Ed25519 keys only.
    ///
    /// # Errors
    /// [`SignError`] when the signature cannot be made.
    pub fn logon(
        &mut self,
        id: u64,
        signer: &Signer,
        validity: Validity,
        out: &mut Vec<u8>,
    ) -> Result<WsMethod, SignError> {
        self.params.clear();
        let auth = Auth::Each(signer);
        let head = Head { id, auth, validity };
        self.finish(WsMethod::Logon, head, out)
    }

    /// A new order.
    ///
    /// # Errors
    /// [`SignError`] when the signature cannot be made.
    pub fn place(
        &mut self,
        head: Head<'_>,
        contract: &Contract,
        ids: &ClientIds,
        order: &NewOrder,
        out: &mut Vec<u8>,
    ) -> Result<WsMethod, SignError> {
        new_order(contract, ids, order, &mut self.params);
        self.finish(WsMethod::Place, head, out)
    }

    /// A change of an order.
    ///
    /// # Errors
    /// [`SignError`] when the signature cannot be made.
    pub fn amend(
        &mut self,
        head: Head<'_>,
        contract: &Contract,
        ids: &ClientIds,
        change: &Amendment,
        out: &mut Vec<u8>,
    ) -> Result<WsMethod, SignError> {
        amendment(contract, ids, change, &mut self.params);
        self.finish(WsMethod::Amend, head, out)
    }

    /// The end of an order.
    ///
    /// # Errors
    /// [`SignError`] when the signature cannot be made.
    pub fn cancel(
        &mut self,
        head: Head<'_>,
        contract: &Contract,
        ids: &ClientIds,
        order: OrderId,
        out: &mut Vec<u8>,
    ) -> Result<WsMethod, SignError> {
        named_order(contract, ids, order, &mut self.params);
        self.finish(WsMethod::Cancel, head, out)
    }

    /// The state of an order.
    ///
    /// # Errors
    /// [`SignError`] when the signature cannot be made.
    pub fn query(
        &mut self,
        head: Head<'_>,
        contract: &Contract,
        ids: &ClientIds,
        order: OrderId,
        out: &mut Vec<u8>,
    ) -> Result<WsMethod, SignError> {
        named_order(contract, ids, order, &mut self.params);
        self.finish(WsMethod::Query, head, out)
    }

    fn finish(
        &mut self,
        method: WsMethod,
        head: Head<'_>,
        out: &mut Vec<u8>,
    ) -> Result<WsMethod, SignError> {
        let Self { params, payload } = self;
        add_validity(head.validity, params);
        let signature = match head.auth {
            Auth::Session => None,
            Auth::Each(signer) => {
                params.text(ParamName::ApiKey, signer.api_key());
                params.sort();
                payload.clear();
                params.render_raw(payload);
                Some(signer.sign(payload)?)
            }
        };
        out.clear();
        out.extend_from_slice(b"{\"id\":");
        out.extend_from_slice(itoa::Buffer::new().format(head.id).as_bytes());
        out.extend_from_slice(b",\"method\":\"");
        out.extend_from_slice(method.as_str().as_bytes());
        out.extend_from_slice(b"\",\"params\":{");
        params.render_json(out);
        if let Some(signature) = signature {
            out.extend_from_slice(b",\"signature\":\"");
            out.extend_from_slice(signature.as_bytes());
            out.push(b'"');
        }
        out.extend_from_slice(b"}}");
        Ok(method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_core::instrument::{SymbolId, ethusdc};
    use phoenix_core::order::Execute;
    use phoenix_core::units::{Lots, Side, Span, Ticks, Wall};
    use serde_json::Value;

    const VALIDITY: Validity = Validity {
        timestamp: Wall::from_millis(1_700_000_000_123),
        window: Span::from_millis(2_000),
    };

    fn contract() -> Contract {
        Contract::new(SymbolId(3), ethusdc()).expect("valid grid")
    }

    fn ids() -> ClientIds {
        ClientIds::new("a1").expect("valid")
    }

    fn signer() -> Signer {
        Signer::hmac("key".to_owned().into(), &"secret".to_owned().into()).expect("usable")
    }

    fn session(id: u64) -> Head<'static> {
        Head {
            id,
            auth: Auth::Session,
            validity: VALIDITY,
        }
    }

    fn order() -> NewOrder {
        NewOrder {
            symbol: SymbolId(3),
            id: OrderId {
                session: 7,
                seq: 42,
            },
            side: Side::Sell,
            price: Ticks(250_001),
            size: Lots(50),
            execute: Execute::PostOnly,
        }
    }

    #[test]
    fn the_signature_covers_the_sorted_parameters() {
        let (mut encoder, mut out) = (WsEncoder::default(), Vec::new());
        let signer = signer();
        let head = Head {
            id: 9,
            auth: Auth::Each(&signer),
            validity: VALIDITY,
        };
        let method = encoder
            .place(head, &contract(), &ids(), &order(), &mut out)
            .expect("encodes");
        assert_eq!(method, WsMethod::Place);
        let payload = "apiKey=key&newClientOrderId=px-a1-7-42&newOrderRespType=ACK&price=2500.01\
            &quantity=0.050&recvWindow=2000&selfTradePreventionMode=EXPIRE_MAKER&side=SELL\
            &symbol=ETHUSDC&timeInForce=GTX&timestamp=1700000000123&type=LIMIT";
        let signature = signer.sign(payload.as_bytes()).expect("signs");
        let frame: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(frame["id"], 9);
        assert_eq!(frame["method"], "order.place");
        let text = String::from_utf8_lossy(signature.as_bytes()).into_owned();
        assert_eq!(frame["params"]["signature"], text);
        for pair in payload.split('&') {
            let (name, value) = pair.split_once('=').expect("pair");
            let sent = &frame["params"][name];
            let sent = sent
                .as_str()
                .map_or_else(|| sent.to_string(), str::to_owned);
            assert_eq!(sent, value, "{name}");
        }
        assert_eq!(frame["params"].as_object().map(|o| o.len()), Some(13));
    }

    #[test]
    fn after_a_log_on_only_the_timestamp_stays() {
        let (mut encoder, mut out) = (WsEncoder::default(), Vec::new());
        let id = order().id;
        encoder
            .cancel(session(1), &contract(), &ids(), id, &mut out)
            .expect("encodes");
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#"{"id":1,"method":"order.cancel","params":{"symbol":"ETHUSDC","origClientOrderId":"px-a1-7-42","recvWindow":2000,"timestamp":1700000000123}}"#
        );
    }

    #[test]
    fn every_method_makes_a_frame_with_its_name() {
        let (mut encoder, mut out) = (WsEncoder::default(), Vec::new());
        let (signer, contract, ids, o) = (signer(), contract(), ids(), order());
        let change = Amendment {
            symbol: o.symbol,
            id: o.id,
            side: o.side,
            price: o.price,
            size: o.size,
            execute: o.execute,
        };
        for method in WsMethod::ALL {
            let head = session(5);
            let encoded = match method {
                WsMethod::Logon => encoder.logon(5, &signer, VALIDITY, &mut out),
                WsMethod::Place => encoder.place(head, &contract, &ids, &o, &mut out),
                WsMethod::Amend => encoder.amend(head, &contract, &ids, &change, &mut out),
                WsMethod::Cancel => encoder.cancel(head, &contract, &ids, o.id, &mut out),
                WsMethod::Query => encoder.query(head, &contract, &ids, o.id, &mut out),
            };
            assert_eq!(encoded, Ok(method));
            let frame: Value = serde_json::from_slice(&out).expect("JSON");
            assert_eq!(frame["method"], method.as_str());
            assert_eq!(frame["params"]["timestamp"], 1_700_000_000_123_i64);
        }
    }
}
