//! Jobs and pushes as stored.

use super::timestamp;
use crate::domain::{self, ParseStatus};
use crate::doors::grpc::page_token::FIELD_OVERHEAD;
use crate::limits;
use crate::proto::{self, LogParseStatus, get_job_response::Found};
use crate::store::model::{
    JobWithParts, Provenance, StoredDetail, StoredJob, StoredLog, StoredPush, StoredStep,
};
use prost::Message;

/// A job on the wire, with the state and result that readers are to see (R6).
pub fn stored_job(job: StoredJob) -> proto::StoredJob {
    let (state, result) = job.shown_state();
    let (state, result) = (state.to_owned(), result.to_owned());
    proto::StoredJob {
        id: job.id,
        job_guid: job.guid,
        project: job.project,
        push_id: job.push_id,
        revision: job.revision,
        state,
        result,
        tier: job.tier,
        job_type: Some(named(job.job_type)),
        job_group: Some(named(job.group)),
        product: job.product,
        build_system: job.build_system,
        who: job.who,
        reason: job.reason,
        machine: job.machine,
        build_platform: Some(platform(job.build_platform)),
        machine_platform: Some(platform(job.machine_platform)),
        options: job.options,
        option_collection_hash: job.option_collection_hash,
        signature: job.signature,
        reference_data_name: job.reference_data_name,
        submit_time: job.submit_time.map(timestamp),
        start_time: job.start_time.map(timestamp),
        end_time: job.end_time.map(timestamp),
        last_modified: Some(timestamp(job.last_modified)),
        superseded_by: job.superseded_by.unwrap_or_default(),
        task_id: job.task_id.unwrap_or_default(),
        retry_id: job.retry_id.unwrap_or_default(),
        failure_classification_id: job.failure_classification_id.into(),
        provenance: Some(provenance(job.provenance)),
        description: job.description.unwrap_or_default(),
    }
}

/// A job with what hangs on it, as far as an answer takes it.
pub fn job_with_parts(job: JobWithParts) -> proto::GetJobResponse {
    let mut room = Room { bytes: limits::PAGE_BYTES, left_out: false };
    let logs = room.take(job.logs.into_iter().map(log));
    let details = room.take(job.details.into_iter().map(detail));
    let artifact_names = room.take(job.artifact_names);
    let mut steps = Vec::new();
    for mut step in job.steps.into_iter().map(step) {
        let errors = std::mem::take(&mut step.errors);
        let Some(mut step) = room.take([step]).pop() else { break };
        step.errors = room.take(errors);
        steps.push(step);
    }
    let errors = room.take(job.errors.into_iter().map(error_line));
    proto::GetJobResponse {
        found: Some(Found::Job(stored_job(job.job))),
        logs,
        details,
        artifact_names,
        steps,
        errors,
        parts_left_out: room.left_out,
    }
}

/// Bytes of an answer that are free. Once something did not fit, nothing more is taken.
struct Room {
    bytes: usize,
    left_out: bool,
}

impl Room {
    fn take<M: Message>(&mut self, items: impl IntoIterator<Item = M>) -> Vec<M> {
        let mut taken = Vec::new();
        for item in items {
            let needed = item.encoded_len() + FIELD_OVERHEAD;
            self.left_out |= needed > self.bytes;
            if self.left_out {
                break;
            }
            self.bytes -= needed;
            taken.push(item);
        }
        taken
    }
}

/// A push on the wire.
pub fn push(push: StoredPush) -> proto::StoredPush {
    proto::StoredPush {
        id: push.id,
        project: push.project,
        revision: push.revision,
        author: push.author,
        push_timestamp: Some(timestamp(push.time)),
        revision_count: push.commit_count,
        revisions: push
            .commits
            .into_iter()
            .map(|(revision, author, comment)| proto::Commit {
                revision: Some(revision),
                author: Some(author),
                comment: Some(comment),
            })
            .collect(),
    }
}

fn named(named: domain::NamedSymbol) -> proto::NamedSymbol {
    proto::NamedSymbol { name: named.name, symbol: named.symbol }
}

fn platform(platform: domain::Platform) -> proto::Platform {
    proto::Platform {
        os_name: platform.os_name,
        platform: platform.platform,
        architecture: platform.architecture,
    }
}

fn provenance(provenance: Provenance) -> proto::Provenance {
    proto::Provenance {
        first_door: provenance.first_door.as_str().into(),
        last_door: provenance.last_door.as_str().into(),
        source: provenance.source,
        received_at: Some(timestamp(provenance.received_at)),
        committed_at: Some(timestamp(provenance.committed_at)),
        held_at: provenance.held_at.map(timestamp),
        released_at: provenance.released_at.map(timestamp),
        repeats: provenance.repeats,
    }
}

fn log(log: StoredLog) -> proto::StoredLog {
    let parse_status = match log.status {
        ParseStatus::Pending => LogParseStatus::Pending,
        ParseStatus::Parsed => LogParseStatus::Parsed,
        ParseStatus::Failed => LogParseStatus::Failed,
        ParseStatus::SkippedSize => LogParseStatus::SkippedSize,
    };
    let queue = log.queue;
    proto::StoredLog {
        id: log.id,
        name: log.name,
        url: log.url,
        parse_status: parse_status.into(),
        named_at: Some(timestamp(queue.named_at)),
        attempts: queue.attempts,
        begun_at: queue.begun_at.map(timestamp),
        read_at: queue.read_at.map(timestamp),
        next_attempt_at: queue.next_attempt_at.map(timestamp),
        last_error: queue.last_error.unwrap_or_default(),
        given_up_at: queue.given_up_at.map(timestamp),
    }
}

fn detail(detail: StoredDetail) -> proto::JobDetail {
    proto::JobDetail {
        title: detail.title.unwrap_or_default(),
        value: detail.value,
        url: detail.url.unwrap_or_default(),
        content_type: detail.content_type.as_str().into(),
    }
}

fn step(step: StoredStep) -> proto::StoredStep {
    proto::StoredStep {
        order: step.order,
        name: step.name,
        started: step.started.map(timestamp),
        finished: step.finished.map(timestamp),
        started_line_number: step.started_line.into(),
        finished_line_number: step.finished_line.into(),
        result: step.result.as_str().into(),
        errors: step.errors.into_iter().map(error_line).collect(),
    }
}

fn error_line((number, line): (i32, String)) -> proto::LogError {
    proto::LogError { line: Some(line), linenumber: Some(number.into()) }
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::a_stored_job;
    use super::*;
    use crate::domain::{JobResult, JobState};

    #[test]
    fn a_job_keeps_what_is_known_and_leaves_out_what_is_not() {
        let job = stored_job(a_stored_job(5));
        assert_eq!((&*job.state, &*job.result), ("running", "unknown"));
        assert_eq!((job.tier, job.retry_id, job.failure_classification_id), (2, 3, 1));
        assert_eq!(job.job_group.unwrap().symbol, "M");
        assert_eq!(job.job_type.unwrap().symbol, "bc1");
        assert_eq!(job.build_platform.unwrap().platform, "unknown");
        assert_eq!(job.machine_platform.unwrap().platform, "linux64");
        assert_eq!(job.options, ["asan", "debug"]);
        assert_eq!(job.end_time, None);
        assert_eq!(job.start_time.unwrap().seconds - job.submit_time.unwrap().seconds, 60);
        let provenance = job.provenance.unwrap();
        assert_eq!((&*provenance.first_door, &*provenance.last_door), ("pulse", "grpc"));
        assert_eq!((provenance.repeats, provenance.held_at), (4, None));
    }

    #[test]
    fn a_superseded_job_shows_as_completed_until_its_own_completion() {
        let superseded = StoredJob { superseded_by: Some("other/0".into()), ..a_stored_job(1) };
        let job = stored_job(superseded.clone());
        assert_eq!((&*job.state, &*job.result, &*job.superseded_by), ("completed", "superseded", "other/0"));
        let completed = StoredJob { state: JobState::Completed, result: JobResult::TestFailed, ..superseded };
        assert_eq!(stored_job(completed).result, "testfailed");
    }

    /// A job with one log, and steps with so many error lines of the largest size.
    fn with_steps(steps: usize, errors: usize) -> JobWithParts {
        let step = StoredStep {
            order: 0,
            name: "build".into(),
            started: None,
            finished: None,
            started_line: 0,
            finished_line: 1,
            result: JobResult::Success,
            errors: vec![(1, "\u{1F600}".repeat(limits::ERROR_LINE)); errors],
        };
        let log = StoredLog {
            id: 1,
            name: "log".into(),
            url: "u".into(),
            status: ParseStatus::Parsed,
            queue: Default::default(),
        };
        JobWithParts {
            job: a_stored_job(1),
            logs: vec![log],
            details: vec![],
            artifact_names: vec!["Job Info".into()],
            steps: vec![step; steps],
            errors: vec![(7, "bad".into())],
        }
    }

    #[test]
    fn parts_that_fit_are_all_there() {
        let answer = job_with_parts(with_steps(3, 20));
        assert!(!answer.parts_left_out);
        assert_eq!((answer.logs.len(), answer.artifact_names.len(), answer.steps.len()), (1, 1, 3));
        assert!(answer.steps.iter().all(|step| step.errors.len() == 20));
        assert_eq!(answer.errors[0].line.as_deref(), Some("bad"));
    }

    #[test]
    fn parts_beyond_what_an_answer_takes_are_left_out_and_that_is_said() {
        for (steps, errors) in [(1, 10_000), (limits::STEPS, 10), (200, 100)] {
            let answer = job_with_parts(with_steps(steps, errors));
            assert!(answer.parts_left_out, "{steps} {errors}");
            assert!(answer.encoded_len() <= limits::ANSWER_BYTES);
            assert!(answer.encoded_len() > limits::PAGE_BYTES / 2, "as much as fits");
            let (_last, whole) = answer.steps.split_last().unwrap();
            assert!(whole.iter().all(|step| step.errors.len() == errors));
        }
    }
}
