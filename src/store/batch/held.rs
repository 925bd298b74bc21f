//! Held messages of a group commit, and the ledger that accounts for them (R1, R13).

use super::{BatchTransaction, RowSet, StoreError};
use crate::domain::{ContentDigest, Door, HeldState, ParkedFor, RawFormat};
use crate::store::ledger::Disposition;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A submission to hold. Times are microseconds.
#[derive(Debug)]
pub(crate) struct HeldWrite<'a> {
    pub(crate) state: HeldState,
    pub(crate) door: Door,
    pub(crate) source: &'a str,
    pub(crate) format: RawFormat,
    pub(crate) digest: ContentDigest,
    pub(crate) project: Option<&'a str>,
    pub(crate) revision: Option<&'a str>,
    pub(crate) guid: Option<&'a str>,
    pub(crate) waiting_for: Option<ParkedFor>,
    pub(crate) repository_id: Option<i32>,
    /// Routing key that it came with.
    pub(crate) routing_key: Option<&'a str>,
    /// JSON: what the door knew beside the bytes.
    pub(crate) context: Option<&'a str>,
    /// What is kept of the bytes.
    pub(crate) raw: &'a [u8],
    /// How many there were.
    pub(crate) raw_size: i64,
    /// JSON.
    pub(crate) violations: Option<String>,
    /// Rule of the first violation.
    pub(crate) reason: &'a str,
    pub(crate) received_at: i64,
    pub(crate) expires_at: i64,
    /// How often it came beyond the first time, within the batch.
    pub(crate) repeats: i64,
    /// It comes from the held messages itself, which is no repeat.
    pub(crate) again: bool,
}

impl HeldWrite<'_> {
    /// 1 if only a prefix of the bytes is kept.
    fn truncated(&self) -> i32 {
        i32::from((self.raw.len() as i64) < self.raw_size)
    }
}

/// An artifact that waited for a job.
#[derive(Debug)]
pub(crate) struct WaitingArtifact {
    pub(crate) id: i64,
    pub(crate) guid: String,
    pub(crate) format: String,
    pub(crate) project: String,
    /// None: too large to be taken along.
    pub(crate) raw: Option<Vec<u8>>,
}

/// A held message that leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReleasedHeld {
    pub(crate) id: i64,
    /// On request, and not because what it waited for came.
    pub(crate) replayed: bool,
}

/// What a source holds now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LedgerUsage {
    pub(crate) items: i64,
    pub(crate) bytes: i64,
}

/// Source, project, disposition and reason, ordered as everywhere, so that concurrent transactions lock
/// entries in one order.
type LedgerKey = (String, String, Disposition, String);
pub(super) type LedgerChanges = BTreeMap<LedgerKey, LedgerUsage>;

/// Enters `items` (1 or -1) of a source and project, with the bytes kept of them.
fn enter(
    changes: &mut LedgerChanges,
    of: (&str, &str),
    disposition: Disposition,
    reason: &str,
    items: i64,
    bytes: i64,
) {
    let key = (of.0.to_owned(), of.1.to_owned(), disposition, reason.to_owned());
    let usage = changes.entry(key).or_default();
    usage.items += items;
    usage.bytes += items * bytes;
}

impl BatchTransaction<'_> {
    /// What each (source, project) has parked.
    pub(crate) async fn parked_usage(
        &mut self,
        keys: &[(&str, &str)],
    ) -> Result<HashMap<(String, String), LedgerUsage>, StoreError> {
        let sql = "SELECT source, project, items, bytes FROM held_ledger WHERE disposition = 'parked' \
             AND (source, project) IN (SELECT t.source, t.project FROM {rows})";
        let set =
            RowSet::new().text("source", keys.iter().map(|k| k.0)).text("project", keys.iter().map(|k| k.1));
        let mut usage = HashMap::new();
        for row in self.run(sql, set).await? {
            usage.insert(
                (row.text(0)?, row.text(1)?),
                LedgerUsage { items: row.bigint(2)?, bytes: row.bigint(3)? },
            );
        }
        Ok(usage)
    }

    /// Which of these (source, digest) are parked already.
    pub(crate) async fn parked_among(
        &mut self,
        keys: &[(&str, ContentDigest)],
    ) -> Result<HashSet<(String, ContentDigest)>, StoreError> {
        let sql = "SELECT h.source, h.content_digest FROM held_messages h \
             WHERE h.state = 'parked' AND (h.source, h.content_digest) IN \
             (SELECT t.source, t.digest FROM {rows})";
        let set = RowSet::new()
            .text("source", keys.iter().map(|k| k.0))
            .bytes("digest", keys.iter().map(|k| &k.1.as_bytes()[..]));
        let mut parked = HashSet::new();
        for row in self.run(sql, set).await? {
            if let Some(digest) = ContentDigest::from_slice(&row.bytes(1)?) {
                parked.insert((row.text(0)?, digest));
            }
        }
        Ok(parked)
    }

    /// Holds submissions, unique by (source, digest): one that is held already takes the new state and
    /// counts a repeat. `rows` have no duplicate keys; they get their ids in their order.
    pub(crate) async fn hold(&mut self, rows: &[HeldWrite<'_>]) -> Result<(), StoreError> {
        let sql = "INSERT INTO held_messages (state, door, source, format, content_digest, project, \
             revision, guid, waiting_for, repository_id, raw, raw_size, raw_truncated, violations, reason, \
             routing_key, context, received_at, last_received_at, expires_at, repeat_count) \
             SELECT t.state, t.door, t.source, t.format, t.digest, t.project, t.revision, t.guid, \
             t.waiting_for, t.repository_id, t.raw, t.raw_size, t.truncated <> 0, t.violations, t.reason, \
             t.routing_key, t.context, t.received_at, t.received_at, t.expires_at, t.repeats FROM {rows} WHERE true \
             ON CONFLICT (source, content_digest) DO NOTHING RETURNING source, content_digest";
        let mut inserted = HashSet::new();
        for row in self.run(sql, held_rows(rows)).await? {
            inserted.insert((row.text(0)?, row.bytes(1)?));
        }
        let is_new = |row: &&HeldWrite<'_>| {
            inserted.contains(&(row.source.to_owned(), row.digest.as_bytes().to_vec()))
        };

        let mut changes = LedgerChanges::new();
        for row in rows.iter().filter(is_new) {
            let (of, bytes) = ((row.source, row.project.unwrap_or("")), row.raw.len() as i64);
            enter(&mut changes, of, Disposition::Held, "", 1, bytes);
            enter(&mut changes, of, Disposition::of_state(row.state), "", 1, bytes);
        }
        if inserted.len() < rows.len() {
            self.hold_again(rows, &inserted, &mut changes).await?;
        }
        self.enter_ledger(changes);
        Ok(())
    }

    async fn hold_again(
        &mut self,
        rows: &[HeldWrite<'_>],
        inserted: &HashSet<(String, Vec<u8>)>,
        changes: &mut LedgerChanges,
    ) -> Result<(), StoreError> {
        let known: HashMap<(&str, &[u8]), &HeldWrite<'_>> = rows
            .iter()
            .filter(|r| !inserted.contains(&(r.source.to_owned(), r.digest.as_bytes().to_vec())))
            .map(|r| ((r.source, &r.digest.as_bytes()[..]), r))
            .collect();
        let sql = "SELECT h.source, h.content_digest, h.id, h.state, COALESCE(h.project, ''), \
             CAST(length(h.raw) AS bigint), h.expires_at, h.received_at FROM held_messages h WHERE (h.source, h.content_digest) IN \
             (SELECT t.source, t.digest FROM {rows}) ORDER BY h.id {lock}";
        let set = RowSet::new()
            .text("source", known.keys().map(|k| k.0))
            .bytes("digest", known.keys().map(|k| k.1));
        let (mut updates, mut repeats) = (Vec::new(), Vec::new());
        let found = self.run(sql, set).await?;
        if found.len() < known.len() {
            // Evicted or released since the insert found it: run again, it is inserted then.
            return Err(StoreError::Conflict("a held message left while it was being held again".into()));
        }
        for row in found {
            let (source, digest) = (row.text(0)?, row.bytes(1)?);
            let Some(&write) = known.get(&(source.as_str(), digest.as_slice())) else { continue };
            let (id, old_state, project) = (row.bigint(2)?, row.text(3)?, row.text(4)?);
            let (size, old_expiry, old_receipt) = (row.bigint(5)?, row.bigint(6)?, row.bigint(7)?);
            // What is parked was acknowledged as such: a later refusal of the same bytes changes nothing
            // (R13), only its own release may.
            if old_state == HeldState::Parked.as_str() && write.state != HeldState::Parked && !write.again {
                repeats.push((id, write.repeats + 1));
                continue;
            }
            let of = (&*source, write.project.unwrap_or(""));
            let kept = write.raw.len() as i64;
            if let Some(old) = HeldState::from_word(&old_state) {
                enter(changes, (&source, &project), Disposition::of_state(old), "", -1, size);
            }
            enter(changes, of, Disposition::of_state(write.state), "", 1, kept);
            // In another state it is held anew, and waits as long as any that comes now.
            let (received_at, expires_at) = if old_state == write.state.as_str() {
                (old_receipt, write.expires_at.max(old_expiry))
            } else {
                (write.received_at, write.expires_at)
            };
            updates.push((id, write, received_at, expires_at));
        }
        if !repeats.is_empty() {
            let sql = "UPDATE held_messages SET repeat_count = held_messages.repeat_count + t.repeats \
                 FROM {rows} WHERE held_messages.id = t.id";
            let set = RowSet::new()
                .bigint("id", repeats.iter().map(|r| r.0))
                .bigint("repeats", repeats.iter().map(|r| r.1));
            self.run(sql, set).await?;
        }
        if updates.is_empty() {
            return Ok(());
        }
        let sql = "UPDATE held_messages SET state = t.state, waiting_for = t.waiting_for, \
             repository_id = t.repository_id, violations = t.violations, reason = t.reason, \
             project = t.project, revision = t.revision, guid = t.guid, raw = t.raw, \
             raw_size = t.raw_size, raw_truncated = t.truncated <> 0, \
             received_at = t.first_received_at, last_received_at = t.received_at, expires_at = t.expires_at, \
             repeat_count = held_messages.repeat_count + t.repeats FROM {rows} \
             WHERE held_messages.id = t.id";
        let set = RowSet::new()
            .bigint("id", updates.iter().map(|u| u.0))
            .text("state", updates.iter().map(|u| u.1.state.as_str()))
            .optional_text("waiting_for", updates.iter().map(|u| u.1.waiting_for.map(waiting_word)))
            .optional_int("repository_id", updates.iter().map(|u| u.1.repository_id))
            .optional_text("violations", updates.iter().map(|u| u.1.violations.as_deref()))
            .text("reason", updates.iter().map(|u| u.1.reason))
            .optional_text("project", updates.iter().map(|u| u.1.project))
            .optional_text("revision", updates.iter().map(|u| u.1.revision))
            .optional_text("guid", updates.iter().map(|u| u.1.guid))
            .bytes("raw", updates.iter().map(|u| u.1.raw))
            .bigint("raw_size", updates.iter().map(|u| u.1.raw_size))
            .int("truncated", updates.iter().map(|u| u.1.truncated()))
            .bigint("first_received_at", updates.iter().map(|u| u.2))
            .bigint("received_at", updates.iter().map(|u| u.1.received_at))
            .bigint("expires_at", updates.iter().map(|u| u.3))
            .bigint("repeats", updates.iter().map(|u| u.1.repeats + i64::from(!u.1.again)));
        self.run(sql, set).await?;
        Ok(())
    }

    /// Lets held messages go whose submissions were decided; those that went before are passed over.
    pub(crate) async fn release_held(&mut self, released: &[ReleasedHeld]) -> Result<(), StoreError> {
        let replayed: HashMap<i64, bool> = released.iter().map(|r| (r.id, r.replayed)).collect();
        let sql = "DELETE FROM held_messages WHERE id IN (SELECT t.id FROM {rows}) \
             RETURNING id, source, COALESCE(project, ''), state, CAST(length(raw) AS bigint), reason";
        let set = RowSet::new().bigint("id", released.iter().map(|r| r.id));
        let mut changes = LedgerChanges::new();
        for row in self.run(sql, set).await? {
            let (source, project, size) = (row.text(1)?, row.text(2)?, row.bigint(4)?);
            let of = (&*source, &*project);
            if let Some(state) = HeldState::from_word(&row.text(3)?) {
                enter(&mut changes, of, Disposition::of_state(state), "", -1, size);
            }
            let way = match replayed.get(&row.bigint(0)?) {
                Some(true) => Disposition::Replayed,
                Some(false) | None => Disposition::Released,
            };
            enter(&mut changes, of, way, &row.text(5)?, 1, size);
        }
        self.enter_ledger(changes);
        Ok(())
    }

    /// Drops the oldest rejected messages of sources that hold more than `most`, counting them by
    /// reason. One source at a time goes down to 99 % of the limit, so that not every batch evicts.
    pub(crate) async fn evict_rejected(
        &mut self,
        sources: &[&str],
        most: LedgerUsage,
    ) -> Result<(), StoreError> {
        let sql = "SELECT l.source, CAST(SUM(l.items) AS bigint), CAST(SUM(l.bytes) AS bigint) \
             FROM held_ledger l WHERE l.disposition = 'rejected' AND l.source IN \
             (SELECT t.source FROM {rows}) GROUP BY l.source";
        let written = self.run(sql, RowSet::new().text("source", sources.iter().copied())).await?;
        // Written so far, and entered by this transaction.
        let mut usage: BTreeMap<String, LedgerUsage> = BTreeMap::new();
        for row in written {
            usage.insert(row.text(0)?, LedgerUsage { items: row.bigint(1)?, bytes: row.bigint(2)? });
        }
        for ((source, _, disposition, _), entered) in &self.ledger {
            if *disposition == Disposition::Rejected {
                let known = usage.entry(source.clone()).or_default();
                known.items += entered.items;
                known.bytes += entered.bytes;
            }
        }
        for (source, LedgerUsage { items, bytes }) in usage {
            if items > most.items || bytes > most.bytes {
                let mut excess = LedgerUsage {
                    items: items - most.items * 99 / 100,
                    bytes: bytes - most.bytes * 99 / 100,
                };
                if items <= most.items {
                    excess.items = 0;
                }
                if bytes <= most.bytes {
                    excess.bytes = 0;
                }
                self.evict_oldest(&source, excess).await?;
            }
        }
        Ok(())
    }

    async fn evict_oldest(&mut self, source: &str, mut excess: LedgerUsage) -> Result<(), StoreError> {
        let sql = "SELECT h.id, CAST(length(h.raw) AS bigint) FROM held_messages h JOIN {rows} ON h.source = t.source \
             WHERE h.state IN ('rejected', 'expired') ORDER BY h.id LIMIT 2000";
        let oldest = self.run(sql, RowSet::new().text("source", std::iter::once(source))).await?;
        let mut ids = Vec::new();
        for row in oldest {
            if excess.items <= 0 && excess.bytes <= 0 {
                break;
            }
            ids.push(row.bigint(0)?);
            excess.items -= 1;
            excess.bytes -= row.bigint(1)?;
        }
        // What another transaction took meanwhile is its to enter, and what it parked again is to stay: the row
        // itself is asked once more, when its lock is had.
        let sql = "DELETE FROM held_messages WHERE id IN (SELECT t.id FROM {rows}) \
             AND state IN ('rejected', 'expired') RETURNING COALESCE(project, ''), reason, CAST(length(raw) AS bigint)";
        let mut changes = LedgerChanges::new();
        for row in self.run(sql, RowSet::new().bigint("id", ids.iter().copied())).await? {
            let (project, reason, size) = (row.text(0)?, row.text(1)?, row.bigint(2)?);
            enter(&mut changes, (source, &project), Disposition::Rejected, "", -1, size);
            enter(&mut changes, (source, &project), Disposition::Evicted, &reason, 1, size);
        }
        self.enter_ledger(changes);
        Ok(())
    }

    /// Artifacts that wait for one of these (new) jobs, in order of receipt: as many and as large as a
    /// transaction of jobs can well take along; the others are released right after it.
    pub(crate) async fn waiting_artifacts(
        &mut self,
        jobs: &[(i32, &str)],
    ) -> Result<Vec<WaitingArtifact>, StoreError> {
        let sql = "SELECT h.id, h.guid, h.format, COALESCE(h.project, ''), \
             CASE WHEN h.raw_size <= 65536 THEN h.raw END FROM held_messages h \
             JOIN {rows} ON h.repository_id = t.repository_id AND h.guid = t.guid \
             WHERE h.state = 'parked' AND h.waiting_for = 'job' ORDER BY h.id LIMIT 200";
        let set = RowSet::new()
            .int("repository_id", jobs.iter().map(|j| j.0))
            .text("guid", jobs.iter().map(|j| j.1));
        let waiting = self.run(sql, set).await?;
        waiting
            .iter()
            .map(|row| {
                Ok(WaitingArtifact {
                    id: row.bigint(0)?,
                    guid: row.text(1)?,
                    format: row.text(2)?,
                    project: row.text(3)?,
                    raw: row.optional_bytes(4)?,
                })
            })
            .collect()
    }

    fn enter_ledger(&mut self, changes: LedgerChanges) {
        for (key, usage) in changes {
            let entry = self.ledger.entry(key).or_default();
            entry.items += usage.items;
            entry.bytes += usage.bytes;
        }
    }

    /// Writes what the transaction entered into the ledger, at its end and at once: its lines are what
    /// all transactions share, and so they are locked in one order and briefly.
    pub(super) async fn write_ledger(&mut self) -> Result<(), StoreError> {
        let changes = std::mem::take(&mut self.ledger);
        if changes.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO held_ledger (source, project, disposition, reason, items, bytes) \
             SELECT t.source, t.project, t.disposition, t.reason, t.items, t.bytes FROM {rows} WHERE true \
             ON CONFLICT (source, project, disposition, reason) DO UPDATE SET \
             items = held_ledger.items + excluded.items, bytes = held_ledger.bytes + excluded.bytes";
        let set = RowSet::new()
            .text("source", changes.keys().map(|k| &*k.0))
            .text("project", changes.keys().map(|k| &*k.1))
            .text("disposition", changes.keys().map(|k| k.2.as_str()))
            .text("reason", changes.keys().map(|k| &*k.3))
            .bigint("items", changes.values().map(|u| u.items))
            .bigint("bytes", changes.values().map(|u| u.bytes));
        self.run(sql, set).await?;
        Ok(())
    }
}

fn waiting_word(waiting: ParkedFor) -> &'static str {
    match waiting {
        ParkedFor::Push => "push",
        ParkedFor::Job => "job",
    }
}

fn held_rows<'a>(rows: &'a [HeldWrite<'a>]) -> RowSet<'a> {
    RowSet::new()
        .text("state", rows.iter().map(|r| r.state.as_str()))
        .text("door", rows.iter().map(|r| r.door.as_str()))
        .text("source", rows.iter().map(|r| r.source))
        .text("format", rows.iter().map(|r| r.format.as_str()))
        .bytes("digest", rows.iter().map(|r| &r.digest.as_bytes()[..]))
        .optional_text("project", rows.iter().map(|r| r.project))
        .optional_text("revision", rows.iter().map(|r| r.revision))
        .optional_text("guid", rows.iter().map(|r| r.guid))
        .optional_text("waiting_for", rows.iter().map(|r| r.waiting_for.map(waiting_word)))
        .optional_int("repository_id", rows.iter().map(|r| r.repository_id))
        .bytes("raw", rows.iter().map(|r| r.raw))
        .bigint("raw_size", rows.iter().map(|r| r.raw_size))
        .int("truncated", rows.iter().map(HeldWrite::truncated))
        .optional_text("violations", rows.iter().map(|r| r.violations.as_deref()))
        .text("reason", rows.iter().map(|r| r.reason))
        .optional_text("routing_key", rows.iter().map(|r| r.routing_key))
        .optional_text("context", rows.iter().map(|r| r.context))
        .bigint("received_at", rows.iter().map(|r| r.received_at))
        .bigint("expires_at", rows.iter().map(|r| r.expires_at))
        .bigint("repeats", rows.iter().map(|r| r.repeats))
}
