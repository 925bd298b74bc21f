//! What the published schemas say of a place in a document, for people who look at a violation there.

use super::schema::schemas;
use crate::domain::RawFormat;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The words of a schema on one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaWords {
    /// Name of the schema, as under `/schemas/`.
    pub schema: &'static str,
    /// What the place is for.
    pub description: Option<String>,
    /// The rules, in YAML.
    pub rules: String,
}

/// How deep references and alternatives are followed.
const DEEPEST: usize = 16;

static DOCUMENTS: LazyLock<BTreeMap<&'static str, Value>> = LazyLock::new(|| {
    // Those that are no YAML would not have compiled as schemas either.
    let read =
        |(name, text): &(&'static str, &str)| serde_norway::from_str(text).ok().map(|value| (*name, value));
    schemas().iter().filter_map(read).collect()
});

/// What the schema of a format says of the place that a JSON Pointer names; none if there is no schema,
/// or it does not know the place.
pub fn words_for(format: RawFormat, path: &str) -> Option<SchemaWords> {
    let schema = match format {
        RawFormat::ProtobufJob | RawFormat::PulseJson | RawFormat::CompressedBody => "pulse-job.yml",
        RawFormat::ProtobufArtifact | RawFormat::LegacyArtifactJson => "artifact-collection.yml",
        RawFormat::ProtobufPush | RawFormat::LegacyPushJson => "push-collection.yml",
        RawFormat::LegacyJobJson => "job-collection.yml",
        RawFormat::GithubPushJson
        | RawFormat::GithubPullRequestJson
        | RawFormat::MercurialPushJson
        | RawFormat::UndecodableFrame => return None,
    };
    let document = DOCUMENTS.get(schema)?;
    let segments: Vec<String> =
        path.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect();
    let found = descend(document, document, &segments, 0)?;
    let mut rules = found.clone();
    let description = rules.as_object_mut().and_then(|rules| rules.remove("description"));
    // A place deep enough to be read at a glance; what it consists of has places of its own.
    if let Some(rules) = rules.as_object_mut() {
        for member in ["properties", "definitions", "$schema", "$id", "title"] {
            rules.remove(member);
        }
    }
    Some(SchemaWords {
        schema,
        description: description.and_then(|text| text.as_str().map(|text| text.trim().to_owned())),
        rules: serde_norway::to_string(&rules).ok()?.trim_end().to_owned(),
    })
}

/// The subschema of a place below `schema`, through references, alternatives and lists.
fn descend<'a>(document: &'a Value, schema: &'a Value, path: &[String], depth: usize) -> Option<&'a Value> {
    if depth > DEEPEST {
        return None;
    }
    let deeper = |schema: &'a Value, path: &[String]| descend(document, schema, path, depth + 1);
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return deeper(document.pointer(reference.strip_prefix('#')?)?, path);
    }
    let Some((segment, rest)) = path.split_first() else { return Some(schema) };
    if let Some(member) = schema.get("properties").and_then(|members| members.get(segment)) {
        return deeper(member, rest);
    }
    let is_index = segment.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(items) = schema.get("items") {
        // Items of a collection are held alone: their paths begin inside of the list.
        return deeper(items, if is_index { rest } else { path });
    }
    let alternatives =
        ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|word| schema.get(word)?.as_array()).flatten();
    let conditional = ["then", "else"].into_iter().filter_map(|word| schema.get(word));
    alternatives.chain(conditional).find_map(|one| deeper(one, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_place_are_those_of_its_schema() {
        for (format, path, schema, rule) in [
            (RawFormat::PulseJson, "/display/jobSymbol", "pulse-job.yml", "maxLength: 25"),
            (RawFormat::ProtobufJob, "/taskId", "pulse-job.yml", "type: string"),
            (RawFormat::LegacyJobJson, "/job/job_guid", "job-collection.yml", "minLength: 1"),
            (RawFormat::LegacyJobJson, "/revision", "job-collection.yml", "minLength: 12"),
        ] {
            let words = words_for(format, path).unwrap_or_else(|| panic!("{path} is not known"));
            assert_eq!(words.schema, schema);
            assert!(words.rules.contains(rule), "{path}: {}", words.rules);
        }
        assert!(words_for(RawFormat::PulseJson, "/display").unwrap().description.is_some());
    }

    #[test]
    fn a_place_that_no_schema_knows_has_no_words() {
        assert_eq!(words_for(RawFormat::PulseJson, "/no/such/place"), None);
        assert_eq!(words_for(RawFormat::UndecodableFrame, ""), None);
    }
}
