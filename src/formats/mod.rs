//! Encodings of jobs, artifacts and pushes, and their translation into the domain.
//!
//! ```text
//! Pulse JSON ──parse──► document ──schema──► PulseMessage ──translate──► Job
//!                          ▲                      ▲
//! protobuf ── in doubt ────┘   plainly valid ─────┘
//! ```

mod artifact;
mod date_time;
mod findings;
mod items;
mod protobuf;
mod pulse_json;
mod pulse_message;
mod push;
mod schema;
mod translate;
mod validate;

pub use items::split_items;
pub use push::{decode_push, decode_push_json, parse_push_collection};
pub use schema::schemas;
pub use validate::{DocumentFormat, ItemReport, validate};

use crate::core::Content;
use crate::domain::{ClaimedIdentity, RawFormat, Violation};
use bytes::Bytes;

/// What a format made of raw bytes.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// Job, artifact or violations.
    pub content: Content,
    /// What was accepted but looks wrong.
    pub warnings: Vec<Violation>,
}

/// Runs raw bytes of a job or artifact through the whole pipeline of their format, the same for a
/// first submission, a release and a replay. `request_project` is the project of the request, for
/// artifacts. Never panics.
pub fn decode(format: RawFormat, raw: &Bytes, request_project: Option<&str>) -> Decoded {
    match format {
        RawFormat::ProtobufJob => protobuf::decode_job(raw),
        RawFormat::PulseJson => pulse_json::decode(raw),
        RawFormat::ProtobufArtifact => protobuf::decode_artifact(raw, request_project),
        RawFormat::UndecodableFrame => protobuf::refused(
            protobuf::undecodable("send herdgate.v1.SubmitJobsRequest"),
            ClaimedIdentity::default(),
        ),
        // Pushes have decoders of their own; reached only by bytes that were filed under a wrong word.
        RawFormat::ProtobufPush | RawFormat::LegacyPushJson => protobuf::refused(
            Violation::new("", "format", "the submission is a push, a job or artifact is expected"),
            ClaimedIdentity::new(request_project, None, None),
        ),
    }
}

/// Stand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DocumentFormat {
    PulseJob,
    JobCollection,
    PushCollection,
}

/// Stand-in.
pub fn split_items(document: &[u8]) -> Result<Vec<Bytes>, Violation> {
    let list: Result<Vec<&serde_json::value::RawValue>, _> = serde_json::from_slice(document);
    let bytes = |raw: &serde_json::value::RawValue| Bytes::copy_from_slice(raw.get().as_bytes());
    if let Ok(list) = list {
        return Ok(list.into_iter().map(bytes).collect());
    }
    serde_json::Deserializer::from_slice(document)
        .into_iter::<Box<serde_json::value::RawValue>>()
        .map(|raw| raw.map(|raw| bytes(&raw)))
        .collect::<Result<_, _>>()
        .map_err(|error| Violation::new("", "json", error.to_string()))
}

/// Stand-in: the violations of each item.
pub fn validate(format: DocumentFormat, document: &[u8]) -> Vec<Vec<Violation>> {
    let _ = (format, document);
    unimplemented!()
}

/// Stand-in.
pub fn parse_push_collection(document: &[u8]) -> Result<Vec<proto::Push>, Vec<Violation>> {
    let _ = document;
    unimplemented!()
}

/// A held push; none if the format is of something else. STUB
pub fn decode_held_push(format: RawFormat, raw: &Bytes) -> Option<PushSubmission> {
    let _ = (format, raw);
    unimplemented!()
}

/// Published schemas by file name, as served at `/schemas/`.
pub fn schemas() -> &'static [(&'static str, &'static str)] {
    &[]
}
