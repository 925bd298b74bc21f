//! What is printed.

use super::bare::Bare;
use super::gateway::Usage;
use super::jobs::{JOB_TYPES, Jobs, Moment, PLATFORMS};
use prost::Message;
use std::time::Duration;

/// Figures of one database.
pub struct Report {
    database: &'static str,
    rows: Vec<Row>,
    p50: Duration,
    p99: Duration,
    memory: f64,
}

struct Row {
    streams: usize,
    created: f64,
    moved: f64,
    gateway_cpu: f64,
    database_cpu: f64,
    statements: f64,
}

/// Prints the machine, the settings and the load.
pub fn machine(jobs: usize) {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let size = |moment| Jobs::new("size", 1).job(0, moment).encoded_len();
    println!(
        "machine: {cores} cores,{}; client, gateway and database share them",
        model.trim_start_matches([' ', '\t', ':'])
    );
    println!(
        "load: {jobs} jobs a phase, each pending, running, completed; {PLATFORMS} platforms, {JOB_TYPES} job \
         types; messages of {} to {} bytes; a completed job has 1 log and 2 links",
        size(Moment::Pending),
        size(Moment::Completed)
    );
    println!(
        "settings: durable commits (PostgreSQL fsync and synchronous_commit on, SQLite synchronous=FULL)"
    );
}

impl Report {
    pub fn new(database: &'static str) -> Self {
        Self { database, rows: Vec::new(), p50: Duration::ZERO, p99: Duration::ZERO, memory: 0.0 }
    }

    pub fn streams(&mut self, streams: usize, created: f64, moved: f64, used: &Usage, submissions: usize) {
        let thousands = submissions as f64 / 1000.0;
        self.rows.push(Row {
            streams,
            created,
            moved,
            gateway_cpu: used.gateway_cpu / thousands,
            database_cpu: used.database_cpu / thousands,
            statements: used.statements / thousands,
        });
    }

    pub fn unary(&mut self, sorted: Vec<Duration>) {
        let at = |part: usize| sorted.get(sorted.len() * part / 100).copied().unwrap_or_default();
        (self.p50, self.p99) = (at(50), at(99));
    }

    pub fn memory(&mut self, mebibytes: f64) {
        self.memory = mebibytes;
    }

    /// `replaced`: submissions a second of the replaced system, scaled to this machine.
    pub fn print(&self, bare: Bare, replaced: f64) {
        println!("\n== {} ==", self.database);
        println!(
            "{:>8} {:>10} {:>12} {:>10} {:>12} {:>12} {:>12} {:>14}",
            "streams", "new/s", "moved/s", "all/s", "of bare", "gateway CPU", "server CPU", "statements"
        );
        for row in &self.rows {
            let all = 3.0 / (1.0 / row.created + 2.0 / row.moved);
            println!(
                "{:>8} {:>10.0} {:>12.0} {:>10.0} {:>11.0}% {:>9.3} s/k {:>9.3} s/k {:>12.1}/k",
                row.streams,
                row.created,
                row.moved,
                all,
                100.0 * all / bare.rows_per_second,
                row.gateway_cpu,
                row.database_cpu,
                row.statements
            );
        }
        println!(
            "    bare {:>10.0} {:>12.0} {:>10.0}        100%",
            bare.created_per_second, bare.moved_per_second, bare.rows_per_second
        );
        let best = self.rows.iter().map(|r| 3.0 / (1.0 / r.created + 2.0 / r.moved)).fold(0.0, f64::max);
        println!("best is {:.0} times the replaced system, taken as {replaced:.0}/s here", best / replaced);
        println!(
            "unary at 1000/s: p50 {:.1} ms, p99 {:.1} ms; resident memory at most {:.0} MiB",
            self.p50.as_secs_f64() * 1000.0,
            self.p99.as_secs_f64() * 1000.0,
            self.memory
        );
    }
}
