//! Owns the faults that a drill puts between venue and client, on streams and on requests; the venue itself stays right and knows nothing of them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::refusal::Refusal;
use super::streams::Topic;

/// Rules that may be in force at once; a further one is refused.
pub const RULES_MAX: usize = 64;
/// Messages held back at once; beyond it the oldest is delivered early.
pub const LATE_MAX: usize = 65_536;

/// Which streams a rule hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamSet {
    /// Every stream.
    All,
    /// Diff and partial depth.
    Depth,
    /// `bookTicker` and `!bookTicker`.
    BookTicker,
    /// `trade` and `aggTrade`.
    Trades,
    /// Mark prices.
    Marks,
    /// All user events.
    User,
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
}

/// A rule on streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRule {
    /// Which streams.
    pub streams: StreamSet,
    /// Only this symbol; `None` for all. User events belong to no symbol.
    pub symbol: Option<u16>,
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

/// The rules on streams, and what they hold back.
#[derive(Debug, Default)]
pub struct StreamFaults {
    rules: Vec<StreamRule>,
    swapped: BTreeMap<Channel, Parcel>,
    late: VecDeque<(u64, Parcel)>,
    now_us: u64,
}

impl StreamFaults {
    /// Adds a rule; the first that hits a message decides. `false` when there are [`RULES_MAX`] already.
    pub fn add(&mut self, rule: StreamRule) -> bool {
        let has_room = self.rules.len() < RULES_MAX;
        if has_room {
            self.rules.push(rule);
        }
        has_room
    }

    /// Removes all rules; what was delayed still comes, what waited to be swapped is lost.
    pub fn clear(&mut self) {
        self.rules.clear();
        self.swapped.clear();
    }

    /// Whether messages pass untouched.
    pub fn is_idle(&self) -> bool {
        self.rules.is_empty() && self.late.is_empty()
    }

    /// The effect on a channel, for those who must know before a message is written.
    pub fn effect_on(&self, channel: Channel, kind: &str) -> Option<StreamEffect> {
        self.rules
            .iter()
            .find(|rule| rule.hits(channel, kind))
            .map(|rule| rule.effect)
    }

    /// What is to be delivered now in place of this message.
    pub fn pass(&mut self, parcel: Parcel) -> Vec<Parcel> {
        let Some(index) = self
            .rules
            .iter()
            .position(|rule| rule.hits(parcel.channel, parcel.kind))
        else {
            return vec![parcel];
        };
        let Some(rule) = self.rules.get_mut(index) else {
            return vec![parcel];
        };
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
                let by_us = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
                self.late
                    .push_back((self.now_us.saturating_add(by_us), parcel));
                if self.late.len() > LATE_MAX {
                    self.late
                        .pop_front()
                        .map(|(_, early)| early)
                        .into_iter()
                        .collect()
                } else {
                    Vec::new()
                }
            }
            StreamEffect::Duplicate => vec![parcel.clone(), parcel],
            StreamEffect::Swap => match self.swapped.remove(&parcel.channel) {
                Some(held) => vec![parcel, held],
                None => {
                    self.swapped.insert(parcel.channel, parcel);
                    Vec::new()
                }
            },
            StreamEffect::Garble => {
                let half = parcel
                    .text
                    .chars()
                    .take(parcel.text.chars().count() / 2)
                    .collect();
                vec![Parcel {
                    text: half,
                    ..parcel
                }]
            }
            // The message was hollowed where it was written.
            StreamEffect::Hollow => vec![parcel],
        }
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
            .partition::<VecDeque<_>, _>(|(due_us, _)| *due_us <= now_us);
        self.late = rest;
        due.into_iter().map(|(_, parcel)| parcel).collect()
    }
}

impl StreamRule {
    fn hits(&self, channel: Channel, kind: &str) -> bool {
        match channel {
            Channel::User(_) => match &self.streams {
                StreamSet::All | StreamSet::User => true,
                StreamSet::UserKind(wanted) => wanted == kind,
                StreamSet::Depth | StreamSet::BookTicker | StreamSet::Trades | StreamSet::Marks => {
                    false
                }
            },
            Channel::Topic(topic) => self.hits_topic(topic),
        }
    }

    fn hits_topic(&self, topic: Topic) -> bool {
        let is_in_set = match &self.streams {
            StreamSet::All => true,
            StreamSet::Depth => matches!(
                topic,
                Topic::Depth(..) | Topic::PartialDepth(..) | Topic::RpiDepth(_)
            ),
            StreamSet::BookTicker => matches!(topic, Topic::BookTicker(_) | Topic::AllBookTicker),
            StreamSet::Trades => matches!(topic, Topic::Trade(_) | Topic::AggTrade(_)),
            StreamSet::Marks => matches!(topic, Topic::MarkPrice(..) | Topic::AllMarkPrice(_)),
            StreamSet::User | StreamSet::UserKind(_) => false,
        };
        is_in_set
            && self
                .symbol
                .is_none_or(|symbol| topic.symbol().is_none_or(|of| of == symbol))
    }
}

/// What a rule does to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestEffect {
    /// Answered with this; nothing is carried out.
    Refuse(Refusal),
    /// Carried out, and then answered with this all the same.
    CarryOutThen(Refusal),
    /// The connection is cut; nothing is carried out.
    Cut,
    /// Carried out, and then the connection is cut without an answer.
    CarryOutThenCut,
    /// Held on its way to the engine for so long, then carried out; beyond its recvWindow it is refused with −5028 (protocol §5.3).
    Hold(Duration),
    /// Carried out at once, answered after so long.
    HoldAnswer(Duration),
}

/// A rule on requests, REST and WebSocket API alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRule {
    /// HTTP method; `None` for all.
    pub method: Option<&'static str>,
    /// Start of the path, for example `/fapi/v1/order`; empty for all.
    pub path: String,
    /// What happens.
    pub effect: RequestEffect,
    /// To how many requests; `u32::MAX` until cleared.
    pub times: u32,
}

/// The rules on requests.
#[derive(Debug, Default)]
pub struct RequestFaults {
    rules: Vec<RequestRule>,
}

impl RequestFaults {
    /// Adds a rule; the first that hits a request decides. `false` when there are [`RULES_MAX`] already.
    pub fn add(&mut self, rule: RequestRule) -> bool {
        let has_room = self.rules.len() < RULES_MAX && rule.times > 0;
        if has_room {
            self.rules.push(rule);
        }
        has_room
    }

    /// Removes all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The effect on this request, counted off its rule.
    pub fn take(&mut self, method: &str, path: &str) -> Option<RequestEffect> {
        let index = self.rules.iter().position(|rule| {
            rule.method.is_none_or(|wanted| wanted == method) && path.starts_with(&rule.path)
        })?;
        let rule = self.rules.get_mut(index)?;
        let effect = rule.effect.clone();
        if rule.times != u32::MAX {
            rule.times -= 1;
            if rule.times == 0 {
                self.rules.remove(index);
            }
        }
        Some(effect)
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
    fn request_rules_are_counted_off() {
        let mut faults = RequestFaults::default();
        let rule = RequestRule {
            method: Some("POST"),
            path: "/fapi/v1/order".into(),
            effect: RequestEffect::Cut,
            times: 2,
        };
        assert!(faults.add(rule));
        assert_eq!(faults.take("GET", "/fapi/v1/order"), None);
        assert_eq!(faults.take("POST", "/fapi/v1/listenKey"), None);
        assert_eq!(
            faults.take("POST", "/fapi/v1/order"),
            Some(RequestEffect::Cut)
        );
        assert_eq!(
            faults.take("POST", "/fapi/v1/order"),
            Some(RequestEffect::Cut)
        );
        assert_eq!(faults.take("POST", "/fapi/v1/order"), None);
    }
}
