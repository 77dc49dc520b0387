//! Owns the questions to the embedded exchange's control port, one at a time; does not know what the answers mean.

use super::ledger::{Fills, Ledger, Orders, Requests};
use crate::net::Endpoint;
use crate::net::http::{Call, Client};
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use hyper::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Longest wait for an answer: the exchange is on this machine and has nothing else to wait for.
const LIMIT: Duration = Duration::from_secs(10);

/// A client of one exchange's control port.
pub struct Control {
    runtime: Runtime,
    client: Client,
}

/// What every change answers.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Done {
    at_us: u64,
}

impl Control {
    /// A client for the announced `control_url`.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(url: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let client = Client::new(Endpoint::parse(url)?)?;
        Ok(Self { runtime, client })
    }

    /// The ledger now.
    ///
    /// # Errors
    /// When the exchange does not answer as agreed.
    pub fn ledger(&self) -> Result<Ledger> {
        self.read("/v1/ledger")
    }

    /// Orders that are open, or ended at or after `since_us`.
    ///
    /// # Errors
    /// As [`Self::ledger`].
    pub fn orders(&self, since_us: u64) -> Result<Orders> {
        self.read(&format!("/v1/ledger/orders?since_us={since_us}"))
    }

    /// Fills since the start.
    ///
    /// # Errors
    /// As [`Self::ledger`].
    pub fn fills(&self) -> Result<Fills> {
        self.read("/v1/ledger/fills?since_us=0")
    }

    /// Requests since an instant.
    ///
    /// # Errors
    /// As [`Self::ledger`].
    pub fn requests(&self, since_us: u64) -> Result<Requests> {
        self.read(&format!("/v1/ledger/requests?since_us={since_us}"))
    }

    /// Changes something (`/v1/faults`, `/v1/market`, `/v1/account`); gives the instant, µs.
    ///
    /// # Errors
    /// As [`Self::ledger`].
    pub fn post(&self, path: &str, body: &'static str) -> Result<u64> {
        let answer = self.send(Method::POST, path, Bytes::from_static(body.as_bytes()))?;
        Ok(decode::<Done>(path, &answer)?.at_us)
    }

    /// Ends every fault; gives the instant, µs.
    ///
    /// # Errors
    /// As [`Self::ledger`].
    pub fn end_faults(&self) -> Result<u64> {
        let answer = self.send(Method::DELETE, "/v1/faults", Bytes::new())?;
        Ok(decode::<Done>("/v1/faults", &answer)?.at_us)
    }

    fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.send(Method::GET, path, Bytes::new())?;
        decode(path, &answer)
    }

    fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes> {
        let call = Call {
            method,
            path_and_query: path,
            header: None,
            body,
            limit: LIMIT,
        };
        let answer = self
            .runtime
            .block_on(self.client.send(call))
            .with_context(|| format!("control port, {path}"))?;
        ensure!(
            answer.status.is_success(),
            "control port, {path}: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        Ok(answer.body)
    }
}

fn decode<T: DeserializeOwned>(path: &str, body: &Bytes) -> Result<T> {
    serde_json::from_slice(body).with_context(|| {
        let text = String::from_utf8_lossy(body);
        let start: String = text.chars().take(200).collect();
        format!("control port, {path}: cannot be read: {start}")
    })
}
