use super::fixtures::{job, parents};
use crate::store::testing::TestDatabase;
use crate::store::{Backend, Durability, FileLock, Store, StoreError, StoreOptions, sqlite_path};
use sea_orm::{ActiveModelTrait, sqlx};

fn sqlite_pools(store: &Store) -> (&sqlx::SqlitePool, &sqlx::SqlitePool) {
    match store.backend() {
        Backend::Sqlite { writer, readers } => (writer, readers),
        Backend::Postgres { .. } => panic!("not SQLite"),
    }
}

fn postgres_pool(store: &Store) -> &sqlx::PgPool {
    match store.backend() {
        Backend::Postgres { writers, .. } => writers,
        Backend::Sqlite { .. } => panic!("not PostgreSQL"),
    }
}

fn unusable(result: Result<Store, StoreError>) -> String {
    match result {
        Err(StoreError::Unusable(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sqlite_flushes_at_every_commit() {
    let database = TestDatabase::sqlite();
    let store = database.store().await;
    let (writer, _) = sqlite_pools(&store);
    for (pragma, expected) in [
        (sqlx::query_scalar("SELECT CAST(journal_mode AS text) FROM pragma_journal_mode"), "wal"),
        (sqlx::query_scalar("SELECT CAST(synchronous AS text) FROM pragma_synchronous"), "2"),
        (sqlx::query_scalar("SELECT CAST(foreign_keys AS text) FROM pragma_foreign_keys"), "1"),
    ] {
        let value: String = pragma.fetch_one(writer).await.unwrap();
        assert_eq!(value, expected);
    }
}

#[tokio::test]
async fn sqlite_readers_cannot_write_and_do_not_wait_for_the_writer() {
    let database = TestDatabase::sqlite();
    let store = database.store().await;
    let (_, readers) = sqlite_pools(&store);
    assert!(sqlx::query("DELETE FROM gateway_state").execute(readers).await.is_err());
    let writing = store.begin_write().await.unwrap();
    let version = tokio::time::timeout(std::time::Duration::from_secs(2), store.directory_version());
    assert_eq!(version.await.expect("no wait").unwrap(), 0);
    writing.rollback().await.unwrap();
}

#[tokio::test]
async fn a_sqlite_file_is_only_created_on_request() {
    let database = TestDatabase::sqlite();
    let path = sqlite_path(&database.options.url).unwrap();
    let options = StoreOptions { create: false, ..database.options.clone() };
    assert!(unusable(Store::connect(&options).await).contains(path.to_str().unwrap()));
    assert!(!path.exists());
    let store = database.store().await;
    assert_eq!(store.sqlite_path(), Some(&*path));
    Store::connect(&options).await.unwrap();
}

#[tokio::test]
async fn other_urls_are_refused() {
    for url in ["mysql://x/y", "herdgate.db", "sqlite::memory:", "sqlite://x?mode=memory"] {
        let options =
            StoreOptions { url: url.into(), max_connections: 1, unsafe_durability: false, create: true };
        unusable(Store::connect(&options).await);
    }
}

#[test]
fn a_relative_sqlite_url_has_an_absolute_path() {
    let path = sqlite_path("sqlite://herdgate.db?mode=rwc").unwrap();
    assert_eq!(path, std::env::current_dir().unwrap().join("herdgate.db"));
}

#[test]
fn only_one_gateway_serves_from_a_sqlite_file() {
    let database = TestDatabase::sqlite();
    let path = sqlite_path(&database.options.url).unwrap();
    let lock = FileLock::acquire(&path).unwrap();
    match FileLock::acquire(&path) {
        Err(StoreError::Unusable(text)) => assert!(text.contains(path.to_str().unwrap()), "{text}"),
        other => panic!("{other:?}"),
    }
    drop(lock);
    FileLock::acquire(&path).unwrap();
}

#[tokio::test]
async fn postgres_sessions_commit_durably_whatever_the_database_says() {
    let Some(database) = TestDatabase::postgres().await else { return };
    for (setting, expected) in
        [("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")]
    {
        let store = database.connect().await.unwrap();
        let name: String =
            sqlx::query_scalar("SELECT current_database()").fetch_one(postgres_pool(&store)).await.unwrap();
        let alter = format!("ALTER DATABASE {name} SET synchronous_commit = '{setting}'");
        sqlx::query(sqlx::AssertSqlSafe(alter)).execute(postgres_pool(&store)).await.unwrap();
        let store = database.connect().await.unwrap();
        let value: String =
            sqlx::query_scalar("SHOW synchronous_commit").fetch_one(postgres_pool(&store)).await.unwrap();
        assert_eq!(value, expected, "{setting}");
        assert_eq!(store.durability(), Durability::Safe);
    }
    database.remove().await;
}

#[tokio::test]
async fn a_postgres_that_does_not_answer_is_unavailable() {
    // Nothing listens on the discard port.
    let url = "postgres://nobody@127.0.0.1:9/none".to_owned();
    let options = StoreOptions { url, max_connections: 1, unsafe_durability: false, create: false };
    let result = Store::connect(&options).await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
}

#[tokio::test]
async fn a_database_restored_into_a_younger_cluster_begins_its_changes_anew() {
    let Some(database) = TestDatabase::postgres().await else { return };
    let store = database.store().await;
    let parents = parents(&store, "try").await;
    job(parents, "old", i64::MAX / 2).insert(&store.write_connection()).await.unwrap();

    let restored = database.connect().await.unwrap();
    assert_ne!(restored.database_id(), store.database_id());
    let number: i64 = sqlx::query_scalar("SELECT change_transaction FROM jobs")
        .fetch_one(postgres_pool(&store))
        .await
        .unwrap();
    assert_eq!(number, 0);

    let again = database.connect().await.unwrap();
    assert_eq!(again.database_id(), restored.database_id());
    database.remove().await;
}
