//! Real items of the Buildbot era. The signatures were computed by a program of its own from table 2.1 and
//! section 2.7 of the ingest contract.

use super::{Job, decode, job_of, warnings};
use crate::domain::{JobResult, JobState, LogReference, NamedSymbol, ParseStatus, Platform, RawFormat};
use crate::formats::tests::corpus::read;
use crate::formats::{Decoded, split_items};
use sha1::{Digest, Sha1};

const PROJECT: &str = "mozilla-central";

fn items() -> Vec<Decoded> {
    let Some(bytes) = read("jobs/legacy_jobs.jsonl") else { return Vec::new() };
    let items = split_items(&bytes);
    assert_eq!(items.len(), 152);
    items.iter().map(|raw| decode(RawFormat::LegacyJobJson, raw, Some(PROJECT))).collect()
}

fn signature(job: &Job) -> String {
    job.reference.signature(&job.project).to_string()
}

#[test]
fn all_are_jobs_and_only_long_names_of_submitters_are_cut() {
    for (number, decoded) in items().into_iter().enumerate() {
        let cut = [11, 43, 44, 64, 83, 109, 129].contains(&number);
        let expected = if cut { vec![("/job/who", "cut", "50")] } else { Vec::new() };
        assert_eq!(warnings(&decoded), expected, "item {number}");
        assert_eq!(decoded.for_other_jobs, []);
        let job = job_of(decoded);
        assert_eq!(job.state, JobState::Completed);
        assert_eq!(job.result, JobResult::Success);
        assert_eq!((job.tier, &*job.reason, &*job.reference.build_system), (1, "scheduler", "buildbot"));
        assert_eq!(job.parts.logs.len(), 1);
        assert_eq!(job.parts.superseded.len(), if number == 2 { 3 } else { 0 });
        assert_eq!((job.parts.artifacts.len(), job.parts.details.len()), (0, 0), "`artifact` is no member");
    }
}

#[test]
fn the_signatures_of_all_are_those_that_other_systems_compute() {
    let signatures: Vec<_> = items().into_iter().map(|item| signature(&job_of(item))).collect();
    if signatures.is_empty() {
        return;
    }
    for (number, expected) in [
        (0, "5bb6ec49547193d8d9274232cd9de61fb4ef2e59"),
        (1, "fe731dede26597a6680db17e4db2c0269055354d"),
        (2, "4d0b2647c39593195edda18fdc5172649e88c2c1"),
        (60, "faaa8bcbbfff2345743f2c36e0ef87905ebaf1b8"),
        (100, "4b388447570b1f6ef024e3757d1d2dbf4b7d0527"),
        (151, "22a7573357490194c4ab2684d4488a318a4bc999"),
    ] {
        assert_eq!(signatures[number], expected, "item {number}");
    }
    let all = hex::encode(Sha1::digest(signatures.join("\n")));
    assert_eq!(all, "f0b6753025b70217fe71b599895d24182bd1d5b1", "of all 152, a line each");
}

#[test]
fn the_first_item_field_by_field() {
    let Some(first) = items().into_iter().next() else { return };
    let job = job_of(first);
    let b2g =
        || Platform { os_name: "b2g".into(), platform: "b2g-emu-jb".into(), architecture: "x86".into() };
    let symbol = |name: &str, symbol: &str| NamedSymbol { name: name.into(), symbol: symbol.into() };
    assert_eq!(job.guid.as_str(), "f1c75261017c7c5ce3000931dce4c442fe0a1297");
    assert_eq!(job.project.as_str(), PROJECT);
    assert_eq!(job.revision.as_str(), "45f8637cb9f78f19cb8463ff174e81756805d8cf");
    assert_eq!(job.reference.build_platform, b2g());
    assert_eq!(job.reference.machine_platform, b2g());
    assert_eq!(job.reference.group, symbol("unknown", "?"));
    assert_eq!(job.reference.job_type, symbol("B2G Emulator Image Build", "B"));
    assert_eq!(job.reference.options.hash(), "32faaecac742100f7753f0c1d0aa0add01b4046b");
    let name = job.reference.reference_data_name.as_deref();
    assert_eq!(name, Some("b2g_mozilla-release_emulator-jb-debug_dep"));
    assert_eq!((&*job.who, &*job.machine), ("b2g_mozilla-release-b2g", "bld-linux64-ec2-132"));
    assert_eq!((&*job.product, job.description.as_deref()), ("b2g", None));
    let seconds = [job.submit_time, job.start_time, job.end_time].map(|time| time.unwrap().timestamp());
    assert_eq!(seconds, [1_384_353_546, 1_384_353_553, 1_384_364_989]);
    let url = "http://ftp.mozilla.org/pub/mozilla.org/b2g/tinderbox-builds/mozilla-release-emulator-jb-debug/\
               1384353546/b2g_mozilla-release_emulator-jb-debug_dep-bm62-build1-build17.txt.gz";
    let log = LogReference { name: "buildbot_text".into(), url: url.into(), status: ParseStatus::Pending };
    assert_eq!(job.parts.logs, [log]);
    assert_eq!(job.parts.task, None);
}
