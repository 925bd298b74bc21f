//! Job symbols grouped as on the dashboard: by platform and options, then by group.

use super::elements::{duration, job_address, status_class};
use crate::store::lists::ListedJob;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// The group symbol of jobs that have no group.
const NO_GROUP: &str = "?";

/// A row: platform of the machine (what the dashboard calls platform), and options.
type Row<'a> = (&'a str, String);

/// Jobs of one push by platform, groups without a name first.
pub fn matrix(jobs: &[ListedJob]) -> Markup {
    let mut rows: BTreeMap<Row<'_>, BTreeMap<(bool, &str), Vec<&ListedJob>>> = BTreeMap::new();
    for job in jobs {
        let group = job.group.symbol.as_str();
        rows.entry((job.machine_platform.platform.as_str(), job.options.join(" ")))
            .or_default()
            .entry((group != NO_GROUP, group))
            .or_default()
            .push(job);
    }
    html! {
        table .matrix {
            thead .visually-hidden { tr { th scope="col" { "Platform" } th scope="col" { "Jobs" } } }
            tbody {
                @for ((platform, options), groups) in &mut rows {
                    tr {
                        th scope="row" { (platform) " " span .faint { (options) } }
                        td {
                            @for ((is_group, symbol), jobs) in groups {
                                (group(is_group.then_some(symbol), jobs))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn group(symbol: Option<&str>, jobs: &mut [&ListedJob]) -> Markup {
    jobs.sort_by_key(|job| (natural(&job.job_type.symbol), job.id));
    let name = jobs.first().map_or("", |job| job.group.name.as_str());
    html! {
        @if let Some(symbol) = symbol {
            span .group { span .group-symbol title=(name) { (symbol) } "(" (buttons(jobs)) ")" } " "
        } @else {
            (buttons(jobs)) " "
        }
    }
}

fn buttons(jobs: &[&ListedJob]) -> Markup {
    html! { @for (position, job) in jobs.iter().enumerate() { @if position > 0 { " " } (button(job)) } }
}

fn button(job: &ListedJob) -> Markup {
    let word = if job.state == "completed" { &job.result } else { &job.state };
    let took = match (job.start_time, job.end_time) {
        (Some(start), Some(end)) if end > start => format!(", {}", duration(end - start)),
        _ => String::new(),
    };
    let tier = if job.tier > 1 { format!(", tier {}", job.tier) } else { String::new() };
    let title = format!("{}: {word}{took}{tier}", job.job_type.name);
    html! {
        a class={ "job " (status_class(&job.state, &job.result)) } href=(job_address(&job.guid)) title=(title)
            aria-label=(format!("{}, {title}", job.job_type.symbol)) { (job.job_type.symbol) }
    }
}

/// Sorts `bc2` before `bc10`: text, then the number at its end.
fn natural(symbol: &str) -> (String, u64) {
    let text = symbol.trim_end_matches(|c: char| c.is_ascii_digit());
    (text.to_lowercase(), symbol[text.len()..].parse().unwrap_or_default())
}

/// How many jobs show which status, the gravest first.
pub fn tally(jobs: &[ListedJob]) -> Markup {
    const GRAVEST_FIRST: [&str; 10] = [
        "busted",
        "exception",
        "testfailed",
        "usercancel",
        "retry",
        "unknown",
        "running",
        "pending",
        "superseded",
        "success",
    ];
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for job in jobs {
        let class = status_class(&job.state, &job.result);
        *counts.entry(GRAVEST_FIRST.iter().position(|one| *one == class).unwrap_or_default()).or_default() +=
            1;
    }
    html! {
        ul .tally aria-label="Jobs by status" {
            @for (class, count) in counts {
                li { span class={ "status " (GRAVEST_FIRST[class]) } { (count) " " (GRAVEST_FIRST[class]) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_in_the_order_of_their_numbers() {
        let mut symbols = ["bc10", "bc2", "B", "a", "10", "9"];
        symbols.sort_by_key(|symbol| natural(symbol));
        assert_eq!(symbols, ["9", "10", "a", "B", "bc2", "bc10"]);
    }
}
