//! Owns the list of faults in force and those effects that are no rule on a message: gates, clock, lies, symbols that settle; knows no socket.

use phoenix_exchange::AccountId;
use phoenix_exchange::api::PositionView;

use super::super::hub::{Line, LineSet};
use super::{FaultId, OrderFaults, Part, RULES_MAX};

/// A fault in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveFault {
    /// Its name.
    pub id: FaultId,
    /// Its kind.
    pub kind: &'static str,
    /// Its parameters as they were given, a JSON object.
    pub told: String,
    /// Since when, µs.
    pub since_us: u64,
    /// Until when, µs; `None` until it is cleared.
    pub until_us: Option<u64>,
    /// What happens when it ends, besides its rules going.
    pub at_end: Vec<Part>,
}

/// What a gate does to a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateMode {
    /// Closed at once.
    Drop,
    /// Accepted and never answered.
    Hang,
}

/// A rule on new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// To which addresses.
    pub lines: GateSet,
    /// What happens.
    pub mode: GateMode,
}

/// Which addresses a gate closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateSet {
    /// REST and all sockets.
    Everything,
    /// REST alone.
    Rest,
    /// WebSockets.
    Sockets(LineSet),
}

#[derive(Debug)]
struct Lie {
    account: u16,
    symbol: u16,
    by: i64,
}

/// Faults in force.
#[derive(Debug, Default)]
pub struct Faults {
    last_id: FaultId,
    active: Vec<ActiveFault>,
    /// Rules on single orders.
    pub orders: OrderFaults,
    gates: Vec<(FaultId, Gate)>,
    clocks: Vec<(FaultId, i64)>,
    lies: Vec<(FaultId, Lie)>,
    settling: Vec<(FaultId, u16)>,
}

impl Faults {
    /// The next name.
    pub fn next_id(&mut self) -> FaultId {
        self.last_id += 1;
        self.last_id
    }

    /// Whether one more fault may be in force.
    pub fn has_room(&self) -> bool {
        self.active.len() < RULES_MAX
    }

    /// Adds a fault to the list.
    pub fn enlist(&mut self, fault: ActiveFault) {
        self.active.push(fault);
    }

    /// Takes a fault off the list, with its gates, clock, lies and settlements.
    pub fn strike(&mut self, id: FaultId) -> Option<ActiveFault> {
        self.orders.remove(id);
        self.gates.retain(|(of, _)| *of != id);
        self.clocks.retain(|(of, _)| *of != id);
        self.lies.retain(|(of, _)| *of != id);
        self.settling.retain(|(of, _)| *of != id);
        let index = self.active.iter().position(|fault| fault.id == id)?;
        Some(self.active.remove(index))
    }

    /// Faults in force, oldest first.
    pub fn active(&self) -> &[ActiveFault] {
        &self.active
    }

    /// Faults whose time is over.
    pub fn due(&self, now_us: u64) -> Vec<FaultId> {
        let is_over = |fault: &&ActiveFault| fault.until_us.is_some_and(|until| until <= now_us);
        self.active
            .iter()
            .filter(is_over)
            .map(|fault| fault.id)
            .collect()
    }

    /// Closes a gate.
    pub fn add_gate(&mut self, id: FaultId, gate: Gate) {
        self.gates.push((id, gate));
    }

    /// Moves the clock that clients see, ms.
    pub fn add_clock(&mut self, id: FaultId, offset_ms: i64) {
        self.clocks.push((id, offset_ms));
    }

    /// How far the clock that clients see is ahead, ms.
    pub fn clock_offset_ms(&self) -> i64 {
        self.clocks
            .iter()
            .fold(0_i64, |sum, (_, offset)| sum.saturating_add(*offset))
    }

    /// Shows a position on top of the true one.
    pub fn add_lie(&mut self, id: FaultId, (account, symbol): (u16, u16), by: i64) {
        self.lies.push((
            id,
            Lie {
                account,
                symbol,
                by,
            },
        ));
    }

    /// Ends the trading of a symbol.
    pub fn add_settling(&mut self, id: FaultId, symbol: u16) {
        self.settling.push((id, symbol));
    }

    /// Symbols that a fault settles.
    pub fn settling_of(&self, id: FaultId) -> Vec<u16> {
        let of = self.settling.iter().filter(|(of, _)| *of == id);
        of.map(|(_, symbol)| *symbol).collect()
    }

    /// Whether the symbol is no longer traded.
    pub fn is_settling(&self, symbol: u16) -> bool {
        self.settling.iter().any(|(_, of)| *of == symbol)
    }

    /// What new connections to everything meet, before anything is read from them.
    pub fn gate_of_everything(&self) -> Option<GateMode> {
        let everything = |(_, gate): &&(FaultId, Gate)| gate.lines == GateSet::Everything;
        self.gates
            .iter()
            .find(everything)
            .map(|(_, gate)| gate.mode)
    }

    /// What a request (`None`) or a new socket meets.
    pub fn gate_of(&self, line: Option<Line>) -> Option<GateMode> {
        let closes = |gate: &Gate| match (gate.lines, line) {
            (GateSet::Everything, _) | (GateSet::Rest, None) => true,
            (GateSet::Sockets(lines), Some(line)) => lines.holds(line),
            (GateSet::Rest, Some(_)) | (GateSet::Sockets(_), None) => false,
        };
        self.gates
            .iter()
            .find(|(_, gate)| closes(gate))
            .map(|(_, gate)| gate.mode)
    }

    /// Positions as account answers show them.
    pub fn distort(&self, account: AccountId, rows: &mut [PositionView]) {
        for (_, lie) in self.lies.iter().filter(|(_, lie)| lie.account == account.0) {
            for row in rows.iter_mut().filter(|row| row.symbol.0 == lie.symbol) {
                row.qty = row.qty.saturating_add(lie.by);
                if row.entry_price == 0 {
                    row.entry_price = row.mark_price;
                    row.break_even_price = row.mark_price;
                }
                row.notional = phoenix_exchange::decimal::mul(row.qty, row.mark_price);
            }
        }
    }
}
