//! Hands the bytes of the fuzzer to the target; what it does stands in `src/client_id.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phoenix_fuzz::client_id::run(bytes));
