//! Target: one text frame of the user stream. It is decoded alike with and without an envelope, and quantities are never negative.

use super::wire::{account, contracts};
use phoenix::binance::decode::Decoded;
use phoenix::binance::decode::user::UserDecoder;
use phoenix_core::event::{Account, Event};

/// The bytes are the frame.
pub fn run(bytes: &[u8]) {
    let mut decoder = UserDecoder::default();
    let decoded = decoder.decode(contracts(), account(), bytes);
    check_quantities(&decoded);
    let text = String::from_utf8_lossy(bytes);
    let is_understood = matches!(decoded, Decoded::Event(Event::Account(ref account))
        if !matches!(account, Account::Malformed(_)));
    // A frame with `data` of its own would be read one envelope further in.
    if is_understood && !text.contains("data") && !text.contains('\\') {
        let enveloped = format!("{{\"stream\":\"abc\",\"data\":{text}}}");
        let mut other = UserDecoder::default();
        let again = other.decode(contracts(), account(), enveloped.as_bytes());
        assert_eq!(decoded, again, "{text}");
    }
}

fn check_quantities(decoded: &Decoded<'_>) {
    let Decoded::Event(Event::Account(account)) = decoded else {
        return;
    };
    match account {
        Account::Order(update) => {
            let report = &update.report;
            assert!(report.price.0 >= 0 && report.size.0 >= 0 && report.filled.0 >= 0);
            if let Some(fill) = &update.fill {
                assert!(fill.price.0 >= 0 && fill.size.0 > 0, "{fill:?}");
            }
        }
        Account::Lite(fill) => assert!(fill.price.0 >= 0 && fill.size.0 >= 0),
        Account::Update(_)
        | Account::ListenKeyExpired
        | Account::MarginCall
        | Account::Malformed(_) => {}
    }
}
