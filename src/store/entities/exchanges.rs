//! Exchanges over Pulse.

/// Registered exchanges.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod exchange {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "exchanges")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub exchange: String,
        pub broker: String,
        pub kind: String,
        pub destinations: String,
        pub projects: String,
        pub routing_keys: String,
        pub may_write: String,
        pub queue_type: String,
        pub origin: String,
        pub draining: bool,
        pub registered_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What queues were bound by.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod exchange_binding {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "exchange_bindings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub registration: String,
        pub broker: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub queue: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub exchange: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub routing_key: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Failures of ours by digest of the message.
#[allow(missing_docs, reason = "columns are described by the migrations")]
pub mod delivery_attempt {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "delivery_attempts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub content_digest: Vec<u8>,
        pub attempts: i64,
        pub last_attempt_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
