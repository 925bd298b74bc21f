use super::fixtures::{Parents, job, parents, stored_repository};
use super::on_each_database;
use crate::store::model::{ChangePage, ChangePosition, JobFilter};
use crate::store::testing::TestDatabase;
use crate::store::{Backend, Store};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseTransaction, Statement};
use std::time::Duration;

fn guids(page: &ChangePage) -> Vec<&str> {
    page.jobs.iter().map(|job| &*job.guid).collect()
}

fn of(project: &str) -> JobFilter {
    JobFilter { projects: vec![project.into()], ..JobFilter::default() }
}

/// The number of this transaction in the order of changes.
async fn number(store: &Store, transaction: &DatabaseTransaction) -> i64 {
    let sql = match store.backend() {
        Backend::Postgres { .. } => "SELECT pg_current_xact_id()::text::bigint",
        Backend::Sqlite { .. } => "UPDATE change_sequence SET value = value + 1 RETURNING value",
    };
    let statement = Statement::from_string(transaction.get_database_backend(), sql);
    transaction.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// Waits until readers take what this transaction changed. On PostgreSQL that may take as long as
/// other tests have transactions open on the same server.
async fn settled(store: &Store, number: i64) {
    let reached = async {
        while store.change_horizon().await.unwrap().transaction < number {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reached).await.expect("the horizon moves on");
}

/// One transaction that adds jobs, and its number.
async fn change(store: &Store, parents: Parents, guids: &[&str]) -> i64 {
    let transaction = store.begin_write().await.unwrap();
    let number = number(store, &transaction).await;
    for guid in guids {
        job(parents, guid, number).insert(&transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    number
}

async fn settled_change(store: &Store, parents: Parents, guids: &[&str]) {
    let number = change(store, parents, guids).await;
    settled(store, number).await;
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_not_missed() {
    // SQLite has one writer: none commits late there.
    let Some(database) = TestDatabase::postgres().await else { return };
    let store = database.store().await;
    let parents = parents(&store, "try").await;
    let start = store.change_horizon().await.unwrap();

    let late = store.begin_write().await.unwrap();
    let late_number = number(&store, &late).await;
    job(parents, "late", late_number).insert(&late).await.unwrap();
    let early_number = change(&store, parents, &["early"]).await;

    let before = store.changes(&JobFilter::default(), start, 10).await.unwrap();
    assert_eq!(guids(&before), [""; 0]);
    assert!(before.reached < ChangePosition { transaction: late_number, job_id: 0 });

    late.commit().await.unwrap();
    settled(&store, early_number).await;
    let after = store.changes(&JobFilter::default(), before.reached, 10).await.unwrap();
    assert_eq!(guids(&after), ["late", "early"]);
    database.remove().await;
}

on_each_database! {
    async fn changes_come_in_order_page_by_page_and_once(store: &Store) {
        let parents = parents(store, "try").await;
        let start = store.change_horizon().await.unwrap();
        settled_change(store, parents, &["a", "b"]).await;
        settled_change(store, parents, &["c"]).await;

        let first = store.changes(&JobFilter::default(), start, 2).await.unwrap();
        assert_eq!((guids(&first), first.more), (vec!["a", "b"], true));
        let second = store.changes(&JobFilter::default(), first.reached, 2).await.unwrap();
        assert_eq!((guids(&second), second.more), (vec!["c"], false));
        let third = store.changes(&JobFilter::default(), second.reached, 2).await.unwrap();
        assert_eq!((guids(&third), third.more), (vec![], false));
        assert!(start < first.reached && first.reached < second.reached && second.reached <= third.reached);
    }
}

on_each_database! {
    async fn a_page_may_end_within_a_transaction(store: &Store) {
        let parents = parents(store, "try").await;
        let start = store.change_horizon().await.unwrap();
        settled_change(store, parents, &["a", "b", "c"]).await;
        let first = store.changes(&JobFilter::default(), start, 1).await.unwrap();
        let rest = store.changes(&JobFilter::default(), first.reached, 5).await.unwrap();
        assert_eq!((guids(&first), guids(&rest)), (vec!["a"], vec!["b", "c"]));
    }
}

on_each_database! {
    async fn what_the_filter_holds_back_counts_as_looked_at(store: &Store) {
        let parents = parents(store, "try").await;
        stored_repository(store, "autoland").await;
        let start = store.change_horizon().await.unwrap();
        settled_change(store, parents, &["a"]).await;
        let page = store.changes(&of("autoland"), start, 10).await.unwrap();
        assert_eq!(guids(&page), [""; 0]);
        assert!(page.reached > start);
        assert_eq!(guids(&store.changes(&of("try"), start, 10).await.unwrap()), ["a"]);
        assert_eq!(guids(&store.changes(&of("try"), page.reached, 10).await.unwrap()), [""; 0]);
    }
}

on_each_database! {
    async fn a_job_that_changes_again_comes_again_with_its_latest_state(store: &Store) {
        let parents = parents(store, "try").await;
        settled_change(store, parents, &["a", "b"]).await;
        let seen = store.change_horizon().await.unwrap();
        let transaction = store.begin_write().await.unwrap();
        let number = number(store, &transaction).await;
        let update =
            format!("UPDATE jobs SET state = 'completed', change_transaction = {number} WHERE guid = 'a'");
        transaction.execute_unprepared(&update).await.unwrap();
        transaction.commit().await.unwrap();
        settled(store, number).await;
        let page = store.changes(&JobFilter::default(), seen, 10).await.unwrap();
        assert_eq!(guids(&page), ["a"]);
        assert_eq!(page.jobs[0].state.as_str(), "completed");
        assert_eq!(page.jobs[0].change.transaction, number);
    }
}

on_each_database! {
    async fn from_a_position_ahead_of_everything_nothing_is_reached_but_what_there_is(store: &Store) {
        let parents = parents(store, "try").await;
        settled_change(store, parents, &["a"]).await;
        let ahead = ChangePosition { transaction: i64::MAX, job_id: 0 };
        let page = store.changes(&JobFilter::default(), ahead, 10).await.unwrap();
        assert_eq!((guids(&page), page.more), (vec![], false));
        assert!(page.reached < ahead, "{page:?}");
    }
}
