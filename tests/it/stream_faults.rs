//! `SubmitJobs` against clients that misbehave.

use crate::harness::eventually::within;
use crate::harness::gateway::Bearer;
use crate::harness::jobs::{Submittable, new_guid, pending};
use crate::harness::raw_stream::{frame, submission_frame, submit_raw};
use crate::harness::reading::{state_of, stored};
use crate::harness::submitting::{VERDICT_PATIENCE, new_push, said, submit_batch, submit_one};
use crate::harness::{Database, Gateway, gateway};
use bytes::Bytes;
use herdgate::limits::SUBMISSION_BYTES;
use herdgate::proto::ingest_service_client::IngestServiceClient;
use herdgate::proto::{Job, Outcome, Reason, SubmitJobsRequest, Verdict};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_types::StatusExt;

async fn a_frame_of_garbage_is_rejected_by_its_ordinal(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let guids = [new_guid(), new_guid()];
    let (verdicts, end) = submit_raw(
        &gateway,
        vec![
            submission_frame(11, pending(&guids[0], &revision).submission()),
            frame(b"\xff\xff\xff not a message"),
            submission_frame(12, pending(&guids[1], &revision).submission()),
        ],
    )
    .await;
    end.unwrap();
    let mut told: Vec<_> = verdicts
        .iter()
        .map(|v| (v.ordinal, v.sequence, v.verdict.as_ref().map(Verdict::outcome).unwrap()))
        .collect();
    told.sort_unstable_by_key(|(ordinal, ..)| *ordinal);
    assert_eq!(told, [(1, 11, Outcome::Stored), (2, 0, Outcome::Rejected), (3, 12, Outcome::Stored)]);
    let garbage = verdicts.iter().find(|v| v.ordinal == 2).and_then(|v| v.verdict.as_ref()).unwrap();
    assert_eq!(garbage.violations.len(), 1, "{garbage:?}");
}

async fn a_frame_without_a_submission_is_rejected_and_does_not_end_the_stream(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let (verdicts, end) = submit_raw(
        &gateway,
        vec![frame(b""), submission_frame(2, pending(&new_guid(), &revision).submission())],
    )
    .await;
    end.unwrap();
    let mut told: Vec<_> =
        verdicts.iter().map(|v| (v.ordinal, v.verdict.as_ref().map(said).unwrap())).collect();
    told.sort_unstable_by_key(|(ordinal, _)| *ordinal);
    assert_eq!(told, [(1, (Outcome::Rejected, Reason::Invalid)), (2, (Outcome::Stored, Reason::Created)),]);
}

async fn a_broken_frame_ends_the_stream_after_the_verdicts_decided(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let guid = new_guid();
    let (verdicts, end) = submit_raw(
        &gateway,
        vec![
            submission_frame(1, pending(&guid, &revision).submission()),
            // A frame starts with 0 or 1.
            Bytes::from_static(b"\x07\x00\x00\x00\x01x"),
        ],
    )
    .await;
    assert_eq!(verdicts.len(), 1, "{end:?}");
    assert_eq!(end.unwrap_err().code(), Code::InvalidArgument);
    assert!(state_of(&gateway, &guid).await.is_some());
}

fn oversize(guid: &str, revision: &str) -> Job {
    Job {
        extra_json: Some(format!("{{\"x\":\"{}\"}}", "x".repeat(10 * 1024 * 1024))),
        ..pending(guid, revision)
    }
}

async fn a_message_of_10_mib_ends_a_stream_naming_the_limit(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let guid = new_guid();
    let (verdicts, end) = submit_raw(
        &gateway,
        vec![
            submission_frame(1, pending(&guid, &revision).submission()),
            submission_frame(2, oversize(&new_guid(), &revision).submission()),
        ],
    )
    .await;
    assert_eq!(verdicts.len(), 1, "the verdicts decided are flushed first; {end:?}");
    let status = end.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains(&SUBMISSION_BYTES.to_string()), "{}", status.message());
    assert!(status.get_details_retry_info().is_none(), "sending it again would not help");
}

async fn a_message_of_10_mib_fails_a_call_naming_the_limit(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let job = oversize(&new_guid(), &revision);
    let status = submit_batch(&mut gateway.ingest(), vec![job.submission()]).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.message().contains(&SUBMISSION_BYTES.to_string()), "{}", status.message());
    assert!(status.get_details_retry_info().is_none(), "sending it again would not help");
}

async fn a_client_that_never_reads_is_held_back_and_others_are_served(database: Database) {
    /// More than the gateway may take in of one stream whose verdicts nobody reads.
    const FLOOD: usize = 60_000;
    const MOST_RESIDENT: u64 = 300 * 1024 * 1024;
    const SILENCE: Duration = Duration::from_secs(4);

    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    // The smallest windows that HTTP/2 starts with, so that unread verdicts pile up at the gateway.
    let endpoint =
        gateway.endpoint().initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    let mut deaf = IngestServiceClient::with_interceptor(
        endpoint.connect().await.unwrap(),
        Bearer::token(&gateway.token),
    );
    let (sender, requests) = mpsc::channel(1);
    let opening = tokio::spawn(async move { deaf.submit_jobs(ReceiverStream::new(requests)).await });
    let mut taken = 0;
    while taken < FLOOD {
        let job = Job { description: Some("d".repeat(8000)), ..pending(&new_guid(), &revision) };
        let request = SubmitJobsRequest { sequence: 1, submission: Some(job.submission()) };
        match tokio::time::timeout(SILENCE, sender.send(request)).await {
            Ok(sent) => sent.unwrap(),
            Err(_) => break,
        }
        taken += 1;
    }
    assert!(taken < FLOOD, "{taken} submissions were taken in without one verdict being read");
    let resident = gateway.resident_memory();
    assert!(resident < MOST_RESIDENT, "{} MiB resident after {taken} submissions", resident >> 20);

    let verdict = submit_one(&mut gateway.ingest(), pending(&new_guid(), &revision)).await;
    assert_eq!(verdict.outcome(), Outcome::Stored);
    let (job, _) = stored(&gateway, &verdict.job_guid).await;
    assert_eq!(job.project, gateway::PROJECT);
    drop(within("the deaf stream was opened", VERDICT_PATIENCE, opening).await.unwrap().unwrap());
}

on_both_databases!(
    a_frame_of_garbage_is_rejected_by_its_ordinal,
    a_frame_without_a_submission_is_rejected_and_does_not_end_the_stream,
    a_broken_frame_ends_the_stream_after_the_verdicts_decided,
    a_message_of_10_mib_ends_a_stream_naming_the_limit,
    a_message_of_10_mib_fails_a_call_naming_the_limit,
    a_client_that_never_reads_is_held_back_and_others_are_served,
);
