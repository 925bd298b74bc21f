//! Clients that load a gateway over gRPC.

use super::gateway::Gateway;
use super::jobs::{Jobs, Moment, PROJECT};
use super::way::Way;
use herdgate::proto;
use proto::job_submission::Encoding;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Pushes in one request.
const PUSHES: usize = 1000;

/// Submits the pushes of jobs.
pub async fn pushes(gateway: &Gateway, jobs: &Jobs) {
    let mut client = gateway.ingest().await;
    for numbers in jobs.pushes().collect::<Vec<_>>().chunks(PUSHES) {
        let push = |number: &usize| proto::Push {
            revision: Some(Jobs::revision(*number)),
            push_timestamp: Some(prost_types::Timestamp {
                seconds: 1_790_000_000 + *number as i64,
                nanos: 0,
            }),
            author: Some("somebody@example.org".to_owned()),
            revisions: vec![],
        };
        let pushes = numbers.iter().map(push).collect();
        let request = proto::SubmitPushesRequest { project: PROJECT.to_owned(), pushes };
        let answer = client.submit_pushes(request).await.expect("the pushes are taken").into_inner();
        assert_eq!(answer.verdicts.len(), numbers.len());
        for verdict in answer.verdicts {
            assert_eq!(verdict.outcome(), proto::Outcome::Stored, "{verdict:?}");
        }
    }
}

/// So many `SubmitJobs` streams, each on a connection of its own.
#[derive(Debug, Clone, Copy)]
pub struct Streams(pub usize);

impl Way for Streams {
    fn name(&self) -> String {
        match self.0 {
            1 => "gRPC, 1 stream".to_owned(),
            streams => format!("gRPC, {streams} streams"),
        }
    }

    async fn submit(&self, gateway: &Gateway, jobs: &Jobs, moments: &'static [Moment]) -> Duration {
        stream(gateway, self.0, jobs, moments).await
    }
}

async fn stream(gateway: &Gateway, streams: usize, jobs: &Jobs, moments: &'static [Moment]) -> Duration {
    let mut prepared: Vec<Vec<proto::SubmitJobsRequest>> = vec![Vec::new(); streams];
    for &moment in moments {
        for index in jobs.indexes() {
            let job = jobs.job(index, moment);
            let own = &mut prepared[index % streams];
            let submission = proto::JobSubmission { encoding: Some(Encoding::Job(job)) };
            own.push(proto::SubmitJobsRequest {
                sequence: own.len() as u64 + 1,
                submission: Some(submission),
            });
        }
    }
    let mut clients = Vec::new();
    for _ in 0..streams {
        clients.push(gateway.ingest().await);
    }
    let started = Instant::now();
    let tasks: Vec<_> = clients
        .into_iter()
        .zip(prepared)
        .map(|(mut client, requests)| {
            tokio::spawn(async move {
                let count = requests.len();
                let (sender, receiver) = mpsc::channel(1024);
                tokio::spawn(async move {
                    for request in requests {
                        if sender.send(request).await.is_err() {
                            return;
                        }
                    }
                });
                let mut answers =
                    client.submit_jobs(ReceiverStream::new(receiver)).await.expect("a stream").into_inner();
                let mut stored = 0;
                while let Some(answer) = answers.message().await.expect("verdicts") {
                    for verdict in answer.verdicts {
                        let verdict = verdict.verdict.expect("a verdict");
                        assert_eq!(verdict.outcome(), proto::Outcome::Stored, "{verdict:?}");
                        stored += 1;
                    }
                }
                assert_eq!(stored, count, "every submission has its verdict");
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a client");
    }
    started.elapsed()
}

/// Latencies of single unary calls at a fixed rate, sorted. Each call starts on time whatever became of
/// the one before, and its latency counts from then.
pub async fn unary(gateway: &Gateway, jobs: &Jobs, per_second: u32) -> Vec<Duration> {
    let client = gateway.ingest().await;
    let started = tokio::time::Instant::now();
    let mut calls = Vec::with_capacity(jobs.count());
    for index in jobs.indexes() {
        let due = started + Duration::from_secs(1) * index as u32 / per_second;
        tokio::time::sleep_until(due).await;
        let submission =
            proto::JobSubmission { encoding: Some(Encoding::Job(jobs.job(index, Moment::Pending))) };
        let mut client = client.clone();
        calls.push(tokio::spawn(async move {
            let request = proto::SubmitJobBatchRequest { submissions: vec![submission] };
            let answer = client.submit_job_batch(request).await.expect("a verdict").into_inner();
            assert_eq!(answer.verdicts[0].outcome(), proto::Outcome::Stored);
            due.elapsed()
        }));
    }
    let mut latencies = Vec::with_capacity(calls.len());
    for call in calls {
        latencies.push(call.await.expect("a call"));
    }
    latencies.sort_unstable();
    latencies
}

/// Jobs that are prepared in memory at once while filling.
const PART: usize = 20_000;

/// Fills a database at full rate through the gateway itself, each job once, as completed and with its
/// log and links, so that the rows are those of real jobs.
pub async fn fill(gateway: &Gateway, jobs: &Jobs) {
    for part in jobs.parts(PART) {
        Streams(8).submit(gateway, &part, &[Moment::Completed]).await;
    }
}
