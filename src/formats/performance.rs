//! Performance data: the documents that logs print and jobs carry (logs contract 6.2).

use super::schema;
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
