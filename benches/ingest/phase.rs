//! One phase: a set of jobs goes through its states in one way of submitting.

use super::gateway::{Gateway, Usage};
use super::jobs::{Jobs, Moment};
use std::time::Duration;

/// A way to submit jobs: a door, and how it is used.
pub trait Way {
    /// As the report names it.
    fn name(&self) -> String;

    /// Submits every job in every given state, in that order, and waits for all verdicts; gives the time
    /// from the first submission to the last verdict, without what preparing them took. Panics unless
    /// all were stored: a refused job is fast and means nothing.
    async fn submit(&self, gateway: &Gateway, jobs: &Jobs, moments: &'static [Moment]) -> Duration;
}

/// What a phase reached.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The way.
    pub name: String,
    /// New jobs a second.
    pub created: f64,
    /// Transitions a second, half of them to completed.
    pub moved: f64,
    /// What a thousand submissions cost.
    pub per_thousand: Usage,
}

impl Figures {
    /// Submissions a second, every job in its three states.
    pub fn all(&self) -> f64 {
        3.0 / (1.0 / self.created + 2.0 / self.moved)
    }
}

/// Submits a new set of jobs: all as pending, then all as running and as completed. `database` is the
/// process of the server, if it is one.
pub async fn measure(gateway: &Gateway, way: &impl Way, jobs: &Jobs, database: Option<u32>) -> Figures {
    let before = gateway.usage(database).await;
    let created = way.submit(gateway, jobs, &[Moment::Pending]).await;
    let moved = way.submit(gateway, jobs, &[Moment::Running, Moment::Completed]).await;
    let used = gateway.usage(database).await.since(&before);
    let count = jobs.count() as f64;
    Figures {
        name: way.name(),
        created: count / created.as_secs_f64(),
        moved: 2.0 * count / moved.as_secs_f64(),
        per_thousand: used.per(3.0 * count / 1000.0),
    }
}
