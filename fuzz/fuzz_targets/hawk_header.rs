//! See `herdgate::fuzzed::hawk_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| herdgate::fuzzed::hawk_header(bytes));
