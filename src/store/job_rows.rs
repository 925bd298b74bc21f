//! Reading job rows: one joined select for every reader of jobs.

use super::StoreError;
use super::entities::jobs::job;
use super::entities::reference_data::{
    build_platform, job_group, job_type, machine, machine_platform, option_collection, product, signature,
};
use super::entities::repositories::{push, repository};
use super::model::{ChangePosition, JobFilter, Provenance, StoredJob};
use super::time::from_micros;
use crate::domain::{Door, JobResult, JobState, NamedSymbol, Platform};
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, JoinType, QueryFilter, QuerySelect, RelationTrait,
    Select,
};

/// What stands between the names of a collection in its key; no name contains it.
const OPTION_SEPARATOR: char = '\u{1f}';

/// Selects [`JobRow`]s.
pub(super) fn select_jobs() -> Select<job::Entity> {
    job::Entity::find()
        .select_only()
        .columns([
            job::Column::Id,
            job::Column::Guid,
            job::Column::PushId,
            job::Column::State,
            job::Column::Result,
            job::Column::Tier,
            job::Column::Who,
            job::Column::Reason,
            job::Column::SubmitTime,
            job::Column::StartTime,
            job::Column::EndTime,
            job::Column::LastModified,
            job::Column::SupersededBy,
            job::Column::TaskId,
            job::Column::RetryId,
            job::Column::FailureClassificationId,
            job::Column::Description,
            job::Column::FirstDoor,
            job::Column::LastDoor,
            job::Column::Source,
            job::Column::ReceivedAt,
            job::Column::CommittedAt,
            job::Column::HeldAt,
            job::Column::ReleasedAt,
            job::Column::RepeatCount,
            job::Column::ChangeTransaction,
        ])
        .column_as(repository::Column::Name, "project")
        .column_as(push::Column::Revision, "revision")
        .column_as(machine::Column::Name, "machine")
        .column_as(product::Column::Name, "product")
        .columns([
            signature::Column::Signature,
            signature::Column::BuildSystem,
            signature::Column::ReferenceDataName,
        ])
        .column_as(job_type::Column::Name, "type_name")
        .column_as(job_type::Column::Symbol, "type_symbol")
        .column_as(job_group::Column::Name, "group_name")
        .column_as(job_group::Column::Symbol, "group_symbol")
        .column_as(build_platform::Column::OsName, "build_os_name")
        .column_as(build_platform::Column::Platform, "build_platform")
        .column_as(build_platform::Column::Architecture, "build_architecture")
        .column_as(machine_platform::Column::OsName, "machine_os_name")
        .column_as(machine_platform::Column::Platform, "machine_platform")
        .column_as(machine_platform::Column::Architecture, "machine_architecture")
        .column_as(option_collection::Column::Hash, "option_hash")
        .column_as(option_collection::Column::OptionKey, "option_key")
        .join(JoinType::InnerJoin, job::Relation::Repository.def())
        .join(JoinType::InnerJoin, job::Relation::Push.def())
        .join(JoinType::InnerJoin, job::Relation::Machine.def())
        .join(JoinType::InnerJoin, job::Relation::Product.def())
        .join(JoinType::InnerJoin, job::Relation::Signature.def())
        .join(JoinType::InnerJoin, signature::Relation::JobType.def())
        .join(JoinType::InnerJoin, signature::Relation::JobGroup.def())
        .join(JoinType::InnerJoin, signature::Relation::BuildPlatform.def())
        .join(JoinType::InnerJoin, signature::Relation::MachinePlatform.def())
        .join(JoinType::InnerJoin, signature::Relation::OptionCollection.def())
}

/// Narrows the select. Names are resolved by subqueries, so that the indexes on ids serve.
pub(super) fn filter_jobs(select: Select<job::Entity>, filter: &JobFilter) -> Select<job::Entity> {
    let mut condition = Condition::all();
    match &*filter.projects {
        [] => {}
        [project] => {
            condition =
                condition.add(Expr::col((job::Entity, job::Column::RepositoryId)).eq(repository_id(project)));
        }
        projects => {
            condition = condition.add(
                job::Column::RepositoryId.in_subquery(
                    Query::select()
                        .column(repository::Column::Id)
                        .from(repository::Entity)
                        .and_where(repository::Column::Name.is_in(projects))
                        .take(),
                ),
            );
        }
    }
    if let Some(guid) = &filter.guid {
        condition = condition.add(job::Column::Guid.eq(guid));
    }
    if let Some(push_id) = filter.push_id {
        condition = condition.add(job::Column::PushId.eq(push_id));
    }
    if let Some(revision) = &filter.revision {
        condition = condition.add(push::Column::Revision.eq(revision));
        // With the repository known the revision is one push, which has an index on jobs.
        if let [project] = &*filter.projects {
            condition =
                condition.add(Expr::col((job::Entity, job::Column::PushId)).eq(push_id(project, revision)));
        }
    }
    if !filter.states.is_empty() {
        condition = condition.add(shows_one_of(&filter.states));
    }
    select.filter(condition)
}

fn repository_id(project: &str) -> Expr {
    scalar(
        Query::select()
            .column(repository::Column::Id)
            .from(repository::Entity)
            .and_where(repository::Column::Name.eq(project))
            .take(),
    )
}

fn push_id(project: &str, revision: &str) -> Expr {
    scalar(
        Query::select()
            .column(push::Column::Id)
            .from(push::Entity)
            .and_where(Expr::col((push::Entity, push::Column::RepositoryId)).eq(repository_id(project)))
            .and_where(push::Column::Revision.eq(revision))
            .take(),
    )
}

fn scalar(select: SelectStatement) -> Expr {
    Expr::SubQuery(None, Box::new(select.into()))
}

/// The state that [`StoredJob::shown_state`] gives is one of these: a superseded job shows as
/// completed whatever its own state is.
fn shows_one_of(states: &[String]) -> Condition {
    let own = job::Column::State.is_in(states);
    if states.iter().any(|state| state == JobState::Completed.as_str()) {
        Condition::any().add(own).add(job::Column::SupersededBy.is_not_null())
    } else {
        Condition::all().add(own).add(job::Column::SupersededBy.is_null())
    }
}

/// A row of [`select_jobs`].
#[derive(Debug, FromQueryResult)]
pub(super) struct JobRow {
    id: i64,
    guid: String,
    project: String,
    push_id: i64,
    revision: String,
    state: String,
    result: String,
    tier: i16,
    type_name: String,
    type_symbol: String,
    group_name: String,
    group_symbol: String,
    product: String,
    build_system: String,
    who: String,
    reason: String,
    machine: String,
    build_os_name: String,
    build_platform: String,
    build_architecture: String,
    machine_os_name: String,
    machine_platform: String,
    machine_architecture: String,
    option_key: String,
    option_hash: String,
    signature: String,
    reference_data_name: Option<String>,
    submit_time: Option<i64>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    last_modified: i64,
    superseded_by: Option<String>,
    task_id: Option<String>,
    retry_id: Option<i32>,
    failure_classification_id: i16,
    description: Option<String>,
    first_door: String,
    last_door: String,
    source: String,
    received_at: i64,
    committed_at: i64,
    held_at: Option<i64>,
    released_at: Option<i64>,
    repeat_count: i64,
    change_transaction: i64,
}

impl TryFrom<JobRow> for StoredJob {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            guid: row.guid,
            project: row.project,
            push_id: row.push_id,
            revision: row.revision,
            state: JobState::from_word(&row.state),
            result: JobResult::from_word(&row.result),
            tier: row.tier.into(),
            job_type: NamedSymbol { name: row.type_name, symbol: row.type_symbol },
            group: NamedSymbol { name: row.group_name, symbol: row.group_symbol },
            product: row.product,
            build_system: row.build_system,
            who: row.who,
            reason: row.reason,
            machine: row.machine,
            build_platform: Platform {
                os_name: row.build_os_name,
                platform: row.build_platform,
                architecture: row.build_architecture,
            },
            machine_platform: Platform {
                os_name: row.machine_os_name,
                platform: row.machine_platform,
                architecture: row.machine_architecture,
            },
            options: option_names(&row.option_key),
            option_collection_hash: row.option_hash,
            reference_data_name: row.reference_data_name.unwrap_or_else(|| row.signature.clone()),
            signature: row.signature,
            submit_time: row.submit_time.map(from_micros),
            start_time: row.start_time.map(from_micros),
            end_time: row.end_time.map(from_micros),
            last_modified: from_micros(row.last_modified),
            superseded_by: row.superseded_by,
            // Without a run it is a stand-in.
            task_id: row.task_id.filter(|_| row.retry_id.is_some()),
            retry_id: row.retry_id,
            failure_classification_id: row.failure_classification_id,
            description: row.description,
            provenance: Provenance {
                first_door: door(&row.first_door)?,
                last_door: door(&row.last_door)?,
                source: row.source,
                received_at: from_micros(row.received_at),
                committed_at: from_micros(row.committed_at),
                held_at: row.held_at.map(from_micros),
                released_at: row.released_at.map(from_micros),
                repeats: row.repeat_count,
            },
            change: ChangePosition { transaction: row.change_transaction, job_id: row.id },
        })
    }
}

/// The options that the key of a collection spells out.
pub(super) fn option_names(key: &str) -> Vec<String> {
    key.split(OPTION_SEPARATOR).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

pub(super) fn door(word: &str) -> Result<Door, StoreError> {
    Door::from_word(word).ok_or_else(|| StoreError::Internal(format!("no door is called {word:?}")))
}
