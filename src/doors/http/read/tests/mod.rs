//! What every path answers, in-process and on both databases.

mod dashboard;
mod dashboard_tags;
mod details;
mod forms;
mod group_results;
mod jobs;
mod performance;
mod pushes;
mod refusals;
mod suggestions;
pub(in crate::doors::http) mod world;
