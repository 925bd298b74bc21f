//! Signed requests at the layer, on a real database: what passes, and every attack that does not.

use super::*;
use crate::access::administration;
use crate::access::{HawkSecret, WantedCredential};
use crate::config::PublicUrl;
use crate::core::GatewayOptions;
use crate::store::testing::TestDatabase;
use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use axum::routing::any;
use bytes::Bytes;
use hawk::{Header, Key, PayloadHasher, RequestBuilder, ResponseBuilder, SHA256};
use http::header::{CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use std::time::{Duration, SystemTime};
use tower::ServiceExt;

const PATH: &str = "/api/project/quince-central/jobs/";
const BODY: &str = r#"[{"project":"quince-central"}]"#;
const FAILED: &str = "Hawk authentication failed";
const MALFORMED: &str = "Hawk authentication failed: The request header was malformed";
const EXPIRED: &str = "Hawk authentication failed: The token has expired. Is your system clock correct?";

/// The layer in front of a handler that tells who called and what it was sent.
struct Front {
    authentication: Authentication,
    database: TestDatabase,
}

impl Front {
    async fn on(database: TestDatabase) -> Self {
        let store = database.store().await;
        let gateway = Gateway::start(store.clone(), GatewayOptions::default()).await.unwrap();
        let authentication = Authentication {
            gateway,
            anonymous: None,
            keyring: Arc::new(Keyring::parse(&Keyring::generate()).unwrap()),
            nonces: NonceMemory::start(store),
            last_uses: LastUses::default(),
            http: Arc::default(),
        };
        Self { authentication, database }
    }

    async fn sqlite() -> Self {
        Self::on(TestDatabase::sqlite()).await
    }

    /// A second gateway on the same database.
    fn beside(&self) -> Authentication {
        let nonces = NonceMemory::start(self.authentication.gateway.store().clone());
        Authentication { nonces, ..self.authentication.clone() }
    }

    async fn credential(&self, client_id: &str) -> HawkSecret {
        let wanted = WantedCredential { client_id: client_id.into(), ..Default::default() };
        let Authentication { gateway, keyring, .. } = &self.authentication;
        let issued = administration::create(gateway.store(), keyring, wanted, Utc::now()).await.unwrap();
        gateway.refresh_directory().await.unwrap();
        issued.secrets.hawk
    }

    async fn send(&self, request: Sent) -> Answer {
        answer(&self.authentication, request).await
    }

    async fn close(self) {
        self.authentication.gateway.drain().await;
        self.authentication.gateway.store().close().await;
        self.database.remove().await;
    }
}

async fn answer(authentication: &Authentication, sent: Sent) -> Answer {
    let body = Body::from(sent.body.clone());
    answer_to_body(authentication, sent, body).await
}

async fn answer_to_body(authentication: &Authentication, sent: Sent, body: Body) -> Answer {
    let handler = any(async |Caller(caller): Caller, body: Bytes| {
        let source = caller.map_or_else(String::new, |principal| principal.source.to_string());
        (StatusCode::ACCEPTED, format!("{source}: {} bytes", body.len()))
    });
    let router = Router::new()
        .route(PATH, handler.clone())
        .route("/own", handler)
        .layer(from_fn_with_state(authentication.clone(), authenticate));
    let mut request = Request::builder().method(sent.method).uri(sent.target).header(HOST, sent.host);
    if let Some(header) = sent.authorization {
        request = request.header(AUTHORIZATION, header);
    }
    if !sent.body.is_empty() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let response = router.oneshot(request.body(body).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn assert_refused(&self, detail: &str) {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!((self.status, body["detail"].as_str()), (StatusCode::FORBIDDEN, Some(detail)), "{self:?}");
        assert_eq!(body["code"], "unauthenticated");
        assert!(self.headers[WWW_AUTHENTICATE].to_str().unwrap().starts_with("Hawk"));
        assert!(!self.headers.contains_key("server-authorization"));
    }

    fn assert_passed(&self, caller: &str) {
        assert_eq!(self.status, StatusCode::ACCEPTED, "{self:?}");
        assert!(self.body.starts_with(&format!("{caller}: ")), "{self:?}");
    }
}

/// What goes over the wire.
#[derive(Debug, Clone)]
struct Sent {
    method: Method,
    target: String,
    host: &'static str,
    authorization: Option<Vec<u8>>,
    body: Bytes,
}

/// Signs as a client does.
struct Signer<'a> {
    id: &'a str,
    secret: &'a HawkSecret,
    /// Added to the time.
    late: i64,
    nonce: String,
    with_hash: bool,
}

impl<'a> Signer<'a> {
    fn new(id: &'a str, secret: &'a HawkSecret) -> Self {
        Self { id, secret, late: 0, nonce: uuid::Uuid::new_v4().simple().to_string(), with_hash: true }
    }

    fn header(&self, method: &str, host: &str, target: &str, body: &str) -> Header {
        let content_type = if body.is_empty() { "" } else { "application/json" };
        let hash = PayloadHasher::hash(content_type, SHA256, body).unwrap();
        let request = RequestBuilder::new(method, host, 80, target);
        let request = if self.with_hash { request.hash(&hash[..]) } else { request }.request();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let ts = SystemTime::UNIX_EPOCH + Duration::from_secs(now.checked_add_signed(self.late).unwrap());
        let key = Key::new(self.secret.reveal(), SHA256).unwrap();
        let credentials = hawk::Credentials { id: self.id.into(), key };
        request.make_header_full(&credentials, ts, self.nonce.clone()).unwrap()
    }

    fn post(&self) -> Sent {
        self.request(Method::POST, BODY)
    }

    fn get(&self) -> Sent {
        self.request(Method::GET, "")
    }

    fn request(&self, method: Method, body: &'static str) -> Sent {
        let header = self.header(method.as_str(), "ingest.example.org", PATH, body);
        Sent {
            method,
            target: PATH.into(),
            host: "ingest.example.org",
            authorization: Some(format!("Hawk {header}").into_bytes()),
            body: Bytes::from_static(body.as_bytes()),
        }
    }
}

#[tokio::test]
async fn a_signed_request_reaches_its_handler_with_caller_and_body() {
    for database in TestDatabase::each().await {
        let front = Front::on(database).await;
        let secret = front.credential("ci").await;
        let answer = front.send(Signer::new("ci", &secret).post()).await;
        answer.assert_passed("ci");
        assert_eq!(answer.body, format!("ci: {} bytes", BODY.len()));
        front.send(Signer::new("ci", &secret).get()).await.assert_passed("ci");
        front.close().await;
    }
}

#[tokio::test]
async fn the_answer_is_signed_over_its_body_whatever_its_status() {
    let front = Front::sqlite().await;
    let secret = front.credential("ci").await;
    let signer = Signer::new("ci", &secret);
    let header = signer.header("POST", "ingest.example.org", "/nothing", BODY);
    let sent = Sent {
        target: "/nothing".into(),
        authorization: Some(format!("Hawk {header}").into_bytes()),
        ..signer.post()
    };
    let missing = front.send(sent).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let accepted = Signer::new("ci", &secret);
    let accepted_header = accepted.header("POST", "ingest.example.org", PATH, BODY);
    let sent =
        Sent { authorization: Some(format!("Hawk {accepted_header}").into_bytes()), ..accepted.post() };
    let accepted = front.send(sent).await;
    for (answer, header, path, content_type) in
        [(missing, header, "/nothing", ""), (accepted, accepted_header, PATH, "text/plain")]
    {
        let hash = PayloadHasher::hash(content_type, SHA256, &answer.body).unwrap();
        let response = ResponseBuilder::from_request_header(&header, "POST", "ingest.example.org", 80, path)
            .hash(&hash[..])
            .response();
        let given = answer.headers["server-authorization"].to_str().unwrap();
        let given: Header = given.strip_prefix("Hawk ").unwrap().parse().unwrap();
        assert!(response.validate_header(&given, &Key::new(secret.reveal(), SHA256).unwrap()), "{path}");
    }
    front.close().await;
}

#[tokio::test]
async fn a_replayed_write_is_refused_at_every_gateway_of_the_database() {
    for database in TestDatabase::each().await {
        let front = Front::on(database).await;
        let secret = front.credential("ci").await;
        let sent = Signer::new("ci", &secret).post();
        front.send(sent.clone()).await.assert_passed("ci");
        front.send(sent.clone()).await.assert_refused(FAILED);
        answer(&front.beside(), sent).await.assert_refused(FAILED);
        front.close().await;
    }
}

#[tokio::test]
async fn a_replayed_read_is_refused() {
    let front = Front::sqlite().await;
    let secret = front.credential("ci").await;
    let sent = Signer::new("ci", &secret).get();
    front.send(sent.clone()).await.assert_passed("ci");
    front.send(sent).await.assert_refused(FAILED);
    front.close().await;
}

#[tokio::test]
async fn what_is_altered_on_the_way_is_refused() {
    let front = Front::sqlite().await;
    let secret = front.credential("ci").await;
    let sent = || Signer::new("ci", &secret).post();
    let without_hash = Signer { with_hash: false, ..Signer::new("ci", &secret) };
    for altered in [
        Sent { body: Bytes::from_static(b"[]"), ..sent() },
        Sent { body: Bytes::new(), ..sent() },
        Sent { target: format!("{PATH}?x=1"), ..sent() },
        Sent { target: PATH.replace("quince", "apple"), ..sent() },
        Sent { host: "other.example.org", ..sent() },
        Sent { host: "ingest.example.org:81", ..sent() },
        Sent { method: Method::PUT, ..sent() },
        without_hash.post(),
    ] {
        front.send(altered).await.assert_refused(FAILED);
    }
    without_hash.get();
    front.send(without_hash.get()).await.assert_passed("ci");
    front.close().await;
}

#[tokio::test]
async fn clocks_may_be_off_by_a_minute() {
    let front = Front::sqlite().await;
    let secret = front.credential("ci").await;
    for (late, passes) in [(-59, true), (59, true), (-61, false), (62, false), (-3600, false)] {
        let answer = front.send(Signer { late, ..Signer::new("ci", &secret) }.post()).await;
        if passes {
            answer.assert_passed("ci");
        } else {
            answer.assert_refused(EXPIRED);
            let challenge = answer.headers[WWW_AUTHENTICATE].to_str().unwrap();
            assert!(challenge.contains("ts=\"") && challenge.contains("tsm=\""), "{challenge}");
        }
    }
    front.close().await;
}

#[tokio::test]
async fn a_body_may_come_for_longer_than_its_signature_is_good_for() {
    let front = Front::sqlite().await;
    let secret = front.credential("ci").await;
    let sent = Signer { late: -58, ..Signer::new("ci", &secret) }.post();
    let body = sent.body.clone();
    let slow = Body::from_stream(futures::stream::once(async move {
        tokio::time::sleep(Duration::from_secs(4)).await;
        Ok::<_, std::io::Error>(body)
    }));
    let again = sent.clone();
    answer_to_body(&front.authentication, sent, slow).await.assert_passed("ci");
    front.send(again).await.assert_refused(FAILED);
    front.close().await;
}

#[tokio::test]
async fn ids_that_do_not_work_are_named() {
    let front = Front::sqlite().await;
    let secret = front.credential("ci").await;
    let stranger = HawkSecret::generate();
    let unknown = |id: &str| format!("No authorised credentials found with id {id}");
    front.send(Signer::new("stranger", &stranger).post()).await.assert_refused(&unknown("stranger"));
    front.send(Signer::new("ci", &stranger).post()).await.assert_refused(FAILED);

    let Authentication { gateway, keyring, .. } = &front.authentication;
    administration::rotate(gateway.store(), keyring, "ci").await.unwrap();
    gateway.refresh_directory().await.unwrap();
    front.send(Signer::new("ci", &secret).post()).await.assert_refused(FAILED);
    administration::revoke(gateway.store(), "ci").await.unwrap();
    gateway.refresh_directory().await.unwrap();
    front.send(Signer::new("ci", &secret).post()).await.assert_refused(&unknown("ci"));

    let now = Utc::now();
    let soon = Some(now + chrono::Duration::milliseconds(1));
    let wanted = WantedCredential { client_id: "short".into(), expires_at: soon, ..Default::default() };
    let short = administration::create(gateway.store(), keyring, wanted, now).await.unwrap();
    gateway.refresh_directory().await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    front.send(Signer::new("short", &short.secrets.hawk).post()).await.assert_refused(&unknown("short"));
    front.close().await;
}

#[tokio::test]
async fn headers_that_are_none_are_refused_and_foreign_schemes_are_anonymous() {
    let front = Front::sqlite().await;
    let secret = front.credential("ci").await;
    let with = |authorization: &[u8]| Sent {
        authorization: Some(authorization.to_vec()),
        ..Signer::new("ci", &secret).get()
    };
    for (header, detail) in [
        (&b"Hawk garbage"[..], MALFORMED),
        (b"Hawk \xff\xfe", MALFORMED),
        (b"Hawk id=\"ci\"", MALFORMED),
        (b"Hawk id=\"ci\", ts=\"x\", nonce=\"n\", mac=\"AAAA\"", MALFORMED),
        (b"Hawk id=\"ci\", ts=\"1\", nonce=\"n\", mac=\"AAAA\", evil=\"1\"", FAILED),
        (b"Hawk id=\"ci\", ts=\"1\", nonce=\"n\", mac=\"AAAA\"", FAILED),
        (b"Bearer", "the authorization header must be `Bearer <token>`"),
        (b"Bearer hgt_wrong", "the token is unknown or was revoked"),
    ] {
        front.send(with(header)).await.assert_refused(detail);
    }
    for header in [&b"Hawk"[..], b"hawk id=\"ci\"", b"Basic eDp5", b""] {
        front.send(with(header)).await.assert_passed("");
    }
    let own = Sent { target: "/own".into(), ..with(b"Hawk garbage") };
    assert_eq!(front.send(own).await.status, StatusCode::UNAUTHORIZED);
    front.close().await;
}

#[tokio::test]
async fn a_bearer_token_works_over_http_too() {
    let front = Front::sqlite().await;
    let Authentication { gateway, keyring, last_uses, .. } = &front.authentication;
    let wanted = WantedCredential { client_id: "ci".into(), ..Default::default() };
    let issued = administration::create(gateway.store(), keyring, wanted, Utc::now()).await.unwrap();
    gateway.refresh_directory().await.unwrap();
    let header = format!("Bearer {}", issued.secrets.token.reveal()).into_bytes();
    let sent = Sent { authorization: Some(header), ..Signer::new("ci", &issued.secrets.hawk).post() };
    let answer = front.send(sent).await;
    answer.assert_passed("ci");
    assert!(!answer.headers.contains_key("server-authorization"));
    last_uses.write(gateway.store()).await.unwrap();
    assert!(gateway.store().credentials().await.unwrap()[0].last_used_at.is_some());
    front.close().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_only_after_the_signature() {
    let front = Front::sqlite().await;
    let secret = front.credential("ci").await;
    let body = Bytes::from(vec![b' '; crate::limits::HTTP_BODY_BYTES + 1]);
    let sent = Sent { body: body.clone(), ..Signer::new("ci", &secret).post() };
    assert_eq!(front.send(sent).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let stranger = HawkSecret::generate();
    front.send(Sent { body, ..Signer::new("ci", &stranger).post() }).await.assert_refused(FAILED);
    front.close().await;
}

#[tokio::test]
async fn a_request_behind_the_public_url_is_checked_against_it() {
    let mut front = Front::sqlite().await;
    let secret = front.credential("ci").await;
    let public_url = Some(PublicUrl { is_https: false, host: "ingest.example.org".into(), port: 80 });
    front.authentication.http = Arc::new(Http { public_url, ..Http::default() });
    let sent = Sent { host: "gateway-3:8000", ..Signer::new("ci", &secret).post() };
    front.send(sent).await.assert_passed("ci");
    front.close().await;
}

#[tokio::test]
async fn while_the_database_is_away_a_signed_write_is_to_be_sent_again() {
    let front = Front::sqlite().await;
    let secret = front.credential("ci").await;
    front.authentication.gateway.store().close().await;
    let answer = front.send(Signer::new("ci", &secret).post()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert!(answer.headers.contains_key("retry-after"));
    front.send(Signer::new("ci", &secret).get()).await.assert_passed("ci");
}

#[tokio::test]
async fn the_caller_is_asked_for_by_handlers_that_write() {
    let router = Router::new()
        .route(PATH, any(async |Writer(principal): Writer| principal.source.to_string()))
        .route("/own", any(async |Writer(_): Writer| ()));
    for (path, status) in [(PATH, StatusCode::FORBIDDEN), ("/own", StatusCode::UNAUTHORIZED)] {
        let request = Request::post(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()[WWW_AUTHENTICATE]),
            (status, &"Hawk".parse().unwrap())
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["detail"], "Authentication credentials were not provided.");
    }
}
