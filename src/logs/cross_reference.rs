//! Which error line of a job's text log reports which failure of its error summary (logs contract 7.4).
//! Worked out when it is asked for: both sides stay as they were stored, so it needs no rows of its own, no
//! order in which the two logs are read, and cannot be out of date.

use crate::domain::stored_error_line;

/// What a failure of an error summary says, as far as the text log repeats it.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "the fields of logs contract 7.2, under their names there")]
pub struct StructuredFailure<'a> {
    pub action: &'a str,
    pub test: Option<&'a str>,
    pub subtest: Option<&'a str>,
    pub status: &'a str,
    pub expected: Option<&'a str>,
    pub message: Option<&'a str>,
    pub signature: Option<&'a str>,
    pub stack: Option<&'a str>,
}

/// For each failure, in stored order, the position of the error line that reports it. `errors` come by line
/// number. Order matters: a failure that no line reports leaves all later ones without a line.
pub fn cross_reference(errors: &[&str], failures: &[StructuredFailure<'_>]) -> Vec<Option<usize>> {
    let mut linked = vec![None; failures.len()];
    let texts = failures.iter().map(StructuredFailure::text);
    let mut awaited = texts.enumerate().filter_map(|(position, text)| Some((position, text?))).peekable();
    for (line, error) in errors.iter().enumerate() {
        let reported = awaited.next_if(|(_, text)| error.trim().ends_with(text.trim()));
        if let Some((position, _)) = reported {
            linked[position] = Some(line);
        }
    }
    linked
}

impl StructuredFailure<'_> {
    /// The first line of what the harness prints for it; none if it prints nothing that could be told.
    fn text(&self) -> Option<String> {
        let text = match self.action {
            "test_result" => self.test_result()?,
            "log" => self.message?.to_owned(),
            "crash" => {
                let signature = self.signature.filter(|signature| !signature.is_empty());
                let signature = signature.unwrap_or("unknown top frame");
                format!("PROCESS-CRASH | {} | application crashed [{signature}]", self.test?)
            }
            _ => return None,
        };
        // As error lines are stored, with which it is compared.
        let first = stored_error_line(text.lines().next().unwrap_or_default());
        (!first.trim().is_empty()).then(|| first.into_owned())
    }

    fn test_result(&self) -> Option<String> {
        let (test, status) = (self.test?, self.status);
        let unexpected = if self.expected.is_some() { "UNEXPECTED-" } else { "" };
        let head = format!("TEST-{unexpected}{status} | {test}");
        Some(match (self.subtest, self.expected, self.message) {
            (Some(subtest), _, Some(message)) => format!("{head} | {subtest} - {message}"),
            (Some(subtest), Some(expected), None) if self.stack.is_none() => {
                format!("{head} | {subtest} - expected {expected}")
            }
            (Some(subtest), _, None) => format!("{head} | {subtest}"),
            (None, Some(_), Some(message)) => format!("{head} | {message}"),
            (None, Some(expected), None) => format!("{head} | expected {expected}"),
            (None, None, _) => head,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{StructuredFailure, cross_reference};
    use crate::domain::stored_error_line;

    const RESULT: StructuredFailure<'_> = StructuredFailure {
        action: "test_result",
        test: Some("a.html"),
        subtest: None,
        status: "FAIL",
        expected: Some("PASS"),
        message: None,
        signature: None,
        stack: None,
    };

    #[test]
    fn each_failure_has_the_text_of_the_contract() {
        let with_subtest = StructuredFailure { subtest: Some("s"), ..RESULT };
        let crash = StructuredFailure { action: "crash", signature: Some("@ f"), ..RESULT };
        for (failure, text) in [
            (
                StructuredFailure { message: Some("m\nmore"), ..with_subtest },
                Some("TEST-UNEXPECTED-FAIL | a.html | s - m"),
            ),
            (
                StructuredFailure { subtest: Some(""), message: Some("m"), ..RESULT },
                Some("TEST-UNEXPECTED-FAIL | a.html |  - m"),
            ),
            (with_subtest, Some("TEST-UNEXPECTED-FAIL | a.html | s - expected PASS")),
            (
                StructuredFailure { stack: Some("at"), ..with_subtest },
                Some("TEST-UNEXPECTED-FAIL | a.html | s"),
            ),
            (
                StructuredFailure { expected: None, message: Some("m"), ..with_subtest },
                Some("TEST-FAIL | a.html | s - m"),
            ),
            (StructuredFailure { message: Some("m"), ..RESULT }, Some("TEST-UNEXPECTED-FAIL | a.html | m")),
            (RESULT, Some("TEST-UNEXPECTED-FAIL | a.html | expected PASS")),
            (StructuredFailure { expected: None, ..RESULT }, Some("TEST-FAIL | a.html")),
            (StructuredFailure { test: None, ..RESULT }, None),
            (StructuredFailure { action: "log", message: Some("m"), ..RESULT }, Some("m")),
            (StructuredFailure { action: "log", ..RESULT }, None),
            (crash, Some("PROCESS-CRASH | a.html | application crashed [@ f]")),
            (
                StructuredFailure { signature: Some(""), ..crash },
                Some("PROCESS-CRASH | a.html | application crashed [unknown top frame]"),
            ),
            (StructuredFailure { test: None, ..crash }, None),
            (StructuredFailure { action: "truncated", message: Some("m"), ..RESULT }, None),
        ] {
            assert_eq!(failure.text().as_deref(), text, "{failure:?}");
        }
    }

    fn log(message: &str) -> StructuredFailure<'_> {
        StructuredFailure { action: "log", message: Some(message), ..StructuredFailure::default() }
    }

    #[test]
    fn lines_are_linked_in_order_each_side_once() {
        let errors = ["12:00 ERROR - one ", "one", "something else", "ERROR - two"];
        let failures = [log("one"), RESULT, log("two")];
        // The second failure never appears, and keeps the third from being looked for.
        assert_eq!(cross_reference(&errors, &failures), [Some(0), None, None]);
        assert_eq!(
            cross_reference(&errors, &[log("one"), log("one"), log("two")]),
            [Some(0), Some(1), Some(3)]
        );
        assert_eq!(cross_reference(&errors, &[log("two"), log("one")]), [Some(3), None]);
    }

    #[test]
    fn failures_are_compared_as_error_lines_are_stored() {
        let lines = ["a \u{1F346} b", "next"].map(stored_error_line);
        let lines: Vec<&str> = lines.iter().map(|line| &**line).collect();
        assert_ne!(lines[0], "a \u{1F346} b");
        let failures = [log("a \u{1F346} b"), log("next")];
        assert_eq!(cross_reference(&lines, &failures), [Some(0), Some(1)]);
    }

    #[test]
    fn a_failure_without_a_text_holds_nobody_up() {
        let without = StructuredFailure { action: "test_groups", ..StructuredFailure::default() };
        assert_eq!(cross_reference(&["one"], &[without, log("one")]), [None, Some(0)]);
        assert_eq!(cross_reference(&[], &[log("one")]), [None]);
    }
}
