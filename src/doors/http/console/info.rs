//! `Job Info`: what submitters have to say about a job, by its content type.

use crate::domain::ContentType;
use crate::store::model::StoredDetail;
use ammonia::Builder;
use maud::{Markup, PreEscaped, html};
use std::collections::HashSet;

/// One detail: text, a link, or HTML with everything taken out that could do something.
pub fn detail(detail: &StoredDetail) -> Markup {
    html! {
        tr {
            th scope="row" {
                @if let Some(title) = &detail.title { (title) } @else { span .faint { "untitled" } }
            }
            td { (value(detail)) }
        }
    }
}

fn value(detail: &StoredDetail) -> Markup {
    match (detail.content_type, detail.url.as_deref()) {
        (ContentType::RawHtml, _) => html! { div .raw-html { (sanitised(&detail.value)) } },
        (_, Some(url)) => link(url, &detail.value),
        (_, None) => html! { (detail.value) },
    }
}

/// A link to elsewhere, if it is one that browsers only follow; else its text.
pub fn link(url: &str, text: &str) -> Markup {
    let text = if text.is_empty() { url } else { text };
    if is_web(url) {
        html! { a .out href=(url) rel="noopener noreferrer nofollow" { (text) } }
    } else {
        html! { (text) " " span .faint { "(" (url) ")" } }
    }
}

fn is_web(url: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// HTML that can only be read: no scripts, styles, forms, images or frames, links to the web alone.
fn sanitised(html: &str) -> Markup {
    let tags = [
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "code",
        "dd",
        "del",
        "div",
        "dl",
        "dt",
        "em",
        "hr",
        "i",
        "ins",
        "kbd",
        "li",
        "ol",
        "p",
        "pre",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "u",
        "ul",
        "var",
    ];
    let mut builder = Builder::empty();
    builder
        .tags(HashSet::from(tags))
        .clean_content_tags(HashSet::from(["script", "style", "template", "noscript", "iframe"]))
        .add_tag_attributes("a", ["href"])
        .add_tag_attributes("abbr", ["title"])
        .url_schemes(HashSet::from(["http", "https"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"));
    // The only HTML of others that is not escaped: it was rebuilt from the lists above.
    PreEscaped(builder.clean(html).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_html_loses_its_fangs_and_keeps_its_text() {
        for (given, expected) in [
            (
                "<b>12</b> of <a href=\"https://ci.example/1\">13</a>",
                "<b>12</b> of <a href=\"https://ci.example/1\" rel=\"noopener noreferrer nofollow\">13</a>",
            ),
            ("a<script>alert(1)</script>b", "ab"),
            ("<img src=x onerror=alert(1)>seen", "seen"),
            ("<a href=\"javascript:alert(1)\">x</a>", "<a rel=\"noopener noreferrer nofollow\">x</a>"),
            ("<a href=\"/console/sign-out\">x</a>", "<a rel=\"noopener noreferrer nofollow\">x</a>"),
            ("<p style=\"position:fixed\" onclick=\"x()\" class=\"top\" id=\"main\">x</p>", "<p>x</p>"),
            ("<form action=\"/console/tiers\"><input name=x></form>y", "y"),
            ("<svg><script>alert(1)</script></svg>z", "z"),
            ("</td></table><b>out", "<b>out</b>"),
            ("<iframe src=\"//evil\">in</iframe>x", "x"),
        ] {
            assert_eq!(sanitised(given).into_string(), expected, "{given}");
        }
    }

    #[test]
    fn only_addresses_of_the_web_become_links() {
        for (url, is_link) in [
            ("https://a.example/", true),
            ("HTTP://a.example/", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("/console/", false),
            ("é", false),
        ] {
            assert_eq!(link(url, "t").into_string().contains("<a "), is_link, "{url}");
        }
    }
}
