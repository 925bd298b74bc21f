//! The worked examples of the logs contract, section 9.

use super::super::Profile::{Of2018, Of2026};
use super::super::{Artifacts, Summary};
use super::{errors, parse, parse_in_blocks};
use serde_json::Value;

/// Compares a log with its expectation, in both profiles.
fn check(log: &str, expectation: &str) {
    let expectation: Value = serde_json::from_str(expectation).unwrap();
    let artifacts = &expectation["artifacts"];
    let log_url = artifacts["text_log_summary"]["logurl"].as_str().unwrap();
    let of_2018 = parse(Of2018, log);
    assert_eq!(serde_json::to_value(Artifacts { log_url, log: &of_2018 }).unwrap(), *artifacts);
    let of_2026 = parse(Of2026, log);
    let numbers: Vec<u64> = errors(&of_2026).into_iter().map(|(number, _)| number).collect();
    assert_eq!(serde_json::to_value(numbers).unwrap(), expectation["errors_of_2026"]);
}

#[test]
fn a_build_master_log() {
    check(include_str!("worked/build_master.txt"), include_str!("worked/build_master.json"));
}

#[test]
fn a_task_runner_log() {
    check(include_str!("worked/task_runner.txt"), include_str!("worked/task_runner.json"));
}

#[test]
fn a_log_without_markers_in_lines_that_end_with_cr_lf() {
    let log = include_str!("worked/no_markers.txt").replace('\n', "\r\n");
    check(&log, include_str!("worked/no_markers.json"));
}

#[test]
fn odd_markers() {
    check(include_str!("worked/odd_markers.txt"), include_str!("worked/odd_markers.json"));
}

#[test]
fn performance_data() {
    check(include_str!("worked/performance.txt"), include_str!("worked/performance.json"));
}

#[test]
fn blocks_of_every_size_give_the_same() {
    for text in [
        include_str!("worked/build_master.txt"),
        include_str!("worked/task_runner.txt"),
        include_str!("worked/odd_markers.txt"),
        include_str!("worked/performance.txt"),
    ] {
        for log in [text.to_owned(), text.replace('\n', "\r\n"), text.replace('\n', "\r")] {
            let whole = parse(Of2018, &log);
            for size in 1..=600 {
                let parts = parse_in_blocks(Of2018, log.as_bytes(), size);
                assert!(parts.summary == whole.summary && parts.details == whole.details, "blocks of {size}");
                assert_eq!(parts.lines, whole.lines, "blocks of {size}");
            }
        }
    }
}

/// Example 6: 101 errors in one step.
#[test]
fn a_step_keeps_100_errors() {
    let mut log =
        "========= Started cap (results: 0, elapsed: 0 secs) (at 2018-06-26 12:00:00.000000) =========\n"
            .to_owned();
    (0..=100).for_each(|number| log += &format!("abort: {number}\n"));
    log += "========= Finished cap (results: 0, elapsed: 0 secs) (at 2018-06-26 12:00:01.000000) =========\n";
    log += "abort: tail";
    let Summary::Steps { steps, errors_truncated } = parse(Of2018, &log).summary else { panic!() };
    let [cap, tail] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!((cap.started_line, cap.finished_line, cap.errors.len()), (0, 102, 100));
    assert_eq!((cap.errors[99].line_number, &*cap.errors[99].line), (100, "abort: 99"));
    assert_eq!((tail.started_line, tail.finished_line, tail.errors.len()), (103, 103, 1));
    assert!(errors_truncated);
    let exactly_100: String = (0..100).map(|number| format!("abort: {number}\n")).collect();
    assert!(matches!(parse(Of2018, exactly_100).summary, Summary::Steps { errors_truncated: false, .. }));
}

/// Example 6, and 4.6.
#[test]
fn a_log_of_2026_keeps_40_errors_and_drops_adjacent_repeats() {
    let log: String = (0..50).map(|number| format!("abort: {number}\nabort: {number}\n")).collect();
    let parsed = parse(Of2026, &log);
    let found = errors(&parsed);
    assert_eq!((found.len(), found[39]), (40, (78, "abort: 39")));
    let apart = parse(Of2026, "abort: a\nabort: b\nabort: a\n");
    assert_eq!(errors(&apart).len(), 3);
}

/// Example 6.
#[test]
fn where_a_line_is_cut() {
    let marker_behind_the_cut = format!("{}PROCESS-CRASH", "y".repeat(490));
    assert_eq!(errors(&parse(Of2018, marker_behind_the_cut)), []);
    for (log, start, length) in [
        (format!("TEST-UNEXPECTED-FAIL | {}", "x".repeat(600)), "TEST-UNEXPECTED-FAIL", 500),
        (
            format!(
                "[taskcluster 2018-06-26 09:00:00.001Z] z\n[task 2018-06-26T09:00:06.000000Z] abort: {}",
                "q".repeat(600)
            ),
            "abort: ",
            465,
        ),
        (
            format!("PERFHERDER_DATA abort: TEST-UNEXPECTED-{}", "w".repeat(600)),
            "PERFHERDER_DATA abort: ",
            639,
        ),
    ] {
        let parsed = parse(Of2018, &log);
        let [(_, line)] = errors(&parsed)[..] else { panic!("{parsed:?}") };
        assert!(line.starts_with(start));
        assert_eq!(line.len(), length);
    }
}
