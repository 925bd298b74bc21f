//! Checking files without a gateway: `herdgate validate`.

use super::items::split_items;
use super::{Decoded, OtherJobsArtifact, findings, legacy, pulse_json, push};
use crate::core::Content;
use crate::domain::{ClaimedIdentity, ProjectName, UNKNOWN, Violation};
use bytes::Bytes;
use serde_json::Value;

/// What the documents of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentFormat {
    /// Pulse job messages.
    Pulse,
    /// Items of legacy job collections.
    Jobs,
    /// Items of push collections.
    Pushes,
}

/// What is wrong with one document of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemReport {
    /// Position in the file, counted from 0.
    pub index: usize,
    /// What could be read of it.
    pub claimed: ClaimedIdentity,
    /// Empty: valid.
    pub violations: Vec<Violation>,
    /// What would be accepted but looks wrong.
    pub warnings: Vec<Violation>,
}

/// Runs every document of a file (an array, JSON lines or one document) through the validators that
/// submissions go through. Field paths are those of one message for [`DocumentFormat::Pulse`] and
/// those of the collection, so with the index first, for the others.
pub fn validate(format: DocumentFormat, bytes: &Bytes) -> Vec<ItemReport> {
    let documents = split_items(bytes).into_iter().enumerate();
    documents
        .map(|(index, raw)| match format {
            DocumentFormat::Pulse => message(index, &raw),
            DocumentFormat::Jobs => job(index, &raw),
            DocumentFormat::Pushes => push_item(index, raw),
        })
        .collect()
}

fn message(index: usize, raw: &[u8]) -> ItemReport {
    report(index, pulse_json::decode(raw))
}

/// An item of a job collection, with the artifacts in it that are of other jobs.
fn job(index: usize, raw: &[u8]) -> ItemReport {
    let mut report = match pulse_json::parse(raw) {
        Ok(document) => job_of(index, &document),
        Err(violation) => report(index, Decoded::refused(violation, ClaimedIdentity::default())),
    };
    let found = report.violations.iter_mut().chain(&mut report.warnings);
    found.for_each(|violation| legacy::place_in_collection(violation, index));
    report
}

/// No URL names the project of a file, so that of the item stands in for it, or any.
fn job_of(index: usize, document: &Value) -> ItemReport {
    let own = document.get("project").and_then(Value::as_str);
    let project = own.filter(|own| ProjectName::try_new(own).is_ok()).unwrap_or(UNKNOWN);
    let mut decoded = legacy::job_of_document(document, Some(project));
    let others = std::mem::take(&mut decoded.for_other_jobs);
    let mut report = report(index, decoded);
    for OtherJobsArtifact { path, raw } in others {
        let other = self::report(index, legacy::decode_artifact(&raw, Some(project)));
        let placed = |mut found: Violation| {
            findings::place(&mut found, "", &path);
            found
        };
        report.violations.extend(other.violations.into_iter().map(placed));
        report.warnings.extend(other.warnings.into_iter().map(placed));
    }
    report
}

fn report(index: usize, decoded: Decoded) -> ItemReport {
    let (claimed, violations) = match decoded.content {
        Content::Invalid(refused) => (refused.claimed, refused.violations),
        Content::Job(job) => {
            let (project, revision) = (job.project.as_str(), job.revision.as_str());
            (ClaimedIdentity::new(Some(project), Some(revision), Some(job.guid.as_str())), Vec::new())
        }
        Content::Artifact(artifact) => {
            let (project, guid) = (artifact.project.as_str(), artifact.guid.as_str());
            (ClaimedIdentity::new(Some(project), None, Some(guid)), Vec::new())
        }
    };
    ItemReport { index, claimed, violations, warnings: decoded.warnings }
}

fn push_item(index: usize, raw: Bytes) -> ItemReport {
    let (claimed, violations) = match push::decode_push_json(index, raw).push {
        Ok(push) => (ClaimedIdentity::new(None, Some(push.revision.as_str()), None), Vec::new()),
        Err(refused) => (refused.claimed, refused.violations),
    };
    ItemReport { index, claimed, violations, warnings: Vec::new() }
}
