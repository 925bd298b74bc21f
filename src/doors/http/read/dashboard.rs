//! What only the dashboard reads and what of it there is nothing of here: it must be answered all the same,
//! for a page that gets no list stays shut or goes blank (dashboard contract 2.9, 2.10 and 3).

use super::job_row::JobDetail;
use super::parameters::{Parameters, WindowTexts, comma_list, excerpt, id_in_path, integer};
use super::{HttpDoor, not_found};
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use crate::limits;
use crate::store::lists::{Comparison, Condition, DashboardQuery, JobNumber, JobText, Window};
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(list_notes))
        .merge(slash_optional(routes!(list_bugs_of_jobs)))
        .merge(slash_optional(routes!(list_users)))
        .merge(slash_optional(routes!(list_performance_frameworks)))
        .merge(slash_optional(routes!(list_similar_jobs)))
        .merge(slash_optional(routes!(list_decision_tasks)))
}

/// A list of nothing.
type Nothing = Json<[Value; 0]>;

/// Notes of people on a job: none are taken here
#[utoipa::path(get, path = "/api/project/{project}/note/", tag = "dashboard",
    params(("project" = String, Path), ("job_id" = Option<i64>, Query)),
    responses((status = 200, body = Vec<Value>))
)]
async fn list_notes() -> Nothing {
    Json([])
}

/// Bugs that people gave a job: none are taken here
#[utoipa::path(get, path = "/api/project/{project}/bug-job-map/", tag = "dashboard",
    params(("project" = String, Path), ("job_id" = Option<i64>, Query)),
    responses((status = 200, body = Vec<Value>))
)]
async fn list_bugs_of_jobs() -> Nothing {
    Json([])
}

/// Who is signed in to the dashboard: nobody
#[utoipa::path(get, path = "/api/user/", tag = "dashboard", responses((status = 200, body = Vec<Value>)))]
async fn list_users() -> Nothing {
    Json([])
}

/// A source of performance data.
#[derive(Debug, Serialize, ToSchema)]
pub struct PerformanceFramework {
    pub(super) id: u32,
    pub(super) name: &'static str,
}

/// Numbers that performance data goes by.
pub(super) const FRAMEWORKS: [PerformanceFramework; 4] = [
    PerformanceFramework { id: 1, name: "talos" },
    PerformanceFramework { id: 2, name: "build_metrics" },
    PerformanceFramework { id: 4, name: "awsy" },
    PerformanceFramework { id: 13, name: "browsertime" },
];

/// Frameworks of performance data
#[utoipa::path(get, path = "/api/performance/framework/", tag = "dashboard",
    responses((status = 200, body = Vec<PerformanceFramework>))
)]
async fn list_performance_frameworks() -> Json<[PerformanceFramework; 4]> {
    Json(FRAMEWORKS)
}

/// Jobs like another.
#[derive(Debug, Serialize, ToSchema)]
pub struct SimilarJobs {
    results: Vec<JobDetail>,
}

/// Other jobs of the same type, platform and options that came at about the same time, the newest first
#[utoipa::path(get, path = "/api/project/{project}/jobs/{id}/similar_jobs/", tag = "dashboard",
    params(
        ("project" = String, Path), ("id" = i64, Path),
        ("offset" = Option<u64>, Query, description = "Jobs left out before the page"),
        ("count" = Option<u64>, Query, maximum = 2000, description = "Jobs on the page, 10 if absent"),
        ("nosuccess" = Option<String>, Query, description = "Present: without those that succeeded")
    ),
    responses(
        (status = 200, body = SimilarJobs),
        (status = 400, description = "A parameter has a value that it does not take", body = Body),
        (status = 404, description = "The repository has no job with this id", body = Body)
    )
)]
async fn list_similar_jobs(
    State(door): State<HttpDoor>,
    Path((project, id)): Path<(String, String)>,
    mut parameters: Parameters,
) -> Result<Json<SimilarJobs>, Problem> {
    let number = id_in_path(&id)?;
    let window = parameters.take_window(&WindowTexts::USUAL)?;
    let without_success = parameters.take("nosuccess").is_some();
    let unknown = || not_found(format!("No job with id: {}", excerpt(&id)));
    let repository = door.repository(&project).ok_or_else(unknown)?;
    let store = door.gateway.store();
    let with_id = [Condition::Number(JobNumber::Id, Comparison::Equal(number))];
    let found = store.list_jobs(repository.id, &with_id, Window { offset: 0, count: 1 }).await?.pop();
    let job = found.ok_or_else(unknown)?;
    let mut conditions = vec![
        Condition::Text(JobText::Signature, Comparison::Equal(job.signature)),
        Condition::Number(JobNumber::Id, Comparison::NotEqual(number)),
        Condition::Number(
            JobNumber::Id,
            Comparison::AtLeast(number.saturating_sub(limits::SIMILAR_JOBS_SPAN)),
        ),
        Condition::Number(
            JobNumber::Id,
            Comparison::AtMost(number.saturating_add(limits::SIMILAR_JOBS_SPAN)),
        ),
    ];
    if without_success {
        conditions.push(Condition::Text(JobText::Result, Comparison::NotEqual("success".into())));
    }
    let similar = store.list_newest_jobs(repository.id, &conditions, window).await?;
    let row = |job| JobDetail::new(&project, job, Vec::new());
    Ok(Json(SimilarJobs { results: similar.into_iter().map(row).collect() }))
}

/// The task that decided which jobs a push has.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionTask {
    /// Id of the task.
    id: String,
    /// Its run.
    run: i32,
}

/// Decision tasks of pushes, by the id of the push
#[utoipa::path(get, path = "/api/project/{project}/push/decisiontask/", tag = "dashboard",
    params(
        ("project" = String, Path),
        ("push_ids" = String, Query, description = "Ids separated by commas")
    ),
    responses(
        (status = 200, body = BTreeMap<String, DecisionTask>),
        (status = 400, description = "An id is not an integer, or there are too many", body = Body),
        (status = 404, description = "No repository has this name", body = Body)
    )
)]
async fn list_decision_tasks(
    State(door): State<HttpDoor>,
    Path(project): Path<String>,
    mut parameters: Parameters,
) -> Result<Json<BTreeMap<i64, DecisionTask>>, Problem> {
    let mut pushes = Vec::new();
    for text in parameters.take_all("push_ids").iter().filter(|text| !text.is_empty()) {
        for id in comma_list("push_ids", text)? {
            pushes.push(integer("push_ids", id)?);
        }
    }
    door.listed_repository(&project)?;
    let query = DashboardQuery { pushes: Some(pushes), ..DashboardQuery::default() };
    let page = door.gateway.store().dashboard_jobs(&query).await?;
    let decisions = page.jobs.into_iter().filter(|job| {
        let job_type = &job.names.job_type;
        job_type.name.contains("Decision Task") && job_type.symbol == "D" && job.result == "success"
    });
    let tasks = decisions.filter_map(|job| {
        // Without a run it is a stand-in, and no task.
        let task = DecisionTask { id: job.task_id?, run: job.retry_id? };
        Some((job.push_id, task))
    });
    Ok(Json(tasks.collect()))
}
