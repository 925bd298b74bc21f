//! Real messages, read in place.

use super::jobs::new_revision;
use super::skipped;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
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

/// Projects of [`all_messages`].
pub const PROJECTS: [&str; 3] = ["autoland", "try", "mozilla-inbound"];

/// The 46 messages of 2026 and the 5 of 2018, the latter on the project and push that we set.
pub fn all_messages() -> Option<Vec<Value>> {
    let mut all = messages(MESSAGES_2026)?;
    let revision = new_revision();
    for mut message in messages(MESSAGES_2018)? {
        message["origin"]["project"] = json!("autoland");
        message["origin"]["revision"] = json!(revision);
        all.push(message);
    }
    Some(all)
}

/// The revisions that messages name, by project.
pub fn revisions(messages: &[Value]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut revisions = BTreeMap::<&str, BTreeSet<&str>>::new();
    for message in messages {
        let (project, revision) = origin(message);
        revisions.entry(project).or_default().insert(revision);
    }
    revisions
}

/// Project and revision that a message names.
pub fn origin(message: &Value) -> (&str, &str) {
    let text = |name: &str| message["origin"][name].as_str().unwrap();
    (text("project"), text("revision"))
}
