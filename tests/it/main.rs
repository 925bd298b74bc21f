//! Integration tests: the real binary, driven through its real doors, on both databases.
//!
//! PostgreSQL is the server of `HERDGATE_TEST_POSTGRES_URL`, which `test.sh` starts; without it
//! those variants are skipped and say so. `HERDGATE_LONG=1` runs the long versions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[macro_use]
mod harness;

mod bug_lists;
mod clients;
mod command_line;
mod console;
mod corpus_round_trip;
mod credentials;
mod dashboard;
mod dashboard_contract;
mod database_outage;
mod durability;
mod fuzz_corpora;
mod held;
mod kill;
mod legacy_clients;
mod log_corpus;
mod log_faults;
mod log_findings;
mod openapi;
mod posting_rules;
mod pulse_chaos;
mod pulse_clients;
mod pulse_intake;
mod pulse_publishing;
mod pulse_registration;
mod push_notices;
mod readme;
mod refusals;
mod retention;
mod rules;
mod shutdown;
mod state_property;
mod status_table;
mod stream;
mod stream_faults;
mod telemetry;
mod three_doors;
mod tls;
mod watch;
mod work_commands;
