//! A synthetic market for one symbol: seeded background traders with the shape and rhythm of a real capture; knows no account and no client.

use std::sync::{Arc, Mutex};

use crate::api::{E8, Side};
use crate::market::{MarketFlow, MarketSide};
use crate::prng::Prng;

mod arrivals;
mod fair;
mod ladder;
mod params;
mod shape;
mod variate;

use arrivals::{ArrivalParams, Arrivals};
use fair::FairValue;
use ladder::{Ladder, Refill, Slices, Sweep};
use params::{
    BEST_CHURN_SHARE, BIAS, BIAS_FLIP, BRANCHING, EXCITEMENT_DECAY_PER_S, FILL_QUOTE_MEDIAN,
    FILL_SIGMA, QUOTE_BIAS, QUOTE_MOVES_PER_TAKER, SWEEP_QUOTE_HALF, SWEEP_SHARE_MIN,
    TAKER_QUOTE_MEDIAN, TAKER_SIGMA,
};
pub use params::{FlowParams, JumpStyle, Regime};
use shape::Shape;
use variate::{chance, exponential, log_normal, sign};

/// Commands that wait for the flow's next round at most; a further one is refused.
pub const COMMANDS_MAX: usize = 64;
/// Time between two steps of a scripted push, µs.
const PUSH_STEP_US: u64 = 20_000;
/// Longest time between two looks at the fair value (trend and pull act without arrivals too), µs.
const DRIFT_STEP_US: u64 = 250_000;

#[derive(Clone, Debug)]
enum Command {
    Push { bps: f64, over_ms: u64 },
    Adopt(Box<FlowParams>),
}

/// Changes a running flow from outside: scripted moves and regimes for drills. Cloning gives another handle of the same flow.
#[derive(Clone, Debug, Default)]
pub struct FlowHandle {
    commands: Arc<Mutex<Vec<Command>>>,
}

impl FlowHandle {
    /// Moves the price by `bps` (signed) over `over_ms`, on top of everything else, and for good. False when
    /// [`COMMANDS_MAX`] commands wait already; of more than 64 pushes under way at once the later ones are dropped.
    pub fn push_price(&self, bps: f64, over_ms: u64) -> bool {
        self.send(Command::Push { bps, over_ms })
    }

    /// Makes the market one of another kind from the next round on. False when [`COMMANDS_MAX`] commands wait already.
    pub fn adopt(&self, params: FlowParams) -> bool {
        self.send(Command::Adopt(Box::new(params)))
    }

    fn send(&self, command: Command) -> bool {
        let mut waiting = self.lock();
        let room = waiting.len() < COMMANDS_MAX;
        if room {
            waiting.push(command);
        }
        room
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Command>> {
        // A panic elsewhere cannot leave a half-pushed command behind, so a poisoned list is still sound.
        self.commands
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The market of one symbol. Attach it with `Exchange::attach_flow`.
#[derive(Debug)]
pub struct SyntheticFlow {
    params: FlowParams,
    start_price: E8,
    prng: Prng,
    handle: FlowHandle,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    start_us: u64,
    fair: FairValue,
    shape: Shape,
    ladder: Ladder,
    arrivals: Arrivals,
    bias: f64,
    step: E8,
    /// Instants below are µs since `start_us`.
    next_arrival_us: u64,
    next_jump_us: u64,
    next_drift_us: u64,
    next_round_us: u64,
    next_churn_s: f64,
}

impl SyntheticFlow {
    /// A market that starts at `start_price` when it is first advanced. The same seed and parameters give the same market.
    #[must_use]
    pub fn new(params: FlowParams, start_price: E8, seed: u64) -> Self {
        Self {
            params,
            start_price,
            prng: Prng::new(seed),
            handle: FlowHandle::default(),
            running: None,
        }
    }

    /// A handle for scripted moves.
    #[must_use]
    pub fn handle(&self) -> FlowHandle {
        self.handle.clone()
    }

    fn begin(&mut self, now_us: u64, market: &mut MarketSide<'_>) -> Running {
        let (tick, step) = (market.spec().tick.max(1), market.spec().step.max(1));
        let fair_ticks = (self.start_price as f64 / tick as f64).max(40.0) + 0.5;
        let shape = Shape::new(&self.params, tick, step, fair_ticks);
        let mut ladder = Ladder::new(tick, fair_ticks, shape.spread_ticks);
        ladder.fill(market, &shape, &mut self.prng);
        let mut arrivals = Arrivals::new(arrival_params(&self.params), 0.0);
        let next_arrival_us = to_us(arrivals.next_s(&mut self.prng));
        let mut running = Running {
            start_us: now_us,
            fair: FairValue::new(fair_ticks, 0.0),
            shape,
            ladder,
            arrivals,
            bias: 1.0,
            step,
            next_arrival_us,
            next_jump_us: 0,
            next_drift_us: DRIFT_STEP_US,
            next_round_us: 0,
            next_churn_s: 0.0,
        };
        running.next_jump_us = running.draw_jump(0, &self.params, &mut self.prng);
        running
    }

    fn obey(&mut self, running: &mut Running, elapsed_us: u64) {
        let commands = std::mem::take(&mut *self.handle.lock());
        for command in commands {
            match command {
                Command::Push { bps, over_ms } => {
                    running.fair.push(bps, over_ms as f64 / 1e3);
                    running.next_drift_us = elapsed_us;
                }
                Command::Adopt(params) => {
                    self.params = *params;
                    running.adopt(&self.params, elapsed_us, &mut self.prng);
                }
            }
        }
    }
}

impl MarketFlow for SyntheticFlow {
    fn advance(&mut self, now_us: u64, market: &mut MarketSide<'_>) {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.begin(now_us, market),
        };
        let elapsed_us = now_us.saturating_sub(running.start_us);
        self.obey(&mut running, elapsed_us);
        running.act_until(elapsed_us, market, &self.params, &mut self.prng);
        self.running = Some(running);
    }

    fn next_due_us(&self) -> Option<u64> {
        let running = self.running.as_ref()?;
        Some(running.start_us.saturating_add(running.next_us()))
    }

    fn push_price(&mut self, bps: i64, over_ms: u64) -> bool {
        self.handle.push_price(bps as f64, over_ms)
    }
}

impl Running {
    fn next_us(&self) -> u64 {
        self.next_arrival_us
            .min(self.next_jump_us)
            .min(self.next_drift_us)
            .min(self.next_round_us)
    }

    fn act_until(
        &mut self,
        elapsed_us: u64,
        market: &mut MarketSide<'_>,
        params: &FlowParams,
        prng: &mut Prng,
    ) {
        while self.next_arrival_us <= elapsed_us {
            self.fair.advance(to_s(self.next_arrival_us), params, prng);
            self.on_arrival(market, params, prng);
            self.next_arrival_us = to_us(self.arrivals.next_s(prng));
        }
        if self.next_jump_us <= elapsed_us {
            self.on_jump(market, params, prng);
            self.next_jump_us = self.draw_jump(elapsed_us, params, prng);
        }
        if self.next_drift_us <= elapsed_us {
            self.fair.advance(to_s(elapsed_us), params, prng);
            self.follow_quietly(market, params, prng);
            let step_us = if self.fair.is_pushed() {
                PUSH_STEP_US
            } else {
                DRIFT_STEP_US
            };
            self.next_drift_us = elapsed_us + step_us;
        }
        if self.next_round_us <= elapsed_us {
            self.on_churn(elapsed_us, market, params, prng);
        }
    }

    /// One taker order or one move by quotes alone.
    fn on_arrival(&mut self, market: &mut MarketSide<'_>, params: &FlowParams, prng: &mut Prng) {
        if chance(prng, QUOTE_MOVES_PER_TAKER / (1.0 + QUOTE_MOVES_PER_TAKER)) {
            let direction = -self.bias * sign(prng, 0.5 + QUOTE_BIAS);
            self.fair.on_move(direction, params, prng);
            self.follow_quietly(market, params, prng);
            return;
        }
        if chance(prng, BIAS_FLIP) {
            self.bias = -self.bias;
        }
        let direction = self.bias * sign(prng, 0.5 + BIAS);
        let taker = if direction > 0.0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let quote = log_normal(prng, TAKER_QUOTE_MEDIAN, TAKER_SIGMA);
        let size = self.shape.worth(quote * params.liquidity);
        let sweeps = SWEEP_SHARE_MIN + (1.0 - SWEEP_SHARE_MIN) * quote / (quote + SWEEP_QUOTE_HALF);
        if chance(prng, sweeps) {
            self.fair.on_move(direction, params, prng);
            self.sweep(taker, size, market, params, prng);
        } else {
            let mut slices = FillSizes {
                shape: &self.shape,
                median_quote: FILL_QUOTE_MEDIAN * params.liquidity,
                prng,
            };
            self.ladder.hit(market, taker, size, self.step, &mut slices);
        }
        self.ladder
            .heal(market, params.late_refill_share, &self.shape, prng);
    }

    /// A taker order that clears the way to where the fair value went; nothing but a hit when that is no way at all.
    fn sweep(
        &mut self,
        taker: Side,
        size: E8,
        market: &mut MarketSide<'_>,
        params: &FlowParams,
        prng: &mut Prng,
    ) {
        let to_bid = self.ladder.move_wanted(self.fair.ticks(), &self.shape);
        let mut slices = FillSizes {
            shape: &self.shape,
            median_quote: FILL_QUOTE_MEDIAN * params.liquidity,
            prng,
        };
        match to_bid {
            Some(to_bid) => {
                let sweep = Sweep {
                    taker,
                    to_bid,
                    size,
                };
                self.ladder.sweep(market, sweep, &self.shape, &mut slices);
                self.follow_quietly(market, params, prng);
            }
            None => self.ladder.hit(market, taker, size, self.step, &mut slices),
        }
    }

    /// Moves the book to the fair value without a taker.
    fn follow_quietly(
        &mut self,
        market: &mut MarketSide<'_>,
        params: &FlowParams,
        prng: &mut Prng,
    ) {
        self.fair.hold_above(40.0);
        self.shape.follow(params, self.fair.ticks());
        let Some(bid) = self.ladder.move_wanted(self.fair.ticks(), &self.shape) else {
            return;
        };
        let refill = if chance(prng, params.late_refill_share) {
            Refill::Late
        } else {
            Refill::AtOnce
        };
        self.ladder.move_to(market, bid, refill, &self.shape, prng);
    }

    fn on_jump(&mut self, market: &mut MarketSide<'_>, params: &FlowParams, prng: &mut Prng) {
        let before = self.fair.ticks();
        self.fair.on_jump(params, prng);
        match params.jump_style {
            JumpStyle::Gap => {}
            JumpStyle::Sweep => {
                let taker = if self.fair.ticks() > before {
                    Side::Buy
                } else {
                    Side::Sell
                };
                // Half of the depth on the way is traded, the other half withdrawn.
                let moved_bps = (self.fair.ticks() / before - 1.0).abs() * 1e4;
                let quote = 200_000.0 * moved_bps * params.liquidity;
                let size = self.shape.worth(quote);
                self.sweep(taker, size, market, params, prng);
            }
        }
        self.follow_quietly(market, params, prng);
    }

    fn draw_jump(&self, from_us: u64, params: &FlowParams, prng: &mut Prng) -> u64 {
        if params.jumps_per_hour > 0.0 {
            let wait_s = exponential(prng, 3_600.0 / params.jumps_per_hour);
            from_us.saturating_add(to_us(wait_s)).saturating_add(1)
        } else {
            u64::MAX
        }
    }

    /// The book changes that fell due since the last round.
    fn on_churn(
        &mut self,
        elapsed_us: u64,
        market: &mut MarketSide<'_>,
        params: &FlowParams,
        prng: &mut Prng,
    ) {
        let gap_s = 1.0 / params.churn_per_s.max(1e-3);
        let now_s = to_s(elapsed_us);
        while self.next_churn_s <= now_s {
            let side = if chance(prng, 0.5) {
                Side::Buy
            } else {
                Side::Sell
            };
            if chance(prng, BEST_CHURN_SHARE) {
                self.ladder.step_best(market, side, &self.shape, prng);
            } else {
                self.ladder.change_level(market, side, &self.shape, prng);
            }
            self.next_churn_s += exponential(prng, gap_s);
        }
        let next_round_us = elapsed_us.saturating_add(params.round_us.max(1));
        self.next_round_us = to_us(self.next_churn_s).max(next_round_us);
    }

    fn adopt(&mut self, params: &FlowParams, elapsed_us: u64, prng: &mut Prng) {
        let (tick, step) = self.shape.grid();
        self.shape = Shape::new(params, tick, step, self.fair.ticks());
        self.arrivals.adopt(arrival_params(params));
        self.next_jump_us = self.draw_jump(elapsed_us, params, prng);
        self.next_churn_s = to_s(elapsed_us);
        self.next_round_us = elapsed_us;
    }
}

/// Sizes of the executions of one taker order.
struct FillSizes<'a> {
    shape: &'a Shape,
    median_quote: f64,
    prng: &'a mut Prng,
}

impl Slices for FillSizes<'_> {
    fn next_slice(&mut self) -> E8 {
        let quote = log_normal(self.prng, self.median_quote, FILL_SIGMA);
        self.shape.worth(quote)
    }
}

/// Seconds as whole µs, rounded up, so that what is due at an instant is not before it.
fn to_us(seconds: f64) -> u64 {
    (seconds * 1e6).ceil() as u64
}

fn to_s(us: u64) -> f64 {
    us as f64 / 1e6
}

fn arrival_params(params: &FlowParams) -> ArrivalParams {
    ArrivalParams {
        mean_per_s: params.takers_per_s * (1.0 + QUOTE_MOVES_PER_TAKER),
        branching: BRANCHING,
        decay_per_s: EXCITEMENT_DECAY_PER_S,
    }
}

#[cfg(test)]
mod tests;
