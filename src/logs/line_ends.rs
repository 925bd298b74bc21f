//! The text of a log with the same lines for everybody who reads it.

use bytes::Bytes;
use memchr::memchr;

/// Turns every end of a line, LF, CR LF or a lone CR (logs contract 2.2), into LF, block by block: readers that
/// know no other end number the lines as the parser does then.
#[derive(Debug, Default)]
pub struct LineEnds {
    /// The last byte was a CR: an LF that follows belongs to it.
    after_carriage_return: bool,
}

impl LineEnds {
    /// The next block.
    pub fn unify(&mut self, block: Bytes) -> Bytes {
        if !self.after_carriage_return && memchr(b'\r', &block).is_none() {
            return block;
        }
        let mut unified = Vec::with_capacity(block.len());
        for byte in block {
            let belongs_to_end = self.after_carriage_return && byte == b'\n';
            self.after_carriage_return = byte == b'\r';
            if !belongs_to_end {
                unified.push(if byte == b'\r' { b'\n' } else { byte });
            }
        }
        unified.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::MARKERS;
    use crate::logs::lines::Lines;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_are_those_of_the_parser(blocks in proptest::collection::vec("[ab\r\n]{0,6}", 0..8)) {
            let (mut lines, mut ends) = (Lines::default(), LineEnds::default());
            let (mut parsed, mut text) = (Vec::new(), Vec::new());
            for block in &blocks {
                lines.feed(block.as_bytes(), &MARKERS, |line| parsed.push(line.bytes.to_vec()));
                text.extend_from_slice(&ends.unify(Bytes::from(block.clone())));
            }
            lines.finish(&MARKERS, |line| parsed.push(line.bytes.to_vec()));
            let read: Vec<Vec<u8>> =
                String::from_utf8(text).unwrap().lines().map(|line| line.as_bytes().to_vec()).collect();
            prop_assert_eq!(read, parsed);
        }
    }
}
