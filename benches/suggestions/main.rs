//! Measures searches for bugs: one term each, of the kinds that error lines give, against a long bug list.
//! Goal: with 200,000 bugs 99 of 100 searches take less than 20 ms. `cargo bench --bench suggestions`.
//!
//! `HERDGATE_BENCH_BUGS` sets the number of bugs (default 200000), `HERDGATE_BENCH_SEARCHES` the searches of
//! each kind (default 500). SQLite is always measured, PostgreSQL where `HERDGATE_TEST_POSTGRES_URL` names a
//! server.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a benchmark that cannot go on says so and ends"
)]

use chrono::{DateTime, TimeDelta, Utc};
use herdgate::domain::Bug;
use herdgate::logs::Profile;
use herdgate::store::testing::TestDatabase;
use herdgate::store::{BugListPart, BugQuery, Store};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::{Duration, Instant};

const FOLDERS: [&str; 8] = ["dom", "layout", "toolkit", "browser", "devtools", "netwerk", "gfx", "js"];
const WORDS: [&str; 12] = [
    "dial", "gauge", "needle", "fold", "paper", "frame", "scroll", "focus", "cache", "worker", "media",
    "font",
];

/// What is searched for, and how it comes from a bug's number.
type Kind = (&'static str, fn(&mut StdRng, usize) -> String);

const KINDS: [Kind; 4] = [
    ("a test that one bug names", |random, bugs| file(random.random_range(0..bugs))),
    ("a test that no bug names", |random, bugs| file(bugs + random.random_range(0..bugs))),
    ("a whole line of 100 characters", |random, bugs| {
        let line = format!(
            "{} | expected 1 to equal 2 in the frame of a worker",
            summary(random.random_range(0..bugs))
        );
        line.chars().take(100).collect()
    }),
    ("a word in one of twelve bugs", |random, _| WORDS[random.random_range(0..WORDS.len())].to_owned() + "_"),
];

fn file(number: usize) -> String {
    let word = |divisor: usize| WORDS[number / divisor % WORDS.len()];
    format!("test_{}_{}_{number}.html", word(1), word(12))
}

fn summary(number: usize) -> String {
    let folder = FOLDERS[number % FOLDERS.len()];
    format!(
        "Intermittent {folder}/tests/mochitest/{} | dial reads {}, expected 9",
        file(number),
        number % 100
    )
}

fn bug(number: usize, now: DateTime<Utc>) -> Bug {
    Bug {
        id: 100_000 + number as i64,
        status: "NEW".into(),
        resolution: if number.is_multiple_of(5) { String::new() } else { "FIXED".into() },
        summary: summary(number),
        crash_signature: String::new(),
        keywords: "intermittent-failure".into(),
        os: "Unspecified".into(),
        modified: now - TimeDelta::days((number % 365) as i64),
        whiteboard: String::new(),
        dupe_of: None,
    }
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

fn main() {
    let bugs = number("HERDGATE_BENCH_BUGS", 200_000);
    let searches = number("HERDGATE_BENCH_SEARCHES", 500);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        for database in TestDatabase::each().await {
            let store = database.store().await;
            measure(&store, bugs, searches).await;
            store.close().await;
            database.remove().await;
        }
    });
}

async fn measure(store: &Store, bugs: usize, searches: usize) {
    let now = Utc::now();
    let list: Vec<Bug> = (0..bugs).map(|number| bug(number, now)).collect();
    let started = Instant::now();
    store.import_bugs(&list, BugListPart::Whole { unusable: &[] }).await.unwrap();
    let database = if store.sqlite_path().is_some() { "SQLite" } else { "PostgreSQL" };
    println!("\n== {database}: {bugs} bugs, imported in {:.1} s ==", started.elapsed().as_secs_f64());
    println!("{:34} {:>8} {:>9} {:>9} {:>9}", "searched for", "profile", "p50 ms", "p99 ms", "found");
    for (kind, term) in KINDS {
        for (name, profile) in [("2018", Profile::Of2018), ("2026", Profile::Of2026)] {
            // The same terms for everyone.
            let mut random = StdRng::seed_from_u64(5);
            let (mut times, mut found) = (Vec::with_capacity(searches), 0);
            for _ in 0..searches {
                let term = term(&mut random, bugs);
                let started = Instant::now();
                let matches = store.search_bugs(BugQuery { terms: &[&term], profile, now }).await.unwrap();
                times.push(started.elapsed());
                found += matches[0].len();
            }
            times.sort_unstable();
            let at = |part: usize| milliseconds(times[(times.len() * part / 100).min(times.len() - 1)]);
            let found = found as f64 / searches as f64;
            println!("{kind:34} {name:>8} {:>9.2} {:>9.2} {found:>9.1}", at(50), at(99));
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
