//! Tells other gateways on the same PostgreSQL that jobs changed, and hears them (R3). A notice carries
//! no data and may get lost: watchers look for themselves every second besides.

use crate::limits;
use crate::store::{Backend, Store};
use sea_orm::sqlx;
use sea_orm::sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const CHANNEL: &str = "herdgate_jobs";

/// Passes own changes on to the watchers here, and on PostgreSQL to and from other gateways, until
/// stopped. SQLite has one gateway only.
pub(crate) async fn run(
    store: Store,
    own: watch::Receiver<u64>,
    heard: watch::Sender<u64>,
    stop: CancellationToken,
) {
    let passing = pass_on(own.clone(), heard.clone());
    match store.backend() {
        Backend::Postgres { readers, .. } => {
            let all = async { tokio::join!(passing, send(readers, own), hear(readers, heard)) };
            stop.run_until_cancelled(all).await;
        }
        Backend::Sqlite { .. } => {
            stop.run_until_cancelled(passing).await;
        }
    }
}

async fn pass_on(mut own: watch::Receiver<u64>, heard: watch::Sender<u64>) {
    while own.changed().await.is_ok() {
        heard.send_modify(|count| *count += 1);
    }
}

async fn send(pool: &sqlx::PgPool, mut own: watch::Receiver<u64>) {
    while own.changed().await.is_ok() {
        if let Err(error) = sqlx::query("SELECT pg_notify('herdgate_jobs', '')").execute(pool).await {
            tracing::debug!(%error, "a notice to other gateways was lost; they will look for themselves");
        }
        sleep(limits::NOTIFY_INTERVAL).await;
    }
}

async fn hear(pool: &sqlx::PgPool, heard: watch::Sender<u64>) {
    loop {
        match listen(pool, &heard).await {
            Ok(never) => match never {},
            Err(error) => {
                tracing::debug!(%error, "notices of other gateways are not heard; trying again");
                sleep(limits::RETRY_DELAY).await;
            }
        }
    }
}

async fn listen(
    pool: &sqlx::PgPool,
    heard: &watch::Sender<u64>,
) -> Result<std::convert::Infallible, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        listener.recv().await?;
        heard.send_modify(|count| *count += 1);
    }
}
