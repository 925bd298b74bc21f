//! Bare batched upserts of the same rows into the same tables: the rate that no gateway can exceed.
//! Three upserts a job as its states arrive, then its log and details; 500 rows a transaction.

use super::jobs::Jobs;
use herdgate::store::{Backend, Store, StoreOptions};
use sea_orm::sqlx::{self, AssertSqlSafe, PgPool, SqlitePool};
use std::path::Path;
use std::time::Instant;

/// Rates of bare upserts.
#[derive(Debug, Clone, Copy)]
pub struct Bare {
    /// Upserts of new rows a second.
    pub created_per_second: f64,
    /// Upserts of rows that are there a second, with the logs and details of half of them.
    pub moved_per_second: f64,
    /// All upserts a second.
    pub rows_per_second: f64,
}

const ROWS: usize = 500;
const STATES: [&str; 3] = ["pending", "running", "completed"];
/// Connections that write at once on PostgreSQL, as many as a gateway uses.
const CONNECTIONS: usize = 3;

const COLUMNS: &str = "guid, root_guid, repository_id, push_id, signature_id, machine_id, product_id, state, \
     result, tier, who, reason, submit_time, start_time, end_time, last_modified, task_id, retry_id, \
     failure_classification_id, digest, applied_digests, first_door, last_door, source, received_at, \
     committed_at, repeat_count, change_transaction";

const UPDATE: &str = "ON CONFLICT (guid) DO UPDATE SET push_id = excluded.push_id, \
     signature_id = excluded.signature_id, state = excluded.state, result = excluded.result, \
     tier = excluded.tier, who = excluded.who, reason = excluded.reason, \
     submit_time = excluded.submit_time, start_time = excluded.start_time, end_time = excluded.end_time, \
     last_modified = excluded.last_modified, digest = excluded.digest, \
     applied_digests = excluded.applied_digests, last_door = excluded.last_door, \
     source = excluded.source, received_at = excluded.received_at, committed_at = excluded.committed_at, \
     change_transaction = excluded.change_transaction RETURNING id";

/// The constant columns of every row, given the expressions of those that differ.
fn select(guid: &str, state: &str, signature: &str, digest: &str, change: &str, from: &str) -> String {
    format!(
        "INSERT INTO jobs ({COLUMNS}) SELECT {guid}, {guid}, r.id, p.id, {signature}, m.id, o.id, {state}, \
         'unknown', 1, 'somebody@example.org', 'scheduled', 1790000000000000, 1790000060000000, \
         1790000600000000, 1790000700000000, substr({guid}, 1, 22), 0, 1, {digest}, {digest}, 'grpc', 'grpc', \
         'bench', 1790000700000000, 1790000700000000, 0, {change} \
         FROM {from}, (SELECT id FROM repositories LIMIT 1) r, (SELECT id FROM pushes LIMIT 1) p, \
         (SELECT id FROM machines LIMIT 1) m, (SELECT id FROM products LIMIT 1) o WHERE true {UPDATE}"
    )
}

/// Into the PostgreSQL database that a gateway has filled.
pub async fn postgres(url: &str, jobs: usize) -> Bare {
    let store = open(url).await;
    let Backend::Postgres(pool) = store.backend().clone() else { panic!("PostgreSQL") };
    let signatures: Vec<i32> =
        sqlx::query_scalar("SELECT id FROM signatures").fetch_all(&pool).await.expect("signatures");
    let set = Jobs::new("bare", jobs);
    let guids: Vec<String> = (0..jobs).map(|index| set.guid(index)).collect();
    let mut seconds = [0.0; 3];
    for (state, spent) in STATES.iter().zip(&mut seconds) {
        let started = Instant::now();
        let writers: Vec<_> = (0..CONNECTIONS)
            .map(|writer| {
                let batches: Vec<Vec<String>> =
                    guids.chunks(ROWS).skip(writer).step_by(CONNECTIONS).map(<[_]>::to_vec).collect();
                tokio::spawn(write_postgres(pool.clone(), batches, signatures.clone(), state))
            })
            .collect();
        for writer in writers {
            writer.await.expect("a writer");
        }
        *spent = started.elapsed().as_secs_f64();
    }
    store.close().await;
    rates(jobs, seconds)
}

async fn write_postgres(pool: PgPool, batches: Vec<Vec<String>>, signatures: Vec<i32>, state: &'static str) {
    let upsert = select(
        "t.guid",
        "$3",
        "t.signature",
        "t.digest",
        "pg_current_xact_id()::text::bigint",
        "UNNEST($1::text[], $2::int[], $4::bytea[]) AS t(guid, signature, digest)",
    );
    for guids in batches {
        let own: Vec<i32> = (0..guids.len()).map(|index| signatures[index % signatures.len()]).collect();
        let digests: Vec<Vec<u8>> = guids.iter().map(|guid| guid.as_bytes()[..16].to_vec()).collect();
        let mut transaction = pool.begin().await.expect("a transaction");
        let ids: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(upsert.as_str()))
            .bind(&guids)
            .bind(own)
            .bind(state)
            .bind(digests)
            .fetch_all(&mut *transaction)
            .await
            .expect("an upsert");
        if state == "completed" {
            let logs = "INSERT INTO job_logs (job_id, name, url, status, queue_priority, attempts, created_at) \
                 SELECT t.id, 'live_backing_log', 'https://artifacts.example.org/api/queue/v1/task/' || t.id || \
                 '/runs/0/public/logs/live_backing.log', 0, 1, 0, 1790000700000000 \
                 FROM UNNEST($1::bigint[]) AS t(id) ON CONFLICT DO NOTHING";
            sqlx::query(logs).bind(&ids).execute(&mut *transaction).await.expect("logs");
            let details = "INSERT INTO job_details (job_id, title, value, url, content_type) \
                 SELECT t.id, 'artifact uploaded', n.n, 'https://artifacts.example.org/api/queue/v1/task/' \
                 || t.id || '/runs/0/' || n.n, 'link' FROM UNNEST($1::bigint[]) AS t(id), \
                 (VALUES ('public/report.html'), ('public/raw.log')) AS n(n) ON CONFLICT DO NOTHING";
            sqlx::query(details).bind(&ids).execute(&mut *transaction).await.expect("details");
        }
        transaction.commit().await.expect("a commit");
    }
}

/// Into the SQLite database that a gateway has filled.
pub async fn sqlite(path: &Path, jobs: usize) -> Bare {
    let store = open(&format!("sqlite://{}?mode=rw", path.display())).await;
    let Backend::Sqlite { writer, .. } = store.backend().clone() else { panic!("SQLite") };
    let signatures: Vec<i32> =
        sqlx::query_scalar("SELECT id FROM signatures").fetch_all(&writer).await.expect("signatures");
    let set = Jobs::new("bare", jobs);
    let guids: Vec<String> = (0..jobs).map(|index| set.guid(index)).collect();
    let mut seconds = [0.0; 3];
    for (state, spent) in STATES.iter().zip(&mut seconds) {
        let started = Instant::now();
        for batch in guids.chunks(ROWS) {
            write_sqlite(&writer, batch, &signatures, state).await;
        }
        *spent = started.elapsed().as_secs_f64();
    }
    store.close().await;
    rates(jobs, seconds)
}

async fn write_sqlite(pool: &SqlitePool, guids: &[String], signatures: &[i32], state: &str) {
    let upsert = select(
        "t.guid",
        "?2",
        "t.signature",
        "t.digest",
        "1",
        "(SELECT value ->> 0 AS guid, value ->> 1 AS signature, unhex(value ->> 2) AS digest \
         FROM json_each(?1)) t",
    );
    let rows: Vec<_> = guids
        .iter()
        .enumerate()
        .map(|(index, guid)| {
            let signature = signatures[index % signatures.len()];
            serde_json::json!([guid, signature, hex::encode(&guid.as_bytes()[..16])])
        })
        .collect();
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
    let ids: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(upsert))
        .bind(serde_json::Value::Array(rows).to_string())
        .bind(state)
        .fetch_all(&mut *transaction)
        .await
        .expect("an upsert");
    if state == "completed" {
        let ids = serde_json::json!(ids).to_string();
        let logs = "INSERT INTO job_logs (job_id, name, url, status, queue_priority, attempts, created_at) \
             SELECT value, 'live_backing_log', 'https://artifacts.example.org/api/queue/v1/task/' || value || \
             '/runs/0/public/logs/live_backing.log', 0, 1, 0, 1790000700000000 FROM json_each(?1) \
             WHERE true ON CONFLICT DO NOTHING";
        sqlx::query(logs).bind(&ids).execute(&mut *transaction).await.expect("logs");
        let details = "INSERT INTO job_details (job_id, title, value, url, content_type) \
             SELECT value, 'artifact uploaded', n.n, 'https://artifacts.example.org/api/queue/v1/task/' || \
             value || '/runs/0/' || n.n, 'link' FROM json_each(?1), \
             (SELECT 'public/report.html' AS n UNION ALL SELECT 'public/raw.log') n \
             WHERE true ON CONFLICT DO NOTHING";
        sqlx::query(details).bind(&ids).execute(&mut *transaction).await.expect("details");
    }
    transaction.commit().await.expect("a commit");
}

async fn open(url: &str) -> Store {
    let options =
        StoreOptions { url: url.to_owned(), max_connections: 8, unsafe_durability: false, create: false };
    Store::connect(&options).await.expect("the database opens")
}

fn rates(jobs: usize, seconds: [f64; 3]) -> Bare {
    let jobs = jobs as f64;
    Bare {
        created_per_second: jobs / seconds[0],
        moved_per_second: 2.0 * jobs / (seconds[1] + seconds[2]),
        rows_per_second: 3.0 * jobs / seconds.iter().sum::<f64>(),
    }
}
