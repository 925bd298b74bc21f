//! Table 8.8 of the logs contract, and the differences of 8.9.

use super::{Search, is_helpful};
use crate::logs::Profile::{Of2018, Of2026};

/// What a row of the table expects as term.
enum Term {
    Is(&'static str),
    WholeLine,
    None,
}

#[test]
fn terms_and_signatures_of_2018() {
    use Term::{Is, WholeLine};
    for (line, cleaned, term, signature) in [
        (
            "08:00:07  WARNING -  TEST-UNEXPECTED-FAIL | widgets/test_gauge.html | dial reads 7, expected 9",
            Some("TEST-UNEXPECTED-FAIL | widgets/test_gauge.html | dial reads 7, expected 9"),
            Is("test_gauge.html"),
            None,
        ),
        ("08:00:09    ERROR - Return code: 1", Some("Return code: 1"), Term::None, None),
        ("08:00:09    ERROR - Return code: 3", Some("Return code: 3"), WholeLine, None),
        ("TEST-UNEXPECTED-FAIL | C:\\demo\\gauge\\test_dial.js | msg", None, Is("test_dial.js"), None),
        (
            "REFTEST TEST-UNEXPECTED-FAIL | file:///d/ref/fold-1.html == file:///d/ref/fold-1-ref.html | image",
            None,
            Is("fold-1.html"),
            None,
        ),
        (
            "REFTEST PROCESS-CRASH | http://192.0.2.9/d/fold-2.html != http://192.0.2.9/d/w.html?g | \
             application crashed [@ demo::Fold]",
            None,
            Is("fold-2.html"),
            Some("demo::Fold"),
        ),
        (
            "GECKO(1234) | TEST-UNEXPECTED-FAIL | widgets/test_gauge.html | no signal",
            None,
            Is("test_gauge.html"),
            None,
        ),
        (
            "PID 1234 | TEST-UNEXPECTED-FAIL | widgets/test_gauge.html | no signal",
            None,
            Is("test_gauge.html"),
            None,
        ),
        (
            "GECKO(1234) | TEST-UNEXPECTED-FAIL | widgets/test_gauge.html",
            None,
            Is("TEST-UNEXPECTED-FAIL"),
            None,
        ),
        (
            "TEST-UNEXPECTED-FAIL | leakcheck | tab process: 2048 bytes leaked (Dial, Gauge, Needle)",
            None,
            Is("Dial, Gauge, Needle"),
            None,
        ),
        (
            "TEST-UNEXPECTED-FAIL | leakcheck | 2048 bytes leaked (Dial, Gauge) in total",
            None,
            WholeLine,
            None,
        ),
        (
            "TEST-UNEXPECTED-FAIL | LeakSanitizer | leak at demo_alloc, Dial::Init",
            None,
            Is("demo_alloc, Dial::Init"),
            None,
        ),
        (
            "PROCESS-CRASH | Shutdown | application crashed [@ demo::Fold]",
            None,
            WholeLine,
            Some("demo::Fold"),
        ),
        ("PROCESS-CRASH | Shutdown | application crashed [@ mozalloc_abort]", None, WholeLine, None),
        (
            "PROCESS-CRASH | suite/test_fold.js | application crashed [@ demo::Fold]",
            None,
            Is("test_fold.js"),
            Some("demo::Fold"),
        ),
        ("TEST-UNEXPECTED-FAIL | widgets/ | trailing slash", None, WholeLine, None),
        ("TEST-UNEXPECTED-FAIL | a.js | name of four characters", None, WholeLine, None),
        ("TEST-UNEXPECTED-FAIL |  padded name  | msg", None, Is(" padded name "), None),
        ("TEST-UNEXPECTED-FAIL | only two tokens", None, WholeLine, None),
        ("Automation Error: no dump folder found", None, WholeLine, None),
        ("make", None, Term::None, None),
        (
            "command timed out: 1200 seconds without output running ['/opt/demo/bin/runner', 'run.py', \
             '--suite', 'widgets', '--chunk', '3']",
            None,
            Is("command timed out: 1200 seconds without output running ['/opt/demo/bin/runner', 'run.py', \
                '--suite',"),
            None,
        ),
    ] {
        let search = Search::of_line(line, Of2018);
        let cleaned = cleaned.unwrap_or(line);
        assert_eq!(search.line, cleaned);
        let expected = match term {
            Is(term) => Some(term),
            WholeLine => Some(cleaned),
            Term::None => None,
        };
        assert_eq!(search.term.as_ref().map(|term| &*term.text), expected, "{line}");
        assert_eq!(search.crash_signature.as_deref(), signature, "{line}");
    }
}

#[test]
fn cleaning_of_2026_takes_out_what_differs_from_run_to_run() {
    for (line, cleaned) in [
        ("10:00:00 INFO - PID 77 | TEST-UNEXPECTED-FAIL | a | b", "TEST-UNEXPECTED-FAIL | a | b"),
        ("GECKO(12) | x | GECKO(13) | y", "x | y"),
        ("[Child 1234, Main Thread] x at a/b.cpp:77", "[Child X, Y Thread] x at a/b.cpp:X"),
        ("[Parent 9, IPC I_O Thread] x", "[Parent X, Y Thread] x"),
        ("[123] x", "x"),
    ] {
        assert_eq!(Search::of_line(line, Of2026).line, cleaned, "{line}");
    }
}

#[test]
fn terms_of_2026() {
    for (line, term, path_end) in [
        (
            "PROCESS-CRASH | application crashed [@ demo::Fold] | suite/test_fold.js",
            "application crashed [@ demo::Fold]",
            Some("suite/test_fold.js"),
        ),
        (
            "TEST-UNEXPECTED-FAIL | C:\\demo\\gauge\\test_dial.js | msg",
            "test_dial.js",
            Some("C:/demo/gauge/test_dial.js"),
        ),
        (
            "TEST-UNEXPECTED-ERROR | marionette/test_dial.py TestDial.test_x | msg",
            "test_dial.py",
            Some("marionette/test_dial.py"),
        ),
        ("TEST-UNEXPECTED-FAIL | only two tokens", "only two tokens", None),
        (
            "TEST-UNEXPECTED-FAIL | leakcheck | tab process: 2048 bytes leaked (Dial, Gauge)",
            "Dial, Gauge",
            None,
        ),
    ] {
        let found = Search::of_line(line, Of2026).term.unwrap();
        assert_eq!((&*found.text, found.path_end.as_deref()), (term, path_end), "{line}");
    }
}

#[test]
fn a_signature_of_2026_has_something_after_it() {
    let signature = |line| Search::of_line(line, Of2026).crash_signature;
    let line = "PROCESS-CRASH | application crashed [@ demo::Fold] | suite/test_fold.js";
    assert_eq!(signature(line).as_deref(), Some("demo::Fold"));
    assert_eq!(signature("PROCESS-CRASH | a | application crashed [@ demo::Fold]"), None);
}

#[test]
fn what_is_short_or_known_is_not_helpful() {
    for (text, of_2018, of_2026) in [
        ("abcd ", false, false),
        ("abcde", true, true),
        (" Shutdown ", false, false),
        ("Exiting 1", false, true),
        ("LeakSanitizer", true, false),
        ("éééé", false, false),
    ] {
        assert_eq!((is_helpful(text, Of2018), is_helpful(text, Of2026)), (of_2018, of_2026), "{text:?}");
    }
}
