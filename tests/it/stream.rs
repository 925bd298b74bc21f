//! `SubmitJobs`: verdicts per item, order, the end of a stream, the drain.

use crate::harness::jobs::{Submittable, completed, new_guid, pending, running};
use crate::harness::reading::{all_jobs, state_of, stored};
use crate::harness::submitting::{JobStream, new_push, said, stream_all, submit_one};
use crate::harness::{Database, Gateway, gateway::PROJECT};
use herdgate::proto::{Job, JobResult, Outcome, Reason};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Well under the 20 s that a drain may take.
const IDLE_STOP: Duration = Duration::from_secs(10);

async fn one_bad_item_does_not_fail_its_neighbours(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut jobs: Vec<Job> = (0..21).map(|_| pending(&new_guid(), &revision)).collect();
    jobs[10].display = None;

    for (index, verdict) in stream_all(gateway.ingest(), jobs).await.iter().enumerate() {
        let expected = match index {
            10 => (Outcome::Rejected, Reason::Invalid),
            _ => (Outcome::Stored, Reason::Created),
        };
        assert_eq!(said(verdict), expected, "item {index}: {verdict:?}");
    }
    assert_eq!(all_jobs(&gateway, PROJECT).await.len(), 20);
}

async fn a_verdict_repeats_the_sequence_number_whatever_the_numbers_are(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut stream = JobStream::open(gateway.ingest()).await.unwrap();
    let mut sent = BTreeMap::new();
    for sequence in [900, 3, 77, u64::MAX, 4, 78] {
        let guid = new_guid();
        assert!(stream.send_numbered(sequence, pending(&guid, &revision).submission()).await);
        sent.insert(sequence, guid);
    }
    stream.half_close();
    let (verdicts, end) = stream.into_end().await;
    end.unwrap();
    let answered: BTreeMap<_, _> = verdicts.into_iter().map(|(number, v)| (number, v.job_guid)).collect();
    assert_eq!(answered, sent);
}

async fn half_closing_gives_every_verdict_and_then_ends_the_stream_well(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut stream = JobStream::open(gateway.ingest()).await.unwrap();
    for _ in 0..50 {
        stream.send(pending(&new_guid(), &revision)).await.unwrap();
    }
    stream.half_close();
    let (verdicts, end) = stream.into_end().await;
    assert_eq!((verdicts.len(), end.is_ok()), (50, true));
}

async fn a_verdict_comes_while_the_stream_stays_open(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut stream = JobStream::open(gateway.ingest()).await.unwrap();
    for count in 1..=3 {
        stream.send(pending(&new_guid(), &revision)).await.unwrap();
        assert_eq!(stream.receive(count).await.unwrap().len(), count);
    }
}

async fn submissions_of_one_job_are_applied_in_the_order_sent(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let guids: Vec<String> = (0..40).map(|_| new_guid()).collect();
    let events = |guid: &String| {
        [
            pending(guid, &revision),
            running(guid, &revision),
            completed(guid, &revision, JobResult::Fail),
            running(guid, &revision),
        ]
    };
    let verdicts = stream_all(gateway.ingest(), guids.iter().flat_map(events).collect()).await;
    for verdicts in verdicts.chunks(4) {
        let reasons: Vec<_> = verdicts.iter().map(said).collect();
        assert_eq!(
            reasons[..3],
            [
                (Outcome::Stored, Reason::Created),
                (Outcome::Stored, Reason::Updated),
                (Outcome::Stored, Reason::Updated),
            ]
        );
        // An exact repeat of what was applied, or a job that is further: both are true of it.
        assert!(matches!(reasons[3], (Outcome::Unchanged, Reason::Duplicate | Reason::StaleState)));
    }
    for guid in &guids {
        assert_eq!(state_of(&gateway, guid).await, Some(("completed".into(), "testfailed".into())));
    }
}

async fn a_verdict_means_that_the_job_can_be_read(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut ingest = gateway.ingest();
    for _ in 0..20 {
        let guid = new_guid();
        let verdict = submit_one(&mut ingest, completed(&guid, &revision, JobResult::Success)).await;
        assert_eq!(said(&verdict), (Outcome::Stored, Reason::Created));
        let (job, parts) = stored(&gateway, &guid).await;
        assert_eq!((job.state.as_str(), job.result.as_str()), ("completed", "success"));
        assert_eq!((parts.logs.len(), parts.details.len()), (2, 2));
    }
}

async fn a_gateway_asked_to_stop_gives_a_verdict_for_all_that_it_stores(database: Database) {
    let mut gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = JobStream::open(gateway.ingest()).await.unwrap();
        let mut guids = BTreeMap::new();
        for _ in 0..200 {
            let guid = new_guid();
            let sequence = stream.send(pending(&guid, &revision)).await.unwrap();
            guids.insert(sequence, guid);
        }
        streams.push((stream, guids));
    }
    streams[0].0.receive(1).await.unwrap();

    gateway.ask_to_stop();
    let mut acknowledged = BTreeSet::new();
    for (stream, mut guids) in streams {
        // How a stream ends whose client had more to say is not fixed; which verdicts it had, is.
        let (verdicts, _) = stream.into_end().await;
        for (sequence, verdict) in verdicts {
            assert_eq!(said(&verdict), (Outcome::Stored, Reason::Created));
            acknowledged.insert(guids.remove(&sequence).unwrap());
        }
    }
    assert_eq!(gateway.stopped().await.code(), Some(0), "{}", gateway.output());

    gateway.restart().await;
    let stored: BTreeSet<String> =
        all_jobs(&gateway, PROJECT).await.into_iter().map(|job| job.job_guid).collect();
    assert!(!acknowledged.is_empty());
    assert_eq!(stored, acknowledged, "what is stored and what was acknowledged are the same");
}

async fn a_gateway_with_idle_streams_stops_at_once(database: Database) {
    let mut gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut stream = JobStream::open(gateway.ingest()).await.unwrap();
    stream.send(pending(&new_guid(), &revision)).await.unwrap();
    stream.receive(1).await.unwrap();
    let watch = herdgate::proto::WatchJobsRequest::default();
    let _watching = gateway.query().watch_jobs(watch).await.unwrap();

    let asked = Instant::now();
    gateway.ask_to_stop();
    assert_eq!(gateway.stopped().await.code(), Some(0), "{}", gateway.output());
    assert!(asked.elapsed() < IDLE_STOP, "idle streams must not use up the drain");
}

on_both_databases!(
    one_bad_item_does_not_fail_its_neighbours,
    a_verdict_repeats_the_sequence_number_whatever_the_numbers_are,
    half_closing_gives_every_verdict_and_then_ends_the_stream_well,
    a_verdict_comes_while_the_stream_stays_open,
    submissions_of_one_job_are_applied_in_the_order_sent,
    a_verdict_means_that_the_job_can_be_read,
    a_gateway_asked_to_stop_gives_a_verdict_for_all_that_it_stores,
    a_gateway_with_idle_streams_stops_at_once,
);
