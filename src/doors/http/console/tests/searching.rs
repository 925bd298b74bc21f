//! Where is my job?

use super::visit::{message, on_each_database};
use crate::domain::{Outcome, TaskRun};

const GUID: &str = "0f3a6d2e-8c41-4b7a-9d10-5e2b7c9a1f01/0";
/// The same in slug form.
const SLUG: &str = "DzptLoxBS3qdEF4rfJofAQ";

#[tokio::test]
async fn a_job_is_found_by_guid_task_id_and_part_of_its_name() {
    on_each_database(async |visit| {
        let stored = visit.submit(&message(GUID, &"a".repeat(40))).await;
        assert!(matches!(stored, Outcome::Stored(_)), "{stored:?}");
        for sought in [GUID, &GUID[..8], SLUG, &format!("{SLUG}%2F0"), &format!("{SLUG}.0"), "GRIND-lin"] {
            let text = visit.page(&format!("/console/find?q={sought}")).await;
            assert!(text.contains("grind-linux64/opt"), "{sought}: {text}");
        }
        let text = visit.page(&format!("/console/find?q={GUID}")).await;
        assert!(text.contains("Received over <b>pulse</b>") && text.contains("Stored"), "{text}");
        // What stands for any text in a pattern stands for itself in a search.
        assert!(visit.page("/console/find?q=grind%25opt").await.contains("Nothing has that"));
    })
    .await;
}

#[tokio::test]
async fn a_job_without_a_task_is_found_by_the_task_id_that_dashboards_have_for_it() {
    on_each_database(async |visit| {
        let task_id = TaskRun::stand_in("pruning-2");
        for sought in [task_id.clone(), format!("{task_id}.0"), format!("{task_id}%2F0")] {
            let text = visit.page(&format!("/console/find?q={sought}")).await;
            assert!(text.contains("/console/job?guid=pruning-2\""), "{sought}: {text}");
            assert!(text.contains("data-events=\"/console/events?guid=pruning-2&amp;"), "{sought}: {text}");
        }
        let text = visit.page(&format!("/console/find?q={task_id}.1")).await;
        assert!(text.contains("Nothing has that"), "it has but one run: {text}");
    })
    .await;
}

#[tokio::test]
async fn a_push_is_found_by_the_beginning_of_its_revision_or_of_a_commit() {
    on_each_database(async |visit| {
        for sought in ["bbbbbbbb", "e20000"] {
            let text = visit.page(&format!("/console/find?q={sought}")).await;
            assert!(text.contains(&format!("/console/push/quince/{}", "b".repeat(40))), "{sought}: {text}");
        }
        let text = visit.page("/console/find?q=aaaaaaaa").await;
        assert!(text.contains("/console/push/quince/") && text.contains("/console/push/damson/"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_parked_job_has_a_story_before_its_push_comes_and_after() {
    on_each_database(async |visit| {
        let revision = "5a1f0c9e7d3b24681357ace02468bdf013579ace";
        let parked = visit.submit(&message(GUID, revision)).await;
        assert!(matches!(parked, Outcome::Parked { .. }), "{parked:?}");
        let before = visit.page(&format!("/console/find?q={GUID}")).await;
        assert!(before.contains("It waits for a push of <b>quince</b>"), "{before}");
        assert!(before.contains(revision), "{before}");
        for path in ["/console/find?q=5a1f0c9e7d", &format!("/console/push/quince/{revision}")] {
            let text = visit.page(path).await;
            assert!(text.contains(GUID) && text.contains("held-parked"), "{path}: {text}");
        }
        // Who has the address of the job is told as much.
        assert_eq!(visit.get(&format!("/console/job?guid={GUID}")).await.status, 303);

        visit.push(revision).await;
        let after = visit.page_with(&format!("/console/find?q={GUID}"), "Released").await;
        for event in ["Received over <b>pulse</b>", "No push had its revision then", "Stored"] {
            assert!(after.contains(event), "{event} is not in {after}");
        }
        assert!(!after.contains("held-parked"), "{after}");
    })
    .await;
}

#[tokio::test]
async fn a_rejected_job_says_why_in_the_words_of_the_schema() {
    on_each_database(async |visit| {
        let mut wrong = message(GUID, &"a".repeat(40));
        wrong["display"]["jobSymbol"] = "far-too-long-for-a-symbol-of-a-job".into();
        let rejected = visit.submit(&wrong).await;
        assert!(matches!(rejected, Outcome::Rejected(_)), "{rejected:?}");
        let text = visit.page(&format!("/console/find?q={GUID}")).await;
        let (_, rest) = text.split_once("href=\"/console/held/").expect("a link to the message");
        let id = rest.split('"').next().unwrap();
        let text = visit.page(&format!("/console/held/{id}")).await;
        for shown in ["/display/jobSymbol", "maxLength", "The schema <a href=\"/schemas/pulse-job.yml\">"] {
            assert!(text.contains(shown), "{shown} is not in {text}");
        }
        assert!(!text.contains("timeScheduled"), "raw bytes are for credentials of the project: {text}");
    })
    .await;
}
