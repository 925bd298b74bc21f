//! Details that a log prints for the dashboard (logs contract 5).

use super::parsed::Detail;
use html5gum::{Token, Tokenizer};
use regex::Regex;
use std::sync::LazyLock;

const MARKER: &str = "TinderboxPrint:";

#[expect(clippy::expect_used, reason = "a constant pattern, compiled by the tests")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

static UPLOADED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"^<a href=['"](https?://.+)['"]>(.+)</a>: uploaded"#));
static LINK: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"^(?:([A-Za-z/.0-9\-_ ]+): )?<a .*href=['"](https?://.+)['"].*>(.+)</a>"#));
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:([A-Za-z/.0-9\-_ ]+): )?(https?://.*)$"));

/// The detail of a line, if it has one: what follows the last marker in it.
pub fn detail(line: &str) -> Option<Detail> {
    let (_, payload) = line.rsplit_once(MARKER)?;
    let payload = payload.strip_prefix(' ').unwrap_or(payload);
    Some(link(payload).unwrap_or_else(|| raw_html(payload)))
}

/// Forms 1 to 3.
fn link(payload: &str) -> Option<Detail> {
    if let Some(found) = UPLOADED.captures(payload) {
        let title = Some("artifact uploaded".to_owned());
        return Some(Detail::Link { title, url: found[1].into(), value: found[2].into() });
    }
    if let Some(found) = LINK.captures(payload) {
        let title = found.get(1).map(|title| title.as_str().to_owned());
        return Some(Detail::Link { title, url: found[2].into(), value: found[3].into() });
    }
    let found = ADDRESS.captures(payload)?;
    let title = found.get(1).map(|title| title.as_str().to_owned());
    Some(Detail::Link { title, url: found[2].into(), value: found[2].into() })
}

/// Forms 4 to 6.
fn raw_html(payload: &str) -> Detail {
    if let Some((title, value)) = payload.split_once("<br/>") {
        return Detail::RawHtml { title: Some(title.into()), value: value.into(), url: None };
    }
    if payload.contains("href") && payload.contains("title") {
        return scanned(payload);
    }
    Detail::RawHtml { title: None, value: payload.into(), url: None }
}

/// The last `href`, `title` and text of a piece of HTML. A tag without one of the two leaves it as it
/// was, and no text is the empty one: the original fails the whole log for either.
fn scanned(payload: &str) -> Detail {
    let (mut title, mut url, mut value) = (None, None, String::new());
    let payload = payload.replace('\r', "");
    for token in Tokenizer::new(&payload) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let attribute = |name: &[u8]| {
                    tag.attributes.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
                };
                url = attribute(b"href").or(url);
                title = attribute(b"title").or(title);
            }
            Token::String(text) => value = String::from_utf8_lossy(&text).into_owned(),
            _ => {}
        }
    }
    Detail::RawHtml { title, value, url }
}
