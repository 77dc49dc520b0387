//! Owns the watching of the trading process from outside; nothing of it is built yet.
