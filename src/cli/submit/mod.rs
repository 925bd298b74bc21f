//! `herdgate submit`.

mod items;
mod ledger;
mod patience;
mod report;
mod stream;

pub(super) use stream::{Submitted, submit_all};

use super::server::{DEFAULT_SERVER, connect};
use super::{Exit, Failure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use items::Item;
use report::Report;
use std::path::PathBuf;

/// Jobs to submit.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    /// Pulse job messages: one, a JSON list of them, or one a line; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The gateway
    #[arg(long, value_name = "URL", default_value = DEFAULT_SERVER)]
    server: String,
    /// Bearer token that may write the jobs' projects
    #[arg(long, env = "HERDGATE_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// Print the summary as JSON: the number of jobs by verdict, and what was rejected
    #[arg(long)]
    json: bool,
}

/// Streams all items, in order, and sends again what has no verdict while the gateway asks for it.
/// Fails if anything was rejected or has no verdict at the end.
pub(super) async fn run(arguments: SubmitArgs) -> Result<Exit, Failure> {
    let items = items::read(&arguments.files)?;
    let connection = connect(&arguments.server, arguments.token.as_deref()).await?;
    let progress = progress_bar(items.len());
    let jobs: Vec<_> = items.iter().map(|item| item.raw.clone()).collect();
    let submitted = submit_all(connection, &jobs, || progress.inc(1)).await;
    progress.finish_and_clear();
    let report = Report::new(&items, &submitted);
    report.print(arguments.json)?;
    Ok(if report.is_clean() { Exit::Done } else { Exit::Failed })
}

/// A bar on standard error; nothing if that is no terminal.
fn progress_bar(items: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} jobs, {per_sec}, {eta} left");
    let bar = ProgressBar::new(items as u64);
    match style {
        Ok(style) => bar.with_style(style),
        // The template is fixed; the default style is as good.
        Err(_) => bar,
    }
}
