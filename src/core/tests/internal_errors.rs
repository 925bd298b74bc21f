//! Submissions that set off a bug of ours.

use super::*;
use crate::domain::RetryCause;

const TESTER: &str = "tester";

/// Makes jobs whose guid begins with `bad` set off an error that is none of the data.
async fn break_jobs(store: &Store) {
    let statements: &[&str] = if store.sqlite_path().is_some() {
        &["CREATE TRIGGER broken BEFORE INSERT ON jobs WHEN NEW.guid LIKE 'bad%' \
           BEGIN SELECT json('no JSON'); END"]
    } else {
        &[
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'broken'; END $$",
            "CREATE TRIGGER broken BEFORE INSERT ON jobs FOR EACH ROW \
             WHEN (NEW.guid LIKE 'bad%') EXECUTE FUNCTION fail()",
        ]
    };
    for statement in statements {
        execute(store, statement).await;
    }
}

async fn mend_jobs(store: &Store) {
    let on = if store.sqlite_path().is_some() { "" } else { " ON jobs" };
    execute(store, &format!("DROP TRIGGER broken{on}")).await;
}

fn pending(guids: impl Iterator<Item = String>) -> Vec<Submission> {
    guids.map(|guid| submission(&guid, "pending", 'a', |_| {})).collect()
}

#[tokio::test]
async fn a_submission_that_sets_off_an_internal_error_is_rejected_alone_and_can_be_replayed() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        break_jobs(gateway.store()).await;
        let guids = (0..40).map(|n| if n == 17 { "bad".to_owned() } else { format!("good-{n}") });
        let outcomes = submit(&gateway, pending(guids)).await;
        for (position, outcome) in outcomes.iter().enumerate() {
            if position == 17 {
                assert_eq!(rules(outcome), ["internal"]);
            } else {
                assert_eq!(outcome, &Outcome::Stored(StoredReason::Created), "{position}");
            }
        }
        let held = gateway.store().held_messages(&HeldFilter::default(), None, 10).await.unwrap();
        assert_eq!((held.len(), held[0].guid.as_deref(), held[0].raw_truncated), (1, Some("bad"), false));
        assert_eq!(&*held[0].violations[0].rule, "internal");

        mend_jobs(gateway.store()).await;
        let administrator = Principal { source: TESTER.into(), rights: Rights::Administrator };
        let replayed = gateway.replay(&administrator, &[held[0].id]).await.unwrap();
        assert_eq!(replayed[0].outcome, Outcome::Stored(StoredReason::Created));
    })
    .await;
}

#[tokio::test]
async fn a_large_submission_that_sets_off_an_internal_error_is_kept_whole() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        break_jobs(gateway.store()).await;
        let mut large = submission("bad", "pending", 'a', |_| {});
        let mut raw = large.raw.to_vec();
        raw.resize(crate::limits::REJECTED_RAW_BYTES + 10, b' ');
        large.raw = raw.into();
        assert_eq!(rules(&submit(&gateway, vec![large]).await[0]), ["internal"]);
        let held = gateway.store().held_messages(&HeldFilter::default(), None, 10).await.unwrap();
        assert!(!held[0].raw_truncated);
    })
    .await;
}

#[tokio::test]
async fn a_gateway_that_is_broken_itself_does_not_reject_batch_after_batch() {
    on_each_database(GatewayOptions { writers: 1, ..GatewayOptions::default() }, async |gateway| {
        break_jobs(gateway.store()).await;
        let outcomes = submit(&gateway, pending((0..100).map(|n| format!("bad-{n}")))).await;
        let rejected = outcomes.iter().filter(|o| matches!(o, Outcome::Rejected(_))).count();
        let is_undecided =
            |o: &&Outcome| matches!(o, Outcome::RetryLater { cause: RetryCause::Internal(_), .. });
        assert_eq!(rejected, crate::limits::INTERNAL_REJECTIONS);
        assert_eq!(outcomes.iter().filter(is_undecided).count(), 100 - rejected);
    })
    .await;
}
