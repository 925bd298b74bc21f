//! `herdgate migrate`.

use super::database::{Create, open};
use super::output::notice;
use super::{Context, Exit, Failure};
use crate::telemetry::log_to_stderr;

pub(super) async fn run(context: Context) -> Result<Exit, Failure> {
    let configuration = context.configuration()?;
    log_to_stderr(&configuration.log);
    let store = open(&configuration, Create::IfMissing).await?;
    store.migrate().await?;
    notice("all migrations are applied");
    Ok(Exit::Done)
}
