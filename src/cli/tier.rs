//! `herdgate tier`.

use super::administration::{Administration, Target};
use super::database::Create;
use super::output::{Table, json, notice};
use super::{Context, Exit, Failure};
use crate::domain::Signature;
use crate::proto::TierOverride;
use clap::Subcommand;
use serde_json::json;

/// What to do with tier overrides.
#[derive(Debug, Subcommand)]
pub enum TierCommand {
    /// Set the tier of all later submissions with a signature
    Set {
        /// Reference data signature, 40 lower-case hexadecimal digits
        #[arg(value_parser = signature)]
        signature: String,
        /// 1 to 3
        #[arg(value_parser = clap::value_parser!(i32).range(1..=3))]
        tier: i32,
        #[command(flatten)]
        target: Target,
    },
    /// List tier overrides by signature
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Remove a tier override; jobs stored meanwhile keep their tier
    Clear {
        /// Reference data signature, 40 lower-case hexadecimal digits
        #[arg(value_parser = signature)]
        signature: String,
        #[command(flatten)]
        target: Target,
    },
}

pub(super) async fn run(command: TierCommand, context: Context) -> Result<Exit, Failure> {
    let open =
        async |target: &Target| Administration::open(target, || context.configuration(), Create::Never).await;
    match command {
        TierCommand::Set { signature, tier, target } => {
            let text = format!("{signature} is tier {tier} from now on");
            open(&target).await?.set_tier(TierOverride { signature, tier }).await?;
            notice(&text);
        }
        TierCommand::List { json: as_json, target } => {
            let all = open(&target).await?.tiers().await?;
            if as_json {
                let value = |one: &TierOverride| json!({ "signature": one.signature, "tier": one.tier });
                json(&all.iter().map(value).collect())?;
            } else {
                let mut table = Table::new(&["SIGNATURE", "TIER"]);
                all.into_iter().for_each(|one| table.row([one.signature, one.tier.to_string()]));
                table.print()?;
            }
        }
        TierCommand::Clear { signature, target } => {
            open(&target).await?.clear_tier(&signature).await?;
            notice(&format!("{signature} has the submitted tier from now on"));
        }
    }
    Ok(Exit::Done)
}

fn signature(text: &str) -> Result<String, String> {
    Signature::parse(text)
        .map(|signature| signature.to_string())
        .ok_or_else(|| "must be 40 lower-case hexadecimal digits".to_owned())
}
