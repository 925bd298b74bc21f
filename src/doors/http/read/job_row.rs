//! How a job looks in lists and by itself (ingest contract 6.2 and 6.3).

use super::log_text;
use crate::domain;
use crate::store::lists::{ListedJob, ListedLog};
use chrono::{DateTime, Utc};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// Makes the row as an object, the names of its properties in order, and the row as an array in the same
/// order.
macro_rules! row {
    ($($(#[$attribute:meta])* $name:ident: $type:ty,)*) => {
        /// A job, as legacy clients know it. Times are Unix seconds, 0 if unknown.
        #[derive(Debug, Serialize, ToSchema)]
        #[schema(as = LegacyJob)]
        #[allow(missing_docs, reason = "named as in the ingest contract, 6.2")]
        pub struct JobRow {
            $($(#[$attribute])* pub $name: $type,)*
        }

        /// Names of the elements of a [`JobArray`].
        pub const JOB_PROPERTY_NAMES: &[&str] = &[$(stringify!($name)),*];

        impl Serialize for JobArray {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut array = serializer.serialize_seq(Some(JOB_PROPERTY_NAMES.len()))?;
                $(array.serialize_element(&self.0.$name)?;)*
                array.end()
            }
        }
    };
}

row! {
    build_architecture: String,
    build_os: String,
    build_platform: String,
    build_platform_id: i32,
    build_system_type: String,
    end_timestamp: i64,
    failure_classification_id: i32,
    id: i64,
    job_group_description: String,
    job_group_id: i32,
    job_group_name: String,
    job_group_symbol: String,
    job_guid: String,
    job_type_description: String,
    job_type_id: i32,
    job_type_name: String,
    job_type_symbol: String,
    /// ISO 8601 to the microsecond, UTC without saying so.
    last_modified: String,
    machine_name: String,
    machine_platform_architecture: String,
    machine_platform_os: String,
    option_collection_hash: String,
    /// Platform that the job ran on.
    platform: String,
    push_id: i64,
    reason: String,
    ref_data_name: String,
    result: String,
    /// The same as `push_id`.
    result_set_id: i64,
    signature: String,
    start_timestamp: i64,
    state: String,
    submit_timestamp: i64,
    tier: i32,
    who: String,
    /// Names of the options, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    platform_option: Option<String>,
    /// Always null; scripts of 2016 look for it.
    job_coalesced_to_guid: Option<String>,
    /// Always null; scripts of 2016 look for it.
    running_eta: Option<i64>,
}

/// A job as an array.
#[derive(Debug)]
pub struct JobArray(pub JobRow);

impl From<ListedJob> for JobRow {
    fn from(job: ListedJob) -> Self {
        Self {
            build_architecture: job.build_platform.architecture,
            build_os: job.build_platform.os_name,
            build_platform: job.build_platform.platform,
            build_platform_id: job.build_platform_id,
            build_system_type: job.build_system,
            end_timestamp: seconds(job.end_time),
            failure_classification_id: job.failure_classification_id,
            id: job.id,
            job_group_description: job.group_description,
            job_group_id: job.group_id,
            job_group_name: job.group.name,
            job_group_symbol: job.group.symbol,
            job_guid: job.guid,
            job_type_description: job.type_description,
            job_type_id: job.type_id,
            job_type_name: job.job_type.name,
            job_type_symbol: job.job_type.symbol,
            last_modified: job.last_modified.format("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
            machine_name: job.machine,
            machine_platform_architecture: job.machine_platform.architecture,
            machine_platform_os: job.machine_platform.os_name,
            option_collection_hash: job.option_collection_hash,
            platform: job.machine_platform.platform,
            push_id: job.push_id,
            reason: job.reason,
            ref_data_name: job.reference_data_name,
            result: job.result,
            result_set_id: job.push_id,
            signature: job.signature,
            start_timestamp: seconds(job.start_time),
            state: job.state,
            submit_timestamp: seconds(job.submit_time),
            tier: job.tier,
            who: job.who,
            platform_option: Some(job.options.join(" ")),
            job_coalesced_to_guid: None,
            running_eta: None,
        }
    }
}

fn seconds(time: Option<DateTime<Utc>>) -> i64 {
    time.map_or(0, |time| time.timestamp())
}

/// A job by itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LegacyJobDetail)]
pub struct JobDetail {
    #[serde(flatten)]
    row: JobRow,
    /// Where this is.
    resource_uri: String,
    logs: Vec<LogLink>,
    /// Always `pending`: nothing here classifies failures.
    #[schema(value_type = String)]
    autoclassify_status: &'static str,
    /// What the dashboard selects the job by: the id of its task, or what stands in for one.
    task_id: String,
    /// Run of the task, 0 if none is known.
    retry_id: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    taskcluster_metadata: Option<TaskRun>,
}

/// A log of a job.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogLink {
    #[serde(skip)]
    id: i64,
    name: String,
    /// Where a dashboard is served, a path at which the gateway gives the text of the log.
    url: String,
}

impl From<ListedLog> for LogLink {
    fn from(log: ListedLog) -> Self {
        Self { id: log.id, name: log.name, url: log.url }
    }
}

impl LogLink {
    /// Names our own origin in place of the log's.
    pub fn read_here(&mut self, project: &str) {
        self.url = log_text::path(project, self.id);
    }
}

/// The task that a job was.
#[derive(Debug, Serialize, ToSchema)]
struct TaskRun {
    task_id: String,
    retry_id: i32,
}

impl JobDetail {
    /// `project` and the job's id make its path.
    pub fn new(project: &str, job: ListedJob, logs: Vec<LogLink>) -> Self {
        let task = job.task_id.clone().zip(job.retry_id);
        let task_id = job.task_id.clone().unwrap_or_else(|| domain::TaskRun::stand_in(&job.guid));
        let retry_id = job.retry_id.unwrap_or_default();
        let mut row = JobRow::from(job);
        // Shown only where there is something to show.
        row.platform_option = row.platform_option.filter(|options| !options.is_empty());
        Self {
            resource_uri: format!("/api/project/{project}/jobs/{}/", row.id),
            row,
            logs,
            autoclassify_status: "pending",
            task_id,
            retry_id,
            taskcluster_metadata: task.map(|(task_id, retry_id)| TaskRun { task_id, retry_id }),
        }
    }
}
