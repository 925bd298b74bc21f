//! Signing in, and what may be changed by whom.

use super::visit::{SignedIn, Visit, message, on_each_database};
use http::header::{LOCATION, SET_COOKIE};
use sea_orm::ConnectionTrait;

const GUID: &str = "0f3a6d2e-8c41-4b7a-9d10-5e2b7c9a1f01/0";
const SIGNATURE: &str = "0123456789abcdef0123456789abcdef01234567";

#[tokio::test]
async fn a_token_opens_a_session_that_scripts_and_other_sites_cannot_use() {
    on_each_database(async |visit| {
        let token = visit.token("kiln-ci", false, &["quince"]).await;
        let answer = visit.post_raw("/console/sign-in", &[("token", &token)], &[]).await;
        assert_eq!((answer.status, &answer.headers[LOCATION]), (303, &"/console/".parse().unwrap()));
        let cookie = answer.headers[SET_COOKIE].to_str().unwrap();
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/console", "Max-Age=43200"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Secure"), "plain HTTP here: {cookie}");
        assert!(!cookie.contains(&token[4..]), "{cookie}");
        let who = visit.sign_in(&token).await;
        assert!(visit.page_as(&who, "/console/").await.contains("kiln-ci"));

        let out = visit.post(&who, "/console/sign-out", &[]).await;
        assert!(out.headers[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_token_opens_nothing() {
    on_each_database(async |visit| {
        for token in ["", "hgt_wrong", "<script>"] {
            let answer = visit.post_raw("/console/sign-in", &[("token", token)], &[]).await;
            assert_eq!(answer.status, 401);
            assert!(answer.headers.get(SET_COOKIE).is_none());
            assert!(answer.text.contains("No working credential has this token"), "{}", answer.text);
        }
        let token = visit.token("kiln-ci", false, &[]).await;
        let elsewhere = [("sec-fetch-site", "cross-site")];
        let answer = visit.post_raw("/console/sign-in", &[("token", &token)], &elsewhere).await;
        assert_eq!(answer.status, 403, "nobody is signed in from another site");
    })
    .await;
}

/// The status of an attempt to set a tier, and whether it was set.
async fn try_tier(visit: &Visit, who: &SignedIn, csrf: &str, site: &str) -> (u16, bool) {
    let fields = [("signature", SIGNATURE), ("tier", "2"), ("csrf", csrf)];
    let headers = [("cookie", who.cookie.as_str()), ("sec-fetch-site", site)];
    let status = visit.post_raw("/console/tiers", &fields, &headers).await.status;
    (status, !visit.world.store.tiers().await.unwrap().is_empty())
}

#[tokio::test]
async fn a_form_counts_only_from_our_own_page_of_the_same_session() {
    on_each_database(async |visit| {
        let who = visit.administrator().await;
        let nobody = SignedIn { cookie: String::new(), csrf: String::new() };
        assert_eq!(try_tier(&visit, &nobody, &who.csrf, "same-origin").await, (401, false));
        assert_eq!(try_tier(&visit, &who, "", "same-origin").await, (403, false));
        assert_eq!(try_tier(&visit, &who, &"0".repeat(32), "same-origin").await, (403, false));
        assert_eq!(try_tier(&visit, &who, &who.csrf, "cross-site").await, (403, false));
        let token = visit.token("overseer-2", true, &[]).await;
        let other = visit.sign_in(&token).await;
        assert_eq!(try_tier(&visit, &who, &other.csrf, "same-origin").await, (403, false));
        assert_eq!(try_tier(&visit, &who, &who.csrf, "same-origin").await, (303, true));
    })
    .await;
}

#[tokio::test]
async fn only_administrators_administer() {
    on_each_database(async |visit| {
        let token = visit.token("kiln-ci", false, &["*"]).await;
        let who = visit.sign_in(&token).await;
        for (path, fields) in [
            ("/console/tiers", &[("signature", SIGNATURE), ("tier", "2")][..]),
            ("/console/tiers/clear", &[("signature", SIGNATURE)]),
            ("/console/repositories", &[("name", "x"), ("url", "https://x.example"), ("dvcs_type", "git")]),
            ("/console/exchanges", &[("exchange", "exchange/x")]),
            ("/console/exchanges/remove", &[("name", "x")]),
            ("/console/credentials", &[("client_id", "x"), ("admin", "yes")]),
            ("/console/credentials/rotate", &[("client_id", "kiln-ci")]),
            ("/console/credentials/revoke", &[("client_id", "kiln-ci")]),
            ("/console/work/retry", &[("all", "yes")]),
        ] {
            let answer = visit.post(&who, path, fields).await;
            assert_eq!(answer.status, 403, "{path}");
            assert!(answer.text.contains("may not administer"), "{path}: {}", answer.text);
        }
        assert!(visit.page_as(&who, "/console/credentials").await.contains("For administrators"));
    })
    .await;
}

#[tokio::test]
async fn administrators_change_repositories_exchanges_and_tiers() {
    on_each_database(async |visit| {
        let who = visit.administrator().await;
        let repository = [
            ("name", "sloe"),
            ("url", "https://git.example.org/sloe"),
            ("dvcs_type", "git"),
            ("branch", "main"),
            ("active", "yes"),
        ];
        assert_eq!(visit.post(&who, "/console/repositories", &repository).await.status, 303);
        assert!(visit.page("/console/repositories").await.contains("https://git.example.org/sloe"));
        assert!(visit.page("/console/pushes").await.contains("sloe"), "the directory is looked at again");
        let wrong = [("name", "sloe"), ("url", ""), ("dvcs_type", "git")];
        let answer = visit.post(&who, "/console/repositories", &wrong).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains("repository.url: must not be empty"), "{}", answer.text);

        let exchange =
            [("exchange", "exchange/kiln/v1/jobs"), ("projects", "quince, damson"), ("kind", "jobs")];
        assert_eq!(visit.post(&who, "/console/exchanges", &exchange).await.status, 303);
        let again = visit.post(&who, "/console/exchanges", &exchange).await;
        assert_eq!((again.status, again.text.contains("tick to replace it")), (400, true), "{}", again.text);
        let replaced: Vec<_> = exchange.iter().chain(&[("replace", "yes")]).copied().collect();
        assert_eq!(visit.post(&who, "/console/exchanges", &replaced).await.status, 303);
        let shown = visit.page_as(&who, "/console/exchanges").await;
        assert!(shown.contains("kiln/v1/jobs") && shown.contains("quince, damson"), "{shown}");
        assert_eq!(
            visit.post(&who, "/console/exchanges/remove", &[("name", "kiln/v1/jobs")]).await.status,
            303
        );

        assert_eq!(
            visit.post(&who, "/console/tiers", &[("signature", "x"), ("tier", "2")]).await.status,
            400
        );
        let tier = [("signature", SIGNATURE), ("tier", "3")];
        assert_eq!(visit.post(&who, "/console/tiers", &tier).await.status, 303);
        assert!(visit.page("/console/tiers").await.contains(SIGNATURE));
        assert_eq!(visit.post(&who, "/console/tiers/clear", &[("signature", SIGNATURE)]).await.status, 303);
        assert!(!visit.page("/console/tiers").await.contains(SIGNATURE));
    })
    .await;
}

#[tokio::test]
async fn administrators_have_work_tried_again_that_was_given_up() {
    on_each_database(async |visit| {
        let store = &visit.world.store;
        let log = store.job("pruning-1").await.unwrap().unwrap().logs[0].id.to_string();
        let bury = format!(
            "UPDATE job_logs SET queue_priority = NULL, status = 2, attempts = 8, dead_at = 1, \
             last_error = 'it <never> answered' WHERE id = {log}"
        );
        store.write_connection().execute_unprepared(&bury).await.unwrap();
        let given_up = "/console/work?state=given_up";
        let text = visit.page(given_up).await;
        assert!(text.contains("as administrator to see it"), "{text}");
        assert!(!text.contains("never") && !text.contains("Try ticked now"), "nobody is signed in: {text}");

        let who = visit.administrator().await;
        let text = visit.page_as(&who, given_up).await;
        for shown in ["parse log", "it &lt;never&gt; answered", "Try ticked now"] {
            assert!(text.contains(shown), "{shown} is not in {text}");
        }
        for (ticked, refusal) in [(&[][..], "tick at least one"), (&[("parse_log", "x")], "must be numbers")]
        {
            let answer = visit.post(&who, "/console/work/retry", ticked).await;
            assert_eq!(answer.status, 400);
            assert!(answer.text.contains(refusal), "{}", answer.text);
        }
        let mut enqueued = visit.world.gateway.follow_up_enqueued();
        let answer = visit.post(&who, "/console/work/retry", &[("parse_log", &log)]).await;
        assert!(answer.text.contains("1 piece of work"), "{}", answer.text);
        assert!(enqueued.has_changed().unwrap(), "workers are woken");
        enqueued.mark_unchanged();
        assert!(visit.page_as(&who, given_up).await.contains("Nothing was given up"));
        assert!(visit.page_as(&who, "/console/work").await.contains("status pending"));

        store.write_connection().execute_unprepared(&bury).await.unwrap();
        let answer = visit.post(&who, "/console/work/retry", &[("all", "yes")]).await;
        assert!(answer.text.contains("1 piece of work"), "{}", answer.text);
    })
    .await;
}

#[tokio::test]
async fn work_is_listed_page_by_page() {
    on_each_database(async |visit| {
        let store = &visit.world.store;
        let job = store.job("pruning-1").await.unwrap().unwrap().job.id;
        let rows: Vec<String> = (0..=crate::limits::CONSOLE_ROWS)
            .map(|number| format!("({job}, 'builds-4h', 'https://logs.example.org/{number}.', 0, 1, 0, 0)"))
            .collect();
        let insert = format!(
            "INSERT INTO job_logs (job_id, name, url, status, queue_priority, attempts, created_at) VALUES {}",
            rows.join(", ")
        );
        store.write_connection().execute_unprepared(&insert).await.unwrap();
        let last = format!("https://logs.example.org/{}.", crate::limits::CONSOLE_ROWS);
        let who = visit.administrator().await;
        let first = visit.page_as(&who, "/console/work").await;
        assert!(!first.contains(&last) && first.contains("logs.example.org/0."), "{first}");
        let (_, rest) = first.split_once("href=\"/console/work?after=").expect("a link to further work");
        let further = format!("/console/work?after={}", rest.split('"').next().unwrap());
        let second = visit.page_as(&who, &further).await;
        assert!(second.contains(&last) && !second.contains("logs.example.org/0."), "{second}");
        assert_eq!(visit.get("/console/work?after=x").await.status, 400);
    })
    .await;
}

#[tokio::test]
async fn the_secrets_of_a_credential_are_shown_once() {
    on_each_database(async |visit| {
        let who = visit.administrator().await;
        let fields = [("client_id", "kiln-ci"), ("projects", "quince*"), ("days", "30")];
        let created = visit.post(&who, "/console/credentials", &fields).await;
        let (_, rest) = created.text.split_once("hgt_").expect("the token");
        let token = format!("hgt_{}", rest.split('<').next().unwrap());
        let listed = visit.page_as(&who, "/console/credentials").await;
        assert!(listed.contains("kiln-ci") && listed.contains("quince*"), "{listed}");
        assert!(!listed.contains(&token));
        let theirs = visit.sign_in(&token).await;

        assert_eq!(visit.post(&who, "/console/credentials", &fields).await.status, 409, "the name is taken");
        let rotated = visit.post(&who, "/console/credentials/rotate", &[("client_id", "kiln-ci")]).await;
        assert!(rotated.text.contains("hgt_") && !rotated.text.contains(&token));
        let page = visit.page_as(&theirs, "/console/").await;
        assert!(page.contains("href=\"/console/sign-in\""), "its sessions end with the token");
        assert_eq!(
            visit.post(&who, "/console/credentials/revoke", &[("client_id", "kiln-ci")]).await.status,
            303
        );
        assert!(visit.page_as(&who, "/console/credentials").await.contains("revoked"));
    })
    .await;
}

/// Number of the held message of [`GUID`], whose repository is not registered yet.
async fn rejected(visit: &Visit) -> String {
    let mut message = message(GUID, &"a".repeat(40));
    message["origin"]["project"] = "sloe".into();
    visit.submit(&message).await;
    let held = visit.world.store.held_of_guid_prefix(GUID, 1).await.unwrap();
    held[0].id.to_string()
}

#[tokio::test]
async fn a_rejected_message_is_replayed_and_says_what_became_of_it() {
    on_each_database(async |visit| {
        let id = rejected(&visit).await;
        let who = visit.administrator().await;
        let raw = visit.page_as(&who, &format!("/console/held/{id}")).await;
        assert!(raw.contains("&quot;jobSymbol&quot;: &quot;m&quot;"), "{raw}");
        let again = visit.post(&who, "/console/held/replay", &[("id", &id)]).await;
        assert!(again.text.contains("verdict-rejected"), "{}", again.text);
        let repository = [
            ("name", "sloe"),
            ("url", "https://hg.example.org/sloe"),
            ("dvcs_type", "hg"),
            ("active", "yes"),
        ];
        assert_eq!(visit.post(&who, "/console/repositories", &repository).await.status, 303);
        let again = visit.post(&who, "/console/held/replay", &[("id", &id)]).await;
        assert!(again.text.contains("verdict-parked"), "{}", again.text);
        assert!(visit.page(&format!("/console/find?q={GUID}")).await.contains("It waits for a push"));
    })
    .await;
}

#[tokio::test]
async fn held_messages_are_for_those_who_may_write_their_project() {
    on_each_database(async |visit| {
        let id = rejected(&visit).await;
        let token = visit.token("kiln-ci", false, &["quince"]).await;
        let stranger = visit.sign_in(&token).await;
        let page = visit.page_as(&stranger, &format!("/console/held/{id}")).await;
        assert!(page.contains("Your credential may not write this project"), "{page}");
        for path in ["/console/held/replay", "/console/held/discard"] {
            assert_eq!(visit.post(&stranger, path, &[("id", &id)]).await.status, 403, "{path}");
        }
        let who = visit.administrator().await;
        assert_eq!(visit.post(&who, "/console/held/discard", &[]).await.status, 400, "nothing is ticked");
        let gone = visit.post(&who, "/console/held/discard", &[("id", &id)]).await;
        assert!(gone.text.contains("1 of 1 messages are gone"), "{}", gone.text);
        assert_eq!(visit.get(&format!("/console/held/{id}")).await.status, 404);
    })
    .await;
}
