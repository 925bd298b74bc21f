//! Artifacts by name, and what each becomes (ingest contract, section 7 and Appendix C).

use super::Decoded;
use super::date_time;
use super::findings::{self, Findings};
use super::pulse_message::integer;
use super::schema::{self, Schema};
use crate::core::Content;
use crate::domain::{
    ArtifactSubmission, ClaimedIdentity, ContentType, JobDetail, JobGuid, JobResult, LogSummary,
    OpaqueArtifact, Parts, ProjectName, Refused, Step, StepError, Violation,
};
use crate::limits;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::LazyLock;

const DETAILS: &str = "Job Info";
const SUMMARY: &str = "text_log_summary";
const BUILD_REQUEST: &str = "buildapi";

/// An artifact as an encoding of it carries it.
#[derive(Debug)]
pub(super) struct Artifact<'a> {
    pub name: &'a str,
    /// Its type, usually `json`.
    pub kind: &'a str,
    pub blob: Value,
    pub job_guid: Option<&'a str>,
    pub place: Place,
}

/// Where an artifact stands in its submission: JSON Pointers for violations.
#[derive(Debug)]
pub(super) struct Place {
    /// Of its job guid.
    pub job_guid: String,
    /// Of its blob.
    pub blob: String,
}

impl<'a> Artifact<'a> {
    /// Reads an item of `extra.artifacts`. None if it is so wrong that the schema says it all.
    pub(super) fn from_json(item: &'a Value, path: &str) -> Option<Self> {
        let text = |name: &str| item.get(name).and_then(Value::as_str);
        Some(Self {
            name: text("name")?,
            kind: text("type")?,
            blob: item.get("blob")?.clone(),
            job_guid: text("job_guid"),
            place: Place { job_guid: format!("{path}/job_guid"), blob: format!("{path}/blob") },
        })
    }

    /// Adds what the artifact says to `parts`, and what is wrong with it to `findings`. `owner` is the
    /// guid of the job that carries it; an artifact may not name another one.
    pub(super) fn add_to(mut self, owner: Option<&str>, parts: &mut Parts, findings: &mut Findings) {
        if let (Some(named), Some(owner)) = (self.job_guid, owner)
            && named != owner
        {
            let path = &*self.place.job_guid;
            let message = format!("{path} must be absent or the guid of the job that carries the artifact");
            let violation = Violation::new(path, "other_job", message).with_limit(owner);
            findings.violations.push(violation.with_value(named));
        }
        let before = findings.violations.len();
        self.parse_text(findings);
        if findings.violations.len() > before {
            return;
        }
        match self.name {
            DETAILS => self.add_details(parts, findings),
            SUMMARY => self.add_summary(parts, findings),
            BUILD_REQUEST => self.add_build_request(parts, findings),
            _ => self.keep(parts, findings),
        }
    }

    /// A blob that is a text is JSON that was serialised already: under the type `json`, and under any
    /// type for the names that are read.
    fn parse_text(&mut self, findings: &mut Findings) {
        let read = matches!(self.name, DETAILS | SUMMARY | BUILD_REQUEST);
        let Value::String(text) = &self.blob else { return };
        if !read && !self.kind.eq_ignore_ascii_case("json") {
            return;
        }
        match serde_json::from_str(text) {
            Ok(blob) => {
                schema::find_nul(&blob, &self.place.blob, &mut findings.violations);
                self.blob = blob;
            }
            Err(error) => {
                findings.violations.push(findings::not_json(&*self.place.blob, error).with_value(text));
            }
        }
    }

    /// Checks the blob by the artifact's schema and reads it.
    fn read_blob<T>(&self, schema: &LazyLock<Schema>, findings: &mut Findings) -> Option<T>
    where
        T: for<'de> Deserialize<'de>,
    {
        let document = json!({ "name": self.name, "type": "json", "blob": self.blob });
        // NUL was looked for already, where the blob was read.
        let mut violations = schema.violations(&document);
        violations.retain(|violation| violation.rule != "nul");
        if violations.is_empty() {
            match T::deserialize(&self.blob) {
                Ok(blob) => return Some(blob),
                // Nothing that the schema lets through gets here; if it did, it would be refused.
                Err(error) => findings.violations.push(findings::not_json(&*self.place.blob, error)),
            }
        }
        violations.iter_mut().for_each(|violation| findings::place(violation, "/blob", &self.place.blob));
        findings.violations.extend(violations);
        None
    }

    fn add_details(self, parts: &mut Parts, findings: &mut Findings) {
        let Some(blob) = self.read_blob::<DetailsBlob>(&schema::JOB_INFO, findings) else { return };
        for (index, detail) in blob.job_details.into_iter().enumerate() {
            let path = format!("{}/job_details/{index}", self.place.blob);
            let mut fit = |name: &str, text: String, limit: usize| {
                findings.fit(|| format!("{path}/{name}"), text, limit)
            };
            parts.details.push(JobDetail {
                title: detail.title.map(|title| fit("title", title, limits::DETAIL_TITLE)),
                value: fit("value", detail.value, limits::DETAIL_VALUE),
                url: detail.url.map(|url| fit("url", url, limits::URL)),
                content_type: detail.content_type.map_or(ContentType::Text, |w| ContentType::from_word(&w)),
            });
        }
    }

    fn add_summary(self, parts: &mut Parts, findings: &mut Findings) {
        let Some(blob) = self.read_blob::<SummaryBlob>(&schema::TEXT_LOG_SUMMARY, findings) else { return };
        let step_data = blob.step_data.unwrap_or_default();
        let mut steps = Vec::with_capacity(step_data.steps.len());
        for (index, step) in step_data.steps.into_iter().enumerate() {
            let path = || format!("{}/step_data/steps/{index}/name", self.place.blob);
            steps.push(Step {
                name: findings.fit(path, step.name, limits::STEP_NAME),
                started: step.started,
                finished: step.finished,
                started_line: step.started_linenumber,
                finished_line: step.finished_linenumber,
                result: step_result(&step.result),
                errors: errors(step.errors),
            });
        }
        let named = blob.logname.filter(|name| !name.is_empty());
        let unnamed = blob.errors.as_ref().map(|_| LOG_WITHOUT_STEPS.to_owned());
        let summary = LogSummary {
            log_name: named.or(unnamed),
            log_url: blob.logurl.filter(|url| !url.is_empty()),
            steps,
            errors: errors(blob.errors),
            errors_truncated: step_data.errors_truncated.unwrap_or(false),
        };
        if parts.summary.is_some() {
            findings.warnings.push(findings::repeated(&*self.place.blob, "log summary"));
        } else {
            parts.summary = Some(summary);
        }
    }

    fn add_build_request(self, parts: &mut Parts, findings: &mut Findings) {
        let id = match self.blob.get("request_id") {
            Some(Value::String(id)) if !id.is_empty() => id.clone(),
            Some(Value::Number(id)) if id.as_f64() != Some(0.0) => id.to_string(),
            _ => return,
        };
        let path = || format!("{}/request_id", self.place.blob);
        parts.details.push(JobDetail {
            title: Some("buildbot_request_id".into()),
            value: findings.fit(path, id, limits::DETAIL_VALUE),
            url: None,
            content_type: ContentType::Text,
        });
    }

    fn keep(self, parts: &mut Parts, findings: &mut Findings) {
        if parts.artifacts.iter().any(|kept| kept.name == self.name) {
            let what = format!("artifact named {}", self.name);
            findings.warnings.push(findings::repeated(self.place.blob, &what));
            return;
        }
        parts.artifacts.push(OpaqueArtifact {
            name: self.name.into(),
            kind: self.kind.into(),
            blob: self.blob.to_string(),
        });
    }
}

/// An artifact that was submitted on its own, if nothing was found against it.
pub(super) fn conclude(
    project: Option<ProjectName>,
    guid: Option<JobGuid>,
    parts: Parts,
    findings: Findings,
    claimed: ClaimedIdentity,
) -> Decoded {
    let Findings { violations, warnings } = findings.bounded();
    let content = match (project, guid) {
        (Some(project), Some(guid)) if violations.is_empty() => {
            Content::Artifact(Box::new(ArtifactSubmission { project, guid, parts }))
        }
        _ => Content::Invalid(Refused { claimed, violations }),
    };
    Decoded { content, warnings, for_other_jobs: Vec::new() }
}

/// `canceled` is another word for `usercancel` (ingest contract, Appendix C).
fn step_result(word: &str) -> JobResult {
    if word == "canceled" { JobResult::UserCancel } else { JobResult::from_word(word) }
}

#[derive(Deserialize)]
struct DetailsBlob {
    job_details: Vec<DetailItem>,
}

#[derive(Deserialize)]
struct DetailItem {
    title: Option<String>,
    value: String,
    url: Option<String>,
    content_type: Option<String>,
}

/// The log whose error lines stand in no steps, unless a summary names another (ingest contract 7.3).
const LOG_WITHOUT_STEPS: &str = "live_backing_log";

fn errors(items: Option<Vec<ErrorItem>>) -> Vec<StepError> {
    let error = |item: ErrorItem| StepError { line_number: item.linenumber, line: item.line };
    items.unwrap_or_default().into_iter().map(error).collect()
}

#[derive(Deserialize)]
struct SummaryBlob {
    step_data: Option<StepData>,
    errors: Option<Vec<ErrorItem>>,
    logurl: Option<String>,
    logname: Option<String>,
}

#[derive(Deserialize, Default)]
struct StepData {
    steps: Vec<StepItem>,
    errors_truncated: Option<bool>,
}

#[derive(Deserialize)]
struct StepItem {
    name: String,
    #[serde(default, deserialize_with = "date_time::deserialize_optional")]
    started: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "date_time::deserialize_optional")]
    finished: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "integer::ordinal")]
    started_linenumber: i32,
    #[serde(deserialize_with = "integer::ordinal")]
    finished_linenumber: i32,
    result: String,
    errors: Option<Vec<ErrorItem>>,
}

#[derive(Deserialize)]
struct ErrorItem {
    line: String,
    #[serde(deserialize_with = "integer::ordinal")]
    linenumber: i32,
}
