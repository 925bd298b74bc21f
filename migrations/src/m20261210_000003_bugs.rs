//! The bug list, an index by which bugs are found by any part of their summary, and how often failures
//! that bugs are searched for were seen.

use crate::initial::{index, table};
use sea_orm_migration::sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("bugs")
                    // The tracker's number.
                    .col(big_integer("id").primary_key().take())
                    .col(string_len("status", 64))
                    // Empty: open.
                    .col(string_len("resolution", 64))
                    .col(string_len("summary", 255))
                    // The summary as it is searched, the same on both databases: `suggestions::folded`.
                    .col(text("folded"))
                    .col(text("crash_signature"))
                    // Joined by commas.
                    .col(text("keywords"))
                    .col(string_len("os", 64))
                    .col(big_integer("modified"))
                    .col(string_len("whiteboard", 100))
                    .col(big_integer_null("dupe_of"))
                    .take(),
            )
            .await?;
        manager
            .create_table(
                table("failure_sightings")
                    // Digest of the cleaned error line.
                    .col(binary_len("search", 16))
                    // Of the push, days since 1970.
                    .col(integer("day"))
                    // How many jobs had the line.
                    .col(big_integer("jobs"))
                    // The push of the first of these jobs; it may be gone.
                    .col(big_integer("first_push_id"))
                    .primary_key(Index::create().col("search").col("day"))
                    .take(),
            )
            .await?;
        // By which what is too old is found.
        manager.create_index(index("failure_sightings", &["day"])).await?;
        // Grows with every change of the list of bugs, so that what was found before is known to be stale.
        let version = Query::insert()
            .into_table("gateway_state")
            .columns(["key", "value"])
            .values_panic([Expr::val("bug_list_version"), Expr::val("0")])
            .take();
        manager.execute(version).await?;
        let index = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES_INDEX,
            _ => SQLITE_INDEX,
        };
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }
}

/// `pg_trgm` is a trusted extension: whoever may create things in the database may create it. Where it
/// cannot be had, bugs are found by reading all of them, which is slower and finds the same.
const POSTGRES_INDEX: &str = "DO $$
DECLARE home text;
BEGIN
    BEGIN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'bugs are searched without an index: pg_trgm cannot be created: %', SQLERRM;
    END;
    SELECT n.nspname INTO home FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_trgm';
    IF home IS NOT NULL THEN
        EXECUTE format('CREATE INDEX bugs_folded_trigrams ON bugs USING gin (folded %I.gin_trgm_ops)', home);
    END IF;
END $$";

/// The index reads the texts from the table itself. Its case is folded already.
const SQLITE_INDEX: &str = "
CREATE VIRTUAL TABLE bugs_folded_trigrams
    USING fts5(folded, content='bugs', content_rowid='id', tokenize='trigram case_sensitive 1');
CREATE TRIGGER bugs_indexed AFTER INSERT ON bugs BEGIN
    INSERT INTO bugs_folded_trigrams (rowid, folded) VALUES (new.id, new.folded);
END;
CREATE TRIGGER bugs_unindexed AFTER DELETE ON bugs BEGIN
    INSERT INTO bugs_folded_trigrams (bugs_folded_trigrams, rowid, folded)
        VALUES ('delete', old.id, old.folded);
END;
CREATE TRIGGER bugs_reindexed AFTER UPDATE OF folded ON bugs WHEN new.folded <> old.folded BEGIN
    INSERT INTO bugs_folded_trigrams (bugs_folded_trigrams, rowid, folded)
        VALUES ('delete', old.id, old.folded);
    INSERT INTO bugs_folded_trigrams (rowid, folded) VALUES (new.id, new.folded);
END";
