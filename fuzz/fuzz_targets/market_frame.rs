//! Hands the bytes of the fuzzer to the target; what it does stands in `src/market_frame.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phoenix_fuzz::market_frame::run(bytes));
