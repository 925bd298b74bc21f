//! `herdgate validate`.

use super::output::{json, line, notice};
use super::{Exit, Failure, read_file, verdicts};
use crate::doors::grpc::translate;
use crate::formats::{self, DocumentFormat};
use crate::proto::FieldViolation;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::fmt;
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

/// Prints every violation as `file:item: path: message`, and every warning, marked as one; items are
/// counted from 0. Warnings do not make an item invalid. Whether repositories and pushes exist is not
/// checked.
pub(super) fn run(arguments: &ValidateArgs) -> Result<Exit, Failure> {
    let format = match arguments.format {
        Format::Pulse => DocumentFormat::Pulse,
        Format::Jobs => DocumentFormat::Jobs,
        Format::Pushes => DocumentFormat::Pushes,
    };
    let (mut items, mut invalid) = (0_usize, 0_usize);
    let (mut violations, mut warnings) = (Vec::new(), Vec::new());
    for file in &arguments.files {
        for report in formats::validate(format, &read_file(file)?.into()) {
            items += 1;
            invalid += usize::from(!report.violations.is_empty());
            let place = Place { file, item: report.index };
            for (found, found_json, kind) in
                [(report.violations, &mut violations, ""), (report.warnings, &mut warnings, "warning: ")]
            {
                for finding in found.into_iter().map(translate::violation) {
                    if arguments.json {
                        found_json.push(place.json(&finding));
                    } else {
                        line(&format!("{place}: {kind}{}", verdicts::violation(&finding)))?;
                    }
                }
            }
        }
    }
    if arguments.json {
        json(&json!({ "items": items, "invalid": invalid, "violations": violations, "warnings": warnings }))?;
    } else {
        notice(&format!("{items} items, {invalid} invalid"));
    }
    Ok(if invalid == 0 { Exit::Done } else { Exit::Failed })
}

/// Where something was found.
struct Place<'a> {
    file: &'a Path,
    item: usize,
}

impl Place<'_> {
    fn json(&self, finding: &FieldViolation) -> Value {
        let mut value = verdicts::violation_json(finding);
        value["file"] = self.file.display().to_string().into();
        value["item"] = self.item.into();
        value
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.item)
    }
}
