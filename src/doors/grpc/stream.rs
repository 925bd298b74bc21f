//! `SubmitJobs`: frames in, verdicts out (design section 7, rules R4 and R19).
//!
//! One task serves one stream. At any time it may read a chunk of frames, hand one chunk to the core,
//! wait for the verdicts of several and send one response. It reads no further while too much is
//! undecided or unsent, so that HTTP/2's flow control reaches the submitter.

use super::authentication::Standing;
use super::frame::SubmitJobsFrame;
use super::gather::{Gather, Gathered};
use super::meter::StreamMeter;
use super::responses::Responses;
use super::status::Refusal;
use super::submission;
use crate::access::Principal;
use crate::core::{Gateway, PendingVerdicts, Submission, SubmitError};
use crate::domain::Verdict;
use crate::doors::budget::TakenBytes;
use crate::doors::quotas::{self, Quotas};
use crate::limits;
use crate::proto::SubmitJobsResponse;
use chrono::Utc;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, Stream, StreamExt};
use std::future::Future;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// What takes submissions in: the core, or a stand-in under test.
pub trait Intake: Clone + Send + Sync + 'static {
    /// See [`Gateway::submit`].
    fn submit(
        &self,
        principal: &Principal,
        submissions: Vec<Submission>,
    ) -> impl Future<Output = Result<PendingVerdicts, SubmitError>> + Send;
}

impl Intake for Gateway {
    async fn submit(
        &self,
        principal: &Principal,
        submissions: Vec<Submission>,
    ) -> Result<PendingVerdicts, SubmitError> {
        Self::submit(self, principal, submissions).await
    }
}

/// What a stream works with.
#[derive(Clone)]
pub struct StreamContext<I> {
    /// Takes the submissions.
    pub intake: I,
    /// On whose behalf.
    pub principal: Principal,
    /// Asked for every chunk: a credential may be revoked or expire while its stream is open.
    pub standing: Standing,
    /// Has counted every frame against the budget of all streams and calls.
    pub meter: StreamMeter,
    /// Each submission is taken from its principal's.
    pub quotas: Quotas,
    /// Cancelled at shutdown.
    pub stop: CancellationToken,
}

/// Names a submission to its submitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The submitter's number; 0 if it could not be read.
    pub sequence: u64,
    /// Position in the stream, counted from 1.
    pub ordinal: u64,
}

/// A chunk that the core has taken in.
struct Admitted {
    tickets: Vec<Ticket>,
    verdicts: PendingVerdicts,
    bytes: TakenBytes,
}

/// A chunk with its verdicts.
struct Decided {
    tickets: Vec<Ticket>,
    verdicts: Vec<Verdict>,
}

/// Why no more frames are read.
#[derive(Debug)]
enum End {
    /// The submitter closed its side: all verdicts, then OK.
    HalfClosed,
    /// The decided verdicts, then this.
    Refused(Refusal),
}

/// Serves a stream until every verdict is sent, or the submitter is gone, or the time to drain is over.
pub async fn serve<I, S>(
    context: StreamContext<I>,
    frames: S,
    responses: mpsc::Sender<Result<SubmitJobsResponse, Status>>,
) where
    I: Intake,
    S: Stream<Item = Result<SubmitJobsFrame, Status>> + Unpin + Send,
{
    let stop = context.stop.clone();
    let drained = async {
        stop.cancelled().await;
        tokio::time::sleep(limits::STREAM_DRAIN).await;
    };
    tokio::select! {
        () = Conversation::new(context).run(frames, responses.clone()) => {}
        () = drained => {
            tracing::warn!("a stream was cut: its verdicts were not read in time");
            // If there is no room even now, the connection is cut next.
            let _ = responses.try_send(Err(Refusal::Stopping.into()));
        }
    }
}

struct Conversation<I> {
    context: StreamContext<I>,
    last_ordinal: u64,
    /// The one chunk on its way into the core: the order of chunks is the order of application.
    admission: Option<BoxFuture<'static, Result<Admitted, Refusal>>>,
    pending: FuturesUnordered<BoxFuture<'static, Decided>>,
    /// Items that were read and whose verdict has not left for the submitter.
    unanswered: usize,
    unsent: Responses,
    end: Option<End>,
    gone: bool,
}

impl<I: Intake> Conversation<I> {
    fn new(context: StreamContext<I>) -> Self {
        Self {
            context,
            last_ordinal: 0,
            admission: None,
            pending: FuturesUnordered::new(),
            unanswered: 0,
            unsent: Responses::default(),
            end: None,
            gone: false,
        }
    }

    async fn run<S>(mut self, frames: S, responses: mpsc::Sender<Result<SubmitJobsResponse, Status>>)
    where
        S: Stream<Item = Result<SubmitJobsFrame, Status>> + Unpin,
    {
        let meter = self.context.meter.clone();
        let mut frames = Some(Gather::new(frames, meter.clone()));
        let stop = self.context.stop.clone();
        let mut stalls = std::pin::pin!(meter.stalls());
        while !self.is_over() {
            let may_read = self.may_read();
            if self.end.is_some() || self.gone {
                // With it go the bytes of a message that is only partly there.
                frames = None;
            } else if !may_read {
                meter.step_back();
            }
            tokio::select! {
                biased;
                () = responses.closed(), if !self.gone => self.leave(),
                room = responses.reserve(), if !self.gone && !self.unsent.is_empty() => {
                    // The receiver being gone shows in `closed` on the next turn.
                    if let (Ok(room), Some((response, items))) = (room, self.unsent.pop()) {
                        room.send(Ok(response));
                        self.unanswered -= items;
                    }
                }
                Some(decided) = self.pending.next() => self.decided(decided),
                admitted = waiting(&mut self.admission) => {
                    self.admission = None;
                    self.admitted(admitted);
                }
                () = stop.cancelled(), if self.end.is_none() => self.refuse(Refusal::Stopping),
                () = &mut stalls, if self.end.is_none() => self.refuse(Refusal::overloaded()),
                gathered = next(&mut frames), if may_read => match gathered {
                    Gathered::Frames(chunk, bytes) => self.admit(chunk, bytes),
                    Gathered::End(Ok(())) => self.end = Some(End::HalfClosed),
                    Gathered::End(Err(status)) => {
                        self.refuse(Refusal::of_transport(&status, limits::SUBMISSION_BYTES));
                    }
                },
            }
        }
        if let Some(End::Refused(refusal)) = self.end {
            tracing::debug!(%refusal, "stream ended early");
            // Nobody to tell if the receiver is gone.
            let _ = responses.send(Err(refusal.into())).await;
        }
    }

    /// Nothing is read any more, everything read is decided and the verdicts have left.
    fn is_over(&self) -> bool {
        (self.end.is_some() || self.gone)
            && self.admission.is_none()
            && self.pending.is_empty()
            && self.unsent.is_empty()
    }

    fn may_read(&self) -> bool {
        self.end.is_none()
            && !self.gone
            && self.admission.is_none()
            && self.unanswered + limits::STREAM_CHUNK_ITEMS <= limits::STREAM_IN_FLIGHT_ITEMS
            && self.unsent.len() < limits::STREAM_RESPONSE_QUEUE
    }

    /// The submitter went away: what was taken in is still decided, but nobody is told.
    fn leave(&mut self) {
        self.gone = true;
        self.unsent = Responses::default();
    }

    /// The first reason stands, but any reason is better than OK.
    fn refuse(&mut self, refusal: Refusal) {
        if !matches!(self.end, Some(End::Refused(_))) {
            self.end = Some(End::Refused(refusal));
        }
    }

    fn admit(&mut self, mut chunk: Vec<SubmitJobsFrame>, bytes: TakenBytes) {
        let (quotas, principal) = (&self.context.quotas, &self.context.principal);
        let (taken, refusal) = quotas.take_some(quotas::Kind::GrpcWrite, principal, chunk.len());
        if let Some(refusal) = refusal {
            self.refuse(refusal);
            chunk.truncate(taken);
            if chunk.is_empty() {
                return;
            }
        }
        self.unanswered += chunk.len();
        let first = self.last_ordinal + 1;
        self.last_ordinal += chunk.len() as u64;
        self.admission = Some(admit(self.context.clone(), first, chunk, bytes).boxed());
    }

    fn admitted(&mut self, admitted: Result<Admitted, Refusal>) {
        match admitted {
            Ok(Admitted { tickets, verdicts, bytes }) => self.pending.push(
                async move {
                    let verdicts = verdicts.await;
                    drop(bytes);
                    Decided { tickets, verdicts }
                }
                .boxed(),
            ),
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn decided(&mut self, Decided { tickets, verdicts }: Decided) {
        if tickets.len() != verdicts.len() {
            let error = format!("{} verdicts for {} submissions", verdicts.len(), tickets.len());
            return self.refuse(Refusal::internal(&error));
        }
        if !self.gone
            && let Some(retry) = self.unsent.push(tickets, verdicts)
        {
            self.refuse(retry);
        }
    }
}

/// Decodes a chunk and hands it to the core, with the bytes that it holds of the budget.
async fn admit<I: Intake>(
    context: StreamContext<I>,
    first: u64,
    chunk: Vec<SubmitJobsFrame>,
    bytes: TakenBytes,
) -> Result<Admitted, Refusal> {
    let received_at = Utc::now();
    let mut tickets = Vec::with_capacity(chunk.len());
    let mut submissions = Vec::with_capacity(chunk.len());
    for (ordinal, frame) in (first..).zip(chunk) {
        let (sequence, submission) = submission::of_frame(frame, received_at);
        tickets.push(Ticket { sequence, ordinal });
        submissions.push(submission);
        // Validation is work for the processor: let others in between.
        tokio::task::consume_budget().await;
    }
    (context.standing)()?;
    let verdicts = context.intake.submit(&context.principal, submissions).await?;
    Ok(Admitted { tickets, verdicts, bytes })
}

/// The next chunk; waits for ever once nothing is read any more.
async fn next<S>(frames: &mut Option<Gather<S>>) -> Gathered
where
    S: Stream<Item = Result<SubmitJobsFrame, Status>> + Unpin,
{
    match frames {
        Some(frames) => frames.next().await,
        None => std::future::pending().await,
    }
}

/// The outcome of what may be under way; waits for ever if nothing is.
async fn waiting<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
