//! Streaming jobs until each has its verdict.

use super::ledger::Ledger;
use super::patience::Patience;
use crate::cli::failure::Failure;
use crate::cli::server::Connection;
use crate::doors::grpc::translate;
use crate::proto::ingest_service_client::IngestServiceClient;
use crate::proto::{JobSubmission, Outcome, Reason, SubmitJobsRequest, Verdict, job_submission};
use crate::{formats, limits};
use bytes::Bytes;
use prost::Message;
use tonic::Status;

/// What became of the jobs.
#[derive(Debug)]
pub struct Submitted {
    /// In the order of the jobs; none: it was not decided.
    pub verdicts: Vec<Option<Verdict>>,
    /// Why the rest was given up, if there is a rest.
    pub gave_up: Option<Failure>,
}

/// Streams Pulse job messages, one stream at a time and in order. `decided` is called once for each
/// job that has its verdict.
pub async fn submit_all(connection: Connection, jobs: &[Bytes], mut decided: impl FnMut()) -> Submitted {
    let mut client = IngestServiceClient::new(connection);
    let mut ledger = Ledger::new(jobs.len());
    let mut patience = Patience::default();
    for (sequence, job) in (1_u64..).zip(jobs) {
        // The gateway ends a stream at a frame over its limit: such a job must not get there.
        if request(sequence, job.clone()).encoded_len() > limits::SUBMISSION_BYTES {
            ledger.record(sequence, too_large(job.len()));
            decided();
        }
    }
    let mut gave_up = None;
    while ledger.open() > 0 {
        let before = ledger.open();
        let ended = stream(&mut client, jobs, &mut ledger, &mut decided).await;
        let open = ledger.open();
        if open == 0 {
            break;
        }
        let asked = ledger.take_retry_delay();
        match patience.after(ended, open < before, asked) {
            Ok(delay) => tokio::time::sleep(delay).await,
            Err(status) => {
                gave_up = Some(Failure::Gateway(status));
                break;
            }
        }
    }
    Submitted { verdicts: ledger.into_verdicts(), gave_up }
}

async fn stream(
    client: &mut IngestServiceClient<Connection>,
    jobs: &[Bytes],
    ledger: &mut Ledger,
    decided: &mut impl FnMut(),
) -> Result<(), Status> {
    // Cloning shares the bytes.
    let open: Vec<(u64, Bytes)> = (1_u64..)
        .zip(jobs)
        .filter(|(sequence, _)| ledger.is_open(*sequence))
        .map(|(n, job)| (n, job.clone()))
        .collect();
    let requests = tokio_stream::iter(open.into_iter().map(|(sequence, job)| request(sequence, job)));
    let mut responses = client.submit_jobs(requests).await?.into_inner();
    while let Some(response) = responses.message().await? {
        for item in response.verdicts {
            if ledger.record(item.sequence, item.verdict.unwrap_or_default()) {
                decided();
            }
        }
    }
    Ok(())
}

fn request(sequence: u64, job: Bytes) -> SubmitJobsRequest {
    let encoding = job_submission::Encoding::PulseJson(job);
    SubmitJobsRequest { sequence, submission: Some(JobSubmission { encoding: Some(encoding) }) }
}

fn too_large(size: usize) -> Verdict {
    Verdict {
        outcome: Outcome::Rejected.into(),
        reason: Reason::Invalid.into(),
        violations: vec![translate::violation(formats::too_large(size))],
        ..Default::default()
    }
}
