//! How the groups of tests of a push ended.

use crate::logs::GroupStatus;
use crate::store::entities::jobs::{group_result, job};
use crate::store::{Store, StoreError};
use futures::StreamExt;
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait, Select,
};

/// How a group of tests ended in a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroupResult {
    /// With a run the task's id, without one its stand-in; none in rows of the first release.
    pub task_id: Option<String>,
    /// Guid of the job.
    pub job_guid: String,
    /// Name of the group.
    pub name: String,
    /// `OK`, or else `ERROR`.
    pub passed: bool,
}

impl Store {
    /// Hands over groups of tests that passed or failed in the jobs of a push, `count` at most, one by one:
    /// those of a later run of a task after those of an earlier one, and in each job those that failed after
    /// those that passed. Gives their number.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn each_group_result(
        &self,
        push_id: i64,
        count: u64,
        mut take: impl FnMut(ListedGroupResult),
    ) -> Result<u64, StoreError> {
        let connection = self.read_connection();
        let list = group_result_list(push_id, count).into_tuple();
        let mut rows = list.stream(&connection).await?;
        let mut number = 0;
        while let Some(row) = rows.next().await {
            let (task_id, job_guid, name, status): (Option<String>, String, String, i16) = row?;
            take(ListedGroupResult { task_id, job_guid, name, passed: status == GroupStatus::Ok.code() });
            number += 1;
        }
        Ok(number)
    }
}

pub(in crate::store) fn group_result_list(push_id: i64, count: u64) -> Select<group_result::Entity> {
    group_result::Entity::find()
        .select_only()
        .columns([job::Column::TaskId, job::Column::Guid])
        .columns([group_result::Column::Name, group_result::Column::Status])
        .join(JoinType::InnerJoin, group_result::Relation::Job.def())
        .filter(job::Column::PushId.eq(push_id))
        .filter(
            group_result::Column::Status.is_in([GroupStatus::Ok, GroupStatus::Error].map(GroupStatus::code)),
        )
        .order_by_asc(job::Column::RetryId)
        .order_by_asc(job::Column::Id)
        .order_by_asc(group_result::Column::Status)
        .limit(count)
}
