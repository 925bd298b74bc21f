//! Held submissions: listing, showing, taking away.

use super::entities::held::held_message;
use super::job_rows::door;
use super::ledger::{Disposition, LedgerChanges, LedgerItem};
use super::model::{HeldCount, HeldFilter, HeldMessage};
use super::time::{from_micros, to_micros};
use super::{Store, StoreError, violations};
use crate::domain::{HeldState, RawFormat};
use crate::limits;
use sea_orm::sea_query::Query;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

impl Store {
    /// Held messages without their bytes, newest first, with an id below `before`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn held_messages(
        &self,
        filter: &HeldFilter,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<HeldMessage>, StoreError> {
        let mut condition = condition(filter);
        if let Some(before) = before {
            condition = condition.add(held_message::Column::Id.lt(before));
        }
        select_without_bytes()
            .filter(condition)
            .order_by_desc(held_message::Column::Id)
            .limit(limit)
            .into_model::<HeldRow>()
            .all(&self.read_connection())
            .await?
            .into_iter()
            .map(HeldMessage::try_from)
            .collect()
    }

    /// How many held messages there are, by source, state and reason, the most first; at most
    /// [`limits::BATCH_ITEMS`] lines.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn held_counts(&self, filter: &HeldFilter) -> Result<Vec<HeldCount>, StoreError> {
        use held_message::Column;
        let rows = held_message::Entity::find()
            .select_only()
            .columns([Column::Source, Column::State, Column::Reason])
            .column_as(Column::Id.count(), "items")
            .column_as(Column::ReceivedAt.min(), "oldest")
            .column_as(Column::LastReceivedAt.max(), "newest")
            .filter(condition(filter))
            .group_by(Column::Source)
            .group_by(Column::State)
            .group_by(Column::Reason)
            .order_by_desc(Column::Id.count())
            .order_by_asc(Column::Source)
            .order_by_asc(Column::Reason)
            .limit(limits::BATCH_ITEMS as u64)
            .into_model::<CountRow>()
            .all(&self.read_connection())
            .await?;
        rows.into_iter().map(HeldCount::try_from).collect()
    }

    /// One held message with its bytes, of which a rejected one may have only the beginning.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn held_message(&self, id: i64) -> Result<Option<(HeldMessage, Vec<u8>)>, StoreError> {
        let connection = self.read_connection();
        let row = select_without_bytes()
            .filter(held_message::Column::Id.eq(id))
            .into_model::<HeldRow>()
            .one(&connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let raw: Option<Vec<u8>> = held_message::Entity::find_by_id(id)
            .select_only()
            .column(held_message::Column::Raw)
            .into_tuple()
            .one(&connection)
            .await?;
        // Gone between the two reads: it is no longer held.
        raw.map(|raw| Ok((HeldMessage::try_from(row)?, raw))).transpose()
    }

    /// Discards held messages and gives how many there were. Whoever asks has been found to have the
    /// right.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn discard_held(&self, ids: &[i64]) -> Result<u64, StoreError> {
        let transaction = self.begin_write().await?;
        let condition = Condition::all().add(held_message::Column::Id.is_in(ids.iter().copied()));
        let discarded = remove_held(&transaction, condition, Disposition::Discarded).await?;
        transaction.commit().await?;
        Ok(discarded)
    }
}

/// Deletes rows and books how they went; gives how many.
pub(super) async fn remove_held(
    transaction: &DatabaseTransaction,
    condition: Condition,
    how: Disposition,
) -> Result<u64, StoreError> {
    let delete = Query::delete()
        .from_table(held_message::Entity)
        .cond_where(condition)
        .returning(LedgerItem::returning())
        .take();
    let mut ledger = LedgerChanges::default();
    let rows = transaction.query_all(&delete).await?;
    for row in &rows {
        ledger.remove(&LedgerItem::read(row)?, how)?;
    }
    ledger.write(transaction).await?;
    Ok(rows.len() as u64)
}

fn condition(filter: &HeldFilter) -> Condition {
    let mut condition = Condition::all();
    if let Some(state) = filter.state {
        condition = condition.add(held_message::Column::State.eq(state.as_str()));
    }
    for (column, value) in [
        (held_message::Column::Project, &filter.project),
        (held_message::Column::Source, &filter.source),
        (held_message::Column::Guid, &filter.guid),
        (held_message::Column::RoutingKey, &filter.routing_key),
    ] {
        if let Some(value) = value {
            condition = condition.add(column.eq(value));
        }
    }
    if let Some(from) = filter.received_from {
        condition = condition.add(held_message::Column::ReceivedAt.gte(to_micros(from)));
    }
    if let Some(before) = filter.received_before {
        condition = condition.add(held_message::Column::ReceivedAt.lt(to_micros(before)));
    }
    condition
}

pub(super) fn select_without_bytes() -> Select<held_message::Entity> {
    held_message::Entity::find().select_only().columns([
        held_message::Column::Id,
        held_message::Column::State,
        held_message::Column::Door,
        held_message::Column::Source,
        held_message::Column::Format,
        held_message::Column::Project,
        held_message::Column::Revision,
        held_message::Column::Guid,
        held_message::Column::Violations,
        held_message::Column::RoutingKey,
        held_message::Column::Context,
        held_message::Column::ReceivedAt,
        held_message::Column::ExpiresAt,
        held_message::Column::RepeatCount,
        held_message::Column::RawSize,
        held_message::Column::RawTruncated,
    ])
}

#[derive(FromQueryResult)]
struct CountRow {
    source: String,
    state: String,
    reason: String,
    items: i64,
    oldest: i64,
    newest: i64,
}

impl TryFrom<CountRow> for HeldCount {
    type Error = StoreError;

    fn try_from(row: CountRow) -> Result<Self, StoreError> {
        Ok(Self {
            state: state(&row.state)?,
            source: row.source,
            reason: row.reason,
            items: row.items,
            oldest_received_at: from_micros(row.oldest),
            newest_received_at: from_micros(row.newest),
        })
    }
}

#[derive(FromQueryResult)]
pub(super) struct HeldRow {
    id: i64,
    state: String,
    door: String,
    source: String,
    format: String,
    project: Option<String>,
    revision: Option<String>,
    guid: Option<String>,
    violations: Option<String>,
    routing_key: Option<String>,
    context: Option<String>,
    received_at: i64,
    expires_at: i64,
    repeat_count: i64,
    raw_size: i64,
    raw_truncated: bool,
}

impl TryFrom<HeldRow> for HeldMessage {
    type Error = StoreError;

    fn try_from(row: HeldRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            state: state(&row.state)?,
            door: door(&row.door)?,
            source: row.source,
            format: format(&row.format)?,
            project: row.project,
            revision: row.revision,
            guid: row.guid,
            violations: violations::from_json(row.violations.as_deref())?,
            routing_key: row.routing_key,
            context: row.context,
            received_at: from_micros(row.received_at),
            expires_at: from_micros(row.expires_at),
            repeats: row.repeat_count,
            raw_size: row.raw_size,
            raw_truncated: row.raw_truncated,
        })
    }
}

fn state(word: &str) -> Result<HeldState, StoreError> {
    HeldState::from_word(word)
        .ok_or_else(|| StoreError::Internal(format!("no held state is called {word:?}")))
}

pub(super) fn format(word: &str) -> Result<RawFormat, StoreError> {
    RawFormat::from_word(word).ok_or_else(|| StoreError::Internal(format!("no format is called {word:?}")))
}
