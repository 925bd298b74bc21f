//! The one set of rules that turns a job message into a job (ingest contract 1.10 to 1.14 as amended by
//! Appendix C and design rule R11), whichever encoding it came in.

use super::findings::{self, Findings};
use super::pulse_message::{Kind, Link, Log, Machine, Outcome, PulseMessage, Shape, State, Step};
use crate::domain::{
    ContentType, InvalidText, Job, JobDetail, JobGuid, JobResult, JobState, LogReference, LogSummary,
    NamedSymbol, OptionSet, ParseStatus, Parts, Platform, ProjectName, ReferenceData, Revision, StepError,
    TaskRun, UNKNOWN, Violation,
};
use crate::limits;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;

/// Name of the log that a summary belongs to unless it says otherwise.
const DEFAULT_LOG: &str = "buildbot_text";
const ERROR_SUMMARY_LOG: &str = "errorsummary_json";

/// Makes a job of a message that kept the schema and of what its artifacts said.
///
/// # Errors
/// A violation if a name is none after all; the schema is stricter, so none is expected.
pub(super) fn job(
    message: &PulseMessage<'_>,
    supplied: Parts,
    findings: &mut Findings,
) -> Result<Job, Violation> {
    let text = |path: &'static str, value: &str, error: InvalidText| Violation::of_text(path, value, &error);
    let guid = JobGuid::try_new(message.task_id).map_err(|e| text("/taskId", message.task_id, e))?;
    let (project, revision) = (message.origin.project, message.origin.revision);
    Ok(Job {
        project: ProjectName::try_new(project).map_err(|e| text("/origin/project", project, e))?,
        revision: Revision::try_new(revision).map_err(|e| text("/origin/revision", revision, e))?,
        reference: reference_data(message),
        state: state(message.state),
        result: result(message),
        tier: message.tier.and_then(|tier| tier.try_into().ok()).unwrap_or(1),
        who: or_unknown(message.owner),
        reason: or_unknown(message.reason),
        product: or_unknown(message.product_name),
        machine: or_unknown(machine_name(message)),
        submit_time: message.time_scheduled,
        start_time: message.time_started,
        end_time: message.time_completed,
        description: message.description.map(Into::into),
        parts: parts(message, &guid, supplied, findings),
        guid,
    })
}

fn or_unknown(text: Option<&str>) -> String {
    text.unwrap_or(UNKNOWN).into()
}

fn reference_data(message: &PulseMessage<'_>) -> ReferenceData {
    let (build, run) = (message.build_machine.as_ref(), message.run_machine.as_ref());
    let display = &message.display;
    let mut symbol = display.job_symbol.to_owned();
    if let Some(chunk) = display.chunk_id {
        symbol.push_str(&chunk.to_string());
    }
    if symbol.is_empty() {
        symbol.push_str(UNKNOWN);
    }
    let options = match (&message.labels, message.origin.shape) {
        (Some(labels), _) => OptionSet::new(labels.iter().copied()),
        (None, Shape::Of2018) => OptionSet::new(["opt"]),
        (None, Shape::Of2026) => OptionSet::default(),
    };
    ReferenceData {
        build_system: message.build_system.into(),
        build_platform: platform(build.or(run)),
        machine_platform: platform(run.or(build)),
        group: NamedSymbol { name: or_unknown(display.group_name), symbol: display.group_symbol.into() },
        job_type: NamedSymbol { name: display.job_name.into(), symbol },
        options,
        reference_data_name: message.reference_data_name.map(Into::into),
    }
}

fn platform(machine: Option<&Machine<'_>>) -> Platform {
    machine.map_or_else(Platform::unknown, |machine| Platform {
        os_name: machine.os.into(),
        platform: machine.platform.into(),
        architecture: machine.architecture.into(),
    })
}

/// The build machine's name if there is a build machine at all, even one without a name.
fn machine_name<'a>(message: &PulseMessage<'a>) -> Option<&'a str> {
    message.build_machine.as_ref().or(message.run_machine.as_ref())?.name
}

fn state(state: State) -> JobState {
    match state {
        State::Unscheduled => JobState::Unscheduled,
        State::Pending => JobState::Pending,
        State::Running => JobState::Running,
        State::Completed => JobState::Completed,
    }
}

fn result(message: &PulseMessage<'_>) -> JobResult {
    match (message.state, message.is_retried, message.result) {
        (State::Completed, true, _) => JobResult::Retry,
        (State::Completed, false, Some(outcome)) => mapped(outcome, message.job_kind),
        _ => JobResult::Unknown,
    }
}

/// The result map (ingest contract 1.11), for jobs and for steps.
fn mapped(outcome: Outcome, kind: Kind) -> JobResult {
    match (outcome, kind) {
        (Outcome::Success, _) => JobResult::Success,
        (Outcome::Fail, Kind::Test) => JobResult::TestFailed,
        (Outcome::Fail, Kind::Build | Kind::Other) => JobResult::Busted,
        (Outcome::Exception, _) => JobResult::Exception,
        (Outcome::Canceled, _) => JobResult::UserCancel,
        (Outcome::Superseded, _) => JobResult::Superseded,
        (Outcome::Unknown, _) => JobResult::Unknown,
        (Outcome::Retry, _) => JobResult::Retry,
    }
}

fn parts(message: &PulseMessage<'_>, guid: &JobGuid, supplied: Parts, findings: &mut Findings) -> Parts {
    let links = &message.job_info.links;
    let mut logs: Vec<_> = message.logs.iter().map(log_reference).collect();
    logs.extend(links.iter().filter_map(|link| linked_log(link, message.origin.shape)));
    let mut details: Vec<_> = links.iter().map(detail).collect();
    details.extend(supplied.details);

    let own_summary = summary(&message.logs, message.job_kind);
    if own_summary.is_some() && supplied.summary.is_some() {
        findings.warnings.push(findings::repeated("/logs", "log summary beside an artifact"));
    }
    let summary = own_summary.or(supplied.summary);
    if let Some(summary) = &summary {
        logs.iter_mut().for_each(|log| settle(log, summary));
    }
    Parts {
        logs: unique_logs(logs),
        details: unique_details(details, findings),
        summary,
        artifacts: supplied.artifacts,
        superseded: superseded(listed(&message.coalesced), guid, findings),
        task: task_run(message.task_id),
    }
}

fn log_reference(log: &Log<'_>) -> LogReference {
    let default = if log.steps.is_some() { ParseStatus::Parsed } else { ParseStatus::Pending };
    LogReference { name: log.name.into(), url: log.url.into(), status: log.status.unwrap_or(default) }
}

/// A log that is known only by a link to it: an error summary, or since 2026 performance data.
fn linked_log(link: &Link<'_>, shape: Shape) -> Option<LogReference> {
    let name = if link.link_text.ends_with("_errorsummary.log") {
        ERROR_SUMMARY_LOG.to_owned()
    } else if shape == Shape::Of2026 && link.url.contains("perfherder-data") && link.url.ends_with(".json") {
        link.link_text.chars().take(limits::LOG_NAME).collect()
    } else {
        return None;
    };
    Some(LogReference { name, url: link.url.into(), status: ParseStatus::Pending })
}

fn detail(link: &Link<'_>) -> JobDetail {
    JobDetail {
        title: Some(link.label.into()),
        value: link.link_text.into(),
        url: Some(link.url.into()),
        content_type: ContentType::Link,
    }
}

/// The summary of the first log with steps; steps of later logs are not kept (ingest contract 1.12).
fn summary(logs: &[Log<'_>], kind: Kind) -> Option<LogSummary> {
    let (log, steps) = logs.iter().find_map(|log| Some((log, log.steps.as_ref()?)))?;
    Some(LogSummary {
        log_name: Some(log.name.into()),
        log_url: Some(log.url.into()),
        steps: steps.iter().map(|step| step_of(step, kind)).collect(),
        errors: Vec::new(),
        errors_truncated: log.errors_truncated,
    })
}

fn step_of(step: &Step<'_>, kind: Kind) -> crate::domain::Step {
    crate::domain::Step {
        name: step.name.into(),
        started: Some(step.time_started),
        finished: Some(step.time_finished),
        started_line: step.line_started,
        finished_line: step.line_finished,
        result: mapped(step.result, kind),
        errors: step
            .errors
            .iter()
            .map(|error| StepError { line_number: error.line_number, line: error.line.into() })
            .collect(),
    }
}

/// A supplied summary settles the log it is of: that of the default name whatever its status says,
/// another one only while it is pending (logs contract 1.8, rows 7, 8, 15 and 16).
pub(super) fn settle(log: &mut LogReference, summary: &LogSummary) {
    let named = summary.log_name.as_deref() == Some(&*log.name);
    if log.name == DEFAULT_LOG || (named && log.status == ParseStatus::Pending) {
        log.status = ParseStatus::Parsed;
    }
}

/// One reference for each (name, url): what is known about a log's parsing wins over pending.
pub(super) fn unique_logs(logs: Vec<LogReference>) -> Vec<LogReference> {
    unique(
        logs,
        |log| (log.name.clone(), log.url.clone()),
        |kept, again| {
            if kept.status == ParseStatus::Pending {
                kept.status = again.status;
            }
        },
    )
}

/// One detail for each (title, value); a later one changes the link only (ingest contract 7.4). Links
/// and artifacts together may give no more than [`limits::DETAILS`]: what is wrong goes to `findings`.
pub(super) fn unique_details(details: Vec<JobDetail>, findings: &mut Findings) -> Vec<JobDetail> {
    let details = unique(
        details,
        |detail| (detail.title.clone(), detail.value.clone()),
        |kept, again| {
            kept.url = again.url;
        },
    );
    if details.len() > limits::DETAILS {
        let message = format!(
            "links and artifacts give the job {} details, at most {} are allowed; send fewer",
            details.len(),
            limits::DETAILS
        );
        findings.violations.push(Violation::new("", "maxItems", message).with_limit(limits::DETAILS));
    }
    details
}

fn unique<T, K: std::hash::Hash + Eq>(
    items: Vec<T>,
    key: impl Fn(&T) -> K,
    merge: impl Fn(&mut T, T),
) -> Vec<T> {
    if items.len() < 2 {
        return items;
    }
    let mut positions = HashMap::with_capacity(items.len());
    let mut kept: Vec<T> = Vec::with_capacity(items.len());
    for item in items {
        let position = *positions.entry(key(&item)).or_insert(kept.len());
        match kept.get_mut(position) {
            Some(first) => merge(first, item),
            None => kept.push(item),
        }
    }
    kept
}

fn listed<'a>(coalesced: &[&'a str]) -> impl Iterator<Item = (String, &'a str)> {
    coalesced.iter().enumerate().map(|(index, guid)| (format!("/coalesced/{index}"), *guid))
}

/// The guids that a job lists as superseded, each with its path; never the job itself.
pub(super) fn superseded<'a>(
    listed: impl IntoIterator<Item = (String, &'a str)>,
    own: &JobGuid,
    findings: &mut Findings,
) -> Vec<JobGuid> {
    let mut guids = Vec::new();
    for (path, text) in listed {
        match JobGuid::try_new(text) {
            Ok(guid) if guid == *own => {
                let message = format!("{path} is the job itself, which cannot supersede itself; ignored");
                findings.warnings.push(Violation::new(path, "self_reference", message));
            }
            Ok(guid) => guids.push(guid),
            Err(error) => findings.violations.push(Violation::of_text(path, text, &error)),
        }
    }
    unique(guids, JobGuid::clone, |_, _| {})
}

/// `<uuid>/<run>` names a task run; any other guid names none.
fn task_run(guid: &str) -> Option<TaskRun> {
    let (uuid, run) = guid.split_once('/')?;
    let uuid = uuid::Uuid::try_parse(uuid).ok()?;
    let retry_id = run.parse().ok().filter(|run| *run >= 0)?;
    Some(TaskRun { task_id: URL_SAFE_NO_PAD.encode(uuid.as_bytes()), retry_id })
}
