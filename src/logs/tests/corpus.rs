//! Real logs with their exact expectations, read in place.

use super::super::{Artifacts, ParsedLog, Profile};
use super::parse_in_blocks;
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A log of the corpus with its expectation.
struct Sample {
    name: String,
    profile: Profile,
    bytes: Vec<u8>,
    expected: Value,
}

impl Sample {
    fn read(path: &Path, profile: Profile, expectation: &str) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_owned();
        let stem = name.trim_end_matches(".gz").trim_end_matches(".txt").trim_end_matches(".log");
        let expected = std::fs::read(path.with_file_name(format!("{stem}{expectation}"))).ok()?;
        let mut bytes = Vec::new();
        flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap())
            .read_to_end(&mut bytes)
            .unwrap();
        Some(Self { name, profile, bytes, expected: serde_json::from_slice(&expected).unwrap() })
    }

    /// What the parser gives, in the form of the expectation.
    fn found(&self, log: &ParsedLog) -> Value {
        let log_url = |summary: &Value| summary["logurl"].as_str().unwrap().to_owned();
        match self.profile {
            Profile::Of2018 => {
                let log_url = log_url(&self.expected["text_log_summary"]);
                serde_json::to_value(Artifacts { log_url: &log_url, log }).unwrap()
            }
            Profile::Of2026 => {
                let log_url = log_url(&self.expected);
                serde_json::to_value(Artifacts { log_url: &log_url, log }).unwrap()["text_log_summary"].take()
            }
        }
    }
}

fn samples() -> Vec<Sample> {
    let corpus = std::env::var_os("HERDGATE_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let kinds =
        [("logs", Profile::Of2018, ".expected.json"), ("logs-2026", Profile::Of2026, ".logview.json")];
    let mut samples = Vec::new();
    for (folder, profile, expectation) in kinds {
        let Ok(files) = std::fs::read_dir(corpus.join(folder)) else {
            println!("skipped: no logs at {}", corpus.join(folder).display());
            continue;
        };
        samples.extend(files.filter_map(|file| {
            let path = file.unwrap().path();
            path.extension()
                .is_some_and(|kind| kind == "gz")
                .then(|| Sample::read(&path, profile, expectation))?
        }));
    }
    samples
}

#[test]
fn real_logs_give_what_is_expected_of_them() {
    for sample in samples() {
        let log = parse_in_blocks(sample.profile, &sample.bytes, 64 * 1024);
        assert_eq!(sample.found(&log), sample.expected, "{}", sample.name);
    }
}

/// Beginning and end of every log, of so many bytes each: most of what a log has to say stands there.
const ENDS: usize = 4 * 1024;

#[test]
fn every_size_of_blocks_gives_the_same_of_the_ends_of_every_log() {
    for sample in samples() {
        let bytes = &sample.bytes;
        let ends = [&bytes[..bytes.len().min(ENDS)], &bytes[bytes.len().saturating_sub(ENDS)..]].concat();
        let whole = sample.found(&parse_in_blocks(sample.profile, &ends, ends.len().max(1)));
        for size in 1..=600 {
            let log = parse_in_blocks(sample.profile, &ends, size);
            assert!(sample.found(&log) == whole, "{} in blocks of {size}", sample.name);
        }
    }
}

/// A few sizes on the smaller logs. `HERDGATE_LONG=1` takes every size from 1 to 600 on all of them,
/// which wants a release build.
#[test]
fn the_size_of_the_blocks_changes_nothing() {
    let long = std::env::var_os("HERDGATE_LONG").is_some();
    for sample in samples().into_iter().filter(|sample| long || sample.bytes.len() < 1_000_000) {
        let sizes: Vec<usize> = if long { (1..=600).collect() } else { vec![1, 7, 600] };
        for size in sizes {
            let log = parse_in_blocks(sample.profile, &sample.bytes, size);
            assert!(sample.found(&log) == sample.expected, "{} in blocks of {size}", sample.name);
        }
    }
}
