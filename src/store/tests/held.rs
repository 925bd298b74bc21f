use super::fixtures::{
    ToHold, execute, hold, hours, job, now, parents, revision, stored_push, stored_repository,
};
use super::on_each_database;
use crate::domain::HeldState;
use crate::store::batch::LedgerUsage;
use crate::store::model::HeldFilter;
use crate::store::{Backend, Expired, LedgerBalance, Store};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use sea_orm::{ActiveModelTrait, ConnectionTrait};
use std::time::Duration;

fn rejected() -> ToHold<'static> {
    ToHold { state: HeldState::Rejected, ..ToHold::default() }
}

/// What time does, with expired submissions kept for 14 days.
async fn expire(store: &Store, now: DateTime<Utc>) -> Expired {
    store.expire(now, hours(14 * 24)).await.unwrap()
}

async fn balance(store: &Store) -> LedgerBalance {
    let balance = store.ledger_balance().await.unwrap();
    assert!(balance.balances(), "{balance:?}");
    balance
}

on_each_database! {
    async fn the_ledger_balances_whatever_becomes_of_what_is_held(store: &Store) {
        assert_eq!(balance(store).await, LedgerBalance::default());
        let parked = hold(store, 1, ToHold::default()).await;
        hold(store, 2, ToHold { expires_at: now() - hours(1), ..ToHold::default() }).await;
        hold(store, 3, ToHold { expires_at: now() - hours(1), ..rejected() }).await;
        let refused = hold(store, 4, rejected()).await;
        assert_eq!(balance(store).await, LedgerBalance { held: 4, rows: 4, counted: 4, gone: 0 });

        assert_eq!(store.discard_held(&[parked, refused, 999]).await.unwrap(), 2);
        assert_eq!(balance(store).await, LedgerBalance { held: 4, rows: 2, counted: 2, gone: 2 });

        let expired = expire(store, now()).await;
        assert_eq!(expired, Expired { parked: 1, evicted: 1, supersedes: 0 });
        assert_eq!(balance(store).await, LedgerBalance { held: 4, rows: 1, counted: 1, gone: 3 });

        // Expired ones are kept as long as rejected ones.
        expire(store, now() + hours(14 * 24 - 1)).await;
        assert_eq!(balance(store).await.rows, 1);
        expire(store, now() + hours(14 * 24 + 1)).await;
        assert_eq!(balance(store).await, LedgerBalance { held: 4, rows: 0, counted: 0, gone: 4 });
    }
}

on_each_database! {
    async fn a_balance_that_does_not_hold_is_told(store: &Store) {
        hold(store, 1, ToHold::default()).await;
        execute(store, "DELETE FROM held_messages").await;
        assert!(!store.ledger_balance().await.unwrap().balances());
    }
}

/// What another transaction, which is open when `act` begins and committed before `act` ends, leaves of a held
/// message that it parks for later. SQLite has one writer at a time.
async fn left_when_parked_meanwhile(
    store: &Store,
    n: u8,
    held: ToHold<'_>,
    act: BoxFuture<'_, ()>,
) -> Option<(HeldState, DateTime<Utc>)> {
    let id = hold(store, n, held).await;
    let later = now() + hours(72);
    let parking = store.begin_write().await.unwrap();
    let park = format!(
        "UPDATE held_messages SET state = 'parked', expires_at = {} WHERE id = {id}",
        later.timestamp_micros()
    );
    parking.execute_unprepared(&park).await.unwrap();
    let commit = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        parking.commit().await.unwrap();
    };
    tokio::join!(act, commit);
    let (message, _) = store.held_message(id).await.unwrap()?;
    Some((message.state, message.expires_at))
}

on_each_database! {
    async fn what_is_parked_again_meanwhile_is_neither_evicted_nor_expired(store: &Store) {
        let Backend::Postgres { .. } = store.backend() else { return };
        let kept = Some((HeldState::Parked, now() + hours(72)));
        let past = now() - hours(1);
        for (n, state) in [(1, HeldState::Rejected), (2, HeldState::Parked)] {
            let due = ToHold { state, expires_at: past, ..ToHold::default() };
            let time_passes = async { assert_eq!(expire(store, now()).await, Expired::default(), "{state:?}") };
            assert_eq!(left_when_parked_meanwhile(store, n, due, time_passes.boxed()).await, kept, "{state:?}");
        }
        let too_many = async {
            let mut batch = store.begin_batch().await.unwrap();
            let most = LedgerUsage { items: 0, bytes: 0 };
            batch.evict_rejected(&["ci"], most).await.unwrap();
            batch.commit().await.unwrap();
        };
        assert_eq!(left_when_parked_meanwhile(store, 3, rejected(), too_many.boxed()).await, kept);
    }
}

on_each_database! {
    async fn a_parked_submission_past_its_time_says_so_and_waits_no_more(store: &Store) {
        let repository_id = stored_repository(store, "try").await;
        let full = revision('a');
        let revision = Some(full.as_str());
        let late = ToHold { repository_id, revision, expires_at: now(), ..ToHold::default() };
        let id = hold(store, 1, late).await;
        assert_eq!(store.waiting_for_push(repository_id, full.as_str(), 0, 10).await.unwrap().len(), 1);
        expire(store, now()).await;
        assert_eq!(store.held_message(id).await.unwrap().unwrap().0.state, HeldState::Parked);
        expire(store, now() + hours(1)).await;
        let (message, raw) = store.held_message(id).await.unwrap().unwrap();
        assert_eq!(message.state, HeldState::Expired);
        assert_eq!(message.violations[0].rule, "parked_expired");
        assert_eq!(raw, [1; 10]);
        assert_eq!(store.waiting_for_push(repository_id, full.as_str(), 0, 10).await.unwrap(), []);
    }
}

on_each_database! {
    async fn supersedings_of_jobs_that_never_came_are_forgotten(store: &Store) {
        let past = now().timestamp_micros() - 1;
        execute(store, &format!("INSERT INTO pending_supersedes VALUES (1, 'a', 'b', {past})")).await;
        execute(store, &format!("INSERT INTO pending_supersedes VALUES (1, 'c', 'b', {})", past + 2)).await;
        assert_eq!(expire(store, now()).await.supersedes, 1);
    }
}

on_each_database! {
    async fn a_push_releases_what_waits_for_it_in_order_by_name_or_prefix(store: &Store) {
        let repository_id = stored_repository(store, "try").await;
        let elsewhere = stored_repository(store, "autoland").await;
        let full = "a".repeat(40);
        let mut expected = Vec::new();
        let mut n = 0;
        for (repository_id, name, released) in [
            (repository_id, "a".repeat(12), true),
            (repository_id, full.clone(), true),
            (repository_id, "a".repeat(39), true),
            (repository_id, "a".repeat(11), false),
            (repository_id, "b".repeat(12), false),
            (elsewhere, full.clone(), false),
            (repository_id, full.clone(), true),
        ] {
            n += 1;
            let waiting = ToHold { repository_id, revision: Some(&name), ..ToHold::default() };
            let id = hold(store, n, waiting).await;
            expected.extend(released.then_some(id));
        }
        let ids = async |after, limit| {
            let waiting = store.waiting_for_push(repository_id, &full, after, limit).await.unwrap();
            waiting.into_iter().map(|submission| submission.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(0, 10).await, expected);
        assert_eq!(ids(0, 3).await, expected[..3]);
        assert_eq!(ids(expected[2], 3).await, expected[3..]);
    }
}

on_each_database! {
    async fn the_sweep_finds_pushes_that_are_waited_for_though_they_are_there(store: &Store) {
        let repository_id = stored_repository(store, "try").await;
        let elsewhere = stored_repository(store, "autoland").await;
        for (n, name) in [(1, "a".repeat(40)), (2, "b".repeat(12)), (3, "c".repeat(11)), (4, "d".repeat(40))] {
            hold(store, n, ToHold { repository_id, revision: Some(&name), ..ToHold::default() }).await;
        }
        assert_eq!(store.parked_pushes_now_known().await.unwrap(), []);
        for digit in ['a', 'b', 'c'] {
            stored_push(store, repository_id, digit).await;
        }
        stored_push(store, elsewhere, 'd').await;
        let mut known = store.parked_pushes_now_known().await.unwrap();
        known.sort();
        assert_eq!(known, [(repository_id, "a".repeat(40)), (repository_id, "b".repeat(40))]);
    }
}

on_each_database! {
    async fn of_some_revisions_and_prefixes_those_are_found_whose_push_is_there(store: &Store) {
        let repository_id = stored_repository(store, "try").await;
        for digit in ['a', 'b', 'c', 'e'] {
            stored_push(store, repository_id, digit).await;
        }
        let possible =
            ["a".repeat(40), "b".repeat(12), "c".repeat(11), "d".repeat(40)].map(|name| (repository_id, name));
        let mut found = store.stored_pushes_among(&possible).await.unwrap();
        found.sort();
        assert_eq!(found, [(repository_id, "a".repeat(40)), (repository_id, "b".repeat(40))]);
    }
}

on_each_database! {
    async fn the_sweep_finds_jobs_that_artifacts_wait_for_though_they_are_there(store: &Store) {
        let parents = parents(store, "try").await;
        let repository_id = parents.repository_id;
        let waits = |guid| ToHold { repository_id, guid: Some(guid), waiting_for: Some("job"), ..ToHold::default() };
        let id = hold(store, 1, waits("here")).await;
        hold(store, 2, waits("not here")).await;
        hold(store, 3, ToHold { waiting_for: Some("push"), ..waits("here") }).await;
        assert_eq!(store.parked_jobs_now_known().await.unwrap(), []);
        job(parents, "here", 1).insert(&store.write_connection()).await.unwrap();
        assert_eq!(store.parked_jobs_now_known().await.unwrap(), [(repository_id, "here".to_owned())]);
        let waiting = store.waiting_for_job(repository_id, "here", 0, 10).await.unwrap();
        assert_eq!(waiting.iter().map(|submission| submission.id).collect::<Vec<_>>(), [id]);
        assert_eq!(waiting[0].raw, [1; 10]);
    }
}

on_each_database! {
    async fn held_messages_are_listed_newest_first_and_filtered(store: &Store) {
        let one = hold(store, 1, ToHold { guid: Some("g"), ..ToHold::default() }).await;
        let two = hold(store, 2, rejected()).await;
        let three = hold(store, 3, ToHold { guid: Some("g"), ..rejected() }).await;
        let all = HeldFilter::default;
        let text = |text: &str| Some(text.to_owned());
        for (filter, before, expected) in [
            (all(), None, vec![three, two, one]),
            (all(), Some(three), vec![two, one]),
            (HeldFilter { state: Some(HeldState::Parked), ..all() }, None, vec![one]),
            (HeldFilter { guid: text("g"), ..all() }, None, vec![three, one]),
            (HeldFilter { project: text("try"), source: text("ci"), ..all() }, None, vec![three, two, one]),
            (HeldFilter { project: text("autoland"), ..all() }, None, vec![]),
            (HeldFilter { source: text("other"), ..all() }, None, vec![]),
        ] {
            let found = store.held_messages(&filter, before, 10).await.unwrap();
            assert_eq!(found.iter().map(|message| message.id).collect::<Vec<_>>(), expected, "{filter:?}");
        }
        assert_eq!(store.held_messages(&all(), None, 1).await.unwrap().len(), 1);
        let again = store.held_submissions(&[three, one, 999]).await.unwrap();
        assert_eq!(again.iter().map(|submission| submission.id).collect::<Vec<_>>(), [one, three]);
    }
}

on_each_database! {
    async fn the_summary_counts_by_state_and_names_the_oldest(store: &Store) {
        assert_eq!(store.held_summary().await.unwrap(), []);
        hold(store, 1, ToHold::default()).await;
        hold(store, 2, ToHold::default()).await;
        hold(store, 3, rejected()).await;
        let summary = store.held_summary().await.unwrap();
        let counts: Vec<_> = summary.iter().map(|of| (of.state, of.items, of.oldest_received_at)).collect();
        assert_eq!(counts, [(HeldState::Parked, 2, now()), (HeldState::Rejected, 1, now())]);
    }
}
