//! Opening PostgreSQL: what every session promises, and what the server must.

use super::{Durability, StoreError, StoreOptions};
use crate::limits;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sea_orm::sqlx::{self, ConnectOptions};
use std::str::FromStr;

pub(super) async fn open(options: &StoreOptions) -> Result<(PgPool, Durability), StoreError> {
    let connect =
        PgConnectOptions::from_str(&options.url)?.application_name("herdgate").disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(limits::DATABASE_ACQUIRE_TIMEOUT)
        .after_connect(|session, _| Box::pin(prepare_session(session)))
        .connect_with(connect)
        .await?;
    let durability = server_durability(&pool).await?;
    if durability == Durability::Unsafe && !options.unsafe_durability {
        return Err(StoreError::Unusable(
            "the PostgreSQL server runs with fsync or full_page_writes off and could lose acknowledged jobs; \
             turn both on, or set database.unsafe = true to run all the same"
                .into(),
        ));
    }
    Ok((pool, durability))
}

/// No commit of ours returns before it is flushed (R35), nor does a forgotten transaction hold up
/// watchers, who read only what lies below the oldest one (R2).
async fn prepare_session(session: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT set_config('synchronous_commit',
                           CASE current_setting('synchronous_commit')
                               WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
                set_config('statement_timeout', $1, false),
                set_config('idle_in_transaction_session_timeout', $1, false),
                set_config('timezone', 'UTC', false)",
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
