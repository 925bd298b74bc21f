//! Collections are split into raw elements before anything is parsed (design rule R28): what is wrong
//! in one element is that element's violation.

use bytes::Bytes;

/// The documents in a file: the elements of a JSON array, the lines of JSON lines, or the one document
/// that the whole is. Elements are raw and need not be JSON; what follows the end of an array is an
/// element of its own, so that nothing is passed over in silence.
pub fn split_items(bytes: &Bytes) -> Vec<Bytes> {
    let text = body(bytes);
    match text.first() {
        None => Vec::new(),
        Some(b'[') => {
            let RawArray { mut elements, ending } = raw_array(&text, usize::MAX);
            if let Ending::Closed(rest) = ending
                && !rest.is_empty()
            {
                elements.push(rest);
            }
            elements
        }
        Some(_) if is_json_lines(&text) => {
            let lines = text.split(|byte| *byte == b'\n').map(|line| trimmed(&text, line));
            lines.filter(|line| !line.is_empty()).collect()
        }
        Some(_) => vec![text],
    }
}

/// Bytes without a byte order mark and without white space around them.
pub(super) fn body(bytes: &Bytes) -> Bytes {
    trimmed(bytes, bytes.strip_prefix(b"\xef\xbb\xbf".as_slice()).unwrap_or(bytes))
}

/// Without white space around it, sharing the bytes of `all`, of which `part` is a part.
fn trimmed(all: &Bytes, part: &[u8]) -> Bytes {
    let part = part.trim_ascii();
    if part.is_empty() { Bytes::new() } else { all.slice_ref(part) }
}

/// One of the first two lines is an object of its own. In an object that is laid out over lines the
/// first opens more than it closes and the second is a member.
fn is_json_lines(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let first_two: Vec<_> = lines.by_ref().take(2).collect();
    first_two.len() == 2
        && first_two.iter().any(|line| line.starts_with(b"{") && Scanner::default().closes(line))
}

/// The array that a text starts with, taken apart.
pub(super) struct RawArray {
    /// Its elements.
    pub elements: Vec<Bytes>,
    /// How the text goes on after them.
    pub ending: Ending,
}

/// How an array ends.
pub(super) enum Ending {
    /// It is closed, and this follows, usually nothing.
    Closed(Bytes),
    /// The text ends before the array does; nor need the last element be complete.
    Open,
    /// There are more elements than were asked for.
    TooMany,
}

/// Takes apart the array that `text` starts with, up to `most` elements.
pub(super) fn raw_array(text: &Bytes, most: usize) -> RawArray {
    let mut scanner = Scanner::default();
    let mut elements = Vec::new();
    let mut start = 1;
    for (position, &byte) in text.iter().enumerate() {
        let between_elements = scanner.depth == 1 && !scanner.in_string;
        match byte {
            b',' | b']' if between_elements => {
                let element = trimmed(text, &text[start..position]);
                if byte == b',' || !element.is_empty() || !elements.is_empty() {
                    if elements.len() == most {
                        return RawArray { elements, ending: Ending::TooMany };
                    }
                    elements.push(element);
                }
                if byte == b']' {
                    let rest = trimmed(text, &text[position + 1..]);
                    return RawArray { elements, ending: Ending::Closed(rest) };
                }
                start = position + 1;
            }
            // A stray brace belongs to its element, which is wrong, and ends nothing.
            b'}' if between_elements => {}
            _ => scanner.step(byte),
        }
    }
    elements.push(trimmed(text, &text[start..]));
    RawArray { elements, ending: Ending::Open }
}

/// Follows nesting and strings, whatever else the text is.
#[derive(Default)]
struct Scanner {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scanner {
    fn step(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    /// Whether everything that the text opens is closed in it.
    fn closes(mut self, text: &[u8]) -> bool {
        text.iter().for_each(|byte| self.step(*byte));
        self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        let items = split_items(&Bytes::copy_from_slice(text.as_bytes()));
        items.into_iter().map(|item| String::from_utf8(item.to_vec()).unwrap()).collect()
    }

    #[test]
    fn documents_are_found_in_arrays_lines_and_alone() {
        for (text, expected) in [
            ("", &[][..]),
            (" \n ", &[]),
            ("[]", &[]),
            ("[ {\"a\": [1, 2]} , {\"b\": \",]\\\"\"} ]", &["{\"a\": [1, 2]}", "{\"b\": \",]\\\"\"}"]),
            ("{\"a\": 1}", &["{\"a\": 1}"]),
            ("{\n \"a\": {\n }\n}", &["{\n \"a\": {\n }\n}"]),
            ("{\"a\": 1}\n\n{\"b\": 2}\r\n", &["{\"a\": 1}", "{\"b\": 2}"]),
            ("\u{feff}{\"a\": 1}", &["{\"a\": 1}"]),
        ] {
            assert_eq!(split(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_broken_element_spoils_only_itself() {
        for (text, expected) in [
            ("[NaN, {}]", &["NaN", "{}"][..]),
            ("[{\"a\": \"\\ud800\"}, {}]", &["{\"a\": \"\\ud800\"}", "{}"]),
            ("[{}}, {}]", &["{}}", "{}"]),
            ("[{},, {}]", &["{}", "", "{}"]),
            ("[{},]", &["{}", ""]),
            ("[{}, {\"a\":", &["{}", "{\"a\":"]),
            ("[{}] x", &["{}", "x"]),
            ("{}\n{\"a\n{}", &["{}", "{\"a", "{}"]),
            ("oops\n{}\n{}", &["oops", "{}", "{}"]),
        ] {
            assert_eq!(split(text), expected, "{text:?}");
        }
    }

    #[test]
    fn deep_nesting_is_one_element() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(split(&format!("[{deep}, {{}}]")), [deep.as_str(), "{}"]);
    }

    #[test]
    fn invalid_utf_8_is_left_to_its_element() {
        let items = split_items(&Bytes::from_static(b"[{\"a\": \"\xff\"}, {}]"));
        assert_eq!(items[1], "{}");
    }
}
