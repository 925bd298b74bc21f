//! Encodings of jobs, artifacts and pushes, and their translation into the domain.
//!
//! ```text
//! Pulse JSON ──parse──► document ──schema──► PulseMessage ──translate──► Job
//!                          ▲                      ▲
//! protobuf ── in doubt ────┘   plainly valid ─────┘
//!
//! legacy JSON ──parse──► document ──schema──► Members ──translate──► Job, ArtifactSubmission
//! ```

mod artifact;
mod bugzilla;
mod date_time;
mod findings;
mod items;
mod legacy;
mod performance;
mod protobuf;
mod pulse_json;
mod pulse_message;
mod push;
pub mod push_notices;
pub mod registration;
pub mod repository;
mod schema;
pub mod schema_words;
mod suggestions;
mod translate;
mod validate;

#[cfg(test)]
mod tests;

pub use bugzilla::{BUG_FIELDS, BugList, BugListError, parse_bug_list};
pub use findings::too_large;
pub use items::split_items;
pub use legacy::{CollectionError, decode_collection, place_in_collection, split_collection};
pub use performance::{check_performance, performance_document, performance_documents};
pub use push::{decode_push, decode_push_json, parse_push_collection};
pub use schema::schemas;
pub use suggestions::supplied_suggestions;
pub use validate::{DocumentFormat, ItemReport, validate};

use crate::core::{Content, PushSubmission};
use crate::domain::{ClaimedIdentity, RawFormat, Refused, Violation};
use crate::proto;
use bytes::Bytes;
use prost::Message;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a format made of raw bytes.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// Job, artifact or violations.
    pub content: Content,
    /// What was accepted but looks wrong.
    pub warnings: Vec<Violation>,
    /// Artifacts in a legacy job item that belong to other jobs. The door that receives the item submits
    /// each of them too, as [`RawFormat::LegacyArtifactJson`]; a release or replay of the item does not.
    pub for_other_jobs: Vec<OtherJobsArtifact>,
}

/// An artifact that stands in the item of one job and names another (ingest contract 7.1). The core lets
/// it through only if both are jobs of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherJobsArtifact {
    /// JSON Pointer of the artifact in the item.
    pub path: String,
    /// The artifact in JSON, as an item of a legacy artifact collection.
    pub raw: Bytes,
}

impl Decoded {
    /// A submission of which nothing else is known.
    fn refused(violation: Violation, claimed: ClaimedIdentity) -> Self {
        let content = Content::Invalid(Refused { claimed, violations: vec![violation] });
        Self { content, warnings: Vec::new(), for_other_jobs: Vec::new() }
    }
}

/// Runs raw bytes of a job or artifact through the whole pipeline of their format, the same for a
/// first submission, a release and a replay. `request_project` is the project of the request, for
/// artifacts and legacy items. Never panics: a submission that sets off a panic is refused with rule
/// `internal`.
pub fn decode(format: RawFormat, raw: &Bytes, request_project: Option<&str>) -> Decoded {
    caught(request_project, || decode_as(format, raw, request_project))
}

fn caught(request_project: Option<&str>, decode: impl FnOnce() -> Decoded) -> Decoded {
    // Nothing outlives the panic that the decoder may have left half done.
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        let id = uuid::Uuid::new_v4();
        tracing::error!(error_id = %id, "a submission makes its decoder panic");
        Decoded::refused(Violation::internal(id), ClaimedIdentity::new(request_project, None, None))
    })
}

fn decode_as(format: RawFormat, raw: &Bytes, request_project: Option<&str>) -> Decoded {
    match format {
        RawFormat::ProtobufJob => protobuf::decode_job(raw),
        RawFormat::PulseJson => pulse_json::decode(raw),
        RawFormat::ProtobufArtifact => protobuf::decode_artifact(raw, request_project),
        RawFormat::LegacyJobJson => legacy::decode_job(raw, request_project),
        RawFormat::LegacyArtifactJson => legacy::decode_artifact(raw, request_project),
        RawFormat::UndecodableFrame => Decoded::refused(
            protobuf::undecodable("send herdgate.v1.SubmitJobsRequest"),
            ClaimedIdentity::default(),
        ),
        RawFormat::CompressedBody => Decoded::refused(
            Violation::new(
                "",
                "compression",
                "the body could not be decompressed; publish the message again, plain or compressed by \
                 zlib, gzip or bzip2",
            ),
            ClaimedIdentity::default(),
        ),
        RawFormat::GithubPushJson | RawFormat::GithubPullRequestJson | RawFormat::MercurialPushJson => {
            Decoded::refused(
                Violation::new("", "format", "the message tells of a push, a job or artifact is expected"),
                ClaimedIdentity::default(),
            )
        }
        // Pushes have decoders of their own; reached only by bytes that were filed under a wrong word.
        RawFormat::ProtobufPush | RawFormat::LegacyPushJson => Decoded::refused(
            Violation::new("", "format", "the submission is a push, a job or artifact is expected"),
            ClaimedIdentity::new(request_project, None, None),
        ),
    }
}

/// A push from the bytes that were held of it; `None` if the bytes are of something else.
pub fn decode_held_push(format: RawFormat, raw: &Bytes) -> Option<PushSubmission> {
    match format {
        RawFormat::ProtobufPush => Some(match proto::Push::decode(raw.clone()) {
            Ok(push) => decode_push(0, &push),
            Err(_) => PushSubmission {
                raw: raw.clone(),
                format,
                push: Err(Refused {
                    claimed: ClaimedIdentity::default(),
                    violations: vec![protobuf::undecodable("send herdgate.v1.Push")],
                }),
            },
        }),
        RawFormat::LegacyPushJson => Some(decode_push_json(0, raw.clone())),
        RawFormat::ProtobufJob
        | RawFormat::PulseJson
        | RawFormat::ProtobufArtifact
        | RawFormat::LegacyJobJson
        | RawFormat::LegacyArtifactJson
        | RawFormat::GithubPushJson
        | RawFormat::GithubPullRequestJson
        | RawFormat::MercurialPushJson
        | RawFormat::UndecodableFrame
        | RawFormat::CompressedBody => None,
    }
}
