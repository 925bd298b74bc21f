use super::fixtures::{commit, hours, now, push, revision, stored_push, stored_repository};
use super::on_each_database;
use crate::domain::{Commit, Push, Revision};
use crate::limits;
use crate::store::{PushChange, Store, StoreError};

async fn store_one(store: &Store, repository_id: i32, push: Push) -> (i64, PushChange) {
    let stored = store.store_push(repository_id, &push, now()).await.unwrap();
    (stored.id, stored.change)
}

fn numbered(n: usize) -> Revision {
    Revision::try_new(&format!("{n:040}")).unwrap()
}

on_each_database! {
    async fn a_push_sent_again_is_unchanged(store: &Store) {
        let repository = stored_repository(store, "try").await;
        let (id, change) = store_one(store, repository, push(revision('a'))).await;
        assert_eq!(change, PushChange::Created);
        assert_eq!(store_one(store, repository, push(revision('a'))).await, (id, PushChange::Unchanged));
    }
}

on_each_database! {
    async fn a_push_with_fewer_commits_loses_the_others(store: &Store) {
        let repository = stored_repository(store, "try").await;
        let commits = |digits: &str| digits.chars().map(|digit| commit(revision(digit))).collect::<Vec<_>>();
        let (id, _) = store_one(store, repository, Push { commits: commits("123"), ..push(revision('3')) }).await;
        let fewer = Push { commits: commits("23"), ..push(revision('3')) };
        assert_eq!(store_one(store, repository, fewer.clone()).await, (id, PushChange::Changed));
        let read = &store.pushes("try", None, None, 10).await.unwrap()[0];
        assert_eq!(read.commit_count, 2);
        assert_eq!(read.commits[0].0, revision('3').as_str());
        assert_eq!(store_one(store, repository, fewer).await, (id, PushChange::Unchanged));
    }
}

on_each_database! {
    async fn long_messages_of_commits_are_shown_in_part(store: &Store) {
        let repository = stored_repository(store, "try").await;
        let long = Commit { comments: "\u{e9}".repeat(limits::SHOWN_COMMENT + 1), ..commit(revision('a')) };
        store_one(store, repository, Push { commits: vec![long], ..push(revision('a')) }).await;
        let read = &store.pushes("try", None, None, 10).await.unwrap()[0];
        assert_eq!(read.commits[0].2.chars().count(), limits::SHOWN_COMMENT);
    }
}

on_each_database! {
    async fn author_and_time_follow_the_last_submission(store: &Store) {
        let repository = stored_repository(store, "try").await;
        store_one(store, repository, push(revision('a'))).await;
        let moved = Push { author: "other".into(), time: now() + hours(1), ..push(revision('a')) };
        assert_eq!(store_one(store, repository, moved).await.1, PushChange::Changed);
        let read = &store.pushes("try", None, None, 10).await.unwrap()[0];
        assert_eq!((&*read.author, read.time, read.commit_count), ("other", now() + hours(1), 1));
    }
}

on_each_database! {
    async fn the_same_revision_is_another_push_in_another_repository(store: &Store) {
        let one = stored_repository(store, "try").await;
        let other = stored_repository(store, "autoland").await;
        assert_ne!(stored_push(store, one, 'a').await, stored_push(store, other, 'a').await);
    }
}

on_each_database! {
    async fn a_push_shows_its_20_newest_commits_and_counts_all(store: &Store) {
        let repository = stored_repository(store, "try").await;
        // More than one statement inserts, and one revision comes twice.
        let mut commits: Vec<_> = (0..2500).map(|n| commit(numbered(n))).collect();
        commits.push(commit(numbered(7)));
        store_one(store, repository, Push { commits, ..push(numbered(2499)) }).await;
        let read = &store.pushes("try", None, None, 10).await.unwrap()[0];
        assert_eq!(read.commit_count, 2500);
        let shown: Vec<_> = read.commits.iter().map(|commit| commit.0.clone()).collect();
        let expected: Vec<_> = (2480..2500).rev().map(|n| numbered(n).to_string()).collect();
        assert_eq!(shown, expected);
    }
}

on_each_database! {
    async fn pushes_are_listed_newest_first_and_paged(store: &Store) {
        let repository = stored_repository(store, "try").await;
        for (digit, hour) in [('a', 1), ('b', 3), ('c', 2), ('d', 3)] {
            let push = Push { time: now() + hours(hour), ..push(revision(digit)) };
            store_one(store, repository, push).await;
        }
        let first = store.pushes("try", None, None, 2).await.unwrap();
        let position = (first[1].time.timestamp_micros(), first[1].id);
        let rest = store.pushes("try", None, Some(position), 10).await.unwrap();
        let digits: String = first.iter().chain(&rest).map(|push| &push.revision[..1]).collect();
        assert_eq!(digits, "dbca");
        assert_eq!(store.pushes("autoland", None, None, 10).await.unwrap(), []);
    }
}

on_each_database! {
    async fn a_push_is_found_by_its_revision_or_a_prefix_of_12(store: &Store) {
        let repository = stored_repository(store, "try").await;
        stored_push(store, repository, 'a').await;
        stored_push(store, repository, 'b').await;
        for (name, found) in [(40, 1), (39, 1), (12, 1), (11, 0)] {
            let pushes = store.pushes("try", Some(&"a".repeat(name)), None, 10).await.unwrap();
            assert_eq!(pushes.len(), found, "{name} characters");
        }
    }
}

on_each_database! {
    async fn a_push_of_an_unknown_repository_names_the_missing_row(store: &Store) {
        let result = store.store_push(77, &push(revision('a')), now()).await;
        assert!(matches!(result, Err(StoreError::ForeignKey(_))), "{result:?}");
    }
}

on_each_database! {
    async fn two_that_store_the_same_push_at_once_store_it_once(store: &Store) {
        let repository = stored_repository(store, "try").await;
        let (one, other) = tokio::join!(
            store_one(store, repository, push(revision('a'))),
            store_one(store, repository, push(revision('a')))
        );
        let mut changes = [one.1, other.1];
        changes.sort_by_key(|change| *change == PushChange::Unchanged);
        assert_eq!(one.0, other.0);
        assert_eq!(changes, [PushChange::Created, PushChange::Unchanged]);
    }
}
