//! See `herdgate::fuzzed::job_collection`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| herdgate::fuzzed::job_collection(bytes));
