//! What a batch holds: parked and rejected submissions, within the bounds of R13.

use super::submission::Item;
use crate::domain::{
    ClaimedIdentity, ContentDigest, Fingerprint, HeldState, INTERNAL, Outcome, ParkedFor, RawFormat,
    Violation,
};
use crate::limits;
use crate::store::batch::{BatchTransaction, HeldWrite, LedgerUsage};
use crate::store::{StoreError, violations};
use chrono::{TimeDelta, Utc};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Bounds of what is held; the defaults are those of `limits.rs`.
#[derive(Debug, Clone, Copy)]
pub struct HoldingLimits {
    /// Parked submissions of one source and project.
    pub parked_items: i64,
    /// Their bytes.
    pub parked_bytes: i64,
    /// How long they wait.
    pub parked_age: TimeDelta,
    /// Rejected submissions of one source.
    pub rejected_items: i64,
    /// Their bytes.
    pub rejected_bytes: i64,
    /// How long they are kept.
    pub rejected_age: TimeDelta,
}

impl Default for HoldingLimits {
    fn default() -> Self {
        let seconds = |age: std::time::Duration| TimeDelta::seconds(age.as_secs() as i64);
        Self {
            parked_items: limits::PARKED_ITEMS,
            parked_bytes: limits::PARKED_BYTES,
            parked_age: seconds(limits::PARKED_AGE),
            rejected_items: limits::REJECTED_ITEMS,
            rejected_bytes: limits::REJECTED_BYTES,
            rejected_age: seconds(limits::REJECTED_AGE),
        }
    }
}

/// A submission that waits, with the repository it waits in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) on: ParkedFor,
    pub(crate) repository_id: i32,
}

/// Turns what cannot be parked for lack of room into refusals: `waiting` and the outcomes agree
/// afterwards.
pub(crate) async fn admit_parked(
    transaction: &mut BatchTransaction<'_>,
    items: &[Item],
    waiting: &mut BTreeMap<usize, Waiting>,
    outcomes: &mut [Option<Outcome>],
    bounds: &HoldingLimits,
) -> Result<(), StoreError> {
    if waiting.is_empty() {
        return Ok(());
    }
    let project = |index: usize| items[index].claimed().project.unwrap_or_default();
    let projects: BTreeMap<usize, String> = waiting.keys().map(|&i| (i, project(i))).collect();
    let mut keys: Vec<(&str, &str)> =
        projects.iter().map(|(&i, project)| (&*items[i].source, project.as_str())).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut usage: HashMap<(String, String), LedgerUsage> = transaction.parked_usage(&keys).await?;
    let full = |used: &LedgerUsage, size: i64| {
        used.items >= bounds.parked_items || used.bytes + size > bounds.parked_bytes
    };
    // What is parked already takes no more room; asked only where room is short.
    let total: i64 = waiting.keys().map(|&index| items[index].submission.raw.len() as i64).sum();
    let count = waiting.len() as i64;
    let is_short =
        usage.values().any(|used| full(&LedgerUsage { items: used.items + count, bytes: used.bytes }, total));
    let mut parked = HashSet::new();
    if is_short {
        let digests: Vec<_> =
            waiting.keys().map(|&index| (&*items[index].source, items[index].raw_digest())).collect();
        parked = transaction.parked_among(&digests).await?;
    }
    waiting.retain(|&index, waits| {
        let item = &items[index];
        let used = usage.entry((item.source.to_string(), projects[&index].clone())).or_default();
        let size = item.submission.raw.len() as i64;
        let is_parked =
            || !parked.is_empty() && parked.contains(&(item.source.to_string(), item.raw_digest()));
        if item.submission.held.is_none() && !is_parked() {
            if full(used, size) {
                outcomes[index] = Some(Outcome::Rejected(vec![parking_full(bounds)]));
                return false;
            }
            used.items += 1;
            used.bytes += size;
        }
        outcomes[index] = Some(Outcome::Parked {
            waiting_for: waits.on,
            // What is replayed waits anew; what was received late waits from its receipt on.
            expires_at: match item.submission.held {
                Some(held) if held.replayed => Utc::now() + bounds.parked_age,
                _ => item.submission.received_at + bounds.parked_age,
            },
        });
        true
    });
    Ok(())
}

fn parking_full(bounds: &HoldingLimits) -> Violation {
    Violation::new(
        "",
        "parking_full",
        "too many submissions of this source wait for pushes of this project; submit the pushes, or \
         discard what waits, then send again",
    )
    .with_limit(format!("{} items, {} bytes", bounds.parked_items, bounds.parked_bytes))
}

/// Holds everything that was parked or rejected.
pub(crate) async fn hold(
    transaction: &mut BatchTransaction<'_>,
    items: &[Item],
    waiting: &BTreeMap<usize, Waiting>,
    outcomes: &[Option<Outcome>],
    bounds: &HoldingLimits,
) -> Result<(), StoreError> {
    let mut claims: BTreeMap<usize, (ClaimedIdentity, ContentDigest)> = BTreeMap::new();
    for (index, outcome) in outcomes.iter().enumerate() {
        if matches!(outcome, Some(Outcome::Rejected(_) | Outcome::Parked { .. })) {
            claims.insert(index, (items[index].claimed(), items[index].raw_digest()));
        }
    }
    // In the order of receipt, which is the order in which they will be released (R14).
    let mut writes: Vec<HeldWrite<'_>> = Vec::with_capacity(claims.len());
    let mut known: HashMap<(&str, ContentDigest), usize> = HashMap::with_capacity(claims.len());
    for (&index, (claimed, digest)) in &claims {
        match known.entry((&*items[index].source, *digest)) {
            Entry::Occupied(entry) => writes[*entry.get()].repeats += 1,
            Entry::Vacant(entry) => {
                entry.insert(writes.len());
                let waits = waiting.get(&index);
                writes.push(held_write(&items[index], claimed, *digest, waits, &outcomes[index], bounds));
            }
        }
    }
    if writes.is_empty() {
        return Ok(());
    }
    let mut sources: Vec<&str> =
        writes.iter().filter(|w| w.state == HeldState::Rejected).map(|w| w.source).collect();
    sources.sort_unstable();
    sources.dedup();
    transaction.hold(&writes).await?;
    if !sources.is_empty() {
        let most = LedgerUsage { items: bounds.rejected_items, bytes: bounds.rejected_bytes };
        transaction.evict_rejected(&sources, most).await?;
    }
    Ok(())
}

fn held_write<'a>(
    item: &'a Item,
    claimed: &'a ClaimedIdentity,
    digest: ContentDigest,
    waiting: Option<&Waiting>,
    outcome: &'a Option<Outcome>,
    bounds: &HoldingLimits,
) -> HeldWrite<'a> {
    let submission = &item.submission;
    let now = submission.received_at.max(Utc::now());
    let (state, violations, expires_at) = match outcome {
        Some(Outcome::Rejected(violations)) => {
            (HeldState::Rejected, &violations[..], now + bounds.rejected_age)
        }
        Some(Outcome::Parked { expires_at, .. }) => (HeldState::Parked, &[][..], *expires_at),
        _ => (HeldState::Rejected, &[][..], now),
    };
    let raw = &submission.raw;
    let kept = match state {
        // Not the submitter's fault: kept whole, to be replayed.
        HeldState::Rejected if violations.first().is_some_and(|v| v.rule == INTERNAL) => &raw[..],
        HeldState::Rejected => &raw[..raw.len().min(limits::REJECTED_RAW_BYTES)],
        HeldState::Parked | HeldState::Expired => &raw[..],
    };
    HeldWrite {
        state,
        door: submission.door,
        source: &item.source,
        format: submission.format,
        digest,
        project: claimed.project.as_deref(),
        revision: claimed.revision.as_deref(),
        guid: claimed.guid.as_deref(),
        waiting_for: waiting.map(|w| w.on),
        repository_id: waiting.map(|w| w.repository_id),
        routing_key: submission.context.as_ref().and_then(|context| context.routing_key.as_deref()),
        context: submission.context.as_ref().map(|context| &*context.json),
        raw: kept,
        raw_size: raw.len() as i64,
        violations: (!violations.is_empty()).then(|| violations::to_json(violations)),
        reason: violations.first().map_or("", |violation| cut(&violation.rule)),
        received_at: submission.received_at.timestamp_micros(),
        expires_at: expires_at.timestamp_micros(),
        repeats: 0,
        again: submission.held.is_some(),
    }
}

/// Width of the column for reasons.
fn cut(rule: &str) -> &str {
    rule.get(..50).unwrap_or(rule)
}

/// Digest that makes held messages unique in their source: of the bytes, what they are, and where they
/// were sent.
pub(crate) fn raw_digest(format: RawFormat, request_project: Option<&str>, raw: &[u8]) -> ContentDigest {
    let mut fingerprint = Fingerprint::default();
    fingerprint.text(format.as_str()).optional(request_project);
    fingerprint.bytes(raw);
    fingerprint.finish()
}
