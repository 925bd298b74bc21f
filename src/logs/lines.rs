//! Lines of a log, whatever the chunking of the network (logs contract 2).

use super::markers::Markers;
use memchr::{memchr2, memchr2_iter};

/// Bytes of a line that are kept: enough for one document of performance data, the only thing in a log
/// that may be long. What a line has beyond is not looked at.
pub const LONGEST_LINE: usize = 2 * 1024 * 1024;

/// One line, without its terminator.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Counted from 0 over all physical lines.
    pub number: u64,
    /// At most [`LONGEST_LINE`].
    pub bytes: &'a [u8],
    /// Whether the line was longer than that.
    pub cut: bool,
    /// Whether one of the texts is in it that anything in a log is recognised by.
    pub marked: bool,
}

/// Cuts blocks of bytes into lines. LF, CR LF and a lone CR end a line (2.2).
#[derive(Debug, Default)]
pub struct Lines {
    /// Beginning of a line whose end has not come yet.
    open: Vec<u8>,
    open_is_cut: bool,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_carriage_return: bool,
    count: u64,
}

impl Lines {
    /// Takes the next bytes; gives every line that they complete.
    pub fn feed(&mut self, block: &[u8], markers: &Markers, mut take: impl FnMut(Line<'_>)) {
        let mut rest = block;
        if self.after_carriage_return && !rest.is_empty() {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            self.after_carriage_return = false;
        }
        if !self.open.is_empty() {
            let Some(end) = memchr2(b'\n', b'\r', rest) else {
                self.keep(rest);
                return;
            };
            self.keep(&rest[..end]);
            rest = self.after_terminator(rest, end);
            self.take_open(markers, &mut take);
        }
        let mut start = 0;
        let mut next_marker = markers.find(rest, 0);
        for end in memchr2_iter(b'\n', b'\r', rest) {
            if end < start {
                // The LF of a CR LF.
                continue;
            }
            let marked = next_marker.is_some_and(|at| at < end);
            let bytes = &rest[start..end];
            let (bytes, cut) = match bytes.get(..LONGEST_LINE) {
                Some(kept) if bytes.len() > LONGEST_LINE => (kept, true),
                _ => (bytes, false),
            };
            take(Line { number: self.count, bytes, cut, marked });
            self.count += 1;
            let next = self.after_terminator(rest, end);
            start = rest.len() - next.len();
            if marked {
                next_marker = markers.find(rest, start);
            }
        }
        self.keep(&rest[start..]);
    }

    /// Gives the last line if it has no terminator; then how many lines there were.
    pub fn finish(&mut self, markers: &Markers, take: impl FnMut(Line<'_>)) -> u64 {
        if !self.open.is_empty() {
            self.take_open(markers, take);
        }
        self.count
    }

    /// What follows the terminator at `end`.
    fn after_terminator<'a>(&mut self, block: &'a [u8], end: usize) -> &'a [u8] {
        let rest = &block[end + 1..];
        if block[end] != b'\r' {
            return rest;
        }
        self.after_carriage_return = rest.is_empty();
        rest.strip_prefix(b"\n").unwrap_or(rest)
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE - self.open.len();
        self.open_is_cut |= bytes.len() > room;
        self.open.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn take_open(&mut self, markers: &Markers, mut take: impl FnMut(Line<'_>)) {
        let marked = markers.find(&self.open, 0).is_some();
        take(Line { number: self.count, bytes: &self.open, cut: self.open_is_cut, marked });
        self.count += 1;
        self.open.clear();
        self.open_is_cut = false;
    }
}
