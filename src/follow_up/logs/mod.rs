//! Reading logs: fetched block by block, parsed as they come, stored in one transaction that ends the
//! lease. What a gateway that dies leaves behind is a log that nobody has read yet.

mod fetched;
mod shares;
mod source;
mod storing;
#[cfg(test)]
mod tests;

pub use source::{Blocks, Source, Unobtainable};

use super::conflicts::despite_others;
use super::{Lease, Outcome, QueueTable, Work};
use crate::formats::check_performance;
use crate::limits;
use crate::logs::{ErrorSummary, ErrorSummaryParser, ErrorSummaryProblem, LogParser, ParsedLog, Profile};
use crate::store::follow_up::LOGS;
use crate::store::{Store, StoreError};
use futures::StreamExt;
use shares::HostShares;
use tokio::time::timeout;
use tracing::{debug, info, warn};

const ERROR_SUMMARY: &str = "errorsummary_json";

/// Fetches, parses and stores the logs that jobs point to.
#[derive(Debug)]
pub struct LogWork<S> {
    store: Store,
    source: S,
    shares: HostShares,
}

/// What a log says.
#[derive(Debug)]
enum Found {
    /// A text log.
    Text(ParsedLog),
    /// An error summary.
    Errors(ErrorSummary),
}

/// Why a log has no result.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error(transparent)]
    Unobtainable(#[from] Unobtainable),
    #[error(transparent)]
    NoErrorSummary(#[from] ErrorSummaryProblem),
    #[error("not read within {} s", limits::LOG_READ.as_secs())]
    OutOfTime,
    #[error("logs called {0:?} are not read")]
    NoProfile(String),
}

impl<S: Source> LogWork<S> {
    /// Reads logs from `source` with so many workers.
    pub fn new(store: Store, source: S, workers: usize) -> Self {
        Self { store, source, shares: HostShares::of(workers) }
    }

    async fn read(&self, name: &str, url: &str) -> Result<Found, Unread> {
        if name == ERROR_SUMMARY {
            let mut blocks = self.source.open(url, None).await?;
            let mut parser = ErrorSummaryParser::default();
            while !parser.is_full()
                && let Some(block) = blocks.next().await
            {
                parser.feed(&block?)?;
            }
            let summary = parser.finish()?;
            for warning in &summary.warnings {
                warn!(url, warning, "an error summary says what is not stored");
            }
            return Ok(Found::Errors(summary));
        }
        let profile = Profile::of_log(name).ok_or_else(|| Unread::NoProfile(name.to_owned()))?;
        let declared_limit = match profile {
            Profile::Of2018 => None,
            Profile::Of2026 => Some(limits::LOG_DECLARED_BYTES),
        };
        let mut blocks = self.source.open(url, declared_limit).await?;
        let mut parser = LogParser::new(profile, check_performance);
        while let Some(block) = blocks.next().await {
            // However large the blocks are, other work gets its turn between pieces of this size.
            for piece in block?.chunks(limits::LOG_PIECE_BYTES) {
                parser.feed(piece);
                tokio::task::yield_now().await;
            }
        }
        Ok(Found::Text(parser.finish()))
    }
}

impl<S: Source> Work for LogWork<S> {
    const QUEUE: &'static QueueTable = &LOGS;

    async fn perform(&self, lease: &Lease) -> Result<Outcome, StoreError> {
        let Some(log) = self.store.log_reference(lease.id).await? else {
            debug!("the log went with its job");
            return Ok(Outcome::Stored);
        };
        let busy = |after| Ok(Outcome::Later { why: "its host has its share of the workers".into(), after });
        let share = match self.shares.ask(&log.url, log.priority) {
            Ok(share) => share,
            Err(wait) => return busy(wait),
        };
        let read = timeout(share.time(), self.read(&log.name, &log.url)).await;
        if read.is_err() && share.is_hurried() {
            return busy(limits::LOG_HOST_REST);
        }
        drop(share);
        let found = match read.unwrap_or(Err(Unread::OutOfTime)) {
            Ok(found) => found,
            Err(unread) => return self.unread(lease, unread).await,
        };
        despite_others(|| storing::store(&self.store, lease, &log.url, &found)).await?;
        info!(name = log.name, url = log.url, "a log is parsed");
        Ok(Outcome::Stored)
    }
}

impl<S: Source> LogWork<S> {
    async fn unread(&self, lease: &Lease, unread: Unread) -> Result<Outcome, StoreError> {
        let why = unread.to_string();
        Ok(match unread {
            Unread::Unobtainable(Unobtainable::ForNow { after, .. }) => Outcome::Retry { why, after },
            Unread::OutOfTime => Outcome::Retry { why, after: None },
            Unread::Unobtainable(Unobtainable::TooLarge { .. }) => {
                info!(why, "a log is skipped");
                self.store.skip_log(lease, &why).await?;
                Outcome::Stored
            }
            Unread::Unobtainable(Unobtainable::ForGood { .. })
            | Unread::NoErrorSummary(_)
            | Unread::NoProfile(_) => Outcome::Dead { why },
        })
    }
}
