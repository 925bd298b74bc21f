//! What one stream of submissions holds of the byte budget before its handler has the message (design
//! rule R19). The body that is read and the handler that reads it share one meter.

use crate::doors::budget::{ByteBudget, Claim, TakenBytes};
use crate::limits;
use futures::future::{BoxFuture, FutureExt};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::time::Instant;

/// Counts the message of a stream that is on its way: at most one, since a message is handed on before
/// the next one begins.
#[derive(Debug, Clone)]
pub struct StreamMeter {
    budget: ByteBudget,
    message: Arc<Mutex<Message>>,
}

#[derive(Default)]
enum Message {
    #[default]
    None,
    /// Its bytes are asked for.
    Asked(BoxFuture<'static, Claim>),
    /// Its bytes are there since then.
    Claimed(Claim, Instant),
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Asked(_) => "Asked",
            Self::Claimed(..) => "Claimed",
        })
    }
}

impl StreamMeter {
    /// Takes from this budget.
    pub fn new(budget: ByteBudget) -> Self {
        Self { budget, message: Arc::default() }
    }

    /// Ready when the next message has its bytes; `is_whole` says that all of it has come.
    pub fn poll_claim(&self, cx: &mut Context<'_>, bytes: usize, is_whole: bool) -> Poll<()> {
        let mut message = self.message();
        if !matches!(*message, Message::Asked(_)) {
            if let Some(claim) = self.budget.try_claim(bytes, is_whole) {
                *message = Message::Claimed(claim, Instant::now());
                return Poll::Ready(());
            }
            let budget = self.budget.clone();
            *message = Message::Asked(async move { budget.claim(bytes, is_whole).await }.boxed());
        }
        if let Message::Asked(asked) = &mut *message {
            let mut claim = ready!(asked.poll_unpin(cx));
            if is_whole {
                claim.finish();
            }
            *message = Message::Claimed(claim, Instant::now());
        }
        Poll::Ready(())
    }

    /// The last byte of the message has come.
    pub fn finish(&self) {
        if let Message::Claimed(claim, _) = &mut *self.message() {
            claim.finish();
        }
    }

    /// The handler has the message: gives it the bytes of its real length, and the rest back.
    pub fn hand_over(&self, length: usize) -> TakenBytes {
        match std::mem::take(&mut *self.message()) {
            Message::Claimed(claim, _) => {
                let mut bytes = claim.into_taken();
                bytes.keep(length);
                bytes
            }
            Message::None | Message::Asked(_) => TakenBytes::default(),
        }
    }

    /// The handler does not read for now: what is only asked for is for others.
    pub fn step_back(&self) {
        let mut message = self.message();
        if matches!(*message, Message::Asked(_)) {
            *message = Message::None;
        }
    }

    /// Nothing is read any more.
    pub fn release(&self) {
        *self.message() = Message::None;
    }

    /// Ends when a message is on its way for over [`limits::MESSAGE_READ`] while others wait for bytes.
    pub async fn stalls(&self) {
        loop {
            tokio::time::sleep(limits::MESSAGE_READ / 4).await;
            let is_late = match &*self.message() {
                Message::Claimed(_, since) => since.elapsed() >= limits::MESSAGE_READ,
                Message::None | Message::Asked(_) => false,
            };
            if is_late && self.budget.is_short() {
                return;
            }
        }
    }

    /// Nothing panics while it holds the lock.
    fn message(&self) -> MutexGuard<'_, Message> {
        self.message.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::task::Waker;

    fn asks(meter: &StreamMeter, bytes: usize) -> bool {
        meter.poll_claim(&mut Context::from_waker(Waker::noop()), bytes, false).is_ready()
    }

    #[tokio::test]
    async fn a_message_keeps_its_real_length_once_it_is_handed_over() {
        let budget = ByteBudget::new(100);
        let meter = StreamMeter::new(budget.clone());
        assert!(asks(&meter, 50));
        assert_eq!(budget.available(), 50);
        let taken = meter.hand_over(7);
        assert_eq!(budget.available(), 93);
        drop(taken);
        assert_eq!(budget.available(), 100);
    }

    #[tokio::test]
    async fn who_does_not_read_does_not_wait_in_the_way_of_others() {
        let budget = ByteBudget::new(100);
        let (holder, asking) = (StreamMeter::new(budget.clone()), StreamMeter::new(budget.clone()));
        assert!(asks(&holder, 50));
        assert!(!asks(&asking, 50));
        assert!(budget.is_short());
        asking.step_back();
        assert!(!budget.is_short());
        holder.release();
        assert_eq!(budget.available(), 100);
        assert!(asks(&asking, 50), "it asks again when it reads again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_never_ends_gives_way_only_to_those_who_wait() {
        let budget = ByteBudget::new(100);
        let (holder, asking) = (StreamMeter::new(budget.clone()), StreamMeter::new(budget.clone()));
        assert!(asks(&holder, 50));
        let begun = Instant::now();
        let patience = limits::MESSAGE_READ * 3;
        assert!(tokio::time::timeout(patience, holder.stalls()).await.is_err(), "nobody waits");
        assert!(!asks(&asking, 50));
        holder.stalls().await;
        assert!(begun.elapsed() <= patience + limits::MESSAGE_READ);
        holder.release();
        poll_fn(|cx| asking.poll_claim(cx, 50, false)).await;
    }
}
