//! Sending, and what came of it.

use super::eventually::within;
use super::gateway::{Gateway, Ingest, PROJECT};
use super::jobs::{Submittable, new_revision, push};
use herdgate::proto::{
    JobSubmission, Outcome, Push, Reason, SubmitJobBatchRequest, SubmitJobsRequest, SubmitJobsResponse,
    SubmitPushesRequest, Verdict,
};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// R34: every submission has a verdict within 15 s; debug builds on a busy machine get some more.
pub const VERDICT_PATIENCE: Duration = Duration::from_secs(25);

/// Outcome and reason of a verdict.
pub fn said(verdict: &Verdict) -> (Outcome, Reason) {
    (verdict.outcome(), verdict.reason())
}

/// The one violation of a rejected submission: path, rule, limit.
pub fn violation(verdict: &Verdict) -> (&str, &str, &str) {
    assert_eq!(verdict.outcome(), Outcome::Rejected, "{verdict:?}");
    let [violation] = verdict.violations.as_slice() else { panic!("not one violation: {verdict:?}") };
    (&violation.field_path, &violation.rule, &violation.limit)
}

/// Submits one job in a call of its own.
pub async fn submit_one(ingest: &mut Ingest, job: impl Submittable) -> Verdict {
    submit_batch(ingest, vec![job.submission()]).await.unwrap().remove(0)
}

/// Submits jobs in one call.
pub async fn submit_batch(
    ingest: &mut Ingest,
    submissions: Vec<JobSubmission>,
) -> Result<Vec<Verdict>, Status> {
    let call = ingest.submit_job_batch(SubmitJobBatchRequest { submissions });
    Ok(within("verdicts of a batch", VERDICT_PATIENCE, call).await?.into_inner().verdicts)
}

/// Registers pushes of [`PROJECT`].
pub async fn submit_pushes(gateway: &Gateway, pushes: Vec<Push>) -> Vec<Verdict> {
    submit_pushes_of(gateway, PROJECT, pushes).await
}

/// Registers pushes of a project.
pub async fn submit_pushes_of(gateway: &Gateway, project: &str, pushes: Vec<Push>) -> Vec<Verdict> {
    let request = SubmitPushesRequest { project: project.into(), pushes };
    gateway.ingest().submit_pushes(request).await.unwrap().into_inner().verdicts
}

/// Registers a new push of [`PROJECT`]; gives its revision.
pub async fn new_push(gateway: &Gateway) -> String {
    let revision = new_revision();
    let verdicts = submit_pushes(gateway, vec![push(&revision)]).await;
    assert_eq!(verdicts[0].outcome(), Outcome::Stored, "{verdicts:?}");
    revision
}

/// An open `SubmitJobs` stream.
#[derive(Debug)]
pub struct JobStream {
    sender: Option<mpsc::Sender<SubmitJobsRequest>>,
    responses: Streaming<SubmitJobsResponse>,
    next_sequence: u64,
    verdicts: BTreeMap<u64, Verdict>,
}

impl JobStream {
    /// Opens one.
    pub async fn open(mut ingest: Ingest) -> Result<Self, Status> {
        let (sender, requests) = mpsc::channel(64);
        let responses = ingest.submit_jobs(ReceiverStream::new(requests)).await?.into_inner();
        Ok(Self { sender: Some(sender), responses, next_sequence: 1, verdicts: BTreeMap::new() })
    }

    /// Sends a job under the next number, which it gives; `None`: the stream has ended.
    pub async fn send(&mut self, job: impl Submittable) -> Option<u64> {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.send_numbered(sequence, job.submission()).await.then_some(sequence)
    }

    /// Sends a job under a number; false: the stream has ended.
    pub async fn send_numbered(&mut self, sequence: u64, submission: JobSubmission) -> bool {
        let request = SubmitJobsRequest { sequence, submission: Some(submission) };
        let sender = self.sender.as_ref().expect("the sending side is open");
        sender.send(request).await.is_ok()
    }

    /// Says that nothing more comes.
    pub fn half_close(&mut self) {
        self.sender = None;
    }

    /// Takes verdicts in until `count` are there in all, or the stream ends.
    pub async fn receive(&mut self, count: usize) -> Result<&BTreeMap<u64, Verdict>, Status> {
        while self.verdicts.len() < count {
            let next = within("verdicts of a stream", VERDICT_PATIENCE, self.responses.message());
            let Some(response) = next.await? else { break };
            for sequenced in response.verdicts {
                let verdict = sequenced.verdict.expect("every verdict is given");
                let before = self.verdicts.insert(sequenced.sequence, verdict);
                assert_eq!(before, None, "two verdicts of submission {}", sequenced.sequence);
            }
        }
        Ok(&self.verdicts)
    }

    /// Takes verdicts in to the end of the stream. The second tells how it ended.
    pub async fn into_end(mut self) -> (BTreeMap<u64, Verdict>, Result<(), Status>) {
        let end = self.receive(usize::MAX).await.map(|_| ());
        (self.verdicts, end)
    }

    /// The verdicts taken in so far.
    pub fn verdicts(&self) -> &BTreeMap<u64, Verdict> {
        &self.verdicts
    }
}

/// Streams jobs and gives their verdicts in the order sent; every one must have a verdict.
pub async fn stream_all<J: Submittable + Send + 'static>(ingest: Ingest, jobs: Vec<J>) -> Vec<Verdict> {
    let count = jobs.len();
    let mut stream = JobStream::open(ingest).await.unwrap();
    let sender = stream.sender.take().unwrap();
    // Sent aside, so that verdicts are read meanwhile.
    let sending = tokio::spawn(async move {
        for (sequence, job) in (1..).zip(jobs) {
            sender.send(SubmitJobsRequest { sequence, submission: Some(job.submission()) }).await.unwrap();
        }
    });
    let (verdicts, end) = stream.into_end().await;
    sending.await.unwrap();
    end.unwrap();
    assert_eq!(verdicts.len(), count, "every submission has a verdict");
    verdicts.into_values().collect()
}
