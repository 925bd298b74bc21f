//! What is printed.

use super::bare::Bare;
use super::growth::AtSize;
use super::load;
use super::load::jobs::{JOB_TYPES, Jobs, Moment, PLATFORMS};
use super::load::legacy;
use super::phase::Figures;
use prost::Message;
use std::time::Duration;

/// Figures of one database.
pub struct Report {
    database: &'static str,
    phases: Vec<Figures>,
    p50: Duration,
    p99: Duration,
}

/// Prints the machine, the settings and the load.
pub fn machine(jobs: usize) {
    let size = |moment| Jobs::new("size", 1).job(0, moment).encoded_len();
    let item = |moment| legacy::collection(&Jobs::new("size", 1), moment).len() - "[]".len();
    println!("{}", load::machine());
    println!(
        "load: {jobs} jobs a phase, each pending, running, completed; {PLATFORMS} platforms, {JOB_TYPES} job \
         types; messages of {} to {} bytes, REST items of {} to {}; a completed job has 1 log and 2 links",
        size(Moment::Pending),
        size(Moment::Completed),
        item(Moment::Pending),
        item(Moment::Completed)
    );
    println!(
        "settings: durable commits (PostgreSQL fsync and synchronous_commit on, SQLite synchronous=FULL)"
    );
}

impl Report {
    pub fn new(database: &'static str) -> Self {
        Self { database, phases: Vec::new(), p50: Duration::ZERO, p99: Duration::ZERO }
    }

    pub fn phase(&mut self, figures: Figures) {
        self.phases.push(figures);
    }

    pub fn unary(&mut self, sorted: Vec<Duration>) {
        let at = |part: usize| sorted.get(sorted.len() * part / 100).copied().unwrap_or_default();
        (self.p50, self.p99) = (at(50), at(99));
    }

    /// `replaced`: submissions a second of the replaced system, scaled to this machine.
    pub fn print(&self, bare: Bare, replaced: f64) {
        println!("\n== {} ==", self.database);
        println!("{} {:>8} {:>9}", headings(), "of bare", "replaced");
        for phase in &self.phases {
            let of_bare = 100.0 * phase.all() / bare.rows_per_second;
            println!("{} {of_bare:>7.0}% {:>8.0}x", row(phase), phase.all() / replaced);
        }
        println!(
            "{:>18} {:>9.0} {:>9.0} {:>9.0}",
            "bare", bare.created_per_second, bare.moved_per_second, bare.rows_per_second
        );
        println!("the replaced system is taken as {replaced:.0}/s here");
        println!(
            "unary at 1000/s: p50 {:.1} ms, p99 {:.1} ms",
            self.p50.as_secs_f64() * 1000.0,
            self.p99.as_secs_f64() * 1000.0
        );
    }
}

/// Prints how throughput changed as the database grew.
pub fn growth(database: &str, [small, large]: &[AtSize; 2]) {
    println!("\n== {database}, growing ==");
    println!("{:>10} {} {:>12} {:>10}", "stored", headings(), "filled in", "on disk");
    for size in [small, large] {
        let mebibytes = size.bytes as f64 / 1024.0 / 1024.0;
        println!("{:>10} {} {:>10.0} s {mebibytes:>6.0} MiB", size.stored, row(&size.median), size.filled_in);
    }
    println!(
        "with {} jobs stored, throughput is {:.0}% of that with {} (all/s; median of its phases)",
        large.stored,
        100.0 * large.median.all() / small.median.all(),
        small.stored
    );
}

fn headings() -> String {
    format!(
        "{:>18} {:>9} {:>9} {:>9} {:>12} {:>12} {:>12} {:>8}",
        "way", "new/s", "moved/s", "all/s", "gateway CPU", "server CPU", "statements", "memory"
    )
}

fn row(figures: &Figures) -> String {
    let Figures { name, created, moved, per_thousand: used, memory } = figures;
    format!(
        "{name:>18} {created:>9.0} {moved:>9.0} {:>9.0} {:>8.3} s/k {:>8.3} s/k {:>10.1}/k {memory:>4.0} MiB",
        figures.all(),
        used.gateway_cpu,
        used.database_cpu,
        used.statements
    )
}
