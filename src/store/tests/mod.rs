//! What the store promises, on both databases.

mod administration;
mod bugs;
mod changes;
mod exchanges;
mod fixtures;
mod held;
mod jobs;
mod list_plans;
mod opening;
mod pushes;
mod retention;
mod schema;

/// Runs an async test body with a migrated store on each kind of database.
macro_rules! on_each_database {
    ($(#[$attribute:meta])* async fn $name:ident($store:ident: &Store) $body:block) => {
        $(#[$attribute])*
        #[tokio::test]
        async fn $name() {
            async fn body($store: &$crate::store::Store) $body
            for database in $crate::store::testing::TestDatabase::each().await {
                let store = database.store().await;
                body(&store).await;
                store.close().await;
                database.remove().await;
            }
        }
    };
}
use on_each_database;
