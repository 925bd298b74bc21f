use super::{fixtures::execute, on_each_database};
use crate::store::StoreError;
use crate::store::entities::{exchanges, gateway, held, jobs, performance, reference_data, repositories};
use crate::store::testing::TestDatabase;
use sea_orm::EntityTrait;

const INITIAL: &str = "m20261122_000001_initial";

#[tokio::test]
async fn migrating_twice_applies_once() {
    for database in TestDatabase::each().await {
        let store = database.connect().await.unwrap();
        assert_eq!(store.database_id(), "");
        assert_eq!(store.migrate().await.unwrap().now[0], INITIAL);
        assert_eq!(store.migrate().await.unwrap().now, [""; 0]);
        assert_eq!(store.database_id().len(), 32);
        let again = database.connect().await.unwrap();
        assert_eq!(again.database_id(), store.database_id());
        database.remove().await;
    }
}

#[tokio::test]
async fn gateways_that_migrate_at_once_wait_for_each_other() {
    for database in TestDatabase::each().await {
        let stores = [database.connect().await.unwrap(), database.connect().await.unwrap()];
        let (one, other) = tokio::join!(stores[0].migrate(), stores[1].migrate());
        let (one, other) = (one.unwrap().now, other.unwrap().now);
        assert!(one.is_empty() != other.is_empty(), "{one:?} {other:?}");
        database.remove().await;
    }
}

on_each_database! {
    async fn a_later_release_may_have_expanded_the_schema(store: &Store) {
        execute(store, "INSERT INTO seaql_migrations VALUES ('m20990101_000001_more', 0)").await;
        assert_eq!(store.migrate().await.unwrap().unknown, ["m20990101_000001_more"]);
    }
}

on_each_database! {
    async fn a_schema_that_a_later_release_contracted_is_refused_by_name(store: &Store) {
        let name = "m20990101_000002_drop_who_contracting";
        execute(store, &format!("INSERT INTO seaql_migrations VALUES ('{name}', 0)")).await;
        match store.migrate().await {
            Err(StoreError::Unusable(text)) => assert!(text.contains(name), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

on_each_database! {
    async fn every_entity_has_its_table_and_columns(store: &Store) {
        let db = store.read_connection();
        macro_rules! readable {
            ($($module:ident :: $entity:ident),* $(,)?) => {
                $($module::$entity::Entity::find().all(&db).await.unwrap();)*
            };
        }
        readable!(
            exchanges::exchange,
            exchanges::exchange_binding,
            exchanges::delivery_attempt,
            repositories::repository_group,
            repositories::repository,
            repositories::push,
            repositories::commit,
            repositories::push_fetch,
            repositories::push_log,
            reference_data::build_platform,
            reference_data::machine_platform,
            reference_data::machine,
            reference_data::product,
            reference_data::option,
            reference_data::job_type,
            reference_data::job_group,
            reference_data::option_collection,
            reference_data::option_collection_option,
            reference_data::signature,
            jobs::job,
            jobs::job_log,
            jobs::log_summary,
            jobs::failure_line,
            jobs::group_result,
            jobs::performance_fetch,
            jobs::job_detail,
            jobs::job_artifact,
            jobs::log_step,
            jobs::log_error,
            performance::performance_series,
            performance::performance_data,
            held::held_message,
            held::held_ledger,
            held::pending_supersede,
            gateway::tier_override,
            gateway::credential,
            gateway::gateway_state,
            gateway::change_sequence,
        );
    }
}
