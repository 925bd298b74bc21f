//! What pages show, and what guards them.

use super::visit::on_each_database;
use crate::domain::Bug;
use crate::store::BugListPart;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use sea_orm::ConnectionTrait;

const EVERYWHERE: [&str; 16] = [
    "/console/",
    "/console/find",
    "/console/find?q=pruning",
    "/console/pushes",
    "/console/pushes/quince",
    "/console/job?guid=pruning-1",
    "/console/held",
    "/console/work",
    "/console/work?state=given_up",
    "/console/exchanges",
    "/console/repositories",
    "/console/credentials",
    "/console/tiers",
    "/console/sign-in",
    "/console/find?q=nothing-has-this",
    "/console/pushes/damson?tiers=all&author=nobody",
];

#[tokio::test]
async fn every_page_is_guarded_titled_and_free_of_inline_script_and_style() {
    on_each_database(async |visit| {
        for path in EVERYWHERE {
            let answer = visit.get(path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            let policy = answer.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
            assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
            let text = &answer.text;
            assert!(text.contains(" · Herdgate</title>") && text.contains("<h1>"), "{path}");
            for inline in [" style=\"", "<style", "<script>", " onclick=", " onload=", "javascript:"] {
                assert!(!text.contains(inline), "{path} has {inline}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_submitters_and_readers_write_is_text_and_nothing_else() {
    on_each_database(async |visit| {
        let text = visit.page("/console/find?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E%22").await;
        assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{text}");
        assert!(!text.contains("<script>alert"), "{text}");
        let text = visit.page("/console/held?source=%22%3E%3Cimg%20src%3Dx%3E").await;
        assert!(!text.contains("<img"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_push_shows_its_jobs_by_platform_and_group() {
    on_each_database(async |visit| {
        let revision = "b".repeat(40);
        let text = visit.page(&format!("/console/push/quince/{revision}")).await;
        // Built on Windows 10 and run on Windows 11: as the dashboard has it, the latter counts.
        assert!(text.contains("<th scope=\"row\">windows11-64 "), "{text}");
        assert!(!text.contains("windows10-64"), "{text}");
        assert!(text.contains("class=\"job running\" href=\"/console/job?guid=pruning-2\""), "{text}");
        // A superseded job without a completion of its own shows as superseded (R6).
        assert!(text.contains("class=\"job superseded\" href=\"/console/job?guid=pruning-3\""), "{text}");
        let listed = visit.page("/console/pushes/quince").await;
        let position = |digit: &str| listed.find(&digit.repeat(40)).unwrap();
        assert!(position("c") < position("b") && position("b") < position("a"), "newest first");
    })
    .await;
}

#[tokio::test]
async fn a_job_shows_everything_that_hangs_on_it() {
    on_each_database(async |visit| {
        let text = visit.page("/console/job?guid=pruning-1").await;
        for shown in [
            "prune-1",
            "Received over <b>http</b>",
            "from <b>tester</b>",
            "href=\"https://art.example.org/t\"",
            "a plain value",
            "A1b2C3d4E5f6G7h8I9j0Kw",
            "as they are",
            "it broke",
            "live_backing_log",
            "<time datetime=\"2013-11-13T14:41:00.000Z\"",
        ] {
            assert!(text.contains(shown), "{shown} is not in {text}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_shows_error_lines_that_stand_in_no_step_and_its_story_counts_them() {
    on_each_database(async |visit| {
        let job = visit.world.store.job("pruning-1").await.unwrap().unwrap().job.id;
        let line = format!(
            "INSERT INTO log_errors (job_id, line_number, line) VALUES ({job}, 41, 'TEST-UNEXPECTED-FAIL | <dial>')"
        );
        visit.world.store.write_connection().execute_unprepared(&line).await.unwrap();
        let text = visit.page("/console/job?guid=pruning-1").await;
        assert!(text.contains("TEST-UNEXPECTED-FAIL | &lt;dial&gt;"), "{text}");
        assert!(text.contains("line=41"), "the log is opened at its first error line: {text}");
        assert!(text.contains("No known bug names any of the error lines"), "{text}");
        assert!(text.contains("No bug suggested"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_job_shows_bugs_failures_and_values_that_were_found_in_its_logs() {
    on_each_database(async |visit| {
        let store = &visit.world.store;
        let job = store.job("pruning-1").await.unwrap().unwrap().job.id;
        let rows = [
            format!(
                "INSERT INTO log_errors (job_id, line_number, line) \
                 VALUES ({job}, 41, 'TEST-UNEXPECTED-FAIL | dial_test.html | reads <7>')"
            ),
            format!(
                "INSERT INTO failure_lines (job_id, log_id, action, line, test, status, expected, message) \
                 VALUES ({job}, 1, 'test_result', 3, 'dial_test.html', 'FAIL', 'PASS', 'reads <7>')"
            ),
            "INSERT INTO performance_series (id, repository_id, framework, hash, suite, test, \
             option_collection_hash, machine_platform, extra_options, lower_is_better, has_subtests, last_push_time) \
             VALUES (5, 1, 'talos', 'h', 'dial_opening', '', 'o', 'linux64', 'e10s', true, false, 0)"
                .to_owned(),
            format!(
                "INSERT INTO performance_data (job_id, series_id, push_id, push_time, value) \
                 VALUES ({job}, 5, 1, 0, 12.5)"
            ),
        ];
        for row in rows {
            store.write_connection().execute_unprepared(&row).await.unwrap();
        }
        let bug = |id, resolution: &str| Bug {
            id,
            status: "NEW".into(),
            resolution: resolution.into(),
            summary: "Intermittent dial_test.html | <b>reads</b>".into(),
            crash_signature: String::new(),
            keywords: "intermittent-failure".into(),
            os: "All".into(),
            modified: chrono::Utc::now(),
            whiteboard: String::new(),
            dupe_of: None,
        };
        store.import_bugs(&[bug(77, ""), bug(78, "FIXED")], BugListPart::Some).await.unwrap();
        let text = visit.page("/console/job?guid=pruning-1").await;
        for shown in [
            "Bug 77: Intermittent dial_test.html | &lt;b&gt;reads&lt;/b&gt;",
            "1 closed or old bug",
            "Bugs suggested",
            "For 1 error line.",
            "Failures of the test harness",
            "reads &lt;7&gt;",
            "dial_opening",
            "12.5",
        ] {
            assert!(text.contains(shown), "{shown} is not in {text}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_said_as_a_page() {
    on_each_database(async |visit| {
        for path in [
            "/console/nothing",
            "/console/job?guid=nobody-knows",
            "/console/job",
            "/console/pushes/nowhere",
            "/console/push/quince/0123456789abcdef",
            "/console/held/123456",
            "/console/assets/console-0.css",
        ] {
            let answer = visit.get(path).await;
            assert_eq!(answer.status, 404, "{path}");
            assert!(answer.text.contains("<h1>Not found</h1>"), "{path}: {}", answer.text);
        }
        assert_eq!(visit.get("/console").await.headers[LOCATION], "/console/");
    })
    .await;
}

#[tokio::test]
async fn empty_pages_say_what_would_fill_them() {
    on_each_database(async |visit| {
        assert!(visit.page("/console/held").await.contains("Nothing is held"));
        assert!(visit.page("/console/held?state=parked").await.contains("Nothing is held that fits"));
        assert!(visit.page("/console/exchanges").await.contains("No exchange is registered"));
        assert!(visit.page("/console/tiers").await.contains("No override"));
        assert!(visit.page("/console/").await.contains("No samples yet"));
        assert!(visit.page("/console/find?q=nothing-has-this").await.contains("Nothing has that"));
        assert!(visit.page("/console/pushes/quince?author=nobody").await.contains("No push here"));
        assert!(visit.page("/console/credentials").await.contains("For administrators"));
    })
    .await;
}

#[tokio::test]
async fn assets_have_names_that_change_with_them() {
    on_each_database(async |visit| {
        let page = visit.page("/console/").await;
        let (_, rest) = page.split_once("<link rel=\"stylesheet\" href=\"").unwrap();
        let answer = visit.get(rest.split('"').next().unwrap()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["content-type"], "text/css; charset=utf-8");
        assert!(answer.headers[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    })
    .await;
}

#[tokio::test]
async fn the_story_of_a_job_says_what_became_of_its_logs() {
    on_each_database(async |visit| {
        let store = &visit.world.store;
        let job = store.job("pruning-1").await.unwrap().unwrap();
        let log = &job.logs[0];
        let (id, named) = (log.id, log.queue.named_at.timestamp_micros());
        let begun = named + 2_000_000;
        for (assignments, expected) in [
            ("queue_priority = 0, status = 0".into(), &["waits to be parsed"][..]),
            (
                format!(
                    "queue_priority = 0, status = 0, attempts = 1, begun_at = {begun}, lease_owner = 'me'"
                ),
                &["is being read", "1 attempt so far, the last begun "],
            ),
            (
                format!(
                    "queue_priority = 0, status = 2, attempts = 2, begun_at = {begun}, lease_owner = NULL, \
                     next_attempt_at = {begun}, last_error = 'it said <503>'"
                ),
                &["to be tried again", "2 attempts so far", "Last: it said &lt;503&gt;. Next not before "],
            ),
            (
                format!(
                    "queue_priority = NULL, status = 1, attempts = 2, begun_at = {begun}, \
                     read_at = {begun} + 1500000, last_error = NULL"
                ),
                &["Fetched and parsed in 1.5 s, at attempt 2, begun 2.0 s after it was named."],
            ),
            (
                format!("status = 2, read_at = NULL, last_error = 'gone', dead_at = {begun}"),
                &["could not be parsed", "Last: gone."],
            ),
        ] {
            let sql = format!("UPDATE job_logs SET {assignments} WHERE id = {id}");
            store.write_connection().execute_unprepared(&sql).await.unwrap();
            let text = visit.page("/console/job?guid=pruning-1").await;
            for shown in expected {
                assert!(text.contains(shown), "{shown} is not in {text}");
            }
        }
    })
    .await;
}
