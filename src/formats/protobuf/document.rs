//! A protobuf job as the JSON document that the Pulse schema is about, with whatever is wrong in it.

use super::super::date_time;
use super::super::findings::{self, Findings};
use crate::proto;
use prost_types::Timestamp;
use serde_json::{Map, Value};

/// An object that members are added to if they are present.
#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.into(), value.into());
        }
        self
    }

    fn text(self, name: &str, text: &Option<String>) -> Self {
        self.with(name, text.as_deref())
    }

    fn time(self, name: &str, time: &Option<Timestamp>) -> Self {
        self.with(name, time.as_ref().map(date_time::text_of))
    }

    /// A list that is absent if it is empty.
    fn list<T>(self, name: &str, items: &[T], item: impl FnMut(&T) -> Value) -> Self {
        self.with(name, (!items.is_empty()).then(|| array(items, item)))
    }

    /// An enum: absent if it is 0, its number as a text if that stands for nothing.
    fn word(self, name: &str, number: Option<i32>, word: impl Fn(i32) -> Option<&'static str>) -> Self {
        let number = number.filter(|number| *number != 0);
        self.with(name, number.map(|number| word(number).map_or_else(|| number.to_string(), Into::into)))
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

fn array<T>(items: &[T], item: impl FnMut(&T) -> Value) -> Value {
    Value::Array(items.iter().map(item).collect())
}

/// The document. What cannot be said in JSON goes to `findings`.
pub(super) fn of(job: &proto::Job, findings: &mut Findings) -> Value {
    let extra = job.extra_json.as_deref().and_then(|text| match serde_json::from_str::<Value>(text) {
        Ok(extra) => Some(extra),
        Err(error) => {
            findings.violations.push(findings::not_json("/extra", error).with_value(text));
            None
        }
    });
    Object::default()
        .text("taskId", &job.task_id)
        .with("origin", job.origin.as_ref().map(origin))
        .text("buildSystem", &job.build_system)
        .with("display", job.display.as_ref().map(display))
        .word("state", job.state, state)
        .word("result", job.result, result)
        .word("jobKind", job.job_kind, kind)
        .with("version", job.version)
        .with("retryId", job.retry_id)
        .with("isRetried", job.is_retried)
        .with("tier", job.tier)
        .list("coalesced", &job.coalesced, |guid| guid.as_str().into())
        .time("timeScheduled", &job.time_scheduled)
        .time("timeStarted", &job.time_started)
        .time("timeCompleted", &job.time_completed)
        .with("labels", job.labels.as_ref().map(|labels| array(&labels.names, |name| name.as_str().into())))
        .text("owner", &job.owner)
        .text("reason", &job.reason)
        .text("productName", &job.product_name)
        .with("buildMachine", job.build_machine.as_ref().map(machine))
        .with("runMachine", job.run_machine.as_ref().map(machine))
        .with("jobInfo", job.job_info.as_ref().map(job_info))
        .list("logs", &job.logs, log)
        .with("extra", extra)
        .into()
}

fn origin(origin: &proto::Origin) -> Value {
    use proto::origin::Form;
    let object = Object::default();
    match &origin.form {
        None => object,
        Some(Form::Current(form)) => {
            object.text("project", &form.project).text("revision", &form.revision).with("id", form.id)
        }
        Some(Form::Mercurial(form)) => object
            .with("kind", Some("hg.mozilla.org"))
            .text("project", &form.project)
            .text("revision", &form.revision)
            .with("pushLogID", form.push_log_id),
        Some(Form::Github(form)) => object
            .with("kind", Some("github.com"))
            .text("project", &form.project)
            .text("revision", &form.revision)
            .with("pullRequestID", form.pull_request_id)
            .text("owner", &form.owner),
    }
    .into()
}

fn display(display: &proto::Display) -> Value {
    Object::default()
        .text("jobSymbol", &display.job_symbol)
        .with("chunkId", display.chunk_id)
        .with("chunkCount", display.chunk_count)
        .text("groupSymbol", &display.group_symbol)
        .text("jobName", &display.job_name)
        .text("groupName", &display.group_name)
        .into()
}

fn state(number: i32) -> Option<&'static str> {
    match proto::JobState::try_from(number).ok()? {
        proto::JobState::Unspecified => None,
        proto::JobState::Unscheduled => Some("unscheduled"),
        proto::JobState::Pending => Some("pending"),
        proto::JobState::Running => Some("running"),
        proto::JobState::Completed => Some("completed"),
    }
}

fn result(number: i32) -> Option<&'static str> {
    match proto::JobResult::try_from(number).ok()? {
        proto::JobResult::Unspecified => None,
        proto::JobResult::Success => Some("success"),
        proto::JobResult::Fail => Some("fail"),
        proto::JobResult::Exception => Some("exception"),
        proto::JobResult::Canceled => Some("canceled"),
        proto::JobResult::Superseded => Some("superseded"),
        proto::JobResult::Unknown => Some("unknown"),
        proto::JobResult::Retry => Some("retry"),
    }
}

fn kind(number: i32) -> Option<&'static str> {
    match proto::JobKind::try_from(number).ok()? {
        proto::JobKind::Unspecified => None,
        proto::JobKind::Build => Some("build"),
        proto::JobKind::Test => Some("test"),
        proto::JobKind::Other => Some("other"),
    }
}

fn machine(machine: &proto::Machine) -> Value {
    Object::default()
        .text("name", &machine.name)
        .text("platform", &machine.platform)
        .text("os", &machine.os)
        .text("architecture", &machine.architecture)
        .into()
}

fn job_info(info: &proto::JobInfo) -> Value {
    Object::default().text("summary", &info.summary).list("links", &info.links, link).into()
}

fn link(link: &proto::JobLink) -> Value {
    Object::default()
        .text("url", &link.url)
        .text("linkText", &link.link_text)
        .text("label", &link.label)
        .into()
}

fn log(log: &proto::Log) -> Value {
    Object::default()
        .text("url", &log.url)
        .text("name", &log.name)
        .with("steps", log.steps.as_ref().map(|steps| array(&steps.items, step)))
        .with("errorsTruncated", log.errors_truncated)
        .into()
}

fn step(step: &proto::LogStep) -> Value {
    Object::default()
        .text("name", &step.name)
        .time("timeStarted", &step.time_started)
        .time("timeFinished", &step.time_finished)
        .with("lineStarted", step.line_started)
        .with("lineFinished", step.line_finished)
        .word("result", step.result, result)
        .list("errors", &step.errors, error)
        .into()
}

fn error(error: &proto::LogError) -> Value {
    Object::default().text("line", &error.line).with("linenumber", error.linenumber).into()
}
