//! Performance series of a repository and their values.

use crate::store::entities::performance::{performance_data, performance_series};
use crate::store::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait, Select,
};

/// A series as it is stored.
pub type ListedSeries = performance_series::Model;

impl ListedSeries {
    /// Options that tell series of one suite apart, sorted.
    pub fn options(&self) -> Vec<String> {
        // Written by ourselves.
        serde_json::from_str(&self.extra_options).unwrap_or_default()
    }
}

/// A value with the series that it is of.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "named as the columns")]
pub struct ListedMeasurement {
    pub id: i64,
    pub hash: String,
    pub series_id: i64,
    pub job_id: i64,
    pub push_id: i64,
    pub push_time: DateTime<Utc>,
    pub value: f64,
}

/// Which series; what is empty or `None` filters by nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesQuery {
    /// Of these hashes.
    pub hashes: Vec<String>,
    /// With these ids.
    pub ids: Vec<i64>,
    /// Of this framework.
    pub framework: Option<String>,
    /// On this platform.
    pub platform: Option<String>,
    /// Of parts of this series.
    pub parent_hash: Option<String>,
    /// Only of suites as a whole.
    pub without_subtests: bool,
    /// With values of pushes from this time on.
    pub since: Option<DateTime<Utc>>,
}

/// Which values of these series; what is empty filters by nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeasurementQuery {
    /// Of which series.
    pub series: SeriesQuery,
    /// Of these jobs.
    pub jobs: Vec<i64>,
    /// Of these pushes.
    pub pushes: Vec<i64>,
}

impl Store {
    /// Series of a repository, by id, `count` at most.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_series(
        &self,
        repository_id: i32,
        query: &SeriesQuery,
        count: u64,
    ) -> Result<Vec<ListedSeries>, StoreError> {
        let mut select = matching(performance_series::Entity::find(), repository_id, query);
        if let Some(since) = query.since {
            select = select.filter(performance_series::Column::LastPushTime.gte(to_micros(since)));
        }
        let select = select.order_by_asc(performance_series::Column::Id).limit(count);
        Ok(select.all(&self.read_connection()).await?)
    }

    /// Values of series of a repository, by time of the push, `count` at most.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_measurements(
        &self,
        repository_id: i32,
        query: &MeasurementQuery,
        count: u64,
    ) -> Result<Vec<ListedMeasurement>, StoreError> {
        let select = performance_data::Entity::find()
            .select_only()
            .columns([performance_data::Column::Id])
            .column(performance_series::Column::Hash)
            .columns([
                performance_data::Column::SeriesId,
                performance_data::Column::JobId,
                performance_data::Column::PushId,
                performance_data::Column::PushTime,
                performance_data::Column::Value,
            ])
            .join(JoinType::InnerJoin, performance_data::Relation::Series.def());
        let mut select = matching(select, repository_id, &query.series);
        for (column, values) in [
            (performance_data::Column::JobId, &query.jobs),
            (performance_data::Column::PushId, &query.pushes),
        ] {
            if !values.is_empty() {
                select = select.filter(column.is_in(values.iter().copied()));
            }
        }
        if let Some(since) = query.series.since {
            select = select.filter(performance_data::Column::PushTime.gte(to_micros(since)));
        }
        let rows: Vec<(i64, String, i64, i64, i64, i64, f64)> = select
            .order_by_asc(performance_data::Column::PushTime)
            .order_by_asc(performance_data::Column::Id)
            .limit(count)
            .into_tuple()
            .all(&self.read_connection())
            .await?;
        let row = |(id, hash, series_id, job_id, push_id, push_time, value)| ListedMeasurement {
            id,
            hash,
            series_id,
            job_id,
            push_id,
            push_time: from_micros(push_time),
            value,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Values of jobs of a repository, each with its series, by series, `count` at most.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn job_measurements(
        &self,
        repository_id: i32,
        jobs: &[i64],
        count: u64,
    ) -> Result<Vec<(ListedMeasurement, ListedSeries)>, StoreError> {
        let rows = performance_data::Entity::find()
            .join(JoinType::InnerJoin, performance_data::Relation::Series.def())
            .filter(performance_data::Column::JobId.is_in(jobs.iter().copied()))
            .filter(performance_series::Column::RepositoryId.eq(repository_id))
            .order_by_asc(performance_data::Column::SeriesId)
            .order_by_asc(performance_data::Column::Id)
            .limit(count)
            .select_two_required(performance_series::Entity)
            .all(&self.read_connection())
            .await?;
        let row = |(data, series): (performance_data::Model, ListedSeries)| {
            let measurement = ListedMeasurement {
                id: data.id,
                hash: series.hash.clone(),
                series_id: data.series_id,
                job_id: data.job_id,
                push_id: data.push_id,
                push_time: from_micros(data.push_time),
                value: data.value,
            };
            (measurement, series)
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

/// What the query says about series, in a selection that has them.
fn matching<E: EntityTrait>(select: Select<E>, repository_id: i32, query: &SeriesQuery) -> Select<E> {
    use performance_series::Column;
    let mut select = select.filter(Column::RepositoryId.eq(repository_id));
    if !query.hashes.is_empty() {
        select = select.filter(Column::Hash.is_in(query.hashes.iter().map(String::as_str)));
    }
    if !query.ids.is_empty() {
        select = select.filter(Column::Id.is_in(query.ids.iter().copied()));
    }
    for (column, value) in [
        (Column::Framework, &query.framework),
        (Column::MachinePlatform, &query.platform),
        (Column::ParentHash, &query.parent_hash),
    ] {
        if let Some(value) = value {
            select = select.filter(column.eq(value.as_str()));
        }
    }
    if query.without_subtests {
        select = select.filter(Column::ParentHash.is_null());
    }
    select
}
