//! Owns the drawing of faults from chance.

use super::{FAULTS_MAX, Scenario, pick};
use crate::sim::fault::{Asked, Fault, Planned, Tap, Wire};
use phoenix_exchange::prng::Prng;

/// Before the first fault: booting and a little calm.
const CALM_MS: u32 = 15_000;

/// Codes of protocol §7 with which a request can be answered.
const CODES: &[i32] = &[
    -1000, -1001, -1003, -1006, -1007, -1008, -1015, -1016, -1021, -1111, -1122, -2011, -2013,
    -2018, -2019, -2022, -2024, -2025, -2027, -4003, -4014, -4016, -4024, -4116, -4131, -4164,
    -4400, -5022, -5028,
];

fn some(prng: &mut Prng, low: i64, high: i64) -> u32 {
    u32::try_from(prng.between(low, high)).unwrap_or(1)
}

fn signed(prng: &mut Prng, low: i64, high: i64) -> i32 {
    let size = i32::try_from(prng.between(low, high)).unwrap_or(1);
    if prng.chance(1, 2) { size } else { -size }
}

/// How many of its messages or requests a fault spares: one in so many is struck.
fn one_in(prng: &mut Prng) -> u32 {
    *pick(prng, &[1, 2, 5, 20])
}

impl Scenario {
    /// Swarm testing (Groce et al. 2012): each seed draws a few kinds of faults of its own and a rate, so that rare
    /// combinations are met as well as undisturbed ones.
    pub(super) fn draw_faults(&self, prng: &mut Prng) -> Vec<Planned> {
        let kinds: Vec<&str> = Fault::NAMES
            .into_iter()
            .filter(|_| prng.chance(1, 5))
            .collect();
        let mean_ms = *pick(prng, &[4_000_i64, 10_000, 25_000, 60_000]);
        let end_ms = i64::from(self.safety_s) * 1_000;
        let mut at_ms = i64::from(CALM_MS);
        let mut faults = Vec::new();
        while !kinds.is_empty() && faults.len() < FAULTS_MAX {
            at_ms += prng.between(mean_ms / 4, mean_ms * 7 / 4);
            let longest = *pick(prng, &[1_000, 4_000, 12_000, 40_000]);
            let lasts_ms = prng.between(200, longest);
            if at_ms + lasts_ms >= end_ms {
                break;
            }
            let name = *pick(prng, &kinds);
            let fault = self.draw(name, prng);
            faults.push(Planned {
                at_ms: u32::try_from(at_ms).unwrap_or(u32::MAX),
                lasts_ms: u32::try_from(lasts_ms).unwrap_or(0),
                fault,
            });
        }
        faults
    }

    fn draw(&self, name: &str, prng: &mut Prng) -> Fault {
        of_streams(name, prng)
            .or_else(|| of_requests(name, prng))
            .or_else(|| of_machine(name, prng))
            .or_else(|| self.of_others(name, prng))
            .unwrap_or(Fault::RemoveSymbol)
    }

    /// The market, and people.
    fn of_others(&self, name: &str, prng: &mut Prng) -> Option<Fault> {
        Some(match name {
            "move" => Fault::Move {
                bps: signed(prng, 10, 1_000),
                over_ms: some(prng, 200, 20_000),
            },
            "gap" => Fault::Gap {
                bps: signed(prng, 5, 300),
            },
            "sweep" => Fault::Sweep {
                bps: some(prng, 5, 80),
            },
            "foreign-order" => Fault::ForeignOrder,
            "second-instance" => Fault::SecondInstance,
            "manual-trade" => Fault::ManualTrade {
                lots: signed(prng, 1, i64::from(self.net_max_layers) * 50 / 2),
            },
            "liquidation" => Fault::Liquidation {
                lots: some(prng, 1_000, 100_000),
            },
            "pause" => Fault::Pause,
            "kill" => Fault::Kill,
            "cancel-all" => Fault::CancelAll,
            "net-max" => Fault::NetMax {
                percent: some(prng, 20, 150),
            },
            "layers" => Fault::Layers {
                layers: *pick(prng, &[1, 2, 7, 18]),
            },
            _ => return None,
        })
    }
}

/// Streams and connections.
fn of_streams(name: &str, prng: &mut Prng) -> Option<Fault> {
    let streams = *pick(prng, &Tap::ALL);
    let wire = *pick(prng, &Wire::ALL);
    let one_in = one_in(prng);
    Some(match name {
        "mute" => Fault::Mute { streams },
        "delay" => Fault::Delay {
            streams,
            ms: some(prng, 50, 6_000),
        },
        "duplicate" => Fault::Duplicate { streams },
        "swap" => Fault::Swap { streams },
        "lose" => Fault::Lose {
            streams,
            one_in: one_in + 1,
        },
        "garble" => Fault::Garble {
            streams,
            one_in: one_in + 1,
        },
        "freeze-book" => Fault::FreezeBook,
        "hollow-book" => Fault::HollowBook,
        "half-open" => Fault::HalfOpen { wire },
        "close" => Fault::Close { wire },
        "cut" => Fault::Cut,
        "refuse" => Fault::Refuse,
        "end-key" => Fault::EndKey {
            told: prng.chance(1, 2),
        },
        _ => return None,
    })
}

/// Requests and their answers.
fn of_requests(name: &str, prng: &mut Prng) -> Option<Fault> {
    let requests = *pick(prng, &Asked::ALL);
    let one_in = one_in(prng);
    Some(match name {
        "lose-answer" => Fault::LoseAnswer { requests, one_in },
        "lose-request" => Fault::LoseRequest { requests, one_in },
        "carry-out-late" => Fault::CarryOutLate {
            requests,
            ms: some(prng, 300, 4_500),
        },
        "hold-answer" => Fault::HoldAnswer {
            requests,
            ms: some(prng, 300, 8_000),
        },
        "answer" => Fault::Answer {
            requests,
            code: *pick(prng, CODES),
            one_in,
        },
        "unknown503" => Fault::Unknown503,
        "rate-limit" => Fault::RateLimit {
            retry_after_s: some(prng, 1, 8),
        },
        "ban" => Fault::Ban {
            retry_after_s: some(prng, 2, 20),
        },
        "pretend" => Fault::Pretend {
            requests: *pick(prng, &[Asked::Places, Asked::Cancels, Asked::DeadMan]),
        },
        "lie-position" => Fault::LiePosition {
            lots: signed(prng, 1, 100),
        },
        "lie-orders" => Fault::LieOrders,
        _ => return None,
    })
}

/// The machine, the process, and the exchange as a whole.
fn of_machine(name: &str, prng: &mut Prng) -> Option<Fault> {
    Some(match name {
        "clock-step" => Fault::ClockStep {
            ms: signed(prng, 200, 12_000),
        },
        "clock-drift" => Fault::ClockDrift {
            ppm: signed(prng, 20, 5_000),
        },
        "crash" => Fault::Crash {
            down_ms: some(prng, 200, 8_000),
        },
        "freeze" => Fault::Freeze,
        "panic-desk" => Fault::PanicDesk,
        "full-queue" => Fault::FullQueue,
        "slow-journal" => Fault::SlowJournal {
            ms: some(prng, 50, 5_000),
        },
        "restart" => Fault::Restart,
        "not-trading" => Fault::NotTrading,
        _ => return None,
    })
}
