//! Checking files without a gateway: `herdgate validate`.

use super::items::split_items;
use super::{pulse_json, push, schema};
use crate::core::Content;
use crate::domain::{ClaimedIdentity, Violation};
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
    let decoded = pulse_json::decode(raw);
    let (claimed, violations) = match decoded.content {
        Content::Invalid(refused) => (refused.claimed, refused.violations),
        Content::Job(job) => {
            let (project, revision) = (job.project.as_str(), job.revision.as_str());
            (ClaimedIdentity::new(Some(project), Some(revision), Some(job.guid.as_str())), Vec::new())
        }
        // No Pulse message is an artifact.
        Content::Artifact(_) => (ClaimedIdentity::default(), Vec::new()),
    };
    ItemReport { index, claimed, violations, warnings: decoded.warnings }
}

fn job(index: usize, raw: &[u8]) -> ItemReport {
    let path = format!("/{index}");
    let (claimed, mut violations) = match pulse_json::parse(raw) {
        Ok(document) => {
            let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
            let claimed = ClaimedIdentity::new(text("/project"), text("/revision"), text("/job/job_guid"));
            (claimed, schema::LEGACY_JOB.violations(&document))
        }
        Err(violation) => (ClaimedIdentity::default(), vec![violation]),
    };
    violations.iter_mut().for_each(|violation| super::findings::place(violation, "", &path));
    ItemReport { index, claimed, violations, warnings: Vec::new() }
}

fn push_item(index: usize, raw: Bytes) -> ItemReport {
    let (claimed, violations) = match push::decode_push_json(index, raw).push {
        Ok(push) => (ClaimedIdentity::new(None, Some(push.revision.as_str()), None), Vec::new()),
        Err(refused) => (refused.claimed, refused.violations),
    };
    ItemReport { index, claimed, violations, warnings: Vec::new() }
}
