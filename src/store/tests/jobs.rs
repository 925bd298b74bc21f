use super::fixtures::{job, now, parents, revision, stored_push, stored_repository};
use super::on_each_database;
use crate::domain::{ContentType, ParseStatus};
use crate::store::Store;
use crate::store::entities::jobs::{job_artifact, job_detail, job_log, log_error, log_step};
use crate::store::model::JobFilter;
use crate::store::time::to_micros;
use sea_orm::{ActiveModelTrait, ActiveValue::NotSet, ActiveValue::Set};

async fn guids(store: &Store, filter: JobFilter) -> Vec<String> {
    store.jobs(&filter, 0, 100).await.unwrap().into_iter().map(|job| job.guid).collect()
}

on_each_database! {
    async fn a_job_is_read_with_the_names_that_its_ids_stand_for(store: &Store) {
        let parents = parents(store, "try").await;
        job(parents, "g", 1).insert(&store.write_connection()).await.unwrap();
        let found = store.job("g").await.unwrap().expect("the job").job;
        assert_eq!((&*found.project, &*found.revision), ("try", revision('a').as_str()));
        assert_eq!((&*found.group.symbol, &*found.job_type.name), ("M", "mochitest-1"));
        assert_eq!((&*found.machine, &*found.product), ("t-linux-1", "firefox"));
        assert_eq!(found.build_platform.platform, "linux64");
        assert_eq!(found.options, ["asan", "debug"]);
        assert_eq!(found.reference_data_name, found.signature);
        assert_eq!((found.submit_time, found.start_time), (Some(now()), None));
        assert_eq!(store.job("h").await.unwrap(), None);
    }
}

on_each_database! {
    async fn a_job_is_read_with_its_parts(store: &Store) {
        let parents = parents(store, "try").await;
        let db = store.write_connection();
        let job_id = job(parents, "g", 1).insert(&db).await.unwrap().id;
        job_log::ActiveModel {
            job_id: Set(job_id),
            name: Set("live_backing_log".into()),
            url: Set("https://example.org/log".into()),
            status: Set(2),
            created_at: Set(0),
            ..Default::default()
        }
        .insert(&db)
        .await
        .unwrap();
        for (title, url) in [("", None), ("link", Some("https://example.org".to_owned()))] {
            job_detail::ActiveModel {
                id: NotSet,
                job_id: Set(job_id),
                title: Set(title.into()),
                value: Set("v".into()),
                url: Set(url),
                content_type: Set("link".into()),
            }
            .insert(&db)
            .await
            .unwrap();
        }
        job_artifact::ActiveModel {
            id: NotSet,
            job_id: Set(job_id),
            name: Set("notes".into()),
            kind: Set("json".into()),
            blob: Set("{}".into()),
        }
        .insert(&db)
        .await
        .unwrap();
        for (position, errors) in [(1, vec![]), (0, vec![7, 3])] {
            let step = log_step::ActiveModel {
                id: NotSet,
                job_id: Set(job_id),
                position: Set(position),
                name: Set(format!("step {position}")),
                started_at: Set(Some(to_micros(now()))),
                finished_at: Set(None),
                started_line: Set(position),
                finished_line: Set(9),
                result: Set("busted".into()),
            }
            .insert(&db)
            .await
            .unwrap();
            for line_number in errors {
                log_error::ActiveModel {
                    id: NotSet,
                    job_id: Set(job_id),
                    step_id: Set(Some(step.id)),
                    line_number: Set(line_number),
                    line: Set("boom".into()),
                }
                .insert(&db)
                .await
                .unwrap();
            }
        }

        let found = store.job("g").await.unwrap().expect("the job");
        assert_eq!(found.logs[0].status, ParseStatus::Failed);
        let titles: Vec<_> = found.details.iter().map(|detail| detail.title.as_deref()).collect();
        assert_eq!(titles, [None, Some("link")]);
        assert_eq!(found.details[1].content_type, ContentType::Link);
        assert_eq!(found.artifact_names, ["notes"]);
        let steps: Vec<_> = found.steps.iter().map(|step| (&*step.name, step.errors.len())).collect();
        assert_eq!(steps, [("step 0", 2), ("step 1", 0)]);
        assert_eq!(found.steps[0].errors[0], (3, "boom".to_owned()));
        assert_eq!(found.steps[0].started, Some(now()));
    }
}

on_each_database! {
    async fn jobs_are_listed_by_id_and_paged(store: &Store) {
        let parents = parents(store, "try").await;
        for guid in ["a", "b", "c"] {
            job(parents, guid, 1).insert(&store.write_connection()).await.unwrap();
        }
        let first = store.jobs(&JobFilter::default(), 0, 2).await.unwrap();
        let rest = store.jobs(&JobFilter::default(), first[1].id, 2).await.unwrap();
        assert_eq!((&*first[0].guid, &*first[1].guid, &*rest[0].guid, rest.len()), ("a", "b", "c", 1));
    }
}

on_each_database! {
    async fn jobs_are_filtered_by_project_push_revision_and_shown_state(store: &Store) {
        let mut parents = parents(store, "try").await;
        let db = store.write_connection();
        job(parents, "running", 1).insert(&db).await.unwrap();
        let mut superseded = job(parents, "superseded", 1);
        superseded.superseded_by = Set(Some("x".into()));
        superseded.insert(&db).await.unwrap();
        let mut completed = job(parents, "completed", 1);
        completed.state = Set("completed".into());
        completed.insert(&db).await.unwrap();
        parents.repository_id = stored_repository(store, "autoland").await;
        parents.push_id = stored_push(store, parents.repository_id, 'b').await;
        job(parents, "elsewhere", 1).insert(&db).await.unwrap();

        let all = JobFilter::default;
        let projects = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let here = ["running", "superseded", "completed"];
        for (filter, expected) in [
            (JobFilter { projects: projects(&["try"]), ..all() }, &here[..]),
            (JobFilter { projects: projects(&["try", "autoland"]), revision: Some("b".repeat(40)), ..all() }, &["elsewhere"]),
            (JobFilter { projects: projects(&["try"]), revision: Some("a".repeat(40)), ..all() }, &here),
            (JobFilter { projects: projects(&["try"]), revision: Some("b".repeat(40)), ..all() }, &[]),
            (JobFilter { projects: projects(&["nowhere"]), ..all() }, &[]),
            (JobFilter { push_id: Some(parents.push_id), ..all() }, &["elsewhere"]),
            (JobFilter { revision: Some("b".repeat(40)), ..all() }, &["elsewhere"]),
            (JobFilter { states: projects(&["running"]), ..all() }, &["running", "elsewhere"]),
            (JobFilter { states: projects(&["completed"]), ..all() }, &["superseded", "completed"]),
            (JobFilter { states: projects(&["pending"]), ..all() }, &[]),
        ] {
            assert_eq!(guids(store, filter.clone()).await, expected, "{filter:?}");
        }
    }
}
