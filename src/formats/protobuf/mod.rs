//! Jobs and artifacts in protobuf. A job that is plainly valid is translated at once; any other becomes
//! the JSON document that it stands for and is judged by the Pulse schema.

mod beyond;
mod document;
mod plain;

pub(super) use beyond::Beyond;

use super::findings::{self, Findings};
use super::{Decoded, artifact, pulse_json, translate};
use crate::domain::{ClaimedIdentity, JobGuid, Parts, Violation};
use crate::{limits, proto};
use prost::Message;

/// Reads `herdgate.v1.Job`.
pub(super) fn decode_job(raw: &[u8]) -> Decoded {
    match parse::<proto::Job>(raw) {
        Ok(message) => job(&message),
        Err(violation) => Decoded::refused(violation, ClaimedIdentity::default()),
    }
}

/// Reads `herdgate.v1.Artifact`, of a job of the project that the request names.
pub(super) fn decode_artifact(raw: &[u8], project: Option<&str>) -> Decoded {
    match parse::<proto::Artifact>(raw) {
        Ok(message) => submitted_artifact(&message, project),
        Err(violation) => Decoded::refused(violation, ClaimedIdentity::new(project, None, None)),
    }
}

/// Decodes a message of at most [`limits::SUBMISSION_BYTES`].
fn parse<M: Message + Default>(raw: &[u8]) -> Result<M, Violation> {
    if raw.len() > limits::SUBMISSION_BYTES {
        return Err(findings::too_large(raw.len()));
    }
    M::decode(raw).map_err(|error| undecodable(error.to_string()))
}

/// Bytes that are no such message.
pub(super) fn undecodable(reason: impl std::fmt::Display) -> Violation {
    let message = format!("the submission is no valid protobuf message: {reason}");
    Violation::new("", "protobuf", message)
}

fn job(job: &proto::Job) -> Decoded {
    let mut findings = Findings::default();
    let beyond = Beyond::read(job, &mut findings);
    let artifacts = beyond::artifacts(job, &mut findings);
    if findings.violations.is_empty()
        && let Some(mut message) = plain::message(job)
    {
        beyond.fill(&mut message);
        let parts = pulse_json::supplied(artifacts, Some(message.task_id), &mut findings);
        return pulse_json::conclude(Some(&message), parts, findings, || claimed(job));
    }
    let document = document::of(job, &mut findings);
    pulse_json::of_document(&document, artifacts, &beyond, findings)
}

fn claimed(job: &proto::Job) -> ClaimedIdentity {
    use proto::origin::Form;
    let (project, revision) = match job.origin.as_ref().and_then(|origin| origin.form.as_ref()) {
        Some(Form::Current(form)) => (form.project.as_deref(), form.revision.as_deref()),
        Some(Form::Mercurial(form)) => (form.project.as_deref(), form.revision.as_deref()),
        Some(Form::Github(form)) => (form.project.as_deref(), form.revision.as_deref()),
        None => (None, None),
    };
    ClaimedIdentity::new(project, revision, job.task_id.as_deref())
}

fn submitted_artifact(message: &proto::Artifact, project: Option<&str>) -> Decoded {
    let mut findings = Findings::default();
    let mut parts = Parts::default();
    if let Some(artifact) = beyond::artifact(message, "", &mut findings) {
        artifact.add_to(None, &mut parts, &mut findings);
    }
    parts.details = translate::unique_details(parts.details, &mut findings);
    let guid_text = message.job_guid.as_deref();
    let guid = guid_text.map(|text| (text, JobGuid::try_new(text)));
    let guid = match guid {
        None => {
            findings.violations.push(findings::missing("/jobGuid"));
            None
        }
        Some((text, Err(error))) => {
            findings.violations.push(Violation::of_text("/jobGuid", text, &error));
            None
        }
        Some((_, Ok(guid))) => Some(guid),
    };
    let project_name = findings.request_project(project);
    let claimed = ClaimedIdentity::new(project, None, guid_text);
    artifact::conclude(project_name, guid, parts, findings, claimed)
}

/// The document that the schema judges, for tests of the way through it.
#[cfg(test)]
pub(super) fn document_of(job: &proto::Job) -> serde_json::Value {
    document::of(job, &mut Findings::default())
}

/// Whether a job takes the short way.
#[cfg(test)]
pub(super) fn is_plainly_valid(job: &proto::Job) -> bool {
    plain::message(job).is_some()
}
