//! Somebody who visits the console, signed in or not.

use crate::access::{IssuedSecrets, Keyring, Principal, Rights, WantedCredential};
use crate::core::{PushSubmission, Submission};
use crate::domain::{Door, Outcome, Push, RawFormat, Revision};
use crate::doors::http::console::{Console, routes};
use crate::doors::http::read::tests::world::{self, World};
use crate::formats;
use crate::telemetry::History;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use chrono::Utc;
use http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub struct Visit {
    pub world: World,
    pub keyring: Arc<Keyring>,
    pub stop: CancellationToken,
    router: Router,
}

pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub text: String,
}

/// A browser's cookie, and the secret that its forms carry.
pub struct SignedIn {
    pub cookie: String,
    pub csrf: String,
}

/// Runs a test on each kind of database.
pub async fn on_each_database<F: AsyncFn(Visit)>(test: F) {
    world::on_each_database(async |world| {
        let keyring = Arc::new(Keyring::parse(&Keyring::generate()).unwrap());
        let stop = CancellationToken::new();
        let gateway = world.gateway.clone();
        let console =
            Console::new(gateway, keyring.clone(), Arc::default(), History::empty(), None, stop.clone());
        test(Visit { world, keyring, stop, router: routes(console) }).await;
    })
    .await;
}

impl Visit {
    pub async fn ask(&self, request: Request) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.ask(Request::get(path).body(Body::empty()).unwrap()).await).await
    }

    /// The text of a page that is there.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.text
    }

    pub async fn page_as(&self, who: &SignedIn, path: &str) -> String {
        let request = Request::get(path).header(COOKIE, &who.cookie).body(Body::empty()).unwrap();
        Answer::of(self.ask(request).await).await.text
    }

    /// Sends a form with everything that the browser adds.
    pub async fn post(&self, who: &SignedIn, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: Vec<_> = [("csrf", who.csrf.as_str())].iter().chain(fields).copied().collect();
        self.post_raw(path, &fields, &[("cookie", &who.cookie), ("sec-fetch-site", "same-origin")]).await
    }

    pub async fn post_raw(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(self.ask(request.body(Body::from(body)).unwrap()).await).await
    }

    /// A new credential's token.
    pub async fn token(&self, client_id: &str, admin: bool, projects: &[&str]) -> String {
        let wanted = WantedCredential {
            client_id: client_id.into(),
            admin,
            projects: projects.iter().map(ToString::to_string).collect(),
            ..WantedCredential::default()
        };
        let secrets = IssuedSecrets::generate();
        let credential = wanted.issued(&secrets, &self.keyring, Utc::now()).unwrap();
        self.world.store.create_credential(&credential).await.unwrap();
        self.world.gateway.refresh_directory().await.unwrap();
        secrets.token.reveal().to_owned()
    }

    pub async fn sign_in(&self, token: &str) -> SignedIn {
        let answer = self.post_raw("/console/sign-in", &[("token", token)], &[]).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let cookie = answer.headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut who = SignedIn { cookie, csrf: String::new() };
        let page = self.page_as(&who, "/console/").await;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form with the secret");
        who.csrf = rest.split('"').next().unwrap().to_owned();
        who
    }

    pub async fn administrator(&self) -> SignedIn {
        let token = self.token("overseer", true, &[]).await;
        self.sign_in(&token).await
    }
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Self { status: parts.status.as_u16(), headers: parts.headers, text }
    }
}

impl Visit {
    /// Sends a Pulse job message, as the credential `tester` of every project; gives its verdict.
    pub async fn submit(&self, message: &Value) -> Outcome {
        let raw = Bytes::from(message.to_string());
        let decoded = formats::decode(RawFormat::PulseJson, &raw, None);
        let submission = Submission {
            door: Door::Pulse,
            received_at: Utc::now(),
            raw,
            format: RawFormat::PulseJson,
            request_project: None,
            content: decoded.content,
            warnings: decoded.warnings,
            held: None,
            context: None,
        };
        let principal = Principal { source: "tester".into(), rights: Rights::EveryProject };
        let verdicts = self.world.gateway.submit(&principal, vec![submission]).await.unwrap().await;
        verdicts.into_iter().next().unwrap().outcome
    }

    /// Sends a push of `quince` with this revision.
    pub async fn push(&self, revision: &str) {
        let push = Push {
            revision: Revision::try_new(revision).unwrap(),
            time: Utc::now(),
            author: "ada@example.org".into(),
            commits: vec![],
            omitted_commits: 0,
        };
        let submission =
            PushSubmission { raw: Bytes::new(), format: RawFormat::LegacyPushJson, push: Ok(push) };
        let principal = Principal { source: "tester".into(), rights: Rights::EveryProject };
        let pushed = self.world.gateway.submit_pushes(&principal, Door::Http, "quince", vec![submission]);
        assert!(matches!(pushed.await.unwrap()[0].outcome, Outcome::Stored(_)));
    }

    /// The page once it shows something, within 5 s.
    pub async fn page_with(&self, path: &str, shown: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let text = self.page(path).await;
            if text.contains(shown) {
                return text;
            }
            assert!(Instant::now() < deadline, "{shown} is not in {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A Pulse job message of `quince`.
pub fn message(guid: &str, revision: &str) -> Value {
    json!({
        "taskId": guid,
        "origin": {"project": "quince", "revision": revision},
        "buildSystem": "mill",
        "display": {"jobSymbol": "m", "groupSymbol": "G", "jobName": "grind-linux64/opt"},
        "state": "running",
        "jobKind": "other",
        "version": 1,
        "timeScheduled": "2026-09-21T14:14:00Z",
        "timeStarted": "2026-09-21T14:14:25Z",
    })
}
