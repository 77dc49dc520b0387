//! Owns the way from actions to signed bytes, as the order channel of the shell goes it, without sockets:
//! neighbouring new orders share requests of up to five, everything else is a request of its own.

use super::tape::contracts;
use phoenix::binance::client_id::ClientIds;
use phoenix::binance::contracts::Contracts;
use phoenix::binance::encode::Validity;
use phoenix::binance::encode::rest::{Auth, BATCH_MAX, EncodeError, Endpoint, RestEncoder};
use phoenix::binance::encode::ws_api;
use phoenix::binance::sign::Signer;
use phoenix_core::action::Action;
use phoenix_core::order::NewOrder;
use phoenix_core::units::{Span, Wall};

/// How orders travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// REST with HMAC, up to five new orders in one signed request.
    Batches,
    /// REST with HMAC, every order signed by itself.
    Singles,
    /// WebSocket API after a log-on: frames without a signature.
    Session,
}

/// Writes requests into reused buffers.
pub struct Writer {
    way: Way,
    contracts: Contracts,
    ids: ClientIds,
    signer: Signer,
    rest: RestEncoder,
    ws: ws_api::WsEncoder,
    ws_id: u64,
    batch: Vec<NewOrder>,
    requests: Vec<Vec<u8>>,
    used: usize,
    failed: usize,
}

impl Writer {
    /// With buffers for every request of a full ladder.
    pub fn new(way: Way) -> Self {
        let secret = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";
        let signer = Signer::hmac("bench-key".to_owned().into(), &secret.to_owned().into());
        Self {
            way,
            contracts: contracts(),
            ids: ClientIds::new("a1").expect("a valid instance name"),
            signer: signer.expect("a usable key"),
            rest: RestEncoder::default(),
            ws: ws_api::WsEncoder::default(),
            ws_id: 0,
            batch: Vec::with_capacity(512),
            requests: (0..256).map(|_| Vec::with_capacity(4_096)).collect(),
            used: 0,
            failed: 0,
        }
    }

    /// Writes what `actions` ask the order channel to send. Everything else goes to another thread.
    pub fn write(&mut self, actions: &[Action], wall: Wall) {
        self.used = 0;
        for action in actions {
            if !matches!(action, Action::Place(_)) {
                self.flush(wall);
            }
            match action {
                Action::Place(approved) => self.batch.push(*approved.inner()),
                Action::Amend(_) | Action::Cancel(..) => self.write_one(action, wall),
                Action::CancelAll(_)
                | Action::QueryOrder(..)
                | Action::FetchOpenOrders(_)
                | Action::FetchAccount
                | Action::FetchTrades(..)
                | Action::FetchFunding(_)
                | Action::FetchSnapshot(_)
                | Action::Probe(_)
                | Action::ProbeAll
                | Action::ArmDeadMan(..)
                | Action::RenewListenKey
                | Action::Reconnect(_)
                | Action::Say(_)
                | Action::Stopped => {}
            }
        }
        self.flush(wall);
    }

    /// The requests of the last call, in order.
    pub fn requests(&self) -> &[Vec<u8>] {
        assert_eq!(self.failed, 0, "every request can be written");
        self.requests.get(..self.used).expect("they were written")
    }

    const fn validity(wall: Wall) -> Validity {
        Validity {
            timestamp: wall,
            window: Span::from_millis(2_000),
        }
    }

    fn flush(&mut self, wall: Wall) {
        let batch = std::mem::take(&mut self.batch);
        match self.way {
            Way::Batches => {
                for orders in batch.chunks(BATCH_MAX) {
                    self.rest(wall, |rest, desk, auth, out| match orders {
                        [order] => {
                            let contract = desk.0.by_id(order.symbol).ok_or(EncodeError::Symbol)?;
                            rest.place(contract, desk.1, order, auth, out)
                        }
                        _ => rest.place_batch(desk.0, desk.1, orders, auth, out),
                    });
                }
            }
            Way::Singles => {
                for order in &batch {
                    self.rest(wall, |rest, desk, auth, out| {
                        let contract = desk.0.by_id(order.symbol).ok_or(EncodeError::Symbol)?;
                        rest.place(contract, desk.1, order, auth, out)
                    });
                }
            }
            Way::Session => {
                for order in &batch {
                    self.frame(wall, |ws, desk, head, out| {
                        let contract = desk.0.by_id(order.symbol).ok_or(EncodeError::Symbol)?;
                        Ok(ws.place(head, contract, desk.1, order, out).map(drop)?)
                    });
                }
            }
        }
        self.batch = batch;
        self.batch.clear();
    }

    fn write_one(&mut self, action: &Action, wall: Wall) {
        match (self.way, action) {
            (Way::Batches | Way::Singles, Action::Cancel(symbol, id)) => {
                self.rest(wall, |rest, desk, auth, out| {
                    let contract = desk.0.by_id(*symbol).ok_or(EncodeError::Symbol)?;
                    rest.cancel(contract, desk.1, *id, auth, out)
                });
            }
            (Way::Session, Action::Cancel(symbol, id)) => {
                self.frame(wall, |ws, desk, head, out| {
                    let contract = desk.0.by_id(*symbol).ok_or(EncodeError::Symbol)?;
                    Ok(ws.cancel(head, contract, desk.1, *id, out).map(drop)?)
                });
            }
            _ => self.failed += 1,
        }
    }

    fn rest(
        &mut self,
        wall: Wall,
        write: impl FnOnce(
            &mut RestEncoder,
            (&Contracts, &ClientIds),
            Auth<'_>,
            &mut Vec<u8>,
        ) -> Result<Endpoint, EncodeError>,
    ) {
        let auth = Auth {
            signer: &self.signer,
            validity: Self::validity(wall),
        };
        let desk = (&self.contracts, &self.ids);
        let written = match self.requests.get_mut(self.used) {
            Some(out) => write(&mut self.rest, desk, auth, out).is_ok(),
            None => false,
        };
        self.used += usize::from(written);
        self.failed += usize::from(!written);
    }

    fn frame(
        &mut self,
        wall: Wall,
        write: impl FnOnce(
            &mut ws_api::WsEncoder,
            (&Contracts, &ClientIds),
            ws_api::Head<'_>,
            &mut Vec<u8>,
        ) -> Result<(), EncodeError>,
    ) {
        self.ws_id += 1;
        let head = ws_api::Head {
            id: self.ws_id,
            auth: ws_api::Auth::Session,
            validity: Self::validity(wall),
        };
        let desk = (&self.contracts, &self.ids);
        let written = match self.requests.get_mut(self.used) {
            Some(out) => write(&mut self.ws, desk, head, out).is_ok(),
            None => false,
        };
        self.used += usize::from(written);
        self.failed += usize::from(!written);
    }
}
