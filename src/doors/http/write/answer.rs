//! Verdicts as the answer to a collection (design section 3, rule R34).

use super::super::problem::{Code, Problem, retry_after};
use super::collection::Ticket;
use crate::config::PartialStatus;
use crate::domain::{Outcome, RetryCause, Verdict, Violation};
use crate::doors::refusal::Refusal;
use crate::formats;
use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::header::RETRY_AFTER;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// What became of every item of a collection.
#[derive(Debug)]
pub struct Answer {
    results: Vec<ItemResult>,
    rejected: usize,
    retry: Option<(Duration, RetryCause)>,
}

impl Answer {
    /// Verdicts in the order of the tickets.
    pub fn new(tickets: Vec<Ticket>, verdicts: Vec<Verdict>) -> Self {
        let mut answer = Self { results: Vec::with_capacity(tickets.len()), rejected: 0, retry: None };
        for (ticket, verdict) in tickets.into_iter().zip(verdicts) {
            match verdict.outcome {
                Outcome::Rejected(_) => answer.rejected += 1,
                Outcome::RetryLater { delay, cause } => {
                    answer.retry = Some(graver(answer.retry, delay, cause));
                }
                Outcome::Stored(_) | Outcome::Unchanged(_) | Outcome::Parked { .. } => {}
            }
            answer.results.push(ItemResult::new(ticket, verdict));
        }
        answer
    }

    /// Nothing of the collection was taken in.
    ///
    /// # Errors
    /// If it need not be sent again.
    pub fn undecided(tickets: Vec<Ticket>, refusal: Refusal) -> Result<Self, Problem> {
        let Refusal::RetryLater { delay, cause } = refusal else { return Err(refusal.into()) };
        let outcome = Outcome::RetryLater { delay, cause };
        let verdict = Verdict { guid: None, outcome, warnings: Vec::new() };
        let verdicts = vec![verdict; tickets.len()];
        Ok(Self::new(tickets, verdicts))
    }

    /// 200 with `message`; else why not.
    pub fn into_response(self, message: &'static str, partial: PartialStatus) -> Response {
        if let Some((delay, cause)) = self.retry {
            let refusal = Refusal::undecided(delay, cause);
            let delay = matches!(refusal, Refusal::RetryLater { .. }).then_some(delay);
            let error_id = if let Refusal::Internal(id) = refusal { Some(id) } else { None };
            let problem = Problem::from(refusal);
            let mut response = rejected(problem.code(), problem.to_string(), error_id, self.results);
            if let Some(delay) = delay {
                response.headers_mut().insert(RETRY_AFTER, retry_after(delay));
            }
            return response;
        }
        if self.rejected > 0 && partial == PartialStatus::BadRequest {
            let detail = format!(
                "{} of {} items rejected, the others are stored; see results",
                self.rejected,
                self.results.len()
            );
            return rejected(Code::ItemsRejected, detail, None, self.results);
        }
        Json(Accepted { message: message.to_owned(), results: self.results }).into_response()
    }
}

fn rejected(code: Code, detail: String, error_id: Option<uuid::Uuid>, results: Vec<ItemResult>) -> Response {
    (code.status(), Json(Rejected { detail, code, error_id, results })).into_response()
}

/// Of two reasons to send again, a bug of ours, else the one that asks for more patience.
fn graver(
    known: Option<(Duration, RetryCause)>,
    delay: Duration,
    cause: RetryCause,
) -> (Duration, RetryCause) {
    match known {
        Some(known @ (_, RetryCause::Internal(_))) => known,
        Some(known) if known.0 >= delay && !matches!(cause, RetryCause::Internal(_)) => known,
        _ => (delay, cause),
    }
}

/// Every item is taken care of.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted {
    /// The words that clients know.
    pub message: String,
    /// One for each item, in their order.
    pub results: Vec<ItemResult>,
}

/// Not every item is taken care of.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rejected {
    /// A sentence for people.
    pub detail: String,
    /// A stable word for programs.
    pub code: Code,
    /// Finds a bug of ours in the log of the gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid", nullable = false)]
    pub error_id: Option<uuid::Uuid>,
    /// One for each item, in their order; none if the body is no list of items.
    #[schema(required = false)]
    pub results: Vec<ItemResult>,
}

/// What became of one item, or of an artifact in it that belongs to another job.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemResult {
    /// Position of the item in the collection, from 0.
    pub index: usize,
    /// JSON Pointer in the item, if this is about a part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub part: Option<String>,
    /// Guid of the job, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub job_guid: Option<String>,
    /// Revision of the push, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub revision: Option<String>,
    /// `stored`, `unchanged`, `parked`, `rejected` or `retry_later`.
    #[schema(value_type = String)]
    pub verdict: &'static str,
    /// Why, in one word: `created`, `updated`, `parts_added`, `duplicate`, `stale_state`,
    /// `conflicting_result`, `waiting_for_push`, `waiting_for_job`, `invalid`, `forbidden`, `parking_full`, `internal`,
    /// `database_unavailable` or `overloaded`.
    #[schema(value_type = String)]
    pub reason: &'static str,
    /// Why, in a sentence, where the word does not say it all.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub detail: String,
    /// Everything that is wrong with a rejected item, at most 100 of an item.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub violations: Vec<BrokenRule>,
    /// What was accepted but looks wrong, or was filled in or cut.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub warnings: Vec<BrokenRule>,
    /// When a parked item stops waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expires_at: Option<DateTime<Utc>>,
    /// Seconds before which an item that is to be sent again should not be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after: Option<f64>,
}

impl ItemResult {
    fn new(ticket: Ticket, verdict: Verdict) -> Self {
        let placed = |violations: Vec<Violation>| {
            violations.into_iter().map(|violation| BrokenRule::placed(violation, &ticket)).collect()
        };
        let (verdict_word, reason) = (verdict.outcome.as_str(), verdict.outcome.reason().as_str());
        let mut detail = verdict.outcome.detail();
        let (mut violations, mut expires_at, mut retry_after) = (Vec::new(), None, None);
        match verdict.outcome {
            Outcome::Stored(_) | Outcome::Unchanged(_) => {}
            Outcome::Parked { expires_at: at, .. } => expires_at = Some(at),
            Outcome::Rejected(rejected) => {
                violations = placed(rejected);
                // The violations say it, with their places.
                detail = String::new();
            }
            Outcome::RetryLater { delay, .. } => retry_after = Some(delay.as_secs_f64()),
        }
        Self {
            warnings: placed(verdict.warnings),
            index: ticket.index,
            part: ticket.part,
            job_guid: ticket.job_guid,
            revision: ticket.revision,
            verdict: verdict_word,
            reason,
            detail,
            violations,
            expires_at,
            retry_after,
        }
    }
}

/// One broken rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrokenRule {
    /// JSON Pointer in the collection, for instance `/3/job/job_guid`.
    pub path: String,
    /// The rule, a keyword of JSON Schema or one of the gateway's own words.
    pub rule: String,
    /// The limit that was broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub limit: Option<String>,
    /// The offending value, cut to 120 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub value: Option<String>,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl BrokenRule {
    fn placed(mut violation: Violation, ticket: &Ticket) -> Self {
        if !ticket.is_placed {
            if let Some(part) = &ticket.part {
                violation.path.insert_str(0, part);
            }
            formats::place_in_collection(&mut violation, ticket.index);
        }
        Self {
            path: violation.path,
            rule: violation.rule.into_owned(),
            limit: violation.limit,
            value: violation.value,
            message: violation.message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ParkedFor, StoredReason};
    use http::StatusCode;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    const DELAY: Duration = Duration::from_millis(1500);

    fn ticket(index: usize) -> Ticket {
        let job_guid = Some(format!("guid{index}/0"));
        Ticket { index, part: None, job_guid, revision: None, is_placed: false }
    }

    fn stored() -> Outcome {
        Outcome::Stored(StoredReason::Created)
    }

    fn invalid() -> Outcome {
        Outcome::Rejected(vec![Violation::new("/job/tier", "type", "must be a number").with_value("x")])
    }

    fn retry(cause: RetryCause) -> Outcome {
        Outcome::RetryLater { delay: DELAY, cause }
    }

    fn answer(outcomes: Vec<Outcome>) -> Answer {
        let verdict = |outcome| Verdict { guid: None, outcome, warnings: vec![] };
        let tickets = (0..outcomes.len()).map(ticket).collect();
        Answer::new(tickets, outcomes.into_iter().map(verdict).collect())
    }

    async fn shown(answer: Answer, partial: PartialStatus) -> (Response<()>, Value) {
        let (parts, body) = answer.into_response("well", partial).into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn the_gravest_verdict_decides_the_status_and_results_are_always_there() {
        let expires_at = "2026-01-02T03:04:05Z".parse().unwrap();
        let parked = || Outcome::Parked { waiting_for: ParkedFor::Push, expires_at };
        let id = uuid::Uuid::nil();
        let away = RetryCause::DatabaseUnavailable;
        let busy = RetryCause::Overloaded;
        for (outcomes, status, code, delay) in [
            (vec![], 200, Value::Null, None),
            (vec![stored(), parked()], 200, Value::Null, None),
            (vec![stored(), invalid(), parked()], 400, json!("items_rejected"), None),
            (vec![invalid(), retry(away), stored()], 503, json!("database_unavailable"), Some("2")),
            (vec![retry(busy)], 503, json!("overloaded"), Some("2")),
            (vec![retry(RetryCause::Internal(id)), retry(busy)], 500, json!("internal"), None),
        ] {
            let (count, label) = (outcomes.len(), format!("{outcomes:?}"));
            let (response, body) = shown(answer(outcomes), PartialStatus::BadRequest).await;
            assert_eq!(response.status().as_u16(), status, "{label}");
            assert_eq!(body["code"], code, "{label}");
            assert_eq!(body["results"].as_array().unwrap().len(), count, "{label}");
            let header = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!(header, delay, "{label}");
            assert_eq!(body["message"].is_string(), status == 200, "{label}");
            assert_eq!(body["error_id"].is_string(), status == 500, "{label}");
        }
    }

    #[tokio::test]
    async fn rejected_items_may_be_told_with_200_as_they_used_to_be() {
        let (response, body) = shown(answer(vec![invalid()]), PartialStatus::Ok).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(body["message"], "well");
        assert_eq!(body["results"][0]["verdict"], "rejected");
        let (response, _) = shown(answer(vec![retry(RetryCause::Overloaded)]), PartialStatus::Ok).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_result_names_its_item_and_every_violation_its_place_in_the_collection() {
        let (_, body) = shown(answer(vec![stored(), invalid()]), PartialStatus::BadRequest).await;
        assert_eq!(
            body["results"],
            json!([
                { "index": 0, "job_guid": "guid0/0", "verdict": "stored", "reason": "created" },
                {
                    "index": 1, "job_guid": "guid1/0", "verdict": "rejected", "reason": "invalid",
                    "violations": [{
                        "path": "/1/job/tier", "rule": "type", "value": "x", "message": "must be a number"
                    }],
                },
            ])
        );
    }

    #[tokio::test]
    async fn a_violation_in_a_part_of_an_item_names_its_place_too() {
        let ticket = Ticket { part: Some("/job/artifacts/2".into()), ..ticket(4) };
        let rejected = Outcome::Rejected(vec![Violation::new("/blob", "required", "is missing")]);
        let verdict = Verdict { guid: None, outcome: rejected, warnings: vec![] };
        let (_, body) = shown(Answer::new(vec![ticket], vec![verdict]), PartialStatus::BadRequest).await;
        assert_eq!(body["results"][0]["violations"][0]["path"], "/4/job/artifacts/2/blob");
        assert_eq!(body["results"][0]["part"], "/job/artifacts/2");
    }

    #[tokio::test]
    async fn what_was_not_taken_in_is_to_be_sent_again_item_by_item() {
        let answer = Answer::undecided(vec![ticket(0), ticket(1)], Refusal::overloaded()).unwrap();
        let (response, body) = shown(answer, PartialStatus::BadRequest).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body["results"][1]["verdict"], "retry_later");
        assert_eq!(body["results"][1]["retry_after"], 2.0);
        assert!(Answer::undecided(vec![], Refusal::Forbidden("no".into())).is_err());
    }
}
