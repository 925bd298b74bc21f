//! What the formats find wrong, in sentences that are the same whoever found it.

use crate::domain::{ProjectName, Violation};
use crate::limits;
use std::ops::RangeInclusive;

/// What was found in one submission so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// What makes it invalid.
    pub violations: Vec<Violation>,
    /// What was accepted but looks wrong.
    pub warnings: Vec<Violation>,
}

impl Findings {
    /// Both lists, each cut to [`limits::VIOLATIONS`].
    pub(super) fn bounded(mut self) -> Self {
        self.violations.truncate(limits::VIOLATIONS);
        self.warnings.truncate(limits::VIOLATIONS);
        self
    }

    /// Checks a text that no schema checks: its length in code points, and that it has no NUL. Gives
    /// it back if it keeps both.
    pub(super) fn text<'a>(
        &mut self,
        path: &str,
        text: &'a str,
        length: RangeInclusive<usize>,
    ) -> Option<&'a str> {
        let before = self.violations.len();
        let actual = text.chars().count();
        if actual < *length.start() {
            self.violations.push(too_short(path, text, *length.start() as u64));
        }
        if actual > *length.end() {
            self.violations.push(too_long(path, text, *length.end() as u64));
        }
        if text.contains('\0') {
            self.violations.push(nul(path, text));
        }
        (self.violations.len() == before).then_some(text)
    }

    /// The same for one that must be there.
    pub(super) fn required_text<'a>(
        &mut self,
        path: &str,
        text: Option<&'a str>,
        length: RangeInclusive<usize>,
    ) -> Option<&'a str> {
        if text.is_none() {
            self.violations.push(missing(path));
        }
        self.text(path, text?, length)
    }

    /// The project of a request, for formats whose bytes do not name it.
    pub(super) fn request_project(&mut self, project: Option<&str>) -> Option<ProjectName> {
        let Some(text) = project else {
            self.violations.push(missing("/project"));
            return None;
        };
        ProjectName::try_new(text)
            .map_err(|error| self.violations.push(Violation::of_text("/project", text, &error)))
            .ok()
    }

    /// Cuts a text to a number of code points, with a warning.
    pub(super) fn fit(&mut self, path: impl Fn() -> String, text: String, limit: usize) -> String {
        match text.char_indices().nth(limit) {
            None => text,
            Some((end, _)) => {
                self.warn(|| cut(path(), &text, limit));
                text[..end].to_owned()
            }
        }
    }

    /// Adds a warning while there is room for one.
    pub(super) fn warn(&mut self, warning: impl FnOnce() -> Violation) {
        if self.warnings.len() < limits::VIOLATIONS {
            self.warnings.push(warning());
        }
    }
}

/// Path of a member, with the name escaped as RFC 6901 wants it.
pub(super) fn member(path: &str, name: &str) -> String {
    let name = name.replace('~', "~0").replace('/', "~1").replace('\0', "\u{2400}");
    format!("{path}/{name}")
}

/// Moves a violation of a part that was checked alone to where that part stands: its path starts with
/// `place` instead of `origin`.
pub(super) fn place(violation: &mut Violation, origin: &str, place: &str) {
    let rest = violation.path.strip_prefix(origin).unwrap_or(&violation.path);
    let placed = format!("{place}{rest}");
    if let Some(sentence) = violation.message.strip_prefix(&*violation.path)
        && sentence.starts_with(' ')
    {
        violation.message = format!("{placed}{sentence}");
    }
    violation.path = placed;
}

/// A required member that is not there.
pub(super) fn missing(path: impl Into<String>) -> Violation {
    let path = path.into();
    let message = format!("{path} is required; add it");
    Violation::new(path, "required", message)
}

/// A text of too many code points.
pub(super) fn too_long(path: impl Into<String>, text: &str, limit: u64) -> Violation {
    let (path, length) = (path.into(), text.chars().count());
    let message = format!("{path} has {length} characters, at most {limit} are allowed; shorten it");
    Violation::new(path, "maxLength", message).with_limit(limit).with_value(text)
}

/// A text of too few code points.
pub(super) fn too_short(path: impl Into<String>, text: &str, limit: u64) -> Violation {
    let (path, length) = (path.into(), text.chars().count());
    let remedy = if length == 0 { "fill it in" } else { "give all of it" };
    let message = format!("{path} has {length} characters, at least {limit} are needed; {remedy}");
    Violation::new(path, "minLength", message).with_limit(limit).with_value(text)
}

/// A list of too many items.
pub(super) fn too_many(path: impl Into<String>, count: usize, limit: u64) -> Violation {
    let path = path.into();
    let message = format!("{path} has {count} items, at most {limit} are allowed; send fewer");
    Violation::new(path, "maxItems", message).with_limit(limit)
}

/// A text with NUL in it (design rule R28).
pub(super) fn nul(path: impl Into<String>, text: &str) -> Violation {
    let path = path.into();
    let message = format!("{path} contains NUL (U+0000), which no text may; remove it");
    Violation::new(path, "nul", message).with_value(text)
}

/// A number above the largest allowed one.
pub(super) fn too_big(path: impl Into<String>, number: &str, limit: impl std::fmt::Display) -> Violation {
    let path = path.into();
    let message = format!("{path} is {number}, at most {limit} is allowed; send a smaller number");
    Violation::new(path, "maximum", message).with_limit(limit).with_value(number)
}

/// A number below the smallest allowed one.
pub(super) fn too_small(path: impl Into<String>, number: &str, limit: impl std::fmt::Display) -> Violation {
    let path = path.into();
    let message = format!("{path} is {number}, at least {limit} is needed; send a larger number");
    Violation::new(path, "minimum", message).with_limit(limit).with_value(number)
}

/// A word that is none of the allowed ones.
pub(super) fn not_among(path: impl Into<String>, word: &str, allowed: &str) -> Violation {
    let path = path.into();
    let message = format!("{path} is {word}, which is none of the allowed values: {allowed}");
    Violation::new(path, "enum", message).with_limit(allowed).with_value(word)
}

/// A time that cannot be one.
pub(super) fn no_time(path: impl Into<String>, value: &str) -> Violation {
    let path = path.into();
    let message = format!(
        "{path} is no date-time; write one of RFC 3339 in the years 1 to 9999, for instance \
         2026-01-31T23:59:59Z"
    );
    Violation::new(path, "format", message).with_limit("date-time").with_value(value)
}

/// Bytes that are no JSON.
pub(super) fn not_json(path: impl Into<String>, reason: impl std::fmt::Display) -> Violation {
    let path = path.into();
    let name = if path.is_empty() { "the submission" } else { &path };
    let message = format!("{name} is not JSON: {reason}");
    Violation::new(path, "json", message)
}

/// A submission of too many bytes.
pub fn too_large(size: usize) -> Violation {
    let limit = limits::SUBMISSION_BYTES;
    let message = format!("the submission has {size} bytes, at most {limit} are allowed; send less");
    Violation::new("", "maxBytes", message).with_limit(limit)
}

/// Something that was cut to fit; a warning.
pub(super) fn cut(path: impl Into<String>, text: &str, limit: usize) -> Violation {
    let path = path.into();
    let message = format!("{path} was cut to {limit} characters");
    Violation::new(path, "cut", message).with_limit(limit).with_value(text)
}

/// A value that cannot be read and was passed over; a warning. `instead` says what counts now.
pub(super) fn replaced(path: impl Into<String>, value: &str, instead: &str) -> Violation {
    let path = path.into();
    let message = format!("{path} {instead}");
    Violation::new(path, "replaced", message).with_value(value)
}

/// Something that is in the submission twice; the first counts. A warning.
pub(super) fn repeated(path: impl Into<String>, what: &str) -> Violation {
    let path = path.into();
    let message = format!("{path} is a second {what}; the first one counts");
    Violation::new(path, "repeated", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_names_are_escaped_as_json_pointers_and_keep_no_nul() {
        assert_eq!(member("/extra", "a/b~c\0"), "/extra/a~1b~0c\u{2400}");
    }

    #[test]
    fn lists_are_cut_to_their_limit() {
        let violations = (0..limits::VIOLATIONS + 1).map(|n| missing(format!("/{n}"))).collect();
        let findings = Findings { violations, warnings: Vec::new() }.bounded();
        assert_eq!(findings.violations.len(), limits::VIOLATIONS);
    }
}
