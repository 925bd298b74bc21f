use super::fixtures::{now, repository, stored_repository};
use super::on_each_database;
use crate::access::SealedSecret;
use crate::domain::{Repository, Signature};
use crate::store::model::StoredCredential;
use crate::store::{Creation, ImportError, Imported, Nonce};
use std::collections::HashMap;

const SIGNATURE: Signature = Signature([7; 20]);

fn credential(client_id: &str, token: u8) -> StoredCredential {
    StoredCredential {
        client_id: client_id.into(),
        projects: vec!["mozilla-*".into(), "try".into()],
        admin: false,
        token_hash: [token; 32],
        hawk_secret: Some(SealedSecret::of_bytes(vec![token; 9])),
        description: "d".into(),
        certificate: Some([token; 32]),
        created_at: now(),
        expires_at: Some(now()),
        revoked_at: None,
        last_used_at: None,
    }
}

on_each_database! {
    async fn every_change_of_the_directory_moves_its_version(store: &Store) {
        let mut versions = vec![store.directory_version().await.unwrap()];
        stored_repository(store, "try").await;
        versions.push(store.directory_version().await.unwrap());
        store.create_credential(&credential("ci", 1)).await.unwrap();
        versions.push(store.directory_version().await.unwrap());
        store.revoke_credential("ci").await.unwrap();
        versions.push(store.directory_version().await.unwrap());
        store.set_tier(SIGNATURE, 3).await.unwrap();
        versions.push(store.directory_version().await.unwrap());
        store.clear_tier(SIGNATURE).await.unwrap();
        versions.push(store.directory_version().await.unwrap());
        store.import_repositories(&["[]"]).await.unwrap();
        versions.push(store.directory_version().await.unwrap());
        assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    }
}

on_each_database! {
    async fn a_client_id_is_taken_once_even_if_revoked(store: &Store) {
        let first = credential("ci", 1);
        assert_eq!(store.create_credential(&first).await.unwrap(), Creation::Created);
        let taken = store.create_credential(&credential("ci", 2)).await.unwrap();
        assert_eq!(taken, Creation::ClientIdTaken);
        assert_eq!(store.credentials().await.unwrap(), [first]);
        assert!(store.revoke_credential("ci").await.unwrap());
        assert!(!store.revoke_credential("ci").await.unwrap());
        assert!(!store.revoke_credential("other").await.unwrap());
        let taken = store.create_credential(&credential("ci", 3)).await.unwrap();
        assert_eq!(taken, Creation::ClientIdTaken);
        assert!(store.credentials().await.unwrap()[0].revoked_at.is_some());
    }
}

on_each_database! {
    async fn a_certificate_is_bound_to_one_working_credential(store: &Store) {
        store.create_credential(&credential("one", 1)).await.unwrap();
        let other = StoredCredential { token_hash: [2; 32], ..credential("other", 1) };
        assert_eq!(store.create_credential(&other).await.unwrap(), Creation::CertificateTaken);
        let without = StoredCredential { certificate: None, ..other.clone() };
        assert_eq!(store.create_credential(&without).await.unwrap(), Creation::Created);
        store.revoke_credential("one").await.unwrap();
        let third = StoredCredential { token_hash: [3; 32], ..credential("third", 1) };
        assert_eq!(store.create_credential(&third).await.unwrap(), Creation::Created);
    }
}

on_each_database! {
    async fn rotating_replaces_both_secrets_and_revoking_forgets_them(store: &Store) {
        store.create_credential(&credential("ci", 1)).await.unwrap();
        let sealed = SealedSecret::of_bytes(vec![8]);
        assert!(store.rotate_credential("ci", [9; 32], &sealed).await.unwrap());
        assert!(!store.rotate_credential("other", [9; 32], &sealed).await.unwrap());
        let stored = store.credentials().await.unwrap().remove(0);
        assert_eq!((stored.token_hash, stored.hawk_secret), ([9; 32], Some(sealed.clone())));
        store.revoke_credential("ci").await.unwrap();
        assert!(!store.rotate_credential("ci", [7; 32], &sealed).await.unwrap());
        assert_eq!(store.credentials().await.unwrap()[0].hawk_secret, None);
    }
}

on_each_database! {
    async fn a_secret_is_resealed_only_if_nobody_replaced_it_meanwhile(store: &Store) {
        store.create_credential(&credential("ci", 1)).await.unwrap();
        let old = store.credentials().await.unwrap()[0].hawk_secret.clone().unwrap();
        let (new, stale) = (SealedSecret::of_bytes(vec![5]), SealedSecret::of_bytes(vec![6]));
        let entry = |from: &SealedSecret| [("ci".to_owned(), from.clone(), new.clone())];
        assert_eq!(store.reseal_credentials(&entry(&stale)).await.unwrap(), 0);
        assert_eq!(store.reseal_credentials(&entry(&old)).await.unwrap(), 1);
        assert_eq!(store.credentials().await.unwrap()[0].hawk_secret, Some(new));
    }
}

on_each_database! {
    async fn the_last_use_never_moves_back(store: &Store) {
        store.create_credential(&credential("ci", 1)).await.unwrap();
        let used = async |time| {
            let uses = HashMap::from([("ci".to_owned(), time), ("absent".to_owned(), time)]);
            store.note_last_uses(&uses).await.unwrap();
            store.credentials().await.unwrap()[0].last_used_at
        };
        assert_eq!(used(now()).await, Some(now()));
        assert_eq!(used(now() - chrono::Duration::seconds(9)).await, Some(now()));
        let later = now() + chrono::Duration::seconds(9);
        assert_eq!(used(later).await, Some(later));
    }
}

on_each_database! {
    async fn a_nonce_is_new_until_it_is_forgotten(store: &Store) {
        let nonce = |text: &str| Nonce { client_id: "ci".into(), nonce: text.into(), ts: 1 };
        let remembered = async |texts: &[&str]| {
            let nonces: Vec<Nonce> = texts.iter().map(|text| nonce(text)).collect();
            let mut new: Vec<_> = store.remember_nonces(&nonces, now()).await.unwrap().into_iter().collect();
            new.sort_by(|one, other| one.nonce.cmp(&other.nonce));
            new.into_iter().map(|nonce| nonce.nonce).collect::<Vec<_>>()
        };
        assert_eq!(remembered(&["b", "a", "b"]).await, ["a", "b"]);
        assert_eq!(remembered(&["a", "c"]).await, ["c"]);
        assert_eq!(remembered(&["a"]).await, [""; 0]);
        assert_eq!(remembered(&[]).await, [""; 0]);
        store.forget_nonces(now()).await.unwrap();
        assert_eq!(remembered(&["a"]).await, [""; 0]);
        store.forget_nonces(now() + chrono::Duration::microseconds(1)).await.unwrap();
        assert_eq!(remembered(&["a"]).await, ["a"]);
    }
}

on_each_database! {
    async fn a_tier_is_set_changed_and_cleared(store: &Store) {
        store.set_tier(SIGNATURE, 2).await.unwrap();
        store.set_tier(SIGNATURE, 3).await.unwrap();
        assert_eq!(store.tiers().await.unwrap(), [(SIGNATURE, 3)]);
        assert!(store.clear_tier(SIGNATURE).await.unwrap());
        assert!(!store.clear_tier(SIGNATURE).await.unwrap());
    }
}

on_each_database! {
    async fn a_repository_of_the_same_name_is_changed_and_keeps_its_id(store: &Store) {
        let id = stored_repository(store, "try").await;
        let changed = Repository { group: Some("development".into()), active: false, ..repository("try") };
        let saved = store.save_repository(&changed).await.unwrap();
        assert_eq!(saved.id, id);
        assert_eq!(store.repositories().await.unwrap(), [Repository { id, ..changed }]);
    }
}

const GROUPS: &str =
    r#"[{"pk": 4, "model": "model.repositorygroup", "fields": {"name": "qa", "description": "q"}}]"#;
const REPOSITORIES: &str = r#"[
  {"pk": 9, "model": "model.repository", "fields": {"dvcs_type": "git", "name": "qa-tests",
   "url": "https://github.com/example/qa-tests", "branch": "master", "active_status": "active",
   "codebase": "qa", "repository_group": 4, "description": "d", "accepts_pull_requests": true}},
  {"pk": 3, "model": "model.repository", "fields": {"dvcs_type": "hg", "name": "old",
   "url": "", "active_status": "onhold", "codebase": "", "repository_group": 5, "description": ""}}
]"#;

on_each_database! {
    async fn a_fixture_is_imported_with_its_groups_and_may_come_again(store: &Store) {
        let expected = Imported { groups: 1, repositories: 2, without_known_group: 1 };
        assert_eq!(store.import_repositories(&[REPOSITORIES, GROUPS]).await.unwrap(), expected);
        let before = store.repositories().await.unwrap();
        assert_eq!((&*before[0].name.to_string(), before[0].active), ("old", false));
        assert_eq!(before[1].group.as_deref(), Some("qa"));
        assert_eq!(before[1].branch.as_deref(), Some("master"));
        assert_eq!((before[0].accepts_pull_requests, before[1].accepts_pull_requests), (false, true));
        // Without the groups at hand a repository keeps the one it has.
        store.import_repositories(&[REPOSITORIES]).await.unwrap();
        assert_eq!(store.repositories().await.unwrap(), before);
    }
}

on_each_database! {
    async fn a_fixture_with_one_bad_repository_changes_nothing(store: &Store) {
        let bad = REPOSITORIES.replace("\"old\"", "\"not a name\"");
        match store.import_repositories(&[&bad]).await {
            Err(ImportError::Repository { name, .. }) => assert_eq!(name, "not a name"),
            other => panic!("{other:?}"),
        }
        assert_eq!(store.repositories().await.unwrap(), []);
        assert!(matches!(store.import_repositories(&["{}"]).await, Err(ImportError::Form(_))));
    }
}

/// The real list, if it is at hand.
#[tokio::test]
async fn the_repository_list_of_the_corpus_is_imported() {
    let corpus = std::env::var("HERDGATE_CORPUS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus").into());
    let read = |name: &str| std::fs::read_to_string(format!("{corpus}/repositories/{name}"));
    let (Ok(groups), Ok(repositories)) = (read("repository_group.json"), read("repository.json")) else {
        eprintln!("skipped: no corpus at {corpus}");
        return;
    };
    let database = crate::store::testing::TestDatabase::sqlite();
    let store = database.store().await;
    let imported = store.import_repositories(&[&groups, &repositories]).await.unwrap();
    assert_eq!((imported.repositories, imported.without_known_group), (95, 0));
    let all = store.repositories().await.unwrap();
    let autoland = all.iter().find(|repository| repository.name.as_str() == "autoland").expect("autoland");
    assert!(autoland.active);
}
