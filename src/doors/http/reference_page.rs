//! The OpenAPI document as one page of HTML that needs nothing from elsewhere.

use serde_json::{Map, Value};
use std::fmt::Write;

pub(super) const STYLE: &str = "\
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
padding:0 1rem}h2{margin-top:2.5rem;border-bottom:1px solid #8886}h3{margin:2rem 0 .3rem}\
code,.path{font-family:ui-monospace,monospace;font-size:.92em}.method{text-transform:uppercase;\
font-weight:700;margin-right:.6rem}table{border-collapse:collapse;width:100%;margin:.4rem 0 1rem}\
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #8883}\
th{font-weight:600}td:first-child{white-space:nowrap}nav ul{columns:2;padding-left:1rem}a{color:inherit}";

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// The page of a document.
pub fn render(document: &Value) -> String {
    let title = escape(text(&document["info"], "title"));
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} API</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\
         <h1>{title} API {}</h1><p>{}</p><p>For programs: <a href=\"/api/openapi.json\">openapi.json</a>. Over gRPC: \
         <a href=\"/api/docs/grpc\">the services and messages</a></p>",
        escape(text(&document["info"], "version")),
        prose(text(&document["info"], "description")),
    );
    let paths = members(&document["paths"]);
    let operations: Vec<(&str, &str, &Value)> = paths
        .iter()
        .flat_map(|(path, item)| {
            METHODS.into_iter().filter_map(|method| Some((method, path.as_str(), item.get(method)?)))
        })
        .collect();
    index(&mut page, &operations);
    page.push_str("<h2>Calls</h2>");
    for (method, path, operation) in &operations {
        describe(&mut page, method, path, operation);
    }
    page.push_str("<h2>Types</h2>");
    for (name, schema) in members(&document["components"]["schemas"]) {
        let _ = write!(page, "<h3 id=\"type-{0}\">{0}</h3>", escape(name));
        describe_type(&mut page, schema);
    }
    page.push_str("</body></html>");
    page
}

fn index(page: &mut String, operations: &[(&str, &str, &Value)]) {
    page.push_str("<nav><ul>");
    for (method, path, _) in operations {
        let _ = write!(
            page,
            "<li><a href=\"#{}\"><span class=\"method\">{method}</span><code>{}</code></a></li>",
            anchor(method, path),
            escape(path)
        );
    }
    page.push_str("</ul></nav>");
}

fn describe(page: &mut String, method: &str, path: &str, operation: &Value) {
    let _ = write!(
        page,
        "<h3 id=\"{}\"><span class=\"method\">{method}</span><span class=\"path\">{}</span></h3><p>{}</p>",
        anchor(method, path),
        escape(path),
        prose(text(operation, "summary")),
    );
    if !text(operation, "description").is_empty() {
        let _ = write!(page, "<p>{}</p>", prose(text(operation, "description")));
    }
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !parameters.is_empty() {
        page.push_str("<table><tr><th>Parameter</th><th>In</th><th>Type</th><th>Meaning</th></tr>");
        for parameter in parameters {
            row(
                page,
                &[
                    code(text(parameter, "name")),
                    escape(text(parameter, "in")),
                    type_of(&parameter["schema"]),
                    prose(text(parameter, "description")),
                ],
            );
        }
        page.push_str("</table>");
    }
    if operation.get("requestBody").is_some() {
        let body = &operation["requestBody"];
        let _ = write!(page, "<p>Body: {} {}</p>", contents(body), prose(text(body, "description")));
    }
    page.push_str("<table><tr><th>Status</th><th>Body</th><th>Meaning</th></tr>");
    for (status, response) in members(&operation["responses"]) {
        row(page, &[code(status), contents(response), prose(text(response, "description"))]);
    }
    page.push_str("</table>");
}

fn describe_type(page: &mut String, schema: &Value) {
    if !text(schema, "description").is_empty() {
        let _ = write!(page, "<p>{}</p>", prose(text(schema, "description")));
    }
    let properties = members(&schema["properties"]);
    if properties.is_empty() {
        let _ = write!(page, "<p>{}</p>", type_of(schema));
        return;
    }
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    page.push_str("<table><tr><th>Member</th><th>Type</th><th>Meaning</th></tr>");
    for (name, property) in properties {
        let optional = if required.iter().any(|r| r == name.as_str()) { "" } else { " (optional)" };
        let kind = format!("{}{optional}", type_of(property));
        row(page, &[code(name), kind, prose(text(property, "description"))]);
    }
    page.push_str("</table>");
}

/// Media types with the types that they carry.
fn contents(holder: &Value) -> String {
    let listed = members(&holder["content"])
        .iter()
        .map(|(media_type, content)| format!("{} {}", code(media_type), type_of(&content["schema"])));
    listed.collect::<Vec<_>>().join(", ")
}

/// A schema in a few words; named ones are links.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("<a href=\"#type-{0}\">{0}</a>", escape(name));
    }
    for combination in ["oneOf", "anyOf", "allOf"] {
        if let Some(alternatives) = schema[combination].as_array() {
            return alternatives.iter().map(type_of).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().map(|word| code(word.as_str().unwrap_or(&word.to_string())));
        return words.collect::<Vec<_>>().join(", ");
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", type_of(&schema["items"])),
        Value::String(name) => escape(name),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str).map(escape);
            names.collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".into(),
    }
}

pub(super) fn row(page: &mut String, cells: &[String]) {
    page.push_str("<tr>");
    for cell in cells {
        let _ = write!(page, "<td>{cell}</td>");
    }
    page.push_str("</tr>");
}

fn anchor(method: &str, path: &str) -> String {
    let path: String = path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{method}{path}")
}

fn members(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// Prose with its code in backticks.
pub(super) fn prose(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            html.push_str(&code(part));
        } else {
            html.push_str(&escape(part));
        }
    }
    html
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_shows_calls_and_types_and_escapes_what_it_shows() {
        let document = json!({
            "info": { "title": "T", "version": "1", "description": "a <b>" },
            "paths": { "/a/{b}": { "get": {
                "summary": "Reads `b`",
                "parameters": [{ "name": "b", "in": "path", "schema": { "type": "string" } }],
                "responses": { "200": { "description": "fine", "content": {
                    "application/json": { "schema": { "type": "array", "items": { "$ref": "#/x/Thing" } } }
                } } },
            } } },
            "components": { "schemas": { "Thing": {
                "type": "object", "required": ["id"],
                "properties": { "id": { "type": "integer" }, "name": { "type": ["string", "null"] } },
            } } },
        });
        let page = render(&document);
        for expected in [
            "a &lt;b&gt;",
            "<span class=\"path\">/a/{b}</span>",
            "Reads <code>b</code>",
            "list of <a href=\"#type-Thing\">Thing</a>",
            "<h3 id=\"type-Thing\">Thing</h3>",
            "<td>string or null (optional)</td>",
            "<td>integer</td>",
        ] {
            assert!(page.contains(expected), "{expected} in {page}");
        }
    }
}
