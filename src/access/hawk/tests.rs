//! The vectors of the ingest contract's Appendix A, and every way to fail a check.

use super::*;
use crate::limits;

const SECRET: &str = "0f7e2c7a-5d0b-4a53-9a3e-6c9d4b1f2e88";
const JOBS: &str = "/api/project/quince-central/jobs/";
const BODY: &[u8] = br#"[{"project":"p"}]"#;
const A1: &str = "Hawk mac=\"AfdsI+oruYoRY2cZN0bdu6f49eq9hzL8QBNOzn4EM9c=\", \
                  hash=\"l3emPQ++ML8q8PRVK7oxbLaVUqJQfWWC7FtKuxH4yQY=\", id=\"kiln-ci\", \
                  ts=\"1533000000\", nonce=\"Ab3_x9\"";
const A3: &str = "Hawk mac=\"UtQUEvRZ6GFvyNFfWJtSS2weR6bM5QR0Z2+KldINBpY=\", \
                  hash=\"B0weSUXsMcb5UhL41FZbrUJCAotzSI3HawE1NPLRUz8=\", id=\"kiln-ci\", \
                  ts=\"1533000001\", nonce=\"Ab3_xA\"";

fn key() -> HawkKey {
    HawkKey::new(&HawkSecret::issued(SECRET.into())).unwrap()
}

fn post() -> Destination {
    Destination { method: "POST".into(), target: JOBS.into(), host: "ingest.example.org".into(), port: 443 }
}

fn get(target: &str) -> Destination {
    Destination { method: "GET".into(), target: target.into(), ..post() }
}

fn verify(header: &str, destination: Destination) -> Result<SignedRequest, HawkRefusal> {
    SignedRequest::verify(Attributes::parse(header.as_bytes())?, destination, key())
}

/// A header as a client of any kind makes it: the base string written out by hand.
fn signed(base: &str, attributes: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let key = hawk::Key::new(SECRET, hawk::SHA256).unwrap();
    format!("Hawk mac=\"{}\", {attributes}", STANDARD.encode(key.sign(base.as_bytes()).unwrap()))
}

#[test]
fn vector_a1_a_post_with_its_body() {
    let request = verify(A1, post()).unwrap();
    assert_eq!(request.verify_payload("application/json", BODY), Ok(()));
    assert_eq!(request.verify_clock(1_533_000_000), Ok(()));
}

#[test]
fn vector_a2_the_answer_to_it() {
    let header = verify(A1, post())
        .unwrap()
        .sign_response("application/json", Some(br#"{"message":"Job successfully updated"}"#));
    let expected = "Hawk mac=\"xju0bno0pk/+zogQCJO3zqpWGExvp5mOPK/DBDJwg54=\", \
                    hash=\"e7PKIurXlxkY30OhjuIMGC1U8iAW3fTVqfTft2+PzWc=\"";
    assert_eq!(header.as_deref(), Ok(expected));
}

#[test]
fn vector_a3_a_get_with_query_and_the_hash_of_nothing() {
    let request = verify(A3, get(&format!("{JOBS}?count=5&offset=0"))).unwrap();
    assert_eq!(request.verify_payload("", b""), Ok(()));
}

#[test]
fn vector_a4_plain_http_on_a_port() {
    let header = "Hawk mac=\"/BgFOcOw0QATXv0R5/gxYcd8HyeiIJAC4R9ULZoATwc=\", \
                  hash=\"B0weSUXsMcb5UhL41FZbrUJCAotzSI3HawE1NPLRUz8=\", id=\"kiln-ci\", \
                  ts=\"1533000002\", nonce=\"Ab3_xB\"";
    let destination = Destination { host: "localhost".into(), port: 8000, ..get("/api/repository/") };
    assert!(verify(header, destination).is_ok());
}

#[test]
fn vector_a5_the_gateways_time_under_the_clients_secret() {
    let header = signed(
        &format!("hawk.1.header\n1532999939\nn\nGET\n{JOBS}\ningest.example.org\n443\n\n\n"),
        "id=\"kiln-ci\", ts=\"1532999939\", nonce=\"n\"",
    );
    let refusal = verify(&header, get(JOBS)).unwrap().verify_clock(1_533_000_000).unwrap_err();
    assert_eq!(
        refusal.challenge(),
        "Hawk ts=\"1533000000\", tsm=\"FyZClzMjN/8y7JQzr5BqSL91UEou8Wd/RyOfJ9YQmLg=\""
    );
}

#[test]
fn host_and_method_are_compared_without_regard_to_case() {
    let destination = Destination { method: "post".into(), host: "INGEST.Example.org".into(), ..post() };
    assert!(verify(A1, destination).is_ok());
}

#[test]
fn a_request_that_went_elsewhere_is_refused() {
    for destination in [
        Destination { target: "/api/project/other/jobs/".into(), ..post() },
        Destination { target: format!("{JOBS}?x=1"), ..post() },
        Destination { host: "ingest.example.com".into(), ..post() },
        Destination { port: 80, ..post() },
        Destination { method: "PUT".into(), ..post() },
    ] {
        assert_eq!(verify(A1, destination.clone()).err(), Some(HawkRefusal::Failed), "{destination:?}");
    }
}

#[test]
fn an_altered_attribute_or_another_secret_is_refused() {
    for (from, to) in [
        ("1533000000", "1533000001"),
        ("Ab3_x9", "Ab3_x8"),
        ("hash=\"l3", "hash=\"m3"),
        ("mac=\"Af", "mac=\"Ag"),
        ("nonce=", "ext=\"e\", nonce="),
        ("nonce=", "app=\"a\", nonce="),
    ] {
        assert_eq!(verify(&A1.replace(from, to), post()).err(), Some(HawkRefusal::Failed), "{to}");
    }
    let other = HawkKey::new(&HawkSecret::generate()).unwrap();
    let verified = SignedRequest::verify(Attributes::parse(A1.as_bytes()).unwrap(), post(), other);
    assert_eq!(verified.err(), Some(HawkRefusal::Failed));
}

#[test]
fn the_payload_is_body_and_media_type() {
    let request = verify(A1, post()).unwrap();
    for (content_type, body, fits) in [
        ("application/json", BODY, true),
        ("Application/JSON; charset=utf-8", BODY, true),
        ("text/plain", BODY, false),
        ("", BODY, false),
        ("application/json", b"[]", false),
        ("application/json", b"", false),
    ] {
        let expected = if fits { Ok(()) } else { Err(HawkRefusal::Failed) };
        assert_eq!(request.verify_payload(content_type, body), expected, "{content_type}");
    }
}

#[test]
fn the_hash_may_be_missing_only_without_a_body() {
    let header = signed(
        &format!("hawk.1.header\n1\nn\nGET\n{JOBS}\ningest.example.org\n443\n\n\n"),
        "id=\"kiln-ci\", ts=\"1\", nonce=\"n\"",
    );
    let request = verify(&header, get(JOBS)).unwrap();
    assert_eq!(request.verify_payload("", b""), Ok(()));
    assert_eq!(request.verify_payload("", b"x"), Err(HawkRefusal::Failed));
}

#[test]
fn clocks_may_differ_by_60_seconds_either_way() {
    let request = verify(A1, post()).unwrap();
    let skew = limits::HAWK_SKEW.as_secs();
    for (difference, passes) in [(0, true), (skew - 1, true), (skew, true), (skew + 1, false)] {
        for now in [1_533_000_000 - difference, 1_533_000_000 + difference] {
            assert_eq!(request.verify_clock(now).is_ok(), passes, "{now}");
        }
    }
    assert_eq!(skew, 60);
}

#[test]
fn ext_app_and_dlg_are_under_the_mac_with_their_escapes() {
    for (lines, attributes) in [
        ("e\\\\x\n", "ext=\"e\\x\""),
        ("\nmy-app\n\n", "app=\"my-app\""),
        ("e\nmy-app\nother\n", "ext=\"e\", app=\"my-app\", dlg=\"other\""),
        // Without `app`, `dlg` is no part of the text.
        ("\n", "dlg=\"other\""),
    ] {
        let header = signed(
            &format!("hawk.1.header\n1\nn\nGET\n{JOBS}\ningest.example.org\n443\n\n{lines}"),
            &format!("id=\"kiln-ci\", ts=\"1\", nonce=\"n\", {attributes}"),
        );
        assert!(verify(&header, get(JOBS)).is_ok(), "{attributes}");
    }
}

#[test]
fn the_answer_is_signed_with_app_and_without_the_ext_of_the_request() {
    let header = signed(
        &format!("hawk.1.header\n1\nn\nGET\n{JOBS}\ningest.example.org\n443\n\ne\nmy-app\n\n"),
        "id=\"kiln-ci\", ts=\"1\", nonce=\"n\", ext=\"e\", app=\"my-app\"",
    );
    let answer = verify(&header, get(JOBS)).unwrap().sign_response("", None).unwrap();
    let expected =
        signed(&format!("hawk.1.response\n1\nn\nGET\n{JOBS}\ningest.example.org\n443\n\n\nmy-app\n\n"), "");
    assert_eq!(format!("{answer}, "), expected);
}

#[test]
fn nothing_that_knows_the_secret_prints_it() {
    let request = verify(A1, post()).unwrap();
    assert!(!format!("{request:?}").contains(SECRET));
}

#[test]
fn refusals_use_the_words_of_the_contract() {
    let clock = HawkRefusal::Clock { now: 1, tsm: "x".into() };
    for (refusal, text) in [
        (HawkRefusal::Failed, "Hawk authentication failed"),
        (HawkRefusal::Malformed, "Hawk authentication failed: The request header was malformed"),
        (HawkRefusal::UnknownId("x-1".into()), "No authorised credentials found with id x-1"),
        (clock, "Hawk authentication failed: The token has expired. Is your system clock correct?"),
    ] {
        assert_eq!(refusal.to_string(), text);
    }
}
