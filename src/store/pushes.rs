//! Storing pushes.

use super::entities::repositories::{commit, push};
use super::time::to_micros;
use super::{Backend, Store, StoreError};
use crate::domain::{Commit, Push};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{
    ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use std::collections::HashSet;

/// Commits inserted by one statement, well below the parameters that either database allows.
const COMMITS_PER_STATEMENT: usize = 1000;

/// What became of one push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushStored {
    /// Database id.
    pub id: i64,
    /// What changed.
    pub change: PushChange,
}

/// What storing a push changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushChange {
    /// It was new.
    Created,
    /// Author, time or commits were others.
    Changed,
    /// Nothing.
    Unchanged,
}

impl Store {
    /// Stores pushes, one after the other, in one transaction. One that is there already gets the author,
    /// time and exactly the commits of the one given. Of commits that share a revision the first counts.
    ///
    /// # Errors
    /// If the database fails or refuses one of them; then none is stored.
    pub async fn store_pushes(
        &self,
        repository_id: i32,
        pushes: &[&Push],
        received_at: DateTime<Utc>,
    ) -> Result<Vec<PushStored>, StoreError> {
        let transaction = self.begin_write().await?;
        let mut stored = Vec::with_capacity(pushes.len());
        for push in pushes {
            stored.push(self.store_one(&transaction, repository_id, push, received_at).await?);
        }
        transaction.commit().await?;
        Ok(stored)
    }

    /// As [`store_pushes`](Self::store_pushes), for a single one.
    ///
    /// # Errors
    /// If the database fails or refuses it.
    pub async fn store_push(
        &self,
        repository_id: i32,
        push: &Push,
        received_at: DateTime<Utc>,
    ) -> Result<PushStored, StoreError> {
        let transaction = self.begin_write().await?;
        let stored = self.store_one(&transaction, repository_id, push, received_at).await?;
        transaction.commit().await?;
        Ok(stored)
    }

    async fn store_one(
        &self,
        transaction: &DatabaseTransaction,
        repository_id: i32,
        push: &Push,
        received_at: DateTime<Utc>,
    ) -> Result<PushStored, StoreError> {
        let mut seen = HashSet::new();
        let commits: Vec<&Commit> =
            push.commits.iter().filter(|commit| seen.insert(commit.revision.as_str())).collect();
        match insert_push(transaction, repository_id, push, received_at).await? {
            Some(id) => {
                insert_commits(transaction, id, &commits).await?;
                Ok(PushStored { id, change: PushChange::Created })
            }
            None => {
                let row = self.lock_push(transaction, repository_id, push.revision.as_str()).await?;
                replace(transaction, row, push, &commits).await
            }
        }
    }

    async fn lock_push(
        &self,
        transaction: &DatabaseTransaction,
        repository_id: i32,
        revision: &str,
    ) -> Result<push::Model, StoreError> {
        let mut select = push::Entity::find()
            .filter(push::Column::RepositoryId.eq(repository_id))
            .filter(push::Column::Revision.eq(revision));
        if matches!(self.backend, Backend::Postgres { .. }) {
            // Jobs may be inserted below it meanwhile.
            select = select.lock(LockType::NoKeyUpdate);
        }
        let gone = || StoreError::Conflict("the push was deleted meanwhile".into());
        select.one(transaction).await?.ok_or_else(gone)
    }
}

/// The id of the new push; none if the repository has one of this revision.
async fn insert_push(
    transaction: &DatabaseTransaction,
    repository_id: i32,
    push: &Push,
    received_at: DateTime<Utc>,
) -> Result<Option<i64>, StoreError> {
    let row = push::ActiveModel {
        id: NotSet,
        repository_id: Set(repository_id),
        revision: Set(push.revision.to_string()),
        author: Set(push.author.clone()),
        time: Set(to_micros(push.time)),
        received_at: Set(to_micros(received_at)),
        omitted_commits: Set(omitted(push)),
    };
    let unless_known =
        OnConflict::columns([push::Column::RepositoryId, push::Column::Revision]).do_nothing().to_owned();
    let inserted = push::Entity::insert_many([row])
        .on_conflict(unless_known)
        .exec_with_returning_keys(transaction)
        .await?;
    Ok(inserted.first().copied())
}

async fn replace(
    transaction: &DatabaseTransaction,
    row: push::Model,
    push: &Push,
    commits: &[&Commit],
) -> Result<PushStored, StoreError> {
    let same_head =
        row.author == push.author && row.time == to_micros(push.time) && row.omitted_commits == omitted(push);
    let same_commits =
        stored_commits(transaction, row.id).await?.into_iter().eq(commits.iter().map(|c| fields(c)));
    let id = row.id;
    if !same_head {
        push::Entity::update(push::ActiveModel {
            id: Set(id),
            author: Set(push.author.clone()),
            time: Set(to_micros(push.time)),
            omitted_commits: Set(omitted(push)),
            ..Default::default()
        })
        .exec(transaction)
        .await?;
    }
    if !same_commits {
        commit::Entity::delete_many().filter(commit::Column::PushId.eq(id)).exec(transaction).await?;
        insert_commits(transaction, id, commits).await?;
    }
    let change = if same_head && same_commits { PushChange::Unchanged } else { PushChange::Changed };
    Ok(PushStored { id, change })
}

fn omitted(push: &Push) -> i32 {
    i32::try_from(push.omitted_commits).unwrap_or(i32::MAX)
}

/// Revision, author and comments.
type CommitFields = (String, String, String);

fn fields(commit: &Commit) -> CommitFields {
    (commit.revision.to_string(), commit.author.clone(), commit.comments.clone())
}

async fn stored_commits(
    transaction: &DatabaseTransaction,
    push_id: i64,
) -> Result<Vec<CommitFields>, StoreError> {
    Ok(commit::Entity::find()
        .select_only()
        .columns([commit::Column::Revision, commit::Column::Author, commit::Column::Comments])
        .filter(commit::Column::PushId.eq(push_id))
        .order_by_asc(commit::Column::Position)
        .into_tuple()
        .all(transaction)
        .await?)
}

async fn insert_commits(
    transaction: &DatabaseTransaction,
    push_id: i64,
    commits: &[&Commit],
) -> Result<(), StoreError> {
    let mut position = 0;
    for chunk in commits.chunks(COMMITS_PER_STATEMENT) {
        let rows: Vec<_> = chunk
            .iter()
            .map(|commit| {
                position += 1;
                commit::ActiveModel {
                    id: NotSet,
                    push_id: Set(push_id),
                    position: Set(position),
                    revision: Set(commit.revision.to_string()),
                    author: Set(commit.author.clone()),
                    comments: Set(commit.comments.clone()),
                }
            })
            .collect();
        commit::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
}
