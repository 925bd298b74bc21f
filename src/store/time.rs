//! Times as the database keeps them: microseconds since 1970, UTC.

use chrono::{DateTime, Utc};

/// For a column.
pub(crate) fn to_micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// From a column. What lies outside chrono's range, which only other programs can have written, reads
/// as the end of the range.
pub(crate) fn from_micros(micros: i64) -> DateTime<Utc> {
    let end = if micros < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    DateTime::from_timestamp_micros(micros).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_to_the_microsecond() {
        let time: DateTime<Utc> = "2026-11-22T10:11:12.345678Z".parse().unwrap();
        assert_eq!(from_micros(to_micros(time)), time);
        assert_eq!(from_micros(-1).to_rfc3339(), "1969-12-31T23:59:59.999999+00:00");
        assert_eq!(from_micros(i64::MAX), DateTime::<Utc>::MAX_UTC);
    }
}
