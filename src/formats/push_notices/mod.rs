//! Messages by which hosts of repositories say that something was pushed, and the details that the
//! hosts give when they are asked (ingest contract 3.3 to 3.7, as amended by its Appendix C).
//!
//! A message only says where to look. The address that is asked is made from the registered repository,
//! never from the message (design rule R30).

mod address;
mod github;
mod mercurial;

#[cfg(test)]
mod tests;

pub use address::{RepositoryAddress, branch_fits};
pub use github::{PAGE_ITEMS, push_of_comparison, push_of_pull_request};
pub use mercurial::{PushLog, push_log};

use super::pulse_json;
use crate::domain::{ClaimedIdentity, Push, Refused, Violation};
use crate::limits;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Which host speaks; chosen by the registration of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Pushes on GitHub.
    GitHubPush,
    /// Pull requests on GitHub.
    GitHubPullRequest,
    /// Pushes on a Mercurial server.
    MercurialPush,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Something was pushed.
    Push(PushNotice),
    /// Something happened that is no push of commits.
    Skipped(Skipped),
}

/// Where something was pushed, and what to ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushNotice {
    /// The repository as the host names it.
    pub repository: RepositoryAddress,
    /// The branch.
    pub branch: NoticedBranch,
    /// What was pushed.
    pub details: PushDetails,
}

/// The branch that a message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticedBranch {
    /// A branch.
    Named(String),
    /// None, since it is a pull request.
    PullRequest,
    /// Mercurial: the repository is the branch.
    Whole,
}

/// What to ask the host for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushDetails {
    /// Nothing: the message says it all.
    InMessage(Push),
    /// The commits between two revisions.
    Comparison {
        /// Before the push.
        base: String,
        /// After it.
        head: String,
    },
    /// The commits of a pull request.
    PullRequest {
        /// Its number.
        number: u64,
    },
    /// Entries of the push log, each a push of its own.
    PushLog {
        /// Their numbers.
        ids: Vec<u64>,
    },
}

/// Why nothing comes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// A branch was deleted.
    #[error("the branch was deleted")]
    DeletedBranch,
    /// A tag was pushed.
    #[error("a tag is no push")]
    Tag,
    /// The list of pushes is empty.
    #[error("the message lists no push")]
    NoPush,
}

/// Reads a message, bare or in the envelope of MozillaPulse.
///
/// # Errors
/// What is missing in it, with its JSON Pointer.
pub fn read_push_notice(kind: NoticeKind, raw: &Bytes) -> Result<Notice, Refused> {
    let document = pulse_json::parse(raw).map_err(refused)?;
    match kind {
        NoticeKind::GitHubPush => github::push(message(&document)?),
        NoticeKind::GitHubPullRequest => github::pull_request(message(&document)?),
        NoticeKind::MercurialPush => mercurial::push(message(&document)?),
    }
    .map_err(refused)
}

/// A host's answer that is not what it documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// No JSON, or JSON of another shape: not worth asking again soon.
    #[error("the host's answer cannot be read: {0}")]
    Unreadable(String),
    /// It has no commit.
    #[error("the host's answer has no commit")]
    NoCommits,
    /// A commit has no valid revision.
    #[error("the host's answer has the revision {0:?}")]
    Revision(String),
}

fn answer<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AnswerError> {
    serde_json::from_slice(bytes).map_err(|error| AnswerError::Unreadable(error.to_string()))
}

fn message<T: DeserializeOwned>(document: &Value) -> Result<T, Refused> {
    let payload = document.get("payload").filter(|payload| payload.is_object()).unwrap_or(document);
    T::deserialize(payload).map_err(|error| {
        refused(Violation::new("", "push_message", format!("the message is no push message: {error}")))
    })
}

fn refused(violation: Violation) -> Refused {
    Refused { claimed: ClaimedIdentity::default(), violations: vec![violation] }
}

/// Text of a host that is longer than its column is cut: there is nobody to refuse it to.
fn fit(text: &str, limit: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(limit).collect()
}

fn fit_author(text: &str) -> String {
    fit(text, limits::AUTHOR)
}
