//! Credentials: made, changed and ended by the command line, on the database and through a gateway, and
//! what they open.

use crate::harness::command::{Ran, SECRET_KEY, herdgate_on, run};
use crate::harness::gateway::Bearer;
use crate::harness::signed::{HttpRequest, Signer, send};
use crate::harness::{Database, Gateway, eventually};
use serde_json::Value;
use std::time::Duration;

/// Gateways notice changes within 2 s; the machine may be busy.
const NOTICED: Duration = Duration::from_secs(20);
/// A path that legacy clients know.
const PATH: &str = "/api/project/quince-central/jobs/";

on_both_databases!(
    a_credential_lives_from_create_to_revoke_on_the_database_and_through_a_gateway,
    signed_requests_and_every_attack_on_them,
    a_key_is_replaced_without_any_client_noticing,
);

/// `herdgate credential ...`, on the database or through a gateway.
async fn credential(database: &Database, server: Option<&Gateway>, arguments: &[&str]) -> Ran {
    let mut command = herdgate_on(database);
    command.arg("credential").args(arguments);
    if let Some(gateway) = server {
        command.args(["--server", &gateway.address(), "--token", &gateway.token]);
    }
    run(&mut command).await
}

async fn listed(database: &Database, client_id: &str) -> Value {
    let all = credential(database, None, &["list", "--json"]).await.json();
    let found = all.as_array().unwrap().iter().find(|one| one["client_id"] == client_id);
    found.unwrap_or_else(|| panic!("{client_id}: {all}")).clone()
}

fn secret(shown: &Value) -> String {
    shown["hawk_secret"].as_str().unwrap().to_owned()
}

/// Waits until a signed read passes, or does not.
async fn reads(gateway: &Gateway, signer: &Signer, expected: bool) {
    eventually("the gateway notices", NOTICED, async || {
        let answer = send(gateway, &signer.sign(gateway, "GET", "/healthz", "")).await;
        ((answer.status == 200) == expected).then_some(())
    })
    .await;
}

/// Waits until a token is taken, or is not.
async fn token_works(gateway: &Gateway, token: &str, expected: bool) {
    eventually("the gateway notices", NOTICED, async || {
        let request = herdgate::proto::ListRepositoriesRequest::default();
        let answer = gateway.admin_as(Bearer::token(token)).list_repositories(request).await;
        (answer.is_ok() == expected).then_some(())
    })
    .await;
}

async fn a_credential_lives_from_create_to_revoke_on_the_database_and_through_a_gateway(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    for (client_id, server) in [("direct", None), ("remote", Some(&gateway))] {
        let create = ["create", client_id, "--project", "quince-*", "--expires", "2999-01-31", "--json"];
        let created = credential(&database, server, &[&create[..], &["--description", "d"]].concat()).await;
        let created = created.json();
        assert_eq!(created["client_id"], client_id);
        let uuid = uuid::Uuid::parse_str(&secret(&created)).unwrap();
        assert_eq!(secret(&created), uuid.hyphenated().to_string());
        let (signer, token) = (Signer::new(client_id, &secret(&created)), created["token"].as_str().unwrap());
        reads(&gateway, &signer, true).await;
        token_works(&gateway, token, true).await;

        let shown = listed(&database, client_id).await;
        assert_eq!(shown["projects"], serde_json::json!(["quince-*"]));
        assert_eq!(
            (&shown["expires_at"], &shown["description"]),
            (&"2999-01-31T00:00:00Z".into(), &"d".into())
        );
        assert!(!shown.to_string().contains(&secret(&created)) && !shown.to_string().contains(token));

        let again = credential(&database, server, &["create", client_id]).await;
        assert_eq!(again.code, Some(1), "{again:?}");
        assert!(again.stderr.contains("is taken"), "{again:?}");

        let rotated = credential(&database, server, &["rotate", client_id, "--json"]).await.json();
        reads(&gateway, &Signer::new(client_id, &secret(&rotated)), true).await;
        reads(&gateway, &signer, false).await;
        token_works(&gateway, token, false).await;
        token_works(&gateway, rotated["token"].as_str().unwrap(), true).await;

        assert_eq!(credential(&database, server, &["revoke", client_id]).await.code, Some(0));
        reads(&gateway, &Signer::new(client_id, &secret(&rotated)), false).await;
        for arguments in [["revoke", client_id], ["rotate", client_id]] {
            let ended = credential(&database, server, &arguments).await;
            assert_eq!(ended.code, Some(1), "{ended:?}");
        }
        assert!(listed(&database, client_id).await["revoked_at"].is_string());
    }
    let mut gateway = gateway;
    gateway.ask_to_stop();
    gateway.stopped().await;
    assert!(
        listed(&database, "direct").await["last_used_at"].is_string(),
        "written at the latest at the end"
    );
}

async fn signed_requests_and_every_attack_on_them(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let created =
        credential(&database, Some(&gateway), &["create", "ci", "--project", "other", "--json"]).await;
    let secret = secret(&created.json());
    let signer = Signer::new("ci", &secret);
    let post = || signer.sign(&gateway, "POST", PATH, "[]");
    let failed = "Hawk authentication failed";
    let clock = "Hawk authentication failed: The token has expired. Is your system clock correct?";
    let malformed = "Hawk authentication failed: The request header was malformed";

    // What is signed well is not refused for its signature, whatever else is wrong with it; and the
    // answer is signed.
    let sent = post();
    let answer = send(&gateway, &sent).await;
    assert!(answer.status < 500 && !answer.body.contains(failed), "{answer:?}");
    assert!(answer.head.to_lowercase().contains("server-authorization: hawk mac="), "{answer:?}");

    let skewed = |ahead| Signer { ahead, ..signer.clone() }.sign(&gateway, "POST", PATH, "[]");
    let stranger = Signer::new("stranger", &secret).sign(&gateway, "POST", PATH, "[]");
    let with = |header: &str| HttpRequest { authorization: Some(header.into()), ..post() };
    let without_hash = |request: HttpRequest| {
        let header = request.authorization.as_deref().unwrap().split(", ");
        let header: Vec<_> = header.filter(|attribute| !attribute.starts_with("hash=")).collect();
        HttpRequest { authorization: Some(header.join(", ")), ..request.clone() }
    };
    let copied = post();
    send(&gateway, &HttpRequest { body: "[1]".into(), ..copied.clone() }).await;
    for (what, request, detail) in [
        ("replay", sent, failed),
        ("replay of what came with another body", copied, failed),
        ("altered body", HttpRequest { body: "[1]".into(), ..post() }, failed),
        ("altered path", HttpRequest { target: PATH.replace("quince", "apple"), ..post() }, failed),
        ("altered host", HttpRequest { host: "other.example.org".into(), ..post() }, failed),
        ("missing hash", without_hash(post()), failed),
        ("stale clock", skewed(-61), clock),
        ("future clock", skewed(62), clock),
        ("unknown id", stranger, "No authorised credentials found with id stranger"),
        ("garbage", with("Hawk garbage"), malformed),
        ("time that is none", with("Hawk id=\"ci\", ts=\"now\", nonce=\"n\", mac=\"AAAA\""), malformed),
    ] {
        let answer = send(&gateway, &request).await;
        assert_eq!((answer.status, &*answer.detail()), (403, detail), "{what}: {answer:?}");
        assert!(answer.head.to_lowercase().contains("www-authenticate: hawk"), "{what}: {answer:?}");
    }
    for ahead in [-58, 58] {
        let answer = send(&gateway, &skewed(ahead)).await;
        assert!(!answer.body.contains(failed), "{ahead}: {answer:?}");
    }
    assert_eq!(credential(&database, Some(&gateway), &["revoke", "ci"]).await.code, Some(0));
    let answer = send(&gateway, &post()).await;
    assert_eq!(answer.detail(), "No authorised credentials found with id ci");
    assert!(!gateway.output().contains(&secret), "a secret is logged");
}

async fn a_key_is_replaced_without_any_client_noticing(database: Database) {
    let mut gateway = Gateway::on(&database).start().await;
    let created = credential(&database, None, &["create", "ci", "--json"]).await.json();
    let signer = Signer::new("ci", &secret(&created));
    reads(&gateway, &signer, true).await;
    gateway.ask_to_stop();
    gateway.stopped().await;

    let new = format!("new:{}", "ab".repeat(32));
    // On SQLite the older key is that of the file.
    let both = if database.is_sqlite() { new.clone() } else { format!("{new},{SECRET_KEY}") };
    let mut rekey = herdgate_on(&database);
    let ran = run(rekey.args(["credential", "rekey"]).env("HERDGATE_SECRET_KEY", &both)).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("2 secrets"), "{ran:?}");

    let mut serve = herdgate_on(&database);
    let refused = run(serve.arg("serve").env("HERDGATE_LISTEN", "127.0.0.1:0")).await;
    assert_eq!(refused.code, Some(64), "the old key opens nothing any more: {refused:?}");
    assert!(refused.stderr.contains("\"new\""), "{refused:?}");
    gateway.restart_with(&[("HERDGATE_SECRET_KEY", &new)]).await;
    reads(&gateway, &signer, true).await;
}

#[tokio::test]
async fn on_sqlite_the_key_is_a_file_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let database = Database::sqlite();
    credential(&database, None, &["create", "ci"]).await.done();
    let file = database.folder.path().join("herdgate.db.key");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::remove_file(&file).unwrap();
    let mut serve = herdgate_on(&database);
    let refused = run(serve.arg("serve").env("HERDGATE_LISTEN", "127.0.0.1:0")).await;
    assert_eq!(refused.code, Some(64), "{refused:?}");
    assert!(refused.stderr.contains("HERDGATE_SECRET_KEY"), "{refused:?}");
    assert!(!file.exists(), "no new key hides that the old one is gone");
}

#[tokio::test]
async fn on_postgresql_the_key_has_to_be_configured() {
    let Some(database) = Database::postgres().await else { return };
    run(herdgate_on(&database).arg("migrate")).await.done();
    for arguments in [&["serve"][..], &["credential", "create", "ci"]] {
        let mut command = herdgate_on(&database);
        let ran = run(command.args(arguments).env_remove("HERDGATE_SECRET_KEY")).await;
        assert_eq!(ran.code, Some(64), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains("HERDGATE_SECRET_KEY"), "{ran:?}");
    }
}

#[tokio::test]
async fn ids_of_the_gateway_itself_and_certificates_that_are_none_are_refused() {
    let database = Database::sqlite();
    let file = database.folder.path().join("client.pem");
    std::fs::write(&file, "no certificate").unwrap();
    let file = file.display().to_string();
    for arguments in [
        &["create", "demo"][..],
        &["create", "command-line"],
        &["create", "ci", "--expires", "soon"],
        &["create", "ci", "--expires", "2001-01-01"],
        &["create", "ci", "--certificate", &file],
    ] {
        let ran = credential(&database, None, arguments).await;
        assert_eq!(ran.code, Some(64), "{arguments:?}: {ran:?}");
    }
}
