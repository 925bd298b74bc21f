//! Error lines as they are stored.

use std::borrow::Cow;
use std::fmt::Write;

/// An error line as it is stored: each code point above U+FFFF by its number, as `<U+01F346>` (logs contract
/// 2.5).
pub fn stored_error_line(line: &str) -> Cow<'_, str> {
    const BASIC: char = '\u{ffff}';
    if line.is_ascii() || line.chars().all(|character| character <= BASIC) {
        return Cow::Borrowed(line);
    }
    let mut stored = String::with_capacity(line.len() + 16);
    for character in line.chars() {
        if character <= BASIC {
            stored.push(character);
        } else {
            // Writing to a text cannot fail.
            _ = write!(stored, "<U+{:06X}>", u32::from(character));
        }
    }
    Cow::Owned(stored)
}

#[cfg(test)]
mod tests {
    use super::stored_error_line;

    #[test]
    fn code_points_above_ffff_are_stored_by_their_number() {
        for (line, stored) in [
            ("plain", "plain"),
            ("größer \u{ffff}", "größer \u{ffff}"),
            ("🍆 and 🧱", "<U+01F346> and <U+01F9F1>"),
            ("<U+01F346>", "<U+01F346>"),
        ] {
            assert_eq!(stored_error_line(line), stored);
        }
    }
}
