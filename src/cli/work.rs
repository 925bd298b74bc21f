//! `herdgate work`.

use super::administration::{Administration, Target};
use super::database::Create;
use super::output::{Table, json, notice};
use super::{Context, Exit, Failure};
use crate::proto::{RetryWorkRequest, WorkItem};
use chrono::{DateTime, SecondsFormat};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// What to do with follow-up work.
#[derive(Debug, Subcommand)]
pub enum WorkCommand {
    /// List work that waits, such as logs to parse
    List {
        /// What was given up instead, with the reasons
        #[arg(long)]
        dead: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Try work again that was given up, or waits for a later attempt
    Retry {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        target: Target,
    },
}

/// Which pieces of work.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// Pieces as `work list` shows them: parse_log/17
    #[arg(value_name = "KIND/NUMBER", value_parser = piece)]
    pieces: Vec<(String, i64)>,
    /// All work of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// All work
    #[arg(long)]
    all: bool,
}

/// Numbers in one request to the Admin service.
const AT_ONCE: usize = 1000;

pub(super) async fn run(command: WorkCommand, context: Context) -> Result<Exit, Failure> {
    let open =
        async |target: &Target| Administration::open(target, || context.configuration(), Create::Never).await;
    match command {
        WorkCommand::List { dead, json: as_json, target } => {
            let all = open(&target).await?.work(dead).await?;
            if as_json {
                json(&all.iter().map(value).collect())?;
            } else {
                print(&all)?;
            }
        }
        WorkCommand::Retry { which, target } => {
            let mut administration = open(&target).await?;
            let mut retried = 0;
            for request in requests(which) {
                retried += administration.retry_work(request).await?;
            }
            notice(&format!("{retried} pieces of work are queued again"));
        }
    }
    Ok(Exit::Done)
}

fn requests(which: Which) -> Vec<RetryWorkRequest> {
    if which.pieces.is_empty() {
        return vec![RetryWorkRequest { kind: which.kind.unwrap_or_default(), ids: Vec::new() }];
    }
    let mut pieces = which.pieces;
    pieces.sort_unstable();
    pieces
        .chunk_by(|one, other| one.0 == other.0)
        .flat_map(|of_kind| of_kind.chunks(AT_ONCE))
        .map(|some| RetryWorkRequest { kind: some[0].0.clone(), ids: some.iter().map(|one| one.1).collect() })
        .collect()
}

fn print(all: &[WorkItem]) -> Result<(), Failure> {
    let mut table = Table::new(&["WORK", "ATTEMPTS", "NEXT ATTEMPT", "SUBJECT", "LAST ERROR"]);
    for item in all {
        let next = match (&item.next_attempt_at, item.under_way) {
            _ if item.dead_at.is_some() => "given up".into(),
            (_, true) => "under way".into(),
            (None, false) => "now".into(),
            (Some(_), false) => text(item.next_attempt_at.as_ref()).unwrap_or_default(),
        };
        let name = format!("{}/{}", item.kind, item.id);
        table.row([name, item.attempts.to_string(), next, item.subject.clone(), item.last_error.clone()]);
    }
    Ok(table.print()?)
}

fn value(item: &WorkItem) -> Value {
    json!({
        "work": format!("{}/{}", item.kind, item.id),
        "subject": item.subject,
        "attempts": item.attempts,
        "next_attempt_at": text(item.next_attempt_at.as_ref()),
        "under_way": item.under_way,
        "last_error": item.last_error,
        "dead_at": text(item.dead_at.as_ref()),
    })
}

fn text(time: Option<&prost_types::Timestamp>) -> Option<String> {
    let time = time?;
    let time = DateTime::from_timestamp(time.seconds, time.nanos.unsigned_abs())?;
    Some(time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

fn piece(text: &str) -> Result<(String, i64), String> {
    let wrong = || "must be KIND/NUMBER as `work list` shows it, such as parse_log/17".to_owned();
    let (kind, number) = text.split_once('/').ok_or_else(wrong)?;
    Ok((kind.to_owned(), number.parse().map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_asked_for_by_kind_so_many_at_a_time() {
        let pieces = (0..1001).map(|id| ("parse_log".to_owned(), id)).chain([("fetch".to_owned(), 7)]);
        let which = Which { pieces: pieces.collect(), kind: None, all: false };
        let asked: Vec<_> = requests(which).into_iter().map(|r| (r.kind, r.ids.len())).collect();
        assert_eq!(asked, [("fetch".into(), 1), ("parse_log".into(), 1000), ("parse_log".into(), 1)]);
        let all = requests(Which { pieces: Vec::new(), kind: None, all: true });
        assert_eq!(all, [RetryWorkRequest::default()]);
    }

    #[test]
    fn a_piece_is_named_as_it_is_listed() {
        assert_eq!(piece("parse_log/17"), Ok(("parse_log".into(), 17)));
        for wrong in ["17", "parse_log", "parse_log/x", ""] {
            assert!(piece(wrong).is_err(), "{wrong}");
        }
    }
}
