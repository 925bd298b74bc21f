//! Work that follows from what was stored: reading logs, fetching pushes. It waits in the database, so
//! that nothing of it is lost, and any gateway may do it (design section 10).
//!
//! [`start`] runs one kind of [`Work`]: it claims entries of the kind's [`QueueTable`] under a lease,
//! performs some at once, extends their leases, and writes down what became of each. Work that fails is
//! tried again later and later, and given up in the end; `herdgate work` shows it.
//!
//! Whatever a piece of work stores, it stores in one transaction that ends its lease
//! ([`Outcome::Stored`]), or so that storing it twice is the same as once ([`Outcome::Done`]): then
//! neither a crash nor a lost lease leaves half of it, or two.

mod conflicts;
pub mod logs;
pub mod performance;
pub mod pushes;
mod retries;
mod runner;
#[cfg(test)]
mod tests;

pub use crate::store::follow_up::{Lease, QueueTable};
pub use runner::{RunnerOptions, start};

use crate::store::StoreError;
use std::future::Future;
use std::time::Duration;

/// A kind of follow-up work.
pub trait Work: Send + Sync + 'static {
    /// Where its entries wait.
    const QUEUE: &'static QueueTable;

    /// Attempts at one entry before it is given up: 1 and the 10 retries of logs contract 1.4.
    const ATTEMPTS: u32 = 11;

    /// Does what an entry asks for. May be dropped at any await: when its lease is lost, or the gateway
    /// stops. Errors of the database are the runner's to handle: the entry waits for its next attempt.
    fn perform(&self, lease: &Lease) -> impl Future<Output = Result<Outcome, StoreError>> + Send;
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All is done, and the runner takes the entry out of its queue. Should that fail, the work is done
    /// again.
    Done,
    /// All is done, and the entry left its queue in the same transaction; or the lease turned out lost,
    /// and nothing was stored.
    Stored,
    /// It failed, and another attempt may succeed.
    Retry {
        /// What failed, for whoever reads the list of work.
        why: String,
        /// Wait at least this long: the other side asked for it.
        after: Option<Duration>,
    },
    /// It could not be begun yet, or its turn has not come: no attempt is counted.
    Later {
        /// What it waits for, for whoever reads the list of work.
        why: String,
        /// Wait at least this long.
        after: Duration,
    },
    /// It failed, and no other attempt will succeed.
    Dead {
        /// What failed.
        why: String,
    },
}

impl Outcome {
    /// As a label of metrics.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Done | Self::Stored => "done",
            Self::Retry { .. } => "retry",
            Self::Later { .. } => "later",
            Self::Dead { .. } => "dead",
        }
    }
}
