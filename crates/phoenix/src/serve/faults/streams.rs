//! Owns the rules on streams and what they hold back; knows no socket.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::super::streams::{Route, Topic};
use super::{BY_HAND, FaultId, RULES_MAX};

/// Messages held back at once; beyond it the oldest is delivered early.
pub const LATE_MAX: usize = 65_536;

/// Which streams a rule hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamSet {
    /// Every stream.
    All,
    /// Every stream but user events.
    MarketData,
    /// All streams of a route.
    Route(Route),
    /// Diff and partial depth.
    Depth,
    /// `bookTicker` and `!bookTicker`.
    BookTicker,
    /// Depth and book ticker.
    Book,
    /// `trade` and `aggTrade`.
    Trades,
    /// Mark prices.
    Marks,
    /// All user events.
    User,
    /// `ORDER_TRADE_UPDATE` and `TRADE_LITE`.
    OrderEvents,
    /// User events of one type (`e`).
    UserKind(String),
}

/// What a rule does to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEffect {
    /// Nothing is delivered; the socket stays open.
    Mute,
    /// The next so many messages are lost, then all is well: a gap in the sequence.
    Lose(u32),
    /// Delivered late, so that event times are old.
    Delay(Duration),
    /// Delivered twice.
    Duplicate,
    /// Every two messages change places.
    Swap,
    /// Cut in the middle: no JSON.
    Garble,
    /// Depth events keep their ids and lose their levels, so that the chain is whole and the book is wrong.
    Hollow,
    /// Depth and book ticker go on with new ids and times and show the same best prices for ever.
    Freeze,
    /// In order, one message of each stream in so long: ever older.
    Trickle(Duration),
    /// With a field, and followed by an event, that nobody has heard of.
    Novel,
}

/// A rule on streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRule {
    /// Which streams.
    pub streams: StreamSet,
    /// Only this symbol; `None` for all. User events belong to no symbol.
    pub symbol: Option<u16>,
    /// Only user events of this account; `None` for all.
    pub account: Option<u16>,
    /// What happens.
    pub effect: StreamEffect,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// A market stream.
    Topic(Topic),
    /// The user streams of an account.
    User(u16),
}

/// A message with its type, which the user streams' filter needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Where it goes.
    pub channel: Channel,
    /// `e` of a user event; empty for a market event.
    pub kind: &'static str,
    /// The bare payload.
    pub text: String,
}

/// A message held back: by which fault, and until when, µs.
#[derive(Debug)]
struct Late {
    due_us: u64,
    by: FaultId,
    parcel: Parcel,
}

/// The rules on streams, and what they hold back.
#[derive(Debug, Default)]
pub struct StreamFaults {
    rules: Vec<(FaultId, StreamRule)>,
    swapped: BTreeMap<Channel, Parcel>,
    late: VecDeque<Late>,
    /// When the last trickled message of a channel is due, µs.
    trickled_us: BTreeMap<Channel, u64>,
    now_us: u64,
}

impl StreamFaults {
    /// Adds a rule that belongs to no fault; the first that hits a message decides. `false` when there are [`RULES_MAX`] already.
    pub fn add(&mut self, rule: StreamRule) -> bool {
        self.add_for(BY_HAND, rule)
    }

    /// Adds a rule of a fault, as [`Self::add`].
    pub fn add_for(&mut self, id: FaultId, rule: StreamRule) -> bool {
        let has_room = self.rules.len() < RULES_MAX;
        if has_room {
            self.rules.push((id, rule));
        }
        has_room
    }

    /// Removes all rules; what was delayed still comes, what waited to be swapped is lost.
    pub fn clear(&mut self) {
        self.rules.clear();
        self.swapped.clear();
        self.trickled_us.clear();
    }

    /// Removes the rules of a fault and returns what they held back, oldest first, as a network does that is repaired.
    pub fn remove(&mut self, id: FaultId) -> Vec<Parcel> {
        let had = self.rules.len();
        self.rules.retain(|(of, _)| *of != id);
        if self.rules.len() == had {
            return Vec::new();
        }
        self.trickled_us.clear();
        let (released, rest) = std::mem::take(&mut self.late)
            .into_iter()
            .partition::<VecDeque<_>, _>(|late| late.by == id);
        self.late = rest;
        let swapped = std::mem::take(&mut self.swapped).into_values();
        released
            .into_iter()
            .map(|late| late.parcel)
            .chain(swapped)
            .collect()
    }

    /// Whether messages pass untouched.
    pub fn is_idle(&self) -> bool {
        self.rules.is_empty() && self.late.is_empty()
    }

    /// The effect on a channel, for those who must know before a message is written.
    pub fn effect_on(&self, channel: Channel, kind: &str) -> Option<StreamEffect> {
        self.rules
            .iter()
            .find(|(_, rule)| rule.hits(channel, kind))
            .map(|(_, rule)| rule.effect)
    }

    /// What is to be delivered now in place of this message.
    pub fn pass(&mut self, parcel: Parcel) -> Vec<Parcel> {
        let hit = self
            .rules
            .iter()
            .position(|(_, rule)| rule.hits(parcel.channel, parcel.kind));
        let Some((index, (id, rule))) =
            hit.and_then(|index| Some((index, self.rules.get_mut(index)?)))
        else {
            return vec![parcel];
        };
        let id = *id;
        match &mut rule.effect {
            StreamEffect::Mute => Vec::new(),
            StreamEffect::Lose(left) => {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.rules.remove(index);
                }
                Vec::new()
            }
            StreamEffect::Delay(by) => {
                let due_us = self.now_us.saturating_add(micros(*by));
                self.hold(id, due_us, parcel)
            }
            StreamEffect::Trickle(every) => {
                let every_us = micros(*every);
                let last_us = self.trickled_us.get(&parcel.channel).copied();
                let due_us = last_us.map_or(self.now_us, |last| last.saturating_add(every_us));
                let due_us = due_us.max(self.now_us);
                self.trickled_us.insert(parcel.channel, due_us);
                self.hold(id, due_us, parcel)
            }
            StreamEffect::Duplicate => vec![parcel.clone(), parcel],
            StreamEffect::Swap => match self.swapped.remove(&parcel.channel) {
                Some(held) => vec![parcel, held],
                None => {
                    self.swapped.insert(parcel.channel, parcel);
                    Vec::new()
                }
            },
            StreamEffect::Garble => vec![garbled(parcel)],
            StreamEffect::Novel => novel(parcel),
            // The message was changed where it was written.
            StreamEffect::Hollow | StreamEffect::Freeze => vec![parcel],
        }
    }

    /// Holds a message back; at the bound the oldest goes early.
    fn hold(&mut self, by: FaultId, due_us: u64, parcel: Parcel) -> Vec<Parcel> {
        self.late.push_back(Late { due_us, by, parcel });
        if self.late.len() <= LATE_MAX {
            return Vec::new();
        }
        let early = self.late.pop_front();
        early.map(|late| late.parcel).into_iter().collect()
    }

    /// Moves the clock by which messages are delayed, µs.
    pub fn on_time(&mut self, now_us: u64) {
        self.now_us = self.now_us.max(now_us);
    }

    /// Moves the clock and returns the delayed messages whose time has come, in the order in which they were delayed.
    pub fn due(&mut self, now_us: u64) -> Vec<Parcel> {
        self.on_time(now_us);
        let (due, rest) = std::mem::take(&mut self.late)
            .into_iter()
            .partition::<VecDeque<_>, _>(|late| late.due_us <= now_us);
        self.late = rest;
        due.into_iter().map(|late| late.parcel).collect()
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn garbled(parcel: Parcel) -> Parcel {
    let half = parcel.text.chars().count() / 2;
    Parcel {
        text: parcel.text.chars().take(half).collect(),
        ..parcel
    }
}

/// The message with one more field, and an event of a type that does not exist.
fn novel(parcel: Parcel) -> Vec<Parcel> {
    let text = match parcel.text.strip_prefix('{') {
        Some(rest) => format!("{{\"zz\":{{\"a\":[1,\"x\",null]}},{rest}"),
        None => parcel.text.clone(),
    };
    let unheard = Parcel {
        text: "{\"e\":\"somethingNew\",\"E\":1,\"d\":[]}".to_owned(),
        ..parcel.clone()
    };
    vec![Parcel { text, ..parcel }, unheard]
}

impl StreamRule {
    fn hits(&self, channel: Channel, kind: &str) -> bool {
        match channel {
            Channel::User(account) => {
                self.account.is_none_or(|only| only == account) && self.hits_user(kind)
            }
            Channel::Topic(topic) => self.hits_topic(topic),
        }
    }

    fn hits_user(&self, kind: &str) -> bool {
        match &self.streams {
            StreamSet::All | StreamSet::User | StreamSet::Route(Route::Private) => true,
            StreamSet::UserKind(wanted) => wanted == kind,
            StreamSet::OrderEvents => matches!(kind, "ORDER_TRADE_UPDATE" | "TRADE_LITE"),
            StreamSet::MarketData
            | StreamSet::Route(Route::Public | Route::Market | Route::Legacy)
            | StreamSet::Depth
            | StreamSet::BookTicker
            | StreamSet::Book
            | StreamSet::Trades
            | StreamSet::Marks => false,
        }
    }

    fn hits_topic(&self, topic: Topic) -> bool {
        let is_depth = matches!(
            topic,
            Topic::Depth(..) | Topic::PartialDepth(..) | Topic::RpiDepth(_)
        );
        let is_ticker = matches!(topic, Topic::BookTicker(_) | Topic::AllBookTicker);
        let is_in_set = match &self.streams {
            StreamSet::All | StreamSet::MarketData => true,
            StreamSet::Route(route) => route.delivers(topic),
            StreamSet::Depth => is_depth,
            StreamSet::BookTicker => is_ticker,
            StreamSet::Book => is_depth || is_ticker,
            StreamSet::Trades => matches!(topic, Topic::Trade(_) | Topic::AggTrade(_)),
            StreamSet::Marks => matches!(topic, Topic::MarkPrice(..) | Topic::AllMarkPrice(_)),
            StreamSet::User | StreamSet::OrderEvents | StreamSet::UserKind(_) => false,
        };
        is_in_set
            && self
                .symbol
                .is_none_or(|symbol| topic.symbol().is_none_or(|of| of == symbol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::streams::Speed;

    const DEPTH: Channel = Channel::Topic(Topic::Depth(0, Speed::Ms100));

    fn parcel(channel: Channel, text: &str) -> Parcel {
        Parcel {
            channel,
            kind: "",
            text: text.into(),
        }
    }

    fn faults(streams: StreamSet, symbol: Option<u16>, effect: StreamEffect) -> StreamFaults {
        let mut faults = StreamFaults::default();
        assert!(faults.add(StreamRule {
            streams,
            symbol,
            account: None,
            effect
        }));
        faults
    }

    fn texts(faults: &mut StreamFaults, channel: Channel, messages: &[&str]) -> Vec<String> {
        messages
            .iter()
            .flat_map(|text| faults.pass(parcel(channel, text)))
            .map(|parcel| parcel.text)
            .collect()
    }

    #[test]
    fn each_effect_does_what_it_says() {
        let table: [(StreamEffect, &[&str]); 5] = [
            (StreamEffect::Mute, &[]),
            (StreamEffect::Lose(2), &["cc", "dd"]),
            (
                StreamEffect::Duplicate,
                &["aa", "aa", "bb", "bb", "cc", "cc", "dd", "dd"],
            ),
            (StreamEffect::Swap, &["bb", "aa", "dd", "cc"]),
            (StreamEffect::Garble, &["a", "b", "c", "d"]),
        ];
        for (effect, expected) in table {
            let mut faults = faults(StreamSet::Depth, None, effect);
            assert_eq!(
                texts(&mut faults, DEPTH, &["aa", "bb", "cc", "dd"]),
                expected,
                "{effect:?}"
            );
        }
    }

    #[test]
    fn delayed_messages_come_in_order_when_their_time_has_come() {
        let mut faults = faults(
            StreamSet::All,
            None,
            StreamEffect::Delay(Duration::from_micros(10)),
        );
        assert!(faults.due(100).is_empty());
        assert!(texts(&mut faults, DEPTH, &["a", "b"]).is_empty());
        assert!(faults.due(109).is_empty());
        assert_eq!(faults.due(110), [parcel(DEPTH, "a"), parcel(DEPTH, "b")]);
        faults.clear();
        assert!(faults.is_idle());
    }

    #[test]
    fn rules_hit_their_streams_and_symbols_only() {
        let mute = |streams, symbol| faults(streams, symbol, StreamEffect::Mute);
        let hit = |faults: &StreamFaults, channel, kind| faults.effect_on(channel, kind).is_some();
        let depth = mute(StreamSet::Depth, Some(1));
        assert!(!hit(&depth, DEPTH, ""));
        assert!(hit(
            &depth,
            Channel::Topic(Topic::Depth(1, Speed::Ms250)),
            ""
        ));
        assert!(!hit(&depth, Channel::Topic(Topic::Trade(1)), ""));
        assert!(!hit(&depth, Channel::User(1), "ORDER_TRADE_UPDATE"));
        let kind = mute(StreamSet::UserKind("listenKeyExpired".into()), None);
        assert!(hit(&kind, Channel::User(0), "listenKeyExpired"));
        assert!(!hit(&kind, Channel::User(0), "ACCOUNT_UPDATE"));
    }

    #[test]
    fn a_trickle_delivers_one_at_a_time_and_everything_when_it_ends() {
        let mut faults = StreamFaults::default();
        let rule = StreamRule {
            streams: StreamSet::Depth,
            symbol: None,
            account: None,
            effect: StreamEffect::Trickle(Duration::from_micros(10)),
        };
        assert!(faults.add_for(7, rule));
        faults.on_time(100);
        assert!(texts(&mut faults, DEPTH, &["a", "b", "c", "d"]).is_empty());
        assert_eq!(faults.due(100), [parcel(DEPTH, "a")]);
        assert!(faults.due(109).is_empty());
        assert_eq!(faults.due(110), [parcel(DEPTH, "b")]);
        assert!(faults.remove(8).is_empty());
        assert_eq!(faults.remove(7), [parcel(DEPTH, "c"), parcel(DEPTH, "d")]);
        assert!(faults.is_idle());
    }

    #[test]
    fn rules_end_with_their_fault_alone() {
        let mut faults = StreamFaults::default();
        let rule = |streams| StreamRule {
            streams,
            symbol: None,
            account: Some(3),
            effect: StreamEffect::Mute,
        };
        assert!(faults.add_for(1, rule(StreamSet::OrderEvents)));
        assert!(faults.add_for(2, rule(StreamSet::Route(Route::Public))));
        let is_mute = |faults: &StreamFaults, account, kind| {
            faults.effect_on(Channel::User(account), kind).is_some()
        };
        assert!(is_mute(&faults, 3, "TRADE_LITE"));
        assert!(!is_mute(&faults, 3, "ACCOUNT_UPDATE"));
        assert!(!is_mute(&faults, 4, "TRADE_LITE"), "another account");
        faults.remove(1);
        assert!(!is_mute(&faults, 3, "TRADE_LITE"));
        assert_eq!(faults.effect_on(DEPTH, ""), Some(StreamEffect::Mute));
    }

    #[test]
    fn what_is_novel_is_still_json() {
        let told = novel(parcel(DEPTH, r#"{"e":"depthUpdate","u":1}"#));
        let values: Vec<serde_json::Value> = told
            .iter()
            .map(|parcel| serde_json::from_str(&parcel.text).expect("JSON"))
            .collect();
        let kinds: Vec<_> = values.iter().map(|value| value["e"].as_str()).collect();
        assert_eq!(kinds, [Some("depthUpdate"), Some("somethingNew")]);
    }
}
