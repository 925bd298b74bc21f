//! Bare batched upserts of the same rows into the same tables: the rate that no gateway can exceed.
//! Three upserts a job as its states arrive, then its log and details; 500 rows a transaction.

use super::load::jobs::Jobs;
use herdgate::store::{Backend, Store, StoreOptions};
use sea_orm::sqlx::{self, AssertSqlSafe, PgPool, SqlitePool};
use std::path::Path;
use std::sync::Arc;
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

/// The columns of an upserted row with their PostgreSQL types; all of them come from the client, as a
/// gateway's do.
const COLUMNS: [(&str, &str); 28] = [
    ("guid", "text"),
    ("root_guid", "text"),
    ("state", "text"),
    ("result", "text"),
    ("who", "text"),
    ("reason", "text"),
    ("task_id", "text"),
    ("first_door", "text"),
    ("last_door", "text"),
    ("source", "text"),
    ("repository_id", "bigint"),
    ("push_id", "bigint"),
    ("signature_id", "bigint"),
    ("machine_id", "bigint"),
    ("product_id", "bigint"),
    ("tier", "bigint"),
    ("retry_id", "bigint"),
    ("failure_classification_id", "bigint"),
    ("submit_time", "bigint"),
    ("start_time", "bigint"),
    ("end_time", "bigint"),
    ("last_modified", "bigint"),
    ("received_at", "bigint"),
    ("committed_at", "bigint"),
    ("repeat_count", "bigint"),
    ("change_transaction", "bigint"),
    ("digest", "bytea"),
    ("applied_digests", "bytea"),
];
const TEXTS: usize = 10;
const NUMBERS: usize = 16;

/// One row: its texts, numbers and the bytes of both digest columns.
type Row = ([String; TEXTS], [i64; NUMBERS], Vec<u8>);

/// Ids that all rows refer to.
struct References {
    repository: i64,
    push: i64,
    machine: i64,
    product: i64,
    signatures: Vec<i64>,
}

/// The row of a job in its state number `step`; `change` is its place in the order of changes.
fn row(guid: &str, index: usize, step: usize, change: i64, of: &References) -> Row {
    let text = |text: &str| text.to_owned();
    let time = 1_790_000_000_000_000 + index as i64 * 1_000_000;
    let at = |since: usize, offset: i64| if step >= since { time + offset } else { 0 };
    (
        [
            text(guid),
            text(guid),
            text(STATES[step]),
            text(if step == 2 { "success" } else { "unknown" }),
            text("somebody@example.org"),
            text("scheduled"),
            text(&guid[..22]),
            text("grpc"),
            text("grpc"),
            text("bench"),
        ],
        [
            of.repository,
            of.push,
            of.signatures[index % of.signatures.len()],
            of.machine,
            of.product,
            1,
            0,
            1,
            time,
            at(1, 60_000_000),
            at(2, 600_000_000),
            time + change,
            time + change,
            time + change,
            0,
            change,
        ],
        [&guid.as_bytes()[..15], &[step as u8]].concat(),
    )
}

/// The upsert of rows from `source`, whose columns are named as those of the table.
fn upsert(source: &str) -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let kept =
        ["guid", "root_guid", "first_door", "failure_classification_id", "repeat_count", "repository_id"];
    let updates: Vec<String> = names
        .iter()
        .filter(|name| !kept.contains(name))
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    let names = names.join(", ");
    format!(
        "INSERT INTO jobs ({names}) SELECT {names} FROM {source} WHERE true \
         ON CONFLICT (guid) DO UPDATE SET {} RETURNING id",
        updates.join(", ")
    )
}

/// Into the PostgreSQL database that a gateway has filled.
pub async fn postgres(url: &str, jobs: usize) -> Bare {
    let store = open(url).await;
    let Backend::Postgres { writers: pool, .. } = store.backend().clone() else { panic!("PostgreSQL") };
    let one = async |sql: &'static str| -> i64 {
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.expect("a row")
    };
    let references = Arc::new(References {
        repository: one("SELECT id::bigint FROM repositories LIMIT 1").await,
        push: one("SELECT id::bigint FROM pushes LIMIT 1").await,
        machine: one("SELECT id::bigint FROM machines LIMIT 1").await,
        product: one("SELECT id::bigint FROM products LIMIT 1").await,
        signatures: sqlx::query_scalar("SELECT id::bigint FROM signatures")
            .fetch_all(&pool)
            .await
            .expect("signatures"),
    });
    let set = Jobs::new("bare", jobs);
    let guids: Vec<(usize, String)> = (0..jobs).map(|index| (index, set.guid(index))).collect();
    let mut seconds = [0.0; 3];
    for (step, spent) in seconds.iter_mut().enumerate() {
        let started = Instant::now();
        let writers: Vec<_> = (0..CONNECTIONS)
            .map(|writer| {
                let batches: Vec<Vec<(usize, String)>> =
                    guids.chunks(ROWS).skip(writer).step_by(CONNECTIONS).map(<[_]>::to_vec).collect();
                tokio::spawn(write_postgres(pool.clone(), batches, references.clone(), step))
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

async fn write_postgres(
    pool: PgPool,
    batches: Vec<Vec<(usize, String)>>,
    references: Arc<References>,
    step: usize,
) {
    let arrays: Vec<String> =
        COLUMNS.iter().enumerate().map(|(n, (_, kind))| format!("${}::{kind}[]", n + 1)).collect();
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let upsert = upsert(&format!("UNNEST({}) AS t({})", arrays.join(", "), names.join(", ")));
    for batch in batches {
        let mut transaction = pool.begin().await.expect("a transaction");
        let change: i64 = sqlx::query_scalar("SELECT pg_current_xact_id()::text::bigint")
            .fetch_one(&mut *transaction)
            .await
            .expect("a transaction id");
        let rows: Vec<Row> =
            batch.iter().map(|(index, guid)| row(guid, *index, step, change, &references)).collect();
        let mut query = sqlx::query_scalar(AssertSqlSafe(upsert.as_str()));
        for column in 0..TEXTS {
            query = query.bind(rows.iter().map(|row| &*row.0[column]).collect::<Vec<&str>>());
        }
        for column in 0..NUMBERS {
            query = query.bind(rows.iter().map(|row| row.1[column]).collect::<Vec<i64>>());
        }
        for _ in 0..2 {
            query = query.bind(rows.iter().map(|row| row.2.clone()).collect::<Vec<_>>());
        }
        let ids: Vec<i64> = query.fetch_all(&mut *transaction).await.expect("an upsert");
        if STATES[step] == "completed" {
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
    let one = async |sql: &'static str| -> i64 {
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&writer).await.expect("a row")
    };
    let references = References {
        repository: one("SELECT id FROM repositories LIMIT 1").await,
        push: one("SELECT id FROM pushes LIMIT 1").await,
        machine: one("SELECT id FROM machines LIMIT 1").await,
        product: one("SELECT id FROM products LIMIT 1").await,
        signatures: sqlx::query_scalar("SELECT id FROM signatures")
            .fetch_all(&writer)
            .await
            .expect("signatures"),
    };
    let mut change = one("SELECT value FROM change_sequence").await;
    let set = Jobs::new("bare", jobs);
    let guids: Vec<(usize, String)> = (0..jobs).map(|index| (index, set.guid(index))).collect();
    let mut seconds = [0.0; 3];
    for (step, spent) in seconds.iter_mut().enumerate() {
        let started = Instant::now();
        for batch in guids.chunks(ROWS) {
            change += 1;
            let rows = batch.iter().map(|(index, guid)| row(guid, *index, step, change, &references));
            write_sqlite(&writer, rows, step).await;
        }
        *spent = started.elapsed().as_secs_f64();
    }
    store.close().await;
    rates(jobs, seconds)
}

async fn write_sqlite(pool: &SqlitePool, rows: impl Iterator<Item = Row>, step: usize) {
    let fields: Vec<String> = COLUMNS
        .iter()
        .enumerate()
        .map(|(n, (name, kind))| match *kind {
            "bytea" => format!("unhex(value ->> {n}) AS {name}"),
            _ => format!("value ->> {n} AS {name}"),
        })
        .collect();
    let upsert = upsert(&format!("(SELECT {} FROM json_each(?1)) t", fields.join(", ")));
    let rows: Vec<_> = rows
        .map(|(texts, numbers, bytes)| {
            let bytes = hex::encode(bytes);
            let texts = texts.into_iter().map(serde_json::Value::from);
            let numbers = numbers.into_iter().map(serde_json::Value::from);
            texts.chain(numbers).chain([bytes.clone().into(), bytes.into()]).collect::<Vec<_>>()
        })
        .collect();
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
    let ids: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(upsert))
        .bind(serde_json::json!(rows).to_string())
        .fetch_all(&mut *transaction)
        .await
        .expect("an upsert");
    if STATES[step] == "completed" {
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
