//! Opening PostgreSQL: what every session promises, and what the server must.

use super::{Durability, StoreError, StoreOptions};
use crate::limits;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sea_orm::sqlx::{self, ConnectOptions};
use std::str::FromStr;

/// Connections that write, at most: more transactions at once than the gateway's own tasks have.
const MOST_WRITERS: u32 = 8;

pub(super) struct Opened {
    pub writers: PgPool,
    pub readers: PgPool,
    pub durability: Durability,
}

pub(super) async fn open(options: &StoreOptions) -> Result<Opened, StoreError> {
    let connect =
        PgConnectOptions::from_str(&options.url)?.application_name("herdgate").disable_statement_logging();
    let pool = |connections: u32| {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(limits::DATABASE_ACQUIRE_TIMEOUT)
            .after_connect(|session, _| Box::pin(prepare_session(session)))
    };
    let for_writers = (options.max_connections / 2).clamp(1, MOST_WRITERS);
    let for_readers = options.max_connections.saturating_sub(for_writers).max(1);
    let writers = pool(for_writers).connect_with(connect.clone()).await?;
    let readers = pool(for_readers).connect_lazy_with(connect);
    let durability = server_durability(&writers).await?;
    if durability == Durability::Unsafe && !options.unsafe_durability {
        return Err(StoreError::Unusable(
            "the PostgreSQL server runs with fsync or full_page_writes off and could lose acknowledged jobs; \
             turn both on, or set database.unsafe = true to run all the same"
                .into(),
        ));
    }
    Ok(Opened { writers, readers, durability })
}

/// No commit of ours returns before it is flushed (R35), nor does a forgotten transaction hold up
/// watchers, who read only what lies below the oldest one (R2). No statement is compiled first: that takes longer
/// than any of ours.
async fn prepare_session(session: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT set_config('synchronous_commit',
                           CASE current_setting('synchronous_commit')
                               WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
                set_config('statement_timeout', $1, false),
                set_config('idle_in_transaction_session_timeout', $1, false),
                set_config('timezone', 'UTC', false),
                set_config('jit', 'off', false)",
    )
    .bind(limits::STATEMENT_TIMEOUT.as_millis().to_string())
    .execute(session)
    .await?;
    Ok(())
}

async fn server_durability(pool: &PgPool) -> Result<Durability, StoreError> {
    let safe: bool = sqlx::query_scalar(
        "SELECT current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'",
    )
    .fetch_one(pool)
    .await?;
    Ok(if safe { Durability::Safe } else { Durability::Unsafe })
}
