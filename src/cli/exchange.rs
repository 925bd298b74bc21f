//! `herdgate exchange`.

use super::administration::{Administration, Target};
use super::database::Create;
use super::output::{Table, json, line, notice};
use super::{Context, Exit, Failure, read_file};
use crate::domain::{Registration, RegistrationOrigin};
use crate::doors::grpc::translate;
use crate::formats::registration::parse_registrations;
use crate::proto::Exchange;
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What to do with exchanges of Pulse.
#[derive(Debug, Subcommand)]
pub enum ExchangeCommand {
    /// Register exchanges, or change the registrations of their names
    ///
    /// Running gateways are bound accordingly within 5 s.
    #[command(after_help = "\
FILE has one registration or a list of them:
  {\"exchange\": \"exchange/USER/v1/jobs\", \"destinations\": [\"treeherder\"], \"projects\": [\"autoland\"]}
Every destination is bound with every project as DESTINATION.PROJECT; * is any one word, # any words, and
so is a list that is not given. Further members:
  name          unique, default: the exchange without \"exchange/\"; the queue is queue/USER/NAME
  broker        of the configuration, default: \"default\", which is HERDGATE_PULSE_URL
  kind          jobs (default), github-push, github-pull-request, hg-push
  routing_keys  bound as they are
  may_write     globs of the projects it may write, default: every project
  queue_type    classic (default), quorum")]
    Add {
        /// Registration in JSON; `-` reads standard input
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// List registered exchanges by name
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Remove a registration; what waits in its queue is taken in first
    Remove {
        /// Name of the registration
        name: String,
        /// Forget it at once, whatever is bound or waits at the broker
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        target: Target,
    },
}

pub(super) async fn run(command: ExchangeCommand, context: Context) -> Result<Exit, Failure> {
    let open =
        async |target: &Target| Administration::open(target, || context.configuration(), Create::Never).await;
    match command {
        ExchangeCommand::Add { file, target } => {
            // All are read before the first is registered.
            let registrations = parse_registrations(&read_file(&file)?, RegistrationOrigin::Command)
                .map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))?;
            let mut administration = open(&target).await?;
            for registration in registrations {
                let before = administration.exchanges().await?;
                let before = before.into_iter().find(|known| known.name == registration.name);
                let keys = registration.binding_keys().len();
                let stored = administration.add_exchange(translate::exchange(&registration, None)).await?;
                line(&format!("{} is registered as {}, bound by {keys}", stored.exchange, stored.name))?;
                if let Some(bound) = before.and_then(|before| bound_otherwise(before, &registration)) {
                    let name = &stored.name;
                    notice(&format!(
                        "{name} was changed: it was bound by {bound}; give the registration another name to keep both"
                    ));
                }
            }
        }
        ExchangeCommand::List { json: as_json, target } => {
            let all = open(&target).await?.exchanges().await?;
            if as_json { json(&all.iter().map(as_value).collect())? } else { table(&all).print()? }
        }
        ExchangeCommand::Remove { name, force, target } => {
            if open(&target).await?.remove_exchange(&name, force).await? {
                notice(&format!("{name} is unbound, and gone once what waits in its queue is taken in"));
            } else {
                notice(&format!("{name} is removed"));
            }
        }
    }
    Ok(Exit::Done)
}

/// What a registration was bound by, if that is something else than it will be.
fn bound_otherwise(before: Exchange, now: &Registration) -> Option<String> {
    let before = translate::registration_of(before).ok()?;
    let keys_before = before.binding_keys();
    let same = before.exchange == now.exchange && keys_before == now.binding_keys();
    let keys: Vec<String> = keys_before.into_iter().collect();
    (!same).then(|| format!("{} to {}", keys.join(", "), before.exchange))
}

fn table(exchanges: &[Exchange]) -> Table {
    let mut table = Table::new(&["NAME", "EXCHANGE", "KIND", "BROKER", "MAY WRITE", "FROM", "STATE", "WHY"]);
    for exchange in exchanges {
        let may_write = exchange.may_write.join(" ");
        table.row([
            exchange.name.clone(),
            exchange.exchange.clone(),
            exchange.kind.clone(),
            exchange.broker.clone(),
            if may_write.is_empty() { "*".into() } else { may_write },
            exchange.origin.clone(),
            exchange.phase.clone(),
            exchange.detail.clone(),
        ]);
    }
    table
}

fn as_value(exchange: &Exchange) -> Value {
    json!({
        "name": exchange.name,
        "exchange": exchange.exchange,
        "broker": exchange.broker,
        "kind": exchange.kind,
        "destinations": exchange.destinations,
        "projects": exchange.projects,
        "routing_keys": exchange.routing_keys,
        "may_write": exchange.may_write,
        "queue_type": exchange.queue_type,
        "origin": exchange.origin,
        "phase": exchange.phase,
        "detail": exchange.detail,
    })
}
