//! The page of a list of jobs: which rows, found by which index.

use super::{Comparison, Condition, JobCondition, JobNumber, JobText, Window};
use crate::domain::{JobResult, JobState};
use crate::store::entities::jobs::job;
use crate::store::entities::reference_data::{
    build_platform, job_group, job_type, machine, machine_platform, option_collection, signature,
};
use sea_orm::sea_query::{
    CaseStatement, Expr, ExprTrait, IntoColumnRef, IntoIden, Order, Query, SelectStatement,
};

/// Which index finds the jobs. Databases misjudge lists that are cut: they rather walk through a whole
/// repository in the wanted order than sort the few rows of one push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    /// (repository, id): walked in order until the page is full.
    Repository,
    /// (repository, last modification): what changed lately, then sorted.
    Modification,
    /// Guid or push: few rows, then sorted.
    Values,
}

impl Path {
    fn of(conditions: &[JobCondition]) -> Self {
        let mut path = Self::Repository;
        for condition in conditions {
            match condition {
                Condition::Text(JobText::Guid, comparison) if comparison.names_values() => {
                    return Self::Values;
                }
                Condition::Number(JobNumber::PushId, comparison) if comparison.names_values() => {
                    return Self::Values;
                }
                Condition::Number(
                    JobNumber::LastModified,
                    Comparison::Equal(_) | Comparison::Greater(_) | Comparison::AtLeast(_),
                ) => path = Self::Modification,
                _ => {}
            }
        }
        path
    }
}

/// The time since when jobs must have changed, if that is what finds them.
pub(super) fn changed_since(conditions: &[JobCondition]) -> Option<i64> {
    conditions.iter().filter(|_| Path::of(conditions) == Path::Modification).find_map(|condition| {
        match condition {
            Condition::Number(
                JobNumber::LastModified,
                Comparison::Greater(time) | Comparison::AtLeast(time),
            ) => Some(*time),
            _ => None,
        }
    })
}

/// How much of a repository the conditions let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Share {
    /// Not known: what their index finds is taken to be little.
    Unknown,
    /// Nearly all jobs: a page is soon full, in whatever order they are walked.
    NearlyAll,
}

/// Cuts the page out of the jobs alone, before anything is joined to it.
pub(super) fn page(
    repository_id: i32,
    conditions: &[JobCondition],
    window: Window,
    by_id: Order,
    share: Share,
) -> SelectStatement {
    let path = match share {
        Share::Unknown => Path::of(conditions),
        Share::NearlyAll => Path::Repository,
    };
    // An expression is served by no index on its column.
    let beside_index = |column: job::Column, aside: bool| {
        let column = Expr::col((job::Entity, column));
        if aside { column.add(0) } else { column }
    };
    let mut select = Query::select();
    select
        .columns([
            job::Column::Id,
            job::Column::Guid,
            job::Column::PushId,
            job::Column::SignatureId,
            job::Column::MachineId,
            job::Column::Tier,
            job::Column::Who,
            job::Column::Reason,
            job::Column::SubmitTime,
            job::Column::StartTime,
            job::Column::EndTime,
            job::Column::LastModified,
            job::Column::TaskId,
            job::Column::RetryId,
            job::Column::FailureClassificationId,
        ])
        .expr_as(shown(job::Column::State), "shown_state")
        .expr_as(shown(job::Column::Result), "shown_result")
        .from(job::Entity)
        .and_where(beside_index(job::Column::RepositoryId, path == Path::Values).eq(repository_id))
        .order_by_expr(beside_index(job::Column::Id, path != Path::Repository), by_id);
    let mut of_signature = Vec::new();
    for condition in conditions {
        let place = match (condition, share) {
            (Condition::Number(JobNumber::LastModified, comparison), Share::NearlyAll) => {
                Place::Job(comparison.of(beside_index(job::Column::LastModified, true)))
            }
            _ => place(condition),
        };
        match place {
            Place::Job(expression) => {
                select.and_where(expression);
            }
            Place::Signature(expression) => of_signature.push(expression),
        }
    }
    if !of_signature.is_empty() {
        let mut signatures = Query::select();
        signatures
            .column((signature::Entity, signature::Column::Id))
            .from(signature::Entity)
            .and_where(Expr::col((signature::Entity, signature::Column::RepositoryId)).eq(repository_id));
        for expression in of_signature {
            signatures.and_where(expression);
        }
        select.and_where(Expr::col((job::Entity, job::Column::SignatureId)).in_subquery(signatures.take()));
    }
    window.cut(&mut select).take()
}

/// State and result as readers see them (R6): of a job that was superseded and never completed by
/// itself, completed and superseded.
pub(super) fn shown(column: job::Column) -> Expr {
    let word = match column {
        job::Column::State => JobState::Completed.as_str().to_owned(),
        _ => JobResult::Superseded.as_str().to_owned(),
    };
    let superseded = Expr::col((job::Entity, job::Column::SupersededBy))
        .is_not_null()
        .and(Expr::col((job::Entity, job::Column::State)).ne(JobState::Completed.as_str()));
    CaseStatement::new().case(superseded, word).finally(Expr::col((job::Entity, column))).into()
}

/// The table that a condition is about.
enum Place {
    Job(Expr),
    Signature(Expr),
}

fn place(condition: &JobCondition) -> Place {
    let job = |column| Expr::col((job::Entity, column));
    let signature = |column| Expr::col((signature::Entity, column));
    match condition {
        Condition::Number(number, comparison) => {
            let known = |column| Expr::col((job::Entity, column)).if_null(0);
            match number {
                JobNumber::Id => Place::Job(comparison.of(job(job::Column::Id))),
                JobNumber::PushId => Place::Job(comparison.of(job(job::Column::PushId))),
                JobNumber::Tier => Place::Job(comparison.of(job(job::Column::Tier))),
                JobNumber::LastModified => Place::Job(comparison.of(job(job::Column::LastModified))),
                JobNumber::SubmitTime => Place::Job(comparison.of(known(job::Column::SubmitTime))),
                JobNumber::StartTime => Place::Job(comparison.of(known(job::Column::StartTime))),
                JobNumber::EndTime => Place::Job(comparison.of(known(job::Column::EndTime))),
                JobNumber::FailureClassificationId => {
                    Place::Job(comparison.of(job(job::Column::FailureClassificationId)))
                }
                JobNumber::BuildPlatformId => {
                    Place::Signature(comparison.of(signature(signature::Column::BuildPlatformId)))
                }
                JobNumber::JobTypeId => {
                    Place::Signature(comparison.of(signature(signature::Column::JobTypeId)))
                }
                JobNumber::JobGroupId => {
                    Place::Signature(comparison.of(signature(signature::Column::JobGroupId)))
                }
            }
        }
        Condition::Text(text, comparison) => place_of_text(*text, comparison),
    }
}

fn place_of_text(text: JobText, comparison: &Comparison<String>) -> Place {
    use signature::Column as Signature;
    let job = |expression| Place::Job(comparison.of(expression));
    let own = |column| job(Expr::col((job::Entity, column)));
    let signature = |column| Place::Signature(comparison.of(Expr::col((signature::Entity, column))));
    match text {
        JobText::Guid => own(job::Column::Guid),
        JobText::State => job(shown(job::Column::State)),
        JobText::Result => job(shown(job::Column::Result)),
        JobText::Who => own(job::Column::Who),
        JobText::Reason => own(job::Column::Reason),
        JobText::BuildSystem => signature(Signature::BuildSystem),
        JobText::ReferenceDataName => signature(Signature::Name),
        JobText::Signature => signature(Signature::Signature),
        JobText::MachineName => {
            Place::Job(Expr::col((job::Entity, job::Column::MachineId)).in_subquery(ids(
                machine::Entity,
                machine::Column::Id,
                machine::Column::Name,
                comparison,
            )))
        }
        JobText::OptionCollectionHash => {
            use option_collection::{Column, Entity};
            among(Signature::OptionCollectionId, ids(Entity, Column::Id, Column::Hash, comparison))
        }
        JobText::BuildArchitecture | JobText::BuildOs | JobText::BuildPlatform => {
            use build_platform::{Column, Entity};
            let column = match text {
                JobText::BuildArchitecture => Column::Architecture,
                JobText::BuildOs => Column::OsName,
                _ => Column::Platform,
            };
            among(Signature::BuildPlatformId, ids(Entity, Column::Id, column, comparison))
        }
        JobText::MachineArchitecture | JobText::MachineOs | JobText::MachinePlatform => {
            use machine_platform::{Column, Entity};
            let column = match text {
                JobText::MachineArchitecture => Column::Architecture,
                JobText::MachineOs => Column::OsName,
                _ => Column::Platform,
            };
            among(Signature::MachinePlatformId, ids(Entity, Column::Id, column, comparison))
        }
        JobText::GroupName | JobText::GroupSymbol => {
            use job_group::{Column, Entity};
            let column = if text == JobText::GroupName { Column::Name } else { Column::Symbol };
            among(Signature::JobGroupId, ids(Entity, Column::Id, column, comparison))
        }
        JobText::TypeName | JobText::TypeSymbol => {
            use job_type::{Column, Entity};
            let column = if text == JobText::TypeName { Column::Name } else { Column::Symbol };
            among(Signature::JobTypeId, ids(Entity, Column::Id, column, comparison))
        }
    }
}

fn among(column: signature::Column, ids: SelectStatement) -> Place {
    Place::Signature(Expr::col((signature::Entity, column)).in_subquery(ids))
}

/// Ids of the rows of a table of reference data whose text compares so.
fn ids<C: IntoColumnRef>(
    table: impl IntoIden,
    id: C,
    text: C,
    comparison: &Comparison<String>,
) -> SelectStatement {
    let table = table.into_iden();
    Query::select().column(id).from(table).and_where(comparison.of(Expr::col(text))).take()
}
