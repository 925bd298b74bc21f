//! What all benchmarks share: databases, the real binary as a process, and the load it is under.

pub mod database;
#[path = "../../tests/it/harness/eventually.rs"]
mod eventually_module;
pub mod gateway;
pub mod grpc;
pub mod http;
pub mod jobs;
pub mod latencies;
pub mod legacy;
#[path = "../../tests/it/harness/ports.rs"]
mod ports;
#[path = "../../tests/it/harness/postgres.rs"]
mod postgres;
pub mod way;

use eventually_module::eventually;

/// What the harness of the tests says where something is missing.
fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}

/// A setting of the environment.
pub fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// A number of the environment.
pub fn number(name: &str, default: usize) -> usize {
    setting(name, &default.to_string()).parse().unwrap_or_else(|_| panic!("{name} must be a number"))
}

/// The machine, as reports name it.
pub fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = model.trim_start_matches([' ', '\t', ':']);
    format!("machine: {cores} cores, {model}; client, gateway and database share them")
}
