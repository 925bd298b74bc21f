//! What the demo prints.

use crate::cli::output::{Table, line};
use crate::cli::verdicts;
use crate::proto::get_job_response::Found;
use crate::proto::{GetJobResponse, Verdict};
use bytes::Bytes;
use serde_json::Value;
use std::io;

/// Jobs with their verdicts, each violation on a line below.
pub(super) fn verdicts(jobs: &[Bytes], decided: &[Verdict]) -> io::Result<()> {
    let mut table = Table::new(&["JOB", "STATE", "SHAPE", "VERDICT", "REASON"]);
    for (job, verdict) in jobs.iter().zip(decided) {
        // The samples are JSON; anything else would show as empty cells.
        let job: Value = serde_json::from_slice(job).unwrap_or_default();
        let text = |pointer: &str| job.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        table.row([
            text("/display/jobName").to_owned(),
            text("/state").to_owned(),
            if text("/origin/kind").is_empty() { "2026".into() } else { "2018".into() },
            verdicts::outcome(verdict).to_owned(),
            verdicts::reason(verdict).to_owned(),
        ]);
    }
    let mut rows = table.lines().into_iter();
    rows.next().map_or(Ok(()), |headings| line(&headings))?;
    for (row, verdict) in rows.zip(decided) {
        line(&row)?;
        verdict.violations.iter().try_for_each(|one| line(&format!("    {}", verdicts::violation(one))))?;
    }
    Ok(())
}

/// A job as it was read back.
pub(super) fn job(answer: &GetJobResponse) -> io::Result<()> {
    let Some(Found::Job(job)) = &answer.found else { return Ok(()) };
    let symbol = |named: Option<&crate::proto::NamedSymbol>| {
        named.map_or_else(String::new, |named| format!("{} ({})", named.name, named.symbol))
    };
    for (name, value) in [
        ("guid", job.job_guid.clone()),
        ("project", format!("{}, push {}", job.project, job.revision)),
        ("state", format!("{}/{}, tier {}", job.state, job.result, job.tier)),
        ("type", symbol(job.job_type.as_ref())),
        ("group", symbol(job.job_group.as_ref())),
        ("options", job.options.join(" ")),
        ("started", verdicts::time(job.start_time.as_ref())),
        ("ended", verdicts::time(job.end_time.as_ref())),
        ("signature", job.signature.clone()),
    ] {
        line(&format!("    {name:<10} {value}"))?;
    }
    for log in &answer.logs {
        line(&format!("    {:<10} {} {}", "log", log.name, log.url))?;
    }
    for detail in &answer.details {
        line(&format!("    {:<10} {}: {}", "detail", detail.title, detail.value))?;
    }
    for step in &answer.steps {
        let errors = step.errors.len();
        line(&format!("    {:<10} {} ({}, {errors} error lines)", "step", step.name, step.result))?;
    }
    if !answer.artifact_names.is_empty() {
        line(&format!("    {:<10} {}", "artifacts", answer.artifact_names.join(", ")))?;
    }
    Ok(())
}

/// What to try next.
pub(super) fn invitation(server: &str, token: &str) -> io::Result<()> {
    line(&format!(
        "\nThe gateway keeps serving until Ctrl-C. Look at it in a browser:

    {server}/console/     sign in with {token}

Try, from the source tree:

    herdgate submit samples/jobs.json --server {server}
    herdgate held list --server {server}
    herdgate push submit quarry samples/pushes.json --server {server}
    curl {server}/metrics

The services are described by gRPC reflection and by proto/herdgate/v1/."
    ))
}
