//! Responses of a stream that wait for their reader.

use super::status::Refusal;
use super::stream::Ticket;
use super::translate;
use crate::domain::{Outcome, RetryCause, Verdict};
use crate::limits;
use crate::proto::{SequencedVerdict, SubmitJobsResponse};
use prost::Message;
use std::collections::VecDeque;
use std::time::Duration;

/// Responses in the order of their decision, each with the number of submissions that it answers.
#[derive(Debug, Default)]
pub struct Responses(VecDeque<(SubmitJobsResponse, usize)>);

impl Responses {
    /// Adds the verdicts of a chunk, over as many responses as readers of messages of 4 MiB need.
    /// Those to be sent again get no verdict but end the stream (R4): the longest delay among them is
    /// returned as its end.
    pub fn push(&mut self, tickets: Vec<Ticket>, verdicts: Vec<Verdict>) -> Option<Refusal> {
        let mut retry = None;
        let mut response = SubmitJobsResponse::default();
        let mut bytes = 0;
        for (ticket, verdict) in tickets.into_iter().zip(verdicts) {
            if let Outcome::RetryLater { delay, cause } = verdict.outcome {
                retry = longest(retry, Refusal::undecided(delay, cause));
                continue;
            }
            let verdict = SequencedVerdict {
                sequence: ticket.sequence,
                ordinal: ticket.ordinal,
                verdict: Some(translate::verdict(verdict)),
            };
            let length = verdict.encoded_len();
            if bytes + length > limits::RESPONSE_BYTES && !response.verdicts.is_empty() {
                self.add(std::mem::take(&mut response));
                bytes = 0;
            }
            bytes += length;
            response.verdicts.push(verdict);
        }
        self.add(response);
        retry
    }

    fn add(&mut self, response: SubmitJobsResponse) {
        if !response.verdicts.is_empty() {
            let items = response.verdicts.len();
            self.0.push_back((response, items));
        }
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<(SubmitJobsResponse, usize)> {
        self.0.pop_front()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of two reasons to send again, the graver: a bug of ours before all, then the one that asks for more
/// patience. The same for either order.
pub fn longest(one: Option<Refusal>, other: Refusal) -> Option<Refusal> {
    match one {
        Some(one) if gravity(&one) >= gravity(&other) => Some(one),
        _ => Some(other),
    }
}

fn gravity(refusal: &Refusal) -> (u8, Duration, uuid::Uuid) {
    match refusal {
        Refusal::Internal(id) => (2, Duration::ZERO, *id),
        Refusal::RetryLater { delay, cause: RetryCause::DatabaseUnavailable } => {
            (1, *delay, uuid::Uuid::max())
        }
        Refusal::RetryLater { delay, .. } => (1, *delay, uuid::Uuid::nil()),
        _ => (0, Duration::ZERO, uuid::Uuid::nil()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{StoredReason, Violation};

    fn tickets(count: u64) -> Vec<Ticket> {
        (1..=count).map(|n| Ticket { sequence: n * 10, ordinal: n }).collect()
    }

    fn verdict(outcome: Outcome) -> Verdict {
        Verdict { guid: None, outcome, warnings: vec![] }
    }

    fn retry(seconds: u64) -> Verdict {
        let delay = Duration::from_secs(seconds);
        verdict(Outcome::RetryLater { delay, cause: RetryCause::DatabaseUnavailable })
    }

    #[test]
    fn what_is_to_be_sent_again_has_no_verdict_and_the_longest_delay_counts() {
        let mut responses = Responses::default();
        let stored = verdict(Outcome::Stored(StoredReason::Created));
        let end = responses.push(tickets(4), vec![retry(1), stored, retry(3), retry(2)]);
        assert!(matches!(end, Some(Refusal::RetryLater { delay, .. }) if delay.as_secs() == 3), "{end:?}");
        let (response, items) = responses.pop().unwrap();
        assert_eq!((items, response.verdicts[0].sequence, response.verdicts[0].ordinal), (1, 20, 2));
        assert!(responses.is_empty());
    }

    #[test]
    fn which_of_several_reasons_is_given_does_not_depend_on_their_order() {
        let retry = |seconds, cause| Refusal::RetryLater { delay: Duration::from_secs(seconds), cause };
        let rising = [
            retry(1, RetryCause::Overloaded),
            retry(1, RetryCause::DatabaseUnavailable),
            retry(2, RetryCause::Overloaded),
            Refusal::Internal(uuid::Uuid::from_u128(1)),
            Refusal::Internal(uuid::Uuid::from_u128(2)),
        ];
        for (position, graver) in rising.iter().enumerate() {
            for lesser in &rising[..=position] {
                assert_eq!(longest(Some(lesser.clone()), graver.clone()).as_ref(), Some(graver));
                assert_eq!(longest(Some(graver.clone()), lesser.clone()).as_ref(), Some(graver));
            }
        }
    }

    #[test]
    fn a_chunk_without_any_verdict_is_no_response() {
        let mut responses = Responses::default();
        assert!(responses.push(tickets(1), vec![retry(1)]).is_some());
        assert!(responses.is_empty());
    }

    #[test]
    fn long_verdicts_are_spread_over_responses_that_any_reader_accepts() {
        let mut responses = Responses::default();
        let violations = vec![Violation::new("/logs/0", "maxLength", "x".repeat(1000)); 100];
        let rejected = verdict(Outcome::Rejected(violations));
        assert_eq!(responses.push(tickets(40), vec![rejected; 40]), None);
        let mut ordinals = Vec::new();
        assert!(responses.len() > 1);
        while let Some((response, items)) = responses.pop() {
            assert!(response.encoded_len() <= limits::RESPONSE_BYTES + 1000);
            assert_eq!(response.verdicts.len(), items);
            ordinals.extend(response.verdicts.iter().map(|v| v.ordinal));
        }
        assert_eq!(ordinals, (1..=40).collect::<Vec<_>>());
    }
}
