//! Filters, pages and `meta` of the list of pushes.

use super::world::{PUSH_TIMES, ids, on_each_database};
use sea_orm::ConnectionTrait;
use serde_json::json;

/// Push 1 (a…) is the oldest, 3 (c…) the newest; 4 is of another repository. All are of 13 November 2013.
const FILTERS: &[(&str, &[i64])] = &[
    ("", &[3, 2, 1]),
    ("full=true&count=2", &[3, 2]),
    ("count=2&offset=2", &[1]),
    ("count=0", &[]),
    ("revision=aaaaaaaaaaaa", &[1]),
    ("revision=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &[1]),
    ("revision=", &[3, 2, 1]),
    ("revision=d", &[]),
    // Both commits of the push begin so: the push comes once.
    ("revision=e1", &[1]),
    ("revision=e100000000000000000000000000000000000002", &[1]),
    ("commit_revision=e200", &[2]),
    ("fromchange=bbbb", &[3, 2]),
    ("tochange=bbbb", &[2, 1]),
    ("fromchange=bbbb&tochange=bbbbbbbbbbbb", &[2]),
    ("fromchange=cccc&tochange=aaaa", &[]),
    ("startdate=2013-11-13", &[3, 2, 1]),
    ("startdate=2013-11-14", &[]),
    ("enddate=2013-11-12", &[]),
    ("startdate=2013-11-01&enddate=2013-11-13", &[3, 2, 1]),
    ("push_timestamp__gte=1384357111", &[3, 2]),
    ("push_timestamp__gt=1384357111", &[3]),
    ("push_timestamp__lte=1384357111.0", &[2, 1]),
    ("push_timestamp__lt=1384357111.5", &[2, 1]),
    ("push_timestamp__lt=1384357111", &[1]),
    ("id=2", &[2]),
    ("id=4", &[]),
    ("id=0", &[3, 2, 1]),
    ("id__gt=1", &[3, 2]),
    ("id__gte=2&id__lt=3", &[2]),
    ("id__lte=0", &[3, 2, 1]),
    ("id__in=1,3,4", &[3, 1]),
    ("id__in=", &[3, 2, 1]),
    ("author=ada@example.org", &[3, 1]),
    ("author=ADA@example.org", &[3, 1]),
    ("author=ada", &[]),
    ("author=-Ada@example.org", &[2]),
];

#[tokio::test]
async fn up_to_a_time_as_it_is_shown_means_all_of_its_second() {
    on_each_database(async |world| {
        let later = "UPDATE pushes SET time = time + 700000 WHERE id = 2";
        world.store.write_connection().execute_unprepared(later).await.unwrap();
        let list = world.read("/api/project/quince/push/?push_timestamp__lte=1384357111").await;
        assert_eq!(ids(&list["results"]), [2, 1]);
    })
    .await;
}

#[tokio::test]
async fn a_list_has_the_pushes_that_its_filters_let_through_newest_first() {
    on_each_database(async |world| {
        for (query, expected) in FILTERS {
            for name in ["push", "resultset"] {
                let list = world.read(&format!("/api/project/quince/{name}/?{query}")).await;
                assert_eq!(ids(&list["results"]), *expected, "{name} {query}");
                assert_eq!(list["meta"]["count"], expected.len(), "{name} {query}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn meta_repeats_the_question_and_what_follows_from_it() {
    on_each_database(async |world| {
        for (query, expected) in [
            (
                "count=5&author=x",
                json!({"count": 0, "repository": "quince", "filter_params": {"count": "5", "author": "x"}}),
            ),
            (
                "fromchange=bbbb&tochange=cccc&full=true",
                json!({
                    "count": 2, "repository": "quince", "fromchange": "bbbb", "tochange": "cccc",
                    "filter_params": {
                        "full": "true",
                        "push_timestamp__gte": PUSH_TIMES[1],
                        "push_timestamp__lte": PUSH_TIMES[2],
                    },
                }),
            ),
            (
                "startdate=2013-11-13&enddate=2013-11-13",
                json!({
                    "count": 3, "repository": "quince", "startdate": "2013-11-13", "enddate": "2013-11-13",
                    "filter_params": {
                        "push_timestamp__gte": 1_384_300_800, "push_timestamp__lt": 1_384_387_200,
                    },
                }),
            ),
            (
                "revision=aaaa",
                json!({
                    "count": 1, "repository": "quince", "revision": "aaaa",
                    "filter_params": {"revisions_short_revision": "aaaa"},
                }),
            ),
            (
                "revision=ffffffffffffffffffffffffffffffffffffffff",
                json!({
                    "count": 0, "repository": "quince", "revision": "f".repeat(40),
                    "filter_params": {"revisions_long_revision": "f".repeat(40)},
                }),
            ),
            (
                "push_timestamp=5",
                json!({
                    "count": 3, "repository": "quince", "filter_params": {"push_timestamp": "5"},
                    "warnings": ["the parameter push_timestamp is not supported and was ignored"],
                }),
            ),
        ] {
            let list = world.read(&format!("/api/project/quince/push/?{query}")).await;
            assert_eq!(list["meta"], expected, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_20_newest_commits_come_with_a_push_and_the_number_of_all() {
    on_each_database(async |world| {
        let push = world.read("/api/project/quince/push/2/").await;
        assert_eq!(push["revision_count"], 25);
        let revisions = push["revisions"].as_array().unwrap();
        let comments: Vec<_> = revisions.iter().map(|commit| commit["comments"].as_str().unwrap()).collect();
        let newest: Vec<_> = (6..=25).rev().map(|number| format!("Bug {number} - prune")).collect();
        assert_eq!(comments, newest);
    })
    .await;
}
