//! Measures what the dashboard reads, with many jobs stored: a push of 5000 jobs, and many tabs that poll
//! while jobs come in. `cargo bench --bench dashboard` does everything.
//!
//! `HERDGATE_BENCH_STORED` sets the number of jobs stored (default 100000), `HERDGATE_BENCH_CALLS` the calls
//! of each question (default 300), `HERDGATE_BENCH_TABS` the tabs (default 200), `HERDGATE_BENCH_POLL` the
//! seconds between two polls of a tab (default 60), `HERDGATE_BENCH_SECONDS` how long they poll (default
//! 120), `HERDGATE_BENCH_RATE` the jobs that come in a second meanwhile (default 1000),
//! `HERDGATE_BENCH_PUSHES` the newest pushes that these belong to (default 500), and
//! `HERDGATE_BENCH_DATABASES` the databases (default `postgres,sqlite`).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a benchmark that cannot go on says so and ends"
)]

#[path = "../load/mod.rs"]
#[allow(dead_code, reason = "each benchmark uses a part, and the tests others of what is shared with them")]
mod load;
mod page;
mod tab;

use load::database::Database;
use load::gateway::Gateway;
use load::grpc;
use load::jobs::Jobs;
use load::latencies::Latencies;
use page::{Page, PushList};
use std::time::{Duration, Instant};
use tab::Tab;

/// Jobs of the push that is read as a whole.
const LARGE_PUSH: usize = 5000;
/// What 95 of 100 answers about it should take at most until their first byte, with 5 million jobs stored.
const GOAL: Duration = Duration::from_millis(60);
/// All jobs were stored within minutes, those of the newest pushes within seconds; on a real day they change
/// one after the other.
const SPREAD_CHANGES: &str = "UPDATE jobs SET last_modified = last_modified - id % 3600 * 1000000 \
     WHERE push_id IN (SELECT id FROM pushes ORDER BY time DESC, id DESC LIMIT 10)";
/// For so many calls that are measured one is made before, to warm caches and plans up.
const WARMING: usize = 10;

/// What the environment asks for.
struct Settings {
    stored: usize,
    calls: usize,
    tabs: usize,
    poll: Duration,
    duration: Duration,
    rate: u32,
    pushes: usize,
}

impl Settings {
    fn read() -> Self {
        let seconds = |name, default| Duration::from_secs(load::number(name, default) as u64);
        Self {
            stored: load::number("HERDGATE_BENCH_STORED", 100_000).max(2 * LARGE_PUSH),
            calls: load::number("HERDGATE_BENCH_CALLS", 300),
            tabs: load::number("HERDGATE_BENCH_TABS", 200),
            poll: seconds("HERDGATE_BENCH_POLL", 60),
            duration: seconds("HERDGATE_BENCH_SECONDS", 120),
            rate: load::number("HERDGATE_BENCH_RATE", 1000) as u32,
            pushes: load::number("HERDGATE_BENCH_PUSHES", 500),
        }
    }
}

fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("nothing else installs a provider");
    let settings = Settings::read();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        println!("{}", load::machine());
        for name in Database::names() {
            let Some(database) = Database::start(&name).await else { continue };
            measure(&database, &settings).await;
        }
    });
}

async fn measure(database: &Database, settings: &Settings) {
    let gateway = Gateway::start(&database.url());
    let jobs = Jobs::spread("dashboard", settings.stored, LARGE_PUSH);
    let started = Instant::now();
    grpc::pushes(&gateway, &jobs).await;
    grpc::fill(&gateway, &jobs).await;
    database.take_logs_for_parsed().await;
    let bytes = database.settle().await;
    let pushes = jobs.pushes().count();
    println!(
        "\n== {}: {} jobs in {pushes} pushes, {:.0} MiB, filled in {:.0} s ==",
        database.title(),
        settings.stored,
        bytes as f64 / 1024.0 / 1024.0,
        started.elapsed().as_secs_f64()
    );
    read_large_push(&gateway, settings.calls).await;
    let spread = database.execute(SPREAD_CHANGES).await;
    println!("{spread} jobs of the newest pushes were changed within the last hour, not just now");
    let mut tabs = Vec::with_capacity(settings.tabs);
    for _ in 0..settings.tabs {
        tabs.push(Tab::open(gateway.connect().await).await);
    }
    println!("{} tabs open, each shows {} pushes", tabs.len(), tabs[0].pushes());
    let active = pushes.saturating_sub(settings.pushes)..pushes;
    let tabs = watch(&gateway, database, settings, tabs, &Jobs::around("coming", 0, active.clone())).await;
    let count = settings.rate as usize * settings.duration.as_secs() as usize;
    watch(&gateway, database, settings, tabs, &Jobs::around("coming", count, active)).await;
    gateway.stop();
}

/// One tab after the other opens the large push; nothing is written meanwhile.
async fn read_large_push(gateway: &Gateway, calls: usize) {
    let mut connection = gateway.connect().await;
    let list = format!("/api/project/{}/push/?full=true&count=10&revision=", load::jobs::PROJECT);
    let list = connection.get(&format!("{list}{}", Jobs::revision(0))).await;
    let push = PushList::parse(&list.unpacked()).results[0].id;
    let path = format!("/api/jobs/?push_id={push}");
    let (mut first_bytes, mut whole) = (Vec::new(), Vec::new());
    let (mut rows, mut bytes) = (0, 0);
    for call in 0..calls / WARMING + calls {
        let asked = Instant::now();
        let answer = connection.get(&path).await;
        let (first_byte, last_byte) = (answer.first_byte(), asked.elapsed());
        bytes = answer.size();
        let page = Page::parse(&answer.unpacked());
        assert_eq!((page.results.len(), page.next), (LARGE_PUSH, None), "all of the push is on one page");
        rows = page.results.len();
        if call >= calls / WARMING {
            first_bytes.push(first_byte);
            whole.push(last_byte);
        }
    }
    println!("push of {rows} jobs: {bytes} bytes gzipped, {calls} calls one after the other");
    let first_bytes = Latencies::new(first_bytes);
    first_bytes.print("first byte");
    Latencies::new(whole).print("last byte");
    println!("p95 to the first byte is {:.0}% of the goal of {GOAL:?}", 100.0 * first_bytes.part_of(GOAL));
}

/// Tabs poll for the newest ten pushes, while jobs come in or none do. Gives the tabs back.
async fn watch(
    gateway: &Gateway,
    database: &Database,
    settings: &Settings,
    tabs: Vec<Tab>,
    coming: &Jobs,
) -> Vec<Tab> {
    let before = gateway.usage(database.process()).await;
    let until = Instant::now() + settings.duration;
    let parts = tabs.len().max(1) as u32;
    let polling: Vec<_> = tabs
        .into_iter()
        .enumerate()
        .map(|(number, tab)| {
            // Spread over the interval, as people open them.
            let first = settings.poll * number as u32 / parts;
            tokio::spawn(tab.poll(first, settings.poll, until))
        })
        .collect();
    let is_idle = coming.count() == 0;
    let verdicts = if is_idle { Vec::new() } else { grpc::unary(gateway, coming, settings.rate).await };
    let (mut polled, mut tabs) = (tab::Polled::default(), Vec::new());
    for task in polling {
        let (tab, of_tab) = task.await.expect("a tab");
        polled.add(of_tab);
        tabs.push(tab);
    }
    let used = gateway.usage(database.process()).await.since(&before);
    let seconds = settings.duration.as_secs_f64();
    let polls = polled.pushes.len().max(1);
    let rate = if is_idle { 0 } else { settings.rate };
    println!(
        "{polls} polls in {seconds} s while {rate} jobs a second came in: {} rows, {} bytes, {:.2} pages a poll",
        polled.rows / polls,
        polled.bytes / polls,
        polled.jobs.len() as f64 / polls as f64
    );
    Latencies::new(polled.pushes).print("poll of pushes");
    Latencies::new(polled.jobs).print("poll of jobs");
    if !is_idle {
        assert!(polled.new > 0, "the tabs saw what came in");
        println!("{} jobs that came in were seen by a tab, on average", polled.new / tabs.len().max(1));
        Latencies::new(verdicts).print("verdict on a job");
    }
    println!(
        "CPU a second of all: gateway {:.2} s, database {:.2} s; memory at most {:.0} MiB",
        used.gateway_cpu / seconds,
        used.database_cpu / seconds,
        gateway.peak_memory()
    );
    tabs
}
