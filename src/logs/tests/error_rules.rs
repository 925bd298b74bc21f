//! Tables 4.2 to 4.5: what is an error and what only looks like one.

use super::super::Profile::{Of2018, Of2026};
use super::{errors, parse};

/// Which profiles take a line for an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    Both,
    Only2018,
    Only2026,
    Neither,
}
use In::{Both, Neither, Only2018, Only2026};

fn taken_by(line: &str) -> In {
    let is_error = |profile| !errors(&parse(profile, line)).is_empty();
    match (is_error(Of2018), is_error(Of2026)) {
        (true, true) => Both,
        (true, false) => Only2018,
        (false, true) => Only2026,
        (false, false) => Neither,
    }
}

fn check(rows: &[(&str, In)]) {
    for (line, expected) in rows {
        assert_eq!(taken_by(line), *expected, "{line:?}");
    }
}

#[test]
fn level_rule() {
    check(&[
        ("10:00:00    ERROR - x", Both),
        ("10:00:00 CRITICAL - x", Both),
        ("1:2:3 FATAL - x", Both),
        ("10:00:00    ERROR -", Neither),
        ("10:00:00    ERROR - ", Both),
        ("10:00:00ERROR - x", Neither),
        ("10:00    ERROR - x", Neither),
        (" 10:00:00 ERROR - x", Neither),
        ("10:00:00 WARNING - x", Neither),
    ]);
}

#[test]
fn markers_anywhere_in_the_line() {
    check(&[
        ("a TEST-UNEXPECTED-FAIL | b", Both),
        ("x fatal error: y", Both),
        ("x Fatal error: y", Neither),
        ("x FATAL ERROR y", Both),
        ("x REFTEST ERROR y", Both),
        ("x PROCESS-CRASH y", Both),
        ("x Assertion failure: y", Both),
        ("x Assertion failed: y", Both),
        ("x Assertion fail y", Only2026),
        ("x ###!!! ABORT: y", Both),
        ("x E/GeckoLinker y", Only2018),
        ("SUMMARY: AddressSanitizer y", Both),
        ("SUMMARY: LeakSanitizer y", Only2018),
        ("SUMMARY: ThreadSanitizer y", Both),
        ("SUMMARY: UndefinedBehaviorSanitizer y", Only2026),
        ("SUMMARY: OtherSanitizer y", Neither),
        ("x ThreadSanitizer: nested bug", Only2026),
        ("x Automation Error: y", Both),
        ("x command timed out: y", Both),
        ("x wget: unable to", Both),
        ("x wget: unable ", Neither),
        ("x TEST-VALGRIND-ERROR y", Only2018),
        ("[  FAILED  ] Gauge", Both),
        ("x [  FAILED  ] Gauge", Only2018),
        ("[  FAILED  ] ", Neither),
        ("x Hit MOZ_CRASH(y)", Only2026),
        ("x bash.exe: *** y", Only2026),
        ("bash: fork: Resource temporarily unavailable", Neither),
        ("Unsuccessful task run with exit code: 137 completed", Only2026),
        ("Unsuccessful task run with exit code: 1 completed", Neither),
        ("YOU ARE LEAKING THE WORLD", Only2026),
    ]);
}

#[test]
fn markers_at_the_start_of_the_line() {
    check(&[
        ("error: TEST FAILED", Only2018),
        ("xerror: TEST FAILED", Neither),
        ("make[2]: *** [all] Error 2", Both),
        ("gmake: *** x", Both),
        ("make : ***", Neither),
        ("amake: ***", Neither),
        ("make[a]: *** x", Neither),
        ("Remote Device Error: x", Only2018),
        ("ValueError: bad", Both),
        (".Error: x", Both),
        ("Error: x", Neither),
        ("aError:x", Neither),
        ("My Error: x", Neither),
        ("E2Error: x", Neither),
        ("Exception: x", Both),
        ("a.b.Exception: x", Both),
        ("Exception:", Neither),
        ("remoteFailed:", Both),
        ("rm: cannot remove", Both),
        ("rm: cannot", Neither),
        ("abort:x", Both),
        ("x abort:x", Neither),
        ("Output exceeded 100 bytes", Only2018),
        ("Output exceeded  bytes", Neither),
        ("The web-page 'stop build' button was pressed", Only2018),
        ("a/b.js: line 1, col 2, Error - x", Only2018),
        ("a/b.jsm: line 1, col 2, Error - x", Neither),
        ("a/b.js: line 1, col 2, Warning - x", Neither),
        ("[taskcluster] Error: x", Both),
        ("[taskcluster:error] x", Both),
        ("[run.sh:exception]", Both),
        ("[a b:error]", Neither),
        ("[x:Error]", Neither),
        ("[:error]", Neither),
    ]);
}

#[test]
fn patterns_anywhere_in_the_line() {
    check(&[
        ("x error(12): y", Both),
        ("x error(): y", Both),
        ("x error(a): y", Neither),
        ("error(12):", Neither),
        ("demo.c:12: error: x", Both),
        ("demo.c:12:error: x", Neither),
        ("demo.c: error: x", Neither),
        ("x error C2065: y", Both),
        ("x error RC12: y", Both),
        ("x error C: y", Both),
        ("x error : y", Neither),
        ("x error R: y", Neither),
        ("2018-01-01 ERROR 404: x", Both),
        ("ERROR 599: x", Both),
        ("ERROR 304:", Neither),
        ("ERROR 4040:", Neither),
        ("a\\mozmake.EXE: *** x", Both),
        ("mozmake.exe[1]: *** x", Both),
        ("mozmake.Exe: ***", Neither),
    ]);
}

#[test]
fn what_is_excused() {
    check(&[
        ("TEST-INFO | TEST-UNEXPECTED-FAIL", Neither),
        ("10:00:00 ERROR - quoting TEST-PASS | x", Neither),
        ("TEST-INFO: TEST-UNEXPECTED-FAIL", Both),
        (
            "10:00:00 ERROR - A content process crashed and MOZ_CRASHREPORTER_SHUTDOWN is set, shutting down",
            Only2018,
        ),
        ("I/Gecko  (  99): TEST-UNEXPECTED-FAIL | x", Neither),
        ("I Robocop: TEST-UNEXPECTED-FAIL | x", Only2026),
        ("I/TestRunner TEST-UNEXPECTED-FAIL | x", Neither),
        ("E/Gecko TEST-UNEXPECTED-FAIL | x", Both),
        ("TEST-UNEXPECTED-FAIL | I/Gecko", Both),
        ("TimeoutException: abort: TEST-UNEXPECTED-FAIL", Neither),
        ("ImportError: No module named pygtk", Neither),
        ("ImportError: No module named pygtk2", Both),
        ("fatal error: Assertion failure", Only2018),
        ("TEST-UNEXPECTED-WARNING | x", Only2018),
        ("TEST-UNEXPECTED-WARNINGS | x", Both),
        ("a non-fatal error happened", Only2018),
    ]);
}

#[test]
fn harness_prefix_is_taken_off_before_markers_are_looked_for() {
    check(&[
        ("10:00:00     INFO -  ValueError: bad gauge", Both),
        ("10:00:00 DEBUG - abort:", Both),
        ("10:00:01     INFO -  see ValueError: bad gauge", Neither),
        ("10:00:01     INFO -ValueError: bad gauge", Neither),
    ]);
}

/// Rule 4.2, after the line that turns it on.
#[test]
fn task_runner_prefix_is_taken_off_once_a_task_runner_speaks() {
    for (line, expected) in [
        ("[vcs 2018-06-26T09:00:04Z] abort: x", Some("abort: x")),
        ("[2018- x] abort: x", Some("abort: x")),
        ("[task 2018-01-01]abort: x", None),
        ("[task 1999-01-01] abort: x", None),
        ("[taskcluster:x 2018-01-01] abort: x", None),
        ("[a] [b 2018-01-01Z] abort: x", None),
    ] {
        for profile in [Of2018, Of2026] {
            let log = parse(profile, format!("[taskcluster 2018-06-26 09:00:00.001Z] a\n{line}\n"));
            assert_eq!(
                errors(&log),
                expected.map(|text| (1, text)).into_iter().collect::<Vec<_>>(),
                "{line}"
            );
        }
        assert_eq!(errors(&parse(Of2018, line)), [], "{line} without a task runner");
    }
    for line in ["[taskcluster] a", "[taskcluster:error2] a"] {
        let log = parse(Of2018, format!("{line}\n[vcs 2018-06-26T09:00:04Z] abort: x\n"));
        assert_eq!(errors(&log), [], "{line} turns nothing on");
    }
}
