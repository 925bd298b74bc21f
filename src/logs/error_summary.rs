//! `errorsummary_json` files: one JSON object per line, each a failure as the test harness saw it, or how a
//! group of tests ended (logs contract 7).

use super::WARNINGS;
use super::budget::Budget;
use super::group_results::{GroupProblem, GroupResult};
use serde::Deserialize;
use serde_json::Value;
use std::collections::btree_map::{BTreeMap, Entry};

/// Records of one file that are kept; one more is kept as the sign that there were more (7.2, 2026).
pub const MOST_RECORDS: usize = 150;
/// Bytes of all texts of one file that are kept; the record that exceeds them is the last, as one of too
/// many records is.
const TEXTS: usize = 2 * 1024 * 1024;
/// Bytes of one line: a record with the output of a stack walk is large, but has an end.
const LONGEST_LINE: usize = 4 * 1024 * 1024;
/// Action of the record that says that there were more.
const TRUNCATED: &str = "truncated";
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

impl FailureLine {
    /// All its texts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let optional = [
            &self.test,
            &self.subtest,
            &self.status,
            &self.expected,
            &self.message,
            &self.signature,
            &self.level,
            &self.stack,
            &self.stackwalk_stdout,
            &self.stackwalk_stderr,
            &self.group,
        ];
        std::iter::once(&*self.action).chain(optional.into_iter().flatten().map(String::as_str))
    }
}

/// What an error summary says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorSummary {
    /// By their order in the file, each ordinal once.
    pub failures: Vec<FailureLine>,
    /// By name, each once.
    pub groups: Vec<GroupResult>,
    /// What was left out, 20 sentences at most.
    pub warnings: Vec<String>,
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
    texts: Budget,
    failures: Vec<FailureLine>,
    groups: BTreeMap<String, GroupResult>,
    warnings: Vec<String>,
}

impl Default for ErrorSummaryParser {
    fn default() -> Self {
        Self::keeping(MOST_RECORDS)
    }
}

impl ErrorSummaryParser {
    /// One that keeps at most `most` records and a truncated one.
    pub fn keeping(most: usize) -> Self {
        Self {
            open: Vec::new(),
            number: 0,
            records: 0,
            most,
            texts: Budget::of(TEXTS),
            failures: Vec::new(),
            groups: BTreeMap::new(),
            warnings: Vec::new(),
        }
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

    /// What the file says, once all bytes were taken.
    ///
    /// # Errors
    /// If the last line is no record.
    pub fn finish(mut self) -> Result<ErrorSummary, ErrorSummaryProblem> {
        if !self.is_full() {
            self.end_line()?;
        }
        let mut seen = std::collections::HashSet::new();
        self.failures.retain(|failure| seen.insert(failure.line));
        let groups = self.groups.into_values().collect();
        Ok(ErrorSummary { failures: self.failures, groups, warnings: self.warnings })
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
                self.failures.push(FailureLine { action: TRUNCATED.into(), ..record.failure() });
            } else {
                self.take(record);
            }
        }
        self.open.clear();
        self.number += 1;
        Ok(())
    }

    fn take(&mut self, record: Record) {
        match &*record.action {
            "test_result" | "log" | "crash" | "test_status" | "test_end" => {
                self.add_failure(record.failure());
            }
            "group_result" => match record.group_result() {
                Ok(result) => self.add_group(result),
                Err(problem) => self.warn(&problem),
            },
            "test_groups" => {}
            unknown => {
                let unknown = cut(unknown.to_owned(), WORD);
                self.warn(&format_args!("records of the action {unknown:?} are left out"));
            }
        }
    }

    fn add_failure(&mut self, mut failure: FailureLine) {
        if !self.texts.spend(failure.texts().map(str::len).sum()) {
            failure.action = TRUNCATED.into();
            // As if it were one record too many.
            self.most = self.records - 1;
        }
        self.failures.push(failure);
    }

    fn add_group(&mut self, result: GroupResult) {
        match self.groups.entry(result.name.clone()) {
            Entry::Vacant(place) => {
                place.insert(result);
            }
            Entry::Occupied(mut known) => known.get_mut().add(&result),
        }
    }

    fn warn(&mut self, problem: &dyn std::fmt::Display) {
        if self.warnings.len() < WARNINGS {
            self.warnings.push(format!("line {}: {problem}", self.number));
        }
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
    #[serde(default)]
    duration: Value,
}

impl Record {
    fn group_result(self) -> Result<GroupResult, GroupProblem> {
        GroupResult::read(self.group, self.status.as_deref(), &self.duration)
    }

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
        // Else it would hold on to the memory of what was cut off.
        text.shrink_to_fit();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::GroupStatus;
    use super::*;
    use serde_json::json;

    fn parsed(text: &str, most: usize) -> Result<ErrorSummary, ErrorSummaryProblem> {
        let mut results = (1..=text.len().min(40)).map(|size| {
            let mut parser = ErrorSummaryParser::keeping(most);
            for block in text.as_bytes().chunks(size) {
                parser.feed(block)?;
            }
            parser.finish()
        });
        let first = results.next().unwrap_or(Ok(ErrorSummary::default()));
        results.for_each(|result| assert_eq!(result, first, "the blocks make no difference"));
        first
    }

    #[test]
    fn a_failure_has_the_fields_of_its_record() {
        let text = r#"{"action": "test_result", "line": 7, "test": "a/b.html", "subtest": null, "status": "FAIL",
            "expected": "PASS", "message": "no", "stack": "at x", "group": "a/b.ini", "more": 1}"#;
        let line = parsed(&text.replace('\n', " "), 5).unwrap().failures.remove(0);
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
        let lines = parsed(&text, 5).unwrap().failures;
        let shown: Vec<_> = lines.iter().map(|line| (&*line.action, line.line)).collect();
        assert_eq!(shown, [("log", 0), ("log", 1), ("log", 2), ("log", 3), ("log", 4), ("truncated", 5)]);
    }

    #[test]
    fn texts_beyond_their_bytes_say_truncated_and_the_rest_is_not_read() {
        let text = "x".repeat(2 * TEXT);
        let texts = format!("\"message\": \"{text}\", \"stack\": \"{text}\"");
        let mut parser = ErrorSummaryParser::default();
        for line in 0..MOST_RECORDS {
            let record = format!("{{\"action\": \"log\", \"line\": {line}, {texts}}}\n");
            parser.feed(record.as_bytes()).unwrap();
        }
        assert!(parser.is_full());
        let failures = parser.finish().unwrap().failures;
        // Two texts of 64 KiB each; 16 records with their actions would exceed 2 MiB.
        assert_eq!(failures.len(), 16);
        assert!(failures[..15].iter().all(|failure| failure.action == "log"));
        assert_eq!((&*failures[15].action, failures[15].line), ("truncated", 15));
        let held = failures.iter().flat_map(|failure| [&failure.message, &failure.stack]);
        let held: usize = held.flatten().map(String::capacity).sum();
        assert!(held <= TEXTS, "{held}");
    }

    #[test]
    fn lists_of_groups_are_counted_and_not_kept_and_a_line_number_comes_once() {
        let text = "{\"action\": \"test_groups\", \"line\": 0, \"groups\": []}\n\
             {\"action\": \"log\", \"line\": 1, \"message\": \"one\u{2028}line\"}\n\
             {\"action\": \"log\", \"line\": 1, \"message\": \"again\"}\n";
        let ErrorSummary { failures, warnings, .. } = parsed(text, 150).unwrap();
        assert_eq!((failures.len(), warnings.len()), (1, 0));
        assert_eq!(failures[0].message.as_deref(), Some("one\u{2028}line"));
        assert_eq!(
            parsed(text, 2).unwrap().failures.len(),
            1,
            "the third is the truncated one, of the same number"
        );
    }

    #[test]
    fn results_of_groups_count_as_records_and_come_once_by_name() {
        let record = |line: u8, group: &str, status: &str| {
            let fields = json!({"action": "group_result", "line": line, "group": group, "status": status,
                "duration": 2000});
            format!("{fields}\n")
        };
        let groups = [record(1, "b.ini", "OK"), record(2, "a/a.ini", "SKIP"), record(2, "b.ini", "ERROR")];
        let text = groups.concat() + "{\"action\": \"log\", \"line\": 9}\n";
        let summary = parsed(&text, 150).unwrap();
        let shown: Vec<_> = summary.groups.iter().map(|g| (&*g.name, g.status, g.seconds)).collect();
        assert_eq!(shown, [("a/a.ini", GroupStatus::Skip, 2), ("b.ini", GroupStatus::Error, 4)]);
        assert_eq!((summary.failures.len(), summary.warnings.len()), (1, 0));
        let cut = parsed(&text, 2).unwrap();
        assert_eq!(cut.groups.len(), 2);
        assert_eq!(cut.groups[1].status, GroupStatus::Ok, "the third record is not read as a group");
        assert_eq!(cut.failures[0].action, "truncated");
    }

    #[test]
    fn what_is_left_out_is_said_and_changes_nothing_else() {
        let text = "{\"action\": \"group_result\", \"line\": 1, \"group\": \"a\\\\b\", \"status\": \"OK\"}\n\
             {\"action\": \"bake\", \"line\": 2}\n{\"action\": \"test_status\", \"line\": 3}\n";
        let summary = parsed(text, 150).unwrap();
        assert_eq!(
            summary.warnings,
            [
                "line 0: the group \"a\\\\b\" is left out: its name has a backslash",
                "line 1: records of the action \"bake\" are left out",
            ]
        );
        assert_eq!((summary.groups.len(), summary.failures.len()), (0, 1));
    }

    #[test]
    fn an_empty_file_has_no_failures_and_what_is_no_json_is_named() {
        assert_eq!(parsed("", 5), Ok(ErrorSummary::default()));
        let problem = parsed("{\"action\": \"log\", \"line\": 1}\nnonsense\n", 5).unwrap_err();
        assert!(matches!(problem, ErrorSummaryProblem::NoRecord { line: 1, .. }), "{problem}");
    }
}
