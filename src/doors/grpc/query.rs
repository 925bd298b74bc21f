//! `QueryService`.

use super::arguments::{all_without_nul, without_nul};
use super::open_streams::OpenStreams;
use super::page_token::{Listing, fitting, page_size};
use super::servers::query_service_server::QueryService;
use super::status::Refusal;
use super::translate;
use super::watch::{self, WatchContext};
use crate::core::Gateway;
use crate::doors::panics::end_on_panic;
use crate::limits;
use crate::proto::get_job_response::Found;
use crate::proto::{
    GetJobRequest, GetJobResponse, GetPerformanceDataRequest, GetPerformanceDataResponse,
    ListArtifactsRequest, ListArtifactsResponse, ListBugSuggestionsRequest, ListBugSuggestionsResponse,
    ListFailureLinesRequest, ListFailureLinesResponse, ListJobsRequest, ListJobsResponse, ListPushesRequest,
    ListPushesResponse, WatchJobsRequest, WatchJobsResponse,
};
use crate::store::model::{HeldFilter, JobFilter};
use crate::telemetry::Metrics;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tracing::Instrument;

/// Reads what is stored.
#[derive(Debug)]
pub struct Query {
    gateway: Gateway,
    watchers: OpenStreams,
    stop: CancellationToken,
}

impl Query {
    /// `stop` is cancelled at shutdown.
    pub fn new(gateway: Gateway, stop: CancellationToken) -> Self {
        let watchers = OpenStreams::new(limits::OPEN_STREAMS, || Metrics::global().watcher());
        Self { gateway, watchers, stop }
    }

    fn known_project(&self, project: &str) -> Result<(), Refusal> {
        if project.is_empty() {
            return Err(Refusal::invalid("project", "must not be empty"));
        }
        if self.gateway.directory().repositories.contains_key(project) {
            Ok(())
        } else {
            Err(Refusal::NotFound(format!("no repository is named {project:?}")))
        }
    }

    /// Repository and id of a job.
    async fn place_of(&self, guid: &str) -> Result<(i32, i64), Status> {
        without_nul("job_guid", guid)?;
        Ok(self.gateway.store().job_place(guid).await?.ok_or_else(|| unknown_job(guid))?)
    }
}

fn unknown_job(guid: &str) -> Refusal {
    Refusal::NotFound(format!("no job is known by {guid:?}"))
}

#[tonic::async_trait]
impl QueryService for Query {
    type WatchJobsStream = ReceiverStream<Result<WatchJobsResponse, Status>>;

    async fn get_job(&self, request: Request<GetJobRequest>) -> Result<Response<GetJobResponse>, Status> {
        let guid = request.into_inner().job_guid;
        without_nul("job_guid", &guid)?;
        let store = self.gateway.store();
        if let Some(job) = store.job(&guid).await? {
            return Ok(Response::new(translate::job_with_parts(job)));
        }
        let filter = HeldFilter { guid: Some(guid.clone()), ..HeldFilter::default() };
        match store.held_messages(&filter, None, 1).await?.pop() {
            Some(held) => Ok(Response::new(GetJobResponse {
                found: Some(Found::Held(translate::held_message(held))),
                ..GetJobResponse::default()
            })),
            None => Err(unknown_job(&guid).into()),
        }
    }

    async fn list_jobs(
        &self,
        request: Request<ListJobsRequest>,
    ) -> Result<Response<ListJobsResponse>, Status> {
        let request = request.into_inner();
        let limit = page_size(request.page_size, 100, 2000)?;
        without_nul("revision", &request.revision)?;
        all_without_nul("states", &request.states)?;
        self.known_project(&request.project)?;
        let filter = JobFilter {
            projects: vec![request.project],
            push_id: Some(request.push_id).filter(|id| *id != 0),
            revision: Some(request.revision).filter(|revision| !revision.is_empty()),
            states: request.states,
            guid: None,
        };
        let listing = Listing::new("jobs", &filter);
        let after = listing.read(&request.page_token)?.map_or(0, |(id, _)| id);
        let jobs = self.gateway.store().jobs(&filter, after, limit).await?;
        let full = jobs.len() as u64 == limit;
        let (jobs, cut) = fitting(jobs.into_iter().map(translate::stored_job));
        let next_page_token = match jobs.last() {
            Some(last) if full || cut => listing.token((last.id, 0)),
            _ => String::new(),
        };
        Ok(Response::new(ListJobsResponse { jobs, next_page_token }))
    }

    async fn list_pushes(
        &self,
        request: Request<ListPushesRequest>,
    ) -> Result<Response<ListPushesResponse>, Status> {
        let request = request.into_inner();
        let limit = page_size(request.page_size, 10, 1000)?.min(limits::PUSHES_PAGE);
        without_nul("revision", &request.revision)?;
        self.known_project(&request.project)?;
        let length = request.revision.chars().count();
        if length != 0 && !(limits::REVISION_PREFIX..=limits::REVISION).contains(&length) {
            let range = format!("{} to {} characters", limits::REVISION_PREFIX, limits::REVISION);
            return Err(Refusal::invalid("revision", format!("must have {range}, has {length}")).into());
        }
        let revision = Some(&*request.revision).filter(|revision| !revision.is_empty());
        let listing = Listing::new("pushes", &(&request.project, revision));
        let before = listing.read(&request.page_token)?;
        let pushes = self.gateway.store().pushes(&request.project, revision, before, limit).await?;
        let full = pushes.len() as u64 == limit;
        let keys: Vec<_> = pushes.iter().map(|push| (push.time.timestamp_micros(), push.id)).collect();
        let (pushes, cut) = fitting(pushes.into_iter().map(translate::push));
        let last = pushes.len().checked_sub(1).and_then(|last| keys.get(last));
        let next_page_token = match last {
            Some(last) if full || cut => listing.token(*last),
            _ => String::new(),
        };
        Ok(Response::new(ListPushesResponse { pushes, next_page_token }))
    }

    async fn list_bug_suggestions(
        &self,
        request: Request<ListBugSuggestionsRequest>,
    ) -> Result<Response<ListBugSuggestionsResponse>, Status> {
        let guid = request.into_inner().job_guid;
        let (repository, job) = self.place_of(&guid).await?;
        let suggestions = self.gateway.bug_suggestions(repository, job).await?;
        let suggestions = suggestions.ok_or_else(|| unknown_job(&guid))?;
        let (suggestions, suggestions_left_out) =
            fitting(suggestions.into_iter().map(translate::bug_suggestion));
        Ok(Response::new(ListBugSuggestionsResponse { suggestions, suggestions_left_out }))
    }

    async fn list_failure_lines(
        &self,
        request: Request<ListFailureLinesRequest>,
    ) -> Result<Response<ListFailureLinesResponse>, Status> {
        let guid = request.into_inner().job_guid;
        let (repository, job) = self.place_of(&guid).await?;
        let failures = self.gateway.failures(repository, job).await?.ok_or_else(|| unknown_job(&guid))?;
        let (failure_lines, failure_lines_left_out) =
            fitting(failures.into_iter().map(translate::failure_line));
        Ok(Response::new(ListFailureLinesResponse { failure_lines, failure_lines_left_out }))
    }

    async fn list_artifacts(
        &self,
        request: Request<ListArtifactsRequest>,
    ) -> Result<Response<ListArtifactsResponse>, Status> {
        let ListArtifactsRequest { job_guid, name } = request.into_inner();
        without_nul("name", &name)?;
        let (_, job) = self.place_of(&job_guid).await?;
        let name = Some(name.as_str()).filter(|name| !name.is_empty());
        // One by itself has all of an answer but for its name and form.
        let bytes = if name.is_some() { limits::ANSWER_BYTES - 1024 } else { limits::PAGE_BYTES };
        let (artifacts, some_left_out) = self.gateway.store().job_artifacts(job, name, bytes as u64).await?;
        let (artifacts, more_left_out) = fitting(artifacts.into_iter().map(translate::artifact));
        let artifacts_left_out = some_left_out || more_left_out;
        Ok(Response::new(ListArtifactsResponse { artifacts, artifacts_left_out }))
    }

    async fn get_performance_data(
        &self,
        request: Request<GetPerformanceDataRequest>,
    ) -> Result<Response<GetPerformanceDataResponse>, Status> {
        let guid = request.into_inner().job_guid;
        let (repository, job) = self.place_of(&guid).await?;
        let most = limits::PLAIN_LIST_ROWS;
        let measured = self.gateway.store().job_measurements(repository, &[job], most).await?;
        let (data, data_left_out) = fitting(measured.into_iter().map(translate::performance_datum));
        Ok(Response::new(GetPerformanceDataResponse { data, data_left_out }))
    }

    async fn watch_jobs(
        &self,
        request: Request<WatchJobsRequest>,
    ) -> Result<Response<Self::WatchJobsStream>, Status> {
        let directory = self.gateway.directory();
        let request = request.into_inner();
        let is_known = |project: &str| directory.repositories.contains_key(project);
        let watch = watch::Watch::open(self.gateway.store().clone(), request, is_known).await?;
        let place = self.watchers.enter()?;
        let context = WatchContext { changes: self.gateway.job_changes(), stop: self.stop.clone() };
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let watching = async move {
            end_on_panic(watch.serve(context, sender.clone()), sender).await;
            drop(place);
        };
        tokio::spawn(watching.in_current_span());
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
