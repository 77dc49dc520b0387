//! Owns the course of one drill: full ladder, fault, end of the fault, recovery, graceful end, evidence; does not judge.

use super::judge::{Evidence, Marks, restored_us};
use super::ledger::Ledger;
use super::process::wall_us;
use super::stage::Stage;
use super::timeline::{Point, Rules, Timeline};
use super::{Drill, Signal, Step};
use anyhow::{Context as _, Result, bail, ensure};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for the first full ladder.
const FULL_LIMIT: Duration = Duration::from_secs(90);
/// Time between two samples of the ledger.
const SAMPLE_EVERY: Duration = Duration::from_millis(50);
/// Time over the limit in which a late recovery is still waited for, so that its length is known.
const PATIENCE_S: f64 = 12.0;
/// Quoting that is watched after the recovery.
const AFTER: Duration = Duration::from_millis(1_500);
/// Longest graceful end.
const END_LIMIT: Duration = Duration::from_secs(40);

/// The person at the terminal wants all drills to end.
pub type Interrupted = AtomicBool;

struct Course<'a> {
    drill: &'a Drill,
    stage: Stage,
    interrupted: &'a Interrupted,
    samples: Vec<Ledger>,
    marks: Marks,
}

/// Carries out one drill in `folder`.
///
/// # Errors
/// When it could not be carried out as described: nothing is known about Phoenix then.
pub fn conduct(
    drill: &Drill,
    folder: PathBuf,
    seed: u64,
    interrupted: &Interrupted,
) -> Result<Evidence> {
    let stage = Stage::build(folder, drill.setting, seed)?;
    let mut course = Course {
        drill,
        stage,
        interrupted,
        samples: Vec::new(),
        marks: Marks::default(),
    };
    course.reach_full_quoting()?;
    course.strike()?;
    course.await_recovery()?;
    course.end()
}

impl Course<'_> {
    fn reach_full_quoting(&mut self) -> Result<()> {
        self.stage.start()?;
        let is_full = self.watch_until(FULL_LIMIT, Self::is_full)?;
        ensure!(
            is_full,
            "no full ladder within {FULL_LIMIT:?}{}",
            self.how_it_ended()
        );
        self.marks.full_us = wall_us();
        self.watch(self.drill.setting.calm)?;
        ensure!(
            !self.has_ended()?,
            "it ended before the fault{}",
            self.how_it_ended()
        );
        Ok(())
    }

    fn strike(&mut self) -> Result<()> {
        for (place, step) in self.drill.steps.iter().enumerate() {
            let at = self.carry_out(step).with_context(|| format!("{step:?}"))?;
            if place == 0 {
                self.marks.fault_us = at;
            }
            self.marks.over_us = at;
        }
        Ok(())
    }

    /// Does one step; gives the instant at which it was done, µs.
    fn carry_out(&mut self, step: &Step) -> Result<u64> {
        let control = self.stage.control();
        match step {
            Step::Fault(body) => control.post("/v1/faults", body),
            Step::Market(body) => control.post("/v1/market", body),
            Step::Account(body) => control.post("/v1/account", body),
            Step::EndFaults => control.end_faults(),
            Step::Signal(who, signal) => self.stage.signal(*who, *signal),
            Step::File(trick) => self.stage.trick_file(*trick),
            Step::Limit(trick) => self.stage.trick_limit(*trick),
            Step::StartAgain => self.stage.start().map(|()| wall_us()),
            Step::StartSecond => self.stage.start_second().map(|()| wall_us()),
            Step::EndSecond => self.stage.end_second(END_LIMIT).map(|()| wall_us()),
            Step::Wait(time) => self.watch(*time).map(|()| wall_us()),
            // That it does not come is for the judge to say.
            Step::AwaitEmpty(limit) => self.watch_until(*limit, Self::is_empty).map(|_| wall_us()),
            Step::AwaitFull(limit) => self.watch_until(*limit, Self::is_full).map(|_| wall_us()),
            Step::AwaitEnd(limit) => self.watch_until(*limit, Self::has_ended).map(|_| wall_us()),
            Step::AwaitCode(code, limit) => {
                let from = self.marks.fault_us;
                self.watch_until(*limit, |c| Ok(c.stage.log().find(code, from).is_some()))?;
                let line = self.stage.log().find(code, from);
                line.map(|l| l.at_us).context("it was never logged")
            }
        }
    }

    /// Until quoting is back and stays for a moment: what is lost again at once was not back.
    fn await_recovery(&mut self) -> Result<()> {
        let Some(limit) = self.drill.expect.recovered_s else {
            return self.watch(AFTER);
        };
        let until = Instant::now() + Duration::from_secs_f64(limit + PATIENCE_S);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let is_back = self.watch_until(left, Self::is_back_or_over)?;
            self.watch(AFTER)?;
            if !is_back || self.is_back_or_over()? {
                return Ok(());
            }
        }
    }

    fn is_back_or_over(&mut self) -> Result<bool> {
        let struck = self.marks.fault_us;
        // What must be pulled first is full until then.
        let must_empty = self.drill.expect.off_book_s.is_some();
        let is_restored = restored_us(&self.stage.log().lines(), struck).is_some();
        Ok(self.has_ended()?
            || (is_restored && self.is_full()? && (!must_empty || self.was_empty_since(struck)?)))
    }

    fn end(mut self) -> Result<Evidence> {
        self.marks.end_us = wall_us();
        self.stage.top()?.signal(Signal::Term)?;
        let has_ended = self.watch_until(END_LIMIT, Self::has_ended)?;
        self.end_orphan()?;
        let exit = self.stage.top()?.ended().and_then(|status| status.code());
        let summary = self.stage.top()?.output();
        if !has_ended {
            self.stage.top()?.signal(Signal::Kill)?;
        }
        let books = self.stage.books();
        let control = self.stage.control();
        let evidence = Evidence {
            symbols: self.stage.symbols().to_vec(),
            marks: self.marks,
            orders: control.orders(0)?.orders,
            fills: control.fills()?.fills,
            requests: control.requests(self.marks.full_us)?.requests,
            last: Some(control.ledger()?),
            samples: std::mem::take(&mut self.samples),
            log: Vec::new(),
            summary: summary
                .lines()
                .next_back()
                .and_then(|line| serde_json::from_str(line).ok()),
            exit,
            books,
        };
        self.stage.end_processes();
        let log = self.stage.log().lines();
        Ok(Evidence { log, ..evidence })
    }

    /// A quoting process whose watchdog is gone is asked to end as well.
    fn end_orphan(&mut self) -> Result<()> {
        if let Some(orphan) = self.stage.noted_maker() {
            super::process::send(orphan, Signal::Term)?;
            self.watch_until(END_LIMIT, |c| Ok(c.stage.noted_maker().is_none()))?;
        }
        Ok(())
    }

    fn sample(&mut self) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        self.samples.push(self.stage.control().ledger()?);
        Ok(())
    }

    fn watch(&mut self, time: Duration) -> Result<()> {
        self.watch_until(time, |_| Ok(false)).map(|_| ())
    }

    /// Samples the ledger until `is_so`, at most so long; says whether it came.
    fn watch_until(
        &mut self,
        limit: Duration,
        is_so: impl Fn(&mut Self) -> Result<bool>,
    ) -> Result<bool> {
        let until = Instant::now() + limit;
        loop {
            self.sample()?;
            if is_so(self)? {
                return Ok(true);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::sleep(left.min(SAMPLE_EVERY));
        }
    }

    fn last_points(&self) -> Result<Vec<Point>> {
        let now = self.samples.last().context("no sample")?;
        let account = now.accounts.first();
        let account = account.context("the exchange has no account")?;
        let point = |(name, _): &(String, Rules)| {
            let symbol = account.symbols.iter().find(|s| s.symbol == *name);
            let symbol = symbol.with_context(|| format!("{name} is not in the ledger"))?;
            Ok(Point {
                at_us: now.now_us,
                buys: symbol.open_buys,
                sells: symbol.open_sells,
                position: symbol.position.0,
            })
        };
        self.stage.symbols().iter().map(point).collect()
    }

    fn is_full(&mut self) -> Result<bool> {
        let points = self.last_points()?;
        let mut both = self.stage.symbols().iter().zip(&points);
        Ok(both.all(|((_, rules), point)| rules.is_full(point)))
    }

    /// The struck symbol has nothing open.
    fn is_empty(&mut self) -> Result<bool> {
        let points = self.last_points()?;
        Ok(points.first().is_some_and(|point| point.open() == 0))
    }

    fn was_empty_since(&mut self, struck: u64) -> Result<bool> {
        let (name, _) = self.stage.symbols().first().context("no symbol")?;
        let orders = self
            .stage
            .control()
            .orders(struck.saturating_sub(1))?
            .orders;
        // Those that ended before are not told, and need not be.
        let line = Timeline::of(name, &orders, &[]);
        Ok(line.first(struck, |p| p.open() == 0).is_some())
    }

    fn has_ended(&mut self) -> Result<bool> {
        Ok(self.stage.top()?.ended().is_some())
    }

    fn how_it_ended(&mut self) -> String {
        let folder = self.stage.folder().display().to_string();
        match self
            .stage
            .top()
            .ok()
            .and_then(super::process::Process::ended)
        {
            Some(status) => format!(" ({status}); see {folder}/phoenix.log"),
            None => format!("; see {folder}/phoenix.log"),
        }
    }
}
