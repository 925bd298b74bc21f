//! The body of a stream of submissions, let through message by message: no more than a little of a
//! message is read before all its bytes are taken from the budget (design rule R19).

use super::budget::{PREFIX, bytes_needed};
use super::meter::StreamMeter;
use crate::limits;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body::Frame;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// See the module.
#[derive(Debug)]
pub struct MeteredBody {
    body: Body,
    meter: StreamMeter,
    /// Read from the body, not yet let through.
    held: Bytes,
    /// Bytes of the message under way that are still to come through.
    left: usize,
    has_ended: bool,
}

impl MeteredBody {
    /// Lets the messages of this body through.
    pub fn new(body: Body, meter: StreamMeter) -> Self {
        Self { body, meter, held: Bytes::new(), left: 0, has_ended: false }
    }

    fn let_through(&mut self, bytes: usize) -> Bytes {
        let part = self.held.split_to(bytes.min(self.held.len()));
        self.left = bytes - part.len();
        if self.left == 0 {
            self.meter.finish();
        }
        part
    }
}

impl http_body::Body for MeteredBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        loop {
            if this.left > 0 && !this.held.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(this.let_through(this.left)))));
            }
            if let Some(length) = announced(&this.held).filter(|_| this.left == 0) {
                let is_whole = this.held.len() >= length;
                if is_whole || length > limits::UNCOUNTED_BYTES {
                    ready!(this.meter.poll_claim(cx, bytes_needed(&this.held), is_whole));
                    return Poll::Ready(Some(Ok(Frame::data(this.let_through(length)))));
                }
            }
            if this.has_ended {
                // Less than a message: tonic says what is wrong with it.
                let rest = std::mem::take(&mut this.held);
                return Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))));
            }
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.held = joined(std::mem::take(&mut this.held), data),
                    // Requests of gRPC have no trailers.
                    Err(_) => this.has_ended = true,
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => this.has_ended = true,
            }
        }
    }
}

impl Drop for MeteredBody {
    fn drop(&mut self) {
        self.meter.release();
    }
}

/// Length of the message at the start, with its prefix, if that is there.
fn announced(held: &[u8]) -> Option<usize> {
    let [_, length @ ..] = held.first_chunk::<PREFIX>()?;
    Some(PREFIX + u32::from_be_bytes(*length) as usize)
}

/// Copies only where a small message was cut in two.
fn joined(held: Bytes, data: Bytes) -> Bytes {
    if held.is_empty() {
        return data;
    }
    let mut both = BytesMut::from(held);
    both.extend_from_slice(&data);
    both.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors::budget::ByteBudget;
    use futures::{StreamExt, stream};
    use http_body_util::BodyExt;

    const BUDGET: usize = 100_000;
    /// A message that is counted before it is whole.
    const LARGE: usize = 40_000;

    fn message(length: usize) -> Vec<u8> {
        let mut message = vec![0];
        message.extend(u32::try_from(length).unwrap().to_be_bytes());
        message.extend(vec![7; length]);
        message
    }

    /// A body of these pieces that ends, or stays open.
    fn body(pieces: Vec<Vec<u8>>, stays_open: bool) -> (MeteredBody, StreamMeter, ByteBudget) {
        let budget = ByteBudget::new(BUDGET);
        let meter = StreamMeter::new(budget.clone());
        let pieces = stream::iter(pieces).map(|piece| Ok::<_, axum::Error>(Bytes::from(piece)));
        let body = if stays_open {
            Body::from_stream(pieces.chain(stream::pending()))
        } else {
            Body::from_stream(pieces)
        };
        (MeteredBody::new(body, meter.clone()), meter, budget)
    }

    async fn next(body: &mut MeteredBody) -> Bytes {
        body.frame().await.unwrap().unwrap().into_data().unwrap()
    }

    async fn stays_silent(body: &mut MeteredBody) {
        assert!(futures::poll!(std::pin::pin!(body.frame())).is_pending());
    }

    #[tokio::test]
    async fn whatever_its_pieces_are_a_body_comes_through_as_it_is() {
        let all = [message(3), message(0), message(20), message(LARGE), vec![0, 0, 1]].concat();
        for size in (1..60).chain([LARGE, all.len()]) {
            let (mut body, meter, _) = body(all.chunks(size).map(<[u8]>::to_vec).collect(), false);
            let mut seen = Vec::new();
            while let Some(frame) = body.frame().await {
                seen.extend(frame.unwrap().into_data().unwrap());
                drop(meter.hand_over(0));
            }
            assert_eq!(seen, all, "in pieces of {size}");
        }
    }

    #[tokio::test]
    async fn messages_come_through_one_by_one() {
        let (mut body, meter, budget) = body(vec![[message(3), message(4)].concat()], true);
        assert_eq!(next(&mut body).await, message(3));
        assert_eq!(budget.available(), BUDGET - 3, "the second one is not counted before it is read");
        drop(meter.hand_over(3));
        assert_eq!(next(&mut body).await, message(4));
    }

    #[tokio::test]
    async fn a_stream_between_two_messages_holds_nothing_nor_does_one_with_a_little_of_the_next() {
        let (mut body, meter, budget) = body(vec![message(3), message(1000)[..900].to_vec()], true);
        next(&mut body).await;
        drop(meter.hand_over(3));
        stays_silent(&mut body).await;
        assert_eq!(budget.available(), BUDGET);
    }

    #[tokio::test]
    async fn the_whole_of_a_message_is_counted_before_any_of_it_is_read() {
        let (mut body, _, budget) = body(vec![message(LARGE)[..PREFIX].to_vec(), vec![7; 10]], true);
        let others = budget.take(BUDGET).await;
        stays_silent(&mut body).await;
        drop(others);
        assert_eq!(next(&mut body).await.len(), PREFIX);
        assert_eq!(budget.available(), BUDGET - LARGE);
        assert_eq!(next(&mut body).await.len(), 10);
        stays_silent(&mut body).await;
        drop(body);
        assert_eq!(budget.available(), BUDGET, "nothing is held by a stream that has ended");
    }

    #[tokio::test]
    async fn unfinished_messages_wait_for_each_other_and_not_for_whole_ones() {
        let (mut first, _, budget) = body(vec![message(LARGE)[..50].to_vec()], true);
        next(&mut first).await;
        let meter = StreamMeter::new(budget.clone());
        let half = stream::iter([Ok::<_, axum::Error>(Bytes::from(message(LARGE)[..50].to_vec()))]);
        let mut second = MeteredBody::new(Body::from_stream(half.chain(stream::pending())), meter);
        stays_silent(&mut second).await;
        assert_eq!(budget.available(), BUDGET - LARGE);
        assert!(budget.try_claim(LARGE, true).is_some());
        drop(first);
        assert_eq!(next(&mut second).await.len(), 50);
    }
}
