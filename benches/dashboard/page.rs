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

    /// When each job on the page was changed.
    pub fn changes(&self) -> impl Iterator<Item = &str> {
        let place = self.job_property_names.iter().position(|name| name == "last_modified");
        place.into_iter().flat_map(|place| self.results.iter().filter_map(move |row| row[place].as_str()))
    }
}

impl PushList {
    pub fn parse(answer: &[u8]) -> Self {
        serde_json::from_slice(answer).expect("a list of pushes")
    }
}
