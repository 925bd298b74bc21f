//! Whether the gateway can commit, as `/readyz` and the health service show it (R35).

use crate::limits;
use crate::store::Durability;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Whether the gateway can commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It can; whether commits survive a failure of the database's machine.
    Ready(Durability),
    /// The database does not answer, or does not commit.
    DatabaseAway,
    /// The gateway stops and takes nothing in any more.
    Stopping,
}

impl Readiness {
    /// Whether it can.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Ready(_))
    }
}

/// While the database is away, one batch in this time finds out whether it is back.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// How commits went lately, as the writers and a probe see it.
#[derive(Debug)]
pub(crate) struct Commits(Mutex<Lately>);

#[derive(Debug)]
struct Lately {
    are_possible: bool,
    last_success: Instant,
    last_failure: Option<Instant>,
}

impl Commits {
    /// Possible until one fails.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Lately { are_possible: true, last_success: Instant::now(), last_failure: None }))
    }

    pub(crate) fn succeeded(&self) {
        let mut lately = self.lately();
        lately.are_possible = true;
        lately.last_success = Instant::now();
    }

    /// True if that is news.
    pub(crate) fn failed(&self) -> bool {
        let mut lately = self.lately();
        lately.last_failure = Some(Instant::now());
        std::mem::replace(&mut lately.are_possible, false)
    }

    /// Whether the last one went through.
    pub(crate) fn are_possible(&self) -> bool {
        self.lately().are_possible
    }

    /// Whether one failed a moment ago: what waits is then answered at once.
    pub(crate) fn failed_just_now(&self) -> bool {
        let lately = self.lately();
        !lately.are_possible && lately.last_failure.is_some_and(|failure| failure.elapsed() < RETRY_INTERVAL)
    }

    /// Whether nothing but a probe tells if commits are possible: after a failure, and after a while
    /// without any.
    pub(crate) fn want_a_probe(&self) -> bool {
        let lately = self.lately();
        !lately.are_possible || lately.last_success.elapsed() >= limits::COMMIT_PROBE
    }

    /// What a panicking holder left is as good as any.
    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failure_holds_until_a_commit_goes_through() {
        let commits = Commits::new();
        assert!(commits.are_possible() && !commits.want_a_probe());
        assert!(commits.failed());
        assert!(!commits.failed(), "no news");
        assert!(!commits.are_possible() && commits.failed_just_now() && commits.want_a_probe());
        tokio::time::advance(RETRY_INTERVAL).await;
        assert!(!commits.failed_just_now() && !commits.are_possible());
        commits.succeeded();
        assert!(commits.are_possible() && !commits.want_a_probe());
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_gateway_probes() {
        let commits = Commits::new();
        tokio::time::advance(limits::COMMIT_PROBE).await;
        assert!(commits.want_a_probe());
    }
}
