//! Filters on the properties of a list, as `property=value` and `property__operator=value`.

use super::parameters::{comma_list, excerpt, integer, invalid, problem};
use crate::doors::http::problem::Problem;
use crate::store::lists::{Comparison, Condition};
use chrono::{DateTime, NaiveDateTime, Utc};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, Required};

/// A property that a list is filtered by.
#[derive(Debug, Clone, Copy)]
pub struct Filter<N, T> {
    /// As in the query.
    pub name: &'static str,
    /// What its values are and what they are compared with.
    pub kind: Kind<N, T>,
}

/// What the values of a filter are.
#[derive(Debug, Clone, Copy)]
pub enum Kind<N, T> {
    /// Integers.
    Integer(N),
    /// Unix seconds, compared with microseconds.
    Seconds(N),
    /// Date-times of ISO 8601, without a zone in UTC, compared with microseconds.
    Time(N),
    /// Texts.
    Text(T),
}

/// Ends of parameters, and what they mean.
const OPERATORS: [&str; 7] = ["lt", "lte", "gt", "gte", "ne", "in", "nin"];

impl<N: Copy, T: Copy> Filter<N, T> {
    /// Reads a parameter, if one of the filters has its name. An empty value asks for nothing.
    pub fn read(
        filters: &[Self],
        name: &str,
        value: &str,
    ) -> Option<Result<Option<Condition<N, T>>, Problem>> {
        let (property, operator) = match name.split_once("__") {
            Some((property, operator)) if OPERATORS.contains(&operator) => (property, operator),
            Some(_) => return None,
            None => (name, ""),
        };
        let filter = filters.iter().find(|filter| filter.name == property)?;
        if value.is_empty() {
            return Some(Ok(None));
        }
        Some(filter.condition(name, operator, value).map(Some))
    }

    fn condition(&self, name: &str, operator: &str, value: &str) -> Result<Condition<N, T>, Problem> {
        let number = |column, read: &dyn Fn(&str) -> Result<i64, Problem>| {
            Ok(Condition::Number(column, compare(name, operator, value, read)?))
        };
        match self.kind {
            Kind::Integer(column) => number(column, &|text| integer(name, text)),
            Kind::Seconds(column) => number(column, &|text| {
                let too_far = || invalid(name, &format!("{:?} is out of range", excerpt(text)));
                integer(name, text)?.checked_mul(1_000_000).ok_or_else(too_far)
            }),
            Kind::Time(column) => number(column, &|text| {
                let said = || format!("Invalid date value for `{}`: {}", self.name, excerpt(text));
                date_time(text).map(|time| time.timestamp_micros()).ok_or_else(|| problem(&said()))
            }),
            Kind::Text(column) => {
                let text = |text: &str| Ok(text.to_owned());
                Ok(Condition::Text(column, compare(name, operator, value, text)?))
            }
        }
    }

    /// Describes the filters for the OpenAPI document.
    pub fn describe(filters: &[Self]) -> Vec<Parameter> {
        let describe = |filter: &Self| {
            let (kind, what) = match filter.kind {
                Kind::Integer(_) => (Type::Integer, "integer"),
                Kind::Seconds(_) => (Type::Integer, "Unix time in seconds"),
                Kind::Time(_) => (Type::String, "ISO 8601, UTC"),
                Kind::Text(_) => (Type::String, "exact text"),
            };
            let ends = OPERATORS.map(|operator| format!("`__{operator}`")).join(", ");
            ParameterBuilder::new()
                .name(filter.name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(format!(
                    "{what}; also with {ends}, of which `__in` and `__nin` take several values separated \
                     by commas"
                )))
                .schema(Some(ObjectBuilder::new().schema_type(kind)))
                .build()
        };
        filters.iter().map(describe).collect()
    }
}

fn compare<V>(
    name: &str,
    operator: &str,
    value: &str,
    read: impl Fn(&str) -> Result<V, Problem>,
) -> Result<Comparison<V>, Problem> {
    let several = || comma_list(name, value)?.into_iter().map(&read).collect::<Result<Vec<_>, _>>();
    Ok(match operator {
        "lt" => Comparison::Less(read(value)?),
        "lte" => Comparison::AtMost(read(value)?),
        "gt" => Comparison::Greater(read(value)?),
        "gte" => Comparison::AtLeast(read(value)?),
        "ne" => Comparison::NotEqual(read(value)?),
        "in" => Comparison::OneOf(several()?),
        "nin" => Comparison::NoneOf(several()?),
        _ => Comparison::Equal(read(value)?),
    })
}

/// Reads what Python and browsers send: a date, or a date-time to the microsecond, with or without a
/// zone. Years have four digits, so that every microsecond count fits.
pub fn date_time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    // A space may stand for the T; behind it, it is a plus sign that was not encoded.
    let (day, rest) = text.split_at_checked("2013-11-13".len())?;
    let text = match rest.strip_prefix([' ', 'T']) {
        Some(time) => format!("{day}T{}", time.replace(' ', "+")),
        None => text.to_owned(),
    };
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.find('-') != Some(4) {
        return None;
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(&text) {
        return Some(time.to_utc());
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok())
        .or_else(|| text.parse::<chrono::NaiveDate>().ok()?.and_hms_opt(0, 0, 0))
        .map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Column;

    const FILTERS: [Filter<Column, Column>; 4] = [
        Filter { name: "id", kind: Kind::Integer(Column) },
        Filter { name: "end", kind: Kind::Seconds(Column) },
        Filter { name: "modified", kind: Kind::Time(Column) },
        Filter { name: "who", kind: Kind::Text(Column) },
    ];

    fn read(name: &str, value: &str) -> Option<Result<Option<Condition<Column, Column>>, String>> {
        Filter::read(&FILTERS, name, value).map(|read| read.map_err(|problem| problem.to_string()))
    }

    #[test]
    fn every_operator_compares_in_its_way() {
        for (name, value, expected) in [
            ("id", "3", Comparison::Equal(3)),
            ("id__lt", "3", Comparison::Less(3)),
            ("id__lte", "-3", Comparison::AtMost(-3)),
            ("id__gt", " 3 ", Comparison::Greater(3)),
            ("id__gte", "3", Comparison::AtLeast(3)),
            ("id__ne", "3", Comparison::NotEqual(3)),
            ("id__in", "3,4", Comparison::OneOf(vec![3, 4])),
            ("id__nin", "3", Comparison::NoneOf(vec![3])),
            ("end", "2", Comparison::Equal(2_000_000)),
            ("modified__gt", "1970-01-01T00:00:01.5", Comparison::Greater(1_500_000)),
        ] {
            assert_eq!(read(name, value), Some(Ok(Some(Condition::Number(Column, expected)))), "{name}");
        }
        let both = Comparison::OneOf(vec!["a".to_owned(), "b c".to_owned()]);
        assert_eq!(read("who__in", "a,b c"), Some(Ok(Some(Condition::Text(Column, both)))));
    }

    #[test]
    fn an_empty_value_asks_for_nothing() {
        assert_eq!(read("id__in", ""), Some(Ok(None)));
        assert_eq!(read("who", ""), Some(Ok(None)));
    }

    #[test]
    fn other_names_and_operators_are_not_read() {
        for name in ["ids", "id__like", "id__", "__in", "id__in__in", "ID"] {
            assert_eq!(read(name, "1"), None, "{name}");
        }
    }

    #[test]
    fn a_value_of_another_kind_is_refused_by_name() {
        for (name, value, detail) in [
            ("id", "abc", "id: \"abc\" is not an integer"),
            ("id__in", "1,abc", "id__in: \"abc\" is not an integer"),
            ("id__in", "1,", "id__in: \"\" is not an integer"),
            ("id", "9223372036854775808", "id: \"9223372036854775808\" is not an integer"),
            ("end", "1.5", "end: \"1.5\" is not an integer"),
            ("end", "9223372036854775807", "end: \"9223372036854775807\" is out of range"),
            ("modified__lt", "soon", "Invalid date value for `modified`: soon"),
        ] {
            assert_eq!(read(name, value), Some(Err(detail.to_owned())), "{name}={value}");
        }
    }

    #[test]
    fn date_times_are_read_as_python_and_browsers_write_them() {
        for (text, micros) in [
            ("1970-01-01", Some(0)),
            ("1970-01-01T00:00", Some(0)),
            ("1970-01-01 00:00:01", Some(1_000_000)),
            ("1970-01-01T00:00:01.000", Some(1_000_000)),
            ("1970-01-01T00:00:01.000002", Some(1_000_002)),
            ("1970-01-01T00:00:01Z", Some(1_000_000)),
            ("1970-01-01T01:00:01+01:00", Some(1_000_000)),
            ("1970-01-01T01:00:01 01:00", Some(1_000_000)),
            ("", None),
            ("1970", None),
            ("1970-13-01", None),
            ("yesterday", None),
            ("+12970-01-01T00:00:00", None),
            ("12970-01-01", None),
        ] {
            assert_eq!(date_time(text).map(|time| time.timestamp_micros()), micros, "{text}");
        }
    }
}
