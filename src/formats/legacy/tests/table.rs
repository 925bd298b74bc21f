//! Table 2.1 of the ingest contract, row by row: what becomes of a member that is absent, empty, null, a
//! number, or too long.

use super::{PROJECT, REVISION, bare, broken, decoded, job, json, warnings, with};
use crate::core::Content;
use crate::domain::{Job, RawFormat};
use crate::formats::decode;
use crate::limits;
use serde_json::Value;

/// What becomes of a value.
#[derive(Debug, Clone, Copy)]
enum Becomes {
    /// It is stored like this.
    Is(&'static str),
    /// It breaks this rule.
    Breaks(&'static str),
}

use Becomes::{Breaks, Is};

/// A row of the table.
struct Row {
    field: &'static str,
    stored: fn(&Job) -> String,
    missing: Becomes,
    empty: Becomes,
    null: Becomes,
    zero: Becomes,
    /// Most code points, and what becomes of a longer text: it is cut if this is None.
    limit: (usize, Option<Becomes>),
}

fn state(job: &Job) -> String {
    job.state.as_str().into()
}

const UNKNOWN: Becomes = Is("unknown");
const TYPE: Becomes = Breaks("type");
const TOO_LONG: Option<Becomes> = Some(Breaks("maxLength"));

fn rows() -> Vec<Row> {
    let row = |field, stored, [missing, empty, null, zero]: [Becomes; 4], limit| Row {
        field,
        stored,
        missing,
        empty,
        null,
        zero,
        limit,
    };
    vec![
        row(
            "job_guid",
            |j| j.guid.to_string(),
            [Breaks("required"), Breaks("minLength"), TYPE, TYPE],
            (50, None),
        ),
        row(
            "name",
            |j| j.reference.job_type.name.clone(),
            [UNKNOWN, UNKNOWN, UNKNOWN, Is("0")],
            (140, TOO_LONG),
        ),
        row(
            "job_symbol",
            |j| j.reference.job_type.symbol.clone(),
            [UNKNOWN, UNKNOWN, UNKNOWN, Is("0")],
            (35, TOO_LONG),
        ),
        row(
            "group_name",
            |j| j.reference.group.name.clone(),
            [UNKNOWN, UNKNOWN, UNKNOWN, Is("0")],
            (255, TOO_LONG),
        ),
        row(
            "group_symbol",
            |j| j.reference.group.symbol.clone(),
            [UNKNOWN, UNKNOWN, UNKNOWN, Is("0")],
            (25, TOO_LONG),
        ),
        row("product_name", |j| j.product.clone(), [UNKNOWN, UNKNOWN, TYPE, TYPE], (125, TOO_LONG)),
        row("state", state, [UNKNOWN, UNKNOWN, UNKNOWN, TYPE], (25, None)),
        row("result", |j| j.result.as_str().into(), [UNKNOWN, Is(""), TYPE, Is("0")], (25, TOO_LONG)),
        row("reason", |j| j.reason.clone(), [UNKNOWN, UNKNOWN, UNKNOWN, TYPE], (125, None)),
        row("who", |j| j.who.clone(), [UNKNOWN, UNKNOWN, UNKNOWN, TYPE], (50, None)),
        row("machine", |j| j.machine.clone(), [UNKNOWN, Is(""), TYPE, Is("0")], (100, TOO_LONG)),
        row(
            "build_system_type",
            |j| j.reference.build_system.clone(),
            [Is("buildbot"), Is(""), TYPE, TYPE],
            (25, TOO_LONG),
        ),
        row(
            "reference_data_name",
            |j| j.reference.reference_data_name.clone().unwrap_or("None".into()),
            [Is("None"), Is(""), Is("None"), TYPE],
            (255, TOO_LONG),
        ),
        row(
            "desc",
            |j| j.description.clone().unwrap_or("None".into()),
            [Is("None"), Is("None"), Is("None"), Is("0")],
            (65_536, None),
        ),
    ]
}

#[track_caller]
fn check(row: &Row, item: &Value, becomes: Becomes) {
    let found = decoded(item);
    match becomes {
        Is(expected) => {
            assert_eq!((row.stored)(&job(item)), expected, "{}: {item}", row.field);
            assert_eq!(warnings(&found), [], "{item}");
        }
        Breaks(rule) => assert_eq!(broken(&found), [(&*format!("/job/{}", row.field), rule)], "{item}"),
    }
}

#[test]
fn every_member_has_its_own_answer_to_absent_empty_null_and_a_number() {
    for row in rows() {
        let mut missing = bare();
        missing["job"].as_object_mut().unwrap().remove(row.field);
        check(&row, &missing, row.missing);
        check(&row, &with(row.field, json!("")), row.empty);
        check(&row, &with(row.field, json!(null)), row.null);
        check(&row, &with(row.field, json!(0)), row.zero);
    }
}

#[test]
fn what_is_too_long_is_cut_with_a_warning_or_refused_and_lengths_are_code_points() {
    for row in rows() {
        let (limit, beyond) = row.limit;
        let longest = "ü".repeat(limit);
        assert_eq!((row.stored)(&job(&with(row.field, json!(longest)))), longest, "{}", row.field);

        let item = with(row.field, json!(format!("{longest}x")));
        match beyond {
            Some(beyond) => check(&row, &item, beyond),
            None => {
                let path = format!("/job/{}", row.field);
                assert_eq!((row.stored)(&job(&item)), longest, "{}", row.field);
                assert_eq!(warnings(&decoded(&item)), [(&*path, "cut", &*limit.to_string())]);
            }
        }
    }
}

#[test]
fn nul_is_refused_in_every_member() {
    for row in rows() {
        let path = format!("/job/{}", row.field);
        assert_eq!(broken(&decoded(&with(row.field, json!("a\0b")))), [(&*path, "nul")]);
    }
}

#[test]
fn what_is_neither_text_nor_number_is_refused_except_as_a_description() {
    for row in rows().into_iter().filter(|row| row.field != "desc") {
        let path = format!("/job/{}", row.field);
        for wrong in [json!(true), json!([]), json!({})] {
            assert_eq!(broken(&decoded(&with(row.field, wrong))), [(&*path, "type")]);
        }
    }
    assert_eq!(job(&with("desc", json!({"a": 1}))).description, None);
}

#[test]
fn blanks_alone_are_no_product_but_are_a_name() {
    assert_eq!(job(&with("product_name", json!("  "))).product, "unknown");
    assert_eq!(job(&with("name", json!("  "))).reference.job_type.name, "  ");
}

#[test]
fn numbers_become_their_decimal_text() {
    assert_eq!(job(&with("job_symbol", json!(17))).reference.job_type.symbol, "17");
    assert_eq!(job(&with("result", json!(-1))).result.as_str(), "-1");
    assert_eq!(job(&with("machine", json!(1.5))).machine, "1.5");
}

#[test]
fn other_words_for_state_and_result_are_stored_as_they_are() {
    let item = json!({"revision": REVISION, "job": {"job_guid": "guid", "state": "TODO", "result": "foo"}});
    let job = job(&item);
    assert_eq!((job.state.as_str(), job.result.as_str()), ("TODO", "foo"));
    assert_eq!(job.state.rank(), None, "a word outside the lifecycle");
}

#[test]
fn the_guid_is_cut_before_anything_looks_it_up() {
    let long = "g".repeat(60);
    let job = job(&with("job_guid", json!(long)));
    assert_eq!(job.guid.as_str(), &long[..limits::JOB_GUID]);
}

#[test]
fn parts_of_a_platform_are_unknown_if_absent_and_kept_if_empty() {
    for key in ["build_platform", "machine_platform"] {
        let parts = |value: Value| {
            let reference = job(&with(key, value)).reference;
            let platform =
                if key == "build_platform" { reference.build_platform } else { reference.machine_platform };
            [platform.os_name, platform.platform, platform.architecture]
        };
        assert_eq!(parts(json!({})), ["unknown"; 3]);
        assert_eq!(parts(json!({"os_name": "", "platform": "", "architecture": ""})), [""; 3]);
        let longest = ["o".repeat(25), "p".repeat(100), "a".repeat(25)];
        let [os_name, platform, architecture] = &longest;
        let of_longest = json!({"os_name": os_name, "platform": platform, "architecture": architecture});
        assert_eq!(parts(of_longest), longest);

        for wrong in [json!(null), json!(""), json!("linux"), json!([])] {
            assert_eq!(broken(&decoded(&with(key, wrong))), [(&*format!("/job/{key}"), "type")]);
        }
        for (part, limit) in [("os_name", 25), ("platform", 100), ("architecture", 25)] {
            let path = format!("/job/{key}/{part}");
            let of = |value: Value| decoded(&with(key, json!({part: value})));
            assert_eq!(broken(&of(json!(null))), [(&*path, "type")]);
            assert_eq!(broken(&of(json!(7))), [(&*path, "type")]);
            assert_eq!(broken(&of(json!("x".repeat(limit + 1)))), [(&*path, "maxLength")]);
        }
    }
    let none = job(&bare()).reference;
    assert_eq!(none.build_platform, crate::domain::Platform::unknown());
    assert_eq!(none.machine_platform, crate::domain::Platform::unknown());
}

#[test]
fn the_tier_is_a_small_number_or_its_digits_and_1_by_default() {
    let tier = |value: Value| job(&with("tier", value)).tier;
    assert_eq!(job(&bare()).tier, 1);
    for (value, expected) in [
        (json!(""), 1),
        (json!(null), 1),
        (json!(0), 1),
        (json!("0"), 1),
        (json!(2), 2),
        (json!("3"), 3),
        (json!(2.0), 2),
        (json!(9), 9),
        (json!(32_767), 32_767),
    ] {
        assert_eq!(tier(value.clone()), expected, "{value}");
    }
    for (value, rule) in [
        (json!(-1), "minimum"),
        (json!(32_768), "maximum"),
        (json!("32768"), "maximum"),
        (json!("99999999999999999999"), "maximum"),
        (json!(1.5), "type"),
        (json!("one"), "pattern"),
        (json!("-1"), "pattern"),
        (json!(true), "type"),
        (json!([]), "type"),
    ] {
        assert_eq!(broken(&decoded(&with("tier", value.clone()))), [("/job/tier", rule)], "{value}");
    }
}

#[test]
fn the_revision_is_exact_or_a_prefix_of_at_least_12() {
    let of = |revision: Value| decoded(&json!({"revision": revision, "job": {"job_guid": "guid"}}));
    for length in [12, 39, 40] {
        assert_eq!(broken(&of(json!("a".repeat(length)))), []);
    }
    for (wrong, rule) in [
        (json!(""), "minLength"),
        (json!("a".repeat(11)), "minLength"),
        (json!("a".repeat(41)), "maxLength"),
        (json!(null), "type"),
        (json!(12), "type"),
    ] {
        assert_eq!(broken(&of(wrong)), [("/revision", rule)]);
    }
    let by_hash = json!({"revision_hash": "a".repeat(40), "job": {"job_guid": "guid"}});
    assert_eq!(broken(&decoded(&by_hash)), [("/revision", "required")]);
}

#[test]
fn the_project_of_the_url_counts_and_another_one_is_warned_of() {
    let mut item = bare();
    item["project"] = json!(PROJECT);
    assert_eq!(warnings(&decoded(&item)), []);
    item["project"] = json!("elsewhere");
    let found = decoded(&item);
    assert_eq!(warnings(&found), [("/project", "replaced", "")]);
    assert_eq!(job(&item).project.as_str(), PROJECT);
}

#[test]
fn an_item_without_a_project_or_with_a_wrong_one_is_refused_by_name() {
    let raw = bare().to_string().into();
    for (project, rule) in [(None, "required"), (Some(""), "minLength"), (Some("a b"), "pattern")] {
        let found = decode(RawFormat::LegacyJobJson, &raw, project);
        assert_eq!(broken(&found), [("/project", rule)]);
    }
}

#[test]
fn everything_that_is_wrong_is_listed_and_what_can_be_read_is_claimed() {
    let item = json!({"revision": REVISION, "job": {
        "job_guid": "guid", "tier": "one", "machine": null, "result": "r".repeat(26),
    }});
    let found = decoded(&item);
    assert_eq!(
        broken(&found),
        [("/job/machine", "type"), ("/job/result", "maxLength"), ("/job/tier", "pattern"),]
    );
    let Content::Invalid(refused) = found.content else { panic!("it is refused") };
    let claimed = refused.claimed;
    assert_eq!(claimed.project.as_deref(), Some(PROJECT));
    assert_eq!((claimed.revision.as_deref(), claimed.guid.as_deref()), (Some(REVISION), Some("guid")));
}

#[test]
fn what_is_no_item_is_refused_as_a_whole() {
    for (item, expected) in [
        (json!(null), ("", "type")),
        (json!(7), ("", "type")),
        (json!([]), ("", "type")),
        (json!({"revision": REVISION}), ("/job", "required")),
        (json!({"revision": REVISION, "job": null}), ("/job", "type")),
        (json!({"revision": REVISION, "job": {}}), ("/job/job_guid", "required")),
    ] {
        assert_eq!(broken(&decoded(&item)), [expected], "{item}");
    }
}

#[test]
fn the_signature_of_an_item_with_a_guid_and_a_revision_only() {
    // Test vector A6.
    let raw = bare().to_string().into();
    let found = decode(RawFormat::LegacyJobJson, &raw, Some("test_treeherder_jobs"));
    let Content::Job(job) = found.content else { panic!("it is a job") };
    let signature = job.reference.signature(&job.project).to_string();
    assert_eq!(signature, "7b2b9218494f2f53548ab016be80e7eb2b729045");
}
