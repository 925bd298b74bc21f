//! Items of a job collection, and the rules of ingest contract 2.1 to 2.10 that make a job of one.

use super::super::findings::{self, Findings};
use super::super::{Decoded, pulse_json, schema, translate};
use super::artifacts;
use super::members::Members;
use crate::core::Content;
use crate::domain::{
    ClaimedIdentity, Job, JobGuid, JobResult, JobState, LogReference, NamedSymbol, OptionSet, ParseStatus,
    Parts, Platform, ProjectName, ReferenceData, Refused, Revision, TaskRun, UNKNOWN, Violation,
};
use crate::limits;
use serde_json::Value;

const DEFAULT_BUILD_SYSTEM: &str = "buildbot";

/// Reads one item of a job collection of the project that the URL names.
pub(in crate::formats) fn decode(raw: &[u8], project: Option<&str>) -> Decoded {
    match pulse_json::parse(raw) {
        Ok(document) => of_document(&document, project),
        Err(violation) => Decoded::refused(violation, ClaimedIdentity::new(project, None, None)),
    }
}

/// Runs an item through schema and rules.
pub(in crate::formats) fn of_document(document: &Value, project: Option<&str>) -> Decoded {
    let violations = schema::LEGACY_JOB.violations(document);
    let mut findings = Findings { violations, warnings: Vec::new() };
    let project_name = findings.request_project(project);
    let item = Members::of(Some(document), "");
    let job = item.object("job");
    let guid = super::guid(job.get("job_guid"), "/job/job_guid", &mut findings);
    let (supplied, for_other_jobs) = artifacts::of_job(&job, guid.as_ref(), &mut findings);

    let mut translated = None;
    if findings.violations.is_empty()
        && let (Some(project), Some(guid)) = (project_name, guid)
    {
        translated = Translation { item, job, guid, findings: &mut findings }.job(project, supplied);
    }
    let Findings { violations, warnings } = findings.bounded();
    let content = match translated {
        Some(job) if violations.is_empty() => Content::Job(Box::new(job)),
        _ => {
            let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
            let claimed = ClaimedIdentity::new(project, text("/revision"), text("/job/job_guid"));
            Content::Invalid(Refused { claimed, violations })
        }
    };
    Decoded { content, warnings, for_other_jobs }
}

/// An item that has kept the schema on its way to a job.
struct Translation<'a, 'f> {
    item: Members<'a>,
    job: Members<'a>,
    guid: JobGuid,
    findings: &'f mut Findings,
}

impl Translation<'_, '_> {
    /// None if a value is out of range after all, which the findings then say.
    fn job(mut self, project: ProjectName, supplied: Parts) -> Option<Job> {
        let revision = self.revision()?;
        self.compare_projects(&project);
        let Self { job, findings, .. } = &mut self;
        Some(Job {
            project,
            revision,
            reference: reference_data(job),
            state: JobState::from_word(&job.cut_or_unknown("state", limits::OTHER_WORD, findings)),
            result: JobResult::from_word(&job.kept_or_unknown("result")),
            tier: tier(job, findings),
            who: job.cut_or_unknown("who", limits::OWNER, findings),
            reason: job.cut_or_unknown("reason", limits::REASON, findings),
            product: product(job),
            machine: job.kept_or_unknown("machine"),
            submit_time: job.time("submit_timestamp", findings),
            start_time: job.time("start_timestamp", findings),
            end_time: job.time("end_timestamp", findings),
            description: description(job, findings),
            parts: self.parts(supplied),
            guid: self.guid,
        })
    }

    fn revision(&mut self) -> Option<Revision> {
        let text = self.item.text("revision")?;
        match Revision::try_new(&text) {
            Ok(revision) => Some(revision),
            Err(error) => {
                self.findings.violations.push(Violation::of_text("/revision", &text, &error));
                None
            }
        }
    }

    /// The project of the URL counts; another one in the item is worth a word.
    fn compare_projects(&mut self, project: &ProjectName) {
        let Some(own) = self.item.filled("project").filter(|own| own != project.as_str()) else { return };
        let instead = format!("is ignored: the project of the URL, {project}, counts");
        self.findings.warn(|| findings::replaced("/project", &own, &instead));
    }

    fn parts(&mut self, supplied: Parts) -> Parts {
        let mut logs = Vec::new();
        for (path, log) in self.job.list("log_references") {
            logs.push(log_reference(&Members::of(Some(log), path), self.findings));
        }
        if let Some(summary) = &supplied.summary {
            logs.iter_mut().for_each(|log| translate::settle(log, summary));
        }
        Parts {
            logs: translate::unique_logs(logs),
            details: translate::unique_details(supplied.details, self.findings),
            summary: supplied.summary,
            artifacts: supplied.artifacts,
            superseded: self.superseded(),
            task: task_run(&self.job, self.findings),
        }
    }

    /// Both keys, at both levels (ingest contract, Appendices B and C), every guid cut like the job's own.
    fn superseded(&mut self) -> Vec<JobGuid> {
        let mut listed = Vec::new();
        for members in [&self.item, &self.job] {
            for key in ["superseded", "coalesced"] {
                for (path, guid) in members.list(key) {
                    let text = guid.as_str().unwrap_or_default().to_owned();
                    let guid = self.findings.fit(|| path.clone(), text, limits::JOB_GUID);
                    listed.push((path, guid));
                }
            }
        }
        let listed = listed.iter().map(|(path, guid)| (path.clone(), &**guid));
        translate::superseded(listed, &self.guid, self.findings)
    }
}

fn reference_data(job: &Members<'_>) -> ReferenceData {
    ReferenceData {
        build_system: job.text("build_system_type").unwrap_or_else(|| DEFAULT_BUILD_SYSTEM.into()).into(),
        build_platform: platform(&job.object("build_platform")),
        machine_platform: platform(&job.object("machine_platform")),
        group: NamedSymbol {
            name: job.filled_or_unknown("group_name"),
            symbol: job.filled_or_unknown("group_symbol"),
        },
        job_type: NamedSymbol {
            name: job.filled_or_unknown("name"),
            symbol: job.filled_or_unknown("job_symbol"),
        },
        options: options(job.get("option_collection")),
        reference_data_name: job.text("reference_data_name").map(Into::into),
    }
}

fn platform(members: &Members<'_>) -> Platform {
    Platform {
        os_name: members.kept_or_unknown("os_name"),
        platform: members.kept_or_unknown("platform"),
        architecture: members.kept_or_unknown("architecture"),
    }
}

/// The names of an object or the items of a list (ingest contract 2.6).
fn options(collection: Option<&Value>) -> OptionSet {
    match collection {
        Some(Value::Object(members)) => OptionSet::new(members.keys().map(String::as_str)),
        Some(Value::Array(names)) => OptionSet::new(names.iter().filter_map(Value::as_str)),
        _ => OptionSet::default(),
    }
}

/// Blanks alone are no product.
fn product(job: &Members<'_>) -> String {
    job.text("product_name").filter(|name| !name.trim().is_empty()).map_or_else(|| UNKNOWN.into(), Into::into)
}

fn tier(job: &Members<'_>, findings: &mut Findings) -> i32 {
    let tier = job.integer("tier", limits::LEGACY_TIER, findings);
    tier.and_then(|tier| tier.try_into().ok()).filter(|tier| *tier != 0).unwrap_or(1)
}

fn description(job: &Members<'_>, findings: &mut Findings) -> Option<String> {
    let text = job.filled("desc")?.into_owned();
    Some(findings.fit(|| job.path("desc"), text, limits::DESCRIPTION))
}

/// A log; `error` is the word that clients have for failed (ingest contract 2.9 and Appendix C).
fn log_reference(log: &Members<'_>, findings: &mut Findings) -> LogReference {
    let word = log.filled("parse_status");
    let status = match word.as_deref() {
        Some("parsed") => ParseStatus::Parsed,
        Some("failed" | "error") => ParseStatus::Failed,
        Some("pending") | None => ParseStatus::Pending,
        Some(other) => {
            let instead = "is none of pending, parsed, failed and error, and counts as pending";
            findings.warn(|| findings::replaced(log.path("parse_status"), other, instead));
            ParseStatus::Pending
        }
    };
    LogReference {
        name: log.cut_or_unknown("name", limits::LOG_NAME, findings),
        url: log.cut_or_unknown("url", limits::URL, findings),
        status,
    }
}

/// The task's id and run, if both are there (ingest contract 2.10).
fn task_run(job: &Members<'_>, findings: &mut Findings) -> Option<TaskRun> {
    let task_id = job.filled("taskcluster_task_id")?.into_owned();
    let retry_id = job.integer("taskcluster_retry_id", limits::ORDINAL, findings)?;
    Some(TaskRun { task_id, retry_id: retry_id.try_into().ok()? })
}
