use super::fixtures::{now, repository, stored_repository};
use super::on_each_database;
use crate::domain::{Repository, Signature};
use crate::store::model::StoredCredential;
use crate::store::{ImportError, Imported};

const SIGNATURE: Signature = Signature([7; 20]);

fn credential(client_id: &str, token: u8) -> StoredCredential {
    StoredCredential {
        client_id: client_id.into(),
        projects: vec!["mozilla-*".into(), "try".into()],
        admin: false,
        token_hash: [token; 32],
        created_at: now(),
        expires_at: Some(now()),
        revoked_at: None,
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
        assert!(store.create_credential(&first).await.unwrap());
        assert!(!store.create_credential(&credential("ci", 2)).await.unwrap());
        assert_eq!(store.credentials().await.unwrap(), [first]);
        assert!(store.revoke_credential("ci").await.unwrap());
        assert!(!store.revoke_credential("ci").await.unwrap());
        assert!(!store.revoke_credential("other").await.unwrap());
        assert!(!store.create_credential(&credential("ci", 3)).await.unwrap());
        assert!(store.credentials().await.unwrap()[0].revoked_at.is_some());
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
   "codebase": "qa", "repository_group": 4, "description": "d"}},
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
