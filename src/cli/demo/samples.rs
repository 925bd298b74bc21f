//! The bundled samples: `samples/` of the source tree, so that they can be submitted by hand too.

use crate::cli::failure::Failure;
use crate::proto::{Commit, Push};
use bytes::Bytes;
use prost_types::Timestamp;
use serde::Deserialize;

/// Repository of all samples.
pub(super) const PROJECT: &str = "quarry";

const JOBS: &str = include_str!("../../../samples/jobs.json");
/// A job collection of the legacy REST API, on the first push.
pub(super) const LEGACY_JOBS: &str = include_str!("../../../samples/legacy_jobs.json");
const PUSHES: &str = include_str!("../../../samples/pushes.json");
/// The sample job that has every field.
const FULL_JOB: &str = "3b9e1d77-2f60-4c5b-8a3e-d1c4f7b60a02/1";

/// What the demo submits.
pub(super) struct Samples {
    /// Known before the jobs.
    pub push: Push,
    /// Comes after them.
    pub late_push: Push,
    /// Pulse job messages.
    pub jobs: Vec<Bytes>,
    /// Guid of the job to read back.
    pub read_back: String,
}

impl Samples {
    pub fn push_revision(&self) -> &str {
        self.push.revision.as_deref().unwrap_or_default()
    }

    pub fn late_push_revision(&self) -> &str {
        self.late_push.revision.as_deref().unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct SamplePush {
    revision: String,
    push_timestamp: i64,
    author: String,
    revisions: Vec<SampleCommit>,
}

#[derive(Deserialize)]
struct SampleCommit {
    revision: String,
    author: String,
    comment: String,
}

/// Reads the samples.
///
/// # Errors
/// If the files that the binary was built from were not what they should be.
pub(super) fn load() -> Result<Samples, Failure> {
    let broken =
        |error: serde_json::Error| Failure::Refused(format!("the bundled samples are broken: {error}"));
    let jobs: Vec<&serde_json::value::RawValue> = serde_json::from_str(JOBS).map_err(broken)?;
    let [push, late_push]: [SamplePush; 2] = serde_json::from_str(PUSHES).map_err(broken)?;
    Ok(Samples {
        push: push.into(),
        late_push: late_push.into(),
        jobs: jobs.into_iter().map(|job| Bytes::from_static(job.get().as_bytes())).collect(),
        read_back: FULL_JOB.into(),
    })
}

impl From<SamplePush> for Push {
    fn from(sample: SamplePush) -> Self {
        let commit = |commit: SampleCommit| Commit {
            revision: Some(commit.revision),
            author: Some(commit.author),
            comment: Some(commit.comment),
        };
        Self {
            revision: Some(sample.revision),
            push_timestamp: Some(Timestamp { seconds: sample.push_timestamp, nanos: 0 }),
            author: Some(sample.author),
            revisions: sample.revisions.into_iter().map(commit).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn jobs() -> Vec<Value> {
        load().unwrap().jobs.iter().map(|job| serde_json::from_slice(job).unwrap()).collect()
    }

    #[test]
    fn the_samples_show_both_shapes_of_the_message() {
        let kinds: Vec<_> =
            jobs().iter().map(|job| job["origin"]["kind"].as_str().map(str::to_owned)).collect();
        for kind in [None, Some("hg.mozilla.org"), Some("github.com")] {
            assert!(kinds.iter().any(|found| found.as_deref() == kind), "{kind:?}");
        }
    }

    #[test]
    fn one_job_waits_for_the_late_push_and_one_has_every_member_of_the_message() {
        let samples = load().unwrap();
        let late = Value::from(samples.late_push_revision());
        assert_eq!(jobs().iter().filter(|job| job["origin"]["revision"] == late).count(), 1);
        let full = jobs().into_iter().find(|job| job["taskId"] == *samples.read_back).unwrap();
        // All members of ingest contract 1.2.
        assert_eq!(full.as_object().unwrap().len(), 24);
    }
}
