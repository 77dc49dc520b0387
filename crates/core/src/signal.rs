//! Owns what is measured from market data for the strategies; knows nothing of quotes or positions.

pub mod funding;
pub mod volatility;
pub mod vpin;
