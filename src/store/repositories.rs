//! Repositories and their groups.

use super::directory::bump_version;
use super::entities::repositories::{repository, repository_group};
use super::time::to_micros;
use super::{Store, StoreError};
use crate::domain::{ProjectName, Repository, RepositoryKind};
use chrono::Utc;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder,
};

/// What only the fixture form of a repository says; stored for the read side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RepositoryFlags {
    pub performance_alerts_enabled: bool,
    pub expire_performance_data: bool,
    pub is_try_repo: bool,
}

impl Store {
    /// Adds the repository, or changes the one of its name; makes its group if there is none.
    ///
    /// # Errors
    /// [`StoreError::Data`] if a text is too long for PostgreSQL.
    pub async fn save_repository(&self, repository: &Repository) -> Result<Repository, StoreError> {
        let transaction = self.begin_write().await?;
        let id = save(&transaction, repository, None).await?;
        bump_version(&transaction).await?;
        transaction.commit().await?;
        Ok(Repository { id, ..repository.clone() })
    }

    /// All repositories, inactive ones too, by name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn repositories(&self) -> Result<Vec<Repository>, StoreError> {
        let rows = repository::Entity::find()
            .find_also_related(repository_group::Entity)
            .order_by_asc(repository::Column::Name)
            .all(&self.read_connection())
            .await?;
        rows.into_iter().map(|(repository, group)| read(repository, group)).collect()
    }
}

/// Upserts by name and gives the id. Without flags those of an existing repository stay.
pub(super) async fn save(
    transaction: &DatabaseTransaction,
    repository: &Repository,
    flags: Option<RepositoryFlags>,
) -> Result<i32, StoreError> {
    use repository::Column;
    let group_id = match &repository.group {
        Some(name) => Some(save_group(transaction, name, None).await?),
        None => None,
    };
    let mut changed = vec![
        Column::Url,
        Column::DvcsType,
        Column::Branch,
        Column::GroupId,
        Column::Active,
        Column::Description,
        Column::Codebase,
        Column::AcceptsPullRequests,
    ];
    if flags.is_some() {
        changed.extend([Column::PerformanceAlertsEnabled, Column::ExpirePerformanceData, Column::IsTryRepo]);
    }
    let flags = flags.unwrap_or_default();
    let row = repository::ActiveModel {
        id: NotSet,
        name: Set(repository.name.to_string()),
        url: Set(repository.url.clone()),
        dvcs_type: Set(repository.kind.as_str().into()),
        branch: Set(repository.branch.clone()),
        group_id: Set(group_id),
        active: Set(repository.active),
        description: Set(repository.description.clone()),
        codebase: Set(repository.codebase.clone()),
        performance_alerts_enabled: Set(flags.performance_alerts_enabled),
        expire_performance_data: Set(flags.expire_performance_data),
        is_try_repo: Set(flags.is_try_repo),
        accepts_pull_requests: Set(repository.accepts_pull_requests),
        created_at: Set(to_micros(Utc::now())),
    };
    let or_change = OnConflict::column(Column::Name).update_columns(changed).to_owned();
    let saved =
        repository::Entity::insert(row).on_conflict(or_change).exec_with_returning(transaction).await?;
    Ok(saved.id)
}

/// Upserts by name and gives the id. Without a description that of an existing group stays.
pub(super) async fn save_group(
    transaction: &DatabaseTransaction,
    name: &str,
    description: Option<&str>,
) -> Result<i32, StoreError> {
    let row = repository_group::ActiveModel {
        id: NotSet,
        name: Set(name.to_owned()),
        description: Set(description.unwrap_or_default().to_owned()),
    };
    let changed = match description {
        Some(_) => repository_group::Column::Description,
        None => repository_group::Column::Name,
    };
    let or_change = OnConflict::column(repository_group::Column::Name).update_column(changed).to_owned();
    let saved =
        repository_group::Entity::insert(row).on_conflict(or_change).exec_with_returning(transaction).await?;
    Ok(saved.id)
}

/// Group of a repository that is there already.
pub(super) async fn group_of(
    transaction: &DatabaseTransaction,
    name: &ProjectName,
) -> Result<Option<String>, StoreError> {
    let found = repository::Entity::find()
        .find_also_related(repository_group::Entity)
        .filter(repository::Column::Name.eq(name.as_str()))
        .one(transaction)
        .await?;
    Ok(found.and_then(|(_, group)| group).map(|group| group.name))
}

fn read(row: repository::Model, group: Option<repository_group::Model>) -> Result<Repository, StoreError> {
    let broken =
        |what: &str| StoreError::Internal(format!("repository {:?} has an unknown {what}", row.name));
    Ok(Repository {
        id: row.id,
        name: ProjectName::try_new(&row.name).map_err(|_| broken("name"))?,
        kind: RepositoryKind::from_word(&row.dvcs_type).ok_or_else(|| broken("version control system"))?,
        url: row.url,
        branch: row.branch,
        group: group.map(|group| group.name),
        active: row.active,
        description: row.description,
        codebase: row.codebase,
        accepts_pull_requests: row.accepts_pull_requests,
    })
}
