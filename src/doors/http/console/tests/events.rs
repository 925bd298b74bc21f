//! Events: pages hear of changes, and of those that came while they were away.

use super::visit::{Visit, message, on_each_database};
use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use futures::StreamExt;
use std::time::Duration;

const GUID: &str = "0f3a6d2e-8c41-4b7a-9d10-5e2b7c9a1f01/0";

/// A page's stream of events.
struct Stream {
    body: BodyDataStream,
    buffer: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Heard {
    word: String,
    id: String,
}

impl Stream {
    async fn open(visit: &Visit, path: &str, last_id: Option<&str>) -> Self {
        let mut request = Request::get(path);
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let response = visit.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), buffer: String::new() }
    }

    /// The next event; none if the stream ends, or nothing comes within 3 s.
    async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim_start_matches([':', ' ']).to_owned()).unwrap_or_default()
                };
                let heard = Heard { word: field("event"), id: field("id") };
                self.buffer = rest.to_owned();
                return Some(heard);
            }
            let bytes = tokio::time::timeout(Duration::from_secs(3), self.body.next()).await.ok()??.unwrap();
            self.buffer += &String::from_utf8_lossy(&bytes);
        }
    }

    async fn hears(&mut self, word: &str) -> String {
        let heard = self.next().await.unwrap_or_else(|| panic!("{word} does not come"));
        assert_eq!(heard.word, word);
        heard.id
    }
}

/// What a page says it listens to.
async fn address_of(visit: &Visit, page: &str) -> String {
    let text = visit.page(page).await;
    let (_, rest) = text.split_once("data-events=\"").expect("a live page");
    rest.split('"').next().unwrap().replace("&amp;", "&")
}

#[tokio::test]
async fn r2_a_page_hears_of_changes_since_it_was_read_and_since_its_last_event() {
    on_each_database(async |visit| {
        let address = address_of(&visit, &format!("/console/find?q={GUID}")).await;
        // Between the page and its stream.
        visit.submit(&message(GUID, &"a".repeat(40))).await;
        let mut stream = Stream::open(&visit, &address, None).await;
        stream.hears("ready").await;
        let id = stream.hears("jobs").await;
        drop(stream);

        // While the stream is broken; the address is the old one, the id says how far it came.
        let mut done = message(GUID, &"a".repeat(40));
        (done["state"], done["result"]) = ("completed".into(), "success".into());
        done["timeCompleted"] = "2026-09-21T14:20:00Z".into();
        let outcome = visit.submit(&done).await;
        assert!(matches!(outcome, crate::domain::Outcome::Stored(_)), "{outcome:?}");
        let mut stream = Stream::open(&visit, &address, Some(&id)).await;
        stream.hears("ready").await;
        let id = stream.hears("jobs").await;
        drop(stream);
        let mut stream = Stream::open(&visit, &address, Some(&id)).await;
        stream.hears("ready").await;
        assert_eq!(stream.next().await, None, "nothing is told twice");
    })
    .await;
}

#[tokio::test]
async fn a_page_hears_only_of_what_it_shows() {
    on_each_database(async |visit| {
        // A repository without jobs: a transaction of somebody else on the server may have others told late.
        let address = address_of(&visit, "/console/pushes/medlar").await;
        let mut stream = Stream::open(&visit, &address, None).await;
        stream.hears("ready").await;
        visit.submit(&message(GUID, &"a".repeat(40))).await;
        let heard = tokio::time::timeout(Duration::from_millis(1500), stream.next()).await;
        assert!(heard.is_err(), "{heard:?}");
    })
    .await;
}

#[tokio::test]
async fn a_cursor_of_another_database_makes_the_page_be_read_anew() {
    on_each_database(async |visit| {
        use crate::doors::watch_cursor::{DatabaseTag, encode};
        let elsewhere = encode(DatabaseTag::of("elsewhere"), Default::default(), chrono::Utc::now());
        let mut stream = Stream::open(&visit, "/console/events?project=quince", Some(&elsewhere)).await;
        stream.hears("stale").await;
        assert_eq!(visit.get("/console/events?cursor=nonsense").await.status, 400);
    })
    .await;
}

#[tokio::test]
async fn streams_end_when_the_gateway_stops() {
    on_each_database(async |visit| {
        let mut stream = Stream::open(&visit, "/console/events?project=quince", None).await;
        stream.hears("ready").await;
        visit.stop.cancel();
        assert_eq!(stream.next().await, None);
    })
    .await;
}
