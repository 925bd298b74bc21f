//! `herdgate held`.

use super::administration::{Administration, Target};
use super::database::Create;
use super::output::{Table, json, line, notice};
use super::{Context, Exit, Failure, verdicts};
use crate::doors::grpc::translate;
use crate::limits;
use crate::proto::{CountHeldMessagesRequest, HeldCount, HeldMessage, HeldState, ListHeldMessagesRequest};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// What to do with held submissions.
#[derive(Debug, Subcommand)]
pub enum HeldCommand {
    /// List held submissions, newest first
    List {
        #[command(flatten)]
        filter: Filter,
        /// At most so many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Show one held submission with its violations and raw bytes
    Show {
        /// Its number
        id: i64,
        /// Print JSON; raw bytes that are no UTF-8 text are in `raw_hex`
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Run held submissions through the whole pipeline again
    Replay(Selection),
    /// Discard held submissions for good
    Discard(Selection),
    /// Count held submissions by source, state and reason
    Count {
        /// Only in this state
        #[arg(long, value_enum)]
        state: Option<State>,
        /// Only of this project
        #[arg(long)]
        project: Option<String>,
        #[command(flatten)]
        origin: OriginFilter,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
}

/// Which held submissions.
#[derive(Debug, Clone, Args)]
pub struct Filter {
    /// Only in this state
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Only of this project
    #[arg(long)]
    project: Option<String>,
    /// Only with this job guid
    #[arg(long, visible_alias = "task-id")]
    guid: Option<String>,
    #[command(flatten)]
    origin: OriginFilter,
}

/// Where and when they came from.
#[derive(Debug, Clone, Args)]
pub struct OriginFilter {
    /// Only from this credential or exchange
    #[arg(long, visible_alias = "exchange")]
    source: Option<String>,
    /// Only with this routing key
    #[arg(long, value_name = "KEY")]
    routing_key: Option<String>,
    /// Only those first received then or later, for instance 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    since: Option<DateTime<Utc>>,
    /// Only those first received before then
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    until: Option<DateTime<Utc>>,
}

/// What selects held submissions where no numbers are given.
const FILTERS: [&str; 8] = ["state", "project", "guid", "source", "routing_key", "since", "until", "all"];

/// Held submissions to do something with.
#[derive(Debug, Args)]
pub struct Selection {
    /// Their numbers
    #[arg(required_unless_present_any = FILTERS, conflicts_with_all = FILTERS)]
    ids: Vec<i64>,
    #[command(flatten)]
    filter: Filter,
    /// All that are held
    #[arg(long, conflicts_with_all = &FILTERS[..FILTERS.len() - 1])]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Why a submission is held.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum State {
    /// Waits for its push or job.
    Parked,
    /// Can never be stored as it is.
    Rejected,
    /// Waited in vain.
    Expired,
}

pub(super) async fn run(command: HeldCommand, context: Context) -> Result<Exit, Failure> {
    let open =
        async |target: &Target| Administration::open(target, || context.configuration(), Create::Never).await;
    match command {
        HeldCommand::List { filter, limit, json: as_json, target } => {
            let found = list(&mut open(&target).await?, &filter, limit as usize).await?;
            if as_json {
                json(&found.iter().map(as_value).collect())?;
            } else {
                table(&found).print()?;
            }
            Ok(Exit::Done)
        }
        HeldCommand::Show { id, json: as_json, target } => {
            let held = open(&target).await?.held_message(id).await?;
            if as_json {
                json(&with_raw(&held))?;
            } else {
                show(&held)?;
            }
            Ok(Exit::Done)
        }
        HeldCommand::Count { state, project, origin, json: as_json, target } => {
            let request = CountHeldMessagesRequest {
                state: wire_state(state).into(),
                project: project.unwrap_or_default(),
                source: origin.source.unwrap_or_default(),
                routing_key: origin.routing_key.unwrap_or_default(),
                received_from: origin.since.map(translate::timestamp),
                received_before: origin.until.map(translate::timestamp),
            };
            let counts = open(&target).await?.held_counts(request).await?;
            if as_json {
                json(&counts.iter().map(count_as_value).collect())?;
            } else {
                count_table(&counts).print()?;
            }
            Ok(Exit::Done)
        }
        HeldCommand::Replay(selection) => {
            let mut administration = open(&selection.target).await?;
            let ids = selection.ids(&mut administration).await?;
            let exit = replay(&mut administration, &ids, selection.json).await?;
            administration.close().await;
            Ok(exit)
        }
        HeldCommand::Discard(selection) => {
            let mut administration = open(&selection.target).await?;
            let ids = selection.ids(&mut administration).await?;
            let mut discarded = 0;
            for chunk in ids.chunks(limits::BATCH_ITEMS) {
                discarded += administration.discard(chunk).await?;
            }
            administration.close().await;
            if selection.json {
                json(&json!({ "discarded": discarded }))?;
            } else {
                notice(&format!("{discarded} of {} discarded", ids.len()));
            }
            Ok(Exit::Done)
        }
    }
}

async fn replay(administration: &mut Administration, ids: &[i64], as_json: bool) -> Result<Exit, Failure> {
    let mut all = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(limits::BATCH_ITEMS) {
        all.extend(administration.replay(chunk).await?);
    }
    if as_json {
        json(&all.iter().map(verdicts::verdict_json).collect())?;
    } else {
        let mut table = Table::new(&["ID", "JOB", "VERDICT", "REASON", "DETAIL"]);
        for (id, verdict) in ids.iter().zip(&all) {
            table.row([
                id.to_string(),
                verdict.job_guid.clone(),
                verdicts::outcome(verdict).into(),
                verdicts::reason(verdict).into(),
                verdict.detail.clone(),
            ]);
        }
        table.print()?;
    }
    Ok(if all.iter().any(verdicts::is_refused) { Exit::Failed } else { Exit::Done })
}

async fn list(
    administration: &mut Administration,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<HeldMessage>, Failure> {
    let mut found = Vec::new();
    let mut request = filter.request();
    while found.len() < limit {
        let page = (limit - found.len()).min(limits::BATCH_ITEMS);
        // A page has at most 1000 messages.
        request.page_size = i32::try_from(page).unwrap_or(i32::MAX);
        let answer = administration.held_messages(request.clone()).await?;
        found.extend(answer.messages);
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    Ok(found)
}

impl Filter {
    fn request(&self) -> ListHeldMessagesRequest {
        ListHeldMessagesRequest {
            state: wire_state(self.state).into(),
            project: self.project.clone().unwrap_or_default(),
            source: self.origin.source.clone().unwrap_or_default(),
            job_guid: self.guid.clone().unwrap_or_default(),
            page_size: 0,
            page_token: String::new(),
            routing_key: self.origin.routing_key.clone().unwrap_or_default(),
            received_from: self.origin.since.map(translate::timestamp),
            received_before: self.origin.until.map(translate::timestamp),
        }
    }
}

fn wire_state(state: Option<State>) -> HeldState {
    state.map_or(HeldState::Unspecified, |state| match state {
        State::Parked => HeldState::Parked,
        State::Rejected => HeldState::Rejected,
        State::Expired => HeldState::Expired,
    })
}

fn point_in_time(text: &str) -> Result<DateTime<Utc>, String> {
    text.parse().map_err(|_| "must be a time of RFC 3339, for instance 2026-01-31T12:00:00Z".to_owned())
}

impl Selection {
    async fn ids(&self, administration: &mut Administration) -> Result<Vec<i64>, Failure> {
        if !self.ids.is_empty() {
            return Ok(self.ids.clone());
        }
        let found = list(administration, &self.filter, usize::MAX).await?;
        // Oldest first: what came first is decided first.
        Ok(found.iter().rev().map(|held| held.id).collect())
    }
}

fn state(held: &HeldMessage) -> &'static str {
    verdicts::held_state(held.state())
}

fn table(found: &[HeldMessage]) -> Table {
    let mut table =
        Table::new(&["ID", "STATE", "RECEIVED", "DOOR", "SOURCE", "PROJECT", "JOB", "REPEATS", "WHY"]);
    for held in found {
        let why = match held.violations.as_slice() {
            [] => String::new(),
            [one] => verdicts::violation(one),
            [first, rest @ ..] => format!("{} and {} more", verdicts::violation(first), rest.len()),
        };
        table.row([
            held.id.to_string(),
            state(held).into(),
            verdicts::time(held.received_at.as_ref()),
            held.door.clone(),
            held.source.clone(),
            held.project.clone(),
            held.job_guid.clone(),
            held.repeats.to_string(),
            why,
        ]);
    }
    table
}

fn count_table(counts: &[HeldCount]) -> Table {
    let mut table = Table::new(&["SOURCE", "STATE", "REASON", "COUNT", "OLDEST", "NEWEST"]);
    for count in counts {
        table.row([
            count.source.clone(),
            verdicts::held_state(count.state()).into(),
            count.reason.clone(),
            count.items.to_string(),
            verdicts::time(count.oldest_received_at.as_ref()),
            verdicts::time(count.newest_received_at.as_ref()),
        ]);
    }
    table
}

fn count_as_value(count: &HeldCount) -> Value {
    json!({
        "source": count.source,
        "state": verdicts::held_state(count.state()),
        "reason": count.reason,
        "items": count.items,
        "oldest_received_at": verdicts::time(count.oldest_received_at.as_ref()),
        "newest_received_at": verdicts::time(count.newest_received_at.as_ref()),
    })
}

fn show(held: &HeldMessage) -> std::io::Result<()> {
    for (name, value) in [
        ("id", held.id.to_string()),
        ("state", state(held).into()),
        ("door", held.door.clone()),
        ("source", held.source.clone()),
        ("format", held.format.clone()),
        ("project", held.project.clone()),
        ("revision", held.revision.clone()),
        ("job", held.job_guid.clone()),
        ("key", held.routing_key.clone()),
        ("received", verdicts::time(held.received_at.as_ref())),
        ("expires", verdicts::time(held.expires_at.as_ref())),
        ("repeats", held.repeats.to_string()),
        ("size", format!("{} bytes", held.raw_size)),
    ] {
        line(format!("{name:<9} {value}").trim_end())?;
    }
    held.violations.iter().try_for_each(|one| line(&format!("violation {}", verdicts::violation(one))))?;
    if !held.context_json.is_empty() {
        line(&format!("context   {}", held.context_json))?;
    }
    let cut = if held.raw_truncated { " (the beginning; it cannot be replayed)" } else { "" };
    match std::str::from_utf8(&held.raw) {
        Ok("") => line("raw       not shown: needs a credential for the project"),
        Ok(text) => line(&format!("raw{cut}\n{text}")),
        Err(_) => line(&format!("raw as hexadecimal digits{cut}\n{}", hex::encode(&held.raw))),
    }
}

fn as_value(held: &HeldMessage) -> Value {
    json!({
        "id": held.id,
        "state": state(held),
        "door": held.door,
        "source": held.source,
        "format": held.format,
        "project": held.project,
        "revision": held.revision,
        "job_guid": held.job_guid,
        "routing_key": held.routing_key,
        "violations": held.violations.iter().map(verdicts::violation_json).collect::<Vec<_>>(),
        "received_at": verdicts::time(held.received_at.as_ref()),
        "expires_at": verdicts::time(held.expires_at.as_ref()),
        "repeats": held.repeats,
        "raw_size": held.raw_size,
        "raw_truncated": held.raw_truncated,
    })
}

fn with_raw(held: &HeldMessage) -> Value {
    let mut value = as_value(held);
    // Written by a door; what is no JSON is not shown.
    value["context"] = serde_json::from_str(&held.context_json).unwrap_or_default();
    match std::str::from_utf8(&held.raw) {
        Ok(text) => value["raw"] = text.into(),
        Err(_) => value["raw_hex"] = hex::encode(&held.raw).into(),
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_bytes_that_are_no_text_are_shown_as_hexadecimal_digits() {
        let held = HeldMessage { raw: vec![0xff, 0x00], ..Default::default() };
        assert_eq!(with_raw(&held)["raw_hex"], "ff00");
        let held = HeldMessage { raw: b"{}".to_vec(), ..Default::default() };
        assert_eq!(with_raw(&held)["raw"], "{}");
    }
}
