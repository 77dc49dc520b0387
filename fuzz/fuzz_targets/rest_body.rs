//! Hands the bytes of the fuzzer to the target; what it does stands in `src/rest_body.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phoenix_fuzz::rest_body::run(bytes));
