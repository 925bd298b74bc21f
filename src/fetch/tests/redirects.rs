//! Redirects are followed within bounds, and each is checked like the first URL.

use super::server::{Server, response};
use super::{FetchError, LIMITS, RequestHeaders, body, fetcher, get};
use crate::config::Secret;
use crate::limits;

#[tokio::test]
async fn redirects_are_followed_to_the_document() {
    let to = |target| response("302 Found", &[("Location", target)], b"elsewhere");
    let server = Server::start(vec![
        ("/a", to("/deep/b")),
        ("/deep/b", to("c?d=1")),
        ("/deep/c?d=1", response("200 OK", &[], b"found")),
    ])
    .await;
    assert_eq!(body(&server.url("/a"), LIMITS).await.unwrap(), b"found");
}

#[tokio::test]
async fn a_circle_of_redirects_is_left() {
    let server = Server::saying(response("301 Moved Permanently", &[("Location", "/again")], b"")).await;
    let error = get(&server.base).await.unwrap_err();
    assert_eq!(error, FetchError::TooManyRedirects(limits::FETCH_REDIRECTS));
    assert_eq!(server.requests().len(), limits::FETCH_REDIRECTS + 1);
}

#[tokio::test]
async fn a_redirect_to_what_may_not_be_asked_is_refused() {
    for target in [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "file:///etc/passwd",
        "http://user:pass@127.0.0.1/",
    ] {
        let server = Server::saying(response("302 Found", &[("Location", target)], b"")).await;
        let error = get(&server.base).await.unwrap_err();
        let refused = matches!(error, FetchError::RefusedAddress { .. } | FetchError::RefusedUrl(_));
        assert!(refused && !error.worth_retrying(), "{target}: {error}");
    }
}

#[tokio::test]
async fn a_redirect_without_a_target_is_damage() {
    let server = Server::saying(response("302 Found", &[], b"")).await;
    assert!(matches!(get(&server.base).await.unwrap_err(), FetchError::Damaged(_)));
}

#[tokio::test]
async fn a_token_is_not_sent_to_another_origin() {
    let other = Server::saying(response("200 OK", &[], b"")).await;
    let server =
        Server::saying(response("307 Temporary Redirect", &[("Location", other.base.as_str())], b"")).await;
    let headers = RequestHeaders { token: Some(Secret::new("s3cret".into())), ..Default::default() };
    fetcher().get(&server.base, &headers, LIMITS).await.unwrap();
    assert!(server.requests()[0].contains("s3cret"));
    assert!(!other.requests()[0].contains("s3cret"));
}
