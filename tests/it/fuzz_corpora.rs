//! What fuzzing found and started from, replayed: `fuzz/run.sh` looks for more.

use herdgate::fuzzed;
use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        println!("{}", file.display());
        run(&std::fs::read(&file).unwrap());
    }
}

#[test]
fn pulse_jobs_hold_what_fuzzing_asserts() {
    replay("pulse_job", fuzzed::pulse_job);
}

#[test]
fn protobuf_jobs_hold_what_fuzzing_asserts() {
    replay("protobuf_job", fuzzed::protobuf_job);
}

#[test]
fn job_collections_hold_what_fuzzing_asserts() {
    replay("job_collection", fuzzed::job_collection);
}

#[test]
fn hawk_headers_hold_what_fuzzing_asserts() {
    replay("hawk_header", fuzzed::hawk_header);
}

#[test]
fn logs_hold_what_fuzzing_asserts() {
    replay("log", fuzzed::log);
}
