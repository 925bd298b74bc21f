//! Real messages, read in place.

use super::skipped;
use serde_json::Value;
use std::path::PathBuf;

/// Pulse messages of the shape of 2026.
pub const MESSAGES_2026: &str = "jobs/pulse_jobs_2026.json";
/// Pulse messages of the shape of 2018, whose project and revision a test sets.
pub const MESSAGES_2018: &str = "jobs/pulse_jobs_2018.json";

/// Folder of the corpus: `HERDGATE_CORPUS`, by default beside the repository. `None`, said aloud,
/// where there is none.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("HERDGATE_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    if folder.join(MESSAGES_2026).is_file() {
        return Some(folder);
    }
    skipped(&format!("no corpus at {}; HERDGATE_CORPUS says where one is", folder.display()));
    None
}

/// The messages of a file of the corpus.
pub fn messages(file: &str) -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(folder()?.join(file)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// Project and revision that a message names.
pub fn origin(message: &Value) -> (&str, &str) {
    let text = |name: &str| message["origin"][name].as_str().unwrap();
    (text("project"), text("revision"))
}
