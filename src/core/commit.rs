//! One attempt to commit one batch: look up, lock, decide, write, commit. Nothing of it is remembered
//! if it fails, so that it can be run again as it is.

use super::family::PreparedJob;
use super::gateway::Directory;
use super::holding::{self, HoldingLimits, Waiting};
use super::job_writes::{self, Settled};
use super::submission::{Content, Item};
use crate::domain::{
    ArtifactSubmission, ContentDigest, Job, Outcome, ParkedFor, RawFormat, Repository, Verdict, Violation,
};
use crate::limits;
use crate::store::batch::{BatchTransaction, ReleasedHeld};
use crate::store::intern::{FoundPush, Interner, Resolved, Wanted};
use crate::store::{Store, StoreError};
use chrono::Utc;
use std::collections::{BTreeMap, BTreeSet};

/// What every batch works with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) store: &'a Store,
    pub(crate) interner: &'a Interner,
    pub(crate) directory: &'a Directory,
    pub(crate) bounds: &'a HoldingLimits,
}

/// A batch that is committed.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    /// In the order of the items.
    pub(crate) verdicts: Vec<Verdict>,
    /// Rows of jobs changed.
    pub(crate) jobs_changed: bool,
    /// Follow-up work was queued.
    pub(crate) queued_work: bool,
    /// Revisions that jobs were parked for: their push may have come meanwhile.
    pub(crate) parked_for_push: Vec<(i32, String)>,
    /// Something waits for a job: it may have come meanwhile, through another gateway.
    pub(crate) waits_for_job: bool,
}

/// Decides and commits `items`.
pub(crate) async fn commit(around: Surroundings<'_>, items: &[Item]) -> Result<Committed, StoreError> {
    let now = Utc::now();
    let mut transaction = around.store.begin_batch().await?;
    let mut batch = Batch {
        around,
        items,
        now: now.timestamp_micros(),
        outcomes: vec![None; items.len()],
        warnings: items.iter().map(|item| item.submission.warnings.clone()).collect(),
        waiting: BTreeMap::new(),
    };
    let candidates = batch.recognise();
    let located = batch.locate(&mut transaction, candidates).await?;

    let wanted = wanted(&located);
    let resolved = around.interner.resolve(&mut transaction, &wanted, batch.now).await?;
    if resolved.asked && !transaction.is_sqlite() {
        // Reference rows are shared by everybody: do not keep them locked while jobs are written.
        transaction.commit().await?;
        around.interner.publish(&resolved);
        transaction = around.store.begin_batch().await?;
    }
    let prepared = batch.prepare(&located, &resolved)?;

    let mut settled = batch.write_jobs(&mut transaction, &prepared).await?;
    holding::admit_parked(&mut transaction, items, &mut batch.waiting, &mut batch.outcomes, around.bounds)
        .await?;
    if let Some(index) = batch.outcomes.iter().position(Option::is_none) {
        return Err(StoreError::Internal(format!("submission {index} of a batch was left undecided")));
    }
    holding::hold(&mut transaction, items, &batch.waiting, &batch.outcomes, around.bounds).await?;
    batch.let_go(&mut transaction, std::mem::take(&mut settled.released)).await?;
    transaction.commit().await?;
    around.interner.publish(&resolved);
    Ok(batch.committed(&settled))
}

/// A batch under way.
struct Batch<'a> {
    around: Surroundings<'a>,
    items: &'a [Item],
    now: i64,
    outcomes: Vec<Option<Outcome>>,
    warnings: Vec<Vec<Violation>>,
    waiting: BTreeMap<usize, Waiting>,
}

/// A job whose repository is known.
struct Candidate<'a> {
    index: usize,
    job: &'a Job,
    repository: &'a Repository,
}

/// A job whose push is known.
struct Located<'a> {
    index: usize,
    job: &'a Job,
    repository_id: i32,
    push_id: i64,
    reference_key: ContentDigest,
}

fn wanted<'a>(located: &[Located<'a>]) -> Wanted<'a> {
    let mut wanted = Wanted::default();
    for job in located {
        wanted.references.entry(job.reference_key).or_insert((
            job.repository_id,
            &job.job.project,
            &job.job.reference,
        ));
        wanted.machines.insert(&job.job.machine);
        wanted.products.insert(&job.job.product);
    }
    wanted
}

impl<'a> Batch<'a> {
    fn reject(&mut self, index: usize, violation: Violation) {
        self.outcomes[index] = Some(Outcome::Rejected(vec![violation]));
    }

    /// Sorts out what is invalid or names no usable repository.
    fn recognise(&mut self) -> Vec<Candidate<'a>> {
        let mut candidates = Vec::with_capacity(self.items.len());
        for (index, item) in self.items.iter().enumerate() {
            let format = item.submission.format;
            match &item.submission.content {
                Content::Invalid(refused) => {
                    self.outcomes[index] = Some(Outcome::Rejected(refused.violations.clone()));
                }
                Content::Artifact(artifact) => {
                    if let Err(violation) = self.repository(artifact.project.as_str(), format) {
                        self.reject(index, violation);
                    }
                }
                Content::Job(job) => match self.repository(job.project.as_str(), format) {
                    Err(violation) => self.reject(index, violation),
                    Ok(repository) => match short_revision(job, format) {
                        Some(violation) => self.reject(index, violation),
                        None => candidates.push(Candidate { index, job, repository }),
                    },
                },
            }
        }
        candidates
    }

    fn repository(&self, project: &str, format: RawFormat) -> Result<&'a Repository, Violation> {
        let violation =
            |rule, message| Violation::new(format.project_path(), rule, message).with_value(project);
        match self.around.directory.repositories.get(project) {
            None => Err(violation(
                "unknown_repository",
                "no repository has this name; ask an administrator to add it, or mend the name",
            )),
            Some(repository) if !repository.active => {
                Err(violation("inactive_repository", "the repository takes no jobs any more"))
            }
            Some(repository) => Ok(repository),
        }
    }

    /// Finds the pushes; jobs without one wait.
    async fn locate(
        &mut self,
        transaction: &mut BatchTransaction<'_>,
        candidates: Vec<Candidate<'a>>,
    ) -> Result<Vec<Located<'a>>, StoreError> {
        let (mut exact, mut prefixes) = (BTreeSet::new(), BTreeSet::new());
        for candidate in &candidates {
            let key = (candidate.repository.id, candidate.job.revision.as_str());
            if candidate.job.revision.is_exact() {
                exact.insert(key)
            } else {
                prefixes.insert(key)
            };
        }
        let pushes = self.around.interner.pushes(transaction, &exact, &prefixes).await?;
        let mut located = Vec::with_capacity(candidates.len());
        for Candidate { index, job, repository } in candidates {
            match pushes.get(&(repository.id, job.revision.as_str())) {
                Some(&FoundPush::Known(push_id)) => located.push(Located {
                    index,
                    job,
                    repository_id: repository.id,
                    push_id,
                    reference_key: job.reference.key(&job.project),
                }),
                Some(FoundPush::Ambiguous) => {
                    let path = self.items[index].submission.format.revision_path();
                    let message = "several pushes start with this; send the full revision";
                    let violation = Violation::new(path, "ambiguous_revision", message);
                    self.reject(index, violation.with_value(job.revision.as_str()));
                }
                Some(FoundPush::Unknown) | None => {
                    self.waiting.insert(index, Waiting { on: ParkedFor::Push, repository_id: repository.id });
                }
            }
        }
        Ok(located)
    }

    fn prepare(
        &self,
        located: &[Located<'a>],
        resolved: &Resolved,
    ) -> Result<Vec<PreparedJob<'a>>, StoreError> {
        let lost = || StoreError::Internal("an interned row is not there".into());
        located
            .iter()
            .map(|l| {
                let signature = resolved.signature(l.reference_key).ok_or_else(lost)?;
                let submission = &self.items[l.index].submission;
                Ok(PreparedJob {
                    index: l.index,
                    job: l.job,
                    repository_id: l.repository_id,
                    push_id: l.push_id,
                    signature_id: signature.id,
                    machine_id: resolved.machine(&l.job.machine).ok_or_else(lost)?,
                    product_id: resolved.product(&l.job.product).ok_or_else(lost)?,
                    tier: self
                        .around
                        .directory
                        .tiers
                        .get(&signature.signature)
                        .copied()
                        .unwrap_or(l.job.tier),
                    digest: l.job.content_digest(),
                    received_at: submission.received_at,
                    released: submission.held.is_some(),
                })
            })
            .collect()
    }

    /// Settles jobs and artifacts, and takes over what became of each.
    async fn write_jobs(
        &mut self,
        transaction: &mut BatchTransaction<'_>,
        prepared: &[PreparedJob<'a>],
    ) -> Result<Settled, StoreError> {
        let artifacts: Vec<(usize, &'a ArtifactSubmission)> = self
            .items
            .iter()
            .enumerate()
            .filter(|(index, _)| self.outcomes[*index].is_none())
            .filter_map(|(index, item)| match &item.submission.content {
                Content::Artifact(artifact) => Some((index, &**artifact)),
                Content::Job(_) | Content::Invalid(_) => None,
            })
            .collect();
        let mut settled =
            job_writes::settle(transaction, self.around, self.items, prepared, &artifacts, self.now).await?;
        for (index, outcome) in settled.outcomes.drain(..) {
            self.outcomes[index] = Some(outcome);
        }
        for (index, warning) in settled.warnings.drain(..) {
            self.warnings[index].push(warning);
        }
        self.waiting.extend(settled.waiting.drain(..));
        Ok(settled)
    }

    /// Lets held messages go whose submissions are decided now.
    async fn let_go(
        &self,
        transaction: &mut BatchTransaction<'_>,
        mut released: Vec<ReleasedHeld>,
    ) -> Result<(), StoreError> {
        for (item, outcome) in self.items.iter().zip(&self.outcomes) {
            if let (Some(held), Some(Outcome::Stored(_) | Outcome::Unchanged(_))) =
                (item.submission.held, outcome)
            {
                released.push(ReleasedHeld { id: held.id, replayed: held.replayed });
            }
        }
        if released.is_empty() {
            return Ok(());
        }
        released.sort_unstable_by_key(|held| held.id);
        transaction.release_held(&released).await
    }

    fn committed(self, settled: &Settled) -> Committed {
        let parked_for_push = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.on == ParkedFor::Push)
            .filter_map(|(&index, waiting)| {
                self.items[index].claimed().revision.map(|revision| (waiting.repository_id, revision))
            })
            .collect::<BTreeSet<_>>();
        let waits_for_job =
            settled.left_waiting || self.waiting.values().any(|waiting| waiting.on == ParkedFor::Job);
        let verdicts = self
            .items
            .iter()
            .zip(self.outcomes.into_iter().flatten())
            .zip(self.warnings)
            .map(|((item, outcome), warnings)| Verdict {
                guid: item.guid().map(Into::into),
                outcome,
                warnings,
            })
            .collect();
        Committed {
            verdicts,
            jobs_changed: settled.changed,
            queued_work: settled.queued_work,
            parked_for_push: parked_for_push.into_iter().collect(),
            waits_for_job,
        }
    }
}

/// Revisions below 12 characters are no prefix to look up (contract, Appendix C).
fn short_revision(job: &Job, format: RawFormat) -> Option<Violation> {
    let revision = job.revision.as_str();
    (revision.chars().count() < limits::REVISION_PREFIX).then(|| {
        Violation::new(
            format.revision_path(),
            "minLength",
            "send the full revision of 40 characters, or a prefix of at least 12",
        )
        .with_limit(limits::REVISION_PREFIX)
        .with_value(revision)
    })
}
