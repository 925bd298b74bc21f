//! The OpenAPI document tells the truth about the running gateway.

use crate::harness::command::run_within;
use crate::harness::{Database, Gateway, long, skipped};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::process::Command;

/// Path of the program `schemathesis`.
const PROGRAM: &str = "HERDGATE_TEST_SCHEMATHESIS";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance,unsupported_method";

async fn nothing_that_is_generated_from_the_description_is_answered_otherwise(database: Database) {
    let Ok(program) = std::env::var(PROGRAM) else {
        return skipped(&format!("{PROGRAM} is not set; ./test.sh sets it"));
    };
    let gateway = Gateway::on(&database).start().await;
    let (examples, minutes) = if long() { ("500", 60) } else { ("15", 3) };
    let mut command = Command::new(program);
    command
        .args(["run", &format!("{}/api/openapi.json", gateway.address()), "--checks", CHECKS])
        .args(["--header", &format!("Authorization: Bearer {}", gateway.token)])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", examples])
        .current_dir(gateway.database.folder.path());
    let said = run_within(Duration::from_secs(minutes * 60), &mut command).await.done();
    assert!(!said.contains("Unresolvable references"), "{said}");
}

async fn every_reference_in_the_description_is_there(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let document = gateway.get("/api/openapi.json").await.json();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    assert!(references.contains("#/components/schemas/Problem"), "{references:?}");
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

fn collect<'d>(value: &'d Value, references: &mut BTreeSet<&'d str>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

on_both_databases!(
    nothing_that_is_generated_from_the_description_is_answered_otherwise,
    every_reference_in_the_description_is_there,
);
