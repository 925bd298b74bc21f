//! The members of an object that has kept the schema, read as leniently as the ingest contract (table 2.1)
//! wants it. Null counts as absent wherever the schema lets it through.

use super::super::date_time;
use super::super::findings::{self, Findings};
use super::super::pulse_message::integer;
use crate::domain::UNKNOWN;
use chrono::{DateTime, Utc};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;

/// An object and where it stands in its item.
pub(super) struct Members<'a> {
    members: Option<&'a Map<String, Value>>,
    path: String,
}

impl<'a> Members<'a> {
    /// The members of `value`; none if it is absent.
    pub(super) fn of(value: Option<&'a Value>, path: impl Into<String>) -> Self {
        Self { members: value.and_then(Value::as_object), path: path.into() }
    }

    /// A member that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.members?.get(name).filter(|value| !value.is_null())
    }

    /// JSON Pointer of a member.
    pub(super) fn path(&self, name: &str) -> String {
        findings::member(&self.path, name)
    }

    /// The object at a member.
    pub(super) fn object(&self, name: &str) -> Self {
        Self::of(self.get(name), self.path(name))
    }

    /// The list at a member, every item with its path.
    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = (String, &'a Value)> {
        let path = self.path(name);
        let items = self.get(name).and_then(Value::as_array).into_iter().flatten().enumerate();
        items.map(move |(index, item)| (format!("{path}/{index}"), item))
    }

    /// A text, or the decimal text of a number.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        match self.get(name)? {
            Value::String(text) => Some(text.into()),
            Value::Number(number) => Some(number.to_string().into()),
            _ => None,
        }
    }

    /// The same; an empty one counts as absent.
    pub(super) fn filled(&self, name: &str) -> Option<Cow<'a, str>> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// The same, `unknown` if absent or empty.
    pub(super) fn filled_or_unknown(&self, name: &str) -> String {
        self.filled(name).map_or_else(|| UNKNOWN.into(), Cow::into_owned)
    }

    /// The same, cut to `limit` code points with a warning.
    pub(super) fn cut_or_unknown(&self, name: &str, limit: usize, findings: &mut Findings) -> String {
        findings.fit(|| self.path(name), self.filled_or_unknown(name), limit)
    }

    /// A text, `unknown` if absent; an empty one is kept.
    pub(super) fn kept_or_unknown(&self, name: &str) -> String {
        self.text(name).map_or_else(|| UNKNOWN.into(), Cow::into_owned)
    }

    /// An integer or a text of its digits, at most `limit`.
    pub(super) fn integer(&self, name: &str, limit: i64, findings: &mut Findings) -> Option<i64> {
        match self.get(name)? {
            Value::Number(number) => integer::of(number),
            Value::String(digits) if !digits.is_empty() => {
                let number = digits.parse().ok().filter(|number| *number <= limit);
                if number.is_none() {
                    findings.violations.push(findings::too_big(self.path(name), digits, limit));
                }
                number
            }
            _ => None,
        }
    }

    /// Unix seconds (ingest contract 2.8); 0 has always stood for an unknown time and is one.
    pub(super) fn time(&self, name: &str, findings: &mut Findings) -> Option<DateTime<Utc>> {
        let value = self.get(name)?;
        let seconds = match value {
            Value::Number(number) => whole(number),
            Value::String(text) if text.is_empty() => return None,
            Value::String(text) => is_integer(text.trim()).then(|| {
                text.trim().parse().unwrap_or_else(|_| {
                    // Beyond 64 bits, and so out of range as well.
                    if text.trim().starts_with('-') { i64::MIN } else { i64::MAX }
                })
            }),
            _ => None,
        };
        match seconds {
            Some(0) => None,
            Some(seconds) if seconds > date_time::LATEST => {
                let violation = findings::too_big(self.path(name), &seconds.to_string(), date_time::LATEST);
                findings.violations.push(violation);
                None
            }
            Some(seconds) if seconds < date_time::EARLIEST => {
                let violation =
                    findings::too_small(self.path(name), &seconds.to_string(), date_time::EARLIEST);
                findings.violations.push(violation);
                None
            }
            Some(seconds) => date_time::from_unix(seconds),
            None => {
                let value = value.as_str().map_or_else(|| value.to_string().into(), Cow::from);
                let instead = "is no number of Unix seconds and counts as unknown; send an integer";
                findings.warn(|| findings::replaced(self.path(name), &value, instead));
                None
            }
        }
    }
}

/// A number without its fraction.
fn whole(number: &Number) -> Option<i64> {
    integer::of(number).or_else(|| integer::of(&Number::from_f64(number.as_f64()?.trunc())?))
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
