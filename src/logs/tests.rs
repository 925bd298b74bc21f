//! The rules of the logs contract, table by table, and real logs.

mod corpus;
mod error_rules;
mod forms;
mod worked_examples;

use super::{LogParser, ParsedLog, Profile, Summary};
use crate::formats::check_performance;

/// Parses a log that comes in one block.
fn parse(profile: Profile, log: impl AsRef<[u8]>) -> ParsedLog {
    parse_in_blocks(profile, log.as_ref(), usize::MAX)
}

fn parse_in_blocks(profile: Profile, log: &[u8], size: usize) -> ParsedLog {
    let mut parser = LogParser::new(profile, check_performance);
    log.chunks(size).for_each(|block| parser.feed(block));
    parser.finish()
}

/// Error lines with their numbers, whatever step they are in.
fn errors(log: &ParsedLog) -> Vec<(u64, &str)> {
    let all = match &log.summary {
        Summary::Steps { steps, .. } => steps.iter().flat_map(|step| &step.errors).collect(),
        Summary::Errors(errors) => errors.iter().collect::<Vec<_>>(),
    };
    all.into_iter().map(|error| (error.line_number, &*error.line)).collect()
}
