//! `GET /api/repository/` (ingest contract 6.7).

use super::HttpDoor;
use super::plain_list::plain_list;
use crate::store::lists::{ListedGroup, ListedRepository};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    repositories::routes()
}

/// The group of a repository that has none: the dashboard shows nothing at all if a group is missing.
const NO_GROUP: &str = "other";

/// A repository that is in use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LegacyRepository)]
pub struct RepositoryRow {
    id: i32,
    repository_group: GroupRow,
    name: String,
    dvcs_type: String,
    url: String,
    branch: Option<String>,
    codebase: String,
    description: String,
    /// Always `active`: others are not listed.
    #[schema(value_type = String)]
    active_status: &'static str,
    performance_alerts_enabled: bool,
    expire_performance_data: bool,
    is_try_repo: bool,
    /// Always empty: the dashboard then asks no CI system for its tasks.
    #[schema(value_type = String)]
    tc_root_url: &'static str,
}

/// A group of repositories.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RepositoryGroup)]
struct GroupRow {
    name: String,
    description: String,
}

impl From<ListedRepository> for RepositoryRow {
    fn from(row: ListedRepository) -> Self {
        let no_group = || ListedGroup { name: NO_GROUP.into(), description: String::new() };
        let group = row.group.unwrap_or_else(no_group);
        Self {
            id: row.id,
            repository_group: GroupRow { name: group.name, description: group.description },
            name: row.name,
            dvcs_type: row.dvcs_type,
            url: row.url,
            branch: row.branch,
            codebase: row.codebase,
            description: row.description,
            active_status: "active",
            performance_alerts_enabled: row.performance_alerts_enabled,
            expire_performance_data: row.expire_performance_data,
            is_try_repo: row.is_try_repo,
            tc_root_url: "",
        }
    }
}

plain_list!(repositories: "/api/repository/" and "/api/repository/{id}/" of RepositoryRow,
    "Repositories in use",
    |store, rows| store.list_repositories(rows));
