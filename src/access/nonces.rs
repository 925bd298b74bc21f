//! The memory of nonces: no signed request is taken twice (design rule R24).

use crate::limits;
use crate::store::{Nonce, Store, StoreError};
use chrono::Utc;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

/// Remembers nonces of writes in the database, so that all its gateways share them, many in one
/// transaction; those of reads in this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NonceMemory {
    writes: mpsc::Sender<Asked>,
    reads: Arc<Mutex<RecentNonces>>,
}

/// A nonce of a write, and where to say whether it is new.
type Asked = (Nonce, oneshot::Sender<Result<bool, StoreError>>);

impl NonceMemory {
    /// Works until the last clone is dropped.
    pub fn start(store: Store) -> Self {
        let (writes, asked) = mpsc::channel(limits::NONCE_QUEUE);
        tokio::spawn(keep(store, asked));
        Self { writes, reads: Arc::default() }
    }

    /// Whether the nonce of a write is new, at every gateway of the database; it is not from now on.
    ///
    /// # Errors
    /// If the database does not answer: then nobody knows, and the request is to be sent again.
    pub async fn remember_write(&self, nonce: Nonce) -> Result<bool, StoreError> {
        let (answer, is_new) = oneshot::channel();
        let stopped = || StoreError::Unavailable("the gateway is stopping".into());
        self.writes.send((nonce, answer)).await.map_err(|_| stopped())?;
        is_new.await.map_err(|_| stopped())?
    }

    /// Whether the nonce of a read is new to this process. When the memory is full the oldest is
    /// forgotten: repeating a read changes nothing.
    pub fn remember_read(&self, nonce: Nonce) -> bool {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.remember(nonce, Instant::now())
    }
}

/// Commits what was asked for, all that waits at once, and forgets what is old.
async fn keep(store: Store, mut asked: mpsc::Receiver<Asked>) {
    let mut prune = tokio::time::interval(limits::NONCE_AGE / 10);
    prune.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            count = asked.recv_many(&mut batch, limits::NONCE_BATCH) => {
                if count == 0 {
                    return;
                }
                decide(&store, std::mem::take(&mut batch)).await;
            }
            _ = prune.tick() => {
                if let Err(error) = store.forget_nonces(Utc::now() - limits::NONCE_AGE).await {
                    tracing::warn!(%error, "old nonces cannot be removed now");
                }
            }
        }
    }
}

async fn decide(store: &Store, batch: Vec<Asked>) {
    let (nonces, answers): (Vec<Nonce>, Vec<_>) = batch.into_iter().unzip();
    let remembered = tokio::time::timeout(limits::COMMIT_ATTEMPT, store.remember_nonces(&nonces, Utc::now()));
    let result = remembered
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("remembering nonces took too long".into())));
    match result {
        Ok(mut new) => {
            for (nonce, answer) in nonces.iter().zip(answers) {
                // Of two equal ones in one batch the first is new. Whoever does not wait any more has
                // no request to answer.
                let _ = answer.send(Ok(new.remove(nonce)));
            }
        }
        Err(error) => {
            let text = error.to_string();
            tracing::warn!(%error, "nonces cannot be remembered; signed writes are to be sent again");
            for answer in answers {
                let _ = answer.send(Err(StoreError::Unavailable(text.clone())));
            }
        }
    }
}

/// Nonces in the order in which they came.
#[derive(Debug, Default)]
struct RecentNonces {
    known: HashSet<Nonce>,
    order: VecDeque<(Instant, Nonce)>,
}

impl RecentNonces {
    fn remember(&mut self, nonce: Nonce, now: Instant) -> bool {
        while let Some((since, oldest)) = self.order.front() {
            let is_old = now.duration_since(*since) > limits::NONCE_AGE;
            if !is_old && self.order.len() < limits::READ_NONCES {
                break;
            }
            self.known.remove(oldest);
            self.order.pop_front();
        }
        if !self.known.insert(nonce.clone()) {
            return false;
        }
        self.order.push_back((now, nonce));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::TestDatabase;
    use std::time::Duration;

    #[test]
    fn a_nonce_is_remembered_for_as_long_as_the_last_request_that_could_repeat_it_is_good() {
        // The first may be a minute ahead of our clock, the second a minute behind, and then wait for its turn.
        assert!(limits::NONCE_AGE > 2 * limits::HAWK_SKEW + limits::UNARY_DEADLINE);
    }

    fn nonce(text: &str) -> Nonce {
        Nonce { client_id: "ci".into(), nonce: text.into(), ts: 1_533_000_000 }
    }

    #[tokio::test]
    async fn a_nonce_of_a_write_is_new_once_at_all_gateways_of_a_database() {
        for database in TestDatabase::each().await {
            let store = database.store().await;
            let (one, other) = (NonceMemory::start(store.clone()), NonceMemory::start(store.clone()));
            assert!(one.remember_write(nonce("a")).await.unwrap());
            assert!(!one.remember_write(nonce("a")).await.unwrap());
            assert!(!other.remember_write(nonce("a")).await.unwrap());
            assert!(other.remember_write(Nonce { ts: 1, ..nonce("a") }).await.unwrap());
            assert!(other.remember_write(Nonce { client_id: "b".into(), ..nonce("a") }).await.unwrap());
            store.close().await;
            assert!(matches!(one.remember_write(nonce("b")).await, Err(StoreError::Unavailable(_))));
            database.remove().await;
        }
    }

    #[tokio::test]
    async fn of_many_at_once_exactly_one_is_new() {
        for database in TestDatabase::each().await {
            let store = database.store().await;
            let memories = [NonceMemory::start(store.clone()), NonceMemory::start(store.clone())];
            let asked = (0..40).map(|index| memories[index % 2].remember_write(nonce("a")));
            let answers = futures::future::join_all(asked).await;
            assert_eq!(answers.into_iter().filter(|answer| *answer.as_ref().unwrap()).count(), 1);
            store.close().await;
            database.remove().await;
        }
    }

    #[test]
    fn nonces_of_reads_are_forgotten_by_age_and_number() {
        let mut recent = RecentNonces::default();
        let start = Instant::now();
        assert!(recent.remember(nonce("a"), start));
        assert!(!recent.remember(nonce("a"), start + limits::NONCE_AGE));
        assert!(recent.remember(nonce("a"), start + limits::NONCE_AGE + Duration::from_millis(1)));
        for index in 0..limits::READ_NONCES {
            assert!(recent.remember(nonce(&format!("n{index}")), start + limits::NONCE_AGE));
        }
        assert_eq!((recent.known.len(), recent.order.len()), (limits::READ_NONCES, limits::READ_NONCES));
    }
}
