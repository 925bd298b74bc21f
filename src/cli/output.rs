//! What commands print: results on standard output, notices on standard error.

use serde_json::Value;
use std::borrow::Cow;
use std::io::{self, Write};

/// Prints a line of results. A reader that went away, such as `head`, is no error: the command goes on
/// to its end, and its exit code says how that was.
///
/// # Errors
/// If it cannot be written.
pub fn line(text: &str) -> io::Result<()> {
    written(&printable(text))
}

/// What others wrote must not steer the terminal it is shown on.
fn printable(text: &str) -> Cow<'_, str> {
    let steers = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if !text.contains(steers) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if steers(letter) { shown.extend(letter.escape_default()) } else { shown.push(letter) }
    }
    shown.into()
}

fn written(text: &str) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints a JSON document on lines of its own.
///
/// # Errors
/// If it cannot be written.
pub fn json(value: &Value) -> io::Result<()> {
    written(&format!("{value:#}"))
}

/// Tells a person something that is not the result.
pub fn notice(text: &str) {
    // Nobody is left to tell if standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Columns of text under headings, as wide as their widest cell.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|&heading| heading.to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, without trailing blanks.
    pub fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                self.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
            })
            .collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths);
            let padded = cells.map(|(cell, &wanted)| format!("{cell}{}", " ".repeat(wanted - width(cell))));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }

    /// Prints it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn print(&self) -> io::Result<()> {
        self.lines().iter().try_for_each(|text| line(text))
    }
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_shown_escaped() {
        assert_eq!(printable("a\tb\nü"), "a\tb\nü");
        assert_eq!(printable("\u{1b}]52;c;x\u{7}\u{9b}2J\r"), "\\u{1b}]52;c;x\\u{7}\\u{9b}2J\\r");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["NAME", "URL"]);
        table.row(["é".into(), "https://h".into()]);
        table.row(["mozilla".into(), String::new()]);
        assert_eq!(table.lines(), ["NAME     URL", "é        https://h", "mozilla"]);
    }
}
