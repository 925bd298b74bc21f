//! The prefix that task runners put before each line (logs contract 4.2).

/// Takes the prefix off, once a line has shown that a task runner wrote the log.
#[derive(Debug, Default)]
pub struct TaskRunner {
    speaks: bool,
}

impl TaskRunner {
    /// The line without the prefix. A line that begins with `[taskcluster ` turns the removal on, for
    /// itself too.
    pub fn strip<'a>(&mut self, line: &'a str) -> &'a str {
        self.speaks |= line.starts_with("[taskcluster ");
        if self.speaks { after_prefix(line).unwrap_or(line) } else { line }
    }
}

/// After `[`, a text with a year of this century in a date, `]` and one white space.
fn after_prefix(line: &str) -> Option<&str> {
    let (inside, rest) = line.strip_prefix('[')?.split_once(']')?;
    if inside.starts_with("taskcluster:") || !names_a_year(inside.as_bytes()) {
        return None;
    }
    let mut rest = rest.chars();
    rest.next().filter(|c| super::text::is_space(*c))?;
    Some(rest.as_str())
}

/// `20`, two digits, a hyphen and something after it.
fn names_a_year(text: &[u8]) -> bool {
    let date = |part: &[u8]| {
        part.starts_with(b"20") && part[2].is_ascii_digit() && part[3].is_ascii_digit() && part[4] == b'-'
    };
    text.windows(6).any(date)
}
