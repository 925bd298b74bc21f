//! Traces and metrics on their way to a collector.

use crate::harness::collector::Collector;
use crate::harness::command::{herdgate_on, run};
use crate::harness::jobs::{Submittable, new_guid, pending};
use crate::harness::submitting::{VERDICT_PATIENCE, new_push, said, stream_all};
use crate::harness::{Database, Gateway, eventually};
use herdgate::proto::{Outcome, Reason, SubmitJobBatchRequest, SubmitJobsRequest};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tonic::Request;

/// From export to arrival, on a busy machine.
const ARRIVAL: Duration = Duration::from_secs(20);
/// What a collector that does not answer may add to a stop: 5 s, and some for a busy machine.
const STOP: Duration = Duration::from_secs(10);

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const BATCH_CALL: &str = "herdgate.v1.IngestService/SubmitJobBatch";
const STREAM_CALL: &str = "herdgate.v1.IngestService/SubmitJobs";

/// A caller's place in a trace of its own.
struct Caller {
    trace_id: [u8; 16],
    span_id: [u8; 8],
}

impl Caller {
    fn new() -> Self {
        Self { trace_id: rand::random(), span_id: rand::random() }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let header = format!("00-{}-{}-01", hex::encode(self.trace_id), hex::encode(self.span_id));
        request.metadata_mut().insert("traceparent", header.parse().unwrap());
        request
    }
}

/// Submits a job in a call of its own, as part of the caller's trace.
async fn submit(gateway: &Gateway, revision: &str, caller: &Caller) {
    let submissions = vec![pending(&new_guid(), revision).submission()];
    let request = caller.request(SubmitJobBatchRequest { submissions });
    let answer = gateway.ingest().submit_job_batch(request).await.unwrap().into_inner();
    assert_eq!(said(&answer.verdicts[0]), (Outcome::Stored, Reason::Created));
}

/// Waits until call and commit of a caller's trace have arrived, the one the child of the other.
async fn assert_traced(collector: &Collector, caller: &Caller, call: &str) {
    let (called, committed) =
        eventually("the spans of the call and of its commit arrive", ARRIVAL, async || {
            Some((collector.span(&caller.trace_id, call)?, collector.span(&caller.trace_id, "commit")?))
        })
        .await;
    assert_eq!(called.parent_span_id, caller.span_id);
    assert_eq!(committed.parent_span_id, called.span_id);
}

async fn a_trace_goes_on_from_the_caller_through_the_commit(database: Database) {
    let collector = Collector::start().await;
    let gateway = Gateway::on(&database)
        .with_variable(ENDPOINT, collector.endpoint())
        .with_variable("OTEL_BSP_SCHEDULE_DELAY", 100)
        .with_variable("OTEL_METRIC_EXPORT_INTERVAL", 100)
        .start()
        .await;
    let revision = new_push(&gateway).await;

    let caller = Caller::new();
    submit(&gateway, &revision, &caller).await;
    assert_traced(&collector, &caller, BATCH_CALL).await;

    let caller = Caller::new();
    let job =
        SubmitJobsRequest { sequence: 1, submission: Some(pending(&new_guid(), &revision).submission()) };
    let request = caller.request(tokio_stream::iter([job]));
    let mut verdicts = gateway.ingest().submit_jobs(request).await.unwrap().into_inner();
    while verdicts.message().await.unwrap().is_some() {}
    assert_traced(&collector, &caller, STREAM_CALL).await;

    for metric in ["herdgate.submissions.decided", "herdgate.commit.duration"] {
        eventually("metrics arrive", ARRIVAL, async || collector.has_metric(metric).then_some(())).await;
    }
    assert!(collector.services().iter().all(|service| service.contains("\"herdgate\"")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_exported_yet_is_at_the_stop() {
    let collector = Collector::start().await;
    let mut gateway = Gateway::on(&Database::sqlite())
        .with_variable(ENDPOINT, collector.endpoint())
        .with_variable("OTEL_BSP_SCHEDULE_DELAY", 3_600_000)
        .with_variable("OTEL_METRIC_EXPORT_INTERVAL", 3_600_000)
        .start()
        .await;
    let revision = new_push(&gateway).await;
    let caller = Caller::new();
    submit(&gateway, &revision, &caller).await;
    assert_eq!(collector.span(&caller.trace_id, "commit"), None);

    gateway.ask_to_stop();
    assert_eq!(gateway.stopped().await.code(), Some(0), "{}", gateway.output());
    assert!(collector.span(&caller.trace_id, "commit").is_some());
    assert!(collector.has_metric("herdgate.submissions.decided"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_behind_tls_is_checked_against_the_certificate_given() {
    let (collector, certificate) = Collector::start_with_tls().await;
    for trusted in [false, true] {
        let database = Database::sqlite();
        let file = database.folder.path().join("collector.pem");
        std::fs::write(&file, &certificate).unwrap();
        let mut gateway = Gateway::on(&database).with_variable(ENDPOINT, collector.endpoint());
        if trusted {
            gateway = gateway.with_variable("OTEL_EXPORTER_OTLP_CERTIFICATE", file.display());
        }
        let mut gateway = gateway.start().await;
        let revision = new_push(&gateway).await;
        let caller = Caller::new();
        submit(&gateway, &revision, &caller).await;
        gateway.ask_to_stop();
        gateway.stopped().await;
        let arrived = collector.span(&caller.trace_id, "commit").is_some();
        assert_eq!(arrived, trusted, "{}", gateway.output());
        assert_eq!(gateway.output().contains("could not be sent"), !trusted, "{}", gateway.output());
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_refused_by_the_variable() {
    let database = Database::sqlite();
    let mut command = herdgate_on(&database);
    command.arg("serve").env(ENDPOINT, "https://127.0.0.1:1");
    command.env("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem");
    let ran = run(&mut command).await;
    assert_eq!(ran.code, Some(64), "{ran:?}");
    assert!(ran.stderr.contains("OTEL_EXPORTER_OTLP_CERTIFICATE: /nowhere/ca.pem"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_does_not_answer_holds_up_neither_jobs_nor_the_stop() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for endpoint in [silent.as_str(), "http://127.0.0.1:1"] {
        let mut gateway = Gateway::on(&Database::sqlite())
            .with_variable(ENDPOINT, endpoint)
            .with_variable("OTEL_BSP_SCHEDULE_DELAY", 50)
            .with_variable("OTEL_METRIC_EXPORT_INTERVAL", 50)
            .start()
            .await;
        let revision = new_push(&gateway).await;
        let jobs = || (0..100).map(|_| pending(&new_guid(), &revision)).collect();
        let started = Instant::now();
        for _ in 0..20 {
            let verdicts = stream_all(gateway.ingest(), jobs()).await;
            assert!(verdicts.iter().all(|verdict| verdict.outcome() == Outcome::Stored), "{verdicts:?}");
        }
        assert!(started.elapsed() < VERDICT_PATIENCE, "{endpoint}: {:?}", started.elapsed());

        let asked = Instant::now();
        gateway.ask_to_stop();
        assert_eq!(gateway.stopped().await.code(), Some(0), "{}", gateway.output());
        assert!(asked.elapsed() < STOP, "{endpoint}: {:?}", asked.elapsed());
    }
}

on_both_databases!(a_trace_goes_on_from_the_caller_through_the_commit);
