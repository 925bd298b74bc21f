//! What legacy clients write (ingest contract, section 4): collections of jobs, pushes and artifacts.
//! Each item has a result of its own beside the message that the clients know.

mod answer;
mod body;
mod collection;

use super::problem::{Code, Problem};
use super::{HttpDoor, slash_optional};
use crate::access::Principal;
use crate::core::SubmitError;
use crate::domain::{ProjectName, RawFormat};
use crate::doors::authentication::Writer;
use answer::Answer;
pub use answer::{Accepted, Rejected};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use collection::Sender;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The paths that write.
pub fn routes() -> OpenApiRouter<HttpDoor> {
    [routes!(jobs), routes!(resultset), routes!(push), routes!(artifact)]
        .into_iter()
        .map(slash_optional)
        .fold(OpenApiRouter::new(), OpenApiRouter::merge)
}

/// What the paths differ in.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// What an item is.
    format: RawFormat,
    /// What clients are told when every item is well.
    message: &'static str,
}

impl Kind {
    const JOBS: Self = Self { format: RawFormat::LegacyJobJson, message: "Job successfully updated" };
    const PUSHES: Self = Self { format: RawFormat::LegacyPushJson, message: "well-formed JSON stored" };
    const ARTIFACTS: Self =
        Self { format: RawFormat::LegacyArtifactJson, message: "Artifacts stored successfully" };

    fn unknown_project(self, project: &str) -> Problem {
        match self.format {
            RawFormat::LegacyPushJson => {
                Problem::new(Code::UnknownProject, format!("No project with name {project}"))
            }
            _ => Problem::unknown_project(project),
        }
    }
}

/// Submits jobs
///
/// A list of items as the `treeherder-client` package makes them, see `/schemas/job-collection.yml`. Each
/// item is judged alone: the good ones are stored, whatever the others are. A list counts as one request
/// and is taken in as a whole or not at all.
#[utoipa::path(post, path = "/api/project/{project}/jobs/", tag = "submitting",
    params(("project" = String, Path, description = "Name of a repository")),
    request_body(content = Vec<serde_json::Value>, description = "Jobs, gzipped if `Content-Encoding` says so"),
    responses(Outcomes))]
async fn jobs(
    Writer(principal): Writer,
    State(door): State<HttpDoor>,
    project: ProjectInPath,
    request: Request,
) -> Response {
    submit(&door, &principal, project, request, Kind::JOBS).await
}

/// Submits pushes
///
/// A list of items as the `treeherder-client` package makes them, see `/schemas/push-collection.yml`.
#[utoipa::path(post, path = "/api/project/{project}/resultset/", tag = "submitting",
    params(("project" = String, Path, description = "Name of a repository")),
    request_body(content = Vec<serde_json::Value>, description = "Pushes, gzipped if `Content-Encoding` says so"),
    responses(Outcomes))]
async fn resultset(
    Writer(principal): Writer,
    State(door): State<HttpDoor>,
    project: ProjectInPath,
    request: Request,
) -> Response {
    submit(&door, &principal, project, request, Kind::PUSHES).await
}

/// Submits pushes, under their later name
#[utoipa::path(post, path = "/api/project/{project}/push/", tag = "submitting",
    params(("project" = String, Path, description = "Name of a repository")),
    request_body(content = Vec<serde_json::Value>, description = "Pushes, gzipped if `Content-Encoding` says so"),
    responses(Outcomes))]
async fn push(
    Writer(principal): Writer,
    State(door): State<HttpDoor>,
    project: ProjectInPath,
    request: Request,
) -> Response {
    submit(&door, &principal, project, request, Kind::PUSHES).await
}

/// Submits artifacts of jobs
///
/// A list of items as the `treeherder-client` package makes them, see `/schemas/artifact-collection.yml`.
/// Those of a job that is not known yet wait for it.
#[utoipa::path(post, path = "/api/project/{project}/artifact/", tag = "submitting",
    params(("project" = String, Path, description = "Name of a repository")),
    request_body(
        content = Vec<serde_json::Value>,
        description = "Artifacts, gzipped if `Content-Encoding` says so"
    ),
    responses(Outcomes))]
async fn artifact(
    Writer(principal): Writer,
    State(door): State<HttpDoor>,
    project: ProjectInPath,
    request: Request,
) -> Response {
    submit(&door, &principal, project, request, Kind::ARTIFACTS).await
}

/// How a collection is answered.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code, reason = "describes answers")]
enum Outcomes {
    /// Every item is stored, unchanged or parked; see `results`
    #[response(status = 200)]
    Accepted(Accepted),
    /// Items are rejected, see `results`, the others are stored; or the body is no list of items
    #[response(status = 400)]
    Rejected(Rejected),
    /// No repository has this name
    #[response(status = 404)]
    UnknownProject(super::problem::Body),
    /// The body is over 20 MiB, or has over 10,000 items
    #[response(status = 413)]
    TooLarge(super::problem::Body),
    /// The body is not `application/json`, or its encoding is not gzip
    #[response(status = 415)]
    UnsupportedMediaType(super::problem::Body),
    /// Overloaded, or the database is away: send all of it again after `Retry-After`; items that were
    /// decided show so in `results`
    #[response(status = 503)]
    RetryLater(Rejected),
}

/// Fails if it is no UTF-8, and then names no repository.
type ProjectInPath = Result<Path<String>, PathRejection>;

async fn submit(
    door: &HttpDoor,
    principal: &Principal,
    project: ProjectInPath,
    request: Request,
    kind: Kind,
) -> Response {
    let project = project.map(|Path(project)| project).unwrap_or_default();
    match decided(door, principal, &project, request, kind).await {
        Ok(answer) => answer.into_response(kind.message, door.options.partial_status),
        Err(problem) => problem.into_response(),
    }
}

/// The order of the checks is that of the ingest contract, 4.1.
async fn decided(
    door: &HttpDoor,
    principal: &Principal,
    project: &str,
    request: Request,
    kind: Kind,
) -> Result<Answer, Problem> {
    may_write(principal, project, kind)?;
    if !door.gateway.directory().repositories.contains_key(project) {
        return Err(kind.unknown_project(project));
    }
    let body = body::read(request, &door.budget).await?;
    let sender = Sender { gateway: &door.gateway, principal, project };
    let (tickets, items) = match collection::read(kind.format, &body.bytes, project).await {
        Ok(collection) => collection,
        Err(error) => return Err(sender.refuse(kind.format, body.bytes.clone(), &error).await),
    };
    match sender.submit(items).await {
        Ok(verdicts) => Ok(Answer::new(tickets, verdicts)),
        Err(error) => Answer::undecided(tickets, error.into()),
    }
}

fn may_write(principal: &Principal, project: &str, kind: Kind) -> Result<(), Problem> {
    // What is no name of a project is none of a repository either.
    let name = ProjectName::try_new(project).map_err(|_| kind.unknown_project(project))?;
    if principal.may_write(&name) { Ok(()) } else { Err(forbidden(project)) }
}

fn forbidden(project: &str) -> Problem {
    Problem::new(Code::Forbidden, SubmitError::Forbidden(project.into()).to_string())
}

#[cfg(test)]
mod tests;
