//! How often failures were seen.

use super::json_rows::DialectStatement;
use super::{Store, StoreError};
use crate::domain::ContentDigest;
use crate::limits;
use crate::suggestions::{DAYS_SEEN, Sighting, Sightings};
use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use serde_json::json;

impl Store {
    /// On which days these failures were seen, of the last [`DAYS_SEEN`] before `day` and of itself.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sightings(&self, searches: &[ContentDigest], day: i32) -> Result<Sightings, StoreError> {
        let mut sightings = Sightings::default();
        if searches.is_empty() {
            return Ok(sightings);
        }
        let statement = |searches: &str| {
            format!(
                "SELECT s.search, s.day, s.jobs, s.first_push_id FROM failure_sightings s \
                 WHERE s.search IN ({searches}) AND s.day BETWEEN $2 AND $3 ORDER BY s.search, s.day"
            )
        };
        let statement = DialectStatement {
            postgres: || statement("SELECT decode(v, 'hex') FROM jsonb_array_elements_text($1::jsonb) v"),
            sqlite: || statement("SELECT unhex(value) FROM json_each($1)"),
        };
        let searches: Vec<String> = searches.iter().map(|search| hex::encode(search.as_bytes())).collect();
        let days = [i64::from(day - DAYS_SEEN), i64::from(day)];
        for row in self.read_rows(statement, &json!(searches).to_string(), &days).await? {
            let search = ContentDigest::from_slice(&row.bytes(0)?)
                .ok_or_else(|| StoreError::Internal("failure_sightings.search is no digest".into()))?;
            let sighting = Sighting { day: row.int(1)?, jobs: row.bigint(2)?, first_push: row.bigint(3)? };
            sightings.add(search, sighting);
        }
        Ok(sightings)
    }

    /// Forgets days that no push of the last weeks can ask for.
    pub(super) async fn forget_sightings(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let today = now.timestamp_micros().div_euclid(limits::DAY_MICROS);
        let delete = Query::delete()
            .from_table("failure_sightings")
            .and_where(Expr::col("day").lt(today - 2 * i64::from(DAYS_SEEN)))
            .take();
        self.write_connection().execute(&delete).await?;
        Ok(())
    }
}
