//! The one parser of date-times in text: the schemas' format check and the translation both use it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, de::Error};
use std::borrow::Cow;

/// Reads a date-time of RFC 3339 in the years 1 to 9999 (what `google.protobuf.Timestamp` can say); one
/// without a zone counts as UTC (ingest contract, Appendix C). Offsets are converted and fractions of
/// a second dropped.
pub(super) fn parse(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&format!("{text}Z")))
        .ok()?;
    from_unix(time.timestamp())
}

/// Reads a timestamp, if it is one: nanoseconds from 0 to 999,999,999 and a year from 1 to 9999.
pub(super) fn from_timestamp(timestamp: &prost_types::Timestamp) -> Option<DateTime<Utc>> {
    if !(0..1_000_000_000).contains(&timestamp.nanos) {
        return None;
    }
    from_unix(timestamp.seconds)
}

/// The text of a timestamp; of one that is out of range a text that is no date-time.
pub(super) fn text_of(timestamp: &prost_types::Timestamp) -> String {
    match from_timestamp(timestamp) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Secs, true),
        None => format!("{} s and {} ns since 1970", timestamp.seconds, timestamp.nanos),
    }
}

/// First second of the year 1, in Unix seconds.
pub(super) const EARLIEST: i64 = -62_135_596_800;
/// Last second of the year 9999.
pub(super) const LATEST: i64 = 253_402_300_799;

/// Reads Unix seconds in the same years.
pub(super) fn from_unix(seconds: i64) -> Option<DateTime<Utc>> {
    (EARLIEST..=LATEST).contains(&seconds).then(|| DateTime::from_timestamp(seconds, 0)).flatten()
}

/// For members of serde structs that the schema has checked.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    let text = Cow::<str>::deserialize(from)?;
    parse(&text).ok_or_else(|| D::Error::custom("no date-time"))
}

/// The same for members that may be absent or null.
pub(super) fn deserialize_optional<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<Cow<'_, str>>::deserialize(from)?;
    text.map(|text| parse(&text).ok_or_else(|| D::Error::custom("no date-time"))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::Timestamp;

    fn utc(text: &str) -> Option<String> {
        parse(text).map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }

    #[test]
    fn offsets_are_converted_fractions_dropped_and_no_zone_is_utc() {
        for (text, expected) in [
            ("2018-07-30T12:00:00Z", "2018-07-30T12:00:00Z"),
            ("2018-07-30T14:05:00+02:00", "2018-07-30T12:05:00Z"),
            ("2018-07-30T12:35:10.750Z", "2018-07-30T12:35:10Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z"),
            ("2018-07-30T13:00:00", "2018-07-30T13:00:00Z"),
            ("2018-07-30T13:00:00.25", "2018-07-30T13:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2018-07-30",
            "2018-07-30T25:00:00Z",
            "2018-02-30T00:00:00Z",
            "2018-07-30T13:00Z",
            "2018-07-30T13:00:00ZZ",
            "2018-07-30T13:00:00+02:00Z",
            "12018-07-30T13:00:00Z",
            "+2018-07-30T13:00:00Z",
            "0000-06-01T00:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            " 2018-07-30T13:00:00Z",
            "2018-07-30T13:00:00Z\n",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_timestamp_and_its_text_are_the_same_time() {
        for (seconds, nanos) in [(0, 0), (-1, 500_000_000), (1_532_952_310, 750_000_000)] {
            let timestamp = Timestamp { seconds, nanos };
            assert_eq!(parse(&text_of(&timestamp)), from_timestamp(&timestamp), "{timestamp:?}");
            assert!(from_timestamp(&timestamp).is_some());
        }
    }

    #[test]
    fn a_timestamp_out_of_range_has_a_text_that_is_no_date_time() {
        for (seconds, nanos) in [
            (0, -1),
            (0, 1_000_000_000),
            (253_402_300_800, 0),
            (-62_135_596_801, 0),
            (i64::MAX, 0),
            (i64::MIN, 0),
        ] {
            let timestamp = Timestamp { seconds, nanos };
            assert_eq!(from_timestamp(&timestamp), None);
            assert_eq!(parse(&text_of(&timestamp)), None, "{timestamp:?}");
        }
    }
}
