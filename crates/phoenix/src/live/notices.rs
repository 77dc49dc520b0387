//! Owns the words for what the engine says: a stable code, a level and a sentence for people.

use phoenix_core::event::Link;
use phoenix_core::instrument::Instrument;
use phoenix_core::notice::{Doubt, HaltReason, Notice, Severity, What};
use phoenix_core::order::OrderId;
use phoenix_core::units::{Lots, Quote, Span};

/// A notice in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Stable name of the kind, for filters and the journal.
    pub code: &'static str,
    /// Urgency.
    pub severity: Severity,
    /// The sentence, without symbol.
    pub text: String,
}

/// Puts a notice into words; sizes are in base units of `instrument` where it is known.
#[must_use]
pub fn words(notice: &Notice, instrument: Option<&Instrument>) -> Words {
    let size =
        |lots: Lots| instrument.map_or_else(|| format!("{} lots", lots.raw()), |i| base(i, lots));
    let (code, text) = match notice.what {
        What::Mode(from, to) => ("mode", format!("mode {} → {}", from.name(), to.name())),
        What::BookReady => (
            "book_ready",
            "the order book is in step with the exchange".to_owned(),
        ),
        What::BookLost(why) => ("book_lost", format!("the order book is rebuilt: {why:?}")),
        What::StreamStale(stream, silence) => (
            "stream_stale",
            format!(
                "{stream:?} silent for {}: quotes are pulled",
                seconds(silence)
            ),
        ),
        What::StreamDead(stream, silence) => (
            "stream_dead",
            format!("{stream:?} silent for {}: reconnecting", seconds(silence)),
        ),
        What::StreamSuspect(stream, silence) => (
            "stream_suspect",
            format!(
                "{stream:?} silent for {}, longer than its rhythm explains: the book is compared by REST",
                seconds(silence)
            ),
        ),
        What::StreamSilent(stream, link, silence) => (
            "stream_silent",
            format!(
                "{stream:?} has delivered nothing on {} for {}, though its subscription was accepted",
                route(link),
                seconds(silence)
            ),
        ),
        What::BookSuspect(doubt) => ("book_suspect", doubted(doubt).to_owned()),
        What::ClockDoubted(lag) => (
            "clock_doubted",
            format!(
                "data of every connection seems {} old at once: our clock is measured anew",
                seconds(lag)
            ),
        ),
        What::StreamBack(stream) => ("stream_back", format!("{stream:?} speaks again")),
        What::BadFrame(stream, why) => (
            "bad_frame",
            format!("a frame of {stream:?} cannot be used: {why:?}"),
        ),
        What::LinkDown(link) => ("link_down", format!("{link:?} connection is down")),
        What::LinkUp(link) => ("link_up", format!("{link:?} connection is up")),
        What::OrderRefused(id, why, code) => (
            "order_refused",
            format!("{} refused: {why:?} ({code})", name(id)),
        ),
        What::OrderUnknown(id) => (
            "order_unknown",
            format!("{} is in doubt and counts as exposure", name(id)),
        ),
        What::GhostOrder(id) => (
            "ghost_order",
            format!("{} rests at the exchange and was not tracked", name(id)),
        ),
        What::SecondInstance => (
            "second_instance",
            "another Phoenix places orders on this account; stop one of them".to_owned(),
        ),
        What::OrderOverflow(open) => (
            "order_overflow",
            format!("{open} open orders are too many: all cancelled"),
        ),
        What::PositionRepaired(ours, theirs) => (
            "position_repaired",
            format!(
                "position {} taken over from the exchange, ours was {}",
                size(theirs),
                size(ours)
            ),
        ),
        What::PositionHigh(lots) => (
            "position_high",
            format!("position {} has passed its warning threshold", size(lots)),
        ),
        What::StopLoss(loss) => (
            "stop_loss",
            format!("unrealised loss of {}: flattening", money(loss)),
        ),
        What::Drawdown(loss) => (
            "drawdown",
            format!("session equity fell by {}: flattening", money(loss)),
        ),
        What::Halted(why, span) => ("halted", halted(why, span)),
        What::Resumed => ("resumed", "quoting may resume".to_owned()),
        What::CancelBudgetSpent => (
            "cancel_budget",
            "the cancels of this minute are spent".to_owned(),
        ),
        What::BackOff(why, span) => (
            "back_off",
            format!(
                "the exchange limits us ({why:?}): waiting {}",
                seconds(span)
            ),
        ),
        What::DeadManArmed(span) => (
            "dead_man_armed",
            format!(
                "the exchange will cancel our orders {} after we fall silent",
                seconds(span)
            ),
        ),
        What::DeadManFailed(why, code) => (
            "dead_man_failed",
            format!("dead-man switch not armed: {why:?} ({code})"),
        ),
        What::MarginCall => (
            "margin_call",
            "the exchange warns that the account's margin is running out".to_owned(),
        ),
        What::SymbolTrading(status) => {
            ("symbol_trading", format!("the contract is now {status:?}"))
        }
        What::DeskPanicked(count, pause) => ("desk_panicked", panicked(count, pause)),
        What::DeskRestarted(count) => (
            "desk_restarted",
            format!("the symbol boots from the exchange's truth after panic {count}"),
        ),
        What::ConfigApplied => (
            "config_applied",
            "the changed configuration is in force".to_owned(),
        ),
        What::Removed(Lots(0)) => (
            "symbol_removed",
            "removed: nothing of ours is open, nothing is held".to_owned(),
        ),
        What::Removed(lots) => (
            "symbol_removed",
            format!(
                "removed: position {} stays at the exchange and NOBODY manages it",
                size(lots)
            ),
        ),
    };
    Words {
        code,
        severity: notice.what.severity(),
        text,
    }
}

fn panicked(count: u32, pause: Option<Span>) -> String {
    let then = match pause {
        Some(pause) => format!("restart in {} at the earliest", seconds(pause)),
        None => "no further restart".to_owned(),
    };
    format!(
        "the symbol's logic panicked ({count} within ten minutes): its state is discarded, its orders are cancelled; {then}"
    )
}

fn halted(why: HaltReason, span: Option<Span>) -> String {
    match span {
        Some(span) => format!("halted ({why:?}) for {}", seconds(span)),
        None if why == HaltReason::Stopping => "stopping: cancelling everything".to_owned(),
        None if why == HaltReason::Panics => {
            "stays stopped after too many panics, its position stays as it is: look at the log, then resume".to_owned()
        }
        None => format!("halted ({why:?}) until an operator resumes"),
    }
}

/// Short name of an order for people: session and number.
fn name(id: OrderId) -> String {
    format!("order {}-{}", id.session, id.seq)
}

/// The path that serves a connection's streams (protocol §1.2).
const fn route(link: Link) -> &'static str {
    match link {
        Link::Public => "/public",
        Link::Market => "/market",
        Link::User => "/private",
        Link::Orders => "the order connection",
    }
}

/// What speaks against a book.
const fn doubted(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::TradedThrough => {
            "trades print through the touch of a book that stands still: it is compared by REST"
        }
        Doubt::MarkAway => "the mark price leaves a book that stands still: it is compared by REST",
        Doubt::Standstill => {
            "trades change nothing at the touch of the book: it is compared by REST"
        }
    }
}

fn seconds(span: Span) -> String {
    format!(
        "{}.{:01} s",
        span.as_millis() / 1_000,
        span.as_millis() % 1_000 / 100
    )
}

fn money(amount: Quote) -> String {
    format!("{:.2}", amount.raw() as f64 / 1e8)
}

/// A size in base units.
#[must_use]
pub fn base(instrument: &Instrument, lots: Lots) -> String {
    let value = lots.raw() as f64 * instrument.step_e8 as f64 / 1e8;
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_core::event::Stream;
    use phoenix_core::instrument::ethusdc;

    #[test]
    fn sizes_are_said_in_base_units_where_the_contract_is_known() {
        let notice = Notice {
            symbol: None,
            what: What::PositionHigh(Lots(-250)),
        };
        let eth = ethusdc();
        assert!(words(&notice, Some(&eth)).text.contains("-0.25"));
        assert!(words(&notice, None).text.contains("-250 lots"));
    }

    #[test]
    fn a_stall_says_how_long_and_what_was_done() {
        let what = What::StreamStale(Stream::Depth, Span::from_millis(3_040));
        let said = words(&Notice { symbol: None, what }, None);
        assert_eq!(said.severity, Severity::Warning);
        assert_eq!(said.text, "Depth silent for 3.0 s: quotes are pulled");
    }
}
