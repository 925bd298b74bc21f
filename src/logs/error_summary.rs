//! `errorsummary_json` files: one JSON object per line, each a failure as the test harness saw it (logs
//! contract 7).

use serde::Deserialize;

/// Records of one file that are kept; one more is kept as the sign that there were more (7.2, 2026).
pub const MOST_RECORDS: usize = 150;
/// Bytes of one line: a record with the output of a stack walk is large, but has an end.
const LONGEST_LINE: usize = 4 * 1024 * 1024;
/// Code points kept of each text.
const TEXT: usize = 65_536;
/// Code points kept of a group's name.
const GROUP: usize = 255;
/// Code points kept of words: action, status, expected, level.
const WORD: usize = 25;

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the fields of logs contract 7.2, under their names there")]
pub struct FailureLine {
    pub action: String,
    /// Ordinal of the message in the harness's run, unique in the file.
    pub line: i64,
    pub test: Option<String>,
    pub subtest: Option<String>,
    pub status: Option<String>,
    pub expected: Option<String>,
    pub message: Option<String>,
    pub signature: Option<String>,
    pub level: Option<String>,
    pub stack: Option<String>,
    pub stackwalk_stdout: Option<String>,
    pub stackwalk_stderr: Option<String>,
    /// Of the test's manifest: the group without its last part (7.3).
    pub group: Option<String>,
}

/// Why a file says nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorSummaryProblem {
    /// A line is no JSON object of the format.
    #[error("line {line} is no record of an error summary: {problem}")]
    NoRecord {
        /// Counted from 0.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// A line is too long.
    #[error("line {line} has more than {LONGEST_LINE} bytes")]
    TooLong {
        /// Counted from 0.
        line: u64,
    },
}

/// Reads an error summary as its bytes come. Lines end with LF alone: a U+2028 in a text ends nothing.
#[derive(Debug)]
pub struct ErrorSummaryParser {
    open: Vec<u8>,
    number: u64,
    /// Records that count, kept or not.
    records: usize,
    most: usize,
    kept: Vec<FailureLine>,
}

impl Default for ErrorSummaryParser {
    fn default() -> Self {
        Self::keeping(MOST_RECORDS)
    }
}

impl ErrorSummaryParser {
    /// One that keeps at most `most` records and a truncated one.
    pub fn keeping(most: usize) -> Self {
        Self { open: Vec::new(), number: 0, records: 0, most, kept: Vec::new() }
    }

    /// Whether everything that is kept is there: the rest of the file is not looked at.
    pub fn is_full(&self) -> bool {
        self.records > self.most
    }

    /// Takes the next bytes, however many.
    ///
    /// # Errors
    /// If a line is no record.
    pub fn feed(&mut self, mut block: &[u8]) -> Result<(), ErrorSummaryProblem> {
        while !self.is_full() {
            let Some(end) = memchr::memchr(b'\n', block) else { break };
            self.keep(&block[..end])?;
            block = &block[end + 1..];
            self.end_line()?;
        }
        if self.is_full() { Ok(()) } else { self.keep(block) }
    }

    /// The failures, by their order in the file, each ordinal once.
    ///
    /// # Errors
    /// If the last line is no record.
    pub fn finish(mut self) -> Result<Vec<FailureLine>, ErrorSummaryProblem> {
        if !self.is_full() {
            self.end_line()?;
        }
        let mut seen = std::collections::HashSet::new();
        self.kept.retain(|failure| seen.insert(failure.line));
        Ok(self.kept)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), ErrorSummaryProblem> {
        if self.open.len() + bytes.len() > LONGEST_LINE {
            return Err(ErrorSummaryProblem::TooLong { line: self.number });
        }
        self.open.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), ErrorSummaryProblem> {
        let line = self.open.trim_ascii();
        if !line.is_empty() {
            let text = String::from_utf8_lossy(line);
            let record: Record = serde_json::from_str(&text).map_err(|error| {
                ErrorSummaryProblem::NoRecord { line: self.number, problem: error.to_string() }
            })?;
            self.records += 1;
            if self.records > self.most {
                self.kept.push(FailureLine { action: "truncated".into(), ..record.failure() });
            } else if matches!(&*record.action, "test_result" | "log" | "crash") {
                self.kept.push(record.failure());
            }
        }
        self.open.clear();
        self.number += 1;
        Ok(())
    }
}

#[derive(Deserialize)]
struct Record {
    action: String,
    line: i64,
    #[serde(default)]
    test: Option<String>,
    #[serde(default)]
    subtest: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    expected: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    signature: Option<String>,
    #[serde(default)]
    level: Option<String>,
    #[serde(default)]
    stack: Option<String>,
    #[serde(default)]
    stackwalk_stdout: Option<String>,
    #[serde(default)]
    stackwalk_stderr: Option<String>,
    #[serde(default)]
    group: Option<String>,
}

impl Record {
    fn failure(self) -> FailureLine {
        let group = self.group.map(|group| match group.rsplit_once('/') {
            Some((folder, _)) => folder.to_owned(),
            None => group,
        });
        FailureLine {
            action: cut(self.action, WORD),
            line: self.line,
            test: fitting(self.test, TEXT),
            subtest: fitting(self.subtest, TEXT),
            status: fitting(self.status, WORD),
            expected: fitting(self.expected, WORD),
            message: fitting(self.message, TEXT),
            signature: fitting(self.signature, TEXT),
            level: fitting(self.level, WORD),
            stack: fitting(self.stack, TEXT),
            stackwalk_stdout: fitting(self.stackwalk_stdout, TEXT),
            stackwalk_stderr: fitting(self.stackwalk_stderr, TEXT),
            group: fitting(group, GROUP),
        }
    }
}

fn fitting(text: Option<String>, limit: usize) -> Option<String> {
    text.map(|text| cut(text, limit))
}

fn cut(mut text: String, limit: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(limit) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, most: usize) -> Result<Vec<FailureLine>, ErrorSummaryProblem> {
        let mut results = (1..=text.len().min(40)).map(|size| {
            let mut parser = ErrorSummaryParser::keeping(most);
            for block in text.as_bytes().chunks(size) {
                parser.feed(block)?;
            }
            parser.finish()
        });
        let first = results.next().unwrap_or(Ok(Vec::new()));
        results.for_each(|result| assert_eq!(result, first, "the blocks make no difference"));
        first
    }

    #[test]
    fn a_failure_has_the_fields_of_its_record() {
        let text = r#"{"action": "test_result", "line": 7, "test": "a/b.html", "subtest": null, "status": "FAIL",
            "expected": "PASS", "message": "no", "stack": "at x", "group": "a/b.ini", "more": 1}"#;
        let line = parsed(&text.replace('\n', " "), 5).unwrap().remove(0);
        let expected = FailureLine {
            action: "test_result".into(),
            line: 7,
            test: Some("a/b.html".into()),
            status: Some("FAIL".into()),
            expected: Some("PASS".into()),
            message: Some("no".into()),
            stack: Some("at x".into()),
            group: Some("a".into()),
            ..FailureLine::default()
        };
        assert_eq!(line, expected);
    }

    #[test]
    fn one_record_beyond_the_limit_says_truncated_and_the_rest_is_not_read() {
        let record = |line| format!("{{\"action\": \"log\", \"line\": {line}}}\n");
        let text: String = (0..6).map(record).chain(["garbage\n".to_owned()]).collect();
        let lines = parsed(&text, 5).unwrap();
        let shown: Vec<_> = lines.iter().map(|line| (&*line.action, line.line)).collect();
        assert_eq!(shown, [("log", 0), ("log", 1), ("log", 2), ("log", 3), ("log", 4), ("truncated", 5)]);
    }

    #[test]
    fn groups_and_unknown_actions_are_counted_and_not_kept_and_a_line_number_comes_once() {
        let text = "{\"action\": \"test_groups\", \"line\": 0, \"groups\": []}\n\
             {\"action\": \"log\", \"line\": 1, \"message\": \"one\u{2028}line\"}\n\
             {\"action\": \"log\", \"line\": 1, \"message\": \"again\"}\n";
        let lines = parsed(text, 150).unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].message.as_deref(), Some("one\u{2028}line"));
        assert_eq!(parsed(text, 2).unwrap().len(), 1, "the third is the truncated one, of the same number");
    }

    #[test]
    fn an_empty_file_has_no_failures_and_what_is_no_json_is_named() {
        assert_eq!(parsed("", 5), Ok(Vec::new()));
        let problem = parsed("{\"action\": \"log\", \"line\": 1}\nnonsense\n", 5).unwrap_err();
        assert!(matches!(problem, ErrorSummaryProblem::NoRecord { line: 1, .. }), "{problem}");
    }
}
