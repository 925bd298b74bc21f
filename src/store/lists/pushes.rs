//! Pushes of one repository.

use super::job_page::shown;
use super::{Comparison, Window};
use crate::domain::{FailureClassification, JobState};
use crate::limits;
use crate::store::entities::jobs::job;
use crate::store::entities::repositories::{commit, push};
use crate::store::model::StoredPush;
use crate::store::reads::{end_of_prefix, newest_commits};
use crate::store::time::from_micros;
use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, Func, Query, UnionType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IntoSimpleExpr, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

/// What every listed push has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushCondition {
    /// Its id compares so.
    Id(Comparison<i64>),
    /// Its time, in microseconds since 1970, compares so.
    Time(Comparison<i64>),
    /// It has this author, in capitals or not.
    Author(String),
    /// It has another author.
    NotAuthor(String),
    /// Its top revision, or that of one of its commits, is this or starts with it.
    Revision(String),
}

/// A push that a revision names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedPush {
    /// Its id.
    pub id: i64,
    /// Its time.
    pub time: DateTime<Utc>,
}

/// How many jobs of a push show a word.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct StatusCount {
    /// The result of completed jobs, the state of others.
    pub word: String,
    /// Jobs.
    pub jobs: i64,
}

/// Jobs of this tier do not count for the status of a push.
const HIDDEN_TIER: i16 = 3;

impl Store {
    /// Pushes of a repository that meet all conditions, newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_pushes(
        &self,
        repository_id: i32,
        project: &str,
        conditions: &[PushCondition],
        window: Window,
    ) -> Result<Vec<StoredPush>, StoreError> {
        let connection = self.read_connection();
        let rows = push_list(repository_id, conditions, window).all(&connection).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let mut commits = newest_commits(&connection, &ids).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let (commit_count, commits) = commits.remove(&row.id).unwrap_or_default();
                StoredPush {
                    id: row.id,
                    project: project.to_owned(),
                    revision: row.revision,
                    author: row.author,
                    time: from_micros(row.time),
                    commit_count: commit_count + i64::from(row.omitted_commits),
                    commits,
                }
            })
            .collect())
    }

    /// The pushes whose top revision is this or starts with it, two at most: one names a push.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn pushes_named(
        &self,
        repository_id: i32,
        revision: &str,
    ) -> Result<Vec<NamedPush>, StoreError> {
        let pushes: Vec<(i64, i64)> = push::Entity::find()
            .select_only()
            .columns([push::Column::Id, push::Column::Time])
            .filter(push::Column::RepositoryId.eq(repository_id))
            .filter(starts_with(push::Column::Revision, revision))
            .limit(2)
            .into_tuple()
            .all(&self.read_connection())
            .await?;
        Ok(pushes.into_iter().map(|(id, time)| NamedPush { id, time: from_micros(time) }).collect())
    }

    /// How many unclassified jobs of tiers 1 and 2 show which word; none if there is no such push.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn push_status(
        &self,
        repository_id: i32,
        push_id: i64,
    ) -> Result<Option<Vec<StatusCount>>, StoreError> {
        let connection = self.read_connection();
        let by_id = [PushCondition::Id(Comparison::Equal(push_id))];
        if matching(repository_id, &by_id).one(&connection).await?.is_none() {
            return Ok(None);
        }
        let word: Expr = CaseStatement::new()
            .case(shown(job::Column::State).eq(JobState::Completed.as_str()), shown(job::Column::Result))
            .finally(shown(job::Column::State))
            .into();
        let of_jobs = Query::select()
            .expr_as(word, "word")
            .from(job::Entity)
            .and_where(job::Column::PushId.eq(push_id))
            .and_where(job::Column::Tier.ne(HIDDEN_TIER))
            .and_where(job::Column::FailureClassificationId.eq(FailureClassification::NotClassified.id()))
            .take();
        let select = Query::select()
            .column("word")
            .expr_as(Expr::cust("count(*)"), "jobs")
            .from_subquery(of_jobs, "words")
            .group_by_col("word")
            .take();
        let rows = connection.query_all(&select).await?;
        let counts = rows.iter().map(|row| StatusCount::from_query_result(row, ""));
        Ok(Some(counts.collect::<Result<_, _>>()?))
    }
}

pub(in crate::store) fn push_list(
    repository_id: i32,
    conditions: &[PushCondition],
    window: Window,
) -> Select<push::Entity> {
    matching(repository_id, conditions)
        .order_by_desc(push::Column::Time)
        .order_by_desc(push::Column::Id)
        .limit(window.count)
        .offset(window.offset)
}

fn matching(repository_id: i32, conditions: &[PushCondition]) -> Select<push::Entity> {
    let mut select = push::Entity::find().filter(push::Column::RepositoryId.eq(repository_id));
    for condition in conditions {
        select = select.filter(match condition {
            PushCondition::Id(comparison) => comparison.of(push::Column::Id.into_simple_expr()),
            PushCondition::Time(comparison) => comparison.of(push::Column::Time.into_simple_expr()),
            PushCondition::Author(author) => lower(push::Column::Author.into_simple_expr()).eq(lower(author)),
            PushCondition::NotAuthor(author) => {
                lower(push::Column::Author.into_simple_expr()).ne(lower(author))
            }
            PushCondition::Revision(revision) => {
                // Two selects rather than one with OR, so that each uses its index.
                let by_commit = Query::select()
                    .column(commit::Column::PushId)
                    .from(commit::Entity)
                    .and_where(starts_with(commit::Column::Revision, revision))
                    .take();
                let by_top = Query::select()
                    .column(push::Column::Id)
                    .from(push::Entity)
                    .and_where(push::Column::RepositoryId.eq(repository_id))
                    .and_where(starts_with(push::Column::Revision, revision))
                    .union(UnionType::Distinct, by_commit)
                    .take();
                push::Column::Id.in_subquery(by_top)
            }
        });
    }
    select
}

/// As the index of authors has it; the database itself lowers both sides, so that they agree.
fn lower(text: impl Into<Expr>) -> Expr {
    Func::lower(text.into()).into()
}

fn starts_with(column: impl ColumnTrait, revision: &str) -> Expr {
    if revision.chars().count() >= limits::REVISION {
        return column.eq(revision);
    }
    column.gte(revision).and(column.lt(end_of_prefix(revision)))
}
