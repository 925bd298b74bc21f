//! What was found in a log, as rows, stored at once or not at all.

use super::Found;
use crate::domain::ContentType;
use crate::follow_up::Lease;
use crate::follow_up::performance::store_measurements;
use crate::limits;
use crate::logs::{
    Detail, FailureLine, GroupResult, LogError, ParsedLog, PerformanceArtifact, Step, Summary,
};
use crate::store::batch::{
    ArtifactRow, BatchTransaction, DetailRow, FailureLineRow, FlatErrorRow, GroupResultRow, LeasedLog,
    PartsRule, StepRow, SummaryRow,
};
use crate::store::{Store, StoreError};
use chrono::{DateTime, NaiveDateTime};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Name of the artifact of performance data.
const PERFORMANCE: &str = "performance_data";
/// Code points kept of the name of a step (logs contract 3.6).
const STEP_NAME: usize = 200;

/// Stores what was found and marks the log as parsed, if the lease still holds; nothing otherwise.
pub(super) async fn store(store: &Store, lease: &Lease, url: &str, found: &Found) -> Result<(), StoreError> {
    let mut transaction = store.begin_batch().await?;
    // Dropping the transaction takes everything back.
    let Some(log) = transaction.lock_leased_log(lease).await? else { return Ok(()) };
    match found {
        Found::Text(parsed) => store_text(&mut transaction, log, lease.id, url, parsed).await?,
        Found::Errors(summary) => {
            store_failures(&mut transaction, log.job_id, lease.id, &summary.failures).await?;
            store_groups(&mut transaction, log.job_id, lease.id, &summary.groups).await?;
        }
    }
    transaction.finish_log(lease).await?;
    transaction.commit().await
}

async fn store_text(
    transaction: &mut BatchTransaction<'_>,
    log: LeasedLog,
    log_id: i64,
    url: &str,
    parsed: &ParsedLog,
) -> Result<(), StoreError> {
    store_details(transaction, log.job_id, &parsed.details).await?;
    store_performance(transaction, log.job_id, url, parsed).await?;
    // Series, then sightings of failures, as batches of submissions lock them.
    store_measurements(transaction, log.job_id, &parsed.performance_data).await?;
    // A summary that the submitter supplied stays as it is (R31).
    if !log.has_supplied_summary {
        store_summary(transaction, log.job_id, log_id, &parsed.summary).await?;
    }
    Ok(())
}

async fn store_summary(
    transaction: &mut BatchTransaction<'_>,
    job_id: i64,
    log_id: i64,
    summary: &Summary,
) -> Result<(), StoreError> {
    let errors_truncated = match summary {
        Summary::Steps { steps, errors_truncated } => {
            let texts: Vec<_> = steps.iter().map(step_texts).collect();
            let rows: Vec<_> = (0..)
                .zip(steps.iter().zip(&texts))
                .map(|(position, (step, (name, errors)))| step_row(job_id, position, step, name, errors))
                .collect();
            transaction.add_steps(&rows).await?;
            *errors_truncated
        }
        Summary::Errors(errors) => {
            let texts: Vec<_> = errors.iter().map(error_text).collect();
            let rows: Vec<_> = texts
                .iter()
                .map(|(line_number, line)| FlatErrorRow { job_id, line_number: *line_number, line })
                .collect();
            transaction.add_flat_errors(&rows).await?;
            false
        }
    };
    transaction.add_summaries(&[SummaryRow { job_id, log_id, errors_truncated }]).await?;
    Ok(())
}

/// The name and error lines of a step as they are stored.
type StepTexts<'a> = (String, Vec<(i32, Cow<'a, str>)>);

fn step_texts(step: &Step) -> StepTexts<'_> {
    let name = storable(&step.name).chars().take(STEP_NAME).collect();
    (name, step.errors.iter().map(error_text).collect())
}

fn error_text(error: &LogError) -> (i32, Cow<'_, str>) {
    (line_number(error.line_number), storable(&error.line))
}

fn step_row<'a>(
    job_id: i64,
    position: i32,
    step: &'a Step,
    name: &'a str,
    errors: &'a [(i32, Cow<'a, str>)],
) -> StepRow<'a> {
    StepRow {
        job_id,
        position,
        name,
        started_at: step.started.as_deref().and_then(time),
        finished_at: step.finished.as_deref().and_then(time),
        started_line: line_number(step.started_line),
        finished_line: line_number(step.finished_line),
        result: step.result.as_str(),
        errors: errors.iter().map(|(number, line)| (*number, &**line)).collect(),
    }
}

async fn store_details(
    transaction: &mut BatchTransaction<'_>,
    job_id: i64,
    details: &[Detail],
) -> Result<(), StoreError> {
    // Of those with the same title and value the last link counts (5.4); rows come in their order.
    let mut unique: BTreeMap<(String, String), (Option<String>, ContentType)> = BTreeMap::new();
    for detail in details {
        let (title, value, url, content_type) = match detail {
            Detail::Link { title, value, url } => (title, value, Some(url), ContentType::Link),
            Detail::RawHtml { title, value, url } => (title, value, url.as_ref(), ContentType::RawHtml),
        };
        let title = cut(title.as_deref().unwrap_or_default(), limits::DETAIL_TITLE);
        let key = (title, cut(value, limits::DETAIL_VALUE));
        unique.insert(key, (url.map(|url| cut(url, limits::URL)), content_type));
    }
    let rows: Vec<_> = unique
        .iter()
        .take(limits::DETAILS)
        .map(|((title, value), (url, content_type))| DetailRow {
            job_id,
            title,
            value,
            url: url.as_deref(),
            content_type: content_type.as_str(),
        })
        .collect();
    transaction.add_details(PartsRule::Applied, &rows).await?;
    Ok(())
}

/// Performance data is kept as the artifact that a submitter would supply; the first of a job stays.
async fn store_performance(
    transaction: &mut BatchTransaction<'_>,
    job_id: i64,
    url: &str,
    parsed: &ParsedLog,
) -> Result<(), StoreError> {
    let Some(artifact) = PerformanceArtifact::of(url, parsed) else { return Ok(()) };
    let blob = serde_json::to_string(&artifact)
        .map_err(|error| StoreError::Internal(format!("performance data is no JSON any more: {error}")))?;
    let row = ArtifactRow { job_id, name: PERFORMANCE, kind: "json", blob: &blob };
    transaction.add_artifacts(&[row]).await?;
    Ok(())
}

async fn store_failures(
    transaction: &mut BatchTransaction<'_>,
    job_id: i64,
    log_id: i64,
    failures: &[FailureLine],
) -> Result<(), StoreError> {
    let clean: Vec<_> = failures.iter().map(storable_failure).collect();
    let rows: Vec<_> = clean.iter().map(|failure| FailureLineRow { job_id, log_id, failure }).collect();
    transaction.add_failure_lines(&rows).await
}

async fn store_groups(
    transaction: &mut BatchTransaction<'_>,
    job_id: i64,
    log_id: i64,
    groups: &[GroupResult],
) -> Result<(), StoreError> {
    let names: Vec<_> = groups.iter().map(|group| storable(&group.name)).collect();
    let rows: Vec<_> = groups
        .iter()
        .zip(&names)
        .map(|(group, name)| GroupResultRow { job_id, log_id, name, group })
        .collect();
    transaction.add_group_results(&rows).await
}

fn storable_failure(failure: &FailureLine) -> Cow<'_, FailureLine> {
    if !failure.texts().any(|text| text.contains('\0')) {
        return Cow::Borrowed(failure);
    }
    let text = |text: &Option<String>| text.as_deref().map(|text| storable(text).into_owned());
    Cow::Owned(FailureLine {
        action: storable(&failure.action).into_owned(),
        line: failure.line,
        test: text(&failure.test),
        subtest: text(&failure.subtest),
        status: text(&failure.status),
        expected: text(&failure.expected),
        message: text(&failure.message),
        signature: text(&failure.signature),
        level: text(&failure.level),
        stack: text(&failure.stack),
        stackwalk_stdout: text(&failure.stackwalk_stdout),
        stackwalk_stderr: text(&failure.stackwalk_stderr),
        group: text(&failure.group),
    })
}

/// The one character that PostgreSQL cannot store is replaced, like bytes that are no UTF-8.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

fn cut(text: &str, limit: usize) -> String {
    storable(text).chars().take(limit).collect()
}

/// Columns hold 31 bits, more lines than any log has that is read.
fn line_number(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The time of a marker in microseconds; its zone, if it names one, does not count (3.6). `None`: it is
/// no time, and the step has none, rather than the log no summary.
fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S%.f"];
    let plain =
        |text: &str| formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let with_zone = || {
        let zoned = [DateTime::parse_from_rfc3339(text), DateTime::parse_from_rfc2822(text)];
        zoned.into_iter().find_map(Result::ok).map(|time| time.naive_local())
    };
    plain(text).or_else(with_zone).map(|time| time.and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::{cut, time};

    #[test]
    fn times_of_markers_are_read_without_their_zone() {
        let half_past = Some(1_530_003_600_000_000 + 1_800_000_000);
        for (text, expected) in [
            ("2018-06-26 09:30:00", half_past),
            ("2018-06-26 09:30:00.000000", half_past),
            ("2018-06-26T09:30:00Z", half_past),
            ("2018-06-26T09:30:00+02:00", half_past),
            ("2018-06-26 09:30:00.000001", half_past.map(|at| at + 1)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
    }

    #[test]
    fn what_the_database_cannot_hold_is_replaced_before_it_is_cut() {
        assert_eq!(cut("a\0bc", 3), "a\u{fffd}b");
    }
}
