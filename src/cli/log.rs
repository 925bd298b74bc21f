//! `herdgate log`.

use super::output::{json, line, notice};
use super::{Exit, Failure};
use crate::formats::check_performance;
use crate::logs::{Artifacts, Detail, LogError, LogParser, ParsedLog, Profile, Step, Summary};
use clap::{Args, Subcommand, ValueEnum};
use flate2::read::MultiGzDecoder;
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
    /// The log, gzipped or not; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
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

pub(super) fn run(command: &LogCommand) -> Result<Exit, Failure> {
    let LogCommand::Parse(arguments) = command;
    let profile = match arguments.profile {
        Rules::Of2018 => Profile::Of2018,
        Rules::Of2026 => Profile::Of2026,
    };
    let failed = |source| Failure::File { path: arguments.file.clone(), source };
    let mut parser = LogParser::new(profile, check_performance);
    read(&arguments.file, |block| parser.feed(block)).map_err(failed)?;
    let log = parser.finish();
    if arguments.json {
        let log_url = arguments.file.display().to_string();
        let artifacts = serde_json::to_value(Artifacts { log_url: &log_url, log: &log });
        json(&artifacts.map_err(io::Error::from)?)?;
    } else {
        print(&log)?;
    }
    log.warnings.iter().for_each(|warning| notice(warning));
    Ok(Exit::Done)
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
