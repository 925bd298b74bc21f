//! Bodies of requests: what a collection is, and that one bad item does not spoil its neighbours.

use super::{PROJECT, bare, broken, json, with};
use crate::core::Content;
use crate::domain::{RawFormat, Violation};
use crate::formats::{CollectionError, decode_collection, place_in_collection, split_collection};
use crate::limits;
use bytes::Bytes;

fn split(body: &str) -> Result<Vec<String>, CollectionError> {
    let items = split_collection(&Bytes::copy_from_slice(body.as_bytes()))?;
    Ok(items.into_iter().map(|item| String::from_utf8(item.to_vec()).unwrap()).collect())
}

#[test]
fn empty_values_of_every_kind_are_an_empty_collection() {
    for body in
        ["", " \n", "[]", "[ ]", "{}", "{ \n}", "null", "false", "\"\"", "0", "0.0", "-0", "\u{feff}[]"]
    {
        assert_eq!(split(body), Ok(Vec::new()), "{body:?}");
    }
}

#[test]
fn items_are_raw_and_need_not_be_json() {
    assert_eq!(split("[{\"a\": [1]}, NaN, {}},]").unwrap(), ["{\"a\": [1]}", "NaN", "{}}", ""]);
}

#[test]
fn what_is_no_list_is_refused_as_a_whole_saying_what_it_is() {
    for (body, found) in [
        ("{\"revision\": 1}", "an object"),
        ("\"text\"", "a text"),
        ("true", "a boolean"),
        ("7", "a number"),
        ("-0.5", "a number"),
    ] {
        assert_eq!(split(body), Err(CollectionError::NotAList { found }), "{body:?}");
    }
}

#[test]
fn what_is_no_json_as_a_whole_is_a_parse_error_as_it_always_was() {
    for body in ["oops", "{\"a\": }", "{} {}", "nul", "[{}", "[{},", "[", "[{}] x", "[{}]]", "{\"a\": 1"] {
        let error = split(body).unwrap_err();
        assert!(error.to_string().starts_with("JSON parse error - "), "{body:?}: {error}");
    }
}

#[test]
fn a_collection_of_too_many_items_is_refused_before_they_are_kept() {
    let of = |items: usize| format!("[{}]", vec!["{}"; items].join(","));
    assert_eq!(split(&of(limits::COLLECTION_ITEMS)).unwrap().len(), limits::COLLECTION_ITEMS);
    let error = CollectionError::TooManyItems { limit: limits::COLLECTION_ITEMS };
    assert_eq!(split(&of(limits::COLLECTION_ITEMS + 1)), Err(error.clone()));
    assert_eq!(split(&format!("[{}", ",".repeat(limits::COLLECTION_ITEMS + 1))), Err(error));
}

#[test]
fn every_item_is_judged_alone() {
    let good = bare().to_string();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let mut body = format!("[{good}, NaN, {{\"a\": \"\\ud800\"}}, {deep}, 7, {good}, \"").into_bytes();
    body.extend(b"\xff\", ");
    body.extend(good.as_bytes());
    body.extend(b"]");
    let items = decode_collection(RawFormat::LegacyJobJson, &body.into(), PROJECT).unwrap();
    let rules: Vec<_> =
        items.iter().map(|(_, decoded)| broken(decoded).first().map(|found| found.1)).collect();
    let json = Some("json");
    assert_eq!(rules, [None, json, json, json, Some("type"), None, json, None]);
    assert_eq!(items[0].0, good, "the bytes of an item are kept as they came");
}

#[test]
fn an_item_that_is_too_large_is_refused_alone() {
    let large = with("desc", json!("x".repeat(limits::SUBMISSION_BYTES)));
    let body = format!("[{large}, {}]", bare());
    let items = decode_collection(RawFormat::LegacyJobJson, &body.into(), PROJECT).unwrap();
    assert_eq!(broken(&items[0].1), [("", "maxBytes")]);
    assert!(matches!(items[1].1.content, Content::Job(_)));
}

#[test]
fn a_violation_is_moved_to_where_its_item_stands() {
    let mut violation = Violation::new("/job/job_guid", "required", "/job/job_guid is required; add it");
    place_in_collection(&mut violation, 3);
    assert_eq!(violation.path, "/3/job/job_guid");
    assert_eq!(violation.message, "/3/job/job_guid is required; add it");
}
