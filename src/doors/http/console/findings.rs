//! What was found in the logs of a job: bugs that may be about its error lines, failures of its error
//! summaries, and its performance data.

use super::Console;
use super::elements::{length, plural};
use super::failure::Failure;
use crate::core::LinkedFailure;
use crate::domain::Bug;
use crate::limits;
use crate::store::lists::{ListedMeasurement, ListedSeries};
use crate::store::model::StoredJob;
use crate::suggestions::Suggestion;
use maud::{Markup, html};

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// One for each error line.
    pub suggestions: Vec<Suggestion>,
    failures: Vec<LinkedFailure>,
    measured: Vec<(ListedMeasurement, ListedSeries)>,
}

impl Findings {
    /// All of a job.
    pub async fn of_job(console: &Console, job: &StoredJob) -> Result<Self, Failure> {
        let directory = console.gateway.directory();
        let Some(repository) = directory.repositories.get(job.project.as_str()) else {
            return Ok(Self::default());
        };
        let (gateway, id) = (&console.gateway, job.id);
        Ok(Self {
            suggestions: gateway.bug_suggestions(repository.id, id).await?.unwrap_or_default(),
            failures: gateway.failures(repository.id, id).await?.unwrap_or_default(),
            measured: gateway.store().job_measurements(repository.id, &[id], limits::CONSOLE_ROWS).await?,
        })
    }

    /// What there is nothing of is left out, but for bugs, whose absence is said.
    pub fn show(&self) -> Markup {
        html! {
            (bugs(&self.suggestions))
            (failed(&self.failures))
            (performance(&self.measured))
        }
    }
}

fn bugs(suggestions: &[Suggestion]) -> Markup {
    html! {
        @if !suggestions.is_empty() {
            section {
                h2 { "Bug suggestions" }
                @if suggestions.iter().all(|suggestion| suggestion.bugs.is_empty()) {
                    p .faint { "No known bug names any of the error lines." }
                } @else {
                    @for suggestion in suggestions.iter().filter(|suggestion| !suggestion.bugs.is_empty()) {
                        (of_line(suggestion))
                    }
                }
            }
        }
    }
}

fn of_line(suggestion: &Suggestion) -> Markup {
    let (open, others) = (&suggestion.bugs.open_recent, &suggestion.bugs.all_others);
    html! {
        h3 .mono { (suggestion.search) }
        p .faint {
            "Line " (suggestion.line_number) ". "
            @if suggestion.failure_new_in_rev { "It came with this push first. " }
            @if suggestion.counter > 0 { "Seen in " (plural(suggestion.counter, "other job")) " lately." }
        }
        @if open.is_empty() { p .faint { "No open bug." } } @else { (bug_list(open)) }
        @if !others.is_empty() {
            details { summary { (plural(length(others.len()), "closed or old bug")) } (bug_list(others)) }
        }
    }
}

fn bug_list(bugs: &[Bug]) -> Markup {
    html! {
        ul .plain {
            @for bug in bugs {
                li {
                    "Bug " (bug.id) ": " (bug.summary) " "
                    span .faint { (bug.status) @if !bug.resolution.is_empty() { " " (bug.resolution) } }
                }
            }
        }
    }
}

fn failed(failures: &[LinkedFailure]) -> Markup {
    html! {
        @if !failures.is_empty() {
            section {
                h2 { "Failures of the test harness" }
                table {
                    thead { tr { th { "Test" } th { "Status" } th { "Message" } th { "Error line" } } }
                    tbody {
                        @for LinkedFailure { failure, reported_by } in failures {
                            tr {
                                td .mono {
                                    (failure.test.as_deref().unwrap_or(&failure.action))
                                    @if let Some(subtest) = &failure.subtest { " | " (subtest) }
                                }
                                td {
                                    (failure.status.as_deref().unwrap_or_default())
                                    @if let Some(expected) = &failure.expected {
                                        span .faint { " expected " (expected) }
                                    }
                                }
                                td {
                                    (failure.message.as_deref().or(failure.signature.as_deref()).unwrap_or_default())
                                }
                                td {
                                    @if let Some(line) = reported_by { (line.line_number) }
                                    @else { span .faint { "none" } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn performance(measured: &[(ListedMeasurement, ListedSeries)]) -> Markup {
    html! {
        @if !measured.is_empty() {
            section {
                h2 { "Performance" }
                table {
                    thead { tr { th { "Suite" } th { "Test" } th { "Value" } th { "Better" } } }
                    tbody {
                        @for (measurement, series) in measured {
                            tr {
                                td {
                                    (series.suite) " "
                                    span .faint { (series.framework) " " (series.extra_options) }
                                }
                                td { @if series.test.is_empty() { "whole suite" } @else { (series.test) } }
                                td .mono { (measurement.value) }
                                td { @if series.lower_is_better { "lower" } @else { "higher" } }
                            }
                        }
                    }
                }
            }
        }
    }
}
