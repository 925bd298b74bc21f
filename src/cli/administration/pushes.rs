//! A push collection on its way to a gateway: what is wrong in it already needs no gateway, and the rest
//! goes in requests that the gateway takes.

use crate::core::PushSubmission;
use crate::domain::{Commit, Push, Refused};
use crate::doors::grpc::translate;
use crate::{limits, proto};
use prost::Message;
use std::collections::VecDeque;

/// The most that a push costs in a request besides itself: a tag and its length.
const FRAMING: usize = 1 + 5;

/// Pushes with their verdicts, as far as there are any.
#[derive(Debug)]
pub(super) struct Collection<'a> {
    project: &'a str,
    verdicts: Vec<proto::Verdict>,
    /// Not sent yet, with their positions in the collection.
    waiting: VecDeque<(usize, proto::Push)>,
    /// Positions of those in the last request.
    sent: Vec<usize>,
}

impl<'a> Collection<'a> {
    pub fn new(project: &'a str, pushes: Vec<PushSubmission>) -> Self {
        let mut verdicts = vec![proto::Verdict::default(); pushes.len()];
        let mut waiting = VecDeque::new();
        for (position, submission) in pushes.into_iter().enumerate() {
            match submission.push {
                Ok(push) => waiting.push_back((position, on_the_wire(&push))),
                Err(refused) => verdicts[position] = rejected(refused),
            }
        }
        Self { project, verdicts, waiting, sent: Vec::new() }
    }

    /// As many of the waiting pushes as one request may hold, by number and by size; none: all are sent.
    pub fn next_request(&mut self) -> Option<proto::SubmitPushesRequest> {
        let mut request = proto::SubmitPushesRequest { project: self.project.into(), pushes: Vec::new() };
        let mut size = request.encoded_len();
        self.sent.clear();
        while request.pushes.len() < limits::BATCH_ITEMS {
            let Some((_, push)) = self.waiting.front() else { break };
            size += push.encoded_len() + FRAMING;
            // One by itself is sent whatever its size: the gateway says best what is wrong with it.
            if size > limits::SUBMISSION_BYTES && !request.pushes.is_empty() {
                break;
            }
            let Some((position, push)) = self.waiting.pop_front() else { break };
            self.sent.push(position);
            request.pushes.push(push);
        }
        (!request.pushes.is_empty()).then_some(request)
    }

    /// Takes in the verdicts of the last request, whose field paths count pushes from its beginning.
    pub fn answered(&mut self, verdicts: Vec<proto::Verdict>) {
        for (index, (position, mut verdict)) in self.sent.drain(..).zip(verdicts).enumerate() {
            for finding in verdict.violations.iter_mut().chain(&mut verdict.warnings) {
                let path = in_collection(&finding.field_path, index, position);
                finding.message = finding.message.replace(&finding.field_path, &path);
                finding.field_path = path;
            }
            self.verdicts[position] = verdict;
        }
    }

    /// The verdicts in the order of the pushes.
    pub fn into_verdicts(self) -> Vec<proto::Verdict> {
        self.verdicts
    }
}

/// The path of a field in the collection, whose members are named as in JSON; paths that belong to no
/// push, such as `/project`, stay as they are.
fn in_collection(path: &str, index: usize, position: usize) -> String {
    let own = format!("/{index}");
    match path.strip_prefix(&own) {
        Some("/pushTimestamp") => format!("/{position}/push_timestamp"),
        Some(field) if field.is_empty() || field.starts_with('/') => format!("/{position}{field}"),
        _ => path.to_owned(),
    }
}

fn rejected(refused: Refused) -> proto::Verdict {
    proto::Verdict {
        outcome: proto::Outcome::Rejected.into(),
        reason: proto::Reason::Invalid.into(),
        violations: refused.violations.into_iter().map(translate::violation).collect(),
        ..Default::default()
    }
}

fn on_the_wire(push: &Push) -> proto::Push {
    let commit = |commit: &Commit| proto::Commit {
        revision: Some(commit.revision.to_string()),
        author: Some(commit.author.clone()),
        comment: Some(commit.comments.clone()),
    };
    proto::Push {
        revision: Some(push.revision.to_string()),
        push_timestamp: Some(translate::timestamp(push.time)),
        author: Some(push.author.clone()),
        revisions: push.commits.iter().map(commit).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::parse_push_collection;
    use serde_json::{Value, json};

    fn push(revision: usize, author: &str) -> Value {
        let revision = format!("{revision:040x}");
        json!({"revision": revision, "push_timestamp": 1, "author": author, "revisions": []})
    }

    fn collection(pushes: &[Value]) -> Collection<'static> {
        Collection::new("try", parse_push_collection(&json!(pushes).to_string().into()))
    }

    fn stored() -> proto::Verdict {
        proto::Verdict { outcome: proto::Outcome::Stored.into(), ..Default::default() }
    }

    #[test]
    fn a_push_goes_over_the_wire_with_its_commits() {
        let commit = json!({"revision": "abc", "author": "a", "comment": "c"});
        let push = json!({
            "revision": "abc", "push_timestamp": 1_790_000_000, "author": "b", "revisions": [commit],
        });
        let request = collection(&[push]).next_request().unwrap();
        assert_eq!(request.pushes[0].push_timestamp.unwrap().seconds, 1_790_000_000);
        assert_eq!(request.pushes[0].revisions[0].comment.as_deref(), Some("c"));
    }

    #[test]
    fn requests_keep_to_the_limits_of_number_and_size() {
        // Authors of 100 characters that take 4 bytes each.
        let author = "🧱".repeat(100);
        for count in [1, limits::BATCH_ITEMS, limits::BATCH_ITEMS + 1, 3 * limits::BATCH_ITEMS] {
            let mut collection = collection(&(0..count).map(|n| push(n, &author)).collect::<Vec<_>>());
            let mut sent = 0;
            while let Some(request) = collection.next_request() {
                assert!(request.pushes.len() <= limits::BATCH_ITEMS);
                assert!(request.encoded_len() <= limits::SUBMISSION_BYTES);
                sent += request.pushes.len();
            }
            assert_eq!(sent, count);
        }
    }

    #[test]
    fn pushes_of_many_bytes_are_spread_over_requests() {
        let large = |n| {
            let mut push = push(n, "a");
            push["revisions"] = json!([{"revision": "abc", "author": "a", "comment": "x".repeat(1_000_000)}]);
            push
        };
        let mut collection = collection(&(0..9).map(large).collect::<Vec<_>>());
        let mut requests = Vec::new();
        while let Some(request) = collection.next_request() {
            assert!(request.encoded_len() <= limits::SUBMISSION_BYTES);
            requests.push(request.pushes.len());
        }
        assert_eq!(requests.iter().sum::<usize>(), 9);
        assert!(requests.len() >= 3, "{requests:?}");
    }

    #[test]
    fn a_push_that_is_wrong_already_is_rejected_and_not_sent() {
        let mut wrong = push(1, "a");
        wrong["author"].take();
        let mut collection = collection(&[push(0, "a"), wrong, push(2, "a")]);
        assert_eq!(collection.next_request().unwrap().pushes.len(), 2);
        collection.answered(vec![stored(), stored()]);
        let verdicts = collection.into_verdicts();
        let outcomes: Vec<_> = verdicts.iter().map(proto::Verdict::outcome).collect();
        assert_eq!(outcomes, [proto::Outcome::Stored, proto::Outcome::Rejected, proto::Outcome::Stored]);
        assert_eq!(verdicts[1].violations[0].field_path, "/1/author");
    }

    #[test]
    fn paths_of_an_answer_become_those_of_the_collection() {
        for (path, expected) in [
            ("/1", "/1003"),
            ("/1/author", "/1003/author"),
            ("/1/revisions/1/comment", "/1003/revisions/1/comment"),
            ("/1/pushTimestamp", "/1003/push_timestamp"),
            ("/10/author", "/10/author"),
            ("/project", "/project"),
            ("", ""),
        ] {
            assert_eq!(in_collection(path, 1, 1003), expected, "{path}");
        }
    }

    #[test]
    fn a_later_request_is_answered_with_the_positions_of_its_pushes() {
        let count = limits::BATCH_ITEMS + 2;
        let mut collection = collection(&(0..count).map(|n| push(n, "a")).collect::<Vec<_>>());
        let first = collection.next_request().unwrap().pushes.len();
        collection.answered(vec![stored(); first]);
        assert_eq!(collection.next_request().unwrap().pushes.len(), 2);
        let finding = proto::FieldViolation {
            field_path: "/1/author".into(),
            message: "/1/author is too long".into(),
            ..Default::default()
        };
        let refused = proto::Verdict {
            outcome: proto::Outcome::Rejected.into(),
            violations: vec![finding],
            ..Default::default()
        };
        collection.answered(vec![stored(), refused]);
        let verdicts = collection.into_verdicts();
        assert_eq!(verdicts[count - 1].violations[0].field_path, format!("/{}/author", count - 1));
        assert_eq!(verdicts[count - 1].violations[0].message, format!("/{}/author is too long", count - 1));
    }
}
