//! The parts that the submissions of one batch add to its rows: merged per row, so that one statement
//! per kind of part stores them and every submission learns whether it added anything (R7).

use super::family::WorkingRow;
use crate::domain::{JobResult, JobState, LogReference, ParseStatus, Parts};
use crate::store::StoreError;
use crate::store::batch::{ArtifactRow, BatchTransaction, DetailRow, LogRow, PartsRule, StepRow};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

/// Key of a log or detail: row, and the two texts that make it unique in its job.
type PairKey<'a> = (usize, &'a str, &'a str);

#[derive(Debug)]
struct Owned<T> {
    value: T,
    rule: PartsRule,
    /// Submission that brought it.
    owner: usize,
}

/// Parts by key.
#[derive(Debug, Default)]
pub(crate) struct Additions<'a> {
    logs: HashMap<PairKey<'a>, Owned<ParseStatus>>,
    details: HashMap<PairKey<'a>, Owned<(Option<&'a str>, &'static str)>>,
    artifacts: HashMap<(usize, &'a str), Owned<(&'a str, &'a str)>>,
    summaries: Vec<Owned<(usize, &'a Parts)>>,
}

impl<'a> Additions<'a> {
    /// Adds the parts of submission `owner` to row `row`.
    pub(crate) fn add(&mut self, row: usize, owner: usize, rule: PartsRule, parts: &'a Parts) {
        for log in &parts.logs {
            match self.logs.entry((row, &log.name, &log.url)) {
                Entry::Vacant(entry) => {
                    entry.insert(Owned { value: log.status, rule, owner });
                }
                Entry::Occupied(mut entry) => {
                    let known = entry.get_mut();
                    let moves_on = known.value == ParseStatus::Pending;
                    let again = known.value == ParseStatus::Failed && rule == PartsRule::Applied;
                    if known.value != log.status && (moves_on || again) {
                        *known = Owned { value: log.status, rule: stronger(known.rule, rule), owner };
                    }
                }
            }
        }
        for detail in &parts.details {
            let title = detail.title.as_deref().unwrap_or("");
            let value = (detail.url.as_deref(), detail.content_type.as_str());
            match self.details.entry((row, title, &detail.value)) {
                Entry::Vacant(entry) => {
                    entry.insert(Owned { value, rule, owner });
                }
                Entry::Occupied(mut entry) if rule == PartsRule::Applied => {
                    entry.insert(Owned { value, rule, owner });
                }
                Entry::Occupied(_) => {}
            }
        }
        for artifact in &parts.artifacts {
            self.artifacts.entry((row, &artifact.name)).or_insert(Owned {
                value: (&artifact.kind, &artifact.blob),
                rule,
                owner,
            });
        }
        if parts.summary.is_some() {
            self.summaries.push(Owned { value: (row, parts), rule, owner });
        }
    }

    /// Stores everything; gives back the submissions that added or changed something.
    pub(crate) async fn store(
        &self,
        transaction: &mut BatchTransaction<'_>,
        rows: &[WorkingRow],
        now: i64,
    ) -> Result<HashSet<usize>, StoreError> {
        let row_by_id: HashMap<i64, usize> = rows.iter().enumerate().map(|(i, row)| (row.id, i)).collect();
        let mut added = HashSet::new();
        self.store_logs(transaction, rows, now, &row_by_id, &mut added).await?;
        self.store_details(transaction, rows, &row_by_id, &mut added).await?;
        self.store_artifacts(transaction, rows, &row_by_id, &mut added).await?;
        self.store_summaries(transaction, rows, &row_by_id, &mut added).await?;
        Ok(added)
    }

    async fn store_logs(
        &self,
        transaction: &mut BatchTransaction<'_>,
        rows: &[WorkingRow],
        now: i64,
        row_by_id: &HashMap<i64, usize>,
        added: &mut HashSet<usize>,
    ) -> Result<(), StoreError> {
        for rule in [PartsRule::Applied, PartsRule::OnlyLacking] {
            let mut logs: Vec<LogRow<'_>> = self
                .logs
                .iter()
                .filter(|(_, log)| log.rule == rule)
                .map(|(&(row, name, url), log)| LogRow {
                    job_id: rows[row].id,
                    name,
                    url,
                    status: log.value.code(),
                    queue_priority: queue_priority(&rows[row], name, log.value),
                    created_at: now,
                })
                .collect();
            if logs.is_empty() {
                continue;
            }
            logs.sort_unstable_by(|a, b| (a.job_id, a.name, a.url).cmp(&(b.job_id, b.name, b.url)));
            for (job, name, url) in transaction.add_logs(rule, &logs).await? {
                let row = row_by_id.get(&job).copied();
                added.extend(row.and_then(|row| self.logs.get(&(row, &*name, &*url))).map(|log| log.owner));
            }
        }
        Ok(())
    }

    async fn store_details(
        &self,
        transaction: &mut BatchTransaction<'_>,
        rows: &[WorkingRow],
        row_by_id: &HashMap<i64, usize>,
        added: &mut HashSet<usize>,
    ) -> Result<(), StoreError> {
        for rule in [PartsRule::Applied, PartsRule::OnlyLacking] {
            let mut details: Vec<DetailRow<'_>> = self
                .details
                .iter()
                .filter(|(_, detail)| detail.rule == rule)
                .map(|(&(row, title, value), detail)| DetailRow {
                    job_id: rows[row].id,
                    title,
                    value,
                    url: detail.value.0,
                    content_type: detail.value.1,
                })
                .collect();
            if details.is_empty() {
                continue;
            }
            details.sort_unstable_by(|a, b| (a.job_id, a.title, a.value).cmp(&(b.job_id, b.title, b.value)));
            for (job, title, value) in transaction.add_details(rule, &details).await? {
                let row = row_by_id.get(&job).copied();
                let detail = row.and_then(|row| self.details.get(&(row, &*title, &*value)));
                added.extend(detail.map(|detail| detail.owner));
            }
        }
        Ok(())
    }

    async fn store_artifacts(
        &self,
        transaction: &mut BatchTransaction<'_>,
        rows: &[WorkingRow],
        row_by_id: &HashMap<i64, usize>,
        added: &mut HashSet<usize>,
    ) -> Result<(), StoreError> {
        if self.artifacts.is_empty() {
            return Ok(());
        }
        let mut artifacts: Vec<ArtifactRow<'_>> = self
            .artifacts
            .iter()
            .map(|(&(row, name), artifact)| ArtifactRow {
                job_id: rows[row].id,
                name,
                kind: artifact.value.0,
                blob: artifact.value.1,
            })
            .collect();
        artifacts.sort_unstable_by(|a, b| (a.job_id, a.name).cmp(&(b.job_id, b.name)));
        for (job, name) in transaction.add_artifacts(&artifacts).await? {
            let row = row_by_id.get(&job).copied();
            added.extend(row.and_then(|row| self.artifacts.get(&(row, &*name))).map(|a| a.owner));
        }
        Ok(())
    }

    async fn store_summaries(
        &self,
        transaction: &mut BatchTransaction<'_>,
        rows: &[WorkingRow],
        row_by_id: &HashMap<i64, usize>,
        added: &mut HashSet<usize>,
    ) -> Result<(), StoreError> {
        let mut known: HashMap<(usize, i32, i32), usize> = HashMap::new();
        let mut steps: Vec<StepRow<'_>> = Vec::new();
        for summary in &self.summaries {
            let (row, parts) = summary.value;
            let own_steps = parts.summary.iter().flat_map(|summary| summary.steps.iter().enumerate());
            for (position, step) in own_steps {
                let index = *known.entry((row, step.started_line, step.finished_line)).or_insert_with(|| {
                    steps.push(StepRow {
                        job_id: rows[row].id,
                        position: i32::try_from(position).unwrap_or(i32::MAX),
                        name: &step.name,
                        started_at: step.started.map(|t| t.timestamp_micros()),
                        finished_at: step.finished.map(|t| t.timestamp_micros()),
                        started_line: step.started_line,
                        finished_line: step.finished_line,
                        result: step.result.as_str(),
                        errors: Vec::new(),
                    });
                    steps.len() - 1
                });
                // A step that is there already may still lack errors.
                steps[index].errors.extend(step.errors.iter().map(|error| (error.line_number, &*error.line)));
            }
        }
        for step in &mut steps {
            // The sort is stable: of several lines with one number the first stays.
            step.errors.sort_by_key(|(number, _)| *number);
            step.errors.dedup_by_key(|(number, _)| *number);
        }
        if steps.is_empty() {
            return Ok(());
        }
        for job in transaction.add_steps(&steps).await? {
            let row = row_by_id.get(&job).copied();
            let owners = self.summaries.iter().filter(|summary| Some(summary.value.0) == row);
            added.extend(owners.map(|summary| summary.owner));
        }
        Ok(())
    }
}

fn stronger(a: PartsRule, b: PartsRule) -> PartsRule {
    if a == PartsRule::Applied { a } else { b }
}

/// Where a log stands in the follow-up queue: failures first, nothing before the job has completed,
/// nothing that is not to be parsed (R16, logs contract 1.2).
pub(crate) fn queue_priority(row: &WorkingRow, name: &str, status: ParseStatus) -> Option<i16> {
    let waits = status == ParseStatus::Pending
        && row.state == JobState::Completed
        && LogReference::is_parseable_name(name);
    waits.then(|| i16::from(row.result == JobResult::Success))
}
