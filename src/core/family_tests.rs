use super::*;
use crate::domain::{
    JobGuid, JobResult, NamedSymbol, OptionSet, Parts, Platform, ProjectName, ReferenceData, Revision,
};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
}

fn job(guid: &str, state: &str) -> Job {
    let named = || NamedSymbol { name: "n".into(), symbol: "s".into() };
    Job {
        guid: JobGuid::try_new(guid).unwrap(),
        project: ProjectName::try_new("quince").unwrap(),
        revision: Revision::try_new(&"a".repeat(40)).unwrap(),
        reference: ReferenceData {
            build_system: "mill".into(),
            build_platform: Platform::unknown(),
            machine_platform: Platform::unknown(),
            group: named(),
            job_type: named(),
            options: OptionSet::default(),
            reference_data_name: None,
        },
        state: JobState::from_word(state),
        result: JobResult::Unknown,
        tier: 1,
        who: "w".into(),
        reason: "r".into(),
        product: "p".into(),
        machine: "m".into(),
        submit_time: None,
        start_time: None,
        end_time: None,
        description: None,
        parts: Parts::default(),
    }
}

fn prepared(job: &Job) -> PreparedJob<'_> {
    PreparedJob {
        index: 0,
        job,
        repository_id: 1,
        push_id: 10,
        signature_id: 1,
        machine_id: 1,
        product_id: 1,
        tier: 1,
        digest: job.content_digest(),
        received_at: at(0),
        released: false,
    }
}

/// Folds the jobs in order into an empty database.
fn folded(jobs: &[Job]) -> (Families, Vec<Folded>) {
    let mut families = Families::default();
    let all = jobs.iter().enumerate().map(|(i, job)| families.fold(i, &prepared(job))).collect();
    (families, all)
}

fn guids(families: &Families) -> Vec<(&str, &str)> {
    families.rows.iter().map(|row| (&*row.now.guid, row.now.state.as_str())).collect()
}

#[test]
fn a_retry_takes_over_the_unfinished_row_of_its_base_guid_which_is_free_again() {
    let (families, all) = folded(&[job("abc", "running"), job("abc_1", "completed"), job("abc", "pending")]);
    assert_eq!(all, [Folded::Created(0), Folded::Updated(0), Folded::Created(1)]);
    assert_eq!(guids(&families), [("abc_1", "completed"), ("abc", "pending")]);
}

#[test]
fn a_retry_never_takes_over_a_completed_row() {
    let (families, all) = folded(&[job("abc", "completed"), job("abc_2", "completed")]);
    assert_eq!(all, [Folded::Created(0), Folded::Created(1)]);
    assert_eq!(guids(&families), [("abc", "completed"), ("abc_2", "completed")]);
}

#[test]
fn a_retry_that_is_not_as_far_as_the_row_gets_a_row_of_its_own() {
    let (families, _) = folded(&[job("abc", "running"), job("abc_1", "pending")]);
    assert_eq!(guids(&families), [("abc", "running"), ("abc_1", "pending")]);
}

#[test]
fn a_retry_takes_over_only_inside_its_repository() {
    let (base, retry) = (job("abc", "running"), job("abc_1", "completed"));
    let mut families = Families::default();
    families.fold(0, &prepared(&base));
    let elsewhere = PreparedJob { repository_id: 2, ..prepared(&retry) };
    assert_eq!(families.fold(1, &elsewhere), Folded::Created(1));
}

#[test]
fn a_repeat_of_what_a_taken_over_row_remembers_is_a_duplicate() {
    let base = job("abc", "running");
    let (families, all) = folded(&[base.clone(), job("abc_1", "completed"), base]);
    assert_eq!(all[2], Folded::Duplicate(0));
    assert_eq!(guids(&families), [("abc_1", "completed")]);
}

#[test]
fn a_guid_of_another_repository_is_refused() {
    let first = job("abc", "running");
    let second = job("abc", "completed");
    let mut families = Families::default();
    families.fold(0, &prepared(&first));
    let elsewhere = PreparedJob { repository_id: 2, ..prepared(&second) };
    assert_eq!(families.fold(1, &elsewhere), Folded::WrongRepository(1));
}

#[test]
fn a_late_release_advances_the_state_and_stays_on_the_push() {
    let (stored, late) = (job("abc", "pending"), job("abc", "completed"));
    let mut families = Families::default();
    families.fold(0, &PreparedJob { received_at: at(10), push_id: 10, ..prepared(&stored) });
    let late = PreparedJob { received_at: at(5), push_id: 11, released: true, ..prepared(&late) };
    assert_eq!(families.fold(1, &late), Folded::Updated(0));
    assert_eq!((families.rows[0].now.push_id, families.rows[0].now.state.as_str()), (10, "completed"));
    assert_eq!(families.rows[0].now.received_at, at(10));
}

#[test]
fn of_several_superseding_jobs_the_greatest_guid_stays_whatever_the_order() {
    for order in [["x", "y"], ["y", "x"]] {
        let (mut families, _) = folded(&[job("abc", "pending")]);
        for by in order {
            families.rows[0].supersede(by);
        }
        assert_eq!(families.rows[0].now.superseded_by.as_deref(), Some("y"));
    }
}

#[test]
fn a_job_that_completed_on_its_own_is_not_superseded() {
    let (mut families, _) = folded(&[job("abc", "completed")]);
    assert!(!families.rows[0].supersede("x"));
}

#[test]
fn an_own_completion_clears_what_superseded_the_job() {
    let (mut families, _) = folded(&[job("abc", "pending")]);
    families.rows[0].supersede("x");
    let completed = job("abc", "completed");
    families.fold(1, &prepared(&completed));
    assert_eq!(families.rows[0].now.superseded_by, None);
}

#[test]
fn the_row_of_a_guid_is_that_of_its_time() {
    let (families, _) = folded(&[job("abc", "running"), job("abc_1", "completed"), job("abc", "pending")]);
    // After so many submissions; before the first, and while the guid is free, it is the next to get it.
    for (applied, row) in [(0, 0), (1, 0), (2, 1), (3, 1)] {
        assert_eq!(families.row_at("abc", applied), Some(row), "after {applied}");
    }
    assert_eq!(families.row_at("abc_1", 0), Some(0));
    assert_eq!(families.row_at("abd", 3), None);
    assert_eq!(families.new_guids().into_iter().collect::<Vec<_>>(), [(1, "abc"), (1, "abc_1")]);
}
