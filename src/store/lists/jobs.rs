//! Jobs of one repository, by any property that the lists show.

use super::job_page::{Share, changed_since, page};
use super::{Condition, Window};
use crate::domain::{NamedSymbol, Platform};
use crate::store::entities::jobs::job;
use crate::store::job_rows::option_names;
use crate::store::time::from_micros;
use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};

/// Alias of the rows that [`page`] cuts out.
const PAGE: &str = "page";

/// A job with the ids and names of its reference data.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "named as the columns that the migrations describe")]
pub struct ListedJob {
    pub id: i64,
    pub guid: String,
    pub push_id: i64,
    /// As readers see it: a superseded job shows as completed (R6).
    pub state: String,
    /// As readers see it.
    pub result: String,
    pub tier: i32,
    pub who: String,
    pub reason: String,
    pub submit_time: Option<DateTime<Utc>>,
    pub start_time: Option<DateTime<Utc>>,
    pub end_time: Option<DateTime<Utc>>,
    pub last_modified: DateTime<Utc>,
    pub task_id: Option<String>,
    pub retry_id: Option<i32>,
    pub failure_classification_id: i32,
    pub machine: String,
    pub signature: String,
    /// The signature where a job has none.
    pub reference_data_name: String,
    pub build_system: String,
    pub build_platform_id: i32,
    pub build_platform: Platform,
    pub machine_platform: Platform,
    pub group_id: i32,
    pub group: NamedSymbol,
    pub group_description: String,
    pub type_id: i32,
    pub job_type: NamedSymbol,
    pub type_description: String,
    pub option_collection_hash: String,
    pub options: Vec<String>,
}

/// What every listed job has to be.
pub type JobCondition = Condition<JobNumber, JobText>;

/// Numbers of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the columns")]
pub enum JobNumber {
    Id,
    PushId,
    Tier,
    /// Microseconds since 1970.
    LastModified,
    /// Microseconds since 1970, 0 if unknown.
    SubmitTime,
    /// Microseconds since 1970, 0 if unknown.
    StartTime,
    /// Microseconds since 1970, 0 if unknown.
    EndTime,
    BuildPlatformId,
    FailureClassificationId,
    JobTypeId,
    JobGroupId,
}

/// Texts of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the columns")]
pub enum JobText {
    Guid,
    /// As readers see it.
    State,
    /// As readers see it.
    Result,
    Who,
    Reason,
    MachineName,
    OptionCollectionHash,
    BuildArchitecture,
    BuildOs,
    BuildPlatform,
    BuildSystem,
    MachineArchitecture,
    MachineOs,
    MachinePlatform,
    GroupName,
    GroupSymbol,
    TypeName,
    TypeSymbol,
    ReferenceDataName,
    Signature,
}

/// One part in so many of the time between the first and the last change of a repository.
const NEARLY_NONE: i64 = 50;

impl Store {
    /// Jobs of a repository that meet all conditions, by id.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_jobs(
        &self,
        repository_id: i32,
        conditions: &[JobCondition],
        window: Window,
    ) -> Result<Vec<ListedJob>, StoreError> {
        let share = self.share(repository_id, conditions).await?;
        self.listed(&job_list(repository_id, conditions, window, share)).await
    }

    /// What changed since a time close to the first change of the repository is nearly all of it. Sorting that
    /// for one page would take as long as the repository is large.
    async fn share(&self, repository_id: i32, conditions: &[JobCondition]) -> Result<Share, StoreError> {
        let Some(since) = changed_since(conditions) else { return Ok(Share::Unknown) };
        let first = self.outermost_change(repository_id, Order::Asc).await?;
        let last = self.outermost_change(repository_id, Order::Desc).await?;
        let (Some(first), Some(last)) = (first, last) else { return Ok(Share::Unknown) };
        let nearly_all = since.saturating_sub(first) < (last - first) / NEARLY_NONE;
        Ok(if nearly_all { Share::NearlyAll } else { Share::Unknown })
    }

    async fn outermost_change(&self, repository_id: i32, order: Order) -> Result<Option<i64>, StoreError> {
        Ok(job::Entity::find()
            .select_only()
            .column(job::Column::LastModified)
            .filter(job::Column::RepositoryId.eq(repository_id))
            .order_by(job::Column::LastModified, order)
            .into_tuple()
            .one(&self.read_connection())
            .await?)
    }

    /// Jobs of a repository that meet all conditions, the newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_newest_jobs(
        &self,
        repository_id: i32,
        conditions: &[JobCondition],
        window: Window,
    ) -> Result<Vec<ListedJob>, StoreError> {
        self.listed(&newest_job_list(repository_id, conditions, window)).await
    }

    async fn listed(&self, select: &SelectStatement) -> Result<Vec<ListedJob>, StoreError> {
        let rows = self.read_connection().query_all(select).await?;
        rows.iter().map(|row| Ok(ListedRow::from_query_result(row, "")?.into())).collect()
    }
}

/// Joins names to the rows of a page.
pub(in crate::store) fn job_list(
    repository_id: i32,
    conditions: &[JobCondition],
    window: Window,
    share: Share,
) -> SelectStatement {
    with_names(page(repository_id, conditions, window, Order::Asc, share), Order::Asc)
}

fn newest_job_list(repository_id: i32, conditions: &[JobCondition], window: Window) -> SelectStatement {
    with_names(page(repository_id, conditions, window, Order::Desc, Share::Unknown), Order::Desc)
}

fn with_names(page: SelectStatement, by_id: Order) -> SelectStatement {
    let mut select = Query::select();
    for column in [
        "id",
        "guid",
        "push_id",
        "shown_state",
        "shown_result",
        "tier",
        "who",
        "reason",
        "submit_time",
        "start_time",
        "end_time",
        "last_modified",
        "task_id",
        "retry_id",
        "failure_classification_id",
    ] {
        select.column((PAGE, column));
    }
    let mut name = |table: &'static str, column: &'static str, alias: &'static str| {
        select.expr_as(Expr::col((table, column)), alias);
    };
    name("machines", "name", "machine");
    name("signatures", "signature", "signature");
    name("signatures", "name", "reference_data_name");
    name("signatures", "build_system", "build_system");
    for (table, [id, os_name, platform, architecture]) in [
        ("build_platforms", ["build_platform_id", "build_os_name", "build_platform", "build_architecture"]),
        (
            "machine_platforms",
            ["machine_platform_id", "machine_os_name", "machine_platform", "machine_architecture"],
        ),
    ] {
        name(table, "id", id);
        name(table, "os_name", os_name);
        name(table, "platform", platform);
        name(table, "architecture", architecture);
    }
    for (table, [id, text, symbol, description]) in [
        ("job_groups", ["group_id", "group_name", "group_symbol", "group_description"]),
        ("job_types", ["type_id", "type_name", "type_symbol", "type_description"]),
    ] {
        name(table, "id", id);
        name(table, "name", text);
        name(table, "symbol", symbol);
        name(table, "description", description);
    }
    name("option_collections", "hash", "option_hash");
    name("option_collections", "option_key", "option_key");
    select.from_subquery(page, PAGE);
    for (from, reference, table) in [
        (PAGE, "machine_id", "machines"),
        (PAGE, "signature_id", "signatures"),
        ("signatures", "build_platform_id", "build_platforms"),
        ("signatures", "machine_platform_id", "machine_platforms"),
        ("signatures", "job_group_id", "job_groups"),
        ("signatures", "job_type_id", "job_types"),
        ("signatures", "option_collection_id", "option_collections"),
    ] {
        select.inner_join(table, Expr::col((from, reference)).equals((table, "id")));
    }
    select.order_by((PAGE, "id"), by_id).take()
}

#[derive(FromQueryResult)]
struct ListedRow {
    id: i64,
    guid: String,
    push_id: i64,
    shown_state: String,
    shown_result: String,
    tier: i16,
    who: String,
    reason: String,
    submit_time: Option<i64>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    last_modified: i64,
    task_id: Option<String>,
    retry_id: Option<i32>,
    failure_classification_id: i16,
    machine: String,
    signature: String,
    reference_data_name: String,
    build_system: String,
    build_platform_id: i32,
    build_os_name: String,
    build_platform: String,
    build_architecture: String,
    machine_os_name: String,
    machine_platform: String,
    machine_architecture: String,
    group_id: i32,
    group_name: String,
    group_symbol: String,
    group_description: String,
    type_id: i32,
    type_name: String,
    type_symbol: String,
    type_description: String,
    option_hash: String,
    option_key: String,
}

impl From<ListedRow> for ListedJob {
    fn from(row: ListedRow) -> Self {
        Self {
            id: row.id,
            guid: row.guid,
            push_id: row.push_id,
            state: row.shown_state,
            result: row.shown_result,
            tier: row.tier.into(),
            who: row.who,
            reason: row.reason,
            submit_time: row.submit_time.map(from_micros),
            start_time: row.start_time.map(from_micros),
            end_time: row.end_time.map(from_micros),
            last_modified: from_micros(row.last_modified),
            task_id: row.task_id,
            retry_id: row.retry_id,
            failure_classification_id: row.failure_classification_id.into(),
            machine: row.machine,
            signature: row.signature,
            reference_data_name: row.reference_data_name,
            build_system: row.build_system,
            build_platform_id: row.build_platform_id,
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
            group_id: row.group_id,
            group: NamedSymbol { name: row.group_name, symbol: row.group_symbol },
            group_description: row.group_description,
            type_id: row.type_id,
            job_type: NamedSymbol { name: row.type_name, symbol: row.type_symbol },
            type_description: row.type_description,
            option_collection_hash: row.option_hash,
            options: option_names(&row.option_key),
        }
    }
}
