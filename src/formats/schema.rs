//! The JSON Schemas of `schemas/`, compiled once, and their errors as violations.

use super::date_time;
use super::findings::{self, member};
use crate::domain::Violation;
use crate::limits;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;
use std::sync::LazyLock;

macro_rules! published {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../schemas/", $name)))),*]
    };
}

static PUBLISHED: &[(&str, &str)] = published![
    "pulse-job.yml",
    "job-collection.yml",
    "artifact-collection.yml",
    "push-collection.yml",
    "text-log-summary-artifact.yml",
    "job-info-artifact.yml",
    "performance-artifact.yml",
];

/// The published schemas as (file name, YAML text).
pub fn schemas() -> &'static [(&'static str, &'static str)] {
    PUBLISHED
}

/// A Pulse job message.
pub(super) static PULSE_JOB: LazyLock<Schema> = LazyLock::new(|| Schema::of_document("pulse-job.yml"));
/// One item of a legacy job collection.
pub(super) static LEGACY_JOB: LazyLock<Schema> = LazyLock::new(|| Schema::of_item("job-collection.yml"));
/// One item of a legacy artifact collection.
pub(super) static LEGACY_ARTIFACT: LazyLock<Schema> =
    LazyLock::new(|| Schema::of_item("artifact-collection.yml"));
/// One item of a push collection.
pub(super) static LEGACY_PUSH: LazyLock<Schema> = LazyLock::new(|| Schema::of_item("push-collection.yml"));
/// An artifact named `text_log_summary`.
pub(super) static TEXT_LOG_SUMMARY: LazyLock<Schema> =
    LazyLock::new(|| Schema::of_document("text-log-summary-artifact.yml"));
/// An artifact named `Job Info`.
pub(super) static JOB_INFO: LazyLock<Schema> = LazyLock::new(|| Schema::of_document("job-info-artifact.yml"));
/// One document of performance data, as logs print it.
pub(super) static PERFORMANCE: LazyLock<Schema> =
    LazyLock::new(|| Schema::of_definition("performance-artifact.yml", "datum"));

/// Elements of lists, all together, that are looked at in a document with something wrong in it; more than
/// any list may have.
const LOOKED_AT: usize = 12_000;

/// The document with the beginning of its lists; none if that is all of it.
fn beginning(document: &Value) -> Option<Value> {
    let mut left = LOOKED_AT;
    is_longer(document, &mut left).then(|| cut(document, &mut { LOOKED_AT }))
}

/// Whether a document has more elements of lists than are left.
fn is_longer(document: &Value, left: &mut usize) -> bool {
    match document {
        Value::Array(elements) => match left.checked_sub(elements.len()) {
            None => true,
            Some(rest) => {
                *left = rest;
                elements.iter().any(|element| is_longer(element, left))
            }
        },
        Value::Object(members) => members.values().any(|member| is_longer(member, left)),
        _ => false,
    }
}

fn cut(document: &Value, left: &mut usize) -> Value {
    match document {
        Value::Array(elements) => {
            // One stays of each, so that none is empty that was not.
            let kept = elements.len().min((*left).max(1));
            *left = left.saturating_sub(kept);
            elements[..kept].iter().map(|element| cut(element, left)).collect()
        }
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), cut(member, left))).collect()
        }
        other => other.clone(),
    }
}

/// A compiled schema.
#[derive(Debug)]
pub(super) struct Schema(Validator);

impl Schema {
    /// Everything that is wrong with a document, NUL included, at most [`limits::VIOLATIONS`].
    pub(super) fn violations(&self, document: &Value) -> Vec<Violation> {
        let mut violations = Vec::new();
        if !self.0.is_valid(document) {
            // All errors are gathered before the first is seen: of lists without end only the beginning is
            // looked at.
            let beginning = beginning(document);
            for error in self.0.iter_errors(beginning.as_ref().unwrap_or(document)).take(limits::VIOLATIONS) {
                violations.extend(violations_of(&error, error.instance_path().as_str()));
            }
            if violations.is_empty()
                && let Err(error) = self.0.validate(document)
            {
                violations.extend(violations_of(&error, error.instance_path().as_str()));
            }
        }
        find_nul(document, "", &mut violations);
        violations.truncate(limits::VIOLATIONS);
        violations
    }

    fn of_document(name: &str) -> Self {
        Self::compile(name, &read(name))
    }

    /// The schema of one item of a collection: each item is checked alone (design rule R28).
    fn of_item(name: &str) -> Self {
        Self::of_definition(name, "item")
    }

    fn of_definition(name: &str, definition: &str) -> Self {
        let definitions = read(name)["definitions"].take();
        Self::compile(
            name,
            &serde_json::json!({
                "$schema": "http://json-schema.org/draft-07/schema#",
                "$ref": format!("#/definitions/{definition}"),
                "definitions": definitions,
            }),
        )
    }

    fn compile(name: &str, schema: &Value) -> Self {
        // Formats are assertions here, and ours; patterns run in linear time.
        let compiled = jsonschema::options()
            .should_validate_formats(true)
            .with_format("date-time", |text: &str| date_time::parse(text).is_some())
            .with_format("uri", is_uri)
            .with_pattern_options(PatternOptions::regex())
            .build(schema);
        match compiled {
            Ok(validator) => Self(validator),
            // The schemas are part of the binary and the tests compile every one of them.
            Err(error) => unreachable!("schemas/{name} does not compile: {error}"),
        }
    }
}

fn read(name: &str) -> Value {
    let text = PUBLISHED.iter().find(|(published, _)| *published == name).map_or("", |(_, text)| text);
    match serde_norway::from_str(text) {
        Ok(schema) => schema,
        // As above: no test passes with a schema that is no YAML.
        Err(error) => unreachable!("schemas/{name} is no YAML: {error}"),
    }
}

/// Whether a text is a URI of RFC 3986: with a scheme and in ASCII.
pub(super) fn is_uri(text: &str) -> bool {
    fluent_uri::Uri::parse(text).is_ok()
}

/// Adds a violation for every text and member name below `path` that contains NUL (design rule R28).
pub(super) fn find_nul(value: &Value, path: &str, violations: &mut Vec<Violation>) {
    // Paths are made only where there is something to report.
    if !contains_nul(value) {
        return;
    }
    match value {
        Value::String(text) => violations.push(findings::nul(path, text)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_nul(item, &format!("{path}/{index}"), violations);
            }
        }
        Value::Object(members) => {
            for (name, item) in members {
                if name.contains('\0') {
                    violations.push(findings::nul(member(path, name), name));
                }
                find_nul(item, &member(path, name), violations);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn contains_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(contains_nul),
        Value::Object(members) => {
            members.iter().any(|(name, item)| name.contains('\0') || contains_nul(item))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn violations_of(error: &ValidationError<'_>, path: &str) -> Vec<Violation> {
    let value = error.instance();
    let one = |violation: Violation| vec![violation];
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| unexpected_member(path, name)).collect()
        }
        ValidationErrorKind::Required { property } => {
            one(findings::missing(member(path, property.as_str().unwrap_or_default())))
        }
        ValidationErrorKind::MaxLength { limit } => one(findings::too_long(path, text(value), *limit)),
        ValidationErrorKind::MinLength { limit } => one(findings::too_short(path, text(value), *limit)),
        ValidationErrorKind::MaxItems { limit } => {
            one(findings::too_many(path, value.as_array().map_or(0, Vec::len), *limit))
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let words: Vec<_> = options.iter().map(quoted).collect();
            one(findings::not_among(path, &quoted(value), &words.join(", ")))
        }
        ValidationErrorKind::Format { format } if format == "date-time" => {
            one(findings::no_time(path, text(value)))
        }
        ValidationErrorKind::Format { format } => one(of_value(
            path,
            "format",
            format!("{path} is no {format}; write an absolute one, for instance https://example.org/log.txt"),
            value,
        )
        .with_limit(format)),
        ValidationErrorKind::Pattern { pattern } => {
            let characters = pattern.trim_start_matches("^[").trim_end_matches("]*$");
            let message = match characters.strip_prefix('^') {
                Some(refused) => format!("{path} may not contain {refused}; remove it"),
                None => format!("{path} may contain only {characters}; replace what is not of these"),
            };
            one(of_value(path, "pattern", message, value).with_limit(pattern))
        }
        // The names of an object's members are checked like texts that stand where the members do.
        ValidationErrorKind::PropertyNames { error } => {
            violations_of(error, &member(path, text(error.instance())))
        }
        ValidationErrorKind::Maximum { limit } => one(findings::too_big(path, &value.to_string(), limit)),
        ValidationErrorKind::Minimum { limit } => one(findings::too_small(path, &value.to_string(), limit)),
        ValidationErrorKind::Type { kind } => {
            let expected = match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(kinds) => {
                    kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or ")
                }
            };
            let name = if path.is_empty() { "the submission" } else { path };
            let message = format!("{name} is of type {}, must be {expected}", type_of(value));
            one(of_value(path, "type", message, value).with_limit(expected))
        }
        other => {
            let rule = other.keyword().to_owned();
            let mut violation = of_value(path, "schema", format!("{path}: {error}"), value);
            violation.rule = rule.into();
            one(violation)
        }
    }
}

fn unexpected_member(path: &str, name: &str) -> Violation {
    let path = member(path, name);
    let message = format!("{path} is no member of this format; remove it or correct its name");
    Violation::new(path, "additionalProperties", message)
}

fn of_value(path: &str, rule: &'static str, message: String, value: &Value) -> Violation {
    Violation::new(path, rule, message).with_value(&quoted(value))
}

/// A text as it is, anything else as JSON.
fn quoted(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_published_schema_compiles() {
        for (name, _) in schemas() {
            Schema::of_document(name);
        }
        for schema in [&PULSE_JOB, &LEGACY_JOB, &LEGACY_ARTIFACT, &LEGACY_PUSH, &TEXT_LOG_SUMMARY, &JOB_INFO]
        {
            assert!(!schema.violations(&json!(7)).is_empty(), "a number is none of these");
        }
    }

    #[test]
    fn every_published_schema_says_draft_07_and_describes_itself() {
        for (name, _) in schemas() {
            let schema = read(name);
            assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "{name}");
            assert!(schema["title"].is_string() && schema["description"].is_string(), "{name}");
        }
    }

    #[test]
    fn collections_say_how_many_items_they_may_have() {
        for name in ["job-collection.yml", "artifact-collection.yml", "push-collection.yml"] {
            assert_eq!(read(name)["maxItems"], limits::COLLECTION_ITEMS, "{name}");
        }
    }

    #[test]
    fn at_most_the_limit_of_violations_is_listed() {
        let wrong: Vec<_> = (0..limits::VIOLATIONS + 50).map(|_| json!(7)).collect();
        let violations = PULSE_JOB.violations(&json!({ "coalesced": wrong }));
        assert_eq!(violations.len(), limits::VIOLATIONS);
    }

    #[test]
    fn a_nul_is_found_in_texts_and_member_names_at_any_depth() {
        let mut violations = Vec::new();
        let value = json!({"a": [1, {"b": "x\0"}], "c\0": {"d": "\0"}});
        find_nul(&value, "", &mut violations);
        let paths: Vec<_> = violations.iter().map(|v| &*v.path).collect();
        assert_eq!(paths, ["/a/1/b", "/c\u{2400}", "/c\u{2400}/d"]);
        assert!(violations.iter().all(|v| v.rule == "nul" && !v.value.as_deref().unwrap().contains('\0')));
    }
}
