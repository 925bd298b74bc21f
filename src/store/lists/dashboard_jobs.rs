//! Jobs as the dashboard asks for them: whole pushes at once, again and again. Their names come from memory,
//! so that one statement without joins is all that a request costs.

use super::job_page::shown;
use crate::domain::NamedSymbol;
use crate::limits;
use crate::store::entities::jobs::job;
use crate::store::entities::repositories::push;
use crate::store::finding::task_beside_guid;
use crate::store::job_rows::option_names;
use crate::store::time::from_micros;
use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use quick_cache::sync::Cache;
use sea_orm::sea_query::{Expr, ExprTrait, Func, Order, Query, SelectStatement};
use sea_orm::{Condition, ConnectionTrait, FromQueryResult};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Rows that a statement names by number at once.
const IDS: usize = 1000;

/// Which jobs; what is empty or absent leaves them all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DashboardQuery {
    /// Of one of these pushes.
    pub pushes: Option<Vec<i64>>,
    /// With one of these ids.
    pub ids: Option<Vec<i64>>,
    /// Changed after this.
    pub modified_after: Option<DateTime<Utc>>,
    /// That are this task.
    pub task: Option<TaskSelector>,
    /// Pages of [`limits::DASHBOARD_ROWS`] before this one.
    pub pages_before: u64,
}

impl DashboardQuery {
    /// The pushes, if all of their jobs are asked for, from the first page on.
    pub fn whole_pushes(&self) -> Option<&[i64]> {
        let Self { pushes, ids: None, modified_after: None, task: None, pages_before: 0 } = self else {
            return None;
        };
        pushes.as_deref()
    }

    /// Whether it names something that an index finds.
    pub fn is_selective(&self) -> bool {
        self.pushes.is_some() || self.ids.is_some() || self.task.is_some()
    }
}

/// A task, as the dashboard selects it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSelector {
    /// Its id, or what stands in for it, see [`task_beside_guid`].
    pub task_id: String,
    /// The UUID that the id is of, if it is of one.
    pub uuid: Option<uuid::Uuid>,
    /// Its run; any if absent.
    pub retry_id: Option<i32>,
}

/// What tells whether the jobs of pushes are still as they were: how many there are, and the sum of when each
/// changed. The latest change alone would miss one that became visible after a later one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobsState {
    /// Jobs.
    pub jobs: u64,
    /// Sum of the microseconds of their last changes, each modulo [`CHANGE_RANGE`].
    pub changes: u64,
}

/// Keeps the sum of some millions of jobs within 64 bits, on every database.
const CHANGE_RANGE: i64 = 1 << 40;

impl JobsState {
    /// Of the jobs of a page, which must be all that there are.
    pub fn of(jobs: &[DashboardJob]) -> Self {
        let changes = jobs.iter().map(|job| job.last_modified.timestamp_micros() % CHANGE_RANGE);
        Self { jobs: jobs.len() as u64, changes: changes.sum::<i64>().unsigned_abs() }
    }
}

/// A page of jobs.
#[derive(Debug, Clone, Default)]
pub struct DashboardPage {
    /// By id.
    pub jobs: Vec<DashboardJob>,
    /// There are more.
    pub has_next: bool,
}

/// What the dashboard shows of a job.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "named as the columns that the migrations describe")]
pub struct DashboardJob {
    pub id: i64,
    pub guid: String,
    pub push_id: i64,
    /// Top revision of the push.
    pub revision: String,
    /// As readers see it.
    pub state: String,
    /// As readers see it.
    pub result: String,
    pub tier: i32,
    pub submit_time: Option<DateTime<Utc>>,
    pub start_time: Option<DateTime<Utc>>,
    pub end_time: Option<DateTime<Utc>>,
    pub last_modified: DateTime<Utc>,
    /// With a run the task's id, without one its stand-in; none in rows of the first release.
    pub task_id: Option<String>,
    pub retry_id: Option<i32>,
    pub failure_classification_id: i32,
    pub names: Arc<ShownSignature>,
}

/// The names that a signature gives a job.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct ShownSignature {
    pub job_type: NamedSymbol,
    pub group: NamedSymbol,
    /// That the job ran on.
    pub platform: String,
    /// Names of the options, separated by spaces.
    pub platform_option: String,
    pub signature: String,
}

/// What is remembered of signatures, whose names never change.
#[derive(Debug)]
pub(in crate::store) struct ShownSignatures(Cache<i32, Arc<ShownSignature>>);

impl Default for ShownSignatures {
    fn default() -> Self {
        Self(Cache::new(limits::SHOWN_SIGNATURES))
    }
}

impl Store {
    /// A page of the jobs that are asked for.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn dashboard_jobs(&self, query: &DashboardQuery) -> Result<DashboardPage, StoreError> {
        let rows = self.read_connection().query_all(&dashboard_list(query)).await?;
        let mut rows =
            rows.iter().map(|row| JobRow::from_query_result(row, "")).collect::<Result<Vec<_>, _>>()?;
        let has_next = rows.len() as u64 > limits::DASHBOARD_ROWS;
        if has_next {
            rows.pop();
        }
        let names = self.shown_signatures(rows.iter().map(|row| row.signature_id).collect()).await?;
        // A foreign key says that every row has its signature.
        let jobs = rows.into_iter().filter_map(|row| {
            let names = names.get(&row.signature_id)?.clone();
            Some(row.with_names(names))
        });
        Ok(DashboardPage { jobs: jobs.collect(), has_next })
    }

    /// The state of all jobs of these pushes, from an index alone.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn jobs_state(&self, pushes: &[i64]) -> Result<JobsState, StoreError> {
        let Some(row) = self.read_connection().query_one(&state_of(pushes)).await? else {
            return Ok(JobsState::default());
        };
        let StateRow { jobs, changes } = StateRow::from_query_result(&row, "")?;
        Ok(JobsState { jobs: jobs.unsigned_abs(), changes: changes.unwrap_or_default().unsigned_abs() })
    }

    async fn shown_signatures(
        &self,
        ids: BTreeSet<i32>,
    ) -> Result<HashMap<i32, Arc<ShownSignature>>, StoreError> {
        let ShownSignatures(remembered) = &*self.shown_signatures;
        let mut names = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            match remembered.get(&id) {
                Some(known) => drop(names.insert(id, known)),
                None => missing.push(id),
            }
        }
        for some in missing.chunks(IDS) {
            for row in self.read_connection().query_all(&signature_names(some)).await? {
                let row = SignatureRow::from_query_result(&row, "")?;
                let (id, shown) = (row.id, Arc::new(row.into()));
                remembered.insert(id, Arc::clone(&shown));
                names.insert(id, shown);
            }
        }
        Ok(names)
    }
}

/// The rows of a page and one more, if there is one.
pub(in crate::store) fn dashboard_list(query: &DashboardQuery) -> SelectStatement {
    let job = |column| Expr::col((job::Entity, column));
    let mut select = Query::select();
    for column in [
        job::Column::Id,
        job::Column::Guid,
        job::Column::PushId,
        job::Column::SignatureId,
        job::Column::Tier,
        job::Column::SubmitTime,
        job::Column::StartTime,
        job::Column::EndTime,
        job::Column::LastModified,
        job::Column::TaskId,
        job::Column::RetryId,
        job::Column::FailureClassificationId,
    ] {
        select.column((job::Entity, column));
    }
    select
        .expr_as(shown(job::Column::State), "shown_state")
        .expr_as(shown(job::Column::Result), "shown_result")
        .column((push::Entity, push::Column::Revision))
        .from(job::Entity)
        .inner_join(push::Entity, job(job::Column::PushId).equals((push::Entity, push::Column::Id)));
    if let Some(pushes) = &query.pushes {
        select.and_where(job(job::Column::PushId).is_in(pushes.iter().copied()));
    }
    if let Some(ids) = &query.ids {
        select.and_where(job(job::Column::Id).is_in(ids.iter().copied()));
    }
    if let Some(time) = query.modified_after {
        select.and_where(job(job::Column::LastModified).gt(time.timestamp_micros()));
    }
    if let Some(task) = &query.task {
        select.cond_where(of_task(task));
    }
    // Few rows are found by what they are asked by, and then sorted: an expression is served by no index.
    let id = if query.is_selective() { job(job::Column::Id).add(0) } else { job(job::Column::Id) };
    select
        .order_by_expr(id, Order::Asc)
        .limit(limits::DASHBOARD_ROWS + 1)
        .offset(query.pages_before.saturating_mul(limits::DASHBOARD_ROWS))
        .take()
}

pub(in crate::store) fn state_of(pushes: &[i64]) -> SelectStatement {
    let change = Expr::col(job::Column::LastModified).modulo(CHANGE_RANGE);
    Query::select()
        .expr_as(Expr::cust("count(*)"), "jobs")
        .expr_as(Expr::expr(Func::sum(change)).cast_as("bigint"), "changes")
        .from(job::Entity)
        .and_where(Expr::col(job::Column::PushId).is_in(pushes.iter().copied()))
        .take()
}

#[derive(FromQueryResult)]
struct StateRow {
    jobs: i64,
    changes: Option<i64>,
}

/// A task is found by the guid that names it, or by what is known of it beside the guid.
fn of_task(task: &TaskSelector) -> Condition {
    let job = |column| Expr::col((job::Entity, column));
    let any = Condition::any().add(task_beside_guid(&task.task_id, task.retry_id));
    let Some(uuid) = task.uuid else { return any };
    any.add(match task.retry_id {
        Some(retry) => job(job::Column::Guid).eq(format!("{uuid}/{retry}")),
        // `0` comes after `/`.
        None => {
            job(job::Column::Guid).gte(format!("{uuid}/")).and(job(job::Column::Guid).lt(format!("{uuid}0")))
        }
    })
}

fn signature_names(ids: &[i32]) -> SelectStatement {
    let mut select = Query::select();
    for (table, column, alias) in [
        ("signatures", "id", "id"),
        ("signatures", "signature", "signature"),
        ("job_types", "name", "type_name"),
        ("job_types", "symbol", "type_symbol"),
        ("job_groups", "name", "group_name"),
        ("job_groups", "symbol", "group_symbol"),
        ("machine_platforms", "platform", "platform"),
        ("option_collections", "option_key", "option_key"),
    ] {
        select.expr_as(Expr::col((table, column)), alias);
    }
    select.from("signatures");
    for (reference, table) in [
        ("machine_platform_id", "machine_platforms"),
        ("job_group_id", "job_groups"),
        ("job_type_id", "job_types"),
        ("option_collection_id", "option_collections"),
    ] {
        select.inner_join(table, Expr::col(("signatures", reference)).equals((table, "id")));
    }
    select.and_where(Expr::col(("signatures", "id")).is_in(ids.iter().copied())).take()
}

#[derive(FromQueryResult)]
struct JobRow {
    id: i64,
    guid: String,
    push_id: i64,
    signature_id: i32,
    tier: i16,
    submit_time: Option<i64>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    last_modified: i64,
    task_id: Option<String>,
    retry_id: Option<i32>,
    failure_classification_id: i16,
    shown_state: String,
    shown_result: String,
    revision: String,
}

impl JobRow {
    fn with_names(self, names: Arc<ShownSignature>) -> DashboardJob {
        DashboardJob {
            id: self.id,
            guid: self.guid,
            push_id: self.push_id,
            revision: self.revision,
            state: self.shown_state,
            result: self.shown_result,
            tier: self.tier.into(),
            submit_time: self.submit_time.map(from_micros),
            start_time: self.start_time.map(from_micros),
            end_time: self.end_time.map(from_micros),
            last_modified: from_micros(self.last_modified),
            task_id: self.task_id,
            retry_id: self.retry_id,
            failure_classification_id: self.failure_classification_id.into(),
            names,
        }
    }
}

#[derive(FromQueryResult)]
struct SignatureRow {
    id: i32,
    signature: String,
    type_name: String,
    type_symbol: String,
    group_name: String,
    group_symbol: String,
    platform: String,
    option_key: String,
}

impl From<SignatureRow> for ShownSignature {
    fn from(row: SignatureRow) -> Self {
        Self {
            job_type: NamedSymbol { name: row.type_name, symbol: row.type_symbol },
            group: NamedSymbol { name: row.group_name, symbol: row.group_symbol },
            platform: row.platform,
            platform_option: option_names(&row.option_key).join(" "),
            signature: row.signature,
        }
    }
}
