//! See `herdgate::fuzzed::pulse_job`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| herdgate::fuzzed::pulse_job(bytes));
