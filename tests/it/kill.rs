//! SIGKILL under load: acknowledged means committed.

use crate::harness::load::{Ledger, Load, assert_kept};
use crate::harness::submitting::new_push;
use crate::harness::{Database, Gateway, long, seed};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

const WRITERS: usize = 4;

async fn a_killed_gateway_keeps_every_acknowledged_job_whole_and_once(database: Database) {
    let kills = if long() { 200 } else { 20 };
    let mut random = StdRng::seed_from_u64(seed("kill"));
    let mut gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut ledgers: Vec<Ledger> = std::iter::repeat_with(Ledger::default).take(WRITERS).collect();
    let mut acknowledged = 0;
    for _ in 0..kills {
        let load = Load::start(&gateway, &revision, ledgers);
        tokio::time::sleep(Duration::from_millis(random.random_range(50..300))).await;
        acknowledged += load.acknowledged();
        gateway.kill().await;
        ledgers = load.stopped().await;
        gateway.restart().await;
    }
    println!("{kills} kills, {acknowledged} submissions acknowledged between them");
    assert!(acknowledged > kills, "the gateway was killed under load");
    assert_kept(&gateway, &ledgers).await;

    // What was under way at the last kill goes in when sent again, and still nothing is there twice.
    let load = Load::start(&gateway, &revision, ledgers);
    load.advance(100, Duration::from_secs(20)).await;
    assert_kept(&gateway, &load.stopped().await).await;
}

on_both_databases!(a_killed_gateway_keeps_every_acknowledged_job_whole_and_once);
