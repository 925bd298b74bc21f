//! What was found in a log.

use crate::domain::JobResult;
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeStruct, Serializer};
use serde_json::value::RawValue;

/// Everything found in one log.
#[derive(Debug)]
pub struct ParsedLog {
    /// Steps, or errors alone.
    pub summary: Summary,
    /// Details, in the order of the log; only of logs of 2018.
    pub details: Vec<Detail>,
    /// Documents of performance data, each a valid one.
    pub performance_data: Vec<Box<RawValue>>,
    /// What was looked at and left out, as sentences for the log's reader.
    pub warnings: Vec<String>,
    /// Physical lines.
    pub lines: u64,
}

/// Steps and error lines.
#[derive(Debug, PartialEq, Eq)]
pub enum Summary {
    /// As of 2018.
    Steps {
        /// In the order of the log.
        steps: Vec<Step>,
        /// Whether errors are missing.
        errors_truncated: bool,
    },
    /// As of 2026: no steps.
    Errors(Vec<LogError>),
}

/// A step.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Name on its marker, or `Unnamed step`.
    pub name: Box<str>,
    /// Time as the marker has it.
    pub started: Option<Box<str>>,
    /// Line of its marker, or its first line.
    #[serde(rename = "started_linenumber")]
    pub started_line: u64,
    /// Time as the marker has it.
    pub finished: Option<Box<str>>,
    /// Line of the marker that closed it, or the last line of the log.
    #[serde(rename = "finished_linenumber")]
    pub finished_line: u64,
    /// From the marker that closed it.
    #[serde(serialize_with = "as_word")]
    pub result: JobResult,
    /// Error lines.
    pub errors: Vec<LogError>,
}

/// An error line.
#[derive(Debug, PartialEq, Eq, Clone, Serialize)]
pub struct LogError {
    /// Counted from 0.
    #[serde(rename = "linenumber")]
    pub line_number: u64,
    /// Without the task runner's prefix and white space at its end.
    pub line: Box<str>,
}

/// Result of a step by the code on its marker (3.5).
pub(super) fn result_of_code(digits: &str) -> JobResult {
    match digits.trim_start_matches('0') {
        "" => JobResult::Success,
        "1" => JobResult::TestFailed,
        "2" => JobResult::Busted,
        "3" => JobResult::Skipped,
        "4" => JobResult::Exception,
        "5" => JobResult::Retry,
        "6" => JobResult::UserCancel,
        "7" => JobResult::Superseded,
        _ => JobResult::Unknown,
    }
}

fn as_word<S: Serializer>(result: &JobResult, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(result.as_str())
}

/// A detail of the job, with the members that its form has (5.2).
#[derive(Debug, PartialEq, Eq, Clone, Serialize)]
#[serde(tag = "content_type", rename_all = "snake_case")]
pub enum Detail {
    /// A link.
    Link {
        /// What stands before it.
        title: Option<String>,
        /// Its text.
        value: String,
        /// Where it leads.
        url: String,
    },
    /// Anything else.
    RawHtml {
        /// If it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The text.
        value: String,
        /// If it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
}

impl Detail {
    /// Bytes of its texts.
    pub(super) fn bytes(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match self {
            Self::Link { title, value, url } => optional(title) + value.len() + url.len(),
            Self::RawHtml { title, value, url } => optional(title) + value.len() + optional(url),
        }
    }
}

/// The artifacts of a log: `text_log_summary`, `Job Info` and, where there is any, `performance_data`
/// (3.7).
#[derive(Debug)]
pub struct Artifacts<'a> {
    /// Address of the log as submitted.
    pub log_url: &'a str,
    /// What was found in it.
    pub log: &'a ParsedLog,
}

impl Serialize for Artifacts<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct JobInfo<'a> {
            logurl: &'a str,
            job_details: &'a [Detail],
        }
        let (logurl, log) = (self.log_url, self.log);
        let mut artifacts = to.serialize_map(None)?;
        artifacts.serialize_entry("text_log_summary", &TextLogSummary { logurl, summary: &log.summary })?;
        artifacts.serialize_entry("Job Info", &JobInfo { logurl, job_details: &log.details })?;
        if let Some(performance) = PerformanceArtifact::of(logurl, log) {
            artifacts.serialize_entry("performance_data", &performance)?;
        }
        artifacts.end()
    }
}

/// The artifact `performance_data` (3.7).
#[derive(Debug, Serialize)]
pub struct PerformanceArtifact<'a> {
    logurl: &'a str,
    performance_data: &'a [Box<RawValue>],
}

impl<'a> PerformanceArtifact<'a> {
    /// Of documents and the address that they come from.
    pub fn new(logurl: &'a str, performance_data: &'a [Box<RawValue>]) -> Self {
        Self { logurl, performance_data }
    }

    /// Of a log and its address; `None`: the log has no performance data.
    pub fn of(logurl: &'a str, log: &'a ParsedLog) -> Option<Self> {
        let performance_data = &*log.performance_data;
        (!performance_data.is_empty()).then_some(Self::new(logurl, performance_data))
    }
}

struct TextLogSummary<'a> {
    logurl: &'a str,
    summary: &'a Summary,
}

impl Serialize for TextLogSummary<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct StepData<'a> {
            steps: &'a [Step],
            errors_truncated: bool,
        }
        let mut summary = to.serialize_struct("TextLogSummary", 2)?;
        summary.serialize_field("logurl", self.logurl)?;
        match self.summary {
            Summary::Steps { steps, errors_truncated } => {
                let errors_truncated = *errors_truncated;
                summary.serialize_field("step_data", &StepData { steps, errors_truncated })?;
            }
            Summary::Errors(errors) => summary.serialize_field("errors", errors)?,
        }
        summary.end()
    }
}
