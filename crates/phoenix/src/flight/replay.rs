//! Owns the second run of a recorded engine and its comparison with the first; knows nothing of how a step is
//! contained, which the driver of the live engine lends it.

use super::codec::asked::Asked;
use super::codec::event::{self, Lists};
use super::codec::{Bad, Code, Input, Sink};
use super::reader::{Damage, Ending, Reader};
use super::recorder::{encode_actions, tag};
use super::segment::Header;
use phoenix_core::action::Actions;
use phoenix_core::engine::Engine;
use phoenix_core::engine::contain::DeskFault;
use phoenix_core::event::{Config, Event};
use phoenix_core::instrument::SymbolId;
use phoenix_core::units::Now;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How the live session drives its engine, panics of desks included; each gives the desks that were lost.
#[derive(Debug, Clone, Copy)]
pub struct Drive {
    /// One event.
    pub step: fn(&mut Engine, Now, &Event<'_>, &mut Actions) -> Vec<SymbolId>,
    /// The view.
    pub refresh_view: fn(&mut Engine, Now, &mut Actions) -> Vec<SymbolId>,
}

/// Which events are compared; all are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub from: u64,
    /// The last; nothing is run after it.
    pub until: u64,
}

impl Default for Range {
    fn default() -> Self {
        Self {
            from: 1,
            until: u64::MAX,
        }
    }
}

/// One event as both runs saw it.
#[derive(Debug)]
pub struct Step<'a> {
    /// Its number in the record, from 1.
    pub number: u64,
    /// When.
    pub now: Now,
    /// What.
    pub event: &'a Event<'a>,
    /// What the live session did; `None` when the record ends within the event.
    pub recorded: Option<Did<'a>>,
    /// What this run did.
    pub new: Did<'a>,
}

/// What came of an event: actions as bytes, and the desks that were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Did<'a> {
    /// Actions.
    pub asked: &'a [u8],
    /// Desks that panicked.
    pub lost: &'a [SymbolId],
}

impl Did<'_> {
    /// The actions in plain terms, measured from `now`.
    #[must_use]
    pub fn actions(&self, now: Now) -> Vec<Asked> {
        let mut input = Input::new(self.asked);
        input.now = now;
        let mut actions = Vec::new();
        while !input.is_empty()
            && let Ok(action) = Asked::decode(&mut input)
        {
            actions.push(action);
        }
        actions
    }
}

/// Sees every event of a replay.
pub trait Watch {
    /// Before it is known whether both agree.
    fn on_step(&mut self, step: &Step<'_>, symbols: &Symbols);
}

/// Watches nothing.
#[derive(Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn on_step(&mut self, _: &Step<'_>, _: &Symbols) {}
}

/// Names of the symbols that were added so far.
pub type Symbols = BTreeMap<SymbolId, String>;

/// The first event after which the two runs are not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its number.
    pub event: u64,
    /// When it was.
    pub now: Now,
    /// What it was.
    pub what: String,
    /// In what they differ.
    pub kind: Kind,
    /// Actions as recorded.
    pub recorded: Vec<Asked>,
    /// Actions now.
    pub new: Vec<Asked>,
}

/// In what two runs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// In what was asked for.
    Actions,
    /// In which desks panicked: recorded, now.
    Panics(Vec<SymbolId>, Vec<SymbolId>),
    /// In the state, though every action was the same: recorded, now.
    State(u64, u64),
    /// This run panicked outside of a desk.
    Crash(String),
}

/// What a replay found.
#[derive(Debug)]
pub struct Report {
    /// The record's beginning.
    pub header: Header,
    /// Bytes of its files.
    pub bytes: u64,
    /// Segments that were sound.
    pub segments: u32,
    /// Events that were run.
    pub events: u64,
    /// Actions of them.
    pub actions: u64,
    /// States that were compared.
    pub digests: u64,
    /// The first and the last instant.
    pub span: Option<(Now, Now)>,
    /// Every symbol.
    pub symbols: Symbols,
    /// The event within which the record ends, if it does.
    pub unfinished: Option<u64>,
    /// How it ends; `None` when it is damaged or was not read to its end.
    pub ending: Option<Ending>,
    /// Where it stops being sound.
    pub damage: Option<Damage>,
    /// The first difference.
    pub difference: Option<Difference>,
}

impl Report {
    /// Whether everything that was compared is the same and the record is sound.
    #[must_use]
    pub const fn is_same(&self) -> bool {
        self.difference.is_none() && self.damage.is_none()
    }
}

/// Runs a record again.
pub fn replay(mut reader: Reader, drive: Drive, range: Range, watch: &mut dyn Watch) -> Report {
    let body = &reader.header().body;
    let mut run = Run {
        engine: Engine::new(body.session, body.params),
        drive,
        range,
        actions: Actions::with_capacity(512),
        encoded: Sink::default(),
        lost: Vec::new(),
        has_loop: false,
        events: 0,
        asked: 0,
        digests: 0,
        span: None,
        compared: 0,
        symbols: Symbols::new(),
        unfinished: None,
        difference: None,
    };
    let mut lists = Lists::default();
    let mut damage = None;
    while !run.is_over() {
        match reader.next_segment() {
            Ok(Some(segment)) => {
                if run.events + 1 != segment.label.first_event {
                    damage = Some(reader.damage("events are missing before this segment"));
                    break;
                }
                if run.segment(&segment.raw, &mut lists, watch).is_err() {
                    damage = Some(reader.damage("the segment's entries cannot be read"));
                    break;
                }
            }
            Ok(None) => break,
            Err(found) => {
                damage = Some(found);
                break;
            }
        }
    }
    Report {
        header: reader.header().clone(),
        bytes: reader.bytes(),
        segments: reader.segments(),
        events: run.events,
        actions: run.asked,
        digests: run.digests,
        span: run.span,
        symbols: run.symbols,
        unfinished: run.unfinished,
        ending: reader.ending(),
        damage,
        difference: run.difference,
    }
}

/// The second run.
struct Run {
    engine: Engine,
    drive: Drive,
    range: Range,
    actions: Actions,
    encoded: Sink,
    lost: Vec<SymbolId>,
    /// A drill put an endless loop into a desk: an event without an outcome is not tried.
    has_loop: bool,
    events: u64,
    asked: u64,
    digests: u64,
    span: Option<(Now, Now)>,
    /// Events up to the last state that was compared.
    compared: u64,
    symbols: Symbols,
    unfinished: Option<u64>,
    difference: Option<Difference>,
}

/// What was recorded of a step.
struct Recorded<'a> {
    asked: &'a [u8],
    lost: Vec<SymbolId>,
}

/// `None` when the record ends before it.
fn recorded<'a>(input: &mut Input<'a>) -> Result<Option<Recorded<'a>>, Bad> {
    let mut lost = Vec::new();
    loop {
        if input.is_empty() {
            return Ok(None);
        }
        let asked = match input.byte()? {
            tag::LOST_DESK => {
                lost.push(SymbolId::decode(input)?);
                continue;
            }
            tag::NOTHING_ASKED => &[],
            tag::ASKED => {
                let length = input.length()?;
                input.take(length)?
            }
            _ => return Err(Bad),
        };
        return Ok(Some(Recorded { asked, lost }));
    }
}

impl Run {
    fn is_over(&self) -> bool {
        self.difference.is_some() || self.unfinished.is_some() || self.events >= self.range.until
    }

    fn segment(&mut self, raw: &[u8], lists: &mut Lists, watch: &mut dyn Watch) -> Result<(), Bad> {
        let mut input = Input::new(raw);
        while !input.is_empty() && !self.is_over() {
            match input.byte()? {
                tag::EVENT => {
                    let now = input.instant()?;
                    let event = event::decode(&mut input, lists)?;
                    let recorded = recorded(&mut input)?;
                    self.event(now, &event, recorded.as_ref(), watch);
                }
                tag::VIEW => {
                    let now = input.instant()?;
                    let recorded = recorded(&mut input)?.ok_or(Bad)?;
                    self.view(now, &recorded);
                }
                tag::INJECTED => {
                    let (symbol, fault) =
                        (SymbolId::decode(&mut input)?, Code::decode(&mut input)?);
                    self.has_loop |= fault == DeskFault::Loop;
                    self.engine.inject(symbol, fault);
                }
                tag::DIGEST => {
                    let bytes = input.take(8)?.try_into().map_err(|_| Bad)?;
                    self.digest(input.now, u64::from_le_bytes(bytes));
                }
                _ => return Err(Bad),
            }
        }
        Ok(())
    }

    fn event(
        &mut self,
        now: Now,
        event: &Event<'_>,
        recorded: Option<&Recorded<'_>>,
        watch: &mut dyn Watch,
    ) {
        self.events += 1;
        self.span = Some((self.span.map_or(now, |(first, _)| first), now));
        if let Event::Config(Config::Add(symbol, instrument, ..)) = event {
            self.symbols.insert(*symbol, instrument.name.clone());
        }
        if recorded.is_none() {
            self.unfinished = Some(self.events);
            if self.has_loop {
                return;
            }
        }
        let step = self.drive.step;
        let kind = self.act(now, recorded, |engine, actions| {
            step(engine, now, event, actions)
        });
        if let Some(kind) = kind {
            let what = super::show::event_text(event, &self.symbols);
            self.differ(now, kind, what, recorded.map_or(&[], |r| r.asked));
        }
        watch.on_step(
            &Step {
                number: self.events,
                now,
                event,
                recorded: recorded.map(|r| Did {
                    asked: r.asked,
                    lost: &r.lost,
                }),
                new: Did {
                    asked: &self.encoded.bytes,
                    lost: &self.lost,
                },
            },
            &self.symbols,
        );
    }

    fn view(&mut self, now: Now, recorded: &Recorded<'_>) {
        let refresh = self.drive.refresh_view;
        let kind = self.act(now, Some(recorded), |engine, actions| {
            refresh(engine, now, actions)
        });
        if let Some(kind) = kind {
            let what = "the view, made after this event, over which a desk panicked".to_owned();
            self.differ(now, kind, what, recorded.asked);
        }
    }

    /// Lets the engine act; in what it differs from the record.
    fn act(
        &mut self,
        now: Now,
        recorded: Option<&Recorded<'_>>,
        what: impl FnOnce(&mut Engine, &mut Actions) -> Vec<SymbolId>,
    ) -> Option<Kind> {
        self.actions.clear();
        // An engine that panicked outside of a desk is not used again.
        let attempt = AssertUnwindSafe(|| what(&mut self.engine, &mut self.actions));
        let crash = match catch_unwind(attempt) {
            Ok(lost) => {
                self.lost = lost;
                None
            }
            Err(payload) => {
                let text = payload.downcast_ref::<String>().cloned();
                let word = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
                Some(text.or(word).unwrap_or_default())
            }
        };
        self.asked += self.actions.as_slice().len() as u64;
        encode_actions(self.actions.as_slice(), now, &mut self.encoded);
        match (crash, recorded) {
            (Some(message), _) => Some(Kind::Crash(message)),
            (None, None) => None,
            (None, Some(r)) if r.lost != self.lost => {
                Some(Kind::Panics(r.lost.clone(), self.lost.clone()))
            }
            (None, Some(r)) => (r.asked != self.encoded.bytes).then_some(Kind::Actions),
        }
    }

    fn digest(&mut self, now: Now, recorded: u64) {
        let new = self.engine.digest();
        self.digests += 1;
        if new != recorded {
            self.encoded.bytes.clear();
            let what = format!(
                "the state after it; the cause lies in events {} to {}",
                self.compared + 1,
                self.events
            );
            self.differ(now, Kind::State(recorded, new), what, &[]);
        }
        self.compared = self.events;
    }

    fn differ(&mut self, now: Now, kind: Kind, what: String, recorded: &[u8]) {
        if self.events < self.range.from || self.difference.is_some() {
            return;
        }
        let did = |asked| Did { asked, lost: &[] }.actions(now);
        self.difference = Some(Difference {
            event: self.events,
            now,
            what,
            kind,
            recorded: did(recorded),
            new: did(&self.encoded.bytes),
        });
    }
}
