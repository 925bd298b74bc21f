//! Repositories, their pushes and commits.

use super::{index, key_text, part_of, reference, table, unique};
use sea_orm_migration::{prelude::*, schema::*};

pub async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("repository_groups")
                .col(pk_auto("id"))
                .col(string_len_uniq("name", 100))
                .col(text("description"))
                .take(),
        )
        .await?;
    manager
        .create_table(
            table("repositories")
                .col(pk_auto("id"))
                .col(string_len_uniq("name", 50))
                .col(string_len("url", 255))
                .col(string_len("dvcs_type", 25))
                .col(string_len_null("branch", 255))
                .col(integer_null("group_id"))
                .col(boolean("active"))
                .col(text("description"))
                .col(string_len("codebase", 50))
                .col(boolean("performance_alerts_enabled"))
                .col(boolean("expire_performance_data"))
                .col(boolean("is_try_repo"))
                .col(boolean("accepts_pull_requests"))
                .col(big_integer("created_at"))
                .foreign_key(&mut reference("group_id", "repository_groups"))
                .take(),
        )
        .await?;
    manager
        .create_table(
            table("pushes")
                .col(big_pk_auto("id"))
                .col(integer("repository_id"))
                .col(key_text(manager, "revision", 40))
                .col(string_len("author", 150))
                .col(big_integer("time"))
                .col(big_integer("received_at"))
                .foreign_key(&mut reference("repository_id", "repositories"))
                .take(),
        )
        .await?;
    manager.create_index(unique("pushes", &["repository_id", "revision"])).await?;
    manager.create_index(index("pushes", &["repository_id", "time", "id"])).await?;
    manager
        .create_table(
            table("commits")
                .col(big_pk_auto("id"))
                .col(big_integer("push_id"))
                .col(integer("position"))
                .col(key_text(manager, "revision", 40))
                .col(string_len("author", 150))
                .col(text("comments"))
                .foreign_key(&mut part_of("push_id", "pushes"))
                .take(),
        )
        .await?;
    manager.create_index(unique("commits", &["push_id", "revision"])).await
}
