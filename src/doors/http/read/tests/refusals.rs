//! Questions that have no answer: what is said, and that nothing ends in a 500.

use super::world::on_each_database;

const UNKNOWN_PROJECT: &str = "No project with name nowhere";
const WINDOW: &str = "Invalid value for offset or count";

/// Path below `/api`, status, `detail`, `code`.
const REFUSALS: &[(&str, u16, &str, &str)] = &[
    ("/project/nowhere/jobs/", 404, UNKNOWN_PROJECT, "unknown_project"),
    ("/project/quince/jobs/?offset=x", 400, WINDOW, "invalid_parameter"),
    ("/project/quince/jobs/?count=-1", 400, WINDOW, "invalid_parameter"),
    ("/project/quince/jobs/?offset=9223372036854775808", 400, WINDOW, "invalid_parameter"),
    (
        "/project/quince/jobs/?count=2001",
        400,
        "Specified count exceeds API MAX_JOBS_COUNT value: 2000",
        "invalid_parameter",
    ),
    (
        "/project/nowhere/jobs/?last_modified__gt=soon",
        400,
        "Invalid date value for `last_modified`: soon",
        "invalid_parameter",
    ),
    ("/project/quince/jobs/?id=abc", 400, "id: \"abc\" is not an integer", "invalid_parameter"),
    ("/project/quince/jobs/?id__in=1,abc", 400, "id__in: \"abc\" is not an integer", "invalid_parameter"),
    ("/project/quince/jobs/?tier=x", 400, "tier: \"x\" is not an integer", "invalid_parameter"),
    (
        "/project/quince/jobs/?submit_timestamp=x",
        400,
        "submit_timestamp: \"x\" is not an integer",
        "invalid_parameter",
    ),
    (
        "/project/quince/jobs/?colour=red",
        400,
        "colour: is not a parameter of this list; /api/docs names them",
        "invalid_parameter",
    ),
    (
        "/project/quince/jobs/?state__like=red",
        400,
        "state__like: is not a parameter of this list; /api/docs names them",
        "invalid_parameter",
    ),
    ("/project/quince/jobs/?who=a%00b", 400, "who: must not contain NUL", "invalid_parameter"),
    ("/project/quince/jobs/77/", 404, "No job with id: 77", "not_found"),
    ("/project/quince/jobs/4/", 404, "No job with id: 4", "not_found"),
    ("/project/nowhere/jobs/1/", 404, "No job with id: 1", "not_found"),
    ("/project/quince/jobs/x/", 400, "id: \"x\" is not an integer", "invalid_parameter"),
    ("/project/nowhere/push/", 404, UNKNOWN_PROJECT, "unknown_project"),
    (
        "/project/quince/push/?push_timestamp__gt=x",
        400,
        "Invalid timestamp specified for push_timestamp__gt",
        "invalid_parameter",
    ),
    (
        "/project/quince/push/?push_timestamp__lt=inf",
        400,
        "Invalid timestamp specified for push_timestamp__lt",
        "invalid_parameter",
    ),
    ("/project/quince/push/?id=x", 400, "Invalid timestamp specified for id", "invalid_parameter"),
    ("/project/quince/push/?id__gt=x", 400, "Invalid timestamp specified for id__gt", "invalid_parameter"),
    ("/project/quince/push/?id__in=1,x", 400, "Invalid id__in specification", "invalid_parameter"),
    ("/project/quince/push/?count=x", 400, "Valid count value required", "invalid_parameter"),
    ("/project/quince/push/?count=-1", 400, "Valid count value required", "invalid_parameter"),
    ("/project/quince/push/?offset=x", 400, "Valid offset value required", "invalid_parameter"),
    ("/project/quince/push/?count=2001", 400, "Specified count exceeds api limit: 2000", "invalid_parameter"),
    (
        "/project/quince/push/?fromchange=d",
        404,
        "fromchange: no push has a revision that begins with \"d\"",
        "not_found",
    ),
    (
        "/project/quince/push/?tochange=d",
        404,
        "tochange: no push has a revision that begins with \"d\"",
        "not_found",
    ),
    (
        "/project/quince/push/?startdate=13.11.2013",
        400,
        "startdate: \"13.11.2013\" is not a date like 2013-11-13",
        "invalid_parameter",
    ),
    (
        "/project/quince/push/?enddate=2013-02-30",
        400,
        "enddate: \"2013-02-30\" is not a date like 2013-11-13",
        "invalid_parameter",
    ),
    (
        "/project/quince/resultset/?colour=red",
        400,
        "colour: is not a parameter of this list; /api/docs names them",
        "invalid_parameter",
    ),
    ("/project/nowhere/push/group_results/?revision=a", 404, UNKNOWN_PROJECT, "unknown_project"),
    (
        "/project/quince/push/group_results/?revision=",
        400,
        "The revision parameter is mandatory for this endpoint",
        "invalid_parameter",
    ),
    (
        "/project/quince/push/group_results/?revision=d",
        404,
        "revision: no push has a revision that begins with \"d\"",
        "not_found",
    ),
    ("/project/quince/push/4/", 404, "No push with id: 4", "not_found"),
    ("/project/nowhere/push/1/", 404, "No push with id: 1", "not_found"),
    ("/project/quince/resultset/77/", 404, "No push with id: 77", "not_found"),
    ("/project/quince/push/4/status/", 404, "No push with id: 4", "not_found"),
    ("/project/quince/push/x/status/", 400, "id: \"x\" is not an integer", "invalid_parameter"),
    (
        "/project/quince/job-log-url/",
        400,
        "The job_id parameter is mandatory for this endpoint",
        "invalid_parameter",
    ),
    (
        "/project/quince/job-log-url/?job_id=1&job_id=x",
        400,
        "The job_id parameter(s) must be integers",
        "invalid_parameter",
    ),
    ("/project/quince/job-log-url/77/", 404, "Not found.", "not_found"),
    ("/project/damson/job-log-url/1/", 404, "Not found.", "not_found"),
    (
        "/jobdetail/?title=x",
        400,
        "Must filter on one of: job_guid, job__guid, job_id, job_id__in, push_id",
        "invalid_parameter",
    ),
    ("/jobdetail/?job_id__in=", 400, "Invalid filter on empty value: []", "invalid_parameter"),
    ("/jobdetail/?job_id__in=1,x", 400, "job_id__in: \"x\" is not an integer", "invalid_parameter"),
    ("/jobdetail/?job_id=x", 400, "job_id: \"x\" is not an integer", "invalid_parameter"),
    ("/jobdetail/?job_id=1&cursor=x", 400, "cursor: \"x\" is of no page of this list", "invalid_parameter"),
    ("/jobdetail/77/", 404, "Not found.", "not_found"),
    ("/project/nowhere/artifact/", 404, UNKNOWN_PROJECT, "unknown_project"),
    ("/project/quince/artifact/?id=x", 400, "id: \"x\" is not an integer", "invalid_parameter"),
    ("/project/quince/artifact/77/", 404, "job_artifact 77 not found", "not_found"),
    ("/project/quince/jobs/77/bug_suggestions/", 404, "No job with id: 77", "not_found"),
    ("/project/damson/jobs/1/bug_suggestions/", 404, "No job with id: 1", "not_found"),
    ("/project/nowhere/jobs/1/text_log_steps/", 404, "No job with id: 1", "not_found"),
    ("/project/quince/jobs/77/text_log_errors/", 404, "No job with id: 77", "not_found"),
    ("/project/quince/jobs/77/failure_lines/", 404, "No job with id: 77", "not_found"),
    ("/project/nowhere/performance/signatures/", 404, UNKNOWN_PROJECT, "unknown_project"),
    ("/project/nowhere/performance/job-data/?job_id=1", 404, UNKNOWN_PROJECT, "unknown_project"),
    (
        "/project/quince/performance/job-data/",
        400,
        "The job_id parameter is mandatory for this endpoint",
        "invalid_parameter",
    ),
    (
        "/project/quince/performance/job-data/?job_id=x",
        400,
        "job_id: \"x\" is not an integer",
        "invalid_parameter",
    ),
    ("/product/77/", 404, "Not found.", "not_found"),
    ("/product/x/", 400, "id: \"x\" is not an integer", "invalid_parameter"),
    ("/machine/?count=x", 400, "Valid count value required", "invalid_parameter"),
    (
        "/machine/?name=x",
        400,
        "name: is not a parameter of this list; /api/docs names them",
        "invalid_parameter",
    ),
    ("/failureclassification/6/", 404, "Not found.", "not_found"),
    // The empty collection.
    ("/optioncollectionhash/3/", 404, "Not found.", "not_found"),
    // Inactive.
    ("/repository/3/", 404, "Not found.", "not_found"),
];

#[tokio::test]
async fn every_refusal_says_what_is_wrong() {
    on_each_database(async |world| {
        for (path, status, detail, code) in REFUSALS {
            let refused = world.refused(&format!("/api{path}")).await;
            assert_eq!(refused, (*status, (*detail).to_owned(), (*code).to_owned()), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn more_values_than_a_filter_takes_are_refused() {
    on_each_database(async |world| {
        let many = |count: i32| (1..=count).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
        let path = |count| format!("/api/project/quince/jobs/?id__in={}", many(count));
        assert_eq!(world.get(&path(2000)).await.0, 200);
        let (status, detail, _) = world.refused(&path(2001)).await;
        assert_eq!((status, &*detail), (400, "id__in: has 2001 values, the limit is 2000"));
    })
    .await;
}

#[tokio::test]
async fn a_prefix_of_several_pushes_is_no_end_of_a_range() {
    on_each_database(async |world| {
        let push = crate::domain::Push {
            revision: crate::domain::Revision::try_new(&format!("aa{}", "0".repeat(38))).unwrap(),
            time: chrono::Utc::now(),
            author: "ada@example.org".into(),
            commits: vec![],
            omitted_commits: 0,
        };
        world.store.store_push(1, &push, chrono::Utc::now()).await.unwrap();
        let (status, detail, _) = world.refused("/api/project/quince/push/?fromchange=aa").await;
        assert_eq!(status, 400);
        assert_eq!(detail, "fromchange: several pushes have revisions that begin with \"aa\"");
    })
    .await;
}
