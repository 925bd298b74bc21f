//! Jobs and what hangs on them.

/// Jobs.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod job {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "jobs")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub guid: String,
        pub root_guid: String,
        pub repository_id: i32,
        pub push_id: i64,
        pub signature_id: i32,
        pub machine_id: i32,
        pub product_id: i32,
        pub state: String,
        pub result: String,
        pub tier: i16,
        pub who: String,
        pub reason: String,
        pub submit_time: Option<i64>,
        pub start_time: Option<i64>,
        pub end_time: Option<i64>,
        pub last_modified: i64,
        pub superseded_by: Option<String>,
        pub description: Option<String>,
        pub task_id: Option<String>,
        pub retry_id: Option<i32>,
        pub failure_classification_id: i16,
        pub digest: Vec<u8>,
        pub applied_digests: Vec<u8>,
        pub first_door: String,
        pub last_door: String,
        pub source: String,
        pub received_at: i64,
        pub committed_at: i64,
        pub held_at: Option<i64>,
        pub released_at: Option<i64>,
        pub repeat_count: i64,
        pub change_transaction: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::super::repositories::repository::Entity",
            from = "Column::RepositoryId",
            to = "super::super::repositories::repository::Column::Id"
        )]
        Repository,
        #[sea_orm(
            belongs_to = "super::super::repositories::push::Entity",
            from = "Column::PushId",
            to = "super::super::repositories::push::Column::Id"
        )]
        Push,
        #[sea_orm(
            belongs_to = "super::super::reference_data::signature::Entity",
            from = "Column::SignatureId",
            to = "super::super::reference_data::signature::Column::Id"
        )]
        Signature,
        #[sea_orm(
            belongs_to = "super::super::reference_data::machine::Entity",
            from = "Column::MachineId",
            to = "super::super::reference_data::machine::Column::Id"
        )]
        Machine,
        #[sea_orm(
            belongs_to = "super::super::reference_data::product::Entity",
            from = "Column::ProductId",
            to = "super::super::reference_data::product::Column::Id"
        )]
        Product,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Logs, each also its entry in the queue of logs to parse.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod job_log {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "job_logs")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub job_id: i64,
        pub name: String,
        pub url: String,
        pub status: i16,
        pub queue_priority: Option<i16>,
        pub attempts: i32,
        pub lease_owner: Option<String>,
        pub lease_until: Option<i64>,
        pub next_attempt_at: Option<i64>,
        pub created_at: i64,
        pub last_error: Option<String>,
        pub dead_at: Option<i64>,
        pub begun_at: Option<i64>,
        pub read_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "super::job::Entity", from = "Column::JobId", to = "super::job::Column::Id")]
        Job,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Details.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod job_detail {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "job_details")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub job_id: i64,
        pub title: String,
        pub value: String,
        pub url: Option<String>,
        pub content_type: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "super::job::Entity", from = "Column::JobId", to = "super::job::Column::Id")]
        Job,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Artifacts that are kept as they are.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod job_artifact {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "job_artifacts")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub job_id: i64,
        pub name: String,
        pub kind: String,
        pub blob: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "super::job::Entity", from = "Column::JobId", to = "super::job::Column::Id")]
        Job,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// That a job has a summary, supplied or made from a log.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod log_summary {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "log_summaries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub job_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub log_id: i64,
        pub errors_truncated: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Failures that error summaries report.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod failure_line {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "failure_lines")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub job_id: i64,
        pub log_id: i64,
        pub action: String,
        pub line: i64,
        pub test: Option<String>,
        pub subtest: Option<String>,
        pub status: Option<String>,
        pub expected: Option<String>,
        pub message: Option<String>,
        pub signature: Option<String>,
        pub level: Option<String>,
        pub stack: Option<String>,
        pub stackwalk_stdout: Option<String>,
        pub stackwalk_stderr: Option<String>,
        pub group_name: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How groups of tests ended.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod group_result {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "group_results")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub log_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub job_id: i64,
        pub status: i16,
        pub seconds: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "super::job::Entity", from = "Column::JobId", to = "super::job::Column::Id")]
        Job,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Documents of performance data to fetch.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod performance_fetch {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "performance_fetches")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub job_id: i64,
        pub url: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Steps of log summaries.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod log_step {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "log_steps")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub job_id: i64,
        pub position: i32,
        pub name: String,
        pub started_at: Option<i64>,
        pub finished_at: Option<i64>,
        pub started_line: i32,
        pub finished_line: i32,
        pub result: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "super::job::Entity", from = "Column::JobId", to = "super::job::Column::Id")]
        Job,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Error lines of log summaries.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod log_error {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "log_errors")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub job_id: i64,
        pub step_id: Option<i64>,
        pub line_number: i32,
        pub line: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "super::job::Entity", from = "Column::JobId", to = "super::job::Column::Id")]
        Job,
        #[sea_orm(
            belongs_to = "super::log_step::Entity",
            from = "Column::StepId",
            to = "super::log_step::Column::Id"
        )]
        Step,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
