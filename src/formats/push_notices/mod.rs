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

pub use address::{BranchFit, RepositoryAddress, branch_fits};
pub use github::{CommitPage, PAGE_ITEMS, push_of_pages};
pub use mercurial::{PushLog, push_log};

use super::pulse_json;
use crate::domain::{ClaimedIdentity, ExchangeKind, Push, PushTarget, RawFormat, Refused, Violation};
use crate::limits;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};

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

impl NoticeKind {
    /// What the bytes of its messages are.
    pub fn raw_format(self) -> RawFormat {
        match self {
            Self::GitHubPush => RawFormat::GithubPushJson,
            Self::GitHubPullRequest => RawFormat::GithubPullRequestJson,
            Self::MercurialPush => RawFormat::MercurialPushJson,
        }
    }

    /// The kind whose messages these bytes are; none: they are of no message about pushes.
    pub fn of_raw_format(format: RawFormat) -> Option<Self> {
        [Self::GitHubPush, Self::GitHubPullRequest, Self::MercurialPush]
            .into_iter()
            .find(|kind| kind.raw_format() == format)
    }

    /// What an exchange of this kind carries; none: jobs.
    pub fn of_exchange(kind: ExchangeKind) -> Option<Self> {
        match kind {
            ExchangeKind::Jobs => None,
            ExchangeKind::GithubPush => Some(Self::GitHubPush),
            ExchangeKind::GithubPullRequest => Some(Self::GitHubPullRequest),
            ExchangeKind::HgPush => Some(Self::MercurialPush),
        }
    }
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
    /// These, each a push of its own.
    ToFetch(Vec<PushTarget>),
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

impl Skipped {
    /// Says it beside a verdict.
    pub fn warning(self) -> Violation {
        Violation::new("", "skipped", format!("nothing is stored: {self}"))
    }

    /// As a label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeletedBranch => "deleted_branch",
            Self::Tag => "tag",
            Self::NoPush => "no_push",
        }
    }
}

/// Reads a message, bare or in the envelope of MozillaPulse. Never panics: a message that sets off a panic is
/// refused with rule `internal`.
///
/// # Errors
/// What is missing in it, with its JSON Pointer.
pub fn read_push_notice(kind: NoticeKind, raw: &Bytes) -> Result<Notice, Refused> {
    // Nothing outlives the panic that the reader may have left half done.
    catch_unwind(AssertUnwindSafe(|| read(kind, raw))).unwrap_or_else(|_| {
        let id = uuid::Uuid::new_v4();
        tracing::error!(error_id = %id, "a message that tells of a push makes its reader panic");
        Err(refused(Violation::internal(id)))
    })
}

fn read(kind: NoticeKind, raw: &Bytes) -> Result<Notice, Refused> {
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
