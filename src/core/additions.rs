//! The parts that the submissions of one batch add to its rows: merged per row, so that one statement
//! per kind of part stores them and every submission learns whether it added anything (R7).

use super::family::WorkingRow;
use crate::domain::{
    JobDetail, JobResult, JobState, LogReference, LogSummary, ParseStatus, Parts, PerformanceDocument,
};
use crate::formats::performance_documents;
use crate::store::StoreError;
use crate::store::batch::{
    ArtifactRow, BatchTransaction, DetailRow, FlatErrorRow, LogRow, PartsRule, PerformanceFetchRow,
    PerformanceRow, SUPPLIED, StepRow, SummaryRow,
};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Name of the artifact that carries performance data.
const PERFORMANCE_DATA: &str = "performance_data";

/// Job, and the two texts that make a log or detail unique in it.
type PairKey<'a> = (i64, &'a str, &'a str);

/// Parts of one kind, in the order of their keys, which is that in which rows are locked.
type ByKey<K, T> = BTreeMap<K, Owned<T>>;

#[derive(Debug)]
struct Owned<T> {
    value: T,
    rule: PartsRule,
    /// Submission that brought it.
    owner: usize,
}

/// Parts by key; all rows that they belong to are stored and have their ids.
#[derive(Debug, Default)]
pub(crate) struct Additions<'a> {
    /// With their places in the follow-up queue.
    logs: ByKey<PairKey<'a>, (ParseStatus, Option<i16>)>,
    details: ByKey<PairKey<'a>, &'a JobDetail>,
    /// Links to performance data, with their places in the follow-up queue.
    performance: BTreeMap<(i64, &'a str), i16>,
    /// Type and blob, by job and name.
    artifacts: ByKey<(i64, &'a str), (&'a str, &'a str)>,
    /// Job, submission and summary.
    summaries: Vec<(i64, usize, &'a LogSummary)>,
}

impl<'a> Additions<'a> {
    /// Adds the parts of submission `owner` to `row`, which has its id and final state.
    pub(crate) fn add(&mut self, row: &WorkingRow, owner: usize, rule: PartsRule, parts: &'a Parts) {
        let job = row.now.id;
        for log in &parts.logs {
            let value = (log.status, queue_priority(row, &log.name, log.status));
            match self.logs.entry((job, &log.name, &log.url)) {
                Entry::Vacant(entry) => {
                    entry.insert(Owned { value, rule, owner });
                }
                Entry::Occupied(mut entry) => {
                    let known = entry.get_mut();
                    let moves_on = known.value.0 == ParseStatus::Pending;
                    let again = known.value.0 == ParseStatus::Failed && rule == PartsRule::Applied;
                    if known.value.0 != log.status && (moves_on || again) {
                        *known = Owned { value, rule: stronger(known.rule, rule), owner };
                    }
                }
            }
        }
        for detail in &parts.details {
            if let Some(url) = detail.performance_url() {
                self.performance.insert((job, url), i16::from(row.now.result == JobResult::Success));
            }
            let title = detail.title.as_deref().unwrap_or("");
            let owned = Owned { value: detail, rule, owner };
            match self.details.entry((job, title, &detail.value)) {
                Entry::Vacant(entry) => {
                    entry.insert(owned);
                }
                Entry::Occupied(mut entry) if rule == PartsRule::Applied => {
                    entry.insert(owned);
                }
                Entry::Occupied(_) => {}
            }
        }
        for artifact in &parts.artifacts {
            let value = (&*artifact.kind, &*artifact.blob);
            self.artifacts.entry((job, &artifact.name)).or_insert(Owned { value, rule, owner });
        }
        self.summaries.extend(parts.summary.as_ref().map(|summary| (job, owner, summary)));
    }

    /// Whether there is follow-up work in them.
    pub(crate) fn have_work(&self) -> bool {
        !self.performance.is_empty() || self.logs.values().any(|log| log.value.1.is_some())
    }

    /// Stores everything; gives back the submissions that added or changed something.
    pub(crate) async fn store(
        &self,
        transaction: &mut BatchTransaction<'_>,
        now: i64,
    ) -> Result<HashSet<usize>, StoreError> {
        let mut added = HashSet::new();
        for rule in [PartsRule::Applied, PartsRule::OnlyLacking] {
            let logs: Vec<LogRow<'_>> = of_rule(&self.logs, rule)
                .map(|(&(job_id, name, url), (status, queue_priority))| LogRow {
                    job_id,
                    name,
                    url,
                    status: status.code(),
                    queue_priority: *queue_priority,
                    created_at: now,
                })
                .collect();
            for (job, name, url) in transaction.add_logs(rule, &logs).await? {
                added.extend(self.logs.get(&(job, &*name, &*url)).map(|log| log.owner));
            }
            let details: Vec<DetailRow<'_>> = of_rule(&self.details, rule)
                .map(|(&(job_id, title, value), detail)| DetailRow {
                    job_id,
                    title,
                    value,
                    url: detail.url.as_deref(),
                    content_type: detail.content_type.as_str(),
                })
                .collect();
            for (job, title, value) in transaction.add_details(rule, &details).await? {
                added.extend(self.details.get(&(job, &*title, &*value)).map(|detail| detail.owner));
            }
        }
        let fetches: Vec<_> = self
            .performance
            .iter()
            .map(|(&(job_id, url), &queue_priority)| PerformanceFetchRow { job_id, url, queue_priority })
            .collect();
        transaction.queue_performance(&fetches).await?;
        let artifacts: Vec<ArtifactRow<'_>> = self
            .artifacts
            .iter()
            .map(|(&(job_id, name), artifact)| {
                let (kind, blob) = artifact.value;
                ArtifactRow { job_id, name, kind, blob }
            })
            .collect();
        let mut measured = Vec::new();
        for (job, name) in transaction.add_artifacts(&artifacts).await? {
            let Some(artifact) = self.artifacts.get(&(job, &*name)) else { continue };
            added.insert(artifact.owner);
            if name == PERFORMANCE_DATA {
                let (_, blob) = artifact.value;
                measured.extend(documents_of(job, blob).into_iter().map(|document| (job, document)));
            }
        }
        let rows: Vec<PerformanceRow<'_>> =
            measured.iter().map(|(job_id, document)| PerformanceRow { job_id: *job_id, document }).collect();
        transaction.add_performance(&rows).await?;
        let mut jobs = transaction.add_steps(&self.steps()).await?;
        jobs.extend(transaction.add_summaries(&self.summary_rows()).await?);
        jobs.extend(transaction.add_supplied_errors(&self.errors()).await?);
        for job in jobs {
            let of_job = self.summaries.iter().filter(|(of, ..)| *of == job);
            added.extend(of_job.map(|(_, owner, _)| owner));
        }
        Ok(added)
    }

    /// That a job has a supplied summary, once for each job.
    fn summary_rows(&self) -> Vec<SummaryRow> {
        let mut truncated: BTreeMap<i64, bool> = BTreeMap::new();
        for &(job_id, _, summary) in &self.summaries {
            *truncated.entry(job_id).or_default() |= summary.errors_truncated;
        }
        let row = |(job_id, errors_truncated)| SummaryRow { job_id, log_id: SUPPLIED, errors_truncated };
        truncated.into_iter().map(row).collect()
    }

    /// The error lines of all summaries that stand in no step, each once; the text of the first counts.
    fn errors(&self) -> Vec<FlatErrorRow<'a>> {
        let mut errors: BTreeMap<(i64, i32), &'a str> = BTreeMap::new();
        for &(job_id, _, summary) in &self.summaries {
            for error in &summary.errors {
                errors.entry((job_id, error.line_number)).or_insert(&error.line);
            }
        }
        let row = |((job_id, line_number), line)| FlatErrorRow { job_id, line_number, line };
        errors.into_iter().map(row).collect()
    }

    /// The steps of all summaries, each once; of one that comes again, the errors that it lacks.
    fn steps(&self) -> Vec<StepRow<'a>> {
        let mut known: HashMap<(i64, i32, i32), usize> = HashMap::new();
        let mut steps: Vec<StepRow<'a>> = Vec::new();
        for &(job_id, _, summary) in &self.summaries {
            for (position, step) in summary.steps.iter().enumerate() {
                let key = (job_id, step.started_line, step.finished_line);
                let index = *known.entry(key).or_insert_with(|| {
                    steps.push(StepRow {
                        job_id,
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
                steps[index].errors.extend(step.errors.iter().map(|error| (error.line_number, &*error.line)));
            }
        }
        for step in &mut steps {
            // The sort is stable: of several lines with one number the first stays.
            step.errors.sort_by_key(|(number, _)| *number);
            step.errors.dedup_by_key(|(number, _)| *number);
        }
        steps
    }
}

/// The performance data in an artifact. One that has another form stays but an artifact.
fn documents_of(job: i64, blob: &str) -> Vec<PerformanceDocument> {
    performance_documents(blob).unwrap_or_else(|problem| {
        tracing::warn!(job, problem, "performance data of a job cannot be read");
        Vec::new()
    })
}

fn of_rule<K, T>(parts: &ByKey<K, T>, rule: PartsRule) -> impl Iterator<Item = (&K, &T)> {
    parts.iter().filter(move |(_, part)| part.rule == rule).map(|(key, part)| (key, &part.value))
}

fn stronger(a: PartsRule, b: PartsRule) -> PartsRule {
    if a == PartsRule::Applied { a } else { b }
}

/// Where a log stands in the follow-up queue: failures first, nothing that is not to be parsed (R16,
/// logs contract 1.2 and 1.3). The log of a task runner is waited for until its job has completed: it
/// grows while the job runs.
pub(crate) fn queue_priority(row: &WorkingRow, name: &str, status: ParseStatus) -> Option<i16> {
    let waits = status == ParseStatus::Pending
        && (row.now.state == JobState::Completed || !LogReference::grows(name))
        && LogReference::is_parseable_name(name);
    waits.then(|| i16::from(row.now.result == JobResult::Success))
}
