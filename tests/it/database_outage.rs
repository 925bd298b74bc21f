//! PostgreSQL goes away under load and comes back.

use crate::harness::jobs::{Submittable, new_guid, pending};
use crate::harness::load::{Ledger, Load, assert_kept};
use crate::harness::postgres::PrivatePostgres;
use crate::harness::submitting::{new_push, submit_batch};
use crate::harness::{Database, Gateway, eventually};
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt;

const WRITERS: usize = 4;
/// R34: nobody waits longer than 15 s for a verdict or for being told to come again.
const TOLD: Duration = Duration::from_secs(20);
const RECOVERED: Duration = Duration::from_secs(20);

fn assert_says_when_to_come_again(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
    assert!(delay.is_some_and(|delay| !delay.is_zero()), "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_postgresql_stops_and_starts() {
    let Some(server) = PrivatePostgres::start_new().await else { return };
    let gateway = Gateway::on(&Database::on_server(&server.url()).await).start().await;
    let revision = new_push(&gateway).await;
    let process = gateway.pid();
    let load =
        Load::start(&gateway, &revision, std::iter::repeat_with(Ledger::default).take(WRITERS).collect());
    for crash in [true, false] {
        load.advance(200, RECOVERED).await;
        let breaks = load.breaks().len();
        if crash {
            server.crash();
        } else {
            server.stop();
        }
        eventually("a writer is told to come again", TOLD, async || {
            (load.breaks().len() > breaks).then_some(())
        })
        .await;
        server.start().await;
    }
    load.advance(200, RECOVERED).await;
    for status in load.breaks() {
        assert_says_when_to_come_again(&status);
    }
    let ledgers = load.stopped().await;
    assert_kept(&gateway, &ledgers).await;
    assert_eq!(gateway.pid(), process, "it recovers without a restart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_says_when_to_come_again_while_postgresql_is_away() {
    let Some(server) = PrivatePostgres::start_new().await else { return };
    let gateway = Gateway::on(&Database::on_server(&server.url()).await).start().await;
    let revision = new_push(&gateway).await;
    server.stop();
    let submission = || vec![pending(&new_guid(), &revision).submission()];
    let refused = submit_batch(&mut gateway.ingest(), submission()).await.unwrap_err();
    assert_says_when_to_come_again(&refused);
    let listing =
        herdgate::proto::ListPushesRequest { project: "quince-central".into(), ..Default::default() };
    assert_says_when_to_come_again(&gateway.query().list_pushes(listing).await.unwrap_err());
    eventually("the gateway is not ready", TOLD, async || {
        (gateway.get("/readyz").await.status == 503).then_some(())
    })
    .await;

    server.start().await;
    eventually("the gateway takes jobs again", RECOVERED, async || {
        submit_batch(&mut gateway.ingest(), submission()).await.ok()
    })
    .await;
    eventually("the gateway is ready", RECOVERED, async || {
        (gateway.get("/readyz").await.status == 200).then_some(())
    })
    .await;
}
