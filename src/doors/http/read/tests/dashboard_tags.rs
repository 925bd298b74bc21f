//! How the dashboard learns that the jobs of a push are still the same (dashboard contract 2.6).

use super::world::{World, on_each_database};
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http_body_util::BodyExt;
use sea_orm::ConnectionTrait;

async fn ask(world: &World, query: &str, known: Option<&str>) -> Response {
    let mut request = Request::get(format!("/api/jobs/?{query}"));
    if let Some(known) = known {
        request = request.header(IF_NONE_MATCH, known);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

fn tag(answer: &Response) -> Option<String> {
    answer.headers().get(ETAG).map(|tag| tag.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_unchanged_push_is_not_sent_again() {
    on_each_database(async |world| {
        for query in ["push_id=2", "push_id__in=1,2", "push_id=3"] {
            let first = ask(&world, query, None).await;
            assert_eq!(first.headers()[CACHE_CONTROL], "no-cache", "{query}");
            let known = tag(&first).unwrap();
            for known in [known.clone(), format!("\"other\", {known}")] {
                let again = ask(&world, query, Some(&known)).await;
                assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{query} {known}");
                assert_eq!(tag(&again), tag(&first), "{query}");
                assert!(again.into_body().collect().await.unwrap().to_bytes().is_empty(), "{query}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn every_change_gives_a_push_another_tag() {
    on_each_database(async |world| {
        let mut known = tag(&ask(&world, "push_id=2", None).await).unwrap();
        for change in [
            "UPDATE jobs SET last_modified = last_modified + 60000000 WHERE id = 3",
            // One that became visible only after a later one.
            "UPDATE jobs SET last_modified = last_modified + 1 WHERE id = 2",
            "UPDATE jobs SET push_id = 1 WHERE id = 2",
        ] {
            world.store.write_connection().execute_unprepared(change).await.unwrap();
            let answer = ask(&world, "push_id=2", Some(&known)).await;
            assert_eq!(answer.status(), StatusCode::OK, "{change}");
            let changed = tag(&answer).unwrap();
            assert_ne!(changed, known, "{change}");
            known = changed;
        }
    })
    .await;
}

#[tokio::test]
async fn parts_of_pushes_have_no_tag() {
    on_each_database(async |world| {
        let whole = tag(&ask(&world, "push_id=1", None).await).unwrap();
        for query in [
            "push_id=1&last_modified__gt=2001-01-01T00:00:00.000",
            "push_id=1&id=1",
            "id=1",
            "push_id=1&page=2",
        ] {
            let answer = ask(&world, query, Some(&whole)).await;
            assert_eq!((answer.status(), tag(&answer)), (StatusCode::OK, None), "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn all_jobs_of_all_repositories_are_not_to_be_had() {
    on_each_database(async |world| {
        for query in ["", "last_modified__gt=2001-01-01T00:00:00.000", "page=1000"] {
            let (status, detail, code) = world.refused(&format!("/api/jobs/?{query}")).await;
            assert_eq!((status, &*code), (400, "invalid_parameter"), "{query}");
            assert!(detail.contains("push_id__in"), "{detail}");
        }
    })
    .await;
}
