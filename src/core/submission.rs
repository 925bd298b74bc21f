//! What doors hand to the core.

use super::holding;
use crate::domain::{
    ArtifactSubmission, ClaimedIdentity, ContentDigest, Door, Job, Push, RawFormat, Refused, Violation,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// One job or artifact as one door received it.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The door.
    pub door: Door,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// Its bytes, kept when it is held.
    pub raw: Bytes,
    /// What the bytes are.
    pub format: RawFormat,
    /// Project of the request, for formats whose bytes do not name it.
    pub request_project: Option<String>,
    /// What the door read in it.
    pub content: Content,
    /// What was accepted but looks wrong.
    pub warnings: Vec<Violation>,
    /// Set if it was held before and comes again from there.
    pub held: Option<HeldOrigin>,
    /// What the door knew beside the bytes.
    pub context: Option<Arc<DeliveryContext>>,
}

/// What a door knew beside the bytes of a submission; kept with them if they are held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryContext {
    /// Routing key of a Pulse message.
    pub routing_key: Option<String>,
    /// All of it, as a JSON object.
    pub json: String,
}

/// What a door read in a submission.
#[derive(Debug, Clone)]
pub enum Content {
    /// A job.
    Job(Box<Job>),
    /// Parts for a job.
    Artifact(Box<ArtifactSubmission>),
    /// Nothing that can be stored; it will be held as rejected.
    Invalid(Refused),
}

/// The held message that a submission comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldOrigin {
    /// Number of the held message.
    pub id: i64,
    /// An operator or submitter asked for it; otherwise what it waited for has come.
    pub replayed: bool,
}

impl DeliveryContext {
    /// Member of the object that names the registration which a Pulse message came by.
    pub const REGISTRATION: &str = "registration";
}

/// One push as a door received it.
#[derive(Debug, Clone)]
pub struct PushSubmission {
    /// Its bytes, kept when it is rejected.
    pub raw: Bytes,
    /// What the bytes are.
    pub format: RawFormat,
    /// The push, or what is wrong with it.
    pub push: Result<Push, Refused>,
}

/// A submission on its way through the writer, with the one it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) submission: Submission,
    /// Credential or exchange.
    pub(crate) source: Arc<str>,
}

impl Item {
    /// What it names, whether it is valid or not.
    pub(crate) fn claimed(&self) -> ClaimedIdentity {
        match &self.submission.content {
            Content::Job(job) => ClaimedIdentity::new(
                Some(job.project.as_str()),
                Some(job.revision.as_str()),
                Some(job.guid.as_str()),
            ),
            Content::Artifact(artifact) => {
                ClaimedIdentity::new(Some(artifact.project.as_str()), None, Some(artifact.guid.as_str()))
            }
            Content::Invalid(refused) => refused.claimed.clone(),
        }
    }

    /// The guid that shards and families go by; none if it could not be read.
    pub(crate) fn guid(&self) -> Option<&str> {
        match &self.submission.content {
            Content::Job(job) => Some(job.guid.as_str()),
            Content::Artifact(artifact) => Some(artifact.guid.as_str()),
            Content::Invalid(refused) => refused.claimed.guid.as_deref(),
        }
    }

    /// Digest of its bytes, for held messages.
    pub(crate) fn raw_digest(&self) -> ContentDigest {
        let submission = &self.submission;
        holding::raw_digest(submission.format, submission.request_project.as_deref(), &submission.raw)
    }
}
