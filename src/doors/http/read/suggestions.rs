//! `GET /api/project/{project}/jobs/{id}/bug_suggestions/` (dashboard contract 2.11, logs contract 8.7).

use super::HttpDoor;
use super::failures::job_of;
use crate::domain::Bug;
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use crate::suggestions::Suggestion;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(list_bug_suggestions))
}

/// An error line with the bugs that may be about it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BugSuggestion)]
pub struct SuggestionRow {
    /// The line without the harness's clock and level.
    search: String,
    /// What bugs were searched for; a line of 2026 that nothing is searched for has one null.
    search_terms: Vec<Option<String>>,
    /// Path of the test that the line names; null: it names none, or is a line of 2018.
    path_end: Option<String>,
    /// Of the line in its log, counted from 0.
    line_number: i32,
    /// Other jobs that had the line in the last 21 days.
    counter: i64,
    /// Whether the line first came with the push of the job.
    failure_new_in_rev: bool,
    bugs: FoundBugs,
}

/// Bugs in two lists.
#[derive(Debug, Serialize, ToSchema)]
struct FoundBugs {
    open_recent: Vec<BugRow>,
    all_others: Vec<BugRow>,
}

/// A bug of the tracker.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SuggestedBug)]
struct BugRow {
    id: i64,
    /// The same: there are no bugs but those of the tracker.
    internal_id: i64,
    status: String,
    /// Empty: the bug is open.
    resolution: String,
    summary: String,
    crash_signature: String,
    /// Joined by commas.
    keywords: String,
    os: String,
    whiteboard: String,
    dupe_of: Option<i64>,
    /// Counted for bugs of no tracker only, so always null.
    occurrences: Option<i64>,
}

impl From<Suggestion> for SuggestionRow {
    fn from(suggestion: Suggestion) -> Self {
        let rows = |bugs: Vec<Bug>| bugs.into_iter().map(BugRow::from).collect();
        Self {
            search: suggestion.search,
            search_terms: suggestion.search_terms,
            path_end: suggestion.path_end,
            line_number: suggestion.line_number,
            counter: suggestion.counter,
            failure_new_in_rev: suggestion.failure_new_in_rev,
            bugs: FoundBugs {
                open_recent: rows(suggestion.bugs.open_recent),
                all_others: rows(suggestion.bugs.all_others),
            },
        }
    }
}

impl From<Bug> for BugRow {
    fn from(bug: Bug) -> Self {
        Self {
            id: bug.id,
            internal_id: bug.id,
            status: bug.status,
            resolution: bug.resolution,
            summary: bug.summary,
            crash_signature: bug.crash_signature,
            keywords: bug.keywords,
            os: bug.os,
            whiteboard: bug.whiteboard,
            dupe_of: bug.dupe_of,
            occurrences: None,
        }
    }
}

/// Bugs that may be about the error lines of a job, by line number
#[utoipa::path(get, path = "/api/project/{project}/jobs/{id}/bug_suggestions/", tag = "failures",
    params(("project" = String, Path), ("id" = i64, Path)),
    responses(
        (status = 200, body = Vec<SuggestionRow>),
        (status = 400, description = "The id is not an integer", body = Body),
        (status = 404, description = "The repository has no job with this id", body = Body)
    )
)]
async fn list_bug_suggestions(
    State(door): State<HttpDoor>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<Vec<SuggestionRow>>, Problem> {
    let job = job_of(&door, &project, &id)?;
    let suggestions = door.gateway.bug_suggestions(job.repository, job.id).await?;
    let suggestions = suggestions.ok_or_else(|| job.unknown())?;
    Ok(Json(suggestions.into_iter().map(SuggestionRow::from).collect()))
}
