//! Owns what the targets of the exchange's language share: contracts, account, instant; knows none of the messages.

use phoenix::binance::client_id::ClientIds;
use phoenix::binance::contracts::Contracts;
use phoenix::binance::decode::AccountScope;
use phoenix_core::instrument::{Instrument, SymbolId, ethusdc};
use phoenix_core::units::Wall;
use std::sync::OnceLock;

/// ETHUSDC.
pub const ETH: SymbolId = SymbolId(4);
/// An instant of 2026.
pub const NOW: Wall = Wall::from_millis(1_795_000_000_000);

/// ETHUSDC, and a contract whose grid is no power of ten.
pub fn contracts() -> &'static Contracts {
    static CONTRACTS: OnceLock<Contracts> = OnceLock::new();
    CONTRACTS.get_or_init(|| {
        let odd = Instrument {
            name: "ODDUSDC".to_owned(),
            tick_e8: 25_000_000,
            step_e8: 500_000_000,
            ..ethusdc()
        };
        let mut contracts = Contracts::default();
        contracts.add(ETH, ethusdc()).expect("a sound contract");
        contracts.add(SymbolId(5), odd).expect("a sound contract");
        contracts
    })
}

/// The account that trades.
pub fn account() -> &'static AccountScope {
    static ACCOUNT: OnceLock<AccountScope> = OnceLock::new();
    ACCOUNT.get_or_init(|| AccountScope {
        margin_asset: "USDC".to_owned(),
        ids: ClientIds::new("a1").expect("a sound name"),
    })
}
