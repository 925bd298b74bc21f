//! Steps of a build-master log (logs contract 3).

use super::budget::Budget;
use super::parsed::{LogError, Step, result_of_code};
use super::text::after_digits;
use crate::domain::JobResult;

/// Errors of one step that are kept.
const ERRORS_OF_A_STEP: usize = 100;
/// Steps of one log that are kept, and errors of all its steps: bounds of memory, far above any real log.
const STEPS: usize = 20_000;
const ERRORS: usize = 10_000;
const UNNAMED: &str = "Unnamed step";
/// What a line may begin with before the first step and be no output (3.1).
const HEADERS: [&str; 7] =
    ["builder: ", "slave: ", "starttime: ", "results: ", "buildid: ", "builduid: ", "revision: "];

/// Where in the log the parser is.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Place {
    BeforeTheFirst,
    Inside,
    Between,
}

/// The steps as far as they are known.
#[derive(Debug)]
pub struct Steps {
    place: Place,
    steps: Vec<Step>,
    errors: usize,
    /// Errors of the open step, kept or not.
    errors_of_step: usize,
    errors_truncated: bool,
    bytes: Budget,
}

/// A `Started` or `Finished` line.
#[derive(Debug, PartialEq, Eq)]
enum Marker<'a> {
    Started { name: &'a str, at: &'a str },
    Finished { at: &'a str, result: JobResult },
}

impl Steps {
    /// None yet; of names, times and error lines at most so many bytes will be kept.
    pub fn new(bytes: usize) -> Self {
        Self {
            place: Place::BeforeTheFirst,
            steps: Vec::new(),
            errors: 0,
            errors_of_step: 0,
            errors_truncated: false,
            bytes: Budget::of(bytes),
        }
    }

    /// Whether a line without any marker can change nothing but its number.
    pub fn is_inside(&self) -> bool {
        self.place == Place::Inside
    }

    /// Takes a line as a header, blank or marker; false if it is ordinary, and then a step is open.
    pub fn take(&mut self, number: u64, line: &str) -> bool {
        if line.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}').is_empty() {
            return true;
        }
        if self.place == Place::BeforeTheFirst && HEADERS.iter().any(|header| line.starts_with(header)) {
            return true;
        }
        match marker(line) {
            Some(Marker::Started { name, at }) => {
                self.close(number, None, JobResult::Unknown);
                self.open(number, name, Some(at));
                true
            }
            Some(Marker::Finished { at, result }) => {
                self.close(number, Some(at), result);
                true
            }
            None => {
                if self.place != Place::Inside {
                    self.open(number, UNNAMED, None);
                }
                false
            }
        }
    }

    /// An error line of the open step.
    pub fn error(&mut self, number: u64, line: &str) {
        self.errors_of_step += 1;
        if self.errors_of_step > ERRORS_OF_A_STEP || self.errors == ERRORS || !self.bytes.spend(line.len()) {
            self.errors_truncated = true;
            return;
        }
        if let Some(step) = self.steps.last_mut() {
            step.errors.push(LogError { line_number: number, line: line.into() });
            self.errors += 1;
        }
    }

    /// Closes what is open at the last line of the log; gives the steps, and whether errors are missing.
    pub fn finish(mut self, lines: u64) -> (Vec<Step>, bool) {
        self.close(lines.saturating_sub(1), None, JobResult::Unknown);
        (self.steps, self.errors_truncated)
    }

    fn open(&mut self, number: u64, name: &str, started: Option<&str>) {
        self.place = Place::Inside;
        self.errors_of_step = 0;
        let bytes = name.len() + started.map_or(0, str::len);
        if self.steps.len() == STEPS || !self.bytes.spend(bytes) {
            // The last one goes on; what it shows says that something is missing.
            self.errors_truncated = true;
            return;
        }
        self.steps.push(Step {
            name: name.into(),
            started: started.map(Into::into),
            started_line: number,
            finished: None,
            finished_line: number,
            result: JobResult::Unknown,
            errors: Vec::new(),
        });
    }

    fn close(&mut self, number: u64, finished: Option<&str>, result: JobResult) {
        if self.place != Place::Inside {
            return;
        }
        if let Some(step) = self.steps.last_mut() {
            let kept = finished.filter(|at| self.bytes.spend(at.len()));
            self.errors_truncated |= kept.is_none() && finished.is_some();
            step.finished = kept.map(Into::into);
            step.finished_line = number;
            step.result = result;
        }
        self.place = if finished.is_some() { Place::Between } else { Place::Inside };
    }
}

/// The time after the last `) (at ` that a closing parenthesis follows. Looks at each character once: a line
/// with performance data is as long as its sender likes.
fn time_of_marker(elapsed: &str) -> Option<&str> {
    let mut end = elapsed.rfind(')')?;
    loop {
        let at = elapsed[..end].rfind(") (at ")? + ") (at ".len();
        let (time, _) = elapsed[at..].split_once(')')?;
        if !time.is_empty() {
            return Some(time);
        }
        end = at - ") (at ".len() + 1;
    }
}

/// Nine `=`, a word, the shortest name that lets the rest fit, a result, a time (3.2).
fn marker(line: &str) -> Option<Marker<'_>> {
    let rest = line.strip_prefix("========= ")?;
    let (starts, rest) = match rest.strip_prefix("Started ") {
        Some(rest) => (true, rest),
        None => (false, rest.strip_prefix("Finished ")?),
    };
    let (name, digits, elapsed) = rest.match_indices(" (results: ").find_map(|(end, separator)| {
        let code = &rest[end + separator.len()..];
        let after = after_digits(code)?;
        let digits = &code[..code.len() - after.len()];
        Some((&rest[..end], digits, after.strip_prefix(", elapsed: ")?))
    })?;
    // If there is no time behind this one, then none is behind a later one either.
    let at = time_of_marker(elapsed)?;
    Some(if starts {
        Marker::Started { name, at }
    } else {
        Marker::Finished { at, result: result_of_code(digits) }
    })
}

#[cfg(test)]
mod tests {
    use super::time_of_marker;

    #[test]
    fn the_time_is_behind_the_last_at_that_is_closed() {
        for (elapsed, time) in [
            ("1 secs) (at now) =========", Some("now")),
            ("1 secs) (at a) (at b) rest", Some("b")),
            ("1 secs) (at a) (at b", Some("a")),
            ("1 secs) (at a) (at )", Some("a")),
            ("1 secs) (at ) (at )", None),
            ("1 secs) (at a", None),
            ("1 secs", None),
        ] {
            assert_eq!(time_of_marker(elapsed), time, "{elapsed}");
        }
    }

    #[test]
    fn a_line_as_long_as_its_sender_likes_is_looked_at_once() {
        let many = |text: &str| text.repeat(100_000);
        let line = format!("========= Started {}{}", many(" (results: 1, elapsed: "), many(") (at "));
        // Looked at for each pair, this would take minutes.
        assert!(super::marker(&line).is_none());
    }
}
