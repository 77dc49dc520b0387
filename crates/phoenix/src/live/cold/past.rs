//! Owns what of the exchange's lists of trades and payments goes into the journal, before the engine sees them; knows
//! nothing of how they were asked for.
//!
//! A list is recorded whole and then declared complete, or not at all: the first record for which the journal has no
//! room ends it. A later list is no excuse for that hole, because the journal only takes a declaration that follows on
//! what is complete already: the next session asks for everything from there.

use crate::journal::record::Record;
use crate::journal::writer::Recorder;
use crate::live::books::Books;
use crate::live::wire::OwnedReply;
use phoenix_core::action::Action;
use phoenix_core::order::Owner;

/// Records the answer to `action` as far as it tells of the past.
pub(super) fn record(books: &Books, recorder: &Recorder, action: &Action, reply: &OwnedReply) {
    record_all(recorder, records(books, action, reply).into_iter());
}

/// What the answer to `action` tells of the past, in the order in which it must be recorded.
#[must_use]
pub fn records(books: &Books, action: &Action, reply: &OwnedReply) -> Vec<Record> {
    match (action, reply) {
        (Action::FetchTrades(_, from), OwnedReply::Trades(symbol, _, Ok(trades))) => {
            let rows = trades
                .iter()
                .filter_map(|t| books.traded(*symbol, Owner::Foreign, t));
            let last = trades.iter().map(|t| t.fill.trade_id).max();
            let complete = last.and_then(|id| books.backfilled(*symbol, *from, id));
            rows.chain(complete).collect()
        }
        (Action::FetchFunding(from), OwnedReply::Funding(_, Ok(list))) => {
            let rows = list.payments.iter().filter_map(|p| books.funded(p));
            let complete = books.funded_through(*from, list.page().through());
            rows.chain(complete).collect()
        }
        _ => Vec::new(),
    }
}

fn record_all(recorder: &Recorder, records: impl Iterator<Item = Record>) {
    for record in records {
        if let Err(error) = recorder.record(record) {
            tracing::error!(?error, "what the exchange listed could not be recorded");
            return;
        }
    }
}
