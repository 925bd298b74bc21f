//! Held submissions.

/// Submissions that are not stored yet.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod held_message {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "held_messages")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub state: String,
        pub door: String,
        pub source: String,
        pub format: String,
        pub content_digest: Vec<u8>,
        pub project: Option<String>,
        pub revision: Option<String>,
        pub guid: Option<String>,
        pub waiting_for: Option<String>,
        pub repository_id: Option<i32>,
        pub raw: Vec<u8>,
        pub raw_size: i64,
        pub raw_truncated: bool,
        pub violations: Option<String>,
        pub reason: String,
        pub context: Option<String>,
        pub routing_key: Option<String>,
        pub received_at: i64,
        pub last_received_at: i64,
        pub expires_at: i64,
        pub repeat_count: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Counts of held submissions by what became of them.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod held_ledger {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "held_ledger")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub source: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub project: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub disposition: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub reason: String,
        pub items: i64,
        pub bytes: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Guids that were superseded before they came.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod pending_supersede {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "pending_supersedes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub repository_id: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub guid: String,
        pub superseded_by: String,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
