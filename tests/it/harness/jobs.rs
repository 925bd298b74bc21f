//! Valid jobs and pushes, as messages and as Pulse JSON.

use super::gateway::PROJECT;
use herdgate::proto::{
    self, CurrentOrigin, Display, Job, JobInfo, JobKind, JobLink, JobResult, JobState, JobSubmission, Log,
    Origin, Push, job_submission::Encoding, origin::Form,
};
use prost_types::Timestamp;
use serde_json::{Value, json};

/// Start of the time line that the jobs of the tests live on.
pub const NOON: i64 = 1_767_268_800;

/// A guid that no other job has.
pub fn new_guid() -> String {
    format!("{}/0", uuid::Uuid::new_v4())
}

/// A revision that no other push has.
pub fn new_revision() -> String {
    format!("{:032x}{:08x}", rand::random::<u128>(), rand::random::<u32>())
}

/// Seconds after [`NOON`].
pub fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds: NOON + seconds, nanos: 0 }
}

/// A pending job of the push, as small as one can be.
pub fn pending(guid: &str, revision: &str) -> Job {
    job_of(PROJECT, guid, revision, JobState::Pending)
}

/// A running job.
pub fn running(guid: &str, revision: &str) -> Job {
    Job { time_started: Some(at(60)), ..job_of(PROJECT, guid, revision, JobState::Running) }
}

/// A completed job with two logs and two links.
pub fn completed(guid: &str, revision: &str, result: JobResult) -> Job {
    Job {
        result: Some(result.into()),
        time_started: Some(at(60)),
        time_completed: Some(at(120)),
        logs: vec![log(guid, "live_backing_log"), log(guid, "resource-usage")],
        job_info: Some(JobInfo { summary: None, links: vec![link(guid, "one.png"), link(guid, "two.png")] }),
        ..job_of(PROJECT, guid, revision, JobState::Completed)
    }
}

/// A job of a project in a state, without times but the first and without parts.
pub fn job_of(project: &str, guid: &str, revision: &str, state: JobState) -> Job {
    Job {
        task_id: Some(guid.into()),
        origin: Some(origin(project, revision)),
        build_system: Some("taskcluster".into()),
        display: Some(Display {
            job_symbol: Some("uk".into()),
            group_symbol: Some("U".into()),
            job_name: Some("unit kiln".into()),
            group_name: Some("Unit".into()),
            ..Display::default()
        }),
        state: Some(state.into()),
        job_kind: Some(JobKind::Test.into()),
        version: Some(1),
        owner: Some("ada@example.org".into()),
        reason: Some("scheduled".into()),
        time_scheduled: Some(at(0)),
        ..Job::default()
    }
}

/// The origin of 2026.
pub fn origin(project: &str, revision: &str) -> Origin {
    let form = CurrentOrigin { project: Some(project.into()), revision: Some(revision.into()), id: None };
    Origin { form: Some(Form::Current(form)) }
}

/// A log that the submitter did not parse.
pub fn log(guid: &str, name: &str) -> Log {
    let url = format!("https://logs.example.org/{guid}/{name}");
    Log { url: Some(url), name: Some(name.into()), ..Log::default() }
}

/// A link to an artifact of the job.
pub fn link(guid: &str, text: &str) -> JobLink {
    JobLink {
        url: Some(format!("https://artifacts.example.org/{guid}/{text}")),
        link_text: Some(text.into()),
        label: Some("artifact uploaded".into()),
    }
}

/// The smallest valid Pulse message, of the 2026 shape.
pub fn pulse(guid: &str, revision: &str) -> Value {
    json!({
        "taskId": guid,
        "origin": {"project": PROJECT, "revision": revision},
        "buildSystem": "taskcluster",
        "display": {"jobSymbol": "uk", "groupSymbol": "U", "jobName": "unit kiln", "groupName": "Unit"},
        "state": "pending",
        "jobKind": "test",
        "version": 1,
        "owner": "ada@example.org",
        "timeScheduled": "2026-01-01T12:00:00Z",
    })
}

/// A push with one commit.
pub fn push(revision: &str) -> Push {
    let commit = proto::Commit {
        revision: Some(revision.into()),
        author: Some("Ada <ada@example.org>".into()),
        comment: Some("Bake at a lower heat".into()),
    };
    Push {
        revision: Some(revision.into()),
        push_timestamp: Some(at(-60)),
        author: Some("ada@example.org".into()),
        revisions: vec![commit],
    }
}

/// An artifact with a JSON blob.
pub fn artifact(guid: &str, name: &str, blob: &Value) -> proto::Artifact {
    proto::Artifact {
        name: Some(name.into()),
        r#type: Some("json".into()),
        blob_json: Some(blob.to_string()),
        job_guid: Some(guid.into()),
    }
}

/// A job on its way in.
pub trait Submittable {
    /// In its encoding.
    fn submission(self) -> JobSubmission;
}

impl Submittable for Job {
    fn submission(self) -> JobSubmission {
        JobSubmission { encoding: Some(Encoding::Job(self)) }
    }
}

impl Submittable for &Value {
    fn submission(self) -> JobSubmission {
        self.to_string().into_bytes().submission()
    }
}

/// Bytes that are taken for a Pulse message, whatever they are.
impl Submittable for Vec<u8> {
    fn submission(self) -> JobSubmission {
        JobSubmission { encoding: Some(Encoding::PulseJson(self.into())) }
    }
}
