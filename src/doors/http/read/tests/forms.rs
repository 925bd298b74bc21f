//! The form of every answer, as the ingest contract has it, pinned.

use super::world::on_each_database;

/// Pins the answers to these paths.
macro_rules! pinned {
    ($($test:ident: $($name:literal $path:literal),+;)+) => {
        $(#[tokio::test]
        async fn $test() {
            on_each_database(async |world| {
                $(insta::assert_json_snapshot!($name, world.read($path).await);)+
            })
            .await;
        })+
    };
}

pinned! {
    jobs_as_objects_as_arrays_and_by_themselves:
        "jobs_dict" "/api/project/quince/jobs/?count=2",
        "jobs_list" "/api/project/quince/jobs/?return_type=List&id=2",
        "jobs_bare" "/api/project/quince/jobs/?return_type=tuple&id=2&count=1&offset=0",
        "job" "/api/project/quince/jobs/1/",
        "job_without_parts" "/api/project/quince/jobs/3/",
        "jobs_without_options" "/api/project/damson/jobs/",
        "job_without_options" "/api/project/damson/jobs/4/";
    pushes_with_their_newest_commits:
        "pushes" "/api/project/quince/push/?count=1&offset=2",
        "push" "/api/project/quince/push/1/",
        "push_status" "/api/project/quince/push/2/status/";
    what_the_dashboard_reads:
        "dashboard_push" "/api/project/quince/push/?full=true&count=10&revision=cccccccccccc",
        "dashboard_notes" "/api/project/quince/note/?job_id=1",
        "dashboard_bugs" "/api/project/quince/bug-job-map/?job_id=1",
        "dashboard_user" "/api/user/",
        "dashboard_frameworks" "/api/performance/framework/",
        "dashboard_similar_jobs" "/api/project/quince/jobs/1/similar_jobs/?count=21&offset=0&nosuccess=",
        "dashboard_decision_tasks" "/api/project/quince/push/decisiontask/?push_ids=1,2";
    parts_of_jobs:
        "job_log_urls" "/api/project/quince/job-log-url/?job_id=1&job_id=2",
        "job_log_url" "/api/project/quince/job-log-url/2/",
        "job_details" "/api/jobdetail/?job_guid=pruning-1",
        "job_detail" "/api/jobdetail/1/",
        "artifacts" "/api/project/quince/artifact/",
        "artifact" "/api/project/quince/artifact/1/";
    reference_data:
        "option_collections" "/api/optioncollectionhash/",
        "failure_classifications" "/api/failureclassification/",
        "products" "/api/product/",
        "machines" "/api/machine/",
        "machine_platforms" "/api/machineplatform/",
        "build_platforms" "/api/buildplatform/",
        "job_groups" "/api/jobgroup/",
        "job_types" "/api/jobtype/",
        "repositories" "/api/repository/",
        "one_product" "/api/product/1/",
        "one_option_collection" "/api/optioncollectionhash/1/",
        "one_classification" "/api/failureclassification/7/",
        "one_repository" "/api/repository/2/";
    performance_data_that_is_not_there_is_an_empty_object:
        "performance" "/api/project/quince/performance/signatures/?framework=1&interval=2",
        "performance" "/api/project/quince/performance/data/?signatures=x";
}

#[tokio::test]
async fn the_slash_at_the_end_may_be_missing() {
    on_each_database(async |world| {
        for path in
            ["/api/project/quince/jobs", "/api/project/quince/jobs/1", "/api/repository", "/api/product/1"]
        {
            assert_eq!(world.read(path).await, world.read(&format!("{path}/")).await, "{path}");
        }
    })
    .await;
}
