//! Performance data: the documents that logs print and jobs carry (logs contract 6.2).

use super::schema;
use crate::domain::PerformanceDocument;
use serde::Deserialize;
use serde_json::Value;

/// Checks one document against `schemas/performance-artifact.yml`.
///
/// # Errors
/// What is wrong with it, as one sentence.
pub fn check_performance(document: &str) -> Result<(), String> {
    let document: Value = serde_json::from_str(document).map_err(|error| format!("not JSON: {error}"))?;
    match schema::PERFORMANCE.violations(&document).first() {
        None => Ok(()),
        Some(violation) if violation.path.is_empty() => Err(violation.message.clone()),
        Some(violation) => Err(format!("{}: {}", violation.path, violation.message)),
    }
}

#[derive(Deserialize)]
struct Blob {
    performance_data: Value,
}

/// The documents of a stored artifact `performance_data`: one, or a list.
///
/// # Errors
/// What is wrong with one of them, as one sentence.
pub fn performance_documents(blob: &str) -> Result<Vec<PerformanceDocument>, String> {
    let Blob { performance_data } = serde_json::from_str(blob).map_err(|error| error.to_string())?;
    let documents = match performance_data {
        Value::Array(documents) => documents,
        one => vec![one],
    };
    documents.into_iter().map(performance_document).collect()
}

/// One document.
///
/// # Errors
/// What is wrong with it, as one sentence.
pub fn performance_document(document: Value) -> Result<PerformanceDocument, String> {
    let document: PerformanceDocument =
        serde_json::from_value(document).map_err(|error| error.to_string())?;
    document.check_bounds().map_err(|error| error.to_string())?;
    Ok(document)
}
