//! The formats of the legacy REST door: items of job and artifact collections (ingest contract, sections
//! 2 and 7, as amended by its Appendix C and design section 5). Permissive where the contract is: what is
//! absent is filled in and what is too long is cut, which a warning says. Items of push collections are
//! read by [`super::push`].
//!
//! ```text
//! body ──split──► raw items ──parse──► document ──schema──► Members ──translate──► Job, ArtifactSubmission
//! ```

mod artifacts;
mod collection;
mod job;
mod members;

#[cfg(test)]
pub(super) mod tests;

pub(super) use artifacts::decode as decode_artifact;
pub use collection::{CollectionError, decode_collection, place_in_collection, split_collection};
pub(super) use job::{decode as decode_job, of_document as job_of_document};

use super::findings::Findings;
use crate::domain::{JobGuid, Violation};
use crate::limits;
use serde_json::Value;

/// The guid of an item, cut before anything looks it up (ingest contract, section 9, row 13). What is
/// wrong with it has been found by the schema.
fn guid(text: Option<&Value>, path: &str, findings: &mut Findings) -> Option<JobGuid> {
    let text = findings.fit(|| path.to_owned(), text?.as_str()?.to_owned(), limits::JOB_GUID);
    match JobGuid::try_new(&text) {
        Ok(guid) => Some(guid),
        Err(error) => {
            if findings.violations.is_empty() {
                findings.violations.push(Violation::of_text(path, &text, &error));
            }
            None
        }
    }
}
