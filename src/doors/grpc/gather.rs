//! Frames that are ready at once, taken together: what is done per chunk is not done per frame.

use super::frame::SubmitJobsFrame;
use super::meter::StreamMeter;
use crate::doors::budget::TakenBytes;
use crate::limits;
use futures::stream::{Fuse, Stream, StreamExt};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::Status;

/// What was read.
#[derive(Debug)]
pub enum Gathered {
    /// At least one frame, at most the limits on a chunk, and what they hold of the budget.
    Frames(Vec<SubmitJobsFrame>, TakenBytes),
    /// No more frames: the client closed its side, or the transport found no frame in the bytes.
    End(Result<(), Status>),
}

/// Reads frames and nothing ahead of the chunk it returns.
#[derive(Debug)]
pub struct Gather<S> {
    frames: Fuse<S>,
    meter: StreamMeter,
    failed: Option<Status>,
}

impl<S: Stream<Item = Result<SubmitJobsFrame, Status>> + Unpin> Gather<S> {
    /// Gathers from the stream, whose frames the meter has counted.
    pub fn new(frames: S, meter: StreamMeter) -> Self {
        Self { frames: frames.fuse(), meter, failed: None }
    }

    /// Waits for one frame and takes what else is there. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Gathered {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Gathered> {
        if let Some(status) = self.failed.take() {
            return Poll::Ready(Gathered::End(Err(status)));
        }
        let mut chunk = Vec::new();
        let mut taken = TakenBytes::default();
        let mut bytes = 0;
        while chunk.len() < limits::STREAM_CHUNK_ITEMS && bytes < limits::STREAM_CHUNK_BYTES {
            match Pin::new(&mut self.frames).poll_next(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    bytes += frame.0.len();
                    taken.add(self.meter.hand_over(frame.0.len()));
                    chunk.push(frame);
                }
                Poll::Ready(Some(Err(status))) if chunk.is_empty() => {
                    return Poll::Ready(Gathered::End(Err(status)));
                }
                Poll::Ready(Some(Err(status))) => {
                    self.failed = Some(status);
                    break;
                }
                Poll::Ready(None) if chunk.is_empty() => return Poll::Ready(Gathered::End(Ok(()))),
                Poll::Pending if chunk.is_empty() => return Poll::Pending,
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        Poll::Ready(Gathered::Frames(chunk, taken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors::budget::ByteBudget;
    use bytes::Bytes;
    use futures::stream;

    fn gather<S: Stream<Item = Result<SubmitJobsFrame, Status>> + Unpin>(frames: S) -> Gather<S> {
        Gather::new(frames, StreamMeter::new(ByteBudget::new(0)))
    }

    fn frame(length: usize) -> Result<SubmitJobsFrame, Status> {
        Ok(SubmitJobsFrame(Bytes::from(vec![0; length])))
    }

    async fn sizes(frames: Vec<Result<SubmitJobsFrame, Status>>) -> (Vec<usize>, Result<(), Status>) {
        let mut gather = gather(stream::iter(frames));
        let mut sizes = Vec::new();
        loop {
            match gather.next().await {
                Gathered::Frames(chunk, _) => sizes.push(chunk.len()),
                Gathered::End(end) => return (sizes, end),
            }
        }
    }

    #[tokio::test]
    async fn a_chunk_is_bounded_in_items_and_bytes() {
        let many = (0..limits::STREAM_CHUNK_ITEMS + 1).map(|_| frame(1)).collect();
        assert_eq!(sizes(many).await.0, [limits::STREAM_CHUNK_ITEMS, 1]);
        let large = (0..3).map(|_| frame(limits::STREAM_CHUNK_BYTES / 2)).collect();
        assert_eq!(sizes(large).await.0, [2, 1]);
    }

    #[tokio::test]
    async fn frames_before_a_failure_come_first() {
        let (sizes, end) = sizes(vec![frame(1), frame(1), Err(Status::internal("x"))]).await;
        assert_eq!(sizes, [2]);
        assert_eq!(end.unwrap_err().message(), "x");
    }

    #[tokio::test]
    async fn what_is_not_ready_is_not_waited_for() {
        let mut gather = gather(Box::pin(stream::iter([frame(1)]).chain(stream::pending())));
        match gather.next().await {
            Gathered::Frames(chunk, _) => assert_eq!(chunk.len(), 1),
            Gathered::End(end) => panic!("{end:?}"),
        }
    }
}
