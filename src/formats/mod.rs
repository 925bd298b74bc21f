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
pub mod registration;
mod schema;
mod translate;
mod validate;

#[cfg(test)]
mod tests;

pub use items::split_items;
pub use push::{decode_push, decode_push_json, parse_push_collection};
pub use schema::schemas;
pub use validate::{DocumentFormat, ItemReport, validate};

use crate::core::{Content, PushSubmission};
use crate::domain::{ClaimedIdentity, RawFormat, Refused, Violation};
use crate::proto;
use bytes::Bytes;
use prost::Message;

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
        RawFormat::CompressedBody => protobuf::refused(
            Violation::new(
                "",
                "compression",
                "the body could not be decompressed; publish the message again, plain or compressed by \
                 zlib, gzip or bzip2",
            ),
            ClaimedIdentity::default(),
        ),
        // Pushes have decoders of their own; reached only by bytes that were filed under a wrong word.
        RawFormat::ProtobufPush | RawFormat::LegacyPushJson => protobuf::refused(
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
        | RawFormat::UndecodableFrame
        | RawFormat::CompressedBody => None,
    }
}
