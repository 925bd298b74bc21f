//! What became of a submission.

use super::text::InvalidText;
use crate::limits;
use chrono::{DateTime, Utc};
use std::borrow::Cow;
use std::time::Duration;

/// What became of one submission.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Guid as submitted, if it could be read.
    pub guid: Option<Box<str>>,
    /// The verdict.
    pub outcome: Outcome,
    /// What was accepted but looks wrong.
    pub warnings: Vec<Violation>,
}

/// The closed set of verdicts (design section 3). The first three are given only after the commit
/// that makes them true.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It created or updated something.
    Stored(StoredReason),
    /// Committed state already says this or more.
    Unchanged(UnchangedReason),
    /// Durably held until what it waits for comes.
    Parked {
        /// What it waits for.
        waiting_for: ParkedFor,
        /// When it stops waiting.
        expires_at: DateTime<Utc>,
    },
    /// It can never be stored as it is.
    Rejected(Vec<Violation>),
    /// Send again.
    RetryLater {
        /// Not before this.
        delay: Duration,
        /// Why.
        cause: RetryCause,
    },
}

impl Outcome {
    /// Name of the verdict in metrics and on the command line.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stored(_) => "stored",
            Self::Unchanged(_) => "unchanged",
            Self::Parked { .. } => "parked",
            Self::Rejected(_) => "rejected",
            Self::RetryLater { .. } => "retry_later",
        }
    }

    /// Why, in one word.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Stored(StoredReason::Created) => Reason::Created,
            Self::Stored(StoredReason::Updated) => Reason::Updated,
            Self::Stored(StoredReason::PartsAdded) => Reason::PartsAdded,
            Self::Unchanged(UnchangedReason::Duplicate) => Reason::Duplicate,
            Self::Unchanged(UnchangedReason::StaleState) => Reason::StaleState,
            Self::Unchanged(UnchangedReason::NothingToStore) => Reason::NothingToStore,
            Self::Unchanged(UnchangedReason::ConflictingResult { .. }) => Reason::ConflictingResult,
            Self::Parked { waiting_for: ParkedFor::Push, .. } => Reason::WaitingForPush,
            Self::Parked { waiting_for: ParkedFor::Job, .. } => Reason::WaitingForJob,
            Self::Rejected(violations) => match violations.first().map(|v| &*v.rule) {
                Some("forbidden_project") => Reason::Forbidden,
                Some("parking_full") => Reason::ParkingFull,
                Some(INTERNAL) => Reason::Internal,
                _ => Reason::Invalid,
            },
            Self::RetryLater { cause: RetryCause::DatabaseUnavailable, .. } => Reason::DatabaseUnavailable,
            Self::RetryLater { cause: RetryCause::Overloaded | RetryCause::Internal(_), .. } => {
                Reason::Overloaded
            }
        }
    }

    /// Why, in a sentence, where the word does not say it all; else empty.
    pub fn detail(&self) -> String {
        match self {
            Self::Unchanged(UnchangedReason::ConflictingResult { stored, submitted }) => {
                format!("the job completed as {stored:?}, which stays; {submitted:?} was submitted")
            }
            Self::Rejected(violations) => match violations.first() {
                Some(first) if violations.len() > 1 => {
                    format!("{} (and {} more)", first.sentence(), violations.len() - 1)
                }
                Some(first) => first.sentence(),
                None => String::new(),
            },
            _ => String::new(),
        }
    }
}

/// Why a verdict is what it is, in one word, the same at every door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Stored: a new job or push.
    Created,
    /// Stored: an existing one changed.
    Updated,
    /// Stored: parts were added; state and result stay (R7).
    PartsAdded,
    /// Unchanged: exactly this was applied before.
    Duplicate,
    /// Unchanged: the job is further already.
    StaleState,
    /// Unchanged: a message that tells of nothing to store; the warnings say of what.
    NothingToStore,
    /// Unchanged: the job completed with another result, which stays.
    ConflictingResult,
    /// Parked: no push has its revision yet.
    WaitingForPush,
    /// Parked: no job has its guid yet.
    WaitingForJob,
    /// Rejected: see the violations.
    Invalid,
    /// Rejected: the credential may not write the project.
    Forbidden,
    /// Rejected: too much of this source waits already.
    ParkingFull,
    /// Rejected: the submission sets off a bug of ours; it is kept, and can be replayed once that is mended.
    Internal,
    /// To be sent again: the database is away.
    DatabaseUnavailable,
    /// To be sent again: more work than the gateway takes in.
    Overloaded,
}

impl Reason {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::PartsAdded => "parts_added",
            Self::Duplicate => "duplicate",
            Self::StaleState => "stale_state",
            Self::NothingToStore => "nothing_to_store",
            Self::ConflictingResult => "conflicting_result",
            Self::WaitingForPush => "waiting_for_push",
            Self::WaitingForJob => "waiting_for_job",
            Self::Invalid => "invalid",
            Self::Forbidden => "forbidden",
            Self::ParkingFull => "parking_full",
            Self::Internal => INTERNAL,
            Self::DatabaseUnavailable => "database_unavailable",
            Self::Overloaded => "overloaded",
        }
    }
}

/// What was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredReason {
    /// A new job or push.
    Created,
    /// An existing one changed.
    Updated,
    /// Parts were added; state and result stay (R7).
    PartsAdded,
}

/// Why nothing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnchangedReason {
    /// Exactly this was applied before.
    Duplicate,
    /// The job is further already.
    StaleState,
    /// A message that tells of nothing to store, such as a tag; the warnings say of what.
    NothingToStore,
    /// The job completed with another result, which stays.
    ConflictingResult {
        /// Result of the stored job.
        stored: Box<str>,
        /// Result that was submitted.
        submitted: Box<str>,
    },
}

/// What a parked submission waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParkedFor {
    /// A push with its revision.
    Push,
    /// A job with its guid.
    Job,
}

/// Why a submission is to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryCause {
    /// The database is away.
    DatabaseUnavailable,
    /// More work than the gateway takes in.
    Overloaded,
    /// A bug of ours; the log says more under this id.
    Internal(uuid::Uuid),
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON Pointer in the names of the submitted format; empty for the submission as a whole.
    pub path: String,
    /// The rule, a keyword of JSON Schema or one of Herdgate's own words.
    pub rule: Cow<'static, str>,
    /// The limit that was broken.
    pub limit: Option<String>,
    /// The offending value, cut to [`limits::VALUE_EXCERPT`] code points.
    pub value: Option<String>,
    /// What is wrong and how to mend it.
    pub message: String,
}

/// Rule of [`Violation::internal`].
pub const INTERNAL: &str = "internal";

impl Violation {
    /// A violation without limit and value.
    pub fn new(path: impl Into<String>, rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            path: cut(path.into(), limits::VIOLATION_TEXT),
            rule: rule.into(),
            limit: None,
            value: None,
            message: cut(message.into(), limits::VIOLATION_TEXT),
        }
    }

    /// A bug of ours that the submission set off; the log says more under the id.
    pub fn internal(id: uuid::Uuid) -> Self {
        let message = format!(
            "an internal error, reported as {id}; the submission is held as it is, to be replayed once the \
             gateway is mended"
        );
        Self::new("", INTERNAL, message)
    }

    /// Names the limit.
    #[must_use]
    pub fn with_limit(mut self, limit: impl ToString) -> Self {
        self.limit = Some(limit.to_string());
        self
    }

    /// Quotes the value, cut.
    #[must_use]
    pub fn with_value(mut self, value: &str) -> Self {
        self.value = Some(excerpt(value));
        self
    }

    /// Where and what, in one sentence.
    pub fn sentence(&self) -> String {
        if self.path.is_empty() { self.message.clone() } else { format!("{}: {}", self.path, self.message) }
    }

    /// The violation of a text newtype.
    pub fn of_text(path: impl Into<String>, value: &str, error: &InvalidText) -> Self {
        let (rule, limit) = match error {
            InvalidText::Empty => ("minLength", Some(1)),
            InvalidText::TooLong { limit, .. } => ("maxLength", Some(*limit)),
            InvalidText::Character('\0') => ("nul", None),
            InvalidText::Character(_) => ("pattern", None),
        };
        let violation = Self::new(path, rule, error.to_string()).with_value(value);
        match limit {
            Some(limit) => violation.with_limit(limit),
            None => violation,
        }
    }
}

/// NUL is shown as its symbol: no text column or JSON column takes it.
/// Cuts what quotes a submission, so that no verdict outgrows what clients read.
fn cut(text: String, limit: usize) -> String {
    let mut characters = text.chars();
    let shortened: String = characters.by_ref().take(limit).collect();
    if characters.next().is_some() { shortened + "…" } else { text }
}

fn excerpt(value: &str) -> String {
    let mut characters = value.chars().map(|c| if c == '\0' { '\u{2400}' } else { c });
    let mut excerpt: String = characters.by_ref().take(limits::VALUE_EXCERPT).collect();
    if characters.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}

/// What could be read of a submission, valid or not, to find it again. Texts are cut to the width of
/// their columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimedIdentity {
    /// Project that it names.
    pub project: Option<String>,
    /// Revision that it names.
    pub revision: Option<String>,
    /// Job guid that it names.
    pub guid: Option<String>,
}

impl ClaimedIdentity {
    /// Cuts what was read; empty texts and those with NUL count as unread.
    pub fn new(project: Option<&str>, revision: Option<&str>, guid: Option<&str>) -> Self {
        let cut = |text: Option<&str>, limit: usize| {
            text.filter(|t| !t.is_empty() && !t.contains('\0'))
                .map(|t| t.chars().take(limit).collect::<String>())
        };
        Self {
            project: cut(project, limits::PROJECT),
            revision: cut(revision, limits::REVISION),
            guid: cut(guid, limits::JOB_GUID),
        }
    }
}

/// A submission that is not what its format asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What could be read of it.
    pub claimed: ClaimedIdentity,
    /// Everything that is wrong with it, at most [`limits::VIOLATIONS`].
    pub violations: Vec<Violation>,
}
