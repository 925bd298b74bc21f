//! One pass over the bytes of a log finds the lines worth a closer look.
//!
//! Whatever a log is searched for has one of a few dozen texts in it. A line without any of them is
//! counted and forgotten, so that most of a log costs little more than finding where its lines end.

use aho_corasick::packed::{Config, MatchKind, Searcher};

/// Every text without which a line is neither an error, nor a step, a detail, performance data or the
/// first line of a task runner. Longer markers are here by a part of them.
const TEXTS: [&str; 46] = [
    // Errors, anywhere in the line.
    "TEST-UNEXPECTED-",
    "fatal error",
    "FATAL ERROR",
    "REFTEST ERROR",
    "PROCESS-CRASH",
    "Assertion fail",
    "###!!! ABORT:",
    "E/GeckoLinker",
    "SUMMARY: ",
    "ThreadSanitizer: nested bug",
    "Automation Error:",
    "command timed out:",
    "wget: unable ",
    "TEST-VALGRIND-ERROR",
    "[  FAILED  ] ",
    "Hit MOZ_CRASH",
    "bash.exe: *** ",
    "Unsuccessful task run with exit code: 137",
    "YOU ARE LEAKING THE WORLD",
    // Errors by their level.
    " ERROR - ",
    " CRITICAL - ",
    " FATAL - ",
    // Errors at the start of the line.
    "error: TEST FAILED",
    ": ***",
    "Remote Device Error:",
    "Error: ",
    "Exception: ",
    "remoteFailed:",
    "rm: cannot ",
    "abort:",
    "Output exceeded ",
    "The web-page 'stop build'",
    ".js: line ",
    "] Error:",
    ":error]",
    ":exception]",
    // Errors by a pattern.
    " error(",
    ": error:",
    " error C",
    " error RC",
    "ERROR 4",
    "ERROR 5",
    // What else is looked for.
    "TinderboxPrint:",
    "PERFHERDER_DATA",
    "[taskcluster ",
    "=========",
];

/// Finds the texts.
#[derive(Debug)]
pub struct Markers {
    fast: Option<Searcher>,
    /// On a processor without the instructions that the fast one needs.
    slow: aho_corasick::AhoCorasick,
}

impl Markers {
    /// Compiles the texts, once per process.
    pub fn new() -> Self {
        let fast = Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(TEXTS).build();
        #[expect(clippy::expect_used, reason = "a few dozen constant texts are far below every limit")]
        let slow = aho_corasick::AhoCorasick::new(TEXTS).expect("constant texts compile");
        Self { fast, slow }
    }

    /// Where the first text at or after `from` begins.
    pub fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let span = aho_corasick::Span::from(from..bytes.len());
        match &self.fast {
            Some(searcher) => searcher.find_in(bytes, span).map(|found| found.start()),
            None => self.slow.find(aho_corasick::Input::new(bytes).span(span)).map(|found| found.start()),
        }
    }
}
