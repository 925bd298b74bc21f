//! Small pieces that many pages are made of.

use crate::domain::{HeldState, Violation};
use crate::store::model::StoredJob;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use maud::{Markup, html};

/// A time: in UTC as it is written here, in the reader's zone once the script has run.
pub fn time(at: DateTime<Utc>) -> Markup {
    html! {
        time datetime=(at.to_rfc3339_opts(SecondsFormat::Millis, true))
            title=(at.format("%Y-%m-%d %H:%M:%S%.3f UTC")) {
            (at.format("%Y-%m-%d %H:%M:%S")) " UTC"
        }
    }
}

/// A time that may not be known.
pub fn maybe_time(at: Option<DateTime<Utc>>) -> Markup {
    html! { @if let Some(at) = at { (time(at)) } @else { span .faint { "unknown" } } }
}

/// How long something took, in the two largest units.
pub fn duration(length: TimeDelta) -> String {
    let milliseconds = length.num_milliseconds();
    let seconds = length.num_seconds();
    match seconds {
        // Clocks of different machines disagree.
        _ if milliseconds < 0 => "0 s".into(),
        0 => format!("{milliseconds} ms"),
        1..10 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// Seconds of a measurement.
pub fn seconds(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(value) if value < 0.1 => format!("{:.1} ms", value * 1000.0),
        Some(value) if value < 1.0 => format!("{:.0} ms", value * 1000.0),
        Some(value) if value < 100.0 => format!("{value:.1} s"),
        Some(value) if value < 7200.0 => format!("{:.0} min", value / 60.0),
        Some(value) => format!("{:.1} h", value / 3600.0),
    }
}

/// A whole number, in groups of three digits.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    if number < 0 { format!("-{grouped}") } else { grouped }
}

/// So many of something.
pub fn plural(number: i64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {one}s", count(number)) }
}

/// How many there are, as a number to be shown.
pub fn length(items: usize) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}

/// Where and what a violation is, said once: most messages begin with their place.
pub fn said(violation: &Violation) -> String {
    if violation.message.starts_with(&violation.path) {
        violation.message.clone()
    } else {
        violation.sentence()
    }
}

/// State and result of a job, as the class that colours it.
pub fn status_class(state: &str, result: &str) -> &'static str {
    match (state, result) {
        ("pending", _) => "pending",
        ("running", _) => "running",
        (_, "success") => "success",
        (_, "testfailed") => "testfailed",
        (_, "busted") => "busted",
        (_, "exception") => "exception",
        (_, "retry") => "retry",
        (_, "usercancel") => "usercancel",
        (_, "superseded") => "superseded",
        _ => "unknown",
    }
}

/// State and result of a job as a coloured word.
pub fn status(state: &str, result: &str) -> Markup {
    let word = if state == "completed" { result } else { state };
    html! { span class={ "status " (status_class(state, result)) } { (word) } }
}

/// Why a message is held, as a coloured word.
pub fn held_state(state: HeldState) -> Markup {
    html! { span class={ "status held-" (state.as_str()) } { (state.as_str()) } }
}

/// Where a job is shown.
pub fn job_address(guid: &str) -> String {
    format!("/console/job?{}", query(&[("guid", guid)]))
}

/// Where a push is shown.
pub fn push_address(project: &str, revision: &str) -> String {
    format!("/console/push/{}/{}", segment(project), segment(revision))
}

/// A link to a job by its guid.
pub fn job_link(guid: &str) -> Markup {
    html! { a .mono href=(job_address(guid)) { (guid) } }
}

/// A link to a push, with its revision cut to 12 characters.
pub fn push_link(project: &str, revision: &str) -> Markup {
    html! {
        a .mono href=(push_address(project, revision)) title=(revision) { (project) " " (short(revision)) }
    }
}

/// The beginning of a revision by which people know it.
pub fn short(revision: &str) -> &str {
    revision.char_indices().nth(12).map_or(revision, |(end, _)| &revision[..end])
}

/// A query of names and values.
pub fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A table of jobs, for lists that are not of one push.
pub fn job_table(jobs: &[StoredJob]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Jobs" {
            table .listing {
                thead { tr { th { "Job" } th { "Status" } th { "Push" } th { "Platform" } th { "Changed" } } }
                tbody {
                    @for job in jobs {
                        @let (state, result) = job.shown_state();
                        tr {
                            td {
                                a href=(job_address(&job.guid)) { (job.job_type.name) }
                                br; span .faint.mono { (job.guid) }
                            }
                            td { (status(state, result)) }
                            td { (push_link(&job.project, &job.revision)) }
                            td { (job.machine_platform.platform) " " (job.options.join(" ")) }
                            td { (time(job.last_modified)) }
                        }
                    }
                }
            }
        }
    }
}

/// A box that says that nothing is there, and what would change that.
pub fn empty(title: &str, text: &str) -> Markup {
    html! { div .empty { p .empty-title { (title) } p { (text) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_at_a_glance() {
        for (milliseconds, text) in [
            (-5, "0 s"),
            (7, "7 ms"),
            (1_250, "1.2 s"),
            (59_000, "59 s"),
            (61_000, "1 min 1 s"),
            (7_260_000, "2 h 1 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(TimeDelta::milliseconds(milliseconds)), text);
        }
        for (value, text) in
            [(None, "–"), (Some(0.0042), "4.2 ms"), (Some(0.5), "500 ms"), (Some(3.21), "3.2 s")]
        {
            assert_eq!(seconds(value), text);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1\u{202f}000"), (-1_234_567, "-1\u{202f}234\u{202f}567")]
        {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn addresses_survive_any_name() {
        assert_eq!(job_address("a/0 &<"), "/console/job?guid=a%2F0+%26%3C");
        assert_eq!(push_address("a/b", "r?"), "/console/push/a%2Fb/r%3F");
        assert_eq!((short("abc"), short("0123456789abcdef")), ("abc", "0123456789ab"));
    }
}
