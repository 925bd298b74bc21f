//! What the status of an answer means.

use super::server::{Server, response};
use super::{FetchError, LIMITS, RequestHeaders, Url, fetcher, get};
use crate::config::Secret;
use std::time::Duration;

#[tokio::test]
async fn a_document_comes_with_its_etag_and_type() {
    let headers = [("ETag", "\"1\""), ("Content-Type", "text/plain")];
    let server = Server::saying(response("200 OK", &headers, b"hello")).await;
    let fetched = get(&server.base).await.unwrap();
    assert_eq!(
        (fetched.etag.as_deref(), fetched.content_type.as_deref()),
        (Some("\"1\""), Some("text/plain"))
    );
    assert!(!fetched.not_modified);
    assert_eq!(fetched.body.into_bytes().await.unwrap(), "hello");
}

#[tokio::test]
async fn what_is_as_it_was_is_not_sent_again() {
    let server = Server::saying(response("304 Not Modified", &[], b"")).await;
    let headers = RequestHeaders { etag: Some("\"1\"".into()), ..Default::default() };
    assert!(fetcher().get(&server.base, &headers, LIMITS).await.unwrap().not_modified);
    assert!(server.requests()[0].contains("if-none-match: \"1\"\r\n"));
}

#[tokio::test]
async fn a_token_goes_in_a_header() {
    let server = Server::saying(response("200 OK", &[], b"")).await;
    let headers = RequestHeaders { token: Some(Secret::new("s3cret".into())), ..Default::default() };
    fetcher().get(&server.base, &headers, LIMITS).await.unwrap();
    assert!(server.requests()[0].contains("authorization: bearer s3cret\r\n"));
}

#[tokio::test]
async fn only_403_and_404_are_final_unless_the_server_says_when_to_come_back() {
    for (status, headers, again, after) in [
        ("403 Forbidden", vec![], false, None),
        ("404 Not Found", vec![], false, None),
        ("403 Forbidden", vec![("Retry-After", "9")], true, Some(9)),
        ("429 Too Many Requests", vec![("Retry-After", "5")], true, Some(5)),
        ("500 Internal Server Error", vec![], true, None),
        ("503 Service Unavailable", vec![], true, None),
        ("410 Gone", vec![], true, None),
    ] {
        let server = Server::saying(response(status, &headers, b"secret page")).await;
        let error = get(&server.base).await.unwrap_err();
        assert_eq!(error.worth_retrying(), again, "{status}");
        assert_eq!(error.retry_after(), after.map(Duration::from_secs), "{status}");
        assert!(error.to_string().contains(&status[..3]), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_asked_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/secret-path", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let error = get(&url).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable(_)) && error.worth_retrying(), "{error}");
    assert!(!error.to_string().contains("secret-path"), "{error}");
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused_after_it_was_resolved() {
    let server = Server::saying(response("200 OK", &[], b"")).await;
    let mut url = server.base.clone();
    url.set_host(Some("localhost")).unwrap();
    let strict = super::Fetcher::new(super::FetchOptions::default()).unwrap();
    for url in [url, server.base.clone()] {
        let error = strict.get(&url, &RequestHeaders::default(), LIMITS).await.unwrap_err();
        assert!(matches!(error, FetchError::RefusedAddress { .. }) && !error.worth_retrying(), "{error}");
    }
    assert!(server.requests().is_empty());
}
