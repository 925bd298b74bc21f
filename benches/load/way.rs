//! Ways to submit jobs.

use super::gateway::Gateway;
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
