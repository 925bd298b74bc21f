//! See `herdgate::fuzzed::protobuf_job`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| herdgate::fuzzed::protobuf_job(bytes));
