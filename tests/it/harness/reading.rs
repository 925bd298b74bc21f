//! Reading back what is stored.

use super::gateway::Gateway;
use herdgate::proto::get_job_response::Found;
use herdgate::proto::{
    GetJobRequest, GetJobResponse, HeldMessage, HeldState, ListHeldMessagesRequest, ListJobsRequest,
    StoredJob,
};
use tonic::Code;

/// What is known under a guid; `None`: nothing.
pub async fn get_job(gateway: &Gateway, guid: &str) -> Option<GetJobResponse> {
    match gateway.query().get_job(GetJobRequest { job_guid: guid.into() }).await {
        Ok(response) => Some(response.into_inner()),
        Err(status) if status.code() == Code::NotFound => None,
        Err(status) => panic!("GetJob of {guid}: {status:?}"),
    }
}

/// The job that must be stored under a guid, with its parts.
pub async fn stored(gateway: &Gateway, guid: &str) -> (StoredJob, GetJobResponse) {
    let mut response = get_job(gateway, guid).await.unwrap_or_else(|| panic!("no job {guid}"));
    match response.found.take() {
        Some(Found::Job(job)) => (job, response),
        found => panic!("{guid} is not stored: {found:?}"),
    }
}

/// State and result of a job, `None` if it is not stored.
pub async fn state_of(gateway: &Gateway, guid: &str) -> Option<(String, String)> {
    match get_job(gateway, guid).await?.found? {
        Found::Job(job) => Some((job.state, job.result)),
        Found::Held(_) => None,
    }
}

/// Every job of a project, page by page.
pub async fn all_jobs(gateway: &Gateway, project: &str) -> Vec<StoredJob> {
    let mut query = gateway.query();
    let mut request = ListJobsRequest { project: project.into(), page_size: 2000, ..Default::default() };
    let mut jobs = Vec::new();
    loop {
        let page = query.list_jobs(request.clone()).await.unwrap().into_inner();
        jobs.extend(page.jobs);
        if page.next_page_token.is_empty() {
            return jobs;
        }
        request.page_token = page.next_page_token;
    }
}

/// The held messages of a job guid, newest first.
pub async fn held(gateway: &Gateway, guid: &str) -> Vec<HeldMessage> {
    let request = ListHeldMessagesRequest { job_guid: guid.into(), ..Default::default() };
    gateway.admin().list_held_messages(request).await.unwrap().into_inner().messages
}

/// How many messages of a project are held in a state, at most 1000.
pub async fn count_held(gateway: &Gateway, project: &str, state: HeldState) -> usize {
    let request = ListHeldMessagesRequest {
        project: project.into(),
        state: state.into(),
        page_size: 1000,
        ..Default::default()
    };
    gateway.admin().list_held_messages(request).await.unwrap().into_inner().messages.len()
}
