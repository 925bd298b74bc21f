//! `IngestService`.

use super::authentication::{standing, writer};
use super::frame::SubmitJobsFrame;
use super::meter::StreamMeter;
use super::open_streams::OpenStreams;
use super::responses::longest;
use super::servers::ingest_service_server::IngestService;
use super::status::Refusal;
use super::stream::{self, StreamContext};
use super::{submission, translate};
use crate::access::Principal;
use crate::core::{Content, Gateway, SubmitError};
use crate::domain::{Door, Outcome, ProjectName, Verdict};
use crate::doors::panics::end_on_panic;
use crate::doors::quotas::Quotas;
use crate::proto::{
    SubmitArtifactsRequest, SubmitArtifactsResponse, SubmitJobBatchRequest, SubmitJobBatchResponse,
    SubmitJobsResponse, SubmitPushesRequest, SubmitPushesResponse, ValidateJobsRequest, ValidateJobsResponse,
    Validation,
};
use crate::telemetry::Metrics;
use crate::{formats, limits, proto};
use chrono::Utc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

/// Takes submissions in.
#[derive(Debug)]
pub struct Ingest {
    gateway: Gateway,
    streams: OpenStreams,
    stop: CancellationToken,
}

impl Ingest {
    /// `stop` is cancelled at shutdown.
    pub fn new(gateway: Gateway, stop: CancellationToken) -> Self {
        let streams = OpenStreams::new(limits::OPEN_STREAMS, || Metrics::global().stream());
        Self { gateway, streams, stop }
    }

    async fn submit(
        &self,
        principal: &Principal,
        submissions: Vec<crate::core::Submission>,
    ) -> Result<Vec<proto::Verdict>, Refusal> {
        let verdicts = self.gateway.submit_request(principal, submissions).await?.await;
        answered(verdicts)
    }
}

#[tonic::async_trait]
impl IngestService for Ingest {
    type SubmitJobsStream = ReceiverStream<Result<SubmitJobsResponse, Status>>;

    async fn submit_jobs(
        &self,
        request: Request<Streaming<SubmitJobsFrame>>,
    ) -> Result<Response<Self::SubmitJobsStream>, Status> {
        let meter = request.extensions().get::<StreamMeter>().cloned();
        let context = StreamContext {
            intake: self.gateway.clone(),
            principal: writer(&request)?,
            standing: standing(&self.gateway, &request),
            meter: meter.ok_or_else(|| Refusal::internal(&"a stream came past its meter"))?,
            quotas: request.extensions().get::<Quotas>().cloned().unwrap_or_default(),
            stop: self.stop.clone(),
        };
        let place = self.streams.enter()?;
        let frames = request.into_inner();
        // One response of room: the rest waits where it is counted.
        let (sender, receiver) = mpsc::channel(1);
        let serving = async move {
            end_on_panic(stream::serve(context, frames, sender.clone()), sender).await;
            drop(place);
        };
        tokio::spawn(serving.in_current_span());
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn submit_job_batch(
        &self,
        request: Request<SubmitJobBatchRequest>,
    ) -> Result<Response<SubmitJobBatchResponse>, Status> {
        let principal = writer(&request)?;
        let submissions = request.into_inner().submissions;
        at_most_a_batch("submissions", submissions.len())?;
        let received_at = Utc::now();
        let submissions = submissions.into_iter().map(|s| submission::of_message(s, received_at)).collect();
        let answer = SubmitJobBatchResponse { verdicts: self.submit(&principal, submissions).await? };
        Ok(Response::new(translate::fitted(answer)))
    }

    async fn validate_jobs(
        &self,
        request: Request<ValidateJobsRequest>,
    ) -> Result<Response<ValidateJobsResponse>, Status> {
        let submissions = request.into_inner().submissions;
        at_most_a_batch("submissions", submissions.len())?;
        let mut answer = ValidateJobsResponse::default();
        let now = Utc::now();
        for submission in submissions {
            answer.validations.push(validation(submission::of_message(submission, now).content));
            tokio::task::consume_budget().await;
        }
        Ok(Response::new(translate::fitted(answer)))
    }

    async fn submit_pushes(
        &self,
        request: Request<SubmitPushesRequest>,
    ) -> Result<Response<SubmitPushesResponse>, Status> {
        let principal = writer(&request)?;
        let request = request.into_inner();
        at_most_a_batch("pushes", request.pushes.len())?;
        may_write(&principal, &request.project)?;
        let pushes: Vec<_> = request.pushes.iter().enumerate().collect();
        let pushes = pushes.into_iter().map(|(index, push)| formats::decode_push(index, push)).collect();
        let verdicts = self.gateway.submit_pushes(&principal, Door::Grpc, &request.project, pushes).await;
        let verdicts = verdicts.map_err(Refusal::from)?;
        let answer = SubmitPushesResponse { verdicts: answered(verdicts)? };
        Ok(Response::new(translate::fitted(answer)))
    }

    async fn submit_artifacts(
        &self,
        request: Request<SubmitArtifactsRequest>,
    ) -> Result<Response<SubmitArtifactsResponse>, Status> {
        let principal = writer(&request)?;
        let SubmitArtifactsRequest { project, artifacts } = request.into_inner();
        at_most_a_batch("artifacts", artifacts.len())?;
        may_write(&principal, &project)?;
        let received_at = Utc::now();
        let submissions =
            artifacts.iter().map(|a| submission::of_artifact(a, &project, received_at)).collect();
        let answer = SubmitArtifactsResponse { verdicts: self.submit(&principal, submissions).await? };
        Ok(Response::new(translate::fitted(answer)))
    }
}

fn at_most_a_batch(field: &'static str, items: usize) -> Result<(), Refusal> {
    if items > limits::BATCH_ITEMS { Err(Refusal::too_many(field, items)) } else { Ok(()) }
}

/// The project of a whole request must be a name that the credential may write; whether a repository
/// has that name is each item's verdict.
fn may_write(principal: &Principal, project: &str) -> Result<(), Refusal> {
    let name = ProjectName::try_new(project)
        .map_err(|error| Refusal::invalid("project", format!("a project name {error}")))?;
    if principal.may_write(&name) { Ok(()) } else { Err(SubmitError::Forbidden(project.into()).into()) }
}

/// Verdicts of a whole call; it is to be sent again as a whole if any of its items is.
fn answered(verdicts: Vec<Verdict>) -> Result<Vec<proto::Verdict>, Refusal> {
    let mut retry = None;
    for verdict in &verdicts {
        if let Outcome::RetryLater { delay, cause } = verdict.outcome {
            retry = longest(retry, Refusal::undecided(delay, cause));
        }
    }
    match retry {
        Some(refusal) => Err(refusal),
        None => Ok(verdicts.into_iter().map(translate::verdict).collect()),
    }
}

fn validation(content: Content) -> Validation {
    match content {
        Content::Job(_) | Content::Artifact(_) => Validation { valid: true, violations: Vec::new() },
        Content::Invalid(refused) => Validation {
            valid: false,
            violations: refused.violations.into_iter().map(translate::violation).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{ProjectGlob, Rights};
    use crate::domain::{RetryCause, StoredReason};
    use std::time::Duration;

    fn verdict(outcome: Outcome) -> Verdict {
        Verdict { guid: None, outcome, warnings: vec![] }
    }

    #[test]
    fn a_call_with_an_item_to_send_again_is_to_be_sent_again_as_a_whole() {
        let delay = Duration::from_secs(2);
        let retry = verdict(Outcome::RetryLater { delay, cause: RetryCause::Overloaded });
        let stored = verdict(Outcome::Stored(StoredReason::Created));
        let refusal = answered(vec![stored.clone(), retry, stored.clone()]).unwrap_err();
        assert_eq!(refusal, Refusal::RetryLater { delay, cause: RetryCause::Overloaded });
        assert_eq!(answered(vec![stored.clone(), stored]).unwrap().len(), 2);
    }

    #[test]
    fn a_batch_may_have_a_thousand_items() {
        assert_eq!(at_most_a_batch("submissions", 1000), Ok(()));
        assert!(matches!(at_most_a_batch("submissions", 1001), Err(Refusal::Invalid { .. })));
    }

    #[test]
    fn the_project_of_a_request_must_be_one_that_the_credential_may_write() {
        let globs = [ProjectGlob::try_new("mozilla-*").unwrap()];
        let principal = Principal { source: "ci".into(), rights: Rights::Projects(globs.into()) };
        assert_eq!(may_write(&principal, "mozilla-central"), Ok(()));
        assert!(matches!(may_write(&principal, "try"), Err(Refusal::Forbidden(_))));
        assert!(matches!(may_write(&principal, ""), Err(Refusal::Invalid { field: "project", .. })));
    }
}
