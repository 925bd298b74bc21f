//! The short way for messages that are plainly valid. It only ever says yes or "do not know": whatever
//! it does not know goes through the schema, which alone says what is wrong. So there is one truth.

use super::super::pulse_message::{
    Display, JobInfo, Kind, Link, Log, LogError, Machine, Origin, Outcome, PulseMessage, Shape, State, Step,
};
use super::super::{date_time, schema};
use crate::limits;
use crate::proto;
use chrono::{DateTime, Utc};
use prost_types::Timestamp;

/// The message, if it is certain that the schema would let it through.
pub(super) fn message(job: &proto::Job) -> Option<PulseMessage<'_>> {
    // `extra` is JSON in JSON: left to the schema.
    if job.version != Some(1) || job.extra_json.is_some() {
        return None;
    }
    maybe(job.retry_id, |run| within(run, 0, limits::ORDINAL))?;
    Some(PulseMessage {
        task_id: required(&job.task_id, limits::JOB_GUID, guid)?,
        origin: origin(job.origin.as_ref()?)?,
        build_system: required(&job.build_system, limits::BUILD_SYSTEM, word)?,
        display: display(job.display.as_ref()?)?,
        state: state(job.state?)?,
        result: given(job.result, outcome)?,
        job_kind: kind(job.job_kind?)?,
        is_retried: job.is_retried(),
        tier: maybe(job.tier, |tier| within(tier.into(), 1, 3))?,
        coalesced: texts(&job.coalesced, limits::PARTS, limits::JOB_GUID, |b| guid(b) || b == b'_')?,
        time_scheduled: maybe(job.time_scheduled.as_ref(), time)?,
        time_started: maybe(job.time_started.as_ref(), time)?,
        time_completed: maybe(job.time_completed.as_ref(), time)?,
        labels: maybe(job.labels.as_ref(), |labels| {
            texts(&labels.names, limits::LABELS, limits::LABEL, word)
        })?,
        owner: optional(&job.owner, limits::OWNER, any)?,
        reason: optional(&job.reason, limits::REASON, any)?,
        product_name: optional(&job.product_name, limits::PRODUCT, any)?,
        build_machine: maybe(job.build_machine.as_ref(), machine)?,
        run_machine: maybe(job.run_machine.as_ref(), machine)?,
        job_info: maybe(job.job_info.as_ref(), job_info)?.unwrap_or_default(),
        logs: list(&job.logs, limits::PARTS, log)?,
        description: None,
        reference_data_name: None,
    })
}

fn origin(origin: &proto::Origin) -> Option<Origin<'_>> {
    use proto::origin::Form;
    let (project, revision, shape) = match origin.form.as_ref()? {
        Form::Current(form) => {
            maybe(form.id, foreign_id)?;
            (&form.project, hexadecimal(&form.revision)?, Shape::Of2026)
        }
        Form::Mercurial(form) => {
            maybe(form.push_log_id, foreign_id)?;
            (&form.project, hexadecimal(&form.revision)?, Shape::Of2018)
        }
        Form::Github(form) => {
            maybe(form.pull_request_id, foreign_id)?;
            optional(&form.owner, limits::PROJECT, word)?;
            let revision = required(&form.revision, limits::REVISION, |b| any(b) && b.is_ascii())?;
            (&form.project, exact(revision)?, Shape::Of2018)
        }
    };
    Some(Origin { project: required(project, limits::PROJECT, word)?, revision, shape })
}

fn hexadecimal(revision: &Option<String>) -> Option<&str> {
    exact(required(revision, limits::REVISION, |b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))?)
}

fn exact(revision: &str) -> Option<&str> {
    (revision.len() == limits::REVISION).then_some(revision)
}

fn foreign_id(id: i64) -> Option<i64> {
    (id <= limits::FOREIGN_ID).then_some(id)
}

fn display(display: &proto::Display) -> Option<Display<'_>> {
    maybe(display.chunk_count, |count| within(count, 1, limits::ORDINAL))?;
    let job_symbol = display.job_symbol.as_deref()?;
    Some(Display {
        job_symbol: if job_symbol.is_empty() { "" } else { text(job_symbol, limits::SYMBOL, any)? },
        chunk_id: maybe(display.chunk_id, |chunk| within(chunk, 1, limits::ORDINAL))?,
        group_symbol: required(&display.group_symbol, limits::SYMBOL, any)?,
        job_name: required(&display.job_name, limits::JOB_NAME, any)?,
        group_name: optional(&display.group_name, limits::GROUP_NAME, any)?,
    })
}

fn state(state: i32) -> Option<State> {
    match proto::JobState::try_from(state).ok()? {
        proto::JobState::Unspecified => None,
        proto::JobState::Unscheduled => Some(State::Unscheduled),
        proto::JobState::Pending => Some(State::Pending),
        proto::JobState::Running => Some(State::Running),
        proto::JobState::Completed => Some(State::Completed),
    }
}

fn outcome(result: i32) -> Option<Outcome> {
    match proto::JobResult::try_from(result).ok()? {
        proto::JobResult::Unspecified => None,
        proto::JobResult::Success => Some(Outcome::Success),
        proto::JobResult::Fail => Some(Outcome::Fail),
        proto::JobResult::Exception => Some(Outcome::Exception),
        proto::JobResult::Canceled => Some(Outcome::Canceled),
        proto::JobResult::Superseded => Some(Outcome::Superseded),
        proto::JobResult::Unknown => Some(Outcome::Unknown),
        proto::JobResult::Retry => Some(Outcome::Retry),
    }
}

fn kind(kind: i32) -> Option<Kind> {
    match proto::JobKind::try_from(kind).ok()? {
        proto::JobKind::Unspecified => None,
        proto::JobKind::Build => Some(Kind::Build),
        proto::JobKind::Test => Some(Kind::Test),
        proto::JobKind::Other => Some(Kind::Other),
    }
}

fn machine(machine: &proto::Machine) -> Option<Machine<'_>> {
    Some(Machine {
        name: optional(&machine.name, limits::MACHINE_NAME, word)?,
        platform: required(&machine.platform, limits::PLATFORM, word)?,
        os: required(&machine.os, limits::OS, word)?,
        architecture: required(&machine.architecture, limits::OS, word)?,
    })
}

fn job_info(info: &proto::JobInfo) -> Option<JobInfo<'_>> {
    optional(&info.summary, usize::MAX, any)?;
    Some(JobInfo { links: list(&info.links, limits::PARTS, link)? })
}

fn link(link: &proto::JobLink) -> Option<Link<'_>> {
    Some(Link {
        url: url(&link.url)?,
        link_text: required(&link.link_text, limits::DETAIL_VALUE, any)?,
        label: required(&link.label, limits::DETAIL_TITLE, any)?,
    })
}

fn log(log: &proto::Log) -> Option<Log<'_>> {
    Some(Log {
        url: url(&log.url)?,
        name: required(&log.name, limits::LOG_NAME, any)?,
        steps: maybe(log.steps.as_ref(), |steps| list(&steps.items, limits::STEPS, step))?,
        errors_truncated: log.errors_truncated(),
        status: None,
    })
}

fn url(url: &Option<String>) -> Option<&str> {
    required(url, limits::URL, any).filter(|url| schema::is_uri(url))
}

fn step(step: &proto::LogStep) -> Option<Step<'_>> {
    let result = outcome(step.result?)?;
    if matches!(result, Outcome::Superseded | Outcome::Retry) {
        return None;
    }
    Some(Step {
        name: required(&step.name, limits::STEP_NAME, any)?,
        time_started: time(step.time_started.as_ref()?)?,
        time_finished: time(step.time_finished.as_ref()?)?,
        line_started: ordinal(step.line_started?)?,
        line_finished: ordinal(step.line_finished?)?,
        result,
        errors: list(&step.errors, limits::STEPS, |error| {
            Some(LogError {
                line: required(&error.line, limits::ERROR_LINE, any)?,
                line_number: ordinal(error.linenumber?)?,
            })
        })?,
    })
}

// === fields: None means "do not know" ===

/// A field that may be absent.
fn maybe<T, U>(field: Option<T>, check: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
    field.map_or(Some(None), |value| check(value).map(Some))
}

/// An enum field that may be absent; its number 0 is the same as absence.
fn given<U>(field: Option<i32>, check: impl FnOnce(i32) -> Option<U>) -> Option<Option<U>> {
    maybe(field.filter(|number| *number != 0), check)
}

fn required(field: &Option<String>, limit: usize, allowed: impl Fn(u8) -> bool) -> Option<&str> {
    text(field.as_deref()?, limit, allowed)
}

fn optional(field: &Option<String>, limit: usize, allowed: impl Fn(u8) -> bool) -> Option<Option<&str>> {
    maybe(field.as_deref(), |value| text(value, limit, allowed))
}

/// No more bytes than the limit has code points, so certainly no more code points.
fn text(value: &str, limit: usize, allowed: impl Fn(u8) -> bool) -> Option<&str> {
    (!value.is_empty() && value.len() <= limit && value.bytes().all(allowed)).then_some(value)
}

fn texts(values: &[String], count: usize, limit: usize, allowed: impl Fn(u8) -> bool) -> Option<Vec<&str>> {
    list(values, count, |value| text(value, limit, &allowed))
}

fn list<'a, T, U>(items: &'a [T], count: usize, check: impl FnMut(&'a T) -> Option<U>) -> Option<Vec<U>> {
    if items.len() > count { None } else { items.iter().map(check).collect() }
}

fn within(number: i64, least: i64, most: i64) -> Option<i64> {
    (least..=most).contains(&number).then_some(number)
}

fn ordinal(number: i64) -> Option<i32> {
    within(number, 0, limits::ORDINAL)?.try_into().ok()
}

fn time(timestamp: &Timestamp) -> Option<DateTime<Utc>> {
    date_time::from_timestamp(timestamp)
}

fn any(byte: u8) -> bool {
    byte != 0
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn guid(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+' | b'-')
}
