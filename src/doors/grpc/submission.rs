//! Submissions out of gRPC messages. Frames of a stream are taken apart without copying: the job
//! inside stays a slice of the frame, for the format to decode and for holding.

use super::frame::SubmitJobsFrame;
use crate::core::{Content, Submission};
use crate::domain::{ClaimedIdentity, Door, RawFormat, Refused, Violation};
use crate::formats::{self, Decoded};
use crate::proto;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use prost::Message;

/// `SubmitJobsRequest` with its submission still encoded.
#[derive(Clone, PartialEq, Message)]
struct SubmitJobsEnvelope {
    #[prost(uint64, tag = "1")]
    sequence: u64,
    #[prost(bytes = "bytes", tag = "2")]
    submission: Bytes,
}

/// `JobSubmission` with its job still encoded.
#[derive(Clone, PartialEq, Message)]
struct JobSubmissionEnvelope {
    #[prost(oneof = "EncodedJob", tags = "1, 2")]
    encoding: Option<EncodedJob>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum EncodedJob {
    #[prost(bytes = "bytes", tag = "1")]
    Protobuf(Bytes),
    #[prost(bytes = "bytes", tag = "2")]
    PulseJson(Bytes),
}

/// The sequence number that a frame carries, 0 if that cannot be read, and its submission.
pub fn of_frame(frame: SubmitJobsFrame, received_at: DateTime<Utc>) -> (u64, Submission) {
    let SubmitJobsFrame(bytes) = frame;
    let (sequence, encoding) = match SubmitJobsEnvelope::decode(bytes.clone()) {
        Ok(envelope) => (
            envelope.sequence,
            JobSubmissionEnvelope::decode(envelope.submission).map(|submission| submission.encoding),
        ),
        Err(error) => (0, Err(error)),
    };
    let submission = match encoding {
        Ok(Some(EncodedJob::Protobuf(raw))) => decoded(RawFormat::ProtobufJob, raw, None, received_at),
        Ok(Some(EncodedJob::PulseJson(raw))) => decoded(RawFormat::PulseJson, raw, None, received_at),
        Ok(None) => undecodable(bytes, no_job(), received_at),
        Err(error) => {
            let violation =
                Violation::new("", "protobuf", format!("the frame is not a SubmitJobsRequest: {error}"));
            undecodable(bytes, violation, received_at)
        }
    };
    (sequence, submission)
}

/// The submission of a unary request.
pub fn of_message(message: proto::JobSubmission, received_at: DateTime<Utc>) -> Submission {
    use proto::job_submission::Encoding;
    match message.encoding {
        Some(Encoding::Job(job)) => {
            decoded(RawFormat::ProtobufJob, job.encode_to_vec().into(), None, received_at)
        }
        Some(Encoding::PulseJson(raw)) => decoded(RawFormat::PulseJson, raw, None, received_at),
        None => undecodable(Bytes::new(), no_job(), received_at),
    }
}

/// The submission of an artifact.
pub fn of_artifact(artifact: &proto::Artifact, project: &str, received_at: DateTime<Utc>) -> Submission {
    decoded(RawFormat::ProtobufArtifact, artifact.encode_to_vec().into(), Some(project), received_at)
}

fn decoded(
    format: RawFormat,
    raw: Bytes,
    request_project: Option<&str>,
    received_at: DateTime<Utc>,
) -> Submission {
    // Only legacy job items carry artifacts of other jobs.
    let Decoded { content, warnings, for_other_jobs: _ } = formats::decode(format, &raw, request_project);
    Submission {
        door: Door::Grpc,
        received_at,
        raw,
        format,
        request_project: request_project.map(Into::into),
        content,
        warnings,
        held: None,
        context: None,
    }
}

fn undecodable(raw: Bytes, violation: Violation, received_at: DateTime<Utc>) -> Submission {
    let refused = Refused { claimed: ClaimedIdentity::default(), violations: vec![violation] };
    Submission {
        door: Door::Grpc,
        received_at,
        raw,
        format: RawFormat::UndecodableFrame,
        request_project: None,
        content: Content::Invalid(refused),
        warnings: Vec::new(),
        held: None,
        context: None,
    }
}

fn no_job() -> Violation {
    Violation::new("", "required", "the submission has neither `job` nor `pulse_json`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: impl Into<Bytes>) -> (u64, Submission) {
        of_frame(SubmitJobsFrame(bytes.into()), Utc::now())
    }

    fn rule(submission: &Submission) -> (&str, &str) {
        match &submission.content {
            Content::Invalid(refused) => (&refused.violations[0].path, &refused.violations[0].rule),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_frame_of_garbage_is_kept_whole_and_refused() {
        let (sequence, submission) = read(&b"\xff\xff\xff"[..]);
        assert_eq!(sequence, 0);
        assert_eq!(rule(&submission), ("", "protobuf"));
        assert_eq!(submission.format, RawFormat::UndecodableFrame);
        assert_eq!(&submission.raw[..], b"\xff\xff\xff");
    }

    #[test]
    fn garbage_inside_a_numbered_frame_keeps_its_number() {
        let frame = SubmitJobsEnvelope { sequence: 7, submission: Bytes::from_static(b"\xff\xff") };
        let (sequence, submission) = read(frame.encode_to_vec());
        assert_eq!(sequence, 7);
        assert_eq!(rule(&submission), ("", "protobuf"));
    }

    #[test]
    fn a_frame_without_a_job_keeps_its_number_and_is_refused() {
        for submission in [None, Some(proto::JobSubmission { encoding: None })] {
            let frame = proto::SubmitJobsRequest { sequence: 9, submission };
            let (sequence, submission) = read(frame.encode_to_vec());
            assert_eq!(sequence, 9);
            assert_eq!(rule(&submission), ("", "required"));
        }
    }

    #[test]
    fn the_envelopes_read_what_generated_stubs_write_without_copying() {
        use proto::job_submission::Encoding;
        let job = proto::Job { task_id: Some("abc/0".into()), ..Default::default() };
        let frame = |encoding| {
            let submission = Some(proto::JobSubmission { encoding: Some(encoding) });
            Bytes::from(proto::SubmitJobsRequest { sequence: 1, submission }.encode_to_vec())
        };
        for (frame, expected) in [
            (frame(Encoding::Job(job.clone())), EncodedJob::Protobuf(job.encode_to_vec().into())),
            (
                frame(Encoding::PulseJson(Bytes::from_static(b"{}"))),
                EncodedJob::PulseJson(Bytes::from_static(b"{}")),
            ),
        ] {
            let outer = SubmitJobsEnvelope::decode(frame.clone()).unwrap();
            let inner = JobSubmissionEnvelope::decode(outer.submission).unwrap().encoding.unwrap();
            assert_eq!(inner, expected);
            let (EncodedJob::Protobuf(raw) | EncodedJob::PulseJson(raw)) = inner;
            assert!(frame.as_ptr_range().contains(&raw.as_ptr()), "the job was copied");
        }
    }
}
