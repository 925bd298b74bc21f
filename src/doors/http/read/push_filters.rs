//! What a list of pushes is filtered by (ingest contract 6.4), and what its `meta` says about that.

use super::parameters::{Parameters, WindowTexts, comma_list, excerpt, problem};
use super::{HttpDoor, ONCE_DOCUMENTED, not_found};
use crate::domain::Repository;
use crate::doors::http::problem::Problem;
use crate::limits;
use crate::store::lists::{Comparison, NamedPush, PushCondition, Window};
use chrono::{DateTime, Days, NaiveDate, Utc};
use serde_json::Value;
use std::collections::BTreeMap;

/// Parameters of years past: no push has a hash of its revisions any more, and the time of a push alone
/// never filtered.
const GONE: [&str; 2] = ["revision_hash", "push_timestamp"];

/// What the dashboard always sends and no answer depends on.
const WITHOUT_EFFECT: &str = "full";

/// Which pushes are asked for.
#[derive(Debug)]
pub struct PushQuery {
    /// What they have to be.
    pub conditions: Vec<PushCondition>,
    /// Which part of them.
    pub window: Window,
    /// The first push of a range, by the beginning of its revision.
    pub from_change: Option<String>,
    /// The last push of a range.
    pub to_change: Option<String>,
    /// What the answer repeats of the question.
    pub echo: Echo,
    /// About parameters that were ignored.
    pub warnings: Vec<String>,
}

/// The question as `meta` repeats it.
#[derive(Debug, Default)]
pub struct Echo {
    /// `fromchange`, `tochange`, `startdate`, `enddate` and `revision` as given.
    pub given: BTreeMap<&'static str, String>,
    /// All other parameters as given, and what was derived from those.
    pub filter_params: BTreeMap<String, Value>,
}

impl PushQuery {
    /// # Errors
    /// If a parameter is unknown or has a value that it does not take.
    pub fn read(mut parameters: Parameters) -> Result<Self, Problem> {
        let mut echo = Echo::default();
        let mut conditions = Vec::new();
        let mut given = |parameters: &mut Parameters, name: &'static str| {
            let value = parameters.take_filled(name);
            echo.given.extend(value.clone().map(|value| (name, value)));
            value
        };
        let from_change = given(&mut parameters, "fromchange");
        let to_change = given(&mut parameters, "tochange");
        let start = given(&mut parameters, "startdate").map(|text| date("startdate", &text)).transpose()?;
        let end = given(&mut parameters, "enddate").map(|text| date("enddate", &text)).transpose()?;
        let revision = given(&mut parameters, "revision");
        echo.filter_params = parameters.distinct().into_iter().map(|(k, v)| (k, v.into())).collect();

        if let Some(start) = start {
            echo.derive_time("push_timestamp__gte", start);
            conditions.push(PushCondition::Time(Comparison::AtLeast(start.timestamp_micros())));
        }
        if let Some(end) = end.and_then(|end| end.checked_add_days(Days::new(1))) {
            // Inclusive, whatever the name of the derived parameter says.
            echo.derive_time("push_timestamp__lt", end);
            conditions.push(PushCondition::Time(Comparison::AtMost(end.timestamp_micros())));
        }
        if let Some(revision) = revision {
            let length = if revision.chars().count() == limits::REVISION { "long" } else { "short" };
            echo.filter_params.insert(format!("revisions_{length}_revision"), revision.as_str().into());
            conditions.push(PushCondition::Revision(revision));
        }
        conditions.extend(parameters.take_filled("commit_revision").map(PushCondition::Revision));
        conditions.extend(parameters.take_filled("author").map(author_condition));
        conditions.extend(parameters.take_read(time_condition)?);
        conditions.extend(parameters.take_read(id_condition)?.into_iter().flatten());
        let window = parameters.take_window(&WindowTexts::USUAL)?;
        parameters.take_all(WITHOUT_EFFECT);
        parameters.ignore(&ONCE_DOCUMENTED);
        parameters.ignore(&GONE);
        let warnings = parameters.finish()?;
        Ok(Self { conditions, window, from_change, to_change, echo, warnings })
    }

    /// Turns the ends of a range of pushes into times, both inclusive.
    ///
    /// # Errors
    /// 404 if an end names no push, 400 if it names several.
    pub async fn resolve_range(&mut self, door: &HttpDoor, repository: &Repository) -> Result<(), Problem> {
        if let Some(revision) = &self.from_change {
            let time = named_push(door, repository, "fromchange", revision).await?.time;
            self.echo.derive_time("push_timestamp__gte", time);
            self.conditions.push(PushCondition::Time(Comparison::AtLeast(time.timestamp_micros())));
        }
        if let Some(revision) = &self.to_change {
            let time = named_push(door, repository, "tochange", revision).await?.time;
            self.echo.derive_time("push_timestamp__lte", time);
            self.conditions.push(PushCondition::Time(Comparison::AtMost(time.timestamp_micros())));
        }
        Ok(())
    }
}

impl Echo {
    fn derive_time(&mut self, name: &str, time: DateTime<Utc>) {
        self.filter_params.insert(name.to_owned(), time.timestamp().into());
    }
}

/// A leading `-` asks for all but this author (dashboard contract 2.5).
fn author_condition(author: String) -> PushCondition {
    match author.strip_prefix('-') {
        Some(excluded) => PushCondition::NotAuthor(excluded.to_owned()),
        None => PushCondition::Author(author),
    }
}

/// The push that the value of a parameter names by its top revision or the beginning of it.
///
/// # Errors
/// 404 if there is none, 400 if there are several.
pub(super) async fn named_push(
    door: &HttpDoor,
    repository: &Repository,
    name: &str,
    revision: &str,
) -> Result<NamedPush, Problem> {
    let quoted = excerpt(revision);
    match &*door.gateway.store().pushes_named(repository.id, revision).await? {
        [push] => Ok(*push),
        [] => Err(not_found(format!("{name}: no push has a revision that begins with {quoted:?}"))),
        _ => Err(problem(&format!("{name}: several pushes have revisions that begin with {quoted:?}"))),
    }
}

fn date(name: &str, text: &str) -> Result<DateTime<Utc>, Problem> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == "2013-11-13".len());
    let midnight = day.and_then(|day| day.and_hms_opt(0, 0, 0)).map(|time| time.and_utc());
    midnight.ok_or_else(|| problem(&format!("{name}: {:?} is not a date like 2013-11-13", excerpt(text))))
}

fn comparison<V>(operator: &str, value: V) -> Option<Comparison<V>> {
    Some(match operator {
        "" => Comparison::Equal(value),
        "__lt" => Comparison::Less(value),
        "__lte" => Comparison::AtMost(value),
        "__gt" => Comparison::Greater(value),
        "__gte" => Comparison::AtLeast(value),
        _ => return None,
    })
}

/// `push_timestamp__gt` and the like, in seconds that may have a fraction.
fn time_condition(name: &str, value: &str) -> Option<Result<PushCondition, Problem>> {
    let operator = name.strip_prefix("push_timestamp").filter(|operator| !operator.is_empty())?;
    let seconds = value.trim().parse::<f64>().ok().filter(|seconds| seconds.abs() < MOST_SECONDS);
    let refused = || problem(&format!("Invalid timestamp specified for {name}"));
    #[allow(clippy::cast_possible_truncation, reason = "the check keeps it far within an i64")]
    let mut micros = (seconds.unwrap_or_default() * 1e6).round() as i64;
    // Times are shown in whole seconds: whoever asks up to one that was shown means all of it.
    if operator == "__lte" && micros % 1_000_000 == 0 {
        micros += 999_999;
    }
    let condition = PushCondition::Time(comparison(operator, micros)?);
    Some(seconds.map(|_| condition).ok_or_else(refused))
}

/// The end of the year 9999.
const MOST_SECONDS: f64 = 253_402_300_800.0;

/// `id`, `id__gt` and the like, of which 0 asks for nothing, and `id__in`.
fn id_condition(name: &str, value: &str) -> Option<Result<Option<PushCondition>, Problem>> {
    let operator = name.strip_prefix("id")?;
    if operator == "__in" {
        return Some(ids(value));
    }
    let id = value.trim().parse::<i64>();
    let condition = comparison(operator, *id.as_ref().unwrap_or(&0))?;
    Some(match id {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(PushCondition::Id(condition))),
        Err(_) if value.is_empty() => Ok(None),
        Err(_) => Err(problem(&format!("Invalid timestamp specified for {name}"))),
    })
}

fn ids(value: &str) -> Result<Option<PushCondition>, Problem> {
    if value.is_empty() {
        return Ok(None);
    }
    let ids: Result<Vec<i64>, _> =
        comma_list("id__in", value)?.into_iter().map(|id| id.trim().parse()).collect();
    let ids = ids.map_err(|_| problem("Invalid id__in specification"))?;
    Ok(Some(PushCondition::Id(Comparison::OneOf(ids))))
}
