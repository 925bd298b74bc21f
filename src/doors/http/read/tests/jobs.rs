//! Filters and pages of the list of jobs.

use super::world::{ids, on_each_database};

/// Jobs 1 to 3 are of repository quince, 4 is of damson.
const FILTERS: &[(&str, &[i64])] = &[
    ("", &[1, 2, 3]),
    ("id=2", &[2]),
    ("id=4", &[]),
    ("id__in=1,3,4", &[1, 3]),
    ("id__in=", &[1, 2, 3]),
    ("id__gt=1&id__lt=3", &[2]),
    ("id__gte=2", &[2, 3]),
    ("id__lte=2", &[1, 2]),
    ("id__ne=2", &[1, 3]),
    ("id__nin=1,2", &[3]),
    ("id=1&id=2", &[2]),
    ("push_id=2", &[2, 3]),
    ("push_id__in=1,2", &[1, 2, 3]),
    ("result_set_id=1", &[1]),
    ("result_set_id__in=2", &[2, 3]),
    ("push_id__gt=1", &[2, 3]),
    ("tier=2", &[2]),
    ("tier__lt=2", &[1, 3]),
    ("job_guid=pruning-2", &[2]),
    ("job_guid=PRUNING-2", &[]),
    ("job_guid=stoning-1", &[]),
    ("job_guid__in=pruning-1,pruning-2", &[1, 2]),
    ("last_modified=2017-07-14T02:40:02", &[2]),
    ("last_modified__gt=2017-07-14T02:40:01.000", &[2, 3]),
    ("last_modified__gte=2017-07-14T02:40:02Z&last_modified__lt=2017-07-14T02:40:03.000000", &[2]),
    ("last_modified__gt=2017-07-14T02:40:01&push_id__in=1,2", &[2, 3]),
    ("submit_timestamp=1384353600", &[1]),
    ("submit_timestamp=0", &[2, 3]),
    ("start_timestamp=1384353660&end_timestamp=1384353720", &[1]),
    ("submit_time__gte=2013-11-13T14:40:00", &[1]),
    ("start_time__lt=2013-11-13", &[2, 3]),
    ("end_time=2013-11-13T14:42:00", &[1]),
    ("state=running", &[2]),
    // The third job was superseded by the first before it began.
    ("state=completed", &[1, 3]),
    ("state=pending", &[]),
    ("state__in=running,completed", &[1, 2, 3]),
    ("result=superseded", &[3]),
    ("result=success", &[1]),
    ("result__ne=success", &[2, 3]),
    ("who=ben@example.org", &[2]),
    ("reason=nightly", &[2]),
    ("option_collection_hash=102210fe594ee9b33d82058545b1ed14f4c8206e", &[1, 3]),
    ("build_platform_id=2", &[2]),
    ("failure_classification_id=1", &[1, 2, 3]),
    ("failure_classification_id=2", &[]),
    ("job_type_id=2", &[2]),
    ("job_group_id=1", &[1, 3]),
    ("build_architecture=x86_64", &[1, 2, 3]),
    ("build_os=win", &[2]),
    ("build_platform=linux64", &[1, 3]),
    ("build_system_type=buildbot", &[2]),
    ("machine_name=press-7", &[2]),
    ("machine_platform_architecture=arm", &[]),
    ("machine_platform_os=linux", &[1, 3]),
    ("platform=windows11-64", &[2]),
    ("job_group_name=Pressing", &[2]),
    ("job_group_symbol=Pr", &[1, 3]),
    ("job_type_name=press-2", &[2]),
    ("job_type_name__in=press-2,prune-1", &[1, 2, 3]),
    ("job_type_symbol=1", &[1, 3]),
    ("ref_data_name=Press%20the%20quinces", &[2]),
    ("signature=none", &[]),
    ("job_group_symbol=Pr&job_type_symbol=2", &[]),
    ("count=1", &[1]),
    ("count=0", &[]),
    ("count=1&offset=1", &[2]),
    ("count=2000&offset=2", &[3]),
    ("offset=9223372036854775807", &[]),
    ("count=1&offset=1&push_id=2", &[3]),
];

#[tokio::test]
async fn a_list_has_the_jobs_that_its_filters_let_through_by_id() {
    on_each_database(async |world| {
        for (query, expected) in FILTERS {
            let list = world.read(&format!("/api/project/quince/jobs/?{query}")).await;
            assert_eq!(ids(&list["results"]), *expected, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_signature_and_the_reference_data_name_that_it_stands_for_find_the_same_jobs() {
    on_each_database(async |world| {
        let signature = world.read("/api/project/quince/jobs/1/").await["signature"].clone();
        for name in ["signature", "ref_data_name"] {
            let path = format!("/api/project/quince/jobs/?{name}={}", signature.as_str().unwrap());
            assert_eq!(ids(&world.read(&path).await["results"]), [1, 3], "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_lists_once_filtered_by_is_ignored_with_a_warning() {
    on_each_database(async |world| {
        let list = world.read("/api/project/quince/jobs/?visibility=included&running_eta=5").await;
        assert_eq!(
            list["meta"]["warnings"],
            serde_json::json!([
                "the parameter visibility is not supported and was ignored",
                "the parameter running_eta is not supported and was ignored"
            ])
        );
        assert_eq!(ids(&list["results"]), [1, 2, 3]);
    })
    .await;
}
