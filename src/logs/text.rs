//! Text of a line: decoded and cut (logs contract 2.3, 2.4).

use std::borrow::Cow;

/// Code points of a line that are looked at; a line with performance data is used whole.
pub const LINE_CHARACTERS: usize = 500;
/// Whatever its bytes are, this many of them give more than [`LINE_CHARACTERS`] code points.
const ENOUGH_BYTES: usize = 4 * LINE_CHARACTERS + 4;

/// The first 500 code points of a line; what is not UTF-8 is replaced by U+FFFD.
pub fn beginning(line: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(&line[..line.len().min(ENOUGH_BYTES)]);
    match text.char_indices().nth(LINE_CHARACTERS) {
        None => text,
        Some((end, _)) => match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
            Cow::Owned(mut text) => {
                text.truncate(end);
                Cow::Owned(text)
            }
        },
    }
}

/// Space, and what separates lines or fields, as the parsers of both profiles take them off the end
/// of an error line.
pub fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// Without its leading ASCII digits; `None` if there are none.
pub fn after_digits(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

/// What follows `digits:digits:digits` and one or more spaces at the start of a line.
pub fn after_clock(text: &str) -> Option<&str> {
    let minutes = after_digits(text)?.strip_prefix(':')?;
    let seconds = after_digits(minutes)?.strip_prefix(':')?;
    let rest = after_digits(seconds)?;
    let level = rest.trim_start_matches(' ');
    (level.len() < rest.len()).then_some(level)
}
