//! Jobs and artifacts of one batch: locks the rows, folds the submissions into them, writes the rows
//! and their parts.

use super::additions::{Additions, queue_priority};
use super::commit::Surroundings;
use super::family::{Families, Folded, PreparedJob, WorkingRow};
use super::gateway::Directory;
use super::holding::Waiting;
use super::submission::{Content, Item};
use crate::domain::{
    ArtifactSubmission, JobState, Outcome, ParkedFor, ParseStatus, Parts, RawFormat, StoredReason, TaskRun,
    UnchangedReason, Violation,
};
use crate::formats;
use crate::store::StoreError;
use crate::store::batch::{BatchTransaction, PartsRule, ReleasedHeld, TouchedRow, WrittenRow};
use chrono::Utc;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What became of the jobs and artifacts of a batch, once its transaction commits.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// By position of the item.
    pub(crate) outcomes: Vec<(usize, Outcome)>,
    /// By position of the item.
    pub(crate) warnings: Vec<(usize, Violation)>,
    /// Artifacts whose job is unknown.
    pub(crate) waiting: Vec<(usize, Waiting)>,
    /// Artifacts that waited for a job of this batch.
    pub(crate) released: Vec<ReleasedHeld>,
    /// Rows of jobs changed.
    pub(crate) changed: bool,
    /// Follow-up work was queued.
    pub(crate) queued_work: bool,
    /// Something waits for jobs that may be there by now: superseding jobs were remembered, or artifacts
    /// were not taken along.
    pub(crate) left_waiting: bool,
}

/// An artifact that waited for a job which this batch creates.
struct Joined {
    held: ReleasedHeld,
    row: usize,
    parts: Parts,
}

/// Decides and writes `prepared` jobs and `artifacts` (positions of items, and what they say).
pub(crate) async fn settle(
    transaction: &mut BatchTransaction<'_>,
    around: Surroundings<'_>,
    items: &[Item],
    prepared: &[PreparedJob<'_>],
    artifacts: &[(usize, &ArtifactSubmission)],
    now: i64,
) -> Result<Settled, StoreError> {
    let directory = around.directory;
    let mut settled = Settled::default();
    if prepared.is_empty() && artifacts.is_empty() {
        return Ok(settled);
    }
    let mut families = lock(transaction, prepared, artifacts).await?;
    let folded: Vec<Folded> =
        prepared.iter().enumerate().map(|(position, job)| families.fold(position, job)).collect();

    let mut added = HashSet::new();
    let unknown = supersede(&mut families, prepared, &folded, &mut added, &mut settled);
    let joined = join_waiting(transaction, &mut families, &mut settled).await?;

    let mut changes = ChangeNumber::default();
    write_rows(transaction, &mut changes, &mut families, items, prepared, now).await?;

    let mut additions = Additions::default();
    for (job, folded) in prepared.iter().zip(&folded) {
        match *folded {
            Folded::Created(row) | Folded::Updated(row) => {
                additions.add(&families.rows[row], job.index, PartsRule::Applied, &job.job.parts);
            }
            Folded::Kept(row, _) => {
                additions.add(&families.rows[row], job.index, PartsRule::OnlyLacking, &job.job.parts);
            }
            Folded::Duplicate(_) | Folded::WrongRepository(_) => {}
        }
    }
    let artifact_rows =
        attach(&families, prepared, directory, items, artifacts, &mut additions, &mut settled);
    for (position, joined) in joined.iter().enumerate() {
        let (row, owner) = (&families.rows[joined.row], items.len() + position);
        additions.add(row, owner, PartsRule::OnlyLacking, &joined.parts);
    }
    added.extend(additions.store(transaction, now).await?);
    settled.queued_work = queue_earlier_logs(transaction, &families).await? || additions.have_work();

    for (position, (job, folded)) in prepared.iter().zip(&folded).enumerate() {
        let outcome = match folded {
            Folded::Created(_) => Outcome::Stored(StoredReason::Created),
            Folded::Updated(_) => Outcome::Stored(StoredReason::Updated),
            Folded::Duplicate(_) => Outcome::Unchanged(UnchangedReason::Duplicate),
            Folded::WrongRepository(other) => wrong_repository(
                directory,
                items[job.index].submission.format,
                *other,
                job.job.project.as_str(),
            ),
            Folded::Kept(row, reason) => {
                let row = &mut families.rows[*row];
                if row.add_task(position, job.job) || added.contains(&job.index) {
                    row.touched = true;
                    row.now.applied.remember(job.digest);
                    Outcome::Stored(StoredReason::PartsAdded)
                } else {
                    row.repeats += 1;
                    Outcome::Unchanged(reason.clone())
                }
            }
        };
        settled.outcomes.push((job.index, outcome));
    }
    for (index, row) in artifact_rows {
        let outcome = if added.contains(&index) {
            families.rows[row].touched = true;
            Outcome::Stored(StoredReason::PartsAdded)
        } else {
            Outcome::Unchanged(UnchangedReason::Duplicate)
        };
        settled.outcomes.push((index, outcome));
    }
    finish_rows(transaction, &mut changes, &families, prepared, now).await?;
    settled.left_waiting |= !unknown.is_empty();
    remember(transaction, unknown, now + around.bounds.parked_age.num_microseconds().unwrap_or(i64::MAX / 2))
        .await?;
    settled.released = joined.into_iter().map(|joined| joined.held).collect();
    settled.changed = changes.0.is_some();
    Ok(settled)
}

/// The transaction's place in the order of changes, asked for once and only if anything changes.
#[derive(Default)]
struct ChangeNumber(Option<i64>);

impl ChangeNumber {
    async fn get(&mut self, transaction: &mut BatchTransaction<'_>) -> Result<i64, StoreError> {
        if let Some(number) = self.0 {
            return Ok(number);
        }
        let number = transaction.change_number().await?;
        self.0 = Some(number);
        Ok(number)
    }
}

async fn lock(
    transaction: &mut BatchTransaction<'_>,
    prepared: &[PreparedJob<'_>],
    artifacts: &[(usize, &ArtifactSubmission)],
) -> Result<Families, StoreError> {
    let (mut guids, mut roots) = (BTreeSet::new(), BTreeSet::new());
    for job in prepared {
        guids.insert(job.job.guid.as_str());
        guids.insert(job.job.guid.root());
        roots.insert(job.job.guid.root());
        guids.extend(job.job.parts.superseded.iter().map(AsRef::as_ref));
    }
    guids.extend(artifacts.iter().map(|(_, artifact)| artifact.guid.as_str()));
    let (guids, roots): (Vec<_>, Vec<_>) = (guids.into_iter().collect(), roots.into_iter().collect());
    Ok(Families::new(transaction.lock_families(&guids, &roots).await?))
}

/// Superseding guid by (repository, superseded guid), for guids that are not known yet.
type Unknown<'a> = BTreeMap<(i32, &'a str), &'a str>;

/// Marks the rows that submissions supersede (R6).
fn supersede<'a>(
    families: &mut Families,
    prepared: &[PreparedJob<'a>],
    folded: &[Folded],
    added: &mut HashSet<usize>,
    settled: &mut Settled,
) -> Unknown<'a> {
    let mut unknown = Unknown::new();
    for (position, (job, folded)) in prepared.iter().zip(folded).enumerate() {
        if matches!(folded, Folded::Duplicate(_) | Folded::WrongRepository(_)) {
            continue;
        }
        let by = job.job.guid.as_str();
        for guid in job.job.parts.superseded.iter().filter(|guid| guid.as_str() != by) {
            match families.row_at(guid.as_str(), position + 1).map(|row| &mut families.rows[row]) {
                None => {
                    let remembered = unknown.entry((job.repository_id, guid.as_str())).or_insert(by);
                    *remembered = by.max(remembered);
                }
                Some(row) if row.now.repository_id != job.repository_id => {
                    let message = "the superseded job belongs to another project and stays as it is";
                    let warning = Violation::new("/coalesced", "wrong_project", message);
                    settled.warnings.push((job.index, warning.with_value(guid.as_str())));
                }
                Some(row) => {
                    if row.supersede(by) {
                        row.touched = true;
                        added.insert(job.index);
                    }
                }
            }
        }
    }
    unknown
}

/// Remembers superseding jobs for guids that are not known yet (R6), as long as parked submissions wait.
async fn remember(
    transaction: &mut BatchTransaction<'_>,
    unknown: Unknown<'_>,
    expires_at: i64,
) -> Result<(), StoreError> {
    if unknown.is_empty() {
        return Ok(());
    }
    let entries: Vec<_> =
        unknown.into_iter().map(|((repository, guid), by)| (repository, guid, by, expires_at)).collect();
    transaction.remember_supersedes(&entries).await
}

/// Takes what waited for the jobs that this batch creates: superseding jobs and artifacts (R6, R15).
async fn join_waiting(
    transaction: &mut BatchTransaction<'_>,
    families: &mut Families,
    settled: &mut Settled,
) -> Result<Vec<Joined>, StoreError> {
    let keys: Vec<(i32, &str)> = families.new_guids().into_iter().collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let superseded = transaction.take_supersedes(&keys).await?;
    let artifacts = transaction.waiting_artifacts(&keys).await?;
    for (guid, by) in superseded {
        if let Some(row) = families.row_at(&guid, 0) {
            families.rows[row].supersede(&by);
        }
    }
    let mut joined = Vec::new();
    for waiting in artifacts {
        // What is not taken along is released right after the commit.
        settled.left_waiting = true;
        let Some(raw) = waiting.raw else { continue };
        let Some(row) = families.row_at(&waiting.guid, 0) else { continue };
        let Some(format) = RawFormat::from_word(&waiting.format) else { continue };
        let decoded = formats::decode(format, &raw.into(), Some(&waiting.project));
        // One that does not decode any more stays held; the sweep will reject it with its reasons.
        if let Content::Artifact(artifact) = decoded.content {
            let held = ReleasedHeld { id: waiting.id, replayed: false };
            joined.push(Joined { held, row, parts: artifact.parts });
        }
    }
    Ok(joined)
}

/// Writes rows that are new or have other values; those get their ids.
async fn write_rows(
    transaction: &mut BatchTransaction<'_>,
    changes: &mut ChangeNumber,
    families: &mut Families,
    items: &[Item],
    prepared: &[PreparedJob<'_>],
    now: i64,
) -> Result<(), StoreError> {
    let mut written: Vec<WrittenRow<'_>> =
        families.rows.iter().filter_map(|row| written_row(row, items, prepared, now)).collect();
    if written.is_empty() {
        return Ok(());
    }
    let change = changes.get(transaction).await?;
    written.sort_unstable_by(|a, b| (a.id, a.guid).cmp(&(b.id, b.guid)));
    let first_update = written.partition_point(|row| row.id == 0);
    let (inserts, updates) = written.split_at(first_update);
    // Updates first: a retry may free the guid that a new row takes.
    let (moved, stayed): (Vec<_>, Vec<_>) = updates.iter().cloned().partition(|row| row.moved);
    for (rows, moved) in [(moved, true), (stayed, false)] {
        if !rows.is_empty() {
            transaction.update_jobs(change, &rows, moved).await?;
        }
    }
    let mut ids = HashMap::new();
    if !inserts.is_empty() {
        let inserted = transaction.insert_jobs(change, inserts).await?;
        if inserted.len() < inserts.len() {
            return Err(StoreError::Conflict("another gateway created the same job".into()));
        }
        ids.extend(inserted.into_iter().map(|job| (job.guid, job.id)));
    }
    for row in &mut families.rows {
        if row.values_of.is_some() {
            row.touched = false;
            row.written_repeats = row.repeats;
        }
        if row.now.id == 0 {
            row.now.id = ids.get(&row.now.guid).copied().unwrap_or_default();
        }
    }
    Ok(())
}

fn written_row<'a>(
    row: &'a WorkingRow,
    items: &'a [Item],
    prepared: &'a [PreparedJob<'_>],
    now: i64,
) -> Option<WrittenRow<'a>> {
    let winner = &prepared[row.values_of?];
    let (job, item) = (winner.job, &items[winner.index]);
    let micros = |time: Option<chrono::DateTime<Utc>>| time.map(|t| t.timestamp_micros());
    let task = row.task_of.and_then(|position| prepared[position].job.parts.task.as_ref());
    let first = row.created_by.map_or(item, |position| &items[prepared[position].index]);
    let received_at = winner.received_at.timestamp_micros();
    Some(WrittenRow {
        id: row.now.id,
        moved: row.renamed || row.moved,
        guid: &row.now.guid,
        root_guid: &row.now.root_guid,
        repository_id: row.now.repository_id,
        push_id: row.now.push_id,
        signature_id: winner.signature_id,
        machine_id: winner.machine_id,
        product_id: winner.product_id,
        state: job.state.as_str(),
        result: job.result.as_str(),
        tier: winner.tier,
        who: &job.who,
        reason: &job.reason,
        submit_time: micros(job.submit_time),
        start_time: micros(job.start_time),
        end_time: micros(job.end_time),
        superseded_by: row.now.superseded_by.as_deref(),
        description: job.description.as_deref(),
        task_id: match task {
            Some(task) => Some(Cow::Borrowed(&task.task_id)),
            None if row.now.has_task => None,
            None => Some(Cow::Owned(TaskRun::stand_in(&row.now.guid))),
        },
        retry_id: task.map(|task| task.retry_id),
        digest: row.now.digest,
        applied: &row.now.applied,
        first_door: first.submission.door.as_str(),
        last_door: item.submission.door.as_str(),
        source: &item.source,
        received_at: row.now.received_at.timestamp_micros(),
        written_at: now,
        held_at: winner.released.then_some(received_at),
        released_at: winner.released.then_some(now),
        repeats: row.repeats,
    })
}

/// Attaches artifacts to the rows that had their guids when it was their turn; those without one wait.
fn attach<'a>(
    families: &Families,
    prepared: &[PreparedJob<'_>],
    directory: &Directory,
    items: &[Item],
    artifacts: &[(usize, &'a ArtifactSubmission)],
    additions: &mut Additions<'a>,
    settled: &mut Settled,
) -> Vec<(usize, usize)> {
    let mut attached = Vec::new();
    for &(index, artifact) in artifacts {
        let project = artifact.project.as_str();
        let Some(repository) = directory.repositories.get(project) else { continue };
        let applied = prepared.partition_point(|job| job.index < index);
        match families.row_at(artifact.guid.as_str(), applied) {
            None => {
                settled.waiting.push((index, Waiting { on: ParkedFor::Job, repository_id: repository.id }));
            }
            Some(row) if families.rows[row].now.repository_id != repository.id => {
                let format = items[index].submission.format;
                let other = families.rows[row].now.repository_id;
                settled.outcomes.push((index, wrong_repository(directory, format, other, project)));
            }
            Some(row) => {
                additions.add(&families.rows[row], index, PartsRule::OnlyLacking, &artifact.parts);
                attached.push((index, row));
            }
        }
    }
    attached
}

fn wrong_repository(directory: &Directory, format: RawFormat, owner: i32, named: &str) -> Outcome {
    let owner =
        directory.repositories.values().find(|r| r.id == owner).map_or("another", |r| r.name.as_str());
    let message = format!(
        "the job belongs to project {owner:?} and cannot be sent to {named:?}; guids are unique over all \
         projects"
    );
    Outcome::Rejected(vec![
        Violation::new(format.project_path(), "wrong_project", message).with_limit(owner).with_value(named),
    ])
}

/// Queues logs that were sent before their job completed; whether there may be any.
async fn queue_earlier_logs(
    transaction: &mut BatchTransaction<'_>,
    families: &Families,
) -> Result<bool, StoreError> {
    let mut jobs: Vec<(i64, i16)> = families
        .rows
        .iter()
        .filter(|row| row.now.state == JobState::Completed && !row.was_completed && row.created_by.is_none())
        .filter(|row| row.values_of.is_some())
        .filter_map(|row| Some((row.now.id, queue_priority(row, "live_backing_log", ParseStatus::Pending)?)))
        .collect();
    if jobs.is_empty() {
        return Ok(false);
    }
    jobs.sort_unstable();
    transaction.queue_pending_logs(&jobs).await?;
    Ok(true)
}

/// Marks rows to which something was added, and counts what changed nothing.
async fn finish_rows(
    transaction: &mut BatchTransaction<'_>,
    changes: &mut ChangeNumber,
    families: &Families,
    prepared: &[PreparedJob<'_>],
    now: i64,
) -> Result<(), StoreError> {
    let touched = touched_rows(families, prepared, now);
    if !touched.is_empty() {
        let change = changes.get(transaction).await?;
        transaction.touch_jobs(change, &touched).await?;
    }
    // Rows that were written carry the repeats that were known then.
    let mut repeats: Vec<(i64, i64)> = families
        .rows
        .iter()
        .map(|row| (row.now.id, row.repeats - row.written_repeats))
        .filter(|&(_, repeats)| repeats > 0)
        .collect();
    if !repeats.is_empty() {
        repeats.sort_unstable();
        transaction.count_repeats(&repeats).await?;
    }
    Ok(())
}

fn touched_rows<'a>(
    families: &'a Families,
    prepared: &'a [PreparedJob<'_>],
    now: i64,
) -> Vec<TouchedRow<'a>> {
    let mut touched: Vec<TouchedRow<'_>> = families
        .rows
        .iter()
        .filter(|row| row.touched)
        .map(|row| {
            let task = row.task_of.and_then(|position| prepared[position].job.parts.task.as_ref());
            TouchedRow {
                id: row.now.id,
                superseded_by: row.now.superseded_by.as_deref(),
                task_id: task.map(|task| &*task.task_id),
                retry_id: task.map(|task| task.retry_id),
                applied: &row.now.applied,
                written_at: now,
            }
        })
        .collect();
    touched.sort_unstable_by_key(|row| row.id);
    touched
}

/// Writes rows that were superseded outside of a batch. True if there were any.
pub(crate) async fn touch_rows(
    transaction: &mut BatchTransaction<'_>,
    families: &Families,
    now: i64,
) -> Result<bool, StoreError> {
    let touched = touched_rows(families, &[], now);
    if !touched.is_empty() {
        let change = transaction.change_number().await?;
        transaction.touch_jobs(change, &touched).await?;
    }
    Ok(!touched.is_empty())
}
