//! `herdgate push`.

use super::administration::{Administration, Target};
use super::database::Create;
use super::output::{json, line};
use super::{Context, Exit, Failure, read_file, verdicts};
use crate::core::PushSubmission;
use crate::formats::parse_push_collection;
use crate::proto::Verdict;
use clap::Subcommand;
use std::path::PathBuf;

/// What to do with pushes.
#[derive(Debug, Subcommand)]
pub enum PushCommand {
    /// Store pushes, and release the jobs that are parked for them
    ///
    /// On the configured SQLite database this works while no gateway serves from it; otherwise give the
    /// gateway by --server, and a token that may write the repository.
    Submit {
        /// Name of the repository
        repository: String,
        /// Push collection: a JSON list of {revision, push_timestamp, author, revisions}; `-` reads
        /// standard input
        file: PathBuf,
        /// Print JSON: one verdict for each push
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
}

pub(super) async fn run(command: PushCommand, context: Context) -> Result<Exit, Failure> {
    let PushCommand::Submit { repository, file, json: as_json, target } = command;
    let pushes = parse_push_collection(&read_file(&file)?.into());
    let revisions: Vec<String> = pushes.iter().map(revision).collect();
    let mut administration = Administration::open(&target, || context.configuration(), Create::Never).await?;
    let all = administration.submit_pushes(&repository, pushes).await?;
    administration.close().await;
    if as_json {
        json(&all.iter().map(verdicts::verdict_json).collect())?;
    } else {
        revisions.iter().zip(&all).try_for_each(|(revision, verdict)| print(revision, verdict))?;
    }
    Ok(if all.iter().any(verdicts::is_refused) { Exit::Failed } else { Exit::Done })
}

/// The revision of a push, as far as it could be read.
fn revision(push: &PushSubmission) -> String {
    match &push.push {
        Ok(push) => push.revision.to_string(),
        Err(refused) => refused.claimed.revision.clone().unwrap_or_else(|| "(no revision)".into()),
    }
}

fn print(revision: &str, verdict: &Verdict) -> std::io::Result<()> {
    let reason = verdicts::reason(verdict);
    line(format!("{revision}  {} {reason} {}", verdicts::outcome(verdict), verdict.detail).trim_end())?;
    verdict.violations.iter().try_for_each(|one| line(&format!("    {}", verdicts::violation(one))))
}
