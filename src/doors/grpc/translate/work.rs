//! Follow-up work.

use super::timestamp;
use crate::doors::grpc::status::Refusal;
use crate::limits;
use crate::proto;
use crate::store::follow_up::{QUEUES, QueueTable, WorkEntry};

/// A piece of work on the wire.
pub fn work_item(entry: WorkEntry) -> proto::WorkItem {
    proto::WorkItem {
        kind: entry.kind.into(),
        id: entry.id,
        subject: entry.subject,
        attempts: entry.attempts,
        next_attempt_at: entry.next_attempt_at.map(timestamp),
        under_way: entry.lease_owner.is_some(),
        last_error: entry.last_error.unwrap_or_default(),
        dead_at: entry.dead_at.map(timestamp),
    }
}

/// The queues to try again, and the numbers in them; `None`: all.
///
/// # Errors
/// Names the field that breaks its rule.
pub fn work_to_retry(
    request: &proto::RetryWorkRequest,
) -> Result<(Vec<&'static QueueTable>, Option<&[i64]>), Refusal> {
    let ids = Some(&*request.ids).filter(|ids| !ids.is_empty());
    if request.ids.len() > limits::BATCH_ITEMS {
        return Err(Refusal::invalid("ids", format!("must be at most {}", limits::BATCH_ITEMS)));
    }
    if request.kind.is_empty() {
        return match ids {
            None => Ok((QUEUES.to_vec(), None)),
            Some(_) => Err(Refusal::invalid("kind", "must be given with ids, which are numbers of one kind")),
        };
    }
    let known = QUEUES.into_iter().find(|queue| queue.kind == request.kind);
    let queue = known.ok_or_else(|| {
        let kinds: Vec<_> = QUEUES.iter().map(|queue| queue.kind).collect();
        Refusal::invalid("kind", format!("must be one of {}", kinds.join(", ")))
    })?;
    Ok((vec![queue], ids))
}

#[cfg(test)]
mod tests {
    use super::work_to_retry;
    use crate::proto::RetryWorkRequest;

    #[test]
    fn numbers_need_a_known_kind() {
        let request = |kind: &str, ids: &[i64]| RetryWorkRequest { kind: kind.into(), ids: ids.to_vec() };
        for (kind, ids, expected) in [
            ("", &[][..], true),
            ("parse_log", &[], true),
            ("parse_log", &[1], true),
            ("", &[1], false),
            ("bake", &[], false),
            ("parse_log", &[0; 1001], false),
        ] {
            assert_eq!(work_to_retry(&request(kind, ids)).is_ok(), expected, "{kind:?} {}", ids.len());
        }
    }
}
