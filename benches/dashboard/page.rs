//! What the dashboard takes from answers.

use serde::Deserialize;
use serde_json::Value;

/// A page of jobs.
#[derive(Debug, Deserialize)]
pub struct Page {
    pub results: Vec<Vec<Value>>,
    job_property_names: Vec<String>,
    pub next: Option<String>,
}

/// A list of pushes.
#[derive(Debug, Deserialize)]
pub struct PushList {
    pub results: Vec<Push>,
}

/// A push.
#[derive(Debug, Deserialize)]
pub struct Push {
    pub id: i64,
    pub revision: String,
}

impl Page {
    pub fn parse(answer: &[u8]) -> Self {
        serde_json::from_slice(answer).expect("a page of jobs")
    }

    /// The latest change on the page.
    pub fn latest_change(&self) -> Option<String> {
        let place = self.job_property_names.iter().position(|name| name == "last_modified")?;
        self.results.iter().filter_map(|row| row[place].as_str()).max().map(str::to_owned)
    }
}

impl PushList {
    pub fn parse(answer: &[u8]) -> Self {
        serde_json::from_slice(answer).expect("a list of pushes")
    }
}
