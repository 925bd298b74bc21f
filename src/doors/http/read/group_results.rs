//! How the groups of tests of a push ended, by task (logs contract 7.3, 2026).

use super::HttpDoor;
use super::parameters::{Parameters, problem};
use super::push_filters::named_push;
use crate::domain::TaskRun;
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use crate::limits;
use crate::store::lists::ListedGroupResult;
use axum::Json;
use axum::extract::{Path, State};
use std::collections::BTreeMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(get_group_results))
}

/// By task id, by name of the group.
type GroupsOfTasks = BTreeMap<String, BTreeMap<String, bool>>;

/// Which groups of tests passed and which failed in the tasks of a push
#[utoipa::path(get, path = "/api/project/{project}/push/group_results/", tag = "pushes",
    params(
        ("project" = String, Path),
        ("revision" = String, Query, description = "Top revision of the push, or its beginning")
    ),
    responses(
        (status = 200, description = "By task id, true or false by name of the group; of a task that ran \
            again its last run, as far as a group was in it. Groups that neither passed nor failed are left \
            out", body = BTreeMap<String, BTreeMap<String, bool>>),
        (status = 400, description = "No revision is given, it names several pushes, or the push has over \
            300,000 results", body = Body),
        (status = 404, description = "No repository has this name, or no push this revision", body = Body)
    )
)]
async fn get_group_results(
    State(door): State<HttpDoor>,
    Path(project): Path<String>,
    mut parameters: Parameters,
) -> Result<Json<GroupsOfTasks>, Problem> {
    let repository = door.listed_repository(&project)?;
    let mandatory = || problem("The revision parameter is mandatory for this endpoint");
    let revision = parameters.take_filled("revision").ok_or_else(mandatory)?;
    let push = named_push(&door, &repository, "revision", &revision).await?;
    let most = limits::GROUP_RESULTS;
    let mut tasks = GroupsOfTasks::new();
    let add = |result: ListedGroupResult| {
        let task = result.task_id.unwrap_or_else(|| TaskRun::stand_in(&result.job_guid));
        // They come in such an order that what comes later says more.
        tasks.entry(task).or_default().insert(result.name, result.passed);
    };
    if door.gateway.store().each_group_result(push.id, most + 1, add).await? > most {
        return Err(problem(&format!("the push has more than {most} results of groups of tests")));
    }
    Ok(Json(tasks))
}
