//! Details of jobs, of any repository.

use super::{Comparison, Window};
use crate::store::entities::jobs::{job, job_detail};
use crate::store::entities::repositories::repository;
use crate::store::{Store, StoreError};
use sea_orm::sea_query::{Expr, ExprTrait, Order};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, IntoSimpleExpr, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait, Select,
};

/// A detail with its job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the columns")]
pub struct ListedDetail {
    pub id: i64,
    pub job_id: i64,
    pub job_guid: String,
    pub title: Option<String>,
    pub value: String,
    pub url: Option<String>,
}

/// What every listed detail has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DetailCondition {
    /// The id of its job compares so.
    JobId(Comparison<i64>),
    /// It is of the job with this guid.
    JobGuid(String),
    /// It is of a job of this push.
    PushId(i64),
    /// It is of a job of this repository.
    Repository(String),
    /// It has this title.
    Title(String),
    /// It has this value.
    Value(String),
}

/// A place in the list of details, which descends by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailPlace {
    /// Its beginning.
    Start,
    /// Behind the detail with this id.
    After(i64),
    /// Just before the detail with this id.
    Before(i64),
}

impl Store {
    /// Details that meet all conditions, the newest first. One of the conditions should name jobs or a
    /// push: nothing else is found by an index.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_details(
        &self,
        conditions: &[DetailCondition],
        place: DetailPlace,
        window: Window,
    ) -> Result<Vec<ListedDetail>, StoreError> {
        let mut rows = detail_list(conditions, place, window)
            .into_model::<DetailRow>()
            .all(&self.read_connection())
            .await?;
        if matches!(place, DetailPlace::Before(_)) {
            rows.reverse();
        }
        Ok(rows.into_iter().map(ListedDetail::from).collect())
    }

    /// One detail.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn listed_detail(&self, id: i64) -> Result<Option<ListedDetail>, StoreError> {
        let row = select_details()
            .filter(job_detail::Column::Id.eq(id))
            .into_model::<DetailRow>()
            .one(&self.read_connection())
            .await?;
        Ok(row.map(ListedDetail::from))
    }
}

pub(in crate::store) fn detail_list(
    conditions: &[DetailCondition],
    place: DetailPlace,
    window: Window,
) -> Select<job_detail::Entity> {
    let mut select = select_details();
    for condition in conditions {
        select = select.filter(match condition {
            DetailCondition::JobId(comparison) => comparison.of(job_detail::Column::JobId.into_simple_expr()),
            DetailCondition::JobGuid(guid) => job::Column::Guid.eq(guid),
            DetailCondition::PushId(push_id) => job::Column::PushId.eq(*push_id),
            DetailCondition::Repository(name) => repository::Column::Name.eq(name),
            DetailCondition::Title(title) => job_detail::Column::Title.eq(title),
            DetailCondition::Value(value) => job_detail::Column::Value.eq(value),
        });
    }
    let order = match place {
        DetailPlace::Before(_) => Order::Asc,
        DetailPlace::Start | DetailPlace::After(_) => Order::Desc,
    };
    select = match place {
        DetailPlace::Start => select,
        DetailPlace::After(id) => select.filter(job_detail::Column::Id.lt(id)),
        DetailPlace::Before(id) => select.filter(job_detail::Column::Id.gt(id)),
    };
    select
        // Not the order of an index: the details of a few jobs are found by job and then sorted.
        .order_by(Expr::col((job_detail::Entity, job_detail::Column::Id)).add(0), order)
        .limit(window.count)
        .offset(window.offset)
}

fn select_details() -> Select<job_detail::Entity> {
    job_detail::Entity::find()
        .select_only()
        .columns([
            job_detail::Column::Id,
            job_detail::Column::JobId,
            job_detail::Column::Title,
            job_detail::Column::Value,
            job_detail::Column::Url,
        ])
        .column_as(job::Column::Guid, "job_guid")
        .join(JoinType::InnerJoin, job_detail::Relation::Job.def())
        .join(JoinType::InnerJoin, job::Relation::Repository.def())
}

#[derive(FromQueryResult)]
struct DetailRow {
    id: i64,
    job_id: i64,
    job_guid: String,
    title: String,
    value: String,
    url: Option<String>,
}

impl From<DetailRow> for ListedDetail {
    fn from(row: DetailRow) -> Self {
        Self {
            id: row.id,
            job_id: row.job_id,
            job_guid: row.job_guid,
            title: Some(row.title).filter(|title| !title.is_empty()),
            value: row.value,
            url: row.url,
        }
    }
}
