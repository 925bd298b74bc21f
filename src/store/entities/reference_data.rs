//! What many jobs share.

/// Platforms built for.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod build_platform {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "build_platforms")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub os_name: String,
        pub platform: String,
        pub architecture: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Platforms that jobs ran on.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod machine_platform {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "machine_platforms")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub os_name: String,
        pub platform: String,
        pub architecture: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Machines.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod machine {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "machines")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Products.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod product {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "products")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Build options.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod option {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "options")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Job types.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod job_type {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "job_types")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub name: String,
        pub symbol: String,
        pub description: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Job groups.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod job_group {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "job_groups")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub name: String,
        pub symbol: String,
        pub description: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Sets of options.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod option_collection {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "option_collections")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub hash: String,
        pub option_key: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which options a set has.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod option_collection_option {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "option_collection_options")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub option_collection_id: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub option_id: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::option_collection::Entity",
            from = "Column::OptionCollectionId",
            to = "super::option_collection::Column::Id"
        )]
        Collection,
        #[sea_orm(
            belongs_to = "super::option::Entity",
            from = "Column::OptionId",
            to = "super::option::Column::Id"
        )]
        Option,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// All reference data of a job.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod signature {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "signatures")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub key: Vec<u8>,
        pub signature: String,
        pub name: String,
        pub build_system: String,
        pub repository_id: i32,
        pub build_platform_id: i32,
        pub machine_platform_id: i32,
        pub job_group_id: i32,
        pub job_type_id: i32,
        pub option_collection_id: i32,
        pub reference_data_name: Option<String>,
        pub first_submission_at: i64,
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
            belongs_to = "super::build_platform::Entity",
            from = "Column::BuildPlatformId",
            to = "super::build_platform::Column::Id"
        )]
        BuildPlatform,
        #[sea_orm(
            belongs_to = "super::machine_platform::Entity",
            from = "Column::MachinePlatformId",
            to = "super::machine_platform::Column::Id"
        )]
        MachinePlatform,
        #[sea_orm(
            belongs_to = "super::job_group::Entity",
            from = "Column::JobGroupId",
            to = "super::job_group::Column::Id"
        )]
        JobGroup,
        #[sea_orm(
            belongs_to = "super::job_type::Entity",
            from = "Column::JobTypeId",
            to = "super::job_type::Column::Id"
        )]
        JobType,
        #[sea_orm(
            belongs_to = "super::option_collection::Entity",
            from = "Column::OptionCollectionId",
            to = "super::option_collection::Column::Id"
        )]
        OptionCollection,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
