//! Owns asking whether contracts that do not trade trade again; runs on the cold thread. Knows nothing of what follows.
//!
//! The exchange says it once, on a stream (protocol §2.7): whoever was not connected at that instant would wait for ever.

use super::boot::exchange_info;
use crate::live::rest::Rest;
use crate::live::wire::ToHot;
use phoenix_core::units::Span;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Pauses between two questions: each costs a weight of 1, and megabytes of everybody's contracts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    soon: Duration,
    /// How long the answer is expected soon: what takes longer than a pause of trading takes long.
    soon_for: Span,
    later: Duration,
}

/// As a session asks.
pub(super) const PACE: Pace = Pace {
    soon: Duration::from_secs(4),
    soon_for: Span::from_secs(120),
    later: Duration::from_secs(30),
};

/// Asks while `idle` names contracts that do not trade, as far as the engine knows.
pub(super) async fn keep(
    rest: Rest,
    mut idle: watch::Receiver<BTreeSet<String>>,
    to_hot: mpsc::Sender<ToHot>,
    pace: Pace,
) {
    while idle.wait_for(|names| !names.is_empty()).await.is_ok() {
        let since = rest.clock().mono();
        loop {
            let is_new = rest.clock().mono().since(since) < pace.soon_for;
            tokio::time::sleep(if is_new { pace.soon } else { pace.later }).await;
            let names = idle.borrow().clone();
            if names.is_empty() {
                break;
            }
            let Ok(info) = exchange_info(&rest, |name| names.contains(name)).await else {
                continue;
            };
            for listed in info.listed {
                let told = ToHot::Status(listed.instrument.name, listed.status);
                if to_hot.send(told).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::sign::Signer;
    use crate::config::params::ShellParams;
    use crate::live::clock::Clock;
    use crate::live::tuning::Tuning;
    use crate::net::Endpoint;
    use phoenix_core::event::ContractStatus;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const SETTLING: &str = r#"{"symbols":[{"symbol":"ETHUSDC","contractType":"PERPETUAL","status":"SETTLING","marginAsset":"USDC","filters":[
        {"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"100000","tickSize":"0.01"},
        {"filterType":"LOT_SIZE","minQty":"0.001","maxQty":"8000","stepSize":"0.001"},
        {"filterType":"MAX_NUM_ORDERS","limit":200},{"filterType":"MIN_NOTIONAL","notional":"20"},
        {"filterType":"PERCENT_PRICE","multiplierUp":"1.05","multiplierDown":"0.95","multiplierDecimal":"4"}]}]}"#;

    async fn answer(listener: &TcpListener, body: &str) {
        let (mut peer, _) = listener.accept().await.expect("accept");
        let mut buffer = [0_u8; 2048];
        assert!(peer.read(&mut buffer).await.expect("request") > 0);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let text = head + body;
        peer.write_all(text.as_bytes()).await.expect("answer");
    }

    #[tokio::test]
    async fn contracts_that_do_not_trade_are_asked_for_until_they_do() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let port = listener.local_addr().expect("bound").port();
        let host = Endpoint::parse(&format!("http://127.0.0.1:{port}")).expect("url");
        let signer =
            Signer::hmac("key".to_owned().into(), &"secret".to_owned().into()).expect("key");
        let tuning = Tuning::fixed(ShellParams::default());
        let rest = Rest::new(host, Arc::new(signer), Clock::default(), tuning).expect("a client");
        let (tell, idle) = watch::channel(BTreeSet::from(["ETHUSDC".to_owned()]));
        let (to_hot, mut hot) = mpsc::channel(4);
        let pace = Pace {
            soon: Duration::from_millis(1),
            ..PACE
        };
        let asker = tokio::spawn(keep(rest, idle, to_hot, pace));
        for (body, expected) in [
            (SETTLING.to_owned(), ContractStatus::NotTrading),
            (
                SETTLING.replace("SETTLING", "TRADING"),
                ContractStatus::Trading,
            ),
        ] {
            answer(&listener, &body).await;
            let told = hot.recv().await.expect("the asker lives");
            assert!(
                matches!(&told, ToHot::Status(name, status) if name == "ETHUSDC" && *status == expected),
                "{told:?}"
            );
        }
        drop(tell);
        drop(hot);
        asker.abort();
    }
}
