//! Repositories, pushes and commits.

/// Groups of repositories.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod repository_group {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "repository_groups")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub name: String,
        pub description: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Repositories.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod repository {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "repositories")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub name: String,
        pub url: String,
        pub dvcs_type: String,
        pub branch: Option<String>,
        pub group_id: Option<i32>,
        pub active: bool,
        pub description: String,
        pub codebase: String,
        pub performance_alerts_enabled: bool,
        pub expire_performance_data: bool,
        pub is_try_repo: bool,
        pub accepts_pull_requests: bool,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::repository_group::Entity",
            from = "Column::GroupId",
            to = "super::repository_group::Column::Id"
        )]
        Group,
    }

    impl Related<super::repository_group::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Group.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Pushes.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod push {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "pushes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub repository_id: i32,
        pub revision: String,
        pub author: String,
        pub time: i64,
        pub received_at: i64,
        pub omitted_commits: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::repository::Entity",
            from = "Column::RepositoryId",
            to = "super::repository::Column::Id"
        )]
        Repository,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Commits of pushes.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod commit {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "commits")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub push_id: i64,
        pub position: i32,
        pub revision: String,
        pub author: String,
        pub comments: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::push::Entity",
            from = "Column::PushId",
            to = "super::push::Column::Id"
        )]
        Push,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Pushes to ask hosts for: entries of the follow-up queue.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod push_fetch {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "push_fetches")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub repository_id: i32,
        pub target: String,
        pub etag: Option<String>,
        pub enqueued_at: i64,
        pub queue_priority: Option<i16>,
        pub attempts: i32,
        pub lease_owner: Option<String>,
        pub lease_until: Option<i64>,
        pub next_attempt_at: Option<i64>,
        pub last_error: Option<String>,
        pub dead_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How far push logs of Mercurial servers were read.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod push_log {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "push_logs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub repository_id: i32,
        pub last_push_id: Option<i64>,
        pub looked_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
