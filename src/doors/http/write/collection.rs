//! Collections on their way to the core.

use super::super::problem::{Code, Problem};
use crate::access::Principal;
use crate::core::{Content, Gateway, PushSubmission, Submission, SubmitError};
use crate::domain::{ClaimedIdentity, Door, Outcome, RawFormat, Refused, RetryCause, Verdict, Violation};
use crate::doors::refusal::Refusal;
use crate::formats::{self, CollectionError, Decoded};
use crate::limits;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::time::timeout;

/// Names what was submitted to its submitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Position in the collection, from 0.
    pub index: usize,
    /// JSON Pointer in the item, if it is a part of the item: an artifact of another job.
    pub part: Option<String>,
    /// Guid of the job, if it could be read.
    pub job_guid: Option<String>,
    /// Revision of the push, if it could be read.
    pub revision: Option<String>,
    /// Whether field paths start with the index already.
    pub is_placed: bool,
}

/// The items of a collection, each decoded alone.
#[derive(Debug)]
pub enum Items {
    /// Of jobs or artifacts.
    Submissions(Vec<Submission>),
    /// Of pushes.
    Pushes(Vec<PushSubmission>),
}

/// Takes a body apart. Each item is decoded alone, so that it alone can be refused.
///
/// # Errors
/// If the body as a whole is no list.
pub async fn read(
    format: RawFormat,
    body: &Bytes,
    project: &str,
) -> Result<(Vec<Ticket>, Items), CollectionError> {
    let raw = formats::split_collection(body)?;
    if format == RawFormat::LegacyPushJson {
        return Ok(pushes(raw).await);
    }
    let received_at = Utc::now();
    let mut room = limits::COLLECTION_VIOLATIONS;
    let (mut tickets, mut submissions) = (Vec::new(), Vec::new());
    for (index, raw) in raw.into_iter().enumerate() {
        let decoded = formats::decode(format, &raw, Some(project));
        let parts = decoded.for_other_jobs.clone();
        let mut add = |part: Option<String>, format, raw, decoded| {
            let submission = submission(format, raw, project, decoded, received_at, &mut room);
            tickets.push(ticket(index, part, &submission.content));
            submissions.push(submission);
        };
        add(None, format, raw, decoded);
        for other in parts {
            let format = RawFormat::LegacyArtifactJson;
            let decoded = formats::decode(format, &other.raw, Some(project));
            add(Some(other.path), format, other.raw, decoded);
        }
        // A large collection is no reason for others to wait.
        tokio::task::yield_now().await;
    }
    Ok((tickets, Items::Submissions(submissions)))
}

async fn pushes(raw: Vec<Bytes>) -> (Vec<Ticket>, Items) {
    let mut room = limits::COLLECTION_VIOLATIONS;
    let (mut tickets, mut pushes) = (Vec::new(), Vec::new());
    for (index, raw) in raw.into_iter().enumerate() {
        let mut push = formats::decode_push_json(index, raw);
        let revision = match &mut push.push {
            Ok(push) => Some(push.revision.as_str().to_owned()),
            Err(refused) => {
                bound(&mut refused.violations, &mut room);
                refused.claimed.revision.clone()
            }
        };
        tickets.push(Ticket { index, part: None, job_guid: None, revision, is_placed: true });
        pushes.push(push);
        tokio::task::yield_now().await;
    }
    (tickets, Items::Pushes(pushes))
}

fn ticket(index: usize, part: Option<String>, content: &Content) -> Ticket {
    let job_guid = match content {
        Content::Job(job) => Some(job.guid.as_str().to_owned()),
        Content::Artifact(artifact) => Some(artifact.guid.as_str().to_owned()),
        Content::Invalid(refused) => refused.claimed.guid.clone(),
    };
    Ticket { index, part, job_guid, revision: None, is_placed: false }
}

fn submission(
    format: RawFormat,
    raw: Bytes,
    project: &str,
    decoded: Decoded,
    received_at: DateTime<Utc>,
    room: &mut usize,
) -> Submission {
    let Decoded { mut content, warnings, for_other_jobs: _ } = decoded;
    if let Content::Invalid(refused) = &mut content {
        bound(&mut refused.violations, room);
    }
    Submission {
        door: Door::Http,
        received_at,
        raw,
        format,
        request_project: Some(project.to_owned()),
        content,
        warnings,
        context: None,
        held: None,
    }
}

/// Keeps what there is room for in the whole answer, and one violation at least.
fn bound(violations: &mut Vec<Violation>, room: &mut usize) {
    let keep = (*room).max(1);
    if violations.len() > keep {
        violations.truncate(keep);
        let message = "further violations are left out, the collection has too many; send it in parts";
        violations.push(Violation::new("", "more_violations", message));
    }
    *room = room.saturating_sub(violations.len());
}

/// Hands collections of one request to the core.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The core.
    pub gateway: &'a Gateway,
    /// On whose behalf.
    pub principal: &'a Principal,
    /// Project in the URL.
    pub project: &'a str,
}

impl Sender<'_> {
    /// Verdicts in the order of the items. What the core does not take in in time is to be sent again.
    ///
    /// # Errors
    /// If the core takes in none of it.
    pub async fn submit(self, items: Items) -> Result<Vec<Verdict>, SubmitError> {
        let too_late =
            |_| SubmitError::RetryLater { delay: limits::RETRY_DELAY, cause: RetryCause::Overloaded };
        match items {
            Items::Submissions(submissions) => {
                let admission = self.gateway.submit_request(self.principal, submissions);
                let pending = timeout(limits::ADMISSION, admission).await.map_err(too_late)??;
                Ok(pending.await)
            }
            Items::Pushes(pushes) => {
                let stored = self.gateway.submit_pushes(self.principal, Door::Http, self.project, pushes);
                timeout(limits::VERDICT_DEADLINE, stored).await.map_err(too_late)?
            }
        }
    }

    /// Holds a body that is no collection, whole, and says what is wrong with it (R13). One with too many
    /// items is not held: all of it comes again, in parts.
    pub async fn refuse(self, format: RawFormat, body: Bytes, error: &CollectionError) -> Problem {
        let rule = match error {
            CollectionError::TooManyItems { .. } => return Problem::new(Code::TooLarge, error.to_string()),
            CollectionError::NotAList { .. } => "type",
            CollectionError::NotJson(_) => "json",
        };
        let claimed = ClaimedIdentity::new(Some(self.project), None, None);
        let violations = vec![Violation::new("", rule, error.to_string())];
        let content = Content::Invalid(Refused { claimed, violations });
        let decoded = Decoded { content, warnings: Vec::new(), for_other_jobs: Vec::new() };
        let mut room = limits::COLLECTION_VIOLATIONS;
        let whole = submission(format, body, self.project, decoded, Utc::now(), &mut room);
        match self.submit(Items::Submissions(vec![whole])).await {
            Ok(verdicts) => match verdicts.first().map(|verdict| &verdict.outcome) {
                Some(&Outcome::RetryLater { delay, cause }) => Refusal::undecided(delay, cause).into(),
                _ => Problem::new(Code::MalformedRequest, error.to_string()),
            },
            Err(error) => Refusal::from(error).into(),
        }
    }
}
