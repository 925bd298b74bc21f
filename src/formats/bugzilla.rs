//! Lists of bugs as Bugzilla's REST interface gives them: `{"bugs": [...]}` (logs contract 8.6).

use super::date_time::from_unix;
use crate::domain::Bug;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

/// Members of a bug that are read, for `include_fields`.
pub const BUG_FIELDS: &str =
    "id,status,resolution,summary,cf_crash_signature,keywords,op_sys,last_change_time,whiteboard,dupe_of";

/// Characters kept of a summary.
const SUMMARY: usize = 255;
/// Characters kept of the whiteboard.
const WHITEBOARD: usize = 100;
/// Characters of status, resolution and operating system at most.
const WORD: usize = 64;

/// The bugs of a list, and what is wrong with those that cannot be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BugList {
    /// Bugs in their order.
    pub bugs: Vec<Bug>,
    /// One sentence for each of the others.
    pub refused: Vec<String>,
    /// Numbers of those others, where they have one.
    pub refused_ids: Vec<i64>,
}

impl BugList {
    /// How many there were, the refused ones among them.
    pub fn total(&self) -> usize {
        self.bugs.len() + self.refused.len()
    }
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum BugListError {
    /// It is something else.
    #[error("not a list of bugs ({{\"bugs\": [...]}}): {0}")]
    Form(#[from] serde_json::Error),
    /// It is an object without bugs.
    #[error("not a list of bugs: it has no member `bugs`")]
    Missing,
    /// The tracker says why it gives none.
    #[error("the bug tracker answered with an error: {0}")]
    Tracker(String),
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    bugs: Option<Vec<Value>>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
struct BugzillaBug {
    id: u32,
    status: String,
    resolution: String,
    summary: String,
    #[serde(default)]
    cf_crash_signature: Option<String>,
    keywords: Vec<String>,
    #[serde(default)]
    op_sys: Option<String>,
    last_change_time: String,
    #[serde(default)]
    whiteboard: Option<String>,
    #[serde(default)]
    dupe_of: Option<u32>,
}

/// Reads a list.
///
/// # Errors
/// If it is none. A bug in it that cannot be used is no error: it is among the refused ones.
pub fn parse_bug_list(json: &[u8]) -> Result<BugList, BugListError> {
    let answer: Answer = serde_json::from_slice(json)?;
    let Some(bugs) = answer.bugs else {
        return Err(answer.message.map_or(BugListError::Missing, BugListError::Tracker));
    };
    let mut list = BugList::default();
    for (place, bug) in bugs.into_iter().enumerate() {
        let id = bug.get("id").and_then(Value::as_i64);
        let name = bug.get("id").map_or_else(|| format!("number {place} of the list"), Value::to_string);
        match read(bug) {
            Ok(bug) => list.bugs.push(bug),
            Err(problem) => {
                list.refused.push(format!("bug {name}: {problem}"));
                list.refused_ids.extend(id);
            }
        }
    }
    Ok(list)
}

fn read(bug: Value) -> Result<Bug, String> {
    let bug: BugzillaBug = serde_json::from_value(bug).map_err(|error| error.to_string())?;
    let modified = time(&bug.last_change_time)
        .ok_or_else(|| format!("last_change_time is no time: {:?}", cut(&bug.last_change_time, WORD)))?;
    Ok(Bug {
        id: bug.id.into(),
        status: word("status", bug.status)?,
        resolution: word("resolution", bug.resolution)?,
        summary: cut(&bug.summary, SUMMARY),
        crash_signature: cut(&bug.cf_crash_signature.unwrap_or_default(), usize::MAX),
        keywords: cut(&bug.keywords.join(","), usize::MAX),
        os: word("op_sys", bug.op_sys.unwrap_or_default())?,
        modified,
        whiteboard: cut(&bug.whiteboard.unwrap_or_default(), WHITEBOARD),
        dupe_of: bug.dupe_of.map(i64::from),
    })
}

fn word(member: &str, text: String) -> Result<String, String> {
    if text.chars().count() > WORD {
        return Err(format!("{member} has more than {WORD} characters"));
    }
    Ok(cut(&text, WORD))
}

/// The one character that PostgreSQL cannot store is replaced.
fn cut(text: &str, most: usize) -> String {
    text.chars().map(|character| if character == '\0' { '\u{fffd}' } else { character }).take(most).collect()
}

/// A zone does not count.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let local = DateTime::parse_from_rfc3339(text)
        .map(|time| time.naive_local())
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S"))
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"))
        .ok()?;
    from_unix(local.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bug() -> Value {
        json!({
            "id": 1_400_001, "status": "NEW", "resolution": "", "summary": "Intermittent test_gauge.html",
            "cf_crash_signature": "[@ demo::Fold]", "keywords": ["intermittent-failure", "regression"],
            "op_sys": "Linux", "last_change_time": "2026-11-20T10:11:12Z", "whiteboard": "[demo]",
            "dupe_of": null, "component": "ignored",
        })
    }

    fn with(member: &str, value: Value) -> Value {
        let mut bug = bug();
        bug[member] = value;
        bug
    }

    fn list(bugs: &[Value]) -> BugList {
        parse_bug_list(json!({ "bugs": bugs }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_bug_has_the_fields_that_the_contract_names() {
        assert_eq!(
            list(&[bug()]).bugs,
            [Bug {
                id: 1_400_001,
                status: "NEW".into(),
                resolution: String::new(),
                summary: "Intermittent test_gauge.html".into(),
                crash_signature: "[@ demo::Fold]".into(),
                keywords: "intermittent-failure,regression".into(),
                os: "Linux".into(),
                modified: "2026-11-20T10:11:12Z".parse().unwrap(),
                whiteboard: "[demo]".into(),
                dupe_of: None,
            }]
        );
    }

    #[test]
    fn long_texts_are_cut_and_a_nul_is_replaced() {
        let read =
            list(&[with("summary", "ü".repeat(256).into()), with("whiteboard", "a\0".repeat(51).into())]);
        assert_eq!(read.bugs[0].summary, "ü".repeat(255));
        assert_eq!(read.bugs[1].whiteboard, "a\u{fffd}".repeat(50));
    }

    #[test]
    fn the_zone_of_a_time_does_not_count() {
        for text in ["2014-01-01 00:00:00", "2014-01-01T00:00:00Z", "2014-01-01T00:00:00+09:00"] {
            let read = list(&[with("last_change_time", text.into())]);
            assert_eq!(read.bugs[0].modified.to_rfc3339(), "2014-01-01T00:00:00+00:00", "{text}");
        }
    }

    #[test]
    fn a_bug_that_cannot_be_used_is_named_and_leaves_the_others_alone() {
        for (bad, problem) in [
            (with("status", "x".repeat(65).into()), "bug 1400001: status has more than 64 characters"),
            (with("last_change_time", "soon".into()), "bug 1400001: last_change_time is no time: \"soon\""),
            (with("id", json!(-1)), "bug -1: invalid value: integer `-1`, expected u32"),
            (json!({}), "bug number 0 of the list: missing field `id`"),
        ] {
            let bad_id = bad.get("id").and_then(Value::as_i64);
            let read = list(&[bad, bug()]);
            assert_eq!((read.refused, read.bugs.len()), (vec![problem.to_owned()], 1));
            let ids: Vec<i64> = bad_id.into_iter().collect();
            assert_eq!(read.refused_ids, ids);
        }
    }

    #[test]
    fn what_is_no_list_says_so() {
        let message = |text: &str| parse_bug_list(text.as_bytes()).unwrap_err().to_string();
        assert!(message("<html>").starts_with("not a list of bugs"), "{}", message("<html>"));
        assert_eq!(
            message(r#"{"error": true, "message": "You must log in."}"#),
            "the bug tracker answered with an error: You must log in."
        );
        assert_eq!(message("{}"), "not a list of bugs: it has no member `bugs`");
    }

    #[test]
    fn the_bugs_of_the_corpus_are_read() {
        let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus");
        let corpus = std::env::var("HERDGATE_CORPUS").unwrap_or_else(|_| default.into());
        let Ok(json) = std::fs::read(format!("{corpus}/bugs/bug_list.json")) else {
            eprintln!("not tested: {corpus} has no bugs");
            return;
        };
        let list = parse_bug_list(&json).unwrap();
        assert_eq!((list.refused, list.bugs.len() > 10), (vec![], true));
    }
}
