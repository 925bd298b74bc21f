//! Documents of performance data that jobs link to (R31): fetched, checked and kept as artifacts of their
//! jobs, in the form of those that logs give.

use super::conflicts::despite_others;
use super::logs::{Source, Unobtainable};
use super::{Lease, Outcome, QueueTable, Work};
use crate::formats::{check_performance, performance_document};
use crate::limits;
use crate::logs::PerformanceArtifact;
use crate::store::batch::{BatchTransaction, PerformanceRow};
use crate::store::follow_up::PERFORMANCE;
use crate::store::{Store, StoreError};
use futures::StreamExt;
use serde_json::value::RawValue;
use tracing::warn;

/// Fetches documents of performance data.
#[derive(Debug)]
pub struct PerformanceWork<S> {
    store: Store,
    source: S,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
enum NoDocument {
    #[error(transparent)]
    Unobtainable(#[from] Unobtainable),
    #[error("the document has more than {} bytes", limits::PERFORMANCE_BYTES)]
    TooLong,
    #[error("no performance data: {0}")]
    Invalid(String),
}

impl<S: Source> PerformanceWork<S> {
    /// Reads documents from `source`.
    pub fn new(store: Store, source: S) -> Self {
        Self { store, source }
    }

    async fn read(&self, url: &str) -> Result<Box<RawValue>, NoDocument> {
        let mut bytes = Vec::new();
        let mut blocks = self.source.open(url, Some(limits::PERFORMANCE_BYTES)).await?;
        while let Some(block) = blocks.next().await {
            bytes.extend_from_slice(&block?);
            if bytes.len() as u64 > limits::PERFORMANCE_BYTES {
                return Err(NoDocument::TooLong);
            }
        }
        let text = String::from_utf8(bytes).map_err(|error| NoDocument::Invalid(error.to_string()))?;
        check_performance(&text).map_err(NoDocument::Invalid)?;
        RawValue::from_string(text).map_err(|error| NoDocument::Invalid(error.to_string()))
    }
}

impl<S: Source> Work for PerformanceWork<S> {
    const QUEUE: &'static QueueTable = &PERFORMANCE;

    async fn perform(&self, lease: &Lease) -> Result<Outcome, StoreError> {
        let Some(url) = self.store.performance_url(lease.id).await? else { return Ok(Outcome::Stored) };
        let document = match self.read(&url).await {
            Ok(document) => document,
            Err(NoDocument::Unobtainable(Unobtainable::ForNow { why, after })) => {
                return Ok(Outcome::Retry { why, after });
            }
            Err(other) => return Ok(Outcome::Dead { why: other.to_string() }),
        };
        let documents = [document];
        let blob = serde_json::to_string(&PerformanceArtifact::new(&url, &documents)).map_err(|error| {
            StoreError::Internal(format!("performance data is no JSON any more: {error}"))
        })?;
        // A job may link to several documents; each is an artifact of its own.
        let name = format!("performance_data/{}", lease.id);
        despite_others(async || {
            let mut transaction = self.store.begin_batch().await?;
            if let Some(job_id) = transaction.finish_performance(lease, &name, &blob).await? {
                store_measurements(&mut transaction, job_id, &documents).await?;
                transaction.commit().await?;
            }
            Ok(Outcome::Stored)
        })
        .await
    }
}

/// Stores the values in documents as data points of their series. What is no performance data is told to
/// the log: the document itself is kept as an artifact.
pub(super) async fn store_measurements(
    transaction: &mut BatchTransaction<'_>,
    job_id: i64,
    documents: &[Box<RawValue>],
) -> Result<(), StoreError> {
    let read = |document: &RawValue| {
        let document = serde_json::from_str(document.get()).map_err(|error| error.to_string());
        document.and_then(performance_document)
    };
    let (documents, problems): (Vec<_>, Vec<_>) =
        documents.iter().map(|document| read(document)).partition(Result::is_ok);
    for problem in problems.into_iter().filter_map(Result::err) {
        warn!(job = job_id, problem, "performance data of a job cannot be stored");
    }
    let documents: Vec<_> = documents.into_iter().filter_map(Result::ok).collect();
    let rows: Vec<_> = documents.iter().map(|document| PerformanceRow { job_id, document }).collect();
    transaction.add_performance(&rows).await
}
