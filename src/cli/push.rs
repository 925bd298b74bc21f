//! `herdgate push`.

use super::administration::{Administration, Target};
use super::database::{Create, open as open_database};
use super::output::{json, line};
use super::{Context, Exit, Failure, read_file, verdicts};
use crate::core::PushSubmission;
use crate::domain::{PushTarget, RepositoryKind, full_revision};
use crate::formats::parse_push_collection;
use crate::proto::Verdict;
use chrono::Utc;
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
    /// Have a push fetched from the repository's host, for instance one that no message told of
    ///
    /// Works on the configured database, whether or not a gateway serves from it: the next one that does
    /// asks the host. `herdgate work list` shows how that goes.
    Fetch {
        /// Name of the repository
        repository: String,
        /// Full revision [default: the newest pushes, of a Mercurial repository]
        revision: Option<String>,
    },
}

pub(super) async fn run(command: PushCommand, context: Context) -> Result<Exit, Failure> {
    let (repository, file, as_json, target) = match command {
        PushCommand::Submit { repository, file, json, target } => (repository, file, json, target),
        PushCommand::Fetch { repository, revision } => {
            return fetch(&repository, revision.as_deref(), &context).await;
        }
    };
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

async fn fetch(name: &str, revision: Option<&str>, context: &Context) -> Result<Exit, Failure> {
    let store = open_database(&context.configuration()?, Create::Never).await?;
    let repositories = store.repositories().await?;
    let repository = repositories.iter().find(|known| known.name.as_str() == name).ok_or_else(|| {
        Failure::Refused(format!("no repository is named {name:?}; `herdgate repository list` shows all"))
    })?;
    let target = match (revision, repository.kind) {
        (Some(text), _) => PushTarget::Revision(full_revision(text).ok_or_else(|| {
            Failure::Usage(format!("{text:?} must be a full revision: 40 hexadecimal digits"))
        })?),
        (None, RepositoryKind::Mercurial) => PushTarget::NewestEntries,
        (None, RepositoryKind::Git) => {
            let message = "name the revision: a host of git repositories has no log of pushes to read";
            return Err(Failure::Usage(message.into()));
        }
    };
    store.enqueue_push_fetches(&[(repository.id, target.clone())], Utc::now()).await?;
    line(&format!("{name} {target}: queued; `herdgate work list` shows how it goes"))?;
    store.close().await;
    Ok(Exit::Done)
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
