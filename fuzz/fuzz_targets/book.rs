//! Hands the bytes of the fuzzer to the target; what it does stands in `src/book.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| phoenix_fuzz::book::run(bytes));
