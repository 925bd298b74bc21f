//! What the gateway does, over the last hour.

use super::Console;
use super::chart::{Series, lines};
use super::elements::{count, duration, empty, seconds, time};
use super::failure::Failure;
use super::layout::{Page, Section};
use super::session::Visitor;
use crate::core::Readiness;
use crate::domain::{Door, HeldState};
use crate::limits;
use crate::store::{Durability, HeldSummary};
use crate::telemetry::{Sample, Spread, VerdictLabel};
use axum::extract::State;
use axum::response::Response;
use chrono::Utc;
use maud::{Markup, html};
use std::collections::BTreeMap;

const DOORS: [Door; 4] = [Door::Grpc, Door::Http, Door::Pulse, Door::CommandLine];

/// The page.
pub async fn show(State(console): State<Console>, visitor: Visitor) -> Result<Response, Failure> {
    let store = console.gateway.store();
    let held = store.held_summary().await?;
    let backlog = store.follow_up_depth().await?;
    let samples = console.history.samples();
    let readiness = *console.gateway.readiness().borrow();
    let body = html! {
        h1 { "Overview" }
        div #overview data-live="" {
            (now(readiness, &held, backlog, &console.history.connections()))
            (charts(&samples))
            (table(&samples))
        }
        p .hint {
        "Counts of held messages and the backlog are those of the database, shared by all gateways; "
            "rates, latencies and connections are this gateway's, sampled every "
            (limits::SAMPLE_INTERVAL.as_secs()) " seconds while it runs." }
    };
    let page = Page::new("Overview", Section::Overview, body).live("/console/events?ticks=1".into());
    Ok(page.show(visitor.0.as_ref()))
}

fn now(readiness: Readiness, held: &[HeldSummary], backlog: u64, brokers: &BTreeMap<String, bool>) -> Markup {
    let (class, word) = match readiness {
        Readiness::Ready(Durability::Safe) => ("good", "ready"),
        Readiness::Ready(Durability::Unsafe) => ("warn", "ready, unsafe database"),
        Readiness::DatabaseAway => ("bad", "database away"),
        Readiness::Stopping => ("warn", "stopping"),
    };
    let connected = brokers.values().filter(|connected| **connected).count();
    html! {
        dl .cards {
            div class={ "card " (class) } { dt { "Gateway" } dd { (word) } }
            @for state in [HeldState::Parked, HeldState::Rejected, HeldState::Expired] {
                (held_card(state, held.iter().find(|summary| summary.state == state)))
            }
            div .card { dt { "Follow-up backlog" } dd { (count(i64::try_from(backlog).unwrap_or(i64::MAX))) }
                dd .note { a href="/console/work" { "logs, pushes and other documents to fetch" } } }
            div class={ "card " (if connected < brokers.len() { "bad" } else { "" }) } {
                dt { "Pulse" }
                @if brokers.is_empty() { dd { "off" } dd .note { "no broker configured" } }
                @else {
                    dd { (connected) " of " (brokers.len()) }
                    dd .note {
                        @for (name, is_up) in brokers {
                            (name) " " (if *is_up { "connected" } else { "away" }) " "
                        }
                    }
                }
            }
        }
    }
}

fn held_card(state: HeldState, summary: Option<&HeldSummary>) -> Markup {
    let items = summary.map_or(0, |summary| summary.items);
    let class = if state != HeldState::Parked && items > 0 { "card warn" } else { "card" };
    html! {
        div class=(class) {
            dt { a href={ "/console/held?state=" (state.as_str()) } { (capitalised(state.as_str())) } }
            dd { (count(items)) }
            dd .note {
                @if let Some(summary) = summary {
                    "oldest " (duration(Utc::now() - summary.oldest_received_at)) " old"
                } @else { "none" }
            }
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn charts(samples: &[Sample]) -> Markup {
    if samples.is_empty() {
        return empty("No samples yet", "The charts begin a few seconds after the gateway started.");
    }
    let by_second = |value| format!("{}/s", decimal(value));
    let rate = |value: Option<f64>| value.map_or_else(|| "–".into(), by_second);
    let of_verdicts = VerdictLabel::ALL.map(|verdict| Series {
        name: verdict.as_str().replace('_', " "),
        class: verdict.as_str(),
        values: rates(samples, |_, word| word == verdict.as_str()),
    });
    let of_doors = DOORS.map(|door| Series {
        name: door.as_str().replace('_', " "),
        class: door.as_str(),
        values: rates(samples, |word, _| word == door.as_str()),
    });
    let spread = |of: fn(&Sample) -> Spread| {
        let line = |name: &str, class, pick: fn(Spread) -> Option<f64>| Series {
            name: name.into(),
            class,
            values: samples.iter().map(|sample| pick(of(sample))).collect(),
        };
        [line("median", "median", |spread| spread.median), line("p99", "p99", |spread| spread.p99)]
    };
    let waiting = |name: &str, class, pick: fn(&Sample) -> Option<f64>| Series {
        name: name.into(),
        class,
        values: samples.iter().map(pick).collect(),
    };
    let waiting = [
        waiting("parked", "parked", |sample| sample.parked),
        waiting("rejected", "rejected", |sample| sample.rejected),
        waiting("follow-up", "stored", |sample| sample.follow_up),
    ];
    let number = |value: Option<f64>| value.map_or_else(|| "–".into(), whole);
    let (slots, axis) = axis(samples.len());
    html! {
        p .hint { "The last " (axis) "." }
        div .charts {
            (lines("Decided by verdict", &seen(&of_verdicts), slots, rate))
            (lines("Decided by door", &seen(&of_doors), slots, rate))
            (lines("Time of a commit", &spread(|sample| sample.commit), slots, seconds))
            (lines("Received to committed", &spread(|sample| sample.commit_lag), slots, seconds))
            (lines("Waiting", &waiting, slots, number))
            (lines("Job end to visible", &spread(|sample| sample.visible_lag), slots, seconds))
        }
    }
}

/// Places of the time axis, and how long it is: as long as there are samples for, an hour at most.
fn axis(samples: usize) -> (usize, &'static str) {
    match samples {
        ..=30 => (30, "5 minutes"),
        31..=90 => (90, "15 minutes"),
        91..=180 => (180, "30 minutes"),
        _ => (limits::SAMPLES, "hour"),
    }
}

/// The lines that show something; all of them if none does.
fn seen(series: &[Series]) -> Vec<Series> {
    let shows = |one: &&Series| one.values.iter().flatten().any(|value| *value > 0.0);
    let seen: Vec<Series> = series.iter().filter(shows).cloned().collect();
    if seen.is_empty() { series.iter().take(1).cloned().collect() } else { seen }
}

fn rates(samples: &[Sample], is_meant: impl Fn(&str, &str) -> bool) -> Vec<Option<f64>> {
    let total = |sample: &Sample| {
        let meant = sample.decided.iter().filter(|((door, verdict), _)| is_meant(door, verdict));
        meant.map(|(_, decided)| decided).sum::<f64>() / sample.seconds
    };
    samples.iter().map(|sample| Some(total(sample))).collect()
}

fn decimal(value: f64) -> String {
    if value >= 100.0 || value == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// What was decided in the last hour, door by door.
fn table(samples: &[Sample]) -> Markup {
    let mut totals: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for sample in samples {
        for ((door, verdict), decided) in &sample.decided {
            *totals.entry((door, verdict)).or_default() += decided;
        }
    }
    let cell = |door: &str, verdict: &str| totals.get(&(door, verdict)).copied().unwrap_or_default();
    html! {
        h2 { "Decided in the last hour" }
        div .scroll tabindex="0" role="region" aria-label="Decided in the last hour" {
            table .numbers {
                thead { tr { th scope="col" { "Door" }
                    @for verdict in VerdictLabel::ALL {
                        th scope="col" { (verdict.as_str().replace('_', " ")) }
                    }
                    } }
                tbody {
                    @for door in DOORS {
                        tr {
                            th scope="row" { (door.as_str().replace('_', " ")) }
                            @for verdict in VerdictLabel::ALL {
                                td { (whole(cell(door.as_str(), verdict.as_str()))) }
                            }
                        }
                    }
                }
            }
        }
        @if let (Some(first), Some(last)) = (samples.first(), samples.last()) {
            p .hint { "From " (time(first.at)) " to " (time(last.at)) }
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "counts far below 2^53")]
fn whole(value: f64) -> String {
    count(value.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_by_the_second_and_only_of_what_is_meant() {
        let of = |door: &str, verdict: &str, n: f64| ((door.to_owned(), verdict.to_owned()), n);
        let sample = Sample {
            at: Utc::now(),
            seconds: 10.0,
            decided: [of("grpc", "stored", 50.0), of("http", "stored", 10.0), of("grpc", "rejected", 20.0)]
                .into(),
            commit: Spread::default(),
            commit_lag: Spread::default(),
            visible_lag: Spread::default(),
            parked: None,
            rejected: None,
            follow_up: None,
        };
        let samples = [sample];
        assert_eq!(rates(&samples, |_, verdict| verdict == "stored"), [Some(6.0)]);
        assert_eq!(rates(&samples, |door, _| door == "grpc"), [Some(7.0)]);
    }
}
