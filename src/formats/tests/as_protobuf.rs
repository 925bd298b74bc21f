//! A Pulse job document, valid or not, as the protobuf message that says the same: written apart from
//! the production code, which goes the other way.

use super::super::date_time;
use crate::proto;
use prost_types::Timestamp;
use serde_json::Value;

/// None if protobuf cannot say it.
pub(super) fn job(document: &Value) -> Option<proto::Job> {
    let members = Members::of(
        document,
        &[
            "taskId",
            "origin",
            "buildSystem",
            "display",
            "state",
            "result",
            "jobKind",
            "version",
            "retryId",
            "isRetried",
            "tier",
            "coalesced",
            "timeScheduled",
            "timeStarted",
            "timeCompleted",
            "labels",
            "owner",
            "reason",
            "productName",
            "buildMachine",
            "runMachine",
            "jobInfo",
            "logs",
            "extra",
        ],
    )?;
    Some(proto::Job {
        task_id: members.text("taskId")?,
        origin: members.object("origin", origin)?,
        build_system: members.text("buildSystem")?,
        display: members.object("display", display)?,
        state: members.word("state", &["unscheduled", "pending", "running", "completed"])?,
        result: members.word("result", &RESULTS)?,
        job_kind: members.word("jobKind", &["build", "test", "other"])?,
        version: members.small("version")?,
        retry_id: members.integer("retryId")?,
        is_retried: members.flag("isRetried")?,
        tier: members.small("tier")?,
        coalesced: members.list("coalesced", text_of)?.unwrap_or_default(),
        time_scheduled: members.time("timeScheduled")?,
        time_started: members.time("timeStarted")?,
        time_completed: members.time("timeCompleted")?,
        labels: members.list("labels", text_of)?.map(|names| proto::Labels { names }),
        owner: members.text("owner")?,
        reason: members.text("reason")?,
        product_name: members.text("productName")?,
        build_machine: members.object("buildMachine", machine)?,
        run_machine: members.object("runMachine", machine)?,
        job_info: members.object("jobInfo", job_info)?,
        logs: members.list("logs", log)?.unwrap_or_default(),
        extra_json: document.get("extra").map(Value::to_string),
        ..proto::Job::default()
    })
}

const RESULTS: [&str; 7] = ["success", "fail", "exception", "canceled", "superseded", "unknown", "retry"];

fn origin(value: &Value) -> Option<proto::Origin> {
    use proto::origin::Form;
    let kind = value.get("kind").map(|kind| kind.as_str().unwrap_or_default());
    let form = match kind {
        None => {
            let members = Members::of(value, &["project", "revision", "id"])?;
            Form::Current(proto::CurrentOrigin {
                project: members.text("project")?,
                revision: members.text("revision")?,
                id: members.integer("id")?,
            })
        }
        Some("hg.mozilla.org") => {
            let members = Members::of(value, &["kind", "project", "revision", "pushLogID"])?;
            Form::Mercurial(proto::MercurialOrigin {
                project: members.text("project")?,
                revision: members.text("revision")?,
                push_log_id: members.integer("pushLogID")?,
            })
        }
        Some("github.com") => {
            let members = Members::of(value, &["kind", "project", "revision", "pullRequestID", "owner"])?;
            Form::Github(proto::GithubOrigin {
                project: members.text("project")?,
                revision: members.text("revision")?,
                pull_request_id: members.integer("pullRequestID")?,
                owner: members.text("owner")?,
            })
        }
        Some(_) => return None,
    };
    Some(proto::Origin { form: Some(form) })
}

fn display(value: &Value) -> Option<proto::Display> {
    let names = ["jobSymbol", "chunkId", "chunkCount", "groupSymbol", "jobName", "groupName"];
    let members = Members::of(value, &names)?;
    Some(proto::Display {
        job_symbol: members.text("jobSymbol")?,
        chunk_id: members.integer("chunkId")?,
        chunk_count: members.integer("chunkCount")?,
        group_symbol: members.text("groupSymbol")?,
        job_name: members.text("jobName")?,
        group_name: members.text("groupName")?,
    })
}

fn machine(value: &Value) -> Option<proto::Machine> {
    let members = Members::of(value, &["name", "platform", "os", "architecture"])?;
    Some(proto::Machine {
        name: members.text("name")?,
        platform: members.text("platform")?,
        os: members.text("os")?,
        architecture: members.text("architecture")?,
    })
}

fn job_info(value: &Value) -> Option<proto::JobInfo> {
    let members = Members::of(value, &["summary", "links"])?;
    let link = |value: &Value| {
        let members = Members::of(value, &["url", "linkText", "label"])?;
        Some(proto::JobLink {
            url: members.text("url")?,
            link_text: members.text("linkText")?,
            label: members.text("label")?,
        })
    };
    Some(proto::JobInfo {
        summary: members.text("summary")?,
        links: members.list("links", link)?.unwrap_or_default(),
    })
}

fn log(value: &Value) -> Option<proto::Log> {
    let members = Members::of(value, &["url", "name", "steps", "errorsTruncated"])?;
    Some(proto::Log {
        url: members.text("url")?,
        name: members.text("name")?,
        steps: members.list("steps", step)?.map(|items| proto::LogSteps { items }),
        errors_truncated: members.flag("errorsTruncated")?,
        parse_status: None,
    })
}

fn step(value: &Value) -> Option<proto::LogStep> {
    let names = ["name", "timeStarted", "timeFinished", "lineStarted", "lineFinished", "result", "errors"];
    let members = Members::of(value, &names)?;
    let error = |value: &Value| {
        let members = Members::of(value, &["line", "linenumber"])?;
        Some(proto::LogError { line: members.text("line")?, linenumber: members.integer("linenumber")? })
    };
    Some(proto::LogStep {
        name: members.text("name")?,
        time_started: members.time("timeStarted")?,
        time_finished: members.time("timeFinished")?,
        line_started: members.integer("lineStarted")?,
        line_finished: members.integer("lineFinished")?,
        result: members.word("result", &RESULTS)?,
        errors: members.list("errors", error)?.unwrap_or_default(),
    })
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Members of an object that protobuf has fields for. In what the methods return, the outer None
/// means that protobuf cannot say it.
struct Members<'a>(&'a Value);

impl<'a> Members<'a> {
    fn of(value: &'a Value, known: &[&str]) -> Option<Self> {
        let members = value.as_object()?;
        members.keys().all(|name| known.contains(&&**name)).then_some(Self(value))
    }

    fn object<T>(&self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<Option<T>> {
        self.0.get(name).map_or(Some(None), |value| read(value).map(Some))
    }

    fn list<T>(&self, name: &str, read: impl FnMut(&Value) -> Option<T>) -> Option<Option<Vec<T>>> {
        self.object(name, |value| value.as_array()?.iter().map(read).collect())
    }

    fn text(&self, name: &str) -> Option<Option<String>> {
        self.object(name, text_of)
    }

    fn flag(&self, name: &str) -> Option<Option<bool>> {
        self.object(name, Value::as_bool)
    }

    fn integer(&self, name: &str) -> Option<Option<i64>> {
        self.object(name, |value| {
            value.as_i64().or_else(|| value.as_f64().filter(|f| f.fract() == 0.0)?.to_string().parse().ok())
        })
    }

    fn small(&self, name: &str) -> Option<Option<i32>> {
        self.integer(name)?.map_or(Some(None), |number| i32::try_from(number).ok().map(Some))
    }

    /// A text that stands for something that is no text in protobuf, so cannot have a NUL.
    fn notation(value: &Value) -> Option<&str> {
        value.as_str().filter(|text| !text.contains('\0'))
    }

    /// Words count from 1; any other text is a number that stands for nothing.
    fn word(&self, name: &str, words: &[&str]) -> Option<Option<i32>> {
        self.object(name, |value| {
            let word = Self::notation(value)?;
            let position = words.iter().position(|known| *known == word);
            Some(position.map_or(99, |position| i32::try_from(position).unwrap() + 1))
        })
    }

    /// A text that is no date-time becomes a timestamp out of range.
    fn time(&self, name: &str) -> Option<Option<Timestamp>> {
        self.object(name, |value| {
            let time = date_time::parse(Self::notation(value)?);
            Some(time.map_or(Timestamp { seconds: i64::MAX, nanos: 0 }, |time| Timestamp {
                seconds: time.timestamp(),
                nanos: 987_654_321,
            }))
        })
    }
}
