//! When credentials were last used, written in batches: a job must not cost a write for it.

use crate::limits;
use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// Last uses that are not written yet. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct LastUses(Arc<Mutex<HashMap<String, DateTime<Utc>>>>);

impl LastUses {
    /// A credential is used now.
    pub fn note(&self, client_id: &str, now: DateTime<Utc>) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match uses.get_mut(client_id) {
            Some(last) => *last = now,
            None => {
                uses.insert(client_id.to_owned(), now);
            }
        }
    }

    /// Writes every [`limits::LAST_USE_INTERVAL`] until stopped.
    pub async fn keep_writing(self, store: Store, stop: CancellationToken) {
        loop {
            let pause = tokio::time::sleep(limits::LAST_USE_INTERVAL);
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
            if let Err(error) = self.write(&store).await {
                tracing::warn!(%error, "the last uses of credentials cannot be written now");
            }
        }
    }

    /// Writes what is left at the end, unless the database takes too long for it.
    pub async fn write_at_last(&self, store: &Store) {
        match tokio::time::timeout(limits::LAST_USE_FINAL, self.write(store)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last uses of credentials are not written"),
            Err(_) => tracing::warn!("the last uses of credentials are not written: it takes too long"),
        }
    }

    /// Writes what is not written yet.
    ///
    /// # Errors
    /// If the database fails; then these uses are forgotten, and later ones tell as much.
    pub async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let uses = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if uses.is_empty() { Ok(()) } else { store.note_last_uses(&uses).await }
    }
}
