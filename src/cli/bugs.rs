//! `herdgate bugs`.

use super::database::{Create, open as open_database};
use super::output::{line, notice};
use super::{Context, Exit, Failure, read_file};
use crate::formats::parse_bug_list;
use crate::store::BugListPart;
use clap::Subcommand;
use std::path::PathBuf;

/// What to do with the bugs that failures are matched with.
#[derive(Debug, Subcommand)]
pub enum BugsCommand {
    /// Add or change the bugs of a list in the form of Bugzilla's REST interface
    ///
    /// Works on the configured database. A bug that cannot be used is reported and left out.
    Import {
        /// JSON: `{"bugs": [...]}`; `-` for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The list is complete: bugs that are not in it go
        #[arg(long)]
        whole: bool,
    },
}

pub(super) async fn run(command: BugsCommand, context: Context) -> Result<Exit, Failure> {
    let BugsCommand::Import { file, whole } = command;
    let list = parse_bug_list(&read_file(&file)?)
        .map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))?;
    for problem in &list.refused {
        notice(&format!("left out: {problem}"));
    }
    let part = if whole { BugListPart::Whole { unusable: &list.refused_ids } } else { BugListPart::Some };
    let store = open_database(&context.configuration()?, Create::Never).await?;
    let change = store.import_bugs(&list.bugs, part).await?;
    line(&format!(
        "{} of {} bugs are new or changed, {} were removed",
        change.saved,
        list.bugs.len(),
        change.removed
    ))?;
    Ok(if list.refused.is_empty() { Exit::Done } else { Exit::Failed })
}
