//! Parked submissions whose wait is over, and held ones that are to be run again, with all that the
//! pipeline needs.

use super::entities::held::held_message;
use super::entities::repositories::push;
use super::held::format;
use super::job_rows::door;
use super::reads::end_of_prefix;
use super::time::from_micros;
use super::{Store, StoreError};
use crate::domain::{Door, HeldState, RawFormat};
use crate::limits;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, Order, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};

/// Spelled out, not bound: only so does SQLite see that the partial indexes fit.
const WAITS_FOR_PUSH: &str = "state = 'parked' AND waiting_for = 'push'";
const WAITS_FOR_JOB: &str = "state = 'parked' AND waiting_for = 'job'";

/// Terms of one condition, well below the depth that SQLite allows.
const TERMS: usize = 200;

/// A held submission with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSubmission {
    /// Number of the held message.
    pub id: i64,
    /// Why it is held.
    pub state: HeldState,
    /// The door that it came through.
    pub door: Door,
    /// The credential or exchange that it came from.
    pub source: String,
    /// What the bytes are.
    pub format: RawFormat,
    /// Project that it names, or that its request named.
    pub project: Option<String>,
    /// The bytes, or their beginning.
    pub raw: Vec<u8>,
    /// Only the beginning was kept: it cannot be run again.
    pub raw_truncated: bool,
    /// What the door knew beside the bytes, as JSON: of an AMQP delivery its exchange, routing key,
    /// properties and headers. The other doors know nothing.
    pub context: Option<String>,
    /// When it was first received.
    pub received_at: DateTime<Utc>,
}

impl Store {
    /// Parked jobs that wait for a push of this revision, by its full name or by a prefix of 12 to 39
    /// characters, in order of receipt, from behind `after_id` on.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn waiting_for_push(
        &self,
        repository_id: i32,
        revision: &str,
        after_id: i64,
        limit: u64,
    ) -> Result<Vec<HeldSubmission>, StoreError> {
        let ids = waiting_ids(WAITS_FOR_PUSH, repository_id, after_id, limit)
            .and_where(held_message::Column::Revision.is_in(names_of(revision)))
            .take();
        self.submissions(ids).await
    }

    /// Parked artifacts that wait for this job, in order of receipt, from behind `after_id` on.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn waiting_for_job(
        &self,
        repository_id: i32,
        guid: &str,
        after_id: i64,
        limit: u64,
    ) -> Result<Vec<HeldSubmission>, StoreError> {
        let ids = waiting_ids(WAITS_FOR_JOB, repository_id, after_id, limit)
            .and_where(held_message::Column::Guid.eq(guid))
            .take();
        self.submissions(ids).await
    }

    /// The held submissions with these numbers, by number; those that are gone are left out, and so are
    /// all from where their bytes exceed [`limits::RELEASE_BYTES`] on: ask again for those.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn held_submissions(&self, ids: &[i64]) -> Result<Vec<HeldSubmission>, StoreError> {
        let ids = Query::select()
            .column(held_message::Column::Id)
            .from(held_message::Entity)
            .and_where(held_message::Column::Id.is_in(ids.iter().copied()))
            .take();
        self.submissions(ids).await
    }

    /// For the sweep: (repository, revision) of pushes that are there although submissions wait for
    /// them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn parked_pushes_now_known(&self) -> Result<Vec<(i32, String)>, StoreError> {
        // Exact names first; then prefixes, each a range of the same index.
        let sql = format!(
            "WITH waiting AS (
                 SELECT DISTINCT repository_id, revision FROM held_messages
                 WHERE {WAITS_FOR_PUSH} AND repository_id IS NOT NULL AND revision IS NOT NULL
             )
             SELECT pushes.repository_id, pushes.revision FROM waiting
             JOIN pushes ON pushes.repository_id = waiting.repository_id
                        AND pushes.revision = waiting.revision
             UNION
             SELECT pushes.repository_id, pushes.revision FROM waiting
             JOIN pushes ON pushes.repository_id = waiting.repository_id
                        AND pushes.revision > waiting.revision
                        AND pushes.revision < waiting.revision || $1
             WHERE length(waiting.revision) >= {}",
            limits::REVISION_PREFIX
        );
        self.repository_and_text(sql, vec![end_of_prefix("").into()]).await
    }

    /// Those of these (repository, revision or prefix) whose push is there now, by its full revision.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn stored_pushes_among(
        &self,
        possible: &[(i32, String)],
    ) -> Result<Vec<(i32, String)>, StoreError> {
        let mut found = Vec::new();
        for some in possible.chunks(TERMS) {
            let named = some.iter().fold(Condition::any(), |any, (repository, revision)| {
                let of_repository = Condition::all().add(push::Column::RepositoryId.eq(*repository));
                any.add(of_repository.add(named_by(revision)))
            });
            let stored: Vec<(i32, String)> = push::Entity::find()
                .select_only()
                .columns([push::Column::RepositoryId, push::Column::Revision])
                .filter(named)
                .into_tuple()
                .all(&self.read_connection())
                .await?;
            found.extend(stored);
        }
        Ok(found)
    }

    /// For the sweep: (repository, guid) of jobs that are there although a superseding job is remembered
    /// for them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn superseded_jobs_now_known(&self) -> Result<Vec<(i32, String)>, StoreError> {
        let sql = "SELECT jobs.repository_id, jobs.guid FROM pending_supersedes
             JOIN jobs ON jobs.guid = pending_supersedes.guid
                      AND jobs.repository_id = pending_supersedes.repository_id";
        self.repository_and_text(sql.to_owned(), Vec::new()).await
    }

    /// For the sweep: (repository, guid) of jobs that are there although artifacts wait for them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn parked_jobs_now_known(&self) -> Result<Vec<(i32, String)>, StoreError> {
        let sql = format!(
            "WITH waiting AS (
                 SELECT DISTINCT repository_id, guid FROM held_messages WHERE {WAITS_FOR_JOB}
             )
             SELECT jobs.repository_id, jobs.guid FROM waiting
             JOIN jobs ON jobs.guid = waiting.guid AND jobs.repository_id = waiting.repository_id"
        );
        self.repository_and_text(sql, Vec::new()).await
    }

    async fn repository_and_text(
        &self,
        sql: String,
        values: Vec<sea_orm::Value>,
    ) -> Result<Vec<(i32, String)>, StoreError> {
        let connection = self.read_connection();
        let statement =
            sea_orm::Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
        let rows = connection.query_all_raw(statement).await?;
        rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
    }

    /// Id, project and source of those of these messages that are held: who may handle them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn owners_of_held(
        &self,
        ids: &[i64],
    ) -> Result<Vec<(i64, Option<String>, String)>, StoreError> {
        Ok(held_message::Entity::find()
            .select_only()
            .columns([held_message::Column::Id, held_message::Column::Project, held_message::Column::Source])
            .filter(held_message::Column::Id.is_in(ids.iter().copied()))
            .into_tuple()
            .all(&self.read_connection())
            .await?)
    }

    /// The first of these held messages, as many as [`limits::RELEASE_BYTES`] allow and at least one.
    async fn submissions(&self, ids: SelectStatement) -> Result<Vec<HeldSubmission>, StoreError> {
        // In two steps, so that no more bytes are read than are wanted.
        let sizes: Vec<(i64, i64)> = held_message::Entity::find()
            .select_only()
            .columns([held_message::Column::Id, held_message::Column::RawSize])
            .filter(held_message::Column::Id.in_subquery(ids))
            .order_by_asc(held_message::Column::Id)
            .into_tuple()
            .all(&self.read_connection())
            .await?;
        let mut bytes = 0;
        let few = sizes.iter().enumerate().take_while(|(position, (_, size))| {
            bytes += size;
            *position == 0 || bytes <= limits::RELEASE_BYTES
        });
        let ids: Vec<i64> = few.map(|(_, (id, _))| *id).collect();
        held_message::Entity::find()
            .select_only()
            .columns([
                held_message::Column::Id,
                held_message::Column::State,
                held_message::Column::Door,
                held_message::Column::Source,
                held_message::Column::Format,
                held_message::Column::Project,
                held_message::Column::Raw,
                held_message::Column::RawTruncated,
                held_message::Column::Context,
                held_message::Column::ReceivedAt,
            ])
            .filter(held_message::Column::Id.is_in(ids))
            .order_by_asc(held_message::Column::Id)
            .into_model::<SubmissionRow>()
            .all(&self.read_connection())
            .await?
            .into_iter()
            .map(HeldSubmission::try_from)
            .collect()
    }
}

fn waiting_ids(waits: &'static str, repository_id: i32, after_id: i64, limit: u64) -> SelectStatement {
    Query::select()
        .column(held_message::Column::Id)
        .from(held_message::Entity)
        .and_where(Expr::cust(waits))
        .and_where(held_message::Column::RepositoryId.eq(repository_id))
        .and_where(held_message::Column::Id.gt(after_id))
        .order_by(held_message::Column::Id, Order::Asc)
        .limit(limit)
        .take()
}

/// Everything that a submission may have called this revision.
fn names_of(revision: &str) -> Vec<&str> {
    let mut names: Vec<&str> =
        revision.char_indices().map(|(end, _)| &revision[..end]).skip(limits::REVISION_PREFIX).collect();
    names.push(revision);
    names
}

#[derive(FromQueryResult)]
struct SubmissionRow {
    id: i64,
    state: String,
    door: String,
    source: String,
    format: String,
    project: Option<String>,
    raw: Vec<u8>,
    raw_truncated: bool,
    context: Option<String>,
    received_at: i64,
}

impl TryFrom<SubmissionRow> for HeldSubmission {
    type Error = StoreError;

    fn try_from(row: SubmissionRow) -> Result<Self, StoreError> {
        let unknown = || StoreError::Internal(format!("no held state is called {:?}", row.state));
        Ok(Self {
            id: row.id,
            state: HeldState::from_word(&row.state).ok_or_else(unknown)?,
            door: door(&row.door)?,
            source: row.source,
            format: format(&row.format)?,
            project: row.project,
            raw: row.raw,
            raw_truncated: row.raw_truncated,
            context: row.context,
            received_at: from_micros(row.received_at),
        })
    }
}

/// The pushes that a revision names: the one that it is, or those that begin with it.
fn named_by(revision: &str) -> Condition {
    let length = revision.chars().count();
    if (limits::REVISION_PREFIX..limits::REVISION).contains(&length) {
        Condition::all()
            .add(push::Column::Revision.gte(revision))
            .add(push::Column::Revision.lt(end_of_prefix(revision)))
    } else {
        Condition::all().add(push::Column::Revision.eq(revision))
    }
}

#[cfg(test)]
mod tests {
    use super::names_of;

    #[test]
    fn a_revision_goes_by_its_prefixes_from_12_characters_on() {
        assert_eq!(names_of("0123456789abcd"), ["0123456789ab", "0123456789abc", "0123456789abcd"]);
        assert_eq!(names_of("0123456789ab"), ["0123456789ab"]);
        assert_eq!(names_of("0123"), ["0123"]);
        assert_eq!(names_of(&"é".repeat(40)).len(), 29);
    }
}
