//! Which registrations have a consumer, and that none ever has two.

use crate::domain::Registration;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// The consumers on one connection, by the names of their registrations.
#[derive(Debug, Default)]
pub(super) struct Roster {
    running: HashMap<String, Running>,
    tasks: JoinSet<()>,
}

/// One whose task has not ended; it may be winding down.
#[derive(Debug)]
struct Running {
    task: Id,
    changes: watch::Sender<Arc<Registration>>,
    stop: CancellationToken,
}

impl Roster {
    /// Whether every task has ended.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Starts consumers of new registrations, tells the others what has changed, and lets those end
    /// whose registration is gone. Where one still winds down, its successor waits for a later call.
    pub(super) fn follow<'a, F>(
        &mut self,
        wanted: impl Iterator<Item = &'a Arc<Registration>>,
        start: impl Fn(watch::Receiver<Arc<Registration>>, CancellationToken) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        self.reap();
        let wanted: HashMap<&str, &Arc<Registration>> =
            wanted.map(|registration| (registration.name.as_str(), registration)).collect();
        for (name, running) in &self.running {
            if !wanted.contains_key(name.as_str()) {
                running.stop.cancel();
            }
        }
        for (name, registration) in wanted {
            if let Some(running) = self.running.get(name) {
                running.changes.send_if_modified(|current| {
                    let changed = current != registration;
                    current.clone_from(registration);
                    changed
                });
                continue;
            }
            let (changes, stop) = (watch::Sender::new(registration.clone()), CancellationToken::new());
            let task = self.tasks.spawn(start(changes.subscribe(), stop.clone())).id();
            self.running.insert(name.to_owned(), Running { task, changes, stop });
        }
    }

    /// Forgets consumers that ended, by themselves or by a panic, so that they can be started again.
    pub(super) fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            let ended = match ended {
                Ok((task, ())) => task,
                Err(error) => error.id(),
            };
            self.running.retain(|_, running| running.task != ended);
        }
    }

    /// Lets all wind down.
    pub(super) async fn stop(&mut self) {
        for running in self.running.values() {
            running.stop.cancel();
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Ends all at once: their channels are gone.
    pub(super) async fn abort(&mut self) {
        self.tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RegistrationOrigin;
    use crate::formats::registration::RegistrationForm;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::sync::Semaphore;
    use tokio::task::yield_now;
    use tokio::time::timeout;

    fn registration() -> Arc<Registration> {
        let form = RegistrationForm { exchange: "exchange/kiln/jobs".into(), ..Default::default() };
        Arc::new(form.check(RegistrationOrigin::Command).unwrap())
    }

    /// Consumers that wind down only as far as `gate` lets them.
    struct Started {
        count: AtomicUsize,
        gate: Arc<Semaphore>,
    }

    impl Started {
        fn new() -> Self {
            Self { count: AtomicUsize::new(0), gate: Arc::new(Semaphore::new(0)) }
        }

        fn follow(&self, roster: &mut Roster, wanted: &[Arc<Registration>]) {
            roster.follow(wanted.iter(), |_, stop| {
                self.count.fetch_add(1, Ordering::SeqCst);
                let gate = self.gate.clone();
                async move {
                    stop.cancelled().await;
                    gate.acquire().await.unwrap().forget();
                }
            });
        }

        fn count(&self) -> usize {
            self.count.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn a_registration_that_comes_again_waits_until_its_consumer_has_ended() {
        let (mut roster, started, one) = (Roster::default(), Started::new(), [registration()]);
        started.follow(&mut roster, &one);
        started.follow(&mut roster, &[]);
        yield_now().await;
        started.follow(&mut roster, &one);
        assert_eq!(started.count(), 1, "it still winds down");
        started.gate.add_permits(1);
        yield_now().await;
        started.follow(&mut roster, &one);
        assert_eq!(started.count(), 2);
        started.follow(&mut roster, &one);
        assert_eq!(started.count(), 2, "it runs");
        started.gate.add_permits(1);
        timeout(Duration::from_secs(5), roster.stop()).await.expect("every consumer can be stopped");
        assert!(roster.is_empty());
    }

    #[tokio::test]
    async fn a_consumer_that_panics_is_started_again() {
        let (mut roster, one) = (Roster::default(), [registration()]);
        let started = AtomicUsize::new(0);
        for _ in 0..2 {
            roster.follow(one.iter(), |_, _| {
                started.fetch_add(1, Ordering::SeqCst);
                async { panic!("as if by a bug") }
            });
            yield_now().await;
        }
        assert_eq!(started.load(Ordering::SeqCst), 2);
    }
}
