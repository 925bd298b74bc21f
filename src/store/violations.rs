//! Violations as `held_messages.violations` keeps them: a JSON list of objects with the fields of
//! [`Violation`], absent ones left out.

use super::StoreError;
use crate::domain::Violation;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
struct StoredViolation<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(borrow)]
    rule: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    limit: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    value: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// For the column.
pub(crate) fn to_json(violations: &[Violation]) -> String {
    let stored: Vec<_> = violations
        .iter()
        .map(|violation| {
            serde_json::json!(StoredViolation {
                path: Cow::Borrowed(&*violation.path),
                rule: Cow::Borrowed(&*violation.rule),
                limit: violation.limit.as_deref().map(Cow::Borrowed),
                value: violation.value.as_deref().map(Cow::Borrowed),
                message: Cow::Borrowed(&*violation.message),
            })
        })
        .collect();
    serde_json::Value::Array(stored).to_string()
}

/// From the column; null reads as none.
pub(crate) fn from_json(text: Option<&str>) -> Result<Vec<Violation>, StoreError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let stored: Vec<StoredViolation<'_>> = serde_json::from_str(text)
        .map_err(|error| StoreError::Internal(format!("stored violations: {error}")))?;
    Ok(stored
        .into_iter()
        .map(|violation| Violation {
            path: violation.path.into_owned(),
            rule: Cow::Owned(violation.rule.into_owned()),
            limit: violation.limit.map(Cow::into_owned),
            value: violation.value.map(Cow::into_owned),
            message: violation.message.into_owned(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_read_back_as_they_were() {
        let violations = vec![
            Violation::new("/display/jobSymbol", "maxLength", "too \"long\"")
                .with_limit(25)
                .with_value("é\n"),
            Violation::new("", "oneOf", "neither"),
        ];
        assert_eq!(from_json(Some(&to_json(&violations))).unwrap(), violations);
        assert_eq!(from_json(None).unwrap(), []);
    }
}
