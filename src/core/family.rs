//! Families of job rows in memory: the rows that one batch has locked, and what its submissions make
//! of them, one after the other, as if each were applied alone (R8). Pure; the writer stores the result.

use crate::domain::{
    AppliedDigests, ContentDigest, Current, Incoming, Job, JobState, Transition, UnchangedReason, decide,
};
use crate::store::batch::DecisionRow;
use chrono::{DateTime, Utc};
use std::collections::{BTreeSet, HashMap};

/// A job submission with everything that was looked up for it.
#[derive(Debug)]
pub(crate) struct PreparedJob<'a> {
    /// Position in the batch.
    pub(crate) index: usize,
    pub(crate) job: &'a Job,
    pub(crate) repository_id: i32,
    pub(crate) push_id: i64,
    pub(crate) signature_id: i32,
    pub(crate) machine_id: i32,
    pub(crate) product_id: i32,
    /// After the override.
    pub(crate) tier: i32,
    pub(crate) digest: ContentDigest,
    pub(crate) received_at: DateTime<Utc>,
    /// It was held before and comes late, perhaps.
    pub(crate) released: bool,
}

/// What a submission does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Folded {
    /// Makes a row.
    Created(usize),
    /// Changes a row.
    Updated(usize),
    /// Only adds what the row lacks, or nothing.
    Kept(usize, UnchangedReason),
    /// Was applied before.
    Duplicate(usize),
    /// Its guid belongs to a job of this other repository.
    WrongRepository(i32),
}

/// A row as the batch leaves it.
#[derive(Debug)]
pub(crate) struct WorkingRow {
    /// What decisions look at, as of the last submission folded.
    pub(crate) now: DecisionRow,
    /// Positions, among the prepared, of the submission that made the row and of the one whose values
    /// it has now.
    pub(crate) created_by: Option<usize>,
    pub(crate) values_of: Option<usize>,
    /// It was completed before this batch.
    pub(crate) was_completed: bool,
    /// A retry took it over and gave it its guid.
    pub(crate) renamed: bool,
    /// It belongs to another push than before.
    pub(crate) moved: bool,
    /// Something was added although no submission won.
    pub(crate) touched: bool,
    /// A task to add, from the submission at this position among the prepared.
    pub(crate) task_of: Option<usize>,
    /// Submissions of the batch that changed nothing.
    pub(crate) repeats: i64,
    /// Those that are written with the row.
    pub(crate) written_repeats: i64,
}

/// All rows that a batch may change.
#[derive(Debug, Default)]
pub(crate) struct Families {
    pub(crate) rows: Vec<WorkingRow>,
    by_guid: HashMap<String, Vec<Owner>>,
    by_root: HashMap<String, Vec<usize>>,
}

/// Who has a guid from a point of the batch on: a retry may take a row over and free its guid for another.
#[derive(Debug, Clone, Copy)]
struct Owner {
    /// So many submissions were applied by then; 0 for the rows that were locked.
    since: usize,
    /// None: the guid is free.
    row: Option<usize>,
}

impl Families {
    /// From the locked rows.
    pub(crate) fn new(locked: Vec<DecisionRow>) -> Self {
        let mut families = Self::default();
        for row in locked {
            families.add(WorkingRow::of(row), 0);
        }
        families
    }

    fn add(&mut self, row: WorkingRow, since: usize) -> usize {
        let index = self.rows.len();
        self.by_guid.entry(row.now.guid.clone()).or_default().push(Owner { since, row: Some(index) });
        self.by_root.entry(row.now.root_guid.clone()).or_default().push(index);
        self.rows.push(row);
        index
    }

    /// The row that has exactly this guid now.
    pub(crate) fn row_of(&self, guid: &str) -> Option<usize> {
        self.by_guid.get(guid)?.last()?.row
    }

    /// The row that had this guid once the first `applied` submissions of the batch were folded, or else
    /// the first that got it after them.
    pub(crate) fn row_at(&self, guid: &str, applied: usize) -> Option<usize> {
        let owners = self.by_guid.get(guid)?;
        let later = owners.partition_point(|owner| owner.since <= applied);
        let then = later.checked_sub(1).and_then(|last| owners[last].row);
        then.or_else(|| owners[later..].iter().find_map(|owner| owner.row))
    }

    /// Guids that a row got in this batch, each with the repository of that row.
    pub(crate) fn new_guids(&self) -> BTreeSet<(i32, &str)> {
        let mut new = BTreeSet::new();
        for (guid, owners) in &self.by_guid {
            for row in owners.iter().filter(|owner| owner.since > 0).filter_map(|owner| owner.row) {
                new.insert((self.rows[row].now.repository_id, guid.as_str()));
            }
        }
        new
    }

    /// Applies one submission; `position` is its place among the prepared.
    pub(crate) fn fold(&mut self, position: usize, prepared: &PreparedJob<'_>) -> Folded {
        let guid = prepared.job.guid.as_str();
        let root = prepared.job.guid.root();
        if let Some(row) = self.applied_before(root, prepared) {
            self.rows[row].repeats += 1;
            return Folded::Duplicate(row);
        }
        let Some(index) = self.row_of(guid) else {
            return match self.taken_over(guid, root, prepared) {
                Some(row) => self.take_over(row, position, prepared),
                None => Folded::Created(self.add(new_row(position, prepared), position + 1)),
            };
        };
        let row = &mut self.rows[index];
        if row.now.repository_id != prepared.repository_id {
            return Folded::WrongRepository(row.now.repository_id);
        }
        match decide(&row.current(), &prepared.incoming()) {
            Transition::Apply => {
                row.apply(position, prepared, prepared.push_id);
                Folded::Updated(index)
            }
            Transition::Advance => {
                let push_id = row.now.push_id;
                row.apply(position, prepared, push_id);
                Folded::Updated(index)
            }
            Transition::Keep(reason) => Folded::Kept(index, reason),
        }
    }

    /// A row of the family that remembers this very submission, under whatever guid it has now (R8).
    fn applied_before(&self, root: &str, prepared: &PreparedJob<'_>) -> Option<usize> {
        self.by_root.get(root)?.iter().copied().find(|&row| {
            let row = &self.rows[row].now;
            row.repository_id == prepared.repository_id && row.applied.contains(prepared.digest)
        })
    }

    /// The row of the base guid that a retry takes over: in the same repository, not completed, and
    /// not further than the retry itself (contract 2.5, R8). A late one must be further (R14).
    fn taken_over(&self, guid: &str, root: &str, prepared: &PreparedJob<'_>) -> Option<usize> {
        if guid == root {
            return None;
        }
        let index = self.row_of(root)?;
        let row = &self.rows[index].now;
        if row.repository_id != prepared.repository_id || row.state == JobState::Completed {
            return None;
        }
        let late = prepared.released && prepared.received_at < row.received_at;
        match (prepared.job.state.rank(), row.state.rank()) {
            (Some(submitted), Some(stored)) => submitted > stored || (submitted == stored && !late),
            (Some(_), None) => !late,
            (None, stored) => stored != Some(2) && !late,
        }
        .then_some(index)
    }

    fn take_over(&mut self, index: usize, position: usize, prepared: &PreparedJob<'_>) -> Folded {
        let row = &mut self.rows[index];
        let since = position + 1;
        self.by_guid.entry(row.now.guid.clone()).or_default().push(Owner { since, row: None });
        row.now.guid = prepared.job.guid.as_str().to_owned();
        row.renamed = true;
        self.by_guid.entry(row.now.guid.clone()).or_default().push(Owner { since, row: Some(index) });
        let late = prepared.released && prepared.received_at < row.now.received_at;
        let push_id = if late { row.now.push_id } else { prepared.push_id };
        row.apply(position, prepared, push_id);
        Folded::Updated(index)
    }
}

impl WorkingRow {
    /// A row that the batch has not changed.
    fn of(now: DecisionRow) -> Self {
        Self {
            was_completed: now.state == JobState::Completed,
            now,
            created_by: None,
            values_of: None,
            renamed: false,
            moved: false,
            touched: false,
            task_of: None,
            repeats: 0,
            written_repeats: 0,
        }
    }

    fn current(&self) -> Current<'_> {
        Current {
            state: &self.now.state,
            result: &self.now.result,
            submit_time: self.now.submit_time,
            start_time: self.now.start_time,
            received_at: self.now.received_at,
            digest: self.now.digest,
        }
    }

    fn apply(&mut self, position: usize, prepared: &PreparedJob<'_>, push_id: i64) {
        let now = &mut self.now;
        self.moved |= now.push_id != push_id;
        now.push_id = push_id;
        now.state = prepared.job.state.clone();
        now.result = prepared.job.result.clone();
        now.submit_time = prepared.job.submit_time;
        now.start_time = prepared.job.start_time;
        now.digest = prepared.digest;
        now.applied.remember(prepared.digest);
        now.received_at = now.received_at.max(prepared.received_at);
        if now.state == JobState::Completed {
            // Its own completion wins for good, whichever came first (R6).
            now.superseded_by = None;
        }
        self.values_of = Some(position);
        self.add_task(position, prepared.job);
    }

    /// Adds the task unless the row has one (contract 2.10). True if it was added.
    pub(crate) fn add_task(&mut self, position: usize, job: &Job) -> bool {
        let adds = !self.now.has_task && job.parts.task.is_some();
        if adds {
            self.now.has_task = true;
            self.task_of = Some(position);
        }
        adds
    }

    /// Marks the row as superseded unless it completed on its own (R6). Of several superseding jobs the
    /// one with the greatest guid is kept, so that the order of arrival does not matter. True if that
    /// changed anything.
    pub(crate) fn supersede(&mut self, by: &str) -> bool {
        if self.now.state == JobState::Completed || self.now.superseded_by.as_deref() >= Some(by) {
            return false;
        }
        self.now.superseded_by = Some(by.to_owned());
        true
    }
}

impl PreparedJob<'_> {
    fn incoming(&self) -> Incoming<'_> {
        Incoming {
            state: &self.job.state,
            result: &self.job.result,
            submit_time: self.job.submit_time,
            start_time: self.job.start_time,
            digest: self.digest,
            received_at: self.received_at,
            released: self.released,
        }
    }
}

fn new_row(position: usize, prepared: &PreparedJob<'_>) -> WorkingRow {
    let job = prepared.job;
    let mut applied = AppliedDigests::default();
    applied.remember(prepared.digest);
    let now = DecisionRow {
        id: 0,
        guid: job.guid.as_str().to_owned(),
        root_guid: job.guid.root().to_owned(),
        repository_id: prepared.repository_id,
        push_id: prepared.push_id,
        state: job.state.clone(),
        result: job.result.clone(),
        submit_time: job.submit_time,
        start_time: job.start_time,
        digest: prepared.digest,
        applied,
        received_at: prepared.received_at,
        superseded_by: None,
        has_task: job.parts.task.is_some(),
    };
    WorkingRow {
        was_completed: false,
        created_by: Some(position),
        values_of: Some(position),
        task_of: job.parts.task.as_ref().map(|_| position),
        ..WorkingRow::of(now)
    }
}

#[cfg(test)]
#[path = "family_tests.rs"]
mod tests;
