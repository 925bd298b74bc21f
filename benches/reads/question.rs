//! The questions: every list that legacy clients read, by the filters that an index serves.

use super::load::jobs::PROJECT;
use super::sample::{LIST, Sample};

/// What is asked, again and again for other jobs and pushes.
pub struct Question {
    /// As the report names it.
    pub name: &'static str,
    /// Whether the goal is about it: one indexed filter, at most 100 rows, an offset of at most 10,000.
    pub has_goal: bool,
    /// The fewest rows that the answer must have: an empty answer is fast and means nothing.
    pub at_least: usize,
    /// Path and query of a call.
    pub path: fn(&Sample, usize) -> String,
}

/// The first one is what a request costs that asks for nothing.
pub const QUESTIONS: [Question; 28] = [
    Question { name: "nothing (/healthz)", has_goal: false, at_least: 0, path: |_, _| "/healthz".into() },
    Question {
        name: "jobs by push_id",
        has_goal: true,
        at_least: 1,
        path: |sample, call| jobs(&format!("push_id={}", sample.push(call).id), 0, LIST),
    },
    Question {
        name: "jobs by push_id, offset",
        has_goal: true,
        at_least: LIST,
        path: |sample, _| jobs(&format!("push_id={}", sample.long_push), sample.offset, LIST),
    },
    Question {
        name: "jobs by push_id, 2000",
        has_goal: false,
        at_least: 1,
        path: |sample, call| jobs(&format!("push_id={}", sample.push(call).id), 0, 2000),
    },
    Question {
        name: "jobs by job_guid",
        has_goal: true,
        at_least: 1,
        path: |sample, call| jobs(&format!("job_guid={}", sample.job(call).job_guid), 0, LIST),
    },
    Question {
        name: "jobs changed lately",
        has_goal: true,
        at_least: 1,
        path: |sample, call| jobs(&since(&sample.new_job(call).last_modified), 0, LIST),
    },
    Question {
        name: "jobs by last_modified",
        has_goal: true,
        at_least: 1,
        path: |sample, call| jobs(&since(&sample.job(call).last_modified), 0, LIST),
    },
    Question {
        name: "... long ago",
        has_goal: true,
        at_least: LIST,
        path: |sample, call| jobs(&since(&sample.old_job(call).last_modified), 0, LIST),
    },
    Question {
        name: "... long ago, offset",
        has_goal: true,
        at_least: LIST,
        path: |sample, call| jobs(&since(&sample.old_job(call).last_modified), sample.offset, LIST),
    },
    Question {
        name: "jobs, offset",
        has_goal: true,
        at_least: LIST,
        path: |sample, _| jobs("", sample.offset, LIST),
    },
    Question {
        name: "one job",
        has_goal: false,
        at_least: 1,
        path: |sample, call| project(&format!("jobs/{}/", sample.job(call).id)),
    },
    Question {
        name: "pushes",
        has_goal: true,
        at_least: 1,
        path: |_, _| project(&format!("push/?count={LIST}")),
    },
    Question {
        name: "push by revision",
        has_goal: true,
        at_least: 1,
        path: |sample, call| project(&format!("push/?revision={}", sample.push(call).revision)),
    },
    Question {
        name: "logs of a job",
        has_goal: true,
        at_least: 1,
        path: |sample, call| project(&format!("job-log-url/?job_id={}", sample.job(call).id)),
    },
    Question {
        name: "logs of 100 jobs",
        has_goal: true,
        at_least: LIST,
        path: |sample, call| project(&format!("job-log-url/?{}", job_ids(sample, call, "&", "job_id="))),
    },
    Question {
        name: "details by job_id",
        has_goal: true,
        at_least: 2,
        path: |sample, call| format!("/api/jobdetail/?job_id={}", sample.job(call).id),
    },
    Question {
        name: "details by job_guid",
        has_goal: true,
        at_least: 2,
        path: |sample, call| format!("/api/jobdetail/?job_guid={}", sample.job(call).job_guid),
    },
    Question {
        name: "details of 100 jobs",
        has_goal: true,
        at_least: 2 * LIST,
        path: |sample, call| format!("/api/jobdetail/?job_id__in={}", job_ids(sample, call, ",", "")),
    },
    Question {
        name: "details by push_id",
        has_goal: false,
        at_least: 2,
        path: |sample, call| format!("/api/jobdetail/?push_id={}", sample.push(call).id),
    },
    Question { name: "repository", has_goal: false, at_least: 1, path: |_, _| "/api/repository/".into() },
    Question {
        name: "optioncollectionhash",
        has_goal: false,
        at_least: 1,
        path: |_, _| "/api/optioncollectionhash/".into(),
    },
    Question {
        name: "failureclassification",
        has_goal: false,
        at_least: 1,
        path: |_, _| "/api/failureclassification/".into(),
    },
    Question { name: "product", has_goal: false, at_least: 1, path: |_, _| "/api/product/".into() },
    Question { name: "machine", has_goal: false, at_least: 1, path: |_, _| "/api/machine/".into() },
    Question {
        name: "machineplatform",
        has_goal: false,
        at_least: 1,
        path: |_, _| "/api/machineplatform/".into(),
    },
    Question {
        name: "buildplatform",
        has_goal: false,
        at_least: 1,
        path: |_, _| "/api/buildplatform/".into(),
    },
    Question { name: "jobgroup", has_goal: false, at_least: 1, path: |_, _| "/api/jobgroup/".into() },
    Question { name: "jobtype", has_goal: false, at_least: 1, path: |_, _| "/api/jobtype/".into() },
];

fn project(path: &str) -> String {
    format!("/api/project/{PROJECT}/{path}")
}

fn jobs(filter: &str, offset: usize, count: usize) -> String {
    project(&format!("jobs/?{filter}&offset={offset}&count={count}"))
}

fn since(time: &str) -> String {
    format!("last_modified__gt={time}")
}

fn job_ids(sample: &Sample, call: usize, separator: &str, prefix: &str) -> String {
    let ids: Vec<String> = sample.job_ids(call).map(|id| format!("{prefix}{id}")).collect();
    ids.join(separator)
}
