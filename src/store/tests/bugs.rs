//! The bug list, and what is found in it.

use super::on_each_database;
use crate::domain::Bug;
use crate::logs::Profile;
use crate::store::{Backend, BugListChange, BugListPart, BugQuery, Store, bug_search};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sqlx::{self, AssertSqlSafe};

fn now() -> DateTime<Utc> {
    super::fixtures::now()
}

fn bug(id: i64, summary: &str) -> Bug {
    Bug {
        id,
        status: "NEW".into(),
        resolution: String::new(),
        summary: summary.into(),
        crash_signature: "[@ demo::Fold]".into(),
        keywords: "intermittent-failure".into(),
        os: "Linux".into(),
        modified: now() - TimeDelta::days(1),
        whiteboard: "[demo]".into(),
        dupe_of: Some(7),
    }
}

async fn import(store: &Store, bugs: &[Bug], part: BugListPart<'_>) -> (usize, usize) {
    let BugListChange { saved, removed } = store.import_bugs(bugs, part).await.unwrap();
    (saved, removed)
}

/// Ids of the bugs found for each term, in their order.
async fn found(store: &Store, profile: Profile, terms: &[&str]) -> Vec<Vec<i64>> {
    let query = BugQuery { terms, profile, now: now() };
    let found = store.search_bugs(query).await.unwrap();
    found.iter().map(|bugs| bugs.iter().map(|bug| bug.id).collect()).collect()
}

on_each_database! {
    async fn an_import_adds_and_changes_and_only_then_raises_the_version(store: &Store) {
        let version = store.bug_list_version().await.unwrap();
        let mut bugs = vec![bug(2, "second"), bug(1, "first"), bug(1, "first again")];
        assert_eq!(import(store, &bugs, BugListPart::Some).await, (2, 0));
        assert_eq!(store.bug_list_version().await.unwrap(), version + 1);

        assert_eq!(import(store, &bugs, BugListPart::Some).await, (0, 0));
        assert_eq!(store.bug_list_version().await.unwrap(), version + 1);

        bugs[0].whiteboard = "changed".into();
        assert_eq!(import(store, &bugs[..1], BugListPart::Some).await, (1, 0));
        assert_eq!(store.bug_list_version().await.unwrap(), version + 2);
    }
}

on_each_database! {
    async fn a_whole_list_takes_the_place_of_the_one_before_and_an_empty_one_does_not(store: &Store) {
        import(store, &[bug(1, "first bug"), bug(2, "second bug")], BugListPart::Some).await;
        let whole = BugListPart::Whole { unusable: &[] };
        assert_eq!(import(store, &[], whole).await, (0, 0));
        assert_eq!(found(store, Profile::Of2018, &[" bug"]).await, [[1, 2]]);
        assert_eq!(import(store, &[bug(2, "second bug"), bug(3, "third bug")], whole).await, (1, 1));
        assert_eq!(found(store, Profile::Of2018, &[" bug"]).await, [[2, 3]]);
        let with_unusable = BugListPart::Whole { unusable: &[2] };
        assert_eq!(import(store, &[bug(3, "third bug")], with_unusable).await, (0, 0), "2 is still on the list");
    }
}

on_each_database! {
    async fn only_what_contains_all_of_a_long_term_is_found_by_its_rare_words(store: &Store) {
        let summary = |number: i64| format!("Intermittent dom/tests/test_dial_{number}_gauge_x{number}.html | reads 7");
        let bugs: Vec<Bug> = (1000..1600).map(|number| bug(number, &summary(number))).collect();
        import(store, &bugs, BugListPart::Some).await;
        let terms = [
            "dom/tests/test_dial_1234_gauge_x1234.html | reads",
            "dom/tests/test_dial_1234_gauge_x1235.html | reads",
            "ests/test_dial_1234_gauge_x1234.htm",
            "dom/tests/test_dial_1234 gauge x1234.html | reads",
            "dom%tests_test%dial_1234_gauge_x1234_html | reads",
        ];
        for profile in [Profile::Of2018, Profile::Of2026] {
            let whole = if profile == Profile::Of2018 { vec![1234] } else { vec![] };
            assert_eq!(found(store, profile, &terms).await, [vec![1234], vec![], whole, vec![], vec![]]);
        }
    }
}

on_each_database! {
    async fn a_bug_is_found_by_its_new_summary_only_and_comes_back_as_it_was_given(store: &Store) {
        import(store, &[bug(1, "Intermittent test_dial.js")], BugListPart::Some).await;
        let renamed = bug(1, "Intermittent test_gauge.js");
        import(store, std::slice::from_ref(&renamed), BugListPart::Some).await;
        assert_eq!(found(store, Profile::Of2018, &["test_dial.js", "test_gauge.js"]).await, [vec![], vec![1]]);
        let query = BugQuery { terms: &["test_gauge.js"], profile: Profile::Of2018, now: now() };
        assert_eq!(store.search_bugs(query).await.unwrap(), [[renamed]]);
    }
}

on_each_database! {
    async fn a_term_matches_literally_whatever_its_case_and_accents(store: &Store) {
        let summaries = [
            "100% of test_gauge.HTML", "100 per cent of testXgauge.html", r#"say "dial" \ or (x* AND y)"#,
            "Größe: Überlauf", "ends with space ", "a\u{1F600}bc",
        ];
        let bugs: Vec<Bug> = (1..).zip(summaries).map(|(id, summary)| bug(id, summary)).collect();
        import(store, &bugs, BugListPart::Some).await;
        for (term, ids) in [
            ("test_gauge.html", vec![1]),
            ("100% of", vec![1]),
            ("100%", vec![1]),
            ("of test", vec![1, 2]),
            (r#""DIAL" \ or (x* and"#, vec![3]),
            ("UBERLAUF", vec![4]),
            ("größe", vec![4]),
            ("space ", vec![5]),
            (" space  ", vec![]),
            ("a\u{1F600}b", vec![6]),
            ("NEAR(100 of)", vec![]),
        ] {
            assert_eq!(found(store, Profile::Of2018, &[term]).await, [ids], "{term}");
        }
    }
}

on_each_database! {
    async fn in_2018_those_that_name_the_term_more_often_come_first_then_the_lowest_number(store: &Store) {
        import(store, &[bug(3, "dial"), bug(1, "a dial"), bug(2, "dial, Dial")], BugListPart::Some).await;
        assert_eq!(found(store, Profile::Of2018, &["dial"]).await, [[2, 1, 3]]);
    }
}

on_each_database! {
    async fn in_2018_many_resolved_bugs_do_not_crowd_out_the_recent_ones(store: &Store) {
        let mut bugs: Vec<Bug> = (1..=180).map(|id| bug(id, "test_gauge.html")).collect();
        for bug in &mut bugs[..120] {
            bug.resolution = "FIXED".into();
        }
        bugs[120].modified = now() - TimeDelta::days(91);
        import(store, &bugs, BugListPart::Some).await;
        let found = found(store, Profile::Of2018, &["test_gauge.html"]).await;
        let (open, others): (Vec<i64>, Vec<i64>) = found[0].iter().partition(|id| **id > 121);
        assert_eq!((open, others), ((122..=171).collect(), (1..=50).collect()));
    }
}

on_each_database! {
    async fn in_2026_a_term_stands_at_the_start_or_behind_a_space_a_slash_or_a_comma(store: &Store) {
        let summaries = [
            "dial.js fails", "x dial.js", "a/dial.js", r"a\dial.js", "a,dial.js", "mydial.js", "a-dial.js",
        ];
        let bugs: Vec<Bug> = (1..).zip(summaries).map(|(id, summary)| bug(id, summary)).collect();
        import(store, &bugs, BugListPart::Some).await;
        let mut ids = found(store, Profile::Of2026, &["dial.js"]).await.remove(0);
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3, 4, 5]);
        assert_eq!(found(store, Profile::Of2018, &["dial.js"]).await, [[1, 2, 3, 4, 5, 6, 7]]);
    }
}

on_each_database! {
    async fn a_search_on_postgresql_goes_by_the_index_alone(store: &Store) {
        let Backend::Postgres { writers, .. } = store.backend() else { return };
        let bugs: Vec<Bug> = (1..=5000).map(|id| bug(id, &format!("Intermittent test_{id:x}.html"))).collect();
        import(store, &bugs, BugListPart::Some).await;
        sqlx::query("ANALYZE bugs").execute(writers).await.unwrap();
        let terms = r#"[{"place": 0, "term": "test_12", "pattern": "%test\\_12%"}]"#;
        for profile in [Profile::Of2018, Profile::Of2026] {
            let statement = format!("EXPLAIN {}", bug_search::statement(profile, &bug_search::POSTGRES));
            let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(statement))
                .bind(terms)
                .bind(0_i64)
                .fetch_all(writers)
                .await
                .unwrap();
            assert!(plan.iter().any(|line| line.contains("bugs_folded_trigrams")), "{plan:#?}");
            assert!(!plan.iter().any(|line| line.contains("Seq Scan on bugs")), "{plan:#?}");
        }
    }
}
