//! The Pulse job message as a type: what both encodings of a job fill once the schema has been kept.
//! Members that are checked and not stored (`version`, `retryId`, `display.chunkCount`,
//! `jobInfo.summary`, ids and owner of `origin`) are not here.

use super::date_time;
use crate::domain::ParseStatus;
use chrono::{DateTime, Utc};
use serde::Deserialize;

/// One job message; texts are borrowed from its encoding.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PulseMessage<'a> {
    pub task_id: &'a str,
    #[serde(borrow)]
    pub origin: Origin<'a>,
    pub build_system: &'a str,
    pub display: Display<'a>,
    pub state: State,
    pub result: Option<Outcome>,
    pub job_kind: Kind,
    #[serde(default)]
    pub is_retried: bool,
    #[serde(default, deserialize_with = "integer::optional")]
    pub tier: Option<i64>,
    #[serde(default)]
    pub coalesced: Vec<&'a str>,
    #[serde(default, deserialize_with = "date_time::deserialize_optional")]
    pub time_scheduled: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "date_time::deserialize_optional")]
    pub time_started: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "date_time::deserialize_optional")]
    pub time_completed: Option<DateTime<Utc>>,
    pub labels: Option<Vec<&'a str>>,
    pub owner: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub product_name: Option<&'a str>,
    pub build_machine: Option<Machine<'a>>,
    pub run_machine: Option<Machine<'a>>,
    #[serde(default)]
    pub job_info: JobInfo<'a>,
    #[serde(default)]
    pub logs: Vec<Log<'a>>,
    /// Protobuf only.
    #[serde(skip)]
    pub description: Option<&'a str>,
    /// Protobuf only.
    #[serde(skip)]
    pub reference_data_name: Option<&'a str>,
}

/// Where the job belongs.
#[derive(Debug, Deserialize)]
pub(super) struct Origin<'a> {
    pub project: &'a str,
    pub revision: &'a str,
    #[serde(default, rename = "kind", deserialize_with = "shape")]
    pub shape: Shape,
}

/// Which form of the message it is: told by the presence of `origin.kind`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Shape {
    /// With a kind.
    Of2018,
    /// Without.
    #[default]
    Of2026,
}

fn shape<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Shape, D::Error> {
    serde::de::IgnoredAny::deserialize(from).map(|_| Shape::Of2018)
}

/// How the dashboard shows the job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Display<'a> {
    pub job_symbol: &'a str,
    #[serde(default, deserialize_with = "integer::optional")]
    pub chunk_id: Option<i64>,
    pub group_symbol: &'a str,
    pub job_name: &'a str,
    pub group_name: Option<&'a str>,
}

/// Lifecycle in the words of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Unscheduled,
    Pending,
    Running,
    Completed,
}

/// Result in the words of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Success,
    Fail,
    Exception,
    Canceled,
    Superseded,
    Unknown,
    Retry,
}

/// What the job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Build,
    Test,
    Other,
}

/// A machine and its platform.
#[derive(Debug, Deserialize)]
pub(super) struct Machine<'a> {
    pub name: Option<&'a str>,
    pub platform: &'a str,
    pub os: &'a str,
    pub architecture: &'a str,
}

/// Links of the job.
#[derive(Debug, Default, Deserialize)]
pub(super) struct JobInfo<'a> {
    #[serde(default, borrow)]
    pub links: Vec<Link<'a>>,
}

/// One link.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link<'a> {
    pub url: &'a str,
    pub link_text: &'a str,
    pub label: &'a str,
}

/// A log, perhaps with the submitter's summary of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log<'a> {
    pub url: &'a str,
    pub name: &'a str,
    #[serde(borrow)]
    pub steps: Option<Vec<Step<'a>>>,
    #[serde(default)]
    pub errors_truncated: bool,
    /// Protobuf only.
    #[serde(skip)]
    pub status: Option<ParseStatus>,
}

/// A step of a log.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Step<'a> {
    pub name: &'a str,
    #[serde(deserialize_with = "date_time::deserialize")]
    pub time_started: DateTime<Utc>,
    #[serde(deserialize_with = "date_time::deserialize")]
    pub time_finished: DateTime<Utc>,
    #[serde(deserialize_with = "integer::ordinal")]
    pub line_started: i32,
    #[serde(deserialize_with = "integer::ordinal")]
    pub line_finished: i32,
    pub result: Outcome,
    #[serde(default, borrow)]
    pub errors: Vec<LogError<'a>>,
}

/// An error line of a step.
#[derive(Debug, Deserialize)]
pub(super) struct LogError<'a> {
    pub line: &'a str,
    #[serde(rename = "linenumber", deserialize_with = "integer::ordinal")]
    pub line_number: i32,
}

/// Integers as JSON Schema has them: `1.0` is one.
pub(super) mod integer {
    use serde::{Deserialize, Deserializer, de::Error};
    use serde_json::Number;

    /// The integer that a number is, if it is one of 64 bits.
    pub(crate) fn of(number: &Number) -> Option<i64> {
        number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
            // Beyond 2^53 a float no longer tells neighbouring integers apart.
            let exact = float.abs() <= crate::limits::FOREIGN_ID as f64;
            #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 2^53")]
            exact.then_some(float as i64)
        })
    }

    pub(crate) fn ordinal<'de, D: Deserializer<'de>>(from: D) -> Result<i32, D::Error> {
        of(&Number::deserialize(from)?)
            .and_then(|number| i32::try_from(number).ok())
            .ok_or_else(|| D::Error::custom("no integer of 32 bits"))
    }

    pub(crate) fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
        of(&Number::deserialize(from)?).map(Some).ok_or_else(|| D::Error::custom("no integer"))
    }
}
