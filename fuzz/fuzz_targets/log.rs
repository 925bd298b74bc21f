//! See `herdgate::fuzzed::log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| herdgate::fuzzed::log(bytes));
