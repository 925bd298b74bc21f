//! What jobs point to, as whoever reads it sees it.

use super::entities::jobs::{job_log, performance_fetch};
use super::follow_up::{LOGS, Lease, Priority};
use super::{Store, StoreError};
use sea_orm::{EntityTrait, QuerySelect};

/// What to read, and by which rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogToRead {
    /// Its name says what it is.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// How urgent it is.
    pub priority: Priority,
}

impl Store {
    /// The log with this number; `None` if it is gone.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn log_reference(&self, id: i64) -> Result<Option<LogToRead>, StoreError> {
        let row: Option<(String, String, Option<i16>)> = job_log::Entity::find_by_id(id)
            .select_only()
            .columns([job_log::Column::Name, job_log::Column::Url, job_log::Column::QueuePriority])
            .into_tuple()
            .one(&self.read_connection())
            .await?;
        Ok(row.map(|(name, url, priority)| {
            let is_failure = priority == Some(Priority::Failures as i16);
            let priority = if is_failure { Priority::Failures } else { Priority::Others };
            LogToRead { name, url, priority }
        }))
    }

    /// Where the document of a performance fetch is; `None`: it is gone.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn performance_url(&self, id: i64) -> Result<Option<String>, StoreError> {
        let row = performance_fetch::Entity::find_by_id(id).one(&self.read_connection()).await?;
        Ok(row.map(|row| row.url))
    }

    /// Marks a log as skipped for its size, if the lease holds.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn skip_log(&self, lease: &Lease, why: &str) -> Result<bool, StoreError> {
        self.dismiss_work(&LOGS, lease, why, "status = 3").await
    }
}
