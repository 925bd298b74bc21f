//! What legacy clients and the dashboard read (ingest contract, section 6). Everything here is open to
//! all, and asks the database a fixed number of statements.

mod artifacts;
mod dashboard;
mod dashboard_jobs;
mod details;
mod failures;
mod filters;
mod group_results;
mod job_filters;
mod job_performance;
mod job_row;
mod jobs;
mod log_text;
mod logs;
mod parameters;
mod performance;
mod plain_list;
mod push_filters;
mod pushes;
mod reference_data;
mod repositories;
mod suggestions;
#[cfg(test)]
pub(super) mod tests;

use super::HttpDoor;
use super::problem::{Code, Problem};
use crate::domain::Repository;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

/// Parameters that lists had in years past and that changed nothing but the form of the answer, or
/// filtered by what is no longer known: ignored with a warning (R36).
const ONCE_DOCUMENTED: [&str; 4] = ["exclusion_profile", "visibility", "format", "with_jobs"];

/// All paths that only read.
pub fn routes() -> OpenApiRouter<HttpDoor> {
    OpenApiRouter::new()
        .merge(jobs::routes())
        .merge(pushes::routes())
        .merge(logs::routes())
        .merge(dashboard::routes())
        .merge(dashboard_jobs::routes())
        .merge(details::routes())
        .merge(artifacts::routes())
        .merge(failures::routes())
        .merge(group_results::routes())
        .merge(suggestions::routes())
        .merge(reference_data::routes())
        .merge(repositories::routes())
        .merge(performance::routes())
        .merge(job_performance::routes())
}

impl HttpDoor {
    fn repository(&self, project: &str) -> Option<Arc<Repository>> {
        self.gateway.directory().repositories.get(project).cloned()
    }

    /// # Errors
    /// 404 in the words of the ingest contract, 6.2.
    fn listed_repository(&self, project: &str) -> Result<Arc<Repository>, Problem> {
        let name = parameters::excerpt(project);
        let unknown = || Problem::new(Code::UnknownProject, format!("No project with name {name}"));
        self.repository(project).ok_or_else(unknown)
    }
}

fn not_found(detail: impl Into<String>) -> Problem {
    Problem::new(Code::NotFound, detail)
}

/// As the framework of the replaced system said it.
fn nothing_found() -> Problem {
    not_found("Not found.")
}
