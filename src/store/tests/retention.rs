use super::fixtures::{Parents, ToHold, hold, hours, job as new_job, now, parents, revision, stored_push};
use super::on_each_database;
use crate::limits;
use crate::store::entities::jobs::{job, job_detail, job_log};
use crate::store::entities::repositories::{commit, push};
use crate::store::model::JobFilter;
use crate::store::time::to_micros;
use crate::store::{Due, Store};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::NotSet, ActiveValue::Set, EntityTrait, PaginatorTrait};

async fn job_received(store: &Store, parents: Parents, guid: &str, received_at: DateTime<Utc>) -> i64 {
    let mut job = new_job(parents, guid, 1);
    job.received_at = Set(to_micros(received_at));
    job.insert(&store.write_connection()).await.unwrap().id
}

async fn guids(store: &Store) -> Vec<String> {
    store.jobs(&JobFilter::default(), 0, 1000).await.unwrap().into_iter().map(|job| job.guid).collect()
}

on_each_database! {
    async fn old_jobs_go_with_their_parts_and_no_others(store: &Store) {
        let parents = parents(store, "try").await;
        let db = store.write_connection();
        for (guid, age) in [("old", 25), ("at the limit", 24), ("young", 1)] {
            let job_id = job_received(store, parents, guid, now() - hours(age)).await;
            let name = || Set("live_backing_log".into());
            let url = Set("https://example.org/log".into());
            let (status, created_at) = (Set(0), Set(0));
            job_log::ActiveModel { job_id: Set(job_id), name: name(), url, status, created_at, ..Default::default() }
                .insert(&db)
                .await
                .unwrap();
            let (title, value, content_type) = (Set("t".into()), Set("v".into()), Set("text".into()));
            job_detail::ActiveModel { id: NotSet, job_id: Set(job_id), title, value, url: Set(None), content_type }
                .insert(&db)
                .await
                .unwrap();
        }
        let before = now() - hours(24);
        let due = store.jobs_due(parents.repository_id, before, 0).await.unwrap();
        assert_eq!((due.ids.len(), due.next), (1, None));
        assert_eq!(store.retire_jobs(&due.ids, before).await.unwrap(), 1);
        assert_eq!(guids(store).await, ["at the limit", "young"]);
        let read = store.read_connection();
        assert_eq!(job_log::Entity::find().count(&read).await.unwrap(), 2);
        assert_eq!(job_detail::Entity::find().count(&read).await.unwrap(), 2);
    }
}

on_each_database! {
    async fn what_is_due_is_found_behind_a_page_of_what_is_not(store: &Store) {
        let parents = parents(store, "try").await;
        let young = (0..limits::RETENTION_PAGE).map(|number| {
            let mut job = new_job(parents, &number.to_string(), 1);
            job.received_at = Set(to_micros(now()));
            job
        });
        for some in young.collect::<Vec<_>>().chunks(500) {
            job::Entity::insert_many(some.to_vec()).exec(&store.write_connection()).await.unwrap();
        }
        let old = job_received(store, parents, "old", now() - hours(2)).await;
        let before = now() - hours(1);
        let first = store.jobs_due(parents.repository_id, before, 0).await.unwrap();
        assert!(first.ids.is_empty());
        let second = store.jobs_due(parents.repository_id, before, first.next.unwrap()).await.unwrap();
        assert_eq!(second, Due { ids: vec![old], next: None });
    }
}

on_each_database! {
    async fn a_job_that_was_written_to_since_it_was_found_due_stays(store: &Store) {
        let parents = parents(store, "try").await;
        let id = job_received(store, parents, "young", now()).await;
        assert_eq!(store.retire_jobs(&[id], now() - hours(1)).await.unwrap(), 0);
        assert_eq!(guids(store).await, ["young"]);
    }
}

on_each_database! {
    async fn old_jobs_of_another_repository_are_not_due(store: &Store) {
        let parents = parents(store, "try").await;
        job_received(store, parents, "old", now() - hours(2)).await;
        let due = store.jobs_due(parents.repository_id + 1, now(), 0).await.unwrap();
        assert_eq!(due, Due::default());
    }
}

on_each_database! {
    async fn of_old_pushes_only_those_go_that_nothing_hangs_on_or_waits_for(store: &Store) {
        let with_job = parents(store, "try").await;
        let repository_id = with_job.repository_id;
        job_received(store, with_job, "young", now() + hours(2)).await;
        stored_push(store, repository_id, 'b').await;
        let waited_for = stored_push(store, repository_id, 'c').await;
        let revision = revision('c');
        let waiting = ToHold { repository_id, revision: Some(&revision.as_str()[..12]), ..ToHold::default() };
        hold(store, 1, waiting).await;

        let unripe = store.pushes_due(repository_id, now(), 0).await.unwrap();
        assert_eq!(unripe, Due::default(), "none was received before then");
        let due = store.pushes_due(repository_id, now() + hours(1), 0).await.unwrap();
        assert_eq!((due.ids.len(), due.next), (3, None));
        assert_eq!(store.retire_pushes(repository_id, &due.ids).await.unwrap(), 1);
        let read = store.read_connection();
        let mut left: Vec<i64> =
            push::Entity::find().all(&read).await.unwrap().into_iter().map(|push| push.id).collect();
        left.sort_unstable();
        assert_eq!(left, [with_job.push_id, waited_for]);
        assert_eq!(commit::Entity::find().count(&read).await.unwrap(), 2);
    }
}
