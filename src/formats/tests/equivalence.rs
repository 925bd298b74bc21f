//! The same job gets the same verdict, with the same field paths, as a protobuf message and as Pulse
//! JSON, and becomes the same job (design sections 4.6 and 5). `HERDGATE_PROPERTY_CASES` sets how many
//! random jobs are tried, by default 2000.
//!
//! A mutation changes one value to another of its type, or removes or empties it; in `extra`, which
//! travels as JSON text in protobuf too, it also changes types. What only one encoding can say is not
//! compared: other types elsewhere, unknown members and null in JSON; the fields of the legacy format
//! and the undecodable in protobuf.

use super::random_job::{Mutation, mutation, valid};
use super::{Value, as_protobuf, broken, from_json, from_protobuf};
use crate::core::Content;
use crate::formats::protobuf;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::cell::Cell;

fn runner() -> TestRunner {
    let cases = std::env::var("HERDGATE_PROPERTY_CASES").ok().and_then(|cases| cases.parse().ok());
    TestRunner::new(Config {
        cases: cases.unwrap_or(2000),
        failure_persistence: None,
        max_global_rejects: u32::MAX,
        ..Config::default()
    })
}

/// Compares the encodings; gives the rules that the job breaks.
fn compare(document: &Value) -> Result<Vec<String>, TestCaseError> {
    let Some(message) = as_protobuf::job(document) else {
        return Err(TestCaseError::reject("protobuf cannot say it"));
    };
    let (one, other) = (from_json(document), from_protobuf(&message));
    prop_assert_eq!(&one.warnings, &other.warnings);
    match (&one.content, &other.content) {
        (Content::Job(one), Content::Job(other)) => {
            prop_assert_eq!(one, other);
            prop_assert_eq!(one.content_digest(), other.content_digest());
            // The way through the schema says so too, not only the short way.
            let Content::Job(by_schema) = from_json(&protobuf::document_of(&message)).content else {
                return Err(TestCaseError::fail("the schema refuses what is plainly valid"));
            };
            prop_assert_eq!(one, &by_schema);
            Ok(Vec::new())
        }
        (Content::Invalid(claims), Content::Invalid(others)) => {
            prop_assert_eq!(&claims.claimed, &others.claimed);
            let found = broken(one);
            prop_assert_eq!(&found, &broken(other));
            Ok(found.into_iter().map(|(_, rule)| rule).collect())
        }
        (one, other) => {
            Err(TestCaseError::fail(format!("as JSON it is {one:#?}\nas protobuf it is {other:#?}")))
        }
    }
}

#[test]
fn a_valid_job_is_the_same_job_in_both_encodings() {
    // Artifacts in `extra` may be wrong in what they say, so not all of these are valid.
    let (tried, found) = (Cell::new(0_u32), Cell::new(0_u32));
    let checked = runner().run(&valid(), |document| {
        tried.set(tried.get() + 1);
        found.set(found.get() + u32::from(compare(&document)?.is_empty()));
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
    assert!(found.get() * 2 > tried.get(), "only {} of {} were valid", found.get(), tried.get());
}

#[test]
fn a_mutated_job_gets_the_same_verdict_and_paths_in_both_encodings() {
    let (tried, refused, of_type) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_u32));
    let cases = (valid(), mutation(), any::<Index>());
    let checked = runner().run(&cases, |(mut document, mutation, choice): (Value, Mutation, Index)| {
        mutation.apply(&mut document, choice);
        let rules = compare(&document)?;
        tried.set(tried.get() + 1);
        refused.set(refused.get() + u32::from(!rules.is_empty()));
        of_type.set(of_type.get() + u32::from(rules.iter().any(|rule| rule == "type")));
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
    assert!(refused.get() * 5 > tried.get(), "only {} of {} were refused", refused.get(), tried.get());
    assert!(
        of_type.get() * 50 > tried.get(),
        "only {} of {} were of a wrong type",
        of_type.get(),
        tried.get()
    );
}
