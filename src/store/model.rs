//! What the store gives back when asked.

use crate::access::SealedSecret;
use crate::domain::{
    ContentType, Door, HeldState, JobResult, JobState, NamedSymbol, ParseStatus, Platform, RawFormat,
    Violation,
};
use chrono::{DateTime, Utc};

/// A job row with the names that its ids stand for.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "named as in query_service.proto, which documents each field")]
pub struct StoredJob {
    pub id: i64,
    pub guid: String,
    pub project: String,
    pub push_id: i64,
    pub revision: String,
    /// The job's own state; [`StoredJob::shown_state`] is what readers see.
    pub state: JobState,
    /// The job's own result.
    pub result: JobResult,
    pub tier: i32,
    pub job_type: NamedSymbol,
    pub group: NamedSymbol,
    pub product: String,
    pub build_system: String,
    pub who: String,
    pub reason: String,
    pub machine: String,
    pub build_platform: Platform,
    pub machine_platform: Platform,
    pub options: Vec<String>,
    pub option_collection_hash: String,
    pub signature: String,
    pub reference_data_name: String,
    pub submit_time: Option<DateTime<Utc>>,
    pub start_time: Option<DateTime<Utc>>,
    pub end_time: Option<DateTime<Utc>>,
    pub last_modified: DateTime<Utc>,
    pub superseded_by: Option<String>,
    pub task_id: Option<String>,
    pub retry_id: Option<i32>,
    pub failure_classification_id: i16,
    pub description: Option<String>,
    pub provenance: Provenance,
    /// Where the last change of the row stands in the order of changes.
    pub change: ChangePosition,
}

impl StoredJob {
    /// State and result as readers see them: a superseded job without a completion of its own shows as
    /// completed/superseded (R6).
    pub fn shown_state(&self) -> (&str, &str) {
        if self.superseded_by.is_some() && self.state != JobState::Completed {
            ("completed", "superseded")
        } else {
            (self.state.as_str(), self.result.as_str())
        }
    }
}

/// How a job came in (R17).
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "named as in query_service.proto, which documents each field")]
pub struct Provenance {
    pub first_door: Door,
    pub last_door: Door,
    pub source: String,
    pub received_at: DateTime<Utc>,
    pub committed_at: DateTime<Utc>,
    pub held_at: Option<DateTime<Utc>>,
    pub released_at: Option<DateTime<Utc>>,
    pub repeats: i64,
}

/// A job with everything that hangs on it.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "see the fields' types")]
pub struct JobWithParts {
    pub job: StoredJob,
    pub logs: Vec<StoredLog>,
    pub details: Vec<StoredDetail>,
    pub artifact_names: Vec<String>,
    pub steps: Vec<StoredStep>,
    /// (line number, line) of error lines that stand in no step, by line number.
    pub errors: Vec<(i32, String)>,
}

impl JobWithParts {
    /// All error lines, those of steps first.
    pub fn error_lines(&self) -> impl Iterator<Item = &(i32, String)> {
        self.steps.iter().flat_map(|step| &step.errors).chain(&self.errors)
    }
}

/// A log reference.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in query_service.proto")]
pub struct StoredLog {
    pub id: i64,
    pub name: String,
    pub url: String,
    pub status: ParseStatus,
    pub queue: LogQueue,
}

/// Where a log stands, or stood, in the follow-up queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQueue {
    /// When the log was first named.
    pub named_at: DateTime<Utc>,
    /// It waits, or is being worked on.
    pub is_waiting: bool,
    /// It is being worked on.
    pub is_under_way: bool,
    /// Attempts begun.
    pub attempts: i32,
    /// When the last of them was begun.
    pub begun_at: Option<DateTime<Utc>>,
    /// When what was found in it was stored.
    pub read_at: Option<DateTime<Utc>>,
    /// Not before this.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was given up.
    pub given_up_at: Option<DateTime<Utc>>,
}

/// A job detail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in query_service.proto")]
pub struct StoredDetail {
    pub id: i64,
    pub title: Option<String>,
    pub value: String,
    pub url: Option<String>,
    pub content_type: ContentType,
}

/// A step of a log summary.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in query_service.proto")]
pub struct StoredStep {
    pub order: i32,
    pub name: String,
    pub started: Option<DateTime<Utc>>,
    pub finished: Option<DateTime<Utc>>,
    pub started_line: i32,
    pub finished_line: i32,
    pub result: JobResult,
    /// (line number, line), by line number.
    pub errors: Vec<(i32, String)>,
}

/// A push with its newest commits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in push.proto")]
pub struct StoredPush {
    pub id: i64,
    pub project: String,
    pub revision: String,
    pub author: String,
    pub time: DateTime<Utc>,
    pub commit_count: i64,
    /// At most 20, newest first: (revision, author, comments).
    pub commits: Vec<(String, String, String)>,
}

/// Which jobs to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of one of these repositories; empty: of any.
    pub projects: Vec<String>,
    /// Of this push.
    pub push_id: Option<i64>,
    /// Of the push with this top revision.
    pub revision: Option<String>,
    /// Showing one of these states; empty: any.
    pub states: Vec<String>,
    /// With this guid.
    pub guid: Option<String>,
}

/// A place in the order in which changes of jobs become visible (R2). On PostgreSQL `transaction` is
/// the transaction id, on SQLite the number that the single writer gave the change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangePosition {
    /// Transaction of the change.
    pub transaction: i64,
    /// Id of the job.
    pub job_id: i64,
}

/// Changes after a position.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangePage {
    /// Jobs in the order of their positions.
    pub jobs: Vec<StoredJob>,
    /// Everything up to here has been looked at, whether the filter let it through or not.
    pub reached: ChangePosition,
    /// The page was full: there may be more at once.
    pub more: bool,
}

/// A held submission.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "named as in admin_service.proto")]
pub struct HeldMessage {
    pub id: i64,
    pub state: HeldState,
    pub door: Door,
    pub source: String,
    pub format: RawFormat,
    pub project: Option<String>,
    pub revision: Option<String>,
    pub guid: Option<String>,
    pub violations: Vec<Violation>,
    pub routing_key: Option<String>,
    /// What the door knew beside the bytes, as JSON.
    pub context: Option<String>,
    pub received_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub repeats: i64,
    pub raw_size: i64,
    pub raw_truncated: bool,
}

/// Which held messages to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldFilter {
    /// In this state.
    pub state: Option<HeldState>,
    /// Of this project.
    pub project: Option<String>,
    /// From this source.
    pub source: Option<String>,
    /// With this job guid.
    pub guid: Option<String>,
    /// With this routing key.
    pub routing_key: Option<String>,
    /// First received then or later.
    pub received_from: Option<DateTime<Utc>>,
    /// First received before then.
    pub received_before: Option<DateTime<Utc>>,
}

/// How many held messages there are of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in admin_service.proto")]
pub struct HeldCount {
    pub source: String,
    pub state: HeldState,
    /// Rule of the first violation; empty while parked.
    pub reason: String,
    pub items: i64,
    pub oldest_received_at: DateTime<Utc>,
    pub newest_received_at: DateTime<Utc>,
}

/// A credential. Of its token there is a hash, its Hawk secret is sealed.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in admin_service.proto")]
pub struct StoredCredential {
    pub client_id: String,
    pub projects: Vec<String>,
    pub admin: bool,
    /// SHA-256.
    pub token_hash: [u8; 32],
    /// None: it was made before there was one, and cannot sign until it is rotated.
    pub hawk_secret: Option<SealedSecret>,
    pub description: String,
    /// SHA-256 of the client certificate that stands for it.
    pub certificate: Option<[u8; 32]>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    /// Up to a minute behind.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for StoredCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredCredential")
            .field("client_id", &self.client_id)
            .field("projects", &self.projects)
            .field("admin", &self.admin)
            .field("expires_at", &self.expires_at)
            .field("revoked_at", &self.revoked_at)
            .finish_non_exhaustive()
    }
}
