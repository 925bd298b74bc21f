//! `herdgate validate`.

use super::output::{json, line, notice};
use super::{Exit, Failure, read_file, verdicts};
use crate::domain::Violation;
use crate::doors::grpc::translate;
use crate::formats::{self, DocumentFormat, ItemReport};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};

/// Documents to check.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// What the documents are
    #[arg(long, value_enum, default_value_t = Format::Pulse)]
    format: Format,
    /// Print JSON: every violation and warning with its file and item
    #[arg(long)]
    json: bool,
    /// Documents: one item, a JSON list of items, or one item a line; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Pulse job messages
    Pulse,
    /// Items of a legacy REST job collection
    Jobs,
    /// Items of a push collection
    Pushes,
}

/// Prints every violation as `file:item: path: message`, and what would be accepted but looks wrong as
/// `file:item: warning: path: message`; items are counted from 0. Whether repositories and pushes exist
/// is not checked.
pub(super) fn run(arguments: &ValidateArgs) -> Result<Exit, Failure> {
    let format = match arguments.format {
        Format::Pulse => DocumentFormat::Pulse,
        Format::Jobs => DocumentFormat::Jobs,
        Format::Pushes => DocumentFormat::Pushes,
    };
    let mut reports = Vec::new();
    for file in &arguments.files {
        let checked = formats::validate(format, &read_file(file)?.into());
        reports.extend(checked.into_iter().map(|report| (file.as_path(), report)));
    }
    let invalid = reports.iter().filter(|(_, report)| !report.violations.is_empty()).count();
    if arguments.json {
        json(&json!({
            "items": reports.len(),
            "invalid": invalid,
            "violations": findings_json(&reports, |report| &report.violations),
            "warnings": findings_json(&reports, |report| &report.warnings),
        }))?;
    } else {
        reports.iter().try_for_each(|(file, report)| print(file, report))?;
        let warnings: usize = reports.iter().map(|(_, report)| report.warnings.len()).sum();
        notice(&format!("{} items, {invalid} invalid, {warnings} warnings", reports.len()));
    }
    Ok(if invalid == 0 { Exit::Done } else { Exit::Failed })
}

fn print(file: &Path, report: &ItemReport) -> io::Result<()> {
    let place = format!("{}:{}", file.display(), report.index);
    let shown = |finding: &Violation| verdicts::violation(&translate::violation(finding.clone()));
    report.violations.iter().try_for_each(|violation| line(&format!("{place}: {}", shown(violation))))?;
    report.warnings.iter().try_for_each(|warning| line(&format!("{place}: warning: {}", shown(warning))))
}

fn findings_json(
    reports: &[(&Path, ItemReport)],
    which: impl Fn(&ItemReport) -> &Vec<Violation>,
) -> Vec<Value> {
    let mut all = Vec::new();
    for (file, report) in reports {
        for finding in which(report) {
            let mut value = verdicts::violation_json(&translate::violation(finding.clone()));
            value["file"] = file.display().to_string().into();
            value["item"] = report.index.into();
            all.push(value);
        }
    }
    all
}
