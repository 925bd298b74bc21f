//! What is asked for: jobs and pushes from all over the database, read back from it.

use super::load::http::Connection;
use super::load::jobs::{Jobs, PROJECT};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Rows of an ordinary list.
pub const LIST: usize = 100;
/// Pushes and, of each, jobs that are asked for.
const PUSHES: usize = 50;
const JOBS: usize = 20;

/// A stored job.
#[derive(Debug, Deserialize)]
pub struct Job {
    pub id: i64,
    pub job_guid: String,
    pub last_modified: String,
}

/// A stored push.
#[derive(Debug, Deserialize)]
pub struct Push {
    pub id: i64,
    pub revision: String,
}

/// A part of what is stored.
#[derive(Debug)]
pub struct Sample {
    /// Pushes of all ages, the newest first.
    pub pushes: Vec<Push>,
    /// Jobs of those.
    pub jobs: Vec<Job>,
    /// Jobs that are older than nearly all others.
    pub oldest: Vec<Job>,
    /// The push that has more jobs than `offset`.
    pub long_push: i64,
    /// Rows left out before those asked for.
    pub offset: usize,
}

#[derive(Deserialize)]
struct List<T> {
    results: Vec<T>,
}

impl Sample {
    pub async fn take(connection: &mut Connection, offset: usize) -> Self {
        let pushes: Vec<Push> = list(connection, "push", "count=1000").await;
        let every = pushes.len().div_ceil(PUSHES);
        let pushes: Vec<Push> = pushes.into_iter().step_by(every).collect();
        let mut jobs = Vec::new();
        for push in &pushes {
            let query = format!("push_id={}&count={JOBS}", push.id);
            jobs.extend(list::<Job>(connection, "jobs", &query).await);
        }
        let query = format!("revision={}", Jobs::revision(0));
        let long_push = list::<Push>(connection, "push", &query).await.first().expect("the first push").id;
        let oldest = list(connection, "jobs", &format!("push_id={long_push}&count={LIST}")).await;
        Self { pushes, jobs, oldest, long_push, offset }
    }

    /// The job that call number `call` asks for; one after the other are of different pushes.
    pub fn job(&self, call: usize) -> &Job {
        &self.jobs[(call * (JOBS + 1)) % self.jobs.len()]
    }

    /// A job of the newest push.
    pub fn new_job(&self, call: usize) -> &Job {
        &self.jobs[call % JOBS.min(self.jobs.len())]
    }

    /// Likewise among the oldest.
    pub fn old_job(&self, call: usize) -> &Job {
        &self.oldest[call % self.oldest.len()]
    }

    /// Likewise a push.
    pub fn push(&self, call: usize) -> &Push {
        &self.pushes[call % self.pushes.len()]
    }

    /// Ids of as many jobs as a list has, all different.
    pub fn job_ids(&self, call: usize) -> impl Iterator<Item = i64> {
        self.jobs.iter().cycle().skip(call % self.jobs.len()).take(LIST).map(|job| job.id)
    }
}

async fn list<T: DeserializeOwned>(connection: &mut Connection, what: &str, query: &str) -> Vec<T> {
    let answer = connection.get(&format!("/api/project/{PROJECT}/{what}/?{query}")).await;
    let list: List<T> = serde_json::from_slice(&answer.unpacked()).expect("a list");
    list.results
}
