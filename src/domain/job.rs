//! The canonical job: what every encoding translates into and what the core decides about.

use super::{ContentDigest, Fingerprint, JobGuid, JobResult, JobState, OptionSet, ProjectName, Revision};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

/// What stands for a name or symbol that was not given.
pub const UNKNOWN: &str = "unknown";

/// A job as one submission reports it. Texts keep the limits of `limits.rs`; times are whole seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Identifies the job.
    pub guid: JobGuid,
    /// Repository that the job belongs to.
    pub project: ProjectName,
    /// Top revision of its push, or a prefix.
    pub revision: Revision,
    /// What it shares with all jobs like it.
    pub reference: ReferenceData,
    /// Lifecycle.
    pub state: JobState,
    /// Outcome; `unknown` while not completed.
    pub result: JobResult,
    /// As submitted; a tier override may win.
    pub tier: i32,
    /// Who caused it.
    pub who: String,
    /// Why it ran.
    pub reason: String,
    /// Product.
    pub product: String,
    /// Machine name.
    pub machine: String,
    /// Scheduled.
    pub submit_time: Option<DateTime<Utc>>,
    /// Started.
    pub start_time: Option<DateTime<Utc>>,
    /// Completed.
    pub end_time: Option<DateTime<Utc>>,
    /// Description (R40).
    pub description: Option<String>,
    /// What may be added to a job at any time (R7).
    pub parts: Parts,
}

/// What a job shares with all jobs like it; interned as one signature row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReferenceData {
    /// System that ran the job.
    pub build_system: String,
    /// Platform built for.
    pub build_platform: Platform,
    /// Platform that the job ran on.
    pub machine_platform: Platform,
    /// Job group.
    pub group: NamedSymbol,
    /// Job type.
    pub job_type: NamedSymbol,
    /// Build options.
    pub options: OptionSet,
    /// Replaces the signature as the reference data name.
    pub reference_data_name: Option<String>,
}

/// A name and the symbol that stands for it on the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamedSymbol {
    /// Full name.
    pub name: String,
    /// Symbol.
    pub symbol: String,
}

/// A platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Platform {
    /// Operating system.
    pub os_name: String,
    /// Platform name.
    pub platform: String,
    /// Processor architecture.
    pub architecture: String,
}

impl Platform {
    /// The platform of a job that names none.
    pub fn unknown() -> Self {
        Self { os_name: UNKNOWN.into(), platform: UNKNOWN.into(), architecture: UNKNOWN.into() }
    }
}

/// Everything that hangs on a job and can be added later.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parts {
    /// Logs, unique by (name, url).
    pub logs: Vec<LogReference>,
    /// Details, unique by (title, value).
    pub details: Vec<JobDetail>,
    /// A supplied log summary.
    pub summary: Option<LogSummary>,
    /// Artifacts that are kept as they are, unique by name.
    pub artifacts: Vec<OpaqueArtifact>,
    /// Jobs that this one supersedes.
    pub superseded: Vec<JobGuid>,
    /// Taskcluster task.
    pub task: Option<TaskRun>,
}

impl Parts {
    /// Whether there is nothing to add.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
            && self.details.is_empty()
            && self.summary.is_none()
            && self.artifacts.is_empty()
            && self.superseded.is_empty()
            && self.task.is_none()
    }
}

/// A Taskcluster task run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRun {
    /// 22 characters: URL-safe base64 of the task's UUID.
    pub task_id: String,
    /// Run number.
    pub retry_id: i32,
}

impl TaskRun {
    /// What the dashboard selects a job by that no task is known of: always the same for the same guid, in
    /// the form of a task id, which is the base64 of a random UUID.
    pub fn stand_in(guid: &str) -> String {
        let digest = Sha256::digest(guid);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        URL_SAFE_NO_PAD.encode(uuid::Builder::from_random_bytes(bytes).as_uuid().as_bytes())
    }
}

/// Where a log is and whether it has been parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogReference {
    /// Name; some names are parsed by the gateway, see [`LogReference::is_parseable_name`].
    pub name: String,
    /// Where it is.
    pub url: String,
    /// What is known about its parsing.
    pub status: ParseStatus,
}

impl LogReference {
    /// Whether the gateway parses logs of this name (logs contract 1.2).
    pub fn is_parseable_name(name: &str) -> bool {
        matches!(name, "buildbot_text" | "builds-4h" | "live_backing_log" | "errorsummary_json")
    }

    /// Whether the log is there from the start of its job and grows until its end (logs contract, 11).
    pub fn grows(name: &str) -> bool {
        name == "live_backing_log"
    }
}

/// Whether a log has been parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseStatus {
    /// Not yet.
    Pending,
    /// By the gateway or the submitter.
    Parsed,
    /// It could not be.
    Failed,
    /// It declares more bytes than the gateway reads; no submitter says this.
    SkippedSize,
}

impl ParseStatus {
    /// Number in the database.
    pub fn code(self) -> i16 {
        match self {
            Self::Pending => 0,
            Self::Parsed => 1,
            Self::Failed => 2,
            Self::SkippedSize => 3,
        }
    }

    /// Reads back [`Self::code`]; unknown numbers of a newer version count as failed.
    pub fn from_code(code: i16) -> Self {
        match code {
            0 => Self::Pending,
            1 => Self::Parsed,
            3 => Self::SkippedSize,
            _ => Self::Failed,
        }
    }
}

/// A detail shown with the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDetail {
    /// Title.
    pub title: Option<String>,
    /// Value.
    pub value: String,
    /// Link.
    pub url: Option<String>,
    /// How to show it.
    pub content_type: ContentType,
}

impl JobDetail {
    /// Where the document of performance data is that the detail links to, if it does (logs contract 6.1).
    pub fn performance_url(&self) -> Option<&str> {
        self.url.as_deref().filter(|url| url.contains("perfherder-data") && url.ends_with(".json"))
    }
}

/// How a job detail is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// As text.
    Text,
    /// As a link.
    Link,
    /// As HTML, sanitised by whoever shows it.
    RawHtml,
}

impl ContentType {
    /// The word of the `Job Info` artifact.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Link => "link",
            Self::RawHtml => "raw_html",
        }
    }

    /// Reads the word; anything unknown is shown as text.
    pub fn from_word(word: &str) -> Self {
        match word {
            "link" => Self::Link,
            "raw_html" => Self::RawHtml,
            _ => Self::Text,
        }
    }
}

/// A supplied summary of a log (ingest contract 7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSummary {
    /// Name of the log that it summarises; absent: the default name `buildbot_text`.
    pub log_name: Option<String>,
    /// Where that log is.
    pub log_url: Option<String>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// Error lines that stand in no step.
    pub errors: Vec<StepError>,
    /// The submitter cut the errors.
    pub errors_truncated: bool,
}

/// One step of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Name.
    pub name: String,
    /// Started.
    pub started: Option<DateTime<Utc>>,
    /// Finished.
    pub finished: Option<DateTime<Utc>>,
    /// First line, counted from 0.
    pub started_line: i32,
    /// Last line.
    pub finished_line: i32,
    /// Outcome.
    pub result: JobResult,
    /// Error lines.
    pub errors: Vec<StepError>,
}

/// An error line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepError {
    /// Line number, counted from 0.
    pub line_number: i32,
    /// Text.
    pub line: String,
}

/// An artifact that is kept as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpaqueArtifact {
    /// Name, unique in the job; the first value wins.
    pub name: String,
    /// Type as submitted.
    pub kind: String,
    /// The blob as JSON text.
    pub blob: String,
}

/// An artifact that was submitted on its own: parts for a job that is known by its guid.
#[derive(Debug, Clone, PartialEq)]
pub struct ArtifactSubmission {
    /// Repository of the job.
    pub project: ProjectName,
    /// The job.
    pub guid: JobGuid,
    /// What to add.
    pub parts: Parts,
}

// === digests ===

impl ReferenceData {
    pub(super) fn feed(&self, to: &mut Fingerprint) {
        to.text(&self.build_system);
        for platform in [&self.build_platform, &self.machine_platform] {
            to.text(&platform.os_name).text(&platform.platform).text(&platform.architecture);
        }
        for named in [&self.group, &self.job_type] {
            to.text(&named.name).text(&named.symbol);
        }
        to.number(self.options.names().len() as i64);
        for option in self.options.names() {
            to.text(option);
        }
        to.optional(self.reference_data_name.as_deref());
    }
}

impl Job {
    /// Digest of everything the job says, the same through every door.
    pub fn content_digest(&self) -> ContentDigest {
        let mut to = Fingerprint::default();
        to.text(self.guid.as_str()).text(self.project.as_str()).text(self.revision.as_str());
        self.reference.feed(&mut to);
        to.text(self.state.as_str())
            .text(self.result.as_str())
            .number(self.tier.into())
            .text(&self.who)
            .text(&self.reason)
            .text(&self.product)
            .text(&self.machine)
            .time(self.submit_time)
            .time(self.start_time)
            .time(self.end_time)
            .optional(self.description.as_deref());
        self.parts.feed(&mut to);
        to.finish()
    }
}

impl Parts {
    fn feed(&self, to: &mut Fingerprint) {
        to.number(self.logs.len() as i64);
        for log in &self.logs {
            to.text(&log.name).text(&log.url).number(log.status.code().into());
        }
        to.number(self.details.len() as i64);
        for detail in &self.details {
            to.optional(detail.title.as_deref())
                .text(&detail.value)
                .optional(detail.url.as_deref())
                .text(detail.content_type.as_str());
        }
        match &self.summary {
            None => {
                to.number(0);
            }
            Some(summary) => {
                to.number(1)
                    .optional(summary.log_name.as_deref())
                    .optional(summary.log_url.as_deref())
                    .number(summary.errors_truncated.into())
                    .number(summary.steps.len() as i64);
                for step in &summary.steps {
                    step.feed(to);
                }
                // Only if there are any, behind what is no number of anything: digests of summaries with steps
                // stay what they were.
                if !summary.errors.is_empty() {
                    to.number(-1).number(summary.errors.len() as i64);
                    for error in &summary.errors {
                        to.number(error.line_number.into()).text(&error.line);
                    }
                }
            }
        }
        to.number(self.artifacts.len() as i64);
        for artifact in &self.artifacts {
            to.text(&artifact.name).text(&artifact.kind).text(&artifact.blob);
        }
        to.number(self.superseded.len() as i64);
        for guid in &self.superseded {
            to.text(guid.as_str());
        }
        match &self.task {
            None => to.number(0),
            Some(task) => to.number(1).text(&task.task_id).number(task.retry_id.into()),
        };
    }
}

impl Step {
    fn feed(&self, to: &mut Fingerprint) {
        to.text(&self.name)
            .time(self.started)
            .time(self.finished)
            .number(self.started_line.into())
            .number(self.finished_line.into())
            .text(self.result.as_str())
            .number(self.errors.len() as i64);
        for error in &self.errors {
            to.number(error.line_number.into()).text(&error.line);
        }
    }
}
