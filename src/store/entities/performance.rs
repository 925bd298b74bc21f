//! Performance series and their values.

/// Series.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod performance_series {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "performance_series")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub repository_id: i32,
        pub framework: String,
        pub hash: String,
        pub suite: String,
        pub test: String,
        pub option_collection_hash: String,
        pub machine_platform: String,
        pub extra_options: String,
        pub lower_is_better: bool,
        pub has_subtests: bool,
        pub parent_hash: Option<String>,
        pub last_push_time: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Values.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod performance_data {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "performance_data")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub job_id: i64,
        pub series_id: i64,
        pub push_id: i64,
        pub push_time: i64,
        pub value: f64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::performance_series::Entity",
            from = "Column::SeriesId",
            to = "super::performance_series::Column::Id"
        )]
        Series,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
