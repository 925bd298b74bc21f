//! The running core.

use super::{PushSubmission, Submission};
use crate::access::Principal;
use crate::domain::{Door, Repository, RetryCause, Signature, Verdict};
use crate::store::model::StoredCredential;
use crate::store::{Store, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Takes submissions, decides and stores. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {}

/// Repositories, credentials and tiers as of the last look, at most 2 s old.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// By name.
    pub repositories: HashMap<Box<str>, Arc<Repository>>,
    /// Those that work, by token hash (SHA-256).
    pub credentials: HashMap<[u8; 32], Arc<StoredCredential>>,
    /// Tier overrides.
    pub tiers: HashMap<Signature, i32>,
}

/// Why a whole request was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// To be sent again.
    #[error("not taken in, send again after {delay:?}")]
    RetryLater {
        /// Not before this.
        delay: Duration,
        /// Why.
        cause: RetryCause,
    },
    /// The credential may not write the project of the request.
    #[error("the credential may not write project {0:?}")]
    Forbidden(String),
    /// No repository of this name.
    #[error("no repository is named {0:?}")]
    UnknownProject(String),
    /// The gateway is stopping.
    #[error("the gateway is shutting down")]
    Stopping,
    /// A bug of ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Verdicts to come, in the order of the submissions. RETRY_LATER is among them.
pub type PendingVerdicts = futures::future::BoxFuture<'static, Vec<Verdict>>;

#[allow(missing_docs, unused_variables, clippy::unused_async)]
impl Gateway {
    pub async fn start(store: Store) -> Result<Self, StoreError> {
        unimplemented!()
    }
    /// Waits for room in the queue, then returns; the order of calls is the order of application for
    /// submissions of one guid.
    pub async fn submit(
        &self,
        principal: &Principal,
        submissions: Vec<Submission>,
    ) -> Result<PendingVerdicts, SubmitError> {
        unimplemented!()
    }
    pub async fn submit_pushes(
        &self,
        principal: &Principal,
        door: Door,
        project: &str,
        pushes: Vec<PushSubmission>,
    ) -> Result<Vec<Verdict>, SubmitError> {
        unimplemented!()
    }
    /// In the order of the ids.
    pub async fn replay(&self, principal: &Principal, ids: &[i64]) -> Result<Vec<Verdict>, SubmitError> {
        unimplemented!()
    }
    pub async fn discard(&self, principal: &Principal, ids: &[i64]) -> Result<u64, SubmitError> {
        unimplemented!()
    }
    pub fn directory(&self) -> Arc<Directory> {
        unimplemented!()
    }
    /// Looks again now, after an administrative call.
    pub async fn refresh_directory(&self) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Changes whenever jobs may have changed, here or at another gateway.
    pub fn job_changes(&self) -> watch::Receiver<u64> {
        unimplemented!()
    }
    /// True while the gateway can commit.
    pub fn readiness(&self) -> watch::Receiver<bool> {
        unimplemented!()
    }
    pub fn store(&self) -> &Store {
        unimplemented!()
    }
    /// Decides what was taken in and stops.
    pub async fn drain(&self) {
        unimplemented!()
    }
}
