//! Specifications of the legacy formats, by section of the ingest contract.

mod artifacts;
mod collection;
mod corpus;
mod lists;
mod random;
mod table;
pub(in crate::formats) mod through_pulse;

use super::super::{Decoded, decode};
use crate::core::Content;
use crate::domain::{Job, RawFormat};
use serde_json::{Value, json};

const PROJECT: &str = "quince-central";
const REVISION: &str = "7d1e5a2c90b34f6688aa1123deadbeef00c0ffee";

/// An item with nothing but a guid and a revision.
fn bare() -> Value {
    json!({"revision": REVISION, "job": {"job_guid": "guid"}})
}

/// The bare item with one member of the job set.
fn with(field: &str, value: Value) -> Value {
    let mut item = bare();
    item["job"][field] = value;
    item
}

fn decoded(item: &Value) -> Decoded {
    decode(RawFormat::LegacyJobJson, &item.to_string().into(), Some(PROJECT))
}

#[track_caller]
fn job(item: &Value) -> Job {
    job_of(decoded(item))
}

#[track_caller]
fn job_of(decoded: Decoded) -> Job {
    match decoded.content {
        Content::Job(job) => *job,
        other => panic!("no job: {other:#?}"),
    }
}

/// (path, rule) of every violation, sorted.
fn broken(decoded: &Decoded) -> Vec<(&str, &str)> {
    let Content::Invalid(refused) = &decoded.content else { return Vec::new() };
    let mut broken: Vec<_> = refused.violations.iter().map(|v| (&*v.path, &*v.rule)).collect();
    broken.sort_unstable();
    broken
}

/// (path, rule, limit) of every warning.
fn warnings(decoded: &Decoded) -> Vec<(&str, &str, &str)> {
    let warnings = decoded.warnings.iter();
    warnings.map(|w| (&*w.path, &*w.rule, w.limit.as_deref().unwrap_or_default())).collect()
}
