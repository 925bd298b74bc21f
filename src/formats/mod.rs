//! Encodings of jobs, artifacts and pushes, and their translation into the domain.

use crate::core::{Content, PushSubmission};
use crate::domain::{RawFormat, Refused, Violation};
use crate::proto;
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
    let _ = (format, raw, request_project);
    unimplemented!()
}

/// The same for one push; `index` is its position in the request, the first part of its field paths.
pub fn decode_push(index: usize, push: &proto::Push) -> PushSubmission {
    let _ = (index, push, None::<Refused>);
    unimplemented!()
}

/// Stand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DocumentFormat {
    Pulse,
    Jobs,
    Pushes,
}

/// Stand-in.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct ItemReport {
    pub index: usize,
    pub claimed: crate::domain::ClaimedIdentity,
    pub violations: Vec<Violation>,
    pub warnings: Vec<Violation>,
}

/// Stand-in.
pub fn split_items(document: &Bytes) -> Vec<Bytes> {
    let _ = document;
    unimplemented!()
}

/// Stand-in.
pub fn validate(format: DocumentFormat, document: &Bytes) -> Vec<ItemReport> {
    let _ = (format, document);
    unimplemented!()
}

/// Stand-in.
pub fn parse_push_collection(document: &Bytes) -> Vec<PushSubmission> {
    let _ = document;
    unimplemented!()
}
