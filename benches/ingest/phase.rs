//! One phase: a set of jobs goes through its states in one way of submitting.

use super::load::gateway::{Gateway, Usage};
use super::load::jobs::{Jobs, Moment};
use super::load::way::Way;

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
    /// Greatest resident memory of the gateway, MiB.
    pub memory: f64,
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
    gateway.forget_peak();
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
        memory: gateway.peak_memory(),
    }
}
