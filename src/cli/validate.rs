//! `herdgate validate`.

use super::output::{json, line, notice};
use super::{Exit, Failure, read_file, verdicts};
use crate::doors::grpc::translate;
use crate::formats::{self, DocumentFormat, ItemReport};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::path::PathBuf;

/// Documents to check.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// What the documents are
    #[arg(long, value_enum, default_value_t = Format::Pulse)]
    format: Format,
    /// Print JSON: every violation with its file and item
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

/// Prints every violation as `file:item: path: message`; items are counted from 0. Whether
/// repositories and pushes exist is not checked.
pub(super) fn run(arguments: &ValidateArgs) -> Result<Exit, Failure> {
    let format = match arguments.format {
        Format::Pulse => DocumentFormat::Pulse,
        Format::Jobs => DocumentFormat::Jobs,
        Format::Pushes => DocumentFormat::Pushes,
    };
    let (mut items, mut invalid, mut found) = (0_usize, 0_usize, Vec::new());
    for file in &arguments.files {
        let checked = formats::validate(format, &read_file(file)?.into());
        items += checked.len();
        invalid += checked.iter().filter(|report| !report.violations.is_empty()).count();
        for ItemReport { index, violations, .. } in checked {
            for violation in violations.into_iter().map(translate::violation) {
                if arguments.json {
                    let mut value = verdicts::violation_json(&violation);
                    value["file"] = file.display().to_string().into();
                    value["item"] = index.into();
                    found.push(value);
                } else {
                    line(&format!("{}:{index}: {}", file.display(), verdicts::violation(&violation)))?;
                }
            }
        }
    }
    if arguments.json {
        json(&json!({ "items": items, "invalid": invalid, "violations": found }))?;
    } else {
        notice(&format!("{items} items, {invalid} invalid"));
    }
    Ok(if invalid == 0 { Exit::Done } else { Exit::Failed })
}
