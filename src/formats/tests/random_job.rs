//! Random job documents that both encodings can express, and mutations that may break one rule.

use super::{Value, json};
use crate::limits;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Map;

fn word(limit: usize) -> BoxedStrategy<Value> {
    text_of("[A-Za-z0-9_-]", 1, limit)
}

fn any_text(least: usize, limit: usize) -> BoxedStrategy<Value> {
    prop_oneof![3 => text_of("[ -~]", least, limit), 1 => text_of("[ -~äß漢🧱\n]", least, limit)].boxed()
}

/// Often short, sometimes exactly as long as allowed.
fn text_of(class: &str, least: usize, limit: usize) -> BoxedStrategy<Value> {
    let of = |least: usize, most: usize| {
        let pattern = format!("{class}{{{least},{most}}}");
        proptest::string::string_regex(&pattern).expect("a pattern").prop_map(Value::from)
    };
    prop_oneof![8 => of(least, limit.min(12)), 1 => of(limit, limit)].boxed()
}

fn guid() -> BoxedStrategy<Value> {
    prop_oneof![
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/[0-9]{1,2}".prop_map(Value::from),
        text_of("[A-Za-z0-9/+-]", 1, limits::JOB_GUID),
    ]
    .boxed()
}

fn time() -> BoxedStrategy<Value> {
    let zone = select(vec!["", "Z", "+02:00", "-11:30", ".25Z", ".999999999"]);
    ("(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}", zone)
        .prop_map(|(time, zone)| Value::from(time + zone))
        .boxed()
}

fn url() -> BoxedStrategy<Value> {
    prop_oneof![
        "https://[a-z]{1,9}\\.example(/[A-Za-z0-9._~%2F-]{0,9}){0,3}".prop_filter_map("escapes", |url| {
            // A percent sign must be followed by two digits.
            (!url.contains('%')).then(|| Value::from(url))
        }),
        "https://a\\.example/perfherder-data-[a-z]{1,5}\\.json".prop_map(Value::from),
    ]
    .boxed()
}

fn integer(least: i64, most: i64) -> BoxedStrategy<Value> {
    prop_oneof![4 => least..=most.min(100), 1 => Just(most), 1 => Just(least)].prop_map(Value::from).boxed()
}

fn one_of(words: &[&'static str]) -> BoxedStrategy<Value> {
    select(words.to_vec()).prop_map(Value::from).boxed()
}

fn list(item: BoxedStrategy<Value>, most: usize) -> BoxedStrategy<Value> {
    prop::collection::vec(item, 0..=most).prop_map(Value::from).boxed()
}

/// An object of members that are there, or there half of the time if their name ends in `?`.
fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members: Vec<BoxedStrategy<Option<(&str, Value)>>> = members
        .into_iter()
        .map(|(name, value)| match name.strip_suffix('?') {
            Some(name) => prop::option::of(value.prop_map(move |value| (name, value))).boxed(),
            None => value.prop_map(move |value| Some((name, value))).boxed(),
        })
        .collect();
    members
        .prop_map(|members| {
            let members = members.into_iter().flatten();
            Value::Object(members.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
        })
        .boxed()
}

fn origin() -> BoxedStrategy<Value> {
    let kind = |kind: &'static str| Just(json!(kind)).boxed();
    let hexadecimal = || "[0-9a-f]{40}".prop_map(Value::from).boxed();
    let id = || integer(-5, limits::FOREIGN_ID);
    let project = || word(limits::PROJECT);
    prop_oneof![
        object(vec![("project", project()), ("revision", hexadecimal()), ("id?", id())]),
        object(vec![
            ("kind", kind("hg.mozilla.org")),
            ("project", project()),
            ("revision", hexadecimal()),
            ("pushLogID?", id()),
        ]),
        object(vec![
            ("kind", kind("github.com")),
            ("project", project()),
            ("revision", "[ -~ä]{40}".prop_map(Value::from).boxed()),
            ("pullRequestID?", id()),
            ("owner?", word(50)),
        ]),
    ]
    .boxed()
}

fn machine() -> BoxedStrategy<Value> {
    object(vec![
        ("name?", word(limits::MACHINE_NAME)),
        ("platform", word(limits::PLATFORM)),
        ("os", word(limits::OS)),
        ("architecture", word(limits::OS)),
    ])
}

fn log() -> BoxedStrategy<Value> {
    let name = prop_oneof![any_text(1, limits::LOG_NAME), Just(json!("buildbot_text"))].boxed();
    let error =
        object(vec![("line", any_text(1, limits::ERROR_LINE)), ("linenumber", integer(0, limits::ORDINAL))]);
    let step = object(vec![
        ("name", any_text(1, limits::STEP_NAME)),
        ("timeStarted", time()),
        ("timeFinished", time()),
        ("lineStarted", integer(0, limits::ORDINAL)),
        ("lineFinished", integer(0, limits::ORDINAL)),
        ("result", one_of(&["success", "fail", "exception", "canceled", "unknown"])),
        ("errors?", list(error, 2)),
    ]);
    object(vec![
        ("url", url()),
        ("name", name),
        ("steps?", list(step, 2)),
        ("errorsTruncated?", any::<bool>().prop_map(Value::from).boxed()),
    ])
}

fn link() -> BoxedStrategy<Value> {
    let text = prop_oneof![any_text(1, limits::DETAIL_VALUE), Just(json!("unit_errorsummary.log"))].boxed();
    object(vec![("url", url()), ("linkText", text), ("label", any_text(1, limits::DETAIL_TITLE))])
}

fn extra() -> BoxedStrategy<Value> {
    let artifact = object(vec![
        ("name", prop_oneof![word(limits::ARTIFACT_NAME), Just(json!("Job Info"))].boxed()),
        ("type", one_of(&["json", "text"])),
        ("blob", one_of(&["{}", "{\"job_details\": [{\"value\": \"x\"}]}", "no json"])),
    ]);
    object(vec![("artifacts?", list(artifact, 2)), ("other?", any_text(0, 9))])
}

/// A valid job.
pub(in crate::formats) fn valid() -> BoxedStrategy<Value> {
    let display = object(vec![
        ("jobSymbol", any_text(0, limits::SYMBOL)),
        ("chunkId?", integer(1, limits::ORDINAL)),
        ("chunkCount?", integer(1, limits::ORDINAL)),
        ("groupSymbol", any_text(1, limits::SYMBOL)),
        ("jobName", any_text(1, limits::JOB_NAME)),
        ("groupName?", any_text(1, limits::GROUP_NAME)),
    ]);
    let results = ["success", "fail", "exception", "canceled", "superseded", "unknown", "retry"];
    let superseded = text_of("[A-Za-z0-9_/+-]", 1, limits::JOB_GUID);
    let job_info = object(vec![("summary?", any_text(0, 200)), ("links?", list(link(), 3))]);
    object(vec![
        ("taskId", guid()),
        ("origin", origin()),
        ("buildSystem", word(limits::BUILD_SYSTEM)),
        ("display", display),
        ("state", one_of(&["unscheduled", "pending", "running", "completed"])),
        ("result?", one_of(&results)),
        ("jobKind", one_of(&["build", "test", "other"])),
        ("version", Just(json!(1)).boxed()),
        ("retryId?", integer(0, limits::ORDINAL)),
        ("isRetried?", any::<bool>().prop_map(Value::from).boxed()),
        ("tier?", integer(1, 3)),
        ("coalesced?", list(superseded, 3)),
        ("timeScheduled?", time()),
        ("timeStarted?", time()),
        ("timeCompleted?", time()),
        ("labels?", list(word(limits::LABEL), 3)),
        ("owner?", any_text(1, limits::OWNER)),
        ("reason?", any_text(1, limits::REASON)),
        ("productName?", any_text(1, limits::PRODUCT)),
        ("buildMachine?", machine()),
        ("runMachine?", machine()),
        ("jobInfo?", job_info),
        ("logs?", list(log(), 2)),
        ("extra?", prop_oneof![3 => Just(json!({})), 1 => extra()].boxed()),
    ])
}

/// One change to one value of a document. Most break a rule; what stays valid is worth a case too.
#[derive(Debug, Clone)]
pub(super) enum Mutation {
    Remove,
    Replace(Value),
    Append(&'static str),
    /// Repeats a text or a list until it is longer than anything allowed, or just over a limit.
    Lengthen(usize),
    /// Takes everything out of an object or a list.
    Empty,
    /// Puts a value of any JSON type in the place of `extra` or of a value in it: the one part of a job
    /// that travels in protobuf as JSON text, so the one where protobuf can be wrong about a type.
    Retype(Value),
}

pub(super) fn mutation() -> BoxedStrategy<Mutation> {
    let tails = ["\0", "\n", " ", "ä", "/", "_", "\u{85}", "%", "Z", "G", "🧱"];
    let lengths = [1, 25, 26, 41, 50, 51, 70, 71, 100, 101, 125, 126, 140, 141, 255, 256, 512, 513, 1001];
    let words =
        ["", "wrong", "retry", "yesterday", "https://", "a b", "hg.mozilla.org", "0000-00-00T00:00:00Z"];
    let (ordinal, foreign) = (limits::ORDINAL, limits::FOREIGN_ID);
    let numbers = [-1, 0, 1, 2, 4, 99, ordinal, ordinal + 1, foreign, foreign + 1, i64::MAX, i64::MIN];
    let types =
        [json!(null), json!(true), json!(7), json!(0.5), json!("x"), json!([]), json!([7]), json!({})];
    prop_oneof![
        1 => Just(Mutation::Empty),
        3 => select(types.to_vec()).prop_map(Mutation::Retype),
        2 => Just(Mutation::Remove),
        2 => select(tails.to_vec()).prop_map(Mutation::Append),
        3 => select(lengths.to_vec()).prop_map(Mutation::Lengthen),
        4 => select(words.to_vec()).prop_map(|word| Mutation::Replace(word.into())),
        3 => select(numbers.to_vec()).prop_map(|number| Mutation::Replace(number.into())),
        1 => Just(Mutation::Replace(json!(2.0))),
    ]
    .boxed()
}

impl Mutation {
    /// Changes the value that `choice` picks among all of the document's, if it is of a kind that the
    /// change is for.
    pub(super) fn apply(&self, document: &mut Value, choice: prop::sample::Index) {
        let mut pointers = Vec::new();
        collect(document, String::new(), &mut pointers);
        if let Self::Retype(new) = self {
            pointers.retain(|pointer| pointer.starts_with("/extra/"));
            // `extra` itself, which may be missing, is one more choice.
            let inside = pointers.get(choice.index(pointers.len() + 1));
            match inside.and_then(|pointer| document.pointer_mut(pointer)) {
                Some(value) => *value = new.clone(),
                None => document["extra"] = new.clone(),
            }
            return;
        }
        let pointer = choice.get(&pointers);
        let Some(value) = document.pointer_mut(pointer) else { return };
        match (self, value) {
            (Self::Remove, _) => remove(document, pointer),
            (Self::Replace(new @ Value::String(_)), value @ Value::String(_))
            | (Self::Replace(new @ Value::Number(_)), value @ Value::Number(_)) => *value = new.clone(),
            (Self::Append(tail), Value::String(text)) => text.push_str(tail),
            (Self::Lengthen(length), Value::String(text)) => {
                let seed = text.chars().next().unwrap_or('x');
                *text = text.chars().chain(std::iter::repeat(seed)).take(*length).collect();
            }
            (Self::Empty, Value::Object(members)) => members.clear(),
            (Self::Empty, Value::Array(items)) => items.clear(),
            (Self::Lengthen(length), Value::Array(items)) if !items.is_empty() => {
                *items = items.iter().cycle().take(*length).cloned().collect();
            }
            _ => {}
        }
    }
}

fn collect(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| collect(value, format!("{pointer}/{name}"), pointers));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, value)| collect(value, format!("{pointer}/{index}"), pointers));
        }
        _ => {}
    }
    if !pointer.is_empty() {
        pointers.push(pointer);
    }
}

fn remove(document: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.remove(name);
        }
        Some(Value::Array(items)) => {
            if let Ok(index) = name.parse::<usize>() {
                items.remove(index);
            }
        }
        _ => {}
    }
}
