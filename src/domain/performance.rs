//! Performance data: the documents that logs print and jobs carry, and the series that their values
//! belong to (logs contract 6.2 and 6.3).

use crate::limits;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};
use std::collections::BTreeSet;

/// One document: what a framework measured. Its form is checked where it comes in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PerformanceDocument {
    framework: Framework,
    suites: Vec<Suite>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Framework {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Suite {
    name: String,
    #[serde(default)]
    value: Option<f64>,
    #[serde(default)]
    extra_options: Vec<String>,
    #[serde(default)]
    lower_is_better: Option<bool>,
    subtests: Vec<Subtest>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subtest {
    name: String,
    value: f64,
    #[serde(default)]
    lower_is_better: Option<bool>,
}

/// What a series takes from the job of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerformanceContext {
    /// Hash of the options.
    pub option_collection_hash: String,
    /// Name of the platform that the job ran on.
    pub machine_platform: String,
}

/// Values over time that can be compared with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerformanceSeries {
    /// SHA-1 over its properties, in hex; shared with other systems.
    pub hash: String,
    /// Who measured.
    pub framework: String,
    /// What was measured.
    pub suite: String,
    /// Which part of the suite; empty: the suite as a whole.
    pub test: String,
    /// Sorted.
    pub extra_options: Vec<String>,
    /// Of two values the lower one is the better.
    pub lower_is_better: bool,
    /// Of the suite as a whole, if there are values of it.
    pub parent_hash: Option<String>,
    /// Whether there are series of its parts.
    pub has_subtests: bool,
}

/// A value of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Which series.
    pub series: PerformanceSeries,
    /// The value.
    pub value: f64,
}

/// Why a document of performance data makes no series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PerformanceExcess {
    /// A name or option is too long.
    #[error("{what} has more than {limit} characters")]
    Text {
        /// What it is.
        what: &'static str,
        /// How long it may be.
        limit: usize,
    },
    /// There are too many of something.
    #[error("there are more than {limit} {what}")]
    Number {
        /// What they are.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
}

impl PerformanceDocument {
    /// Checks what the schema leaves open: each value is stored with the names and options that it has in
    /// common with others, so a small document could make series without end.
    ///
    /// # Errors
    /// What there is too much of.
    pub fn check_bounds(&self) -> Result<(), PerformanceExcess> {
        let text = |what, text: &str, limit| match text.chars().nth(limit) {
            Some(_) => Err(PerformanceExcess::Text { what, limit }),
            None => Ok(()),
        };
        let number = |what, number: usize, limit| match number > limit {
            true => Err(PerformanceExcess::Number { what, limit }),
            false => Ok(()),
        };
        text("the name of the framework", &self.framework.name, limits::PERFORMANCE_NAME)?;
        let values: usize = self.suites.iter().map(|suite| suite.subtests.len() + 1).sum();
        number("values", values, limits::PERFORMANCE_VALUES)?;
        for suite in &self.suites {
            text("the name of a suite", &suite.name, limits::PERFORMANCE_NAME)?;
            number("options", suite.extra_options.len(), limits::PERFORMANCE_OPTIONS)?;
            for option in &suite.extra_options {
                text("an option", option, limits::PERFORMANCE_OPTION)?;
            }
            for subtest in &suite.subtests {
                text("the name of a subtest", &subtest.name, limits::PERFORMANCE_NAME)?;
            }
        }
        Ok(())
    }

    /// What it measured, as it is stored for a job of this kind. A series comes once: of several values of
    /// one the first counts.
    pub fn measurements(&self, context: &PerformanceContext) -> Vec<Measurement> {
        let mut known = BTreeSet::new();
        let all = self.suites.iter().flat_map(|suite| self.of_suite(suite, context));
        all.filter(|measurement| known.insert(measurement.series.hash.clone())).collect()
    }

    fn of_suite(&self, suite: &Suite, context: &PerformanceContext) -> Vec<Measurement> {
        let mut extra_options = suite.extra_options.clone();
        extra_options.sort_unstable();
        let mut properties = Map::new();
        properties.insert("suite".into(), suite.name.clone().into());
        properties.insert("option_collection_hash".into(), context.option_collection_hash.clone().into());
        properties.insert("machine_platform".into(), context.machine_platform.clone().into());
        if !extra_options.is_empty() {
            properties.insert("test_options".into(), json!(extra_options));
        }
        let series = |hash: String, test: &str, better: Option<bool>| PerformanceSeries {
            hash,
            framework: self.framework.name.clone(),
            suite: suite.name.clone(),
            test: test.to_owned(),
            extra_options: extra_options.clone(),
            lower_is_better: better.unwrap_or(true),
            parent_hash: None,
            has_subtests: false,
        };
        let whole = suite.value.map(|value| Measurement {
            series: PerformanceSeries {
                has_subtests: !suite.subtests.is_empty(),
                ..series(series_hash(&properties), "", suite.lower_is_better)
            },
            value,
        });
        let parent_hash = whole.as_ref().map(|whole| whole.series.hash.clone());
        if let Some(parent) = &parent_hash {
            properties.insert("parent_signature".into(), parent.clone().into());
        }
        let parts = suite.subtests.iter().map(|subtest| {
            properties.insert("test".into(), subtest.name.clone().into());
            let series = series(series_hash(&properties), &subtest.name, subtest.lower_is_better);
            let series = PerformanceSeries { parent_hash: parent_hash.clone(), ..series };
            Measurement { series, value: subtest.value }
        });
        let parts: Vec<Measurement> = parts.collect();
        whole.into_iter().chain(parts).collect()
    }
}

/// SHA-1 of the sorted names and values of the properties, joined without separator.
fn series_hash(properties: &Map<String, Value>) -> String {
    let mut words: Vec<String> = Vec::with_capacity(2 * properties.len());
    for (name, value) in properties {
        words.push(name.clone());
        words.push(word(value));
    }
    words.sort_unstable();
    hex::encode(Sha1::digest(words.concat()))
}

/// A text as it is; anything else in the JSON that other systems hash, with a space behind each comma and
/// nothing but ASCII.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| ascii(&item.to_string())).collect();
            format!("[{}]", items.join(", "))
        }
        other => ascii(&other.to_string()),
    }
}

fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            text.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> PerformanceContext {
        PerformanceContext {
            option_collection_hash: "102210fe594ee9b33d82058545b1ed14f4c8206e".into(),
            machine_platform: "linux64".into(),
        }
    }

    #[test]
    fn a_document_that_would_make_series_without_end_is_refused() {
        let document = |framework: &str, suite: &str, options: Value, subtests: usize| {
            let subtests: Vec<_> =
                (0..subtests).map(|n| json!({"name": format!("{n}"), "value": 1})).collect();
            let suite = json!({"name": suite, "extraOptions": options, "subtests": subtests});
            let document = json!({"framework": {"name": framework}, "suites": [suite]});
            serde_json::from_value::<PerformanceDocument>(document).unwrap().check_bounds()
        };
        let long = "x".repeat(limits::PERFORMANCE_NAME + 1);
        for (checked, problem) in [
            (document("f", "s", json!(["o"]), limits::PERFORMANCE_VALUES - 1), None),
            (
                document(&long, "s", json!([]), 1),
                Some("the name of the framework has more than 255 characters"),
            ),
            (document("f", &long, json!([]), 1), Some("the name of a suite has more than 255 characters")),
            (document("f", "s", json!([&long]), 1), Some("an option has more than 100 characters")),
            (document("f", "s", json!(vec!["o"; 65]), 1), Some("there are more than 64 options")),
            (
                document("f", "s", json!([]), limits::PERFORMANCE_VALUES),
                Some("there are more than 5000 values"),
            ),
        ] {
            assert_eq!(checked.err().map(|error| error.to_string()).as_deref(), problem);
        }
    }

    fn measured(document: Value) -> Vec<Measurement> {
        serde_json::from_value::<PerformanceDocument>(document).unwrap().measurements(&context())
    }

    fn sha1(text: &str) -> String {
        hex::encode(Sha1::digest(text))
    }

    #[test]
    fn a_suite_with_a_value_has_a_series_and_is_the_parent_of_its_subtests() {
        let all = measured(json!({
            "framework": {"name": "talos"},
            "suites": [{"name": "tp5o", "value": 2.5, "extraOptions": ["e10s", "bé"], "lowerIsBetter": false,
                "subtests": [{"name": "a.html", "value": 1}, {"name": "a.html", "value": 9}]}],
        }));
        let options = "102210fe594ee9b33d82058545b1ed14f4c8206e";
        let whole = sha1(&format!(
            "{options}[\"b\\u00e9\", \"e10s\"]linux64machine_platformoption_collection_hashsuitetest_optionstp5o"
        ));
        assert_eq!(all.len(), 2);
        assert_eq!((&all[0].series.hash, all[0].value), (&whole, 2.5));
        assert_eq!((all[0].series.lower_is_better, all[0].series.has_subtests), (false, true));
        assert_eq!((&*all[1].series.test, all[1].value), ("a.html", 1.0));
        assert_eq!((&all[1].series.parent_hash, all[1].series.lower_is_better), (&Some(whole), true));
    }

    #[test]
    fn a_suite_without_a_value_has_none_of_its_own() {
        let all = measured(json!({
            "framework": {"name": "talos"},
            "suites": [{"name": "tp5o", "subtests": [{"name": "a.html", "value": 1}]}],
        }));
        let hash = sha1(
            "102210fe594ee9b33d82058545b1ed14f4c8206ea.htmllinux64machine_platformoption_collection_hashsuite\
             testtp5o",
        );
        let series = &all[0].series;
        assert_eq!((all.len(), &series.hash, &series.parent_hash), (1, &hash, &None));
    }
}
