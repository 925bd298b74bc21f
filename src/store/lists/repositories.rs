//! Repositories with everything that their list shows.

use super::Rows;
use crate::store::entities::repositories::{repository, repository_group};
use crate::store::{Store, StoreError};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

/// A repository that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the columns")]
pub struct ListedRepository {
    pub id: i32,
    pub name: String,
    pub url: String,
    pub dvcs_type: String,
    pub branch: Option<String>,
    pub group: Option<ListedGroup>,
    pub codebase: String,
    pub description: String,
    pub performance_alerts_enabled: bool,
    pub expire_performance_data: bool,
    pub is_try_repo: bool,
}

/// A group of repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the columns")]
pub struct ListedGroup {
    pub name: String,
    pub description: String,
}

impl Store {
    /// Active repositories by id.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_repositories(&self, rows: Rows) -> Result<Vec<ListedRepository>, StoreError> {
        let mut select = repository::Entity::find()
            .find_also_related(repository_group::Entity)
            .filter(repository::Column::Active.eq(true))
            .order_by_asc(repository::Column::Id);
        select = match rows {
            Rows::Window(window) => select.limit(window.count).offset(window.offset),
            Rows::One(id) => select.filter(repository::Column::Id.eq(id)),
        };
        let found = select.all(&self.read_connection()).await?;
        Ok(found.into_iter().map(|(row, group)| listed(row, group)).collect())
    }
}

fn listed(row: repository::Model, group: Option<repository_group::Model>) -> ListedRepository {
    ListedRepository {
        id: row.id,
        name: row.name,
        url: row.url,
        dvcs_type: row.dvcs_type,
        branch: row.branch,
        group: group.map(|group| ListedGroup { name: group.name, description: group.description }),
        codebase: row.codebase,
        description: row.description,
        performance_alerts_enabled: row.performance_alerts_enabled,
        expire_performance_data: row.expire_performance_data,
        is_try_repo: row.is_try_repo,
    }
}
