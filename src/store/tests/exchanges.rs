use super::on_each_database;
use crate::domain::{ContentDigest, Registration, RegistrationOrigin};
use crate::formats::registration::RegistrationForm;
use crate::store::{Binding, RegistrationConflict, RegistrationSaved, Removal};
use chrono::{TimeDelta, Utc};

fn form(name: &str) -> RegistrationForm {
    RegistrationForm {
        name: Some(name.into()),
        exchange: format!("exchange/{name}"),
        destinations: vec!["treeherder".into()],
        projects: vec!["try".into(), "autoland".into()],
        may_write: vec!["try*".into()],
        ..RegistrationForm::default()
    }
}

fn registration(name: &str) -> Registration {
    form(name).check(RegistrationOrigin::Command).unwrap()
}

fn from_environment(name: &str) -> Registration {
    form(name).check(RegistrationOrigin::Environment).unwrap()
}

fn binding(routing_key: &str) -> Binding {
    Binding { exchange: "exchange/kiln".into(), routing_key: routing_key.into() }
}

on_each_database! {
    async fn a_registration_is_read_as_it_was_saved(store: &Store) {
        let before = store.directory_version().await.unwrap();
        assert_eq!(store.save_registration(&registration("kiln")).await.unwrap(), RegistrationSaved::Added);
        assert_eq!(store.registration("kiln").await.unwrap(), Some(registration("kiln")));
        let changed = Registration { projects: vec!["#".into()], ..registration("kiln") };
        assert_eq!(store.save_registration(&changed).await.unwrap(), RegistrationSaved::Changed);
        assert_eq!(store.registrations().await.unwrap(), [changed]);
        assert_eq!(store.directory_version().await.unwrap(), before + 2, "gateways notice each change");
    }
}

on_each_database! {
    async fn a_registration_keeps_its_queue(store: &Store) {
        store.save_registration(&registration("kiln")).await.unwrap();
        let quorum = RegistrationForm { queue_type: Some("quorum".into()), ..form("kiln") };
        let quorum = quorum.check(RegistrationOrigin::Command).unwrap();
        match store.save_registration(&quorum).await {
            Err(RegistrationConflict::OtherQueue { field: "queue_type", .. }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(store.registrations().await.unwrap(), [registration("kiln")]);
    }
}

on_each_database! {
    async fn what_was_never_bound_is_removed_at_once(store: &Store) {
        store.save_registration(&registration("kiln")).await.unwrap();
        assert_eq!(store.remove_registration("kiln", false).await.unwrap(), Removal::Gone);
        assert_eq!(store.remove_registration("kiln", false).await.unwrap(), Removal::Unknown);
        assert_eq!(store.registrations().await.unwrap(), []);
    }
}

on_each_database! {
    async fn what_was_bound_drains_and_can_be_taken_up_again(store: &Store) {
        let queue = ("kiln", "default", "queue/herd/kiln");
        store.save_registration(&registration("kiln")).await.unwrap();
        store.remember_bindings(queue, &[binding("a.b")]).await.unwrap();
        assert_eq!(store.remove_registration("kiln", false).await.unwrap(), Removal::Draining);
        assert!(store.registration("kiln").await.unwrap().unwrap().draining);
        store.save_registration(&registration("kiln")).await.unwrap();
        assert!(!store.registration("kiln").await.unwrap().unwrap().draining);
        store.forget_drained("kiln").await.unwrap();
        assert!(store.registration("kiln").await.unwrap().is_some(), "it is in use again");
        assert_eq!(store.remove_registration("kiln", true).await.unwrap(), Removal::Gone);
        assert_eq!(store.bindings("kiln", "queue/herd/kiln").await.unwrap(), []);
    }
}

on_each_database! {
    async fn the_environment_decides_about_its_own(store: &Store) {
        store.save_registration(&registration("by-hand")).await.unwrap();
        store.reconcile_registrations(&[from_environment("one"), from_environment("two")]).await.unwrap();
        for refused in [
            store.remove_registration("one", true).await.err(),
            store.save_registration(&registration("one")).await.err(),
        ] {
            assert!(matches!(refused, Some(RegistrationConflict::FromEnvironment(_))), "{refused:?}");
        }
        store.reconcile_registrations(&[from_environment("two"), from_environment("by-hand")]).await.unwrap();
        let known = store.registrations().await.unwrap();
        let names: Vec<_> = known.into_iter().map(|known| (known.name, known.origin)).collect();
        let environment = RegistrationOrigin::Environment;
        assert_eq!(names, [("by-hand".to_owned(), environment), ("two".to_owned(), environment)]);
    }
}

on_each_database! {
    async fn bindings_are_remembered_until_they_are_forgotten(store: &Store) {
        let (name, queue) = ("kiln", "queue/herd/kiln");
        for _ in 0..2 {
            let both = [binding("a.b"), binding("a.c")];
            store.remember_bindings((name, "default", queue), &both).await.unwrap();
        }
        store.remember_bindings((name, "default", "queue/herd/other"), &[binding("x")]).await.unwrap();
        store.forget_bindings(name, queue, &[binding("a.b")]).await.unwrap();
        assert_eq!(store.bindings(name, queue).await.unwrap(), [binding("a.c")]);
    }
}

on_each_database! {
    async fn attempts_are_counted_by_digest(store: &Store) {
        let (one, other) = (ContentDigest::of_bytes(b"one"), ContentDigest::of_bytes(b"other"));
        let now = Utc::now();
        assert_eq!(store.count_attempt(one, now).await.unwrap(), 1);
        assert_eq!(store.count_attempt(one, now).await.unwrap(), 2);
        assert_eq!(store.count_attempt(other, now - TimeDelta::days(8)).await.unwrap(), 1);
        assert_eq!(store.expire_attempts(now - TimeDelta::days(7)).await.unwrap(), 1);
        store.forget_attempts(one).await.unwrap();
        assert_eq!(store.count_attempt(one, now).await.unwrap(), 1);
    }
}
