//! Owns which symbols are ours, under which id, and on which grids their numbers lie; knows nothing of
//! messages.

use super::decimal::Grid;
use phoenix_core::event::Malformed;
use phoenix_core::instrument::{Instrument, SymbolId};
use phoenix_core::units::{Lots, Ticks};

/// Most symbols one process trades; adding more is refused.
pub const CONTRACTS_MAX: usize = 256;

/// One symbol: contract data with its grids.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contract {
    /// The engine's id.
    pub id: SymbolId,
    /// What the exchange says about it.
    pub instrument: Instrument,
    /// Grid of prices.
    pub price: Grid,
    /// Grid of sizes.
    pub size: Grid,
}

impl Contract {
    /// `None` when tick or step is not above zero.
    #[must_use]
    pub fn new(id: SymbolId, instrument: Instrument) -> Option<Self> {
        Some(Self {
            id,
            price: Grid::of(instrument.tick_e8)?,
            size: Grid::of(instrument.step_e8)?,
            instrument,
        })
    }

    /// Price text on the tick grid.
    ///
    /// # Errors
    /// As [`Grid::parse`].
    pub fn ticks(&self, text: &str) -> Result<Ticks, Malformed> {
        self.price.parse(text.as_bytes()).map(Ticks)
    }

    /// Unsigned size text on the lot grid.
    ///
    /// # Errors
    /// As [`Grid::parse`].
    pub fn lots(&self, text: &str) -> Result<Lots, Malformed> {
        self.size.parse(text.as_bytes()).map(Lots)
    }

    /// Signed size text (a position) on the lot grid.
    ///
    /// # Errors
    /// As [`Grid::parse`].
    pub fn lots_signed(&self, text: &str) -> Result<Lots, Malformed> {
        self.size.parse_signed(text.as_bytes()).map(Lots)
    }
}

/// Why a contract was not added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddError {
    /// Tick or step is not above zero.
    #[error("tick size and step size must be above zero")]
    Grid,
    /// [`CONTRACTS_MAX`] reached.
    #[error("more symbols than {CONTRACTS_MAX}")]
    Full,
}

/// The symbols we decode; anything else is ignored and counted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contracts {
    /// Sorted by upper-case name.
    by_name: Vec<Contract>,
}

impl Contracts {
    /// Adds a symbol, or replaces the data of one with the same name (filters change live).
    ///
    /// # Errors
    /// See [`AddError`].
    pub fn add(&mut self, id: SymbolId, instrument: Instrument) -> Result<(), AddError> {
        let contract = Contract::new(id, instrument).ok_or(AddError::Grid)?;
        let name = contract.instrument.name.as_bytes();
        match self.position(name) {
            Ok(at) => {
                if let Some(old) = self.by_name.get_mut(at) {
                    *old = contract;
                }
            }
            Err(_) if self.by_name.len() >= CONTRACTS_MAX => return Err(AddError::Full),
            Err(at) => self.by_name.insert(at, contract),
        }
        Ok(())
    }

    /// Forgets a symbol.
    pub fn remove(&mut self, id: SymbolId) {
        self.by_name.retain(|contract| contract.id != id);
    }

    /// By upper-case name, as it stands in payloads.
    #[inline]
    #[must_use]
    pub fn by_name(&self, name: &[u8]) -> Option<&Contract> {
        self.by_name.get(self.position(name).ok()?)
    }

    /// By name in the lower case of stream names.
    #[must_use]
    pub fn by_stream_name(&self, name: &[u8]) -> Option<&Contract> {
        self.by_name
            .iter()
            .find(|contract| is_lowercase_of(name, contract.instrument.name.as_bytes()))
    }

    /// By id.
    #[must_use]
    pub fn by_id(&self, id: SymbolId) -> Option<&Contract> {
        self.by_name.iter().find(|contract| contract.id == id)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Contract> {
        self.by_name.iter()
    }

    fn position(&self, name: &[u8]) -> Result<usize, usize> {
        self.by_name
            .binary_search_by(|contract| contract.instrument.name.as_bytes().cmp(name))
    }
}

fn is_lowercase_of(lower: &[u8], upper: &[u8]) -> bool {
    lower.len() == upper.len()
        && lower
            .iter()
            .zip(upper)
            .all(|(l, u)| *l == u.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use phoenix_core::instrument::ethusdc;

    fn named(name: &str) -> Instrument {
        Instrument {
            name: name.into(),
            ..ethusdc()
        }
    }

    #[test]
    fn symbols_are_found_by_every_name_and_forgotten() {
        let mut contracts = Contracts::default();
        for (id, name) in ["SOLUSDC", "BTCUSDC", "测试USDC", "ETHUSDC"]
            .iter()
            .enumerate()
        {
            let id = SymbolId(u16::try_from(id).expect("few"));
            contracts.add(id, named(name)).expect("fits");
        }
        let eth = contracts.by_name(b"ETHUSDC").expect("added");
        assert_eq!(eth.id, SymbolId(3));
        assert_eq!(contracts.by_stream_name(b"ethusdc"), Some(eth));
        assert_eq!(contracts.by_stream_name(b"ETHUSDC"), None);
        assert_eq!(contracts.by_id(SymbolId(3)), Some(eth));
        assert_eq!(contracts.by_name(b"ETHUSDT"), None);
        assert!(contracts.by_stream_name("测试usdc".as_bytes()).is_some());
        contracts.remove(SymbolId(3));
        assert_eq!(contracts.by_name(b"ETHUSDC"), None);
        assert_eq!(contracts.iter().count(), 3);
    }

    #[test]
    fn a_second_add_replaces_the_data() {
        let mut contracts = Contracts::default();
        contracts.add(SymbolId(0), ethusdc()).expect("fits");
        let changed = Instrument {
            tick_e8: 10_000_000,
            ..ethusdc()
        };
        contracts.add(SymbolId(0), changed).expect("fits");
        assert_eq!(contracts.iter().count(), 1);
        let eth = contracts.by_name(b"ETHUSDC").expect("added");
        assert_eq!(eth.price.decimals(), 1);
    }

    #[test]
    fn unusable_grids_and_too_many_symbols_are_refused() {
        let mut contracts = Contracts::default();
        let broken = Instrument {
            step_e8: 0,
            ..ethusdc()
        };
        assert_eq!(contracts.add(SymbolId(0), broken), Err(AddError::Grid));
        for n in 0..CONTRACTS_MAX {
            let id = SymbolId(u16::try_from(n).expect("few"));
            contracts.add(id, named(&format!("S{n}"))).expect("fits");
        }
        assert_eq!(contracts.add(SymbolId(999), ethusdc()), Err(AddError::Full));
    }
}
