//! What only the protobuf form of a job can say, checked by hand.

use super::super::artifact::{Artifact, Place};
use super::super::findings::{self, Findings};
use super::super::pulse_message::PulseMessage;
use super::super::schema;
use crate::domain::ParseStatus;
use crate::{limits, proto};
use serde_json::Value;

/// Fields beyond the Pulse schema.
#[derive(Debug, Default)]
pub(in crate::formats) struct Beyond<'a> {
    description: Option<&'a str>,
    reference_data_name: Option<&'a str>,
    /// Of each log, as far as given; empty: none is.
    log_statuses: Vec<Option<ParseStatus>>,
}

impl<'a> Beyond<'a> {
    /// Reads the fields; what is wrong with them goes to `findings`.
    pub(super) fn read(job: &'a proto::Job, findings: &mut Findings) -> Self {
        let description = job.description.as_deref();
        let name = job.reference_data_name.as_deref();
        let mut log_statuses = Vec::new();
        if job.logs.iter().any(|log| log.parse_status.is_some()) {
            let logs = job.logs.iter().enumerate();
            log_statuses = logs.map(|(index, log)| parse_status(index, log, findings)).collect();
        }
        Self {
            description: description
                .and_then(|text| findings.text("/description", text, 0..=limits::DESCRIPTION)),
            reference_data_name: name
                .and_then(|text| findings.text("/referenceDataName", text, 1..=limits::REFERENCE_DATA_NAME)),
            log_statuses,
        }
    }

    /// Adds the fields to a message.
    pub(in crate::formats) fn fill(&self, message: &mut PulseMessage<'a>) {
        message.description = self.description;
        message.reference_data_name = self.reference_data_name;
        for (log, status) in message.logs.iter_mut().zip(&self.log_statuses) {
            log.status = *status;
        }
    }
}

fn parse_status(index: usize, log: &proto::Log, findings: &mut Findings) -> Option<ParseStatus> {
    let number = log.parse_status.filter(|number| *number != 0)?;
    match proto::LogParseStatus::try_from(number) {
        Ok(proto::LogParseStatus::Pending) => Some(ParseStatus::Pending),
        Ok(proto::LogParseStatus::Parsed) => Some(ParseStatus::Parsed),
        Ok(proto::LogParseStatus::Failed) => Some(ParseStatus::Failed),
        // Only the gateway skips logs.
        Ok(proto::LogParseStatus::Unspecified | proto::LogParseStatus::SkippedSize) | Err(_) => {
            let path = format!("/logs/{index}/parseStatus");
            findings.violations.push(findings::not_among(
                path,
                &number.to_string(),
                "pending, parsed, failed",
            ));
            None
        }
    }
}

/// The artifacts of a job.
pub(super) fn artifacts<'a>(job: &'a proto::Job, findings: &mut Findings) -> Vec<Artifact<'a>> {
    if job.artifacts.len() > limits::PARTS {
        findings.violations.push(findings::too_many("/artifacts", job.artifacts.len(), limits::PARTS as u64));
    }
    let items = job.artifacts.iter().take(limits::PARTS).enumerate();
    items.filter_map(|(index, item)| artifact(item, &format!("/artifacts/{index}"), findings)).collect()
}

/// One artifact that stands at `path`. None if it is so wrong that it cannot be read further.
pub(super) fn artifact<'a>(
    item: &'a proto::Artifact,
    path: &str,
    findings: &mut Findings,
) -> Option<Artifact<'a>> {
    let place = Place { job_guid: format!("{path}/jobGuid"), blob: format!("{path}/blobJson") };
    let name =
        findings.required_text(&format!("{path}/name"), item.name.as_deref(), 1..=limits::ARTIFACT_NAME);
    let kind =
        findings.required_text(&format!("{path}/type"), item.r#type.as_deref(), 1..=limits::ARTIFACT_TYPE);
    let blob = match item.blob_json.as_deref() {
        None => {
            findings.violations.push(findings::missing(&*place.blob));
            None
        }
        Some(text) => match serde_json::from_str::<Value>(text) {
            Ok(blob) => {
                schema::find_nul(&blob, &place.blob, &mut findings.violations);
                Some(blob)
            }
            Err(error) => {
                findings.violations.push(findings::not_json(&*place.blob, error).with_value(text));
                None
            }
        },
    };
    Some(Artifact { name: name?, kind: kind?, blob: blob?, job_guid: item.job_guid.as_deref(), place })
}
