//! Times, options, logs, superseded jobs and tasks of an item (ingest contract 2.6 to 2.10 and 2.13).

use super::{bare, broken, decoded, job, json, warnings, with};
use crate::domain::ParseStatus;
use serde_json::Value;

/// Seconds stored, or None for an unknown time.
fn seconds(value: Value) -> Option<i64> {
    let job = job(&with("start_timestamp", value));
    job.start_time.map(|time| time.timestamp())
}

#[test]
fn times_are_whole_unix_seconds_in_three_spellings() {
    for (value, expected) in [
        (json!(1_384_353_511), 1_384_353_511),
        (json!("1384353511"), 1_384_353_511),
        (json!(" 1384353511 "), 1_384_353_511),
        (json!(1_384_353_511.9), 1_384_353_511),
        (json!(-1.9), -1),
        (json!(-5), -5),
        (json!("-5"), -5),
        (json!(253_402_300_799_i64), 253_402_300_799),
    ] {
        assert_eq!(seconds(value.clone()), Some(expected), "{value}");
        assert_eq!(warnings(&decoded(&with("start_timestamp", value))), []);
    }
}

#[test]
fn an_absent_empty_null_or_zero_time_is_unknown() {
    assert_eq!(job(&bare()).submit_time, None);
    for value in [json!(""), json!(null), json!(0), json!("0"), json!(0.0)] {
        assert_eq!(seconds(value.clone()), None, "{value}");
        assert_eq!(warnings(&decoded(&with("start_timestamp", value))), []);
    }
}

#[test]
fn what_is_no_number_of_seconds_is_unknown_with_a_warning() {
    for value in [json!("2013-04-11"), json!("1387222817.9"), json!("-"), json!(true), json!([1]), json!({})]
    {
        assert_eq!(seconds(value.clone()), None, "{value}");
        let found = decoded(&with("start_timestamp", value));
        assert_eq!(warnings(&found), [("/job/start_timestamp", "replaced", "")]);
    }
}

#[test]
fn a_time_outside_the_years_1_to_9999_is_refused() {
    for (value, rule) in [
        (json!("20130411165317"), "maximum"),
        (json!(20_130_411_165_317_i64), "maximum"),
        (json!(1e300), "maximum"),
        (json!("9".repeat(40)), "maximum"),
        (json!(-62_135_596_801_i64), "minimum"),
        (json!(format!("-{}", "9".repeat(40))), "minimum"),
    ] {
        let found = decoded(&with("end_timestamp", value.clone()));
        assert_eq!(broken(&found), [("/job/end_timestamp", rule)], "{value}");
    }
}

#[test]
fn each_of_the_three_times_has_its_own_member() {
    let mut item = with("submit_timestamp", json!(1));
    item["job"]["start_timestamp"] = json!(2);
    item["job"]["end_timestamp"] = json!(3);
    let job = job(&item);
    let seconds = [job.submit_time, job.start_time, job.end_time].map(|time| time.unwrap().timestamp());
    assert_eq!(seconds, [1, 2, 3]);
}

#[test]
fn options_are_the_names_of_an_object_or_the_items_of_a_list() {
    let options = |value: Value| {
        let reference = job(&with("option_collection", value)).reference;
        (reference.options.names().map(str::to_owned).collect::<Vec<_>>(), reference.options.hash())
    };
    let none = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    let debug = "32faaecac742100f7753f0c1d0aa0add01b4046b";
    let both = "5475e096dbdfed812f04c47ffc593eed29b7c112";
    for (value, names, hash) in [
        (json!(""), &[][..], none),
        (json!({}), &[], none),
        (json!([]), &[], none),
        (json!({"debug": true}), &["debug"], debug),
        (json!({"debug": false}), &["debug"], debug),
        (json!(["debug", "asan"]), &["asan", "debug"], both),
        (json!(["debug", "asan", "debug"]), &["asan", "debug"], both),
    ] {
        assert_eq!(
            options(value.clone()),
            (names.iter().map(ToString::to_string).collect(), hash.into()),
            "{value}"
        );
    }
    assert_eq!(job(&bare()).reference.options.names().len(), 0);
}

#[test]
fn options_that_are_no_names_are_refused() {
    let path = "/job/option_collection";
    let many: Vec<_> = (0..101).map(|number| number.to_string()).collect();
    let many_members: serde_json::Map<_, _> = many.iter().map(|name| (name.clone(), json!(true))).collect();
    for (value, at, rule) in [
        (json!("opt"), path.into(), "type"),
        (json!(null), path.into(), "type"),
        (json!(1), path.into(), "type"),
        (json!([1]), format!("{path}/0"), "type"),
        (json!(["a", ""]), format!("{path}/1"), "minLength"),
        (json!(["a\u{1f}b"]), format!("{path}/0"), "pattern"),
        (json!(["o".repeat(101)]), format!("{path}/0"), "maxLength"),
        (json!({"": true}), format!("{path}/"), "minLength"),
        (json!({"a\u{1f}b": true}), format!("{path}/a\u{1f}b"), "pattern"),
        (json!({"o".repeat(101): true}), format!("{path}/{}", "o".repeat(101)), "maxLength"),
        (json!({"a\0": true}), format!("{path}/a\u{2400}"), "nul"),
        (json!(many), path.into(), "maxItems"),
        (json!(many_members), path.into(), "maxProperties"),
    ] {
        assert_eq!(broken(&decoded(&with("option_collection", value.clone()))), [(&*at, rule)], "{value}");
    }
}

fn logs(value: Value) -> Vec<(String, String, ParseStatus)> {
    let logs = job(&with("log_references", value)).parts.logs;
    logs.into_iter().map(|log| (log.name, log.url, log.status)).collect()
}

#[test]
fn no_logs_can_be_said_in_four_ways() {
    assert_eq!(job(&bare()).parts.logs, []);
    for none in [json!(""), json!(null), json!([])] {
        assert_eq!(logs(none), []);
    }
}

#[test]
fn the_words_for_the_status_of_a_log() {
    use ParseStatus::{Failed, Parsed, Pending};
    for (word, expected) in [
        (json!("pending"), Pending),
        (json!("parsed"), Parsed),
        (json!("failed"), Failed),
        (json!("error"), Failed),
        (json!(""), Pending),
        (json!(null), Pending),
    ] {
        let value = json!([{"name": "n", "url": "u", "parse_status": word}]);
        assert_eq!(logs(value.clone()), [("n".to_owned(), "u".to_owned(), expected)], "{word}");
        assert_eq!(warnings(&decoded(&with("log_references", value))), []);
    }
    let other = json!([{"name": "n", "url": "u"}, {"name": "m", "url": "u", "parse_status": "done"}]);
    assert!(logs(other.clone()).iter().all(|(_, _, status)| *status == Pending));
    let found = decoded(&with("log_references", other));
    assert_eq!(warnings(&found), [("/job/log_references/1/parse_status", "replaced", "")]);
}

#[test]
fn a_log_without_name_or_url_has_unknown_ones_and_long_ones_are_cut() {
    let unknown = || ("unknown".to_owned(), "unknown".to_owned(), ParseStatus::Pending);
    for nameless in [json!({}), json!({"name": "", "url": ""}), json!({"name": null, "url": null})] {
        assert_eq!(logs(json!([nameless])), [unknown()]);
    }
    let long = json!([{"name": "n".repeat(51), "url": "u".repeat(513)}]);
    let cut = ("n".repeat(50), "u".repeat(512), ParseStatus::Pending);
    assert_eq!(logs(long.clone()), [cut]);
    let found = decoded(&with("log_references", long));
    assert_eq!(
        warnings(&found),
        [("/job/log_references/0/name", "cut", "50"), ("/job/log_references/0/url", "cut", "512")]
    );
}

#[test]
fn logs_of_one_name_and_url_are_one_and_what_is_known_of_it_wins() {
    let log = |status: &str| json!({"name": "n", "url": "u", "parse_status": status});
    let stored = logs(json!([log("pending"), log("parsed"), log("pending")]));
    assert_eq!(stored, [("n".to_owned(), "u".to_owned(), ParseStatus::Parsed)]);
}

#[test]
fn logs_that_are_none_are_refused() {
    for (value, path, rule) in [
        (json!("x"), "", "type"),
        (json!({}), "", "type"),
        (json!([1]), "/0", "type"),
        (json!([{"name": 1}]), "/0/name", "type"),
        (json!([{}, {"url": []}]), "/1/url", "type"),
        (json!([{"parse_status": 1}]), "/0/parse_status", "type"),
        (json!([{"name": "a\0"}]), "/0/name", "nul"),
        (json!(vec![json!({}); 1001]), "", "maxItems"),
    ] {
        let found = decoded(&with("log_references", value));
        assert_eq!(broken(&found), [(&*format!("/job/log_references{path}"), rule)]);
    }
}

#[test]
fn superseded_jobs_are_listed_under_two_keys_at_two_levels() {
    let mut item = bare();
    item["superseded"] = json!(["a", "b"]);
    item["coalesced"] = json!(["c", "a"]);
    item["job"]["superseded"] = json!(["d"]);
    item["job"]["coalesced"] = json!(["e", "d"]);
    let guids = |item: &Value| -> Vec<String> {
        job(item).parts.superseded.iter().map(ToString::to_string).collect()
    };
    assert_eq!(guids(&item), ["a", "b", "c", "d", "e"]);
    item["superseded"] = json!(null);
    assert_eq!(guids(&item), ["c", "a", "d", "e"]);
}

#[test]
fn superseded_guids_are_cut_like_the_jobs_own_which_is_never_among_them() {
    let mut item = bare();
    item["coalesced"] = json!(["x".repeat(60), "guid"]);
    let found = decoded(&item);
    assert_eq!(warnings(&found), [("/coalesced/0", "cut", "50"), ("/coalesced/1", "self_reference", "")]);
    let superseded = job(&item).parts.superseded;
    assert_eq!(superseded.iter().map(|guid| guid.as_str().len()).collect::<Vec<_>>(), [50]);
}

#[test]
fn superseded_lists_that_are_none_are_refused() {
    for (value, path, rule) in [
        (json!("guid"), "", "type"),
        (json!([""]), "/0", "minLength"),
        (json!([null]), "/0", "type"),
        (json!(["a\0"]), "/0", "nul"),
    ] {
        for level in ["", "/job"] {
            let mut item = bare();
            item.pointer_mut(level).unwrap()["superseded"] = value.clone();
            assert_eq!(broken(&decoded(&item)), [(&*format!("{level}/superseded{path}"), rule)]);
        }
    }
}

#[test]
fn a_task_counts_only_with_both_of_its_members() {
    let task = |id: Value, retry: Value| {
        let mut item = with("taskcluster_task_id", id);
        item["job"]["taskcluster_retry_id"] = retry;
        job(&item).parts.task.map(|task| (task.task_id, task.retry_id))
    };
    let id = || json!("bBscUh8OTDmaQAyPWtK58w");
    let stored = |retry: i32| Some(("bBscUh8OTDmaQAyPWtK58w".to_owned(), retry));
    assert_eq!(task(id(), json!(0)), stored(0));
    assert_eq!(task(id(), json!("2")), stored(2));
    for (id, retry) in
        [(id(), json!(null)), (id(), json!("")), (json!(null), json!(0)), (json!(""), json!(0))]
    {
        assert_eq!(task(id, retry), None);
    }
    for (member, value, rule) in [
        ("taskcluster_task_id", json!("x".repeat(23)), "maxLength"),
        ("taskcluster_task_id", json!(7), "type"),
        ("taskcluster_retry_id", json!(-1), "minimum"),
        ("taskcluster_retry_id", json!(2_147_483_648_i64), "maximum"),
        ("taskcluster_retry_id", json!("x"), "pattern"),
    ] {
        assert_eq!(broken(&decoded(&with(member, value))), [(&*format!("/job/{member}"), rule)]);
    }
    let mut late = with("taskcluster_task_id", id());
    late["job"]["taskcluster_retry_id"] = json!("2147483648");
    assert_eq!(broken(&decoded(&late)), [("/job/taskcluster_retry_id", "maximum")]);
}
