//! The gRPC services and messages as one page of HTML, made of the comments in the protos.

use super::reference_page::{STYLE, code, escape, prose, row};
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
};
use std::collections::HashMap;
use std::fmt::Write;

const PACKAGE: &str = "herdgate.v1";

/// Numbers of members in descriptors, of which the paths of comments are made.
const MESSAGES: i32 = 4;
const ENUMS: i32 = 5;
const SERVICES: i32 = 6;
const PARTS: i32 = 2;
const NESTED_MESSAGES: i32 = 3;
const NESTED_ENUMS: i32 = 4;

/// The page of a descriptor set; empty but for its title if the bytes are none.
pub fn render(descriptors: &[u8]) -> String {
    let files = FileDescriptorSet::decode(descriptors).unwrap_or_default().file;
    let files: Vec<Commented<'_>> =
        files.iter().filter(|file| file.package() == PACKAGE).map(Commented::new).collect();
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Herdgate gRPC</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\
         <h1>Herdgate gRPC</h1><p>Package {}. Over HTTP: <a href=\"/api/docs\">the REST paths</a></p>",
        code(PACKAGE)
    );
    for file in &files {
        for (index, service) in file.file.service.iter().enumerate() {
            file.service(&mut page, service, index);
        }
    }
    page.push_str("<h2>Messages</h2>");
    for file in &files {
        for (index, message) in file.file.message_type.iter().enumerate() {
            file.message(&mut page, message, "", &[MESSAGES, number(index)]);
        }
    }
    page.push_str("<h2>Enums</h2>");
    for file in &files {
        for (index, words) in file.file.enum_type.iter().enumerate() {
            file.words(&mut page, words, "", &[ENUMS, number(index)]);
        }
    }
    page.push_str("</body></html>");
    page
}

/// A file with its comments by their paths.
struct Commented<'f> {
    file: &'f FileDescriptorProto,
    comments: HashMap<&'f [i32], &'f str>,
}

impl<'f> Commented<'f> {
    fn new(file: &'f FileDescriptorProto) -> Self {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let comments =
            locations.map(|location| (location.path.as_slice(), location.leading_comments())).collect();
        Self { file, comments }
    }

    fn comment(&self, path: &[i32]) -> String {
        prose(self.comments.get(path).copied().unwrap_or_default().trim())
    }

    fn service(&self, page: &mut String, service: &ServiceDescriptorProto, index: usize) {
        let path = [SERVICES, number(index)];
        let _ = write!(page, "<h2>{}</h2><p>{}</p>", escape(service.name()), self.comment(&path));
        for (index, method) in service.method.iter().enumerate() {
            let streamed = |is: bool| if is { "stream of " } else { "" };
            let _ = write!(
                page,
                "<h3>{}</h3><p>{}{} → {}{}</p><p>{}</p>",
                escape(method.name()),
                streamed(method.client_streaming()),
                reference(method.input_type()),
                streamed(method.server_streaming()),
                reference(method.output_type()),
                self.comment(&[&path[..], &[PARTS, number(index)]].concat()),
            );
        }
    }

    fn message(&self, page: &mut String, message: &DescriptorProto, within: &str, path: &[i32]) {
        let name = format!("{within}{}", message.name());
        heading(page, &name, &self.comment(path));
        if !message.field.is_empty() {
            page.push_str("<table><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>");
            for (index, field) in message.field.iter().enumerate() {
                let meaning = self.comment(&[path, &[PARTS, number(index)]].concat());
                row(page, &[code(field.name()), kind(field), meaning]);
            }
            page.push_str("</table>");
        }
        let within = format!("{name}.");
        for (index, nested) in message.nested_type.iter().enumerate() {
            self.message(page, nested, &within, &[path, &[NESTED_MESSAGES, number(index)]].concat());
        }
        for (index, words) in message.enum_type.iter().enumerate() {
            self.words(page, words, &within, &[path, &[NESTED_ENUMS, number(index)]].concat());
        }
    }

    fn words(&self, page: &mut String, words: &EnumDescriptorProto, within: &str, path: &[i32]) {
        heading(page, &format!("{within}{}", words.name()), &self.comment(path));
        page.push_str("<table><tr><th>Value</th><th>Number</th><th>Meaning</th></tr>");
        for (index, value) in words.value.iter().enumerate() {
            let meaning = self.comment(&[path, &[PARTS, number(index)]].concat());
            row(page, &[code(value.name()), value.number().to_string(), meaning]);
        }
        page.push_str("</table>");
    }
}

fn heading(page: &mut String, name: &str, comment: &str) {
    let _ = write!(page, "<h3 id=\"type-{0}\">{0}</h3><p>{comment}</p>", escape(name));
}

fn kind(field: &FieldDescriptorProto) -> String {
    let name = match field.r#type() {
        Type::Message | Type::Enum => reference(field.type_name()),
        scalar => escape(&scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase()),
    };
    match (field.label(), field.oneof_index) {
        (Label::Repeated, _) => format!("list of {name}"),
        (_, Some(_)) if !field.proto3_optional() => format!("{name} (one of several)"),
        _ => name,
    }
}

/// A type by its full name; ours are links.
fn reference(full_name: &str) -> String {
    let full_name = full_name.trim_start_matches('.');
    match full_name.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('.')) {
        Some(name) => format!("<a href=\"#type-{0}\">{0}</a>", escape(name)),
        None => code(full_name),
    }
}

fn number(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::DESCRIPTORS;

    #[test]
    fn the_page_shows_services_messages_and_words_with_their_comments() {
        let page = render(DESCRIPTORS);
        for expected in [
            "<h2>IngestService</h2>",
            "<h3>SubmitJobs</h3><p>stream of <a href=\"#type-SubmitJobsRequest\">",
            "<h3 id=\"type-Verdict\">Verdict</h3>",
            "<td><code>sequence</code></td><td>uint64</td><td>Any increasing number; the verdict repeats it.",
            "<td><code>OUTCOME_STORED</code></td><td>1</td>",
            "list of <a href=\"#type-FieldViolation\">FieldViolation</a>",
        ] {
            assert!(page.contains(expected), "{expected}");
        }
        assert!(!page.contains("<td></td></tr>"), "everything has a comment");
    }
}
