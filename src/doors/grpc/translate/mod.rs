//! Domain and store values as protobuf messages, and the few requests that become domain values.

mod admin;
mod artifact;
mod exchange;
mod failure;
mod job;
mod performance;
mod suggestion;
#[cfg(test)]
pub mod tests_support;
mod verdict;
mod work;

pub use admin::{
    created_credential, credential, held_count, held_filter, held_message, listing_of, repository,
    repository_of, rotated_credential, wanted_credential,
};
pub use artifact::artifact;
pub use exchange::{exchange, registration_of};
pub use failure::failure_line;
pub use job::{job_with_parts, push, stored_job};
pub use performance::performance_datum;
pub use suggestion::bug_suggestion;
pub use verdict::{fitted, verdict, violation};
pub use work::{work_item, work_to_retry};

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

/// A time on the wire.
pub fn timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: time.timestamp(),
        // A leap second counts as the last nanosecond before the next: the wire type has no more.
        nanos: time.timestamp_subsec_nanos().min(999_999_999).cast_signed(),
    }
}

/// A time from the wire; `None` if it is outside the years 1 to 9999 that the type allows.
pub fn time_of(timestamp: &Timestamp) -> Option<DateTime<Utc>> {
    let nanos = u32::try_from(timestamp.nanos).ok().filter(|n| *n < 1_000_000_000)?;
    let first = -62_135_596_800;
    let last = 253_402_300_799;
    (first..=last)
        .contains(&timestamp.seconds)
        .then(|| DateTime::from_timestamp(timestamp.seconds, nanos))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_fractions_both_ways() {
        for text in ["2026-01-02T03:04:05.006007008Z", "1969-12-31T23:59:59.5Z", "0001-01-01T00:00:00Z"] {
            let time: DateTime<Utc> = text.parse().unwrap();
            assert_eq!(time_of(&timestamp(time)), Some(time), "{text}");
        }
    }

    #[test]
    fn times_that_the_wire_type_forbids_are_refused() {
        for (seconds, nanos) in [(0, -1), (0, 1_000_000_000), (253_402_300_800, 0), (i64::MIN, 0)] {
            assert_eq!(time_of(&Timestamp { seconds, nanos }), None, "{seconds} {nanos}");
        }
    }
}
