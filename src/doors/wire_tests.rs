//! What a real client sees on a real connection, with a stand-in for the core.

use super::authentication::Caller;
use super::budget::ByteBudget;
use super::connections::{Closed, accept};
use super::grpc::SUBMIT_JOBS;
use super::grpc::budget::{CallBudgets, count_call};
use super::grpc::ending::end_on_stop;
use super::grpc::frame::SubmitJobsFrame;
use super::grpc::health;
use super::grpc::meter::StreamMeter;
use super::grpc::servers::ingest_service_server::{IngestService, IngestServiceServer};
use super::grpc::stream::{self, Intake, StreamContext};
use super::grpc::transport_errors::map_transport_errors;
use super::http;
use super::load::{Load, limit_load};
use super::quotas::Quotas;
use crate::access::{Principal, Rights};
use crate::core::Readiness;
use crate::core::{PendingVerdicts, Submission, SubmitError};
use crate::domain::{Outcome, StoredReason, Verdict};
use crate::limits;
use crate::proto::ingest_service_client::IngestServiceClient;
use crate::proto::job_submission::Encoding;
use crate::proto::{
    JobSubmission, SubmitArtifactsRequest, SubmitArtifactsResponse, SubmitJobBatchRequest,
    SubmitJobBatchResponse, SubmitJobsRequest, SubmitJobsResponse, SubmitPushesRequest, SubmitPushesResponse,
    ValidateJobsRequest, ValidateJobsResponse,
};
use crate::store::Durability;
use ::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream as streams};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;
use utoipa_axum::router::OpenApiRouter;

/// Stores everything at once.
#[derive(Clone)]
struct StoresAll;

impl Intake for StoresAll {
    async fn submit(&self, _: &Principal, items: Vec<Submission>) -> Result<PendingVerdicts, SubmitError> {
        let stored = Outcome::Stored(StoredReason::Created);
        let verdict = Verdict { guid: None, outcome: stored, warnings: vec![] };
        Ok(async move { vec![verdict; items.len()] }.boxed())
    }
}

fn principal() -> Principal {
    Principal { source: "test".into(), rights: Rights::EveryProject }
}

struct StandIn {
    stop: CancellationToken,
}

#[tonic::async_trait]
impl IngestService for StandIn {
    type SubmitJobsStream = ReceiverStream<Result<SubmitJobsResponse, Status>>;

    async fn submit_jobs(
        &self,
        request: Request<Streaming<SubmitJobsFrame>>,
    ) -> Result<Response<Self::SubmitJobsStream>, Status> {
        let principal = principal();
        let meter = request.extensions().get::<StreamMeter>().unwrap().clone();
        let (standing, stop) = (Arc::new(|| Ok(())), self.stop.clone());
        let quotas = Quotas::default();
        let context = StreamContext { intake: StoresAll, principal, standing, meter, quotas, stop };
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(stream::serve(context, request.into_inner(), sender));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn submit_job_batch(
        &self,
        _: Request<SubmitJobBatchRequest>,
    ) -> Result<Response<SubmitJobBatchResponse>, Status> {
        Ok(Response::new(SubmitJobBatchResponse::default()))
    }

    async fn validate_jobs(
        &self,
        _: Request<ValidateJobsRequest>,
    ) -> Result<Response<ValidateJobsResponse>, Status> {
        Ok(Response::new(ValidateJobsResponse::default()))
    }

    async fn submit_pushes(
        &self,
        _: Request<SubmitPushesRequest>,
    ) -> Result<Response<SubmitPushesResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn submit_artifacts(
        &self,
        _: Request<SubmitArtifactsRequest>,
    ) -> Result<Response<SubmitArtifactsResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }
}

struct Server {
    address: SocketAddr,
    budget: ByteBudget,
    stop: CancellationToken,
    task: JoinHandle<Closed>,
    /// Ready for as long as it is there.
    _ready: watch::Sender<Readiness>,
}

/// A request without a credential has this header with "yes".
const STRANGER: &str = "stranger";

/// In the place of authentication.
async fn know_caller(mut request: axum::extract::Request, next: Next) -> axum::response::Response {
    let is_stranger = request.headers().get(STRANGER).is_some_and(|value| value == "yes");
    let caller = (!is_stranger).then(principal);
    request.extensions_mut().insert(Caller(caller));
    next.run(request).await
}

async fn serve() -> Server {
    let (budget, stop) = (ByteBudget::new(limits::IN_FLIGHT_BYTES), CancellationToken::new());
    let ingest = IngestServiceServer::new(StandIn { stop: stop.clone() })
        .max_decoding_message_size(limits::SUBMISSION_BYTES)
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    let (ready, readiness) = watch::channel(Readiness::Ready(Durability::Safe));
    let grpc = tonic::service::Routes::new(ingest)
        .add_service(health::service(readiness.clone(), stop.clone()))
        .into_axum_router()
        .layer(from_fn_with_state(stop.clone(), end_on_stop));
    let router = http::routes(readiness, Arc::new(String::new), OpenApiRouter::new(), grpc, None)
        .layer(from_fn(map_transport_errors))
        .layer(from_fn_with_state(CallBudgets::new(budget.clone()), count_call))
        .layer(from_fn(know_caller))
        .layer(from_fn_with_state(Load::new(10, limits::UNARY_DEADLINE), limit_load));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(accept(listener, None, router, stop.clone()));
    Server { address, budget, stop, task, _ready: ready }
}

async fn client(server: &Server) -> IngestServiceClient<Channel> {
    let endpoint = format!("http://{}", server.address);
    IngestServiceClient::connect(endpoint).await.unwrap().max_encoding_message_size(usize::MAX)
}

fn numbered(sequence: u64) -> SubmitJobsRequest {
    SubmitJobsRequest { sequence, submission: None }
}

fn of_size(bytes: usize) -> JobSubmission {
    JobSubmission { encoding: Some(Encoding::PulseJson(vec![b' '; bytes].into())) }
}

/// All verdicts of a stream as sequences, and its status.
async fn rest(mut responses: Streaming<SubmitJobsResponse>) -> (Vec<u64>, Status) {
    let mut sequences = Vec::new();
    loop {
        match responses.message().await {
            Ok(Some(response)) => sequences.extend(response.verdicts.iter().map(|v| v.sequence)),
            Ok(None) => return (sequences, Status::ok("")),
            Err(status) => return (sequences, status),
        }
    }
}

/// How a call with a body of raw bytes ends.
async fn raw_call(server: &Server, path: &str, body: Vec<u8>) -> Status {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let body = StreamBody::new(streams::iter([Ok::<_, std::io::Error>(Frame::data(Bytes::from(body)))]));
    let request = ::http::Request::post(format!("http://{}{path}", server.address))
        .header(CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    let response = send.send_request(request).await.unwrap();
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    let collected = response.into_body().collect().await.unwrap();
    Status::from_header_map(collected.trailers().unwrap()).unwrap()
}

#[tokio::test]
async fn a_stream_is_answered_and_ends_well_with_and_without_compression() {
    let server = serve().await;
    let plain = client(&server).await;
    for mut client in [plain.clone(), plain.send_compressed(Gzip).accept_compressed(Gzip)] {
        let frames = streams::iter((1..=1000).map(numbered));
        let responses = client.submit_jobs(frames).await.unwrap().into_inner();
        let (mut sequences, status) = rest(responses).await;
        sequences.sort_unstable();
        assert_eq!(sequences, (1..=1000).collect::<Vec<_>>());
        assert_eq!(status.code(), Code::Ok);
    }
    assert_eq!(server.budget.available(), limits::IN_FLIGHT_BYTES);
}

#[tokio::test]
async fn an_oversize_message_is_resource_exhausted_in_calls_and_streams_compressed_or_not() {
    let server = serve().await;
    let plain = client(&server).await;
    let too_large = || of_size(limits::SUBMISSION_BYTES);
    for mut client in [plain.clone(), plain.send_compressed(Gzip)] {
        let batch = SubmitJobBatchRequest { submissions: vec![too_large()] };
        let in_call = client.submit_job_batch(batch).await.unwrap_err();
        let frames = [numbered(1), SubmitJobsRequest { sequence: 2, submission: Some(too_large()) }];
        let responses = client.submit_jobs(streams::iter(frames)).await.unwrap().into_inner();
        let (sequences, in_stream) = rest(responses).await;
        assert_eq!(sequences, [1], "the decided verdicts come first");
        for status in [in_call, in_stream] {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
            assert!(status.message().contains("4194304"), "{}", status.message());
            assert!(status.get_details_retry_info().is_none());
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_frame_are_an_invalid_argument() {
    let server = serve().await;
    for call in ["SubmitJobs", "SubmitJobBatch"] {
        let path = format!("/herdgate.v1.IngestService/{call}");
        for (what, body) in [
            ("compression flag", b"\x07\0\0\0\0".to_vec()),
            ("cut short", b"\0\0\0\0\x09abc".to_vec()),
            ("compressed without an encoding", b"\x01\0\0\0\x01a".to_vec()),
        ] {
            let status = raw_call(&server, &path, body).await;
            assert_eq!(status.code(), Code::InvalidArgument, "{call}, {what}: {status:?}");
        }
    }
}

#[tokio::test]
async fn a_call_that_does_not_decode_is_an_invalid_argument_with_details() {
    let server = serve().await;
    let path = "/herdgate.v1.IngestService/SubmitJobBatch";
    let status = raw_call(&server, path, b"\0\0\0\0\x02\xff\xff".to_vec()).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.get_details_bad_request().is_some());
}

#[tokio::test]
async fn a_watch_of_health_hears_that_the_gateway_stops_and_does_not_hold_it_up() {
    let server = serve().await;
    let channel =
        Channel::from_shared(format!("http://{}", server.address)).unwrap().connect().await.unwrap();
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = HealthClient::new(channel).watch(request).await.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    server.stop.cancel();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(watch.message().await.unwrap_err().code(), Code::Unavailable);
    tokio::time::timeout(Duration::from_secs(5), server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_tells_open_streams_and_waits_for_nobody_else() {
    let server = serve().await;
    let mut client = client(&server).await;
    let frames = streams::iter([numbered(1)]).chain(streams::pending());
    let mut responses = client.submit_jobs(frames).await.unwrap().into_inner();
    assert_eq!(responses.message().await.unwrap().unwrap().verdicts.len(), 1);
    let _silent = TcpStream::connect(server.address).await.unwrap();
    server.stop.cancel();
    let (_, status) = rest(responses).await;
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(status.get_details_retry_info().is_some());
    tokio::time::timeout(Duration::from_secs(5), server.task).await.unwrap().unwrap();
}

/// A stream that announces the largest message and sends `given` bytes of it; it ends when dropped.
async fn stalled_stream(server: &Server, given: usize) -> impl Sized {
    stalled(server, SUBMIT_JOBS, given, true).await
}

async fn stalled(server: &Server, path: &str, given: usize, has_credential: bool) -> impl Sized {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (open, never) = oneshot::channel::<std::convert::Infallible>();
    let mut begun = vec![0];
    begun.extend(u32::try_from(limits::SUBMISSION_BYTES).unwrap().to_be_bytes());
    begun.resize(begun.len() + given, 0);
    let pieces = streams::iter([Ok::<_, std::io::Error>(Frame::data(Bytes::from(begun)))]);
    let request = ::http::Request::post(format!("http://{}{path}", server.address))
        .header(CONTENT_TYPE, "application/grpc")
        .header(STRANGER, if has_credential { "no" } else { "yes" })
        .body(StreamBody::new(pieces.chain(never.into_stream().filter_map(|_| std::future::ready(None)))))
        .unwrap();
    // A call is answered at its end only.
    let response = tokio::spawn(send.send_request(request));
    (open, send, response)
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn streams_that_stop_in_the_middle_of_a_large_message_leave_half_of_the_budget_to_others() {
    let server = serve().await;
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(stalled_stream(&server, 100_000).await);
    }
    let half = limits::IN_FLIGHT_BYTES / 2;
    until("half of the budget is taken", || server.budget.available() == half).await;
    let mut client = client(&server).await;
    let batch = SubmitJobBatchRequest { submissions: vec![of_size(limits::SUBMISSION_BYTES - 100)] };
    client.submit_job_batch(batch).await.unwrap();
    let responses = client.submit_jobs(streams::iter((1..=1000).map(numbered))).await.unwrap().into_inner();
    let (sequences, status) = rest(responses).await;
    assert_eq!((sequences.len(), status.code()), (1000, Code::Ok));
    assert_eq!(server.budget.available(), half, "what waits for its turn holds nothing");
    drop(stalled);
    until("all of it is back", || server.budget.available() == limits::IN_FLIGHT_BYTES).await;
}

const SUBMIT_BATCH: &str = "/herdgate.v1.IngestService/SubmitJobBatch";
const VALIDATE: &str = "/herdgate.v1.IngestService/ValidateJobs";

#[tokio::test]
async fn calls_that_stop_in_the_middle_leave_three_quarters_of_the_budget_to_others() {
    let server = serve().await;
    let mut begun = Vec::new();
    for _ in 0..6 {
        begun.push(stalled(&server, SUBMIT_BATCH, 100_000, true).await);
    }
    let rest_of_it = limits::IN_FLIGHT_BYTES / 4 * 3;
    until("a quarter of the budget is taken", || server.budget.available() == rest_of_it).await;
    let mut client = client(&server).await;
    let large = of_size(limits::SUBMISSION_BYTES - 100);
    let frames = streams::iter([SubmitJobsRequest { sequence: 1, submission: Some(large) }]);
    let responses = client.submit_jobs(frames).await.unwrap().into_inner();
    let (sequences, status) = rest(responses).await;
    assert_eq!((&sequences[..], status.code()), (&[1][..], Code::Ok));
    assert_eq!(server.budget.available(), rest_of_it, "what waits for its turn holds nothing");
    drop(begun);
    until("all of it is back", || server.budget.available() == limits::IN_FLIGHT_BYTES).await;
}

#[tokio::test]
async fn calls_without_a_credential_take_nothing_of_those_with_one() {
    let server = serve().await;
    let mut begun = Vec::new();
    for _ in 0..6 {
        begun.push(stalled(&server, VALIDATE, 100_000, false).await);
    }
    let mut client = client(&server).await;
    let batch = SubmitJobBatchRequest { submissions: vec![of_size(limits::SUBMISSION_BYTES - 100)] };
    client.submit_job_batch(batch).await.unwrap();
    until("it has given back what it took", || server.budget.available() == limits::IN_FLIGHT_BYTES).await;

    // Nor of those of their own who send all of it.
    let mut small = Request::new(ValidateJobsRequest { submissions: vec![of_size(100)] });
    small.metadata_mut().insert(STRANGER, "yes".parse().unwrap());
    client.validate_jobs(small).await.unwrap();
}

#[tokio::test]
async fn a_message_that_never_ends_gives_way_to_those_that_wait() {
    let server = serve().await;
    let mut stalled = Vec::new();
    for _ in 0..8 {
        stalled.push(stalled_stream(&server, 100_000).await);
    }
    until("the share is taken", || server.budget.available() == limits::IN_FLIGHT_BYTES / 2).await;
    let mut client = client(&server).await;
    tokio::time::pause();
    let large = of_size(limits::SUBMISSION_BYTES - 100);
    let frames = streams::iter([SubmitJobsRequest { sequence: 1, submission: Some(large) }]);
    let responses = client.submit_jobs(frames).await.unwrap().into_inner();
    let (sequences, status) = rest(responses).await;
    assert_eq!((&sequences[..], status.code()), (&[1][..], Code::Ok));
}

#[tokio::test]
async fn large_messages_of_many_streams_at_once_all_come_through() {
    let server = serve().await;
    let streams = (0..24).map(|_| async {
        let mut client = client(&server).await;
        let large = || Some(of_size(limits::SUBMISSION_BYTES - 100));
        let frames = (1..=2).map(move |sequence| SubmitJobsRequest { sequence, submission: large() });
        rest(client.submit_jobs(streams::iter(frames)).await.unwrap().into_inner()).await
    });
    for (sequences, status) in futures::future::join_all(streams).await {
        assert_eq!((sequences.len(), status.code()), (2, Code::Ok));
    }
    until("all is back", || server.budget.available() == limits::IN_FLIGHT_BYTES).await;
}

#[tokio::test]
async fn http_1_is_served_on_the_same_port() {
    let server = serve().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.ends_with("ok\n"), "{answer}");
}

#[tokio::test]
async fn a_submitter_that_never_reads_is_stopped_by_flow_control() {
    let server = serve().await;
    let mut client = client(&server).await;
    let sent = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = sent.clone();
    // A frame without a job gives a verdict larger than itself.
    let frames = streams::iter(1..).map(move |sequence| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        numbered(sequence)
    });
    let _unread = client.submit_jobs(frames).await.unwrap();
    let mut before = u64::MAX;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = sent.load(std::sync::atomic::Ordering::Relaxed);
        if now == before {
            let nothing = || server.budget.available() == limits::IN_FLIGHT_BYTES;
            until("it holds nothing of the budget", nothing).await;
            return;
        }
        before = now;
    }
    panic!("still reading after {before} frames");
}
