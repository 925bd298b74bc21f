//! Lines, details and performance data: sections 2, 5 and 6.

use super::super::Profile::{Of2018, Of2026};
use super::super::{Detail, LONGEST_LINE, Summary};
use super::{errors, parse};
use serde_json::{Value, json};

#[test]
fn lf_cr_lf_and_cr_end_a_line_and_nothing_else_does() {
    for (log, lines) in [
        ("", 0),
        ("a", 1),
        ("a\n", 1),
        ("a\nb", 2),
        ("a\r\nb\r\n", 2),
        ("a\rb\r", 2),
        ("a\n\rb", 3),
        ("a\r\r\nb", 3),
        ("\n\n", 2),
        ("a\u{b}b\u{c}c\u{85}d\u{2028}e\u{2029}f\0g", 1),
    ] {
        assert_eq!(parse(Of2018, log).lines, lines, "{log:?}");
    }
}

#[test]
fn a_line_is_cut_to_500_characters_before_anything_is_looked_for() {
    let ends_at_500 = format!("{}PROCESS-CRASH", "é".repeat(487));
    assert_eq!(errors(&parse(Of2026, &ends_at_500)).len(), 1);
    let ends_at_501 = format!("{}PROCESS-CRASH", "é".repeat(488));
    assert_eq!(errors(&parse(Of2026, &ends_at_501)), []);
}

#[test]
fn a_line_that_names_performance_data_is_used_whole() {
    let line = format!("abort: PERFHERDER_DATA {}", "x".repeat(900));
    assert_eq!(errors(&parse(Of2018, &line)), [(0, line.as_str())]);
}

#[test]
fn what_is_not_utf_8_is_replaced() {
    let log = parse(Of2018, b"abort: caf\xe9 \xf0\x9f\x90\x9e".as_slice());
    assert_eq!(errors(&log), [(0, "abort: caf\u{fffd} \u{1f41e}")]);
}

#[test]
fn white_space_at_the_end_of_an_error_goes_and_at_its_start_stays() {
    let log = parse(Of2018, "  TEST-UNEXPECTED-FAIL | x \t\u{b}\u{c}\r\n");
    assert_eq!(errors(&log), [(0, "  TEST-UNEXPECTED-FAIL | x")]);
}

/// Table 5.3, with the traps of 5.2 mended.
#[test]
fn details_in_each_form() {
    let link = |title: Value, value: &str, url: &str| json!({"content_type": "link", "title": title, "value": value, "url": url});
    let html = |value: &str| json!({"content_type": "raw_html", "value": value});
    for (line, expected) in [
        (
            "TinderboxPrint: <a href='https://b.example.test/gauge.png'>gauge.png</a>: uploaded",
            link("artifact uploaded".into(), "gauge.png", "https://b.example.test/gauge.png"),
        ),
        (
            "TinderboxPrint: build profile: <a class=\"x\" href=\"https://h.example.test/p?n=1\">profile 12</a>",
            link("build profile".into(), "profile 12", "https://h.example.test/p?n=1"),
        ),
        (
            "TinderboxPrint: <a title=\"size\" href='http://h.example.test/g#[[2,6,8]]'>size:291804</a>",
            link(Value::Null, "size:291804", "http://h.example.test/g#[[2,6,8]]"),
        ),
        (
            "TinderboxPrint: log: <a href=\"http://h.example.test/1\">one.txt</a>: uploaded",
            link("log".into(), "one.txt", "http://h.example.test/1"),
        ),
        (
            "TinderboxPrint: Perf: <a href=\"https://h.example.test/1\">run 1</a> \
             <a href=\"https://h.example.test/2\">run 2</a>",
            link("Perf".into(), "run 2", "https://h.example.test/2"),
        ),
        (
            "TinderboxPrint: demo_revlink: https://hg.example.test/demo/rev/112233",
            link(
                "demo_revlink".into(),
                "https://hg.example.test/demo/rev/112233",
                "https://hg.example.test/demo/rev/112233",
            ),
        ),
        (
            "TinderboxPrint: https://hg.example.test/demo/rev/112233",
            link(
                Value::Null,
                "https://hg.example.test/demo/rev/112233",
                "https://hg.example.test/demo/rev/112233",
            ),
        ),
        (
            "TinderboxPrint: rev: https://hg.example.test/rev/abc and more",
            link(
                "rev".into(),
                "https://hg.example.test/rev/abc and more",
                "https://hg.example.test/rev/abc and more",
            ),
        ),
        (
            "TinderboxPrint: widgets<br/>41/<em class=\"testfail\">1</em>/0",
            json!({"content_type": "raw_html", "title": "widgets",
                   "value": "41/<em class=\"testfail\">1</em>/0"}),
        ),
        (
            "TinderboxPrint: a<br/>b<br/>c",
            json!({"content_type": "raw_html", "title": "a", "value": "b<br/>c"}),
        ),
        (
            "TinderboxPrint: <a title=\"Local report\" href=\"/reports/7\">open</a>",
            json!({"content_type": "raw_html", "title": "Local report", "value": "open", "url": "/reports/7"}),
        ),
        (
            "TinderboxPrint: see <a href=\"/reports/7\" title=\"Local report\">open</a> now",
            json!({"content_type": "raw_html", "title": "Local report", "value": " now", "url": "/reports/7"}),
        ),
        ("TinderboxPrint: linker peak: 12345", html("linker peak: 12345")),
        ("10:00:00     INFO -  TinderboxPrint:s: demo-host-07", html("s: demo-host-07")),
        ("x TinderboxPrint: first TinderboxPrint: second", html("second")),
        ("TinderboxPrint: ", html("")),
        ("TinderboxPrint: note (x): https://h.example.test/1", html("note (x): https://h.example.test/1")),
        (
            "TinderboxPrint: Uploaded <a href=\"https://h.example.test/a\">a.txt</a>: uploaded",
            html("Uploaded <a href=\"https://h.example.test/a\">a.txt</a>: uploaded"),
        ),
        ("TinderboxPrint: href and title are words", html("href and title are words")),
        // A tag without a title, and an anchor without text, fail nothing.
        (
            "TinderboxPrint: title <a href=\"/reports/7\"></a>",
            json!({"content_type": "raw_html", "value": "title ", "url": "/reports/7"}),
        ),
    ] {
        let details = serde_json::to_value(parse(Of2018, line).details).unwrap();
        assert_eq!(details, json!([expected]), "{line}");
    }
    assert_eq!(parse(Of2018, "tinderboxprint: nothing").details, []);
    assert_eq!(parse(Of2026, "TinderboxPrint: linker peak: 12345").details, []);
}

#[test]
fn performance_data_runs_from_the_first_brace_to_the_last() {
    const DOCUMENT: &str = r#"{"framework": {"name": "talos"}, "suites": []}"#;
    let found = |line: &str| parse(Of2026, line).performance_data.len();
    assert_eq!(found(&format!("10:00 PERFHERDER_DATA: {DOCUMENT} done")), 1);
    assert_eq!(found(&format!("PERFHERDER_DATA:{DOCUMENT}")), 0, "white space has to stand between");
    assert_eq!(found(&format!("PERFHERDER_DATA: no PERFHERDER_DATA: {DOCUMENT}")), 1);
    assert_eq!(found(&format!("PERFHERDER_DATA: {DOCUMENT} and }}")), 0);
    assert_eq!(found(&format!("PERFHERDER_DATA: {DOCUMENT}\nPERFHERDER_DATA: {DOCUMENT}")), 2);
}

#[test]
fn performance_data_that_is_none_is_left_out_with_a_warning_that_says_why() {
    for (document, reason) in [
        ("{\"framework\": }", "not JSON"),
        ("{\"suites\": []}", "framework"),
        ("{\"framework\": {\"name\": \"x\"}, \"suites\": [{\"name\": \"y\"}]}", "subtests"),
        ("{\"framework\": {\"name\": \"x\"}, \"suites\": [], \"a\": NaN}", "not JSON"),
    ] {
        let log = parse(Of2018, format!("a\nPERFHERDER_DATA: {document}"));
        assert!(log.performance_data.is_empty());
        let [warning] = log.warnings.as_slice() else { panic!("{:?}", log.warnings) };
        assert!(warning.starts_with("line 1: ") && warning.contains(reason), "{warning}");
    }
}

#[test]
fn a_line_without_an_end_is_kept_only_so_far() {
    let mut log = b"abort: ".to_vec();
    log.resize(LONGEST_LINE + 100, b'x');
    log.extend_from_slice(b"\nabort: y");
    let parsed = parse(Of2018, &log);
    let lines: Vec<_> = errors(&parsed).iter().map(|(number, line)| (*number, line.len())).collect();
    assert_eq!(lines, [(0, 500), (1, 8)]);
    let document = format!("PERFHERDER_DATA: {{{}}}", " ".repeat(LONGEST_LINE));
    assert!(parse(Of2018, &document).warnings[0].contains("over 2097152 bytes"));
}

#[test]
fn the_longest_lines_do_not_add_up_to_more_text_than_is_kept() {
    let long = "x".repeat(1024 * 1024);
    let budget = 4 * 1024 * 1024;
    let lines = |line: String| parse(Of2018, format!("{line}\n").repeat(12));

    let printed = lines(format!("PERFHERDER_DATA TinderboxPrint: {long}"));
    let kept: usize = printed.details.iter().map(Detail::bytes).sum();
    assert!((budget / 2..=budget).contains(&kept), "{kept}");
    assert!(printed.warnings[0].starts_with("line 4: texts of the log are over"), "{:?}", printed.warnings);

    let aborted = lines(format!("abort: PERFHERDER_DATA {long}"));
    assert_eq!(errors(&aborted).len(), 3);
    assert!(matches!(aborted.summary, Summary::Steps { errors_truncated: true, .. }));

    let marker = "(results: 0, elapsed: 0 secs) (at";
    for name_and_time in [("PERFHERDER_DATA ", &*long), (&*long, "PERFHERDER_DATA")] {
        let (name, time) = name_and_time;
        let begun = lines(format!("========= Started {name} {marker} {time})"));
        let Summary::Steps { steps, errors_truncated } = &begun.summary else { unreachable!() };
        assert_eq!((steps.len(), errors_truncated), (3, &true));
    }
    let ended = lines(format!("output\n========= Finished PERFHERDER_DATA {marker} {long})"));
    let Summary::Steps { steps, errors_truncated } = &ended.summary else { unreachable!() };
    assert_eq!((steps.iter().filter(|step| step.finished.is_some()).count(), errors_truncated), (3, &true));

    let different: String = (0..12).map(|n| format!("abort: PERFHERDER_DATA {n} {long}\n")).collect();
    let flat = parse(Of2026, different);
    assert_eq!((errors(&flat).len(), flat.warnings.len()), (3, 9));
}

#[test]
fn logs_without_output_have_no_steps() {
    for log in ["", " \n\t\n", "builder: x\nslave: y\n", FINISHED] {
        let Summary::Steps { steps, errors_truncated } = parse(Of2018, log).summary else { panic!() };
        assert!(steps.is_empty() && !errors_truncated, "{log:?}");
    }
}

const FINISHED: &str =
    "========= Finished x (results: 0, elapsed: 0 secs) (at 2018-06-26 10:00:00.000000) =========\n";

/// Table 3.2.
#[test]
fn markers_of_steps() {
    let names = |line: &str| {
        let Summary::Steps { steps, .. } = parse(Of2018, line).summary else { panic!() };
        steps.into_iter().map(|step| step.name.into_string()).collect::<Vec<_>>()
    };
    for (line, name) in [
        ("========= Started a (b) 'c' (results: 0, elapsed: 1 secs) (at 2018) =========", "a (b) 'c'"),
        ("========= Started  (results: 0, elapsed: 1 secs) (at 2018)", ""),
        ("========= Started a (results: 7, elapsed: b (results: 0, elapsed: 1 secs) (at 2018)", "a"),
        (
            "========= Started a (results: x, elapsed: b (results: 0, elapsed: 1) (at 2018)",
            "a (results: x, elapsed: b",
        ),
        ("========== Started a (results: 0, elapsed: 1 secs) (at 2018)", "Unnamed step"),
        (" ========= Started a (results: 0, elapsed: 1 secs) (at 2018)", "Unnamed step"),
        ("========= Started a (results: -1, elapsed: 1 secs) (at 2018)", "Unnamed step"),
        ("========= Started (results: 0, elapsed: 1 secs) (at 2018)", "Unnamed step"),
        ("========= Skipped  (results: not started, elapsed: not started) =========", "Unnamed step"),
    ] {
        assert_eq!(names(line), [name], "{line}");
    }
}
