//! Artifacts: inside a job item, and as items of a collection of their own (ingest contract, section 7).

use super::super::artifact::{self, Artifact};
use super::super::findings::{self, Findings};
use super::super::{Decoded, OtherJobsArtifact, pulse_json, schema, translate};
use super::members::Members;
use crate::domain::{ClaimedIdentity, JobGuid, Parts};
use crate::limits;
use serde_json::Value;

/// Reads one item of an artifact collection.
pub(in crate::formats) fn decode(raw: &[u8], project: Option<&str>) -> Decoded {
    let document = match pulse_json::parse(raw) {
        Ok(document) => document,
        Err(violation) => return Decoded::refused(violation, ClaimedIdentity::new(project, None, None)),
    };
    let violations = schema::LEGACY_ARTIFACT.violations(&document);
    let mut findings = Findings { violations, warnings: Vec::new() };
    let project_name = findings.request_project(project);
    let guid = super::guid(document.get("job_guid"), "/job_guid", &mut findings);
    let mut parts = Parts::default();
    if let Some(artifact) = Artifact::from_json(&document, "") {
        Artifact { job_guid: None, ..artifact }.add_to(None, &mut parts, &mut findings);
    }
    parts.details = translate::unique_details(parts.details, &mut findings);
    let claimed_guid = document.get("job_guid").and_then(Value::as_str);
    let claimed = ClaimedIdentity::new(project, None, claimed_guid);
    artifact::conclude(project_name, guid, parts, findings, claimed)
}

/// What the artifacts of a job item say about its job, and those that name another one.
pub(super) fn of_job(
    job: &Members<'_>,
    own: Option<&JobGuid>,
    findings: &mut Findings,
) -> (Parts, Vec<OtherJobsArtifact>) {
    let (mut parts, mut others) = (Parts::default(), Vec::new());
    for (path, item) in job.list("artifacts").take(limits::PARTS) {
        let Some(artifact) = Artifact::from_json(item, &path) else { continue };
        if let Some(reason) = ignored(&artifact, item) {
            findings.warn(|| findings::replaced(&*path, artifact.name, reason));
            continue;
        }
        let named = super::guid(item.get("job_guid"), &format!("{path}/job_guid"), findings);
        if own.is_some() && named.is_some() && named.as_ref() != own {
            others.push(OtherJobsArtifact { path, raw: item.to_string().into() });
            continue;
        }
        Artifact { job_guid: None, ..artifact }.add_to(None, &mut parts, findings);
    }
    (parts, others)
}

/// Why an artifact that keeps the schema is passed over, as it always was.
fn ignored(artifact: &Artifact<'_>, item: &Value) -> Option<&'static str> {
    if artifact.name.is_empty() {
        return Some("is an artifact without a name and was ignored; name it");
    }
    let nobodys = item.get("job_guid").is_some_and(Value::is_null);
    nobodys.then_some("is an artifact of no job (its job_guid is null) and was ignored; name the job")
}
