//! `herdgate log`.

use super::output::{json, line, notice};
use super::{Context, Exit, Failure};
use crate::fetch::{FetchOptions, Fetcher};
use crate::follow_up::logs::{Source, Unobtainable};
use crate::formats::check_performance;
use crate::logs::{Artifacts, Detail, LogError, LogParser, ParsedLog, Profile, Step, Summary};
use clap::{Args, Subcommand, ValueEnum};
use flate2::read::MultiGzDecoder;
use futures::StreamExt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes that are read at once.
const BLOCK: usize = 64 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What to do with a log.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Print the steps, error lines, details and performance data that the gateway would store
    Parse(ParseArgs),
}

/// A log to parse.
#[derive(Debug, Args)]
pub struct ParseArgs {
    /// Rules to read it by: those for logs named buildbot_text and builds-4h, or live_backing_log
    #[arg(long, value_enum, default_value_t = Rules::Of2026)]
    profile: Rules,
    /// Print the artifacts text_log_summary, Job Info and performance_data as one JSON object
    #[arg(long)]
    json: bool,
    /// The log, gzipped or not; `-` reads standard input, a URL is fetched
    #[arg(value_name = "FILE|URL")]
    log: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rules {
    /// Steps, details, at most 100 errors a step
    #[value(name = "2018")]
    Of2018,
    /// A flat list of at most 40 errors
    #[value(name = "2026")]
    Of2026,
}

pub(super) async fn run(command: &LogCommand, context: &Context) -> Result<Exit, Failure> {
    let LogCommand::Parse(arguments) = command;
    let profile = match arguments.profile {
        Rules::Of2018 => Profile::Of2018,
        Rules::Of2026 => Profile::Of2026,
    };
    let mut parser = LogParser::new(profile, check_performance);
    match url(&arguments.log) {
        Some(url) => fetch(url, context, &mut parser).await?,
        None => read(&arguments.log, |block| parser.feed(block))
            .map_err(|source| Failure::File { path: arguments.log.clone(), source })?,
    }
    let log = parser.finish();
    if arguments.json {
        let log_url = arguments.log.display().to_string();
        let artifacts = serde_json::to_value(Artifacts { log_url: &log_url, log: &log });
        json(&artifacts.map_err(io::Error::from)?)?;
    } else {
        print(&log)?;
    }
    log.warnings.iter().for_each(|warning| notice(warning));
    Ok(Exit::Done)
}

/// The argument, if it is a URL.
fn url(argument: &Path) -> Option<&str> {
    argument.to_str().filter(|text| text.starts_with("http://") || text.starts_with("https://"))
}

/// Reads a log as the gateway reads it, except that whoever gives the command may ask hosts of their own
/// network: they chose the URL themselves.
async fn fetch(url: &str, context: &Context, parser: &mut LogParser) -> Result<(), Failure> {
    let options = FetchOptions { allow_private: true, ..context.configuration()?.fetch };
    let fetcher = Fetcher::new(options).map_err(|error| Failure::Refused(error.to_string()))?;
    let failed = |error: Unobtainable| Failure::Refused(format!("{url}: {error}"));
    let mut blocks = fetcher.open(url, None).await.map_err(failed)?;
    while let Some(block) = blocks.next().await {
        parser.feed(&block.map_err(failed)?);
    }
    Ok(())
}

/// Gives the bytes of a file in blocks, unpacked if they are gzipped.
fn read(path: &Path, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let file: Box<dyn Read> =
        if path.as_os_str() == "-" { Box::new(io::stdin().lock()) } else { Box::new(File::open(path)?) };
    let mut file = BufReader::with_capacity(BLOCK, file);
    let mut source: Box<dyn Read> = if file.fill_buf()?.starts_with(&GZIP) {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut block = vec![0; BLOCK];
    loop {
        match source.read(&mut block)? {
            0 => return Ok(()),
            length => take(&block[..length]),
        }
    }
}

fn print(log: &ParsedLog) -> io::Result<()> {
    match &log.summary {
        Summary::Steps { steps, errors_truncated } => {
            for step in steps {
                print_step(step)?;
            }
            if *errors_truncated {
                line("errors beyond the first 100 of a step are left out")?;
            }
        }
        Summary::Errors(errors) => print_errors(errors)?,
    }
    for detail in &log.details {
        let (Detail::Link { title, value, .. } | Detail::RawHtml { title, value, .. }) = detail;
        line(&format!("detail {}: {value}", title.as_deref().unwrap_or("-")))?;
    }
    line(&format!(
        "{} lines, {} details, {} documents of performance data",
        log.lines,
        log.details.len(),
        log.performance_data.len()
    ))
}

fn print_step(step: &Step) -> io::Result<()> {
    let Step { name, started_line, finished_line, result, errors, .. } = step;
    line(&format!("step {name:?}, lines {started_line} to {finished_line}: {}", result.as_str()))?;
    print_errors(errors)
}

fn print_errors(errors: &[LogError]) -> io::Result<()> {
    errors.iter().try_for_each(|error| line(&format!("{:8}  {}", error.line_number, error.line)))
}
