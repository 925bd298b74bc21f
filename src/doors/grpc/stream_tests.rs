use super::*;
use crate::access::Rights;
use crate::domain::{Outcome, RetryCause, StoredReason};
use crate::doors::budget::ByteBudget;
use crate::doors::quotas::Quotas;
use crate::proto::{SequencedVerdict, SubmitJobsRequest};
use bytes::Bytes;
use futures::channel::mpsc as frames_channel;
use prost::Message;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tonic::Code;
use tonic_types::StatusExt;

/// What the stand-in for the core was given: the sequences of each chunk, to be answered when the test
/// likes.
type Chunk = (Vec<u64>, oneshot::Sender<Vec<Verdict>>);

#[derive(Clone)]
struct StandIn {
    chunks: mpsc::UnboundedSender<Chunk>,
    refuses: Arc<Mutex<Option<SubmitError>>>,
}

impl Intake for StandIn {
    async fn submit(
        &self,
        _: &Principal,
        submissions: Vec<Submission>,
    ) -> Result<PendingVerdicts, SubmitError> {
        if let Some(error) = self.refuses.lock().unwrap().take() {
            return Err(error);
        }
        // Frames without a job are kept whole, so that the number can be read again.
        let sequences = submissions
            .iter()
            .map(|s| SubmitJobsRequest::decode(s.raw.clone()).map_or(0, |frame| frame.sequence))
            .collect();
        let (decide, decided) = oneshot::channel();
        self.chunks.send((sequences, decide)).unwrap();
        Ok(async move { decided.await.unwrap() }.boxed())
    }
}

/// A stream under test, seen from its submitter, with the core in the test's hands.
struct Conversing {
    /// Of a kind that, like HTTP/2, gives all it has at once.
    frames: Option<frames_channel::UnboundedSender<Result<SubmitJobsFrame, Status>>>,
    responses: mpsc::Receiver<Result<SubmitJobsResponse, Status>>,
    core: mpsc::UnboundedReceiver<Chunk>,
    refuses: Arc<Mutex<Option<SubmitError>>>,
    budget: ByteBudget,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn converse() -> Conversing {
    converse_with(ByteBudget::new(limits::IN_FLIGHT_BYTES), Quotas::default())
}

#[expect(clippy::disallowed_methods, reason = "the test decides how much is sent")]
fn converse_with(budget: ByteBudget, quotas: Quotas) -> Conversing {
    let (frames, incoming) = frames_channel::unbounded();
    let (sender, responses) = mpsc::channel(1);
    let (chunks, core) = mpsc::unbounded_channel();
    let (refuses, stop) = (Arc::new(Mutex::new(None)), CancellationToken::new());
    let meter = StreamMeter::new(budget.clone());
    let context = StreamContext {
        intake: StandIn { chunks, refuses: refuses.clone() },
        principal: Principal { source: "test".into(), rights: Rights::EveryProject },
        standing: Arc::new(|| Ok(())),
        meter: meter.clone(),
        quotas,
        stop: stop.clone(),
    };
    // As the body does it that frames really come from.
    let counted = incoming.then(move |frame: Result<SubmitJobsFrame, Status>| {
        let meter = meter.clone();
        async move {
            if let Ok(frame) = &frame {
                std::future::poll_fn(|cx| meter.poll_claim(cx, frame.0.len(), true)).await;
            }
            frame
        }
    });
    let task = tokio::spawn(serve(context, Box::pin(counted), sender));
    Conversing { frames: Some(frames), responses, core, refuses, budget, stop, task }
}

/// Lets every task do what it can do now.
async fn settle() {
    for _ in 0..5000 {
        tokio::task::yield_now().await;
    }
}

fn frame(sequence: u64) -> SubmitJobsFrame {
    SubmitJobsFrame(SubmitJobsRequest { sequence, submission: None }.encode_to_vec().into())
}

fn stored() -> Verdict {
    Verdict { guid: None, outcome: Outcome::Stored(StoredReason::Created), warnings: vec![] }
}

fn retry() -> Verdict {
    let delay = Duration::from_secs(2);
    let outcome = Outcome::RetryLater { delay, cause: RetryCause::DatabaseUnavailable };
    Verdict { guid: None, outcome, warnings: vec![] }
}

impl Conversing {
    fn send(&self, frame: SubmitJobsFrame) {
        // A stream that has ended reads nothing any more; its submitter need not know yet.
        let _ = self.frames.as_ref().unwrap().unbounded_send(Ok(frame));
    }

    fn send_numbered(&self, sequences: impl IntoIterator<Item = u64>) {
        sequences.into_iter().for_each(|sequence| self.send(frame(sequence)));
    }

    fn fail(&self, status: Status) {
        self.frames.as_ref().unwrap().unbounded_send(Err(status)).unwrap();
    }

    fn half_close(&mut self) {
        self.frames = None;
    }

    async fn chunk(&mut self) -> Chunk {
        self.core.recv().await.unwrap()
    }

    async fn response(&mut self) -> Vec<SequencedVerdict> {
        self.responses.recv().await.unwrap().unwrap().verdicts
    }

    /// All further verdicts as (sequence, ordinal), and how the stream ended.
    async fn rest(&mut self) -> (Vec<(u64, u64)>, Option<Status>) {
        let mut verdicts = Vec::new();
        while let Some(response) = self.responses.recv().await {
            match response {
                Ok(response) => verdicts.extend(numbers(&response.verdicts)),
                Err(status) => return (verdicts, Some(status)),
            }
        }
        (verdicts, None)
    }
}

fn numbers(verdicts: &[SequencedVerdict]) -> Vec<(u64, u64)> {
    verdicts.iter().map(|v| (v.sequence, v.ordinal)).collect()
}

#[tokio::test]
async fn a_half_closed_stream_ends_well_after_its_last_verdict() {
    let mut stream = converse();
    stream.send_numbered([10, 20]);
    stream.half_close();
    let (sequences, decide) = stream.chunk().await;
    assert_eq!(sequences, [10, 20]);
    settle().await;
    assert!(!stream.task.is_finished(), "ended before the verdicts");
    decide.send(vec![stored(), stored()]).unwrap();
    let (verdicts, status) = stream.rest().await;
    assert_eq!(verdicts, [(10, 1), (20, 2)]);
    assert!(status.is_none(), "{status:?}");
}

#[tokio::test]
async fn chunks_are_handed_on_in_order_and_answered_as_they_are_decided() {
    let mut stream = converse();
    stream.send(frame(1));
    let (_, first) = stream.chunk().await;
    stream.send(frame(2));
    let (sequences, second) = stream.chunk().await;
    assert_eq!(sequences, [2], "the second chunk does not wait for the first one's verdicts");
    second.send(vec![stored()]).unwrap();
    assert_eq!(numbers(&stream.response().await), [(2, 2)]);
    first.send(vec![stored()]).unwrap();
    assert_eq!(numbers(&stream.response().await), [(1, 1)]);
}

#[tokio::test]
async fn frames_that_are_there_at_once_go_on_together() {
    let mut stream = converse();
    let chunk = limits::STREAM_CHUNK_ITEMS as u64;
    stream.send_numbered(1..=chunk + 3);
    let (first, _undecided) = stream.chunk().await;
    assert_eq!(first.len(), limits::STREAM_CHUNK_ITEMS);
    assert_eq!(stream.chunk().await.0, [chunk + 1, chunk + 2, chunk + 3]);
}

#[tokio::test]
async fn a_garbage_frame_is_one_submission_known_by_its_ordinal() {
    let mut stream = converse();
    stream.send(frame(7));
    stream.send(SubmitJobsFrame(Bytes::from_static(b"\xff\xff\xff")));
    stream.send(frame(9));
    stream.half_close();
    let (_, decide) = stream.chunk().await;
    decide.send(vec![stored(), stored(), stored()]).unwrap();
    let (verdicts, status) = stream.rest().await;
    assert_eq!(verdicts, [(7, 1), (0, 2), (9, 3)]);
    assert!(status.is_none());
}

#[tokio::test]
async fn what_is_to_be_sent_again_ends_the_stream_after_the_decided_verdicts() {
    let mut stream = converse();
    stream.send_numbered([1, 2]);
    let (_, first) = stream.chunk().await;
    stream.send(frame(3));
    let (_, second) = stream.chunk().await;
    first.send(vec![stored(), retry()]).unwrap();
    settle().await;
    stream.send(frame(4));
    settle().await;
    assert!(stream.core.try_recv().is_err(), "nothing more is read");
    second.send(vec![stored()]).unwrap();
    let (verdicts, status) = stream.rest().await;
    assert_eq!(verdicts, [(1, 1), (3, 3)]);
    let status = status.unwrap();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(2)));
}

#[tokio::test]
async fn a_half_closed_stream_does_not_end_well_if_something_is_to_be_sent_again() {
    let mut stream = converse();
    stream.send(frame(1));
    stream.half_close();
    let (_, decide) = stream.chunk().await;
    decide.send(vec![retry()]).unwrap();
    assert_eq!(stream.rest().await.1.unwrap().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_core_that_takes_nothing_in_ends_the_stream() {
    let mut stream = converse();
    let (delay, cause) = (Duration::from_secs(2), RetryCause::Overloaded);
    *stream.refuses.lock().unwrap() = Some(SubmitError::RetryLater { delay, cause });
    stream.send(frame(1));
    let (verdicts, status) = stream.rest().await;
    assert!(verdicts.is_empty());
    assert_eq!(status.unwrap().code(), Code::Unavailable);
}

#[tokio::test]
async fn an_oversize_or_broken_frame_ends_the_stream_after_the_decided_verdicts() {
    for (tonic_says, code) in [
        (Status::out_of_range("too long"), Code::ResourceExhausted),
        (Status::internal("invalid compression flag"), Code::InvalidArgument),
    ] {
        let mut stream = converse();
        stream.send(frame(1));
        stream.fail(tonic_says);
        let (_, decide) = stream.chunk().await;
        settle().await;
        decide.send(vec![stored()]).unwrap();
        let (verdicts, status) = stream.rest().await;
        assert_eq!(verdicts, [(1, 1)]);
        let status = status.unwrap();
        assert_eq!(status.code(), code);
        assert!(status.get_details_retry_info().is_none());
    }
}

#[tokio::test]
async fn no_more_is_read_than_may_be_undecided() {
    let mut stream = converse();
    let limit = limits::STREAM_IN_FLIGHT_ITEMS as u64;
    stream.send_numbered(1..=limit + 10);
    settle().await;
    let mut taken = Vec::new();
    while let Ok(chunk) = stream.core.try_recv() {
        taken.push(chunk);
    }
    assert_eq!(taken.iter().map(|(sequences, _)| sequences.len() as u64).sum::<u64>(), limit);
    let (sequences, decide) = taken.remove(0);
    decide.send(vec![stored(); sequences.len()]).unwrap();
    assert_eq!(stream.response().await.len(), sequences.len());
    assert_eq!(stream.chunk().await.0.len(), 10, "reads on when verdicts have left");
}

#[tokio::test]
async fn a_reader_that_does_not_read_stops_its_own_stream_and_holds_no_bytes() {
    let mut stream = converse();
    let mut decided = 0;
    for sequence in 1..=1000 {
        stream.send(frame(sequence));
        settle().await;
        let Ok((_, decide)) = stream.core.try_recv() else { break };
        decide.send(vec![stored()]).unwrap();
        decided += 1;
        settle().await;
    }
    // One response in the channel, the others in the queue.
    assert_eq!(decided, limits::STREAM_RESPONSE_QUEUE + 1);
    assert_eq!(stream.budget.available(), limits::IN_FLIGHT_BYTES);
    stream.response().await;
    assert_eq!(stream.chunk().await.0.len(), 1, "reads on when the reader does");
}

#[tokio::test]
async fn bytes_count_until_the_verdict_and_a_frame_without_room_waits() {
    let length = frame(1).0.len();
    let mut stream = converse_with(ByteBudget::new(length), Quotas::default());
    stream.send(frame(1));
    let (_, first) = stream.chunk().await;
    stream.send(frame(2));
    settle().await;
    assert_eq!(stream.budget.available(), 0);
    assert!(stream.core.try_recv().is_err(), "taken in without room");
    first.send(vec![stored()]).unwrap();
    let (sequences, second) = stream.chunk().await;
    assert_eq!(sequences, [2]);
    second.send(vec![stored()]).unwrap();
    stream.half_close();
    assert_eq!(stream.rest().await.0.len(), 2);
    stream.task.await.unwrap();
    assert_eq!(stream.budget.available(), length);
}

#[tokio::test]
async fn shutdown_reads_no_further_and_tells_after_the_verdicts_of_what_was_taken_in() {
    let mut stream = converse();
    stream.send(frame(1));
    let (_, decide) = stream.chunk().await;
    stream.stop.cancel();
    settle().await;
    stream.send(frame(2));
    settle().await;
    assert!(stream.core.try_recv().is_err(), "nothing more is read");
    decide.send(vec![stored()]).unwrap();
    let (verdicts, status) = stream.rest().await;
    assert_eq!(verdicts, [(1, 1)]);
    let status = status.unwrap();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("shutting down"));
    assert!(status.get_details_retry_info().is_some());
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_ever() {
    let mut stream = converse();
    stream.send(frame(1));
    let (_, _never_decided) = stream.chunk().await;
    let begun = tokio::time::Instant::now();
    stream.stop.cancel();
    let (verdicts, status) = stream.rest().await;
    assert!(verdicts.is_empty());
    assert_eq!(status.unwrap().code(), Code::Unavailable);
    assert_eq!(begun.elapsed().as_secs(), limits::STREAM_DRAIN.as_secs());
}

#[tokio::test]
async fn a_submitter_that_leaves_has_its_submissions_decided_and_nothing_leaks() {
    let Conversing { responses, mut core, frames, budget, task, .. } = {
        let stream = converse();
        stream.send(frame(1));
        stream
    };
    let (_, decide) = core.recv().await.unwrap();
    drop(responses);
    settle().await;
    assert!(!task.is_finished(), "the bytes in the core still count");
    assert!(budget.available() < limits::IN_FLIGHT_BYTES);
    assert!(frames.unwrap().unbounded_send(Ok(frame(2))).is_err());
    settle().await;
    assert!(core.try_recv().is_err(), "nothing more is read");
    decide.send(vec![stored()]).unwrap();
    task.await.unwrap();
    assert_eq!(budget.available(), limits::IN_FLIGHT_BYTES);
}

#[tokio::test]
async fn a_missing_verdict_is_a_bug_of_ours_and_not_a_shifted_answer() {
    let mut stream = converse();
    stream.send_numbered([1, 2]);
    let (_, decide) = stream.chunk().await;
    decide.send(vec![stored()]).unwrap();
    let (verdicts, status) = stream.rest().await;
    assert!(verdicts.is_empty());
    assert_eq!(status.unwrap().code(), Code::Internal);
}

#[tokio::test]
async fn a_stream_over_its_quota_ends_after_the_verdicts_of_what_was_within() {
    let three = std::num::NonZeroU32::new(3);
    let quotas = Quotas::new(&crate::config::Quotas { grpc_writes: three, ..Default::default() });
    let mut stream = converse_with(ByteBudget::new(limits::IN_FLIGHT_BYTES), quotas);
    stream.send_numbered(1..=5);
    let (sequences, decide) = stream.chunk().await;
    assert_eq!(sequences.len(), 3);
    decide.send(vec![stored(); 3]).unwrap();
    let (verdicts, status) = stream.rest().await;
    assert_eq!(verdicts, [(1, 1), (2, 2), (3, 3)]);
    let status = status.unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.get_details_retry_info().is_some());
}
