//! Logs of jobs: their steps, error lines, details and performance data.
//!
//! ```text
//! bytes ─► Lines ─┬─ nothing in it: counted
//!                 └─ a marker in it ─► Steps · is_error · detail · performance data ─► ParsedLog
//! ```
//!
//! The result does not depend on how the bytes are cut into blocks, and memory does not depend on the
//! size of the log.

mod budget;
mod cross_reference;
mod details;
mod error_summary;
mod errors;
mod group_results;
mod line_ends;
mod lines;
mod markers;
mod parsed;
mod performance;
mod steps;
mod task_runner;
mod text;

#[cfg(test)]
mod tests;

pub use cross_reference::{StructuredFailure, cross_reference};
pub use error_summary::{ErrorSummary, ErrorSummaryParser, ErrorSummaryProblem, FailureLine};
pub use group_results::{GroupProblem, GroupResult, GroupStatus};
pub use line_ends::LineEnds;
pub use lines::LONGEST_LINE;
pub use parsed::{Artifacts, Detail, LogError, ParsedLog, PerformanceArtifact, Step, Summary};

pub(crate) use text::after_clock;

use budget::Budget;
use lines::{Line, Lines};
use markers::Markers;
use memchr::memmem;
use serde_json::value::RawValue;
use std::sync::LazyLock;
use steps::Steps;
use task_runner::TaskRunner;

static MARKERS: LazyLock<Markers> = LazyLock::new(Markers::new);

/// Errors of one log of 2026 that are kept.
const ERRORS_OF_2026: usize = 40;
/// Details of one log that are kept: a bound of memory, far above any real log.
const DETAILS: usize = 10_000;
/// Bytes of one log's details that are kept, and of its steps with their errors: as [`DETAILS`]. Storing
/// takes several times as much memory, and 64 MiB are the most for any log.
const TEXT_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of performance data of one log that are kept.
const PERFORMANCE_BYTES: usize = 8 * 1024 * 1024;
/// Sentences about what was left out of one log.
const WARNINGS: usize = 20;

/// The rules by which a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Steps, details, at most 100 errors a step.
    Of2018,
    /// A flat list of at most 40 errors.
    Of2026,
}

impl Profile {
    /// The profile of a log by its name; `None`: such logs are not parsed.
    pub fn of_log(name: &str) -> Option<Self> {
        match name {
            "buildbot_text" | "builds-4h" => Some(Self::Of2018),
            "live_backing_log" => Some(Self::Of2026),
            _ => None,
        }
    }
}

/// Says whether a document of performance data is a valid one, and what is wrong if it is not.
pub type CheckPerformance = fn(&str) -> Result<(), String>;

/// Reads a log as its bytes come.
#[derive(Debug)]
pub struct LogParser {
    lines: Lines,
    findings: Findings,
}

impl LogParser {
    /// For one log.
    pub fn new(profile: Profile, check_performance: CheckPerformance) -> Self {
        let errors = match profile {
            Profile::Of2018 => Errors::InSteps(Steps::new(TEXT_BYTES)),
            Profile::Of2026 => Errors::Flat(Vec::new(), Budget::of(TEXT_BYTES)),
        };
        let findings = Findings {
            profile,
            errors,
            task_runner: TaskRunner::default(),
            details: Vec::new(),
            detail_bytes: Budget::of(TEXT_BYTES),
            performance_data: Vec::new(),
            performance_bytes: 0,
            check_performance,
            warnings: Vec::new(),
        };
        Self { lines: Lines::default(), findings }
    }

    /// Takes the next bytes, however many.
    pub fn feed(&mut self, block: &[u8]) {
        self.lines.feed(block, &MARKERS, |line| self.findings.take(line));
    }

    /// What was found, once all bytes were taken.
    pub fn finish(mut self) -> ParsedLog {
        let lines = self.lines.finish(&MARKERS, |line| self.findings.take(line));
        let findings = self.findings;
        let summary = match findings.errors {
            Errors::InSteps(steps) => {
                let (steps, errors_truncated) = steps.finish(lines);
                Summary::Steps { steps, errors_truncated }
            }
            Errors::Flat(errors, _) => Summary::Errors(errors),
        };
        ParsedLog {
            summary,
            details: findings.details,
            performance_data: findings.performance_data,
            warnings: findings.warnings,
            lines,
        }
    }
}

#[derive(Debug)]
enum Errors {
    InSteps(Steps),
    Flat(Vec<LogError>, Budget),
}

#[derive(Debug)]
struct Findings {
    profile: Profile,
    errors: Errors,
    task_runner: TaskRunner,
    details: Vec<Detail>,
    detail_bytes: Budget,
    performance_data: Vec<Box<RawValue>>,
    performance_bytes: usize,
    check_performance: CheckPerformance,
    warnings: Vec<String>,
}

impl Findings {
    fn take(&mut self, line: Line<'_>) {
        if !line.marked {
            // Only the first line of a step matters, and there are no steps but in 2018.
            if let Errors::InSteps(steps) = &mut self.errors
                && !steps.is_inside()
            {
                steps.take(line.number, &text::beginning(line.bytes));
            }
            return;
        }
        if !line.cut && memmem::find(line.bytes, performance::MARKER.as_bytes()).is_some() {
            let whole = String::from_utf8_lossy(line.bytes);
            self.take_performance(line.number, &whole);
            self.take_text(line.number, &whole);
        } else {
            if line.cut && memmem::find(line.bytes, performance::MARKER.as_bytes()).is_some() {
                self.warn(line.number, || format!("performance data over {LONGEST_LINE} bytes"));
            }
            self.take_text(line.number, &text::beginning(line.bytes));
        }
    }

    fn take_text(&mut self, number: u64, line: &str) {
        let mut fits = true;
        match &mut self.errors {
            Errors::InSteps(steps) => {
                if self.details.len() < DETAILS
                    && let Some(detail) = details::detail(line)
                {
                    fits = self.detail_bytes.spend(detail.bytes());
                    self.details.extend(fits.then_some(detail));
                }
                if !steps.take(number, line) {
                    let line = self.task_runner.strip(line);
                    if errors::is_error(line, self.profile) {
                        steps.error(number, line.trim_end_matches(text::is_space));
                    }
                }
            }
            Errors::Flat(found, bytes) if found.len() < ERRORS_OF_2026 => {
                let line = self.task_runner.strip(line);
                if errors::is_error(line, self.profile) {
                    let line = line.trim_end_matches(text::is_space);
                    if found.last().is_none_or(|last| &*last.line != line) {
                        fits = bytes.spend(line.len());
                        found.extend(fits.then(|| LogError { line_number: number, line: line.into() }));
                    }
                }
            }
            Errors::Flat(..) => {}
        }
        if !fits {
            self.warn(number, || format!("texts of the log are over {TEXT_BYTES} bytes"));
        }
    }

    fn take_performance(&mut self, number: u64, line: &str) {
        let Some(document) = performance::document(line) else { return };
        if self.performance_bytes + document.len() > PERFORMANCE_BYTES {
            self.warn(number, || format!("performance data of the log is over {PERFORMANCE_BYTES} bytes"));
            return;
        }
        let checked = (self.check_performance)(document)
            .and_then(|()| RawValue::from_string(document.to_owned()).map_err(|error| error.to_string()));
        match checked {
            Ok(document) => {
                self.performance_bytes += document.get().len();
                self.performance_data.push(document);
            }
            Err(problem) => self.warn(number, || format!("performance data left out: {problem}")),
        }
    }

    fn warn(&mut self, number: u64, problem: impl FnOnce() -> String) {
        if self.warnings.len() < WARNINGS {
            self.warnings.push(format!("line {number}: {}", problem()));
        }
    }
}
