//! The ledger of held submissions (R1): everything that was ever held is either still there or was
//! released, replayed, discarded or evicted.
//!
//! Each entry counts by (source, project, disposition, reason), with an empty project for submissions
//! that name none. The reason is the row's own for dispositions that end a row, and empty otherwise.
//! Bytes are those kept, after cutting. Whoever changes `held_messages` changes the ledger in the same
//! transaction.

use super::entities::held::{held_ledger, held_message};
use super::time::from_micros;
use super::{Store, StoreError};
use crate::domain::HeldState;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Func, OnConflict, Query, ReturningClause};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryResult,
    QuerySelect,
};
use std::collections::BTreeMap;

/// What the ledger counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// Ever held.
    Held,
    /// Stored or decided once what it waited for came.
    Released,
    /// Run through the pipeline again by request.
    Replayed,
    /// Dropped by request.
    Discarded,
    /// Dropped because of age or number.
    Evicted,
    /// Now waiting; what the limits of parked submissions are checked against (R13).
    Parked,
    /// Now kept with its violations, expired ones included; likewise.
    Rejected,
}

impl Disposition {
    /// The word in the database and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Released => "released",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
            Self::Evicted => "evicted",
            Self::Parked => "parked",
            Self::Rejected => "rejected",
        }
    }

    /// The current count that a row of this state belongs to.
    pub fn of_state(state: HeldState) -> Self {
        match state {
            HeldState::Parked => Self::Parked,
            HeldState::Rejected | HeldState::Expired => Self::Rejected,
        }
    }
}

/// Both sides of the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LedgerBalance {
    /// Submissions ever held.
    pub held: i64,
    /// Rows now.
    pub rows: i64,
    /// Counted as parked or rejected now; equals the rows.
    pub counted: i64,
    /// Released, replayed, discarded and evicted.
    pub gone: i64,
}

impl LedgerBalance {
    /// Whether nothing was lost.
    pub fn balances(&self) -> bool {
        self.held == self.rows + self.gone && self.counted == self.rows
    }
}

/// How many submissions are held in one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldSummary {
    /// The state.
    pub state: HeldState,
    /// Submissions.
    pub items: i64,
    /// Receipt of the oldest.
    pub oldest_received_at: DateTime<Utc>,
}

/// Changes of the ledger to be written by one statement.
#[derive(Debug, Default)]
pub(crate) struct LedgerChanges {
    /// Sorted, so that concurrent transactions lock entries in the same order.
    entries: BTreeMap<(String, String, Disposition, String), (i64, i64)>,
}

impl LedgerChanges {
    pub(crate) fn add(&mut self, disposition: Disposition, of: &LedgerItem, reason: &str) {
        self.change(disposition, of, reason, 1);
    }

    pub(crate) fn subtract(&mut self, disposition: Disposition, of: &LedgerItem, reason: &str) {
        self.change(disposition, of, reason, -1);
    }

    fn change(&mut self, disposition: Disposition, of: &LedgerItem, reason: &str, sign: i64) {
        let project = of.project.clone().unwrap_or_default();
        let key = (of.source.clone(), project, disposition, reason.to_owned());
        let (items, bytes) = self.entries.entry(key).or_default();
        *items += sign;
        *bytes += sign * of.bytes;
    }

    /// A row that goes, and how.
    pub(crate) fn remove(&mut self, of: &LedgerItem, how: Disposition) -> Result<(), StoreError> {
        self.subtract(Disposition::of_state(of.state()?), of, "");
        self.add(how, of, &of.reason);
        Ok(())
    }

    /// # Errors
    /// If the database fails.
    pub(crate) async fn write(self, connection: &impl ConnectionTrait) -> Result<(), StoreError> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let rows =
            self.entries.into_iter().map(|((source, project, disposition, reason), (items, bytes))| {
                held_ledger::ActiveModel {
                    source: Set(source),
                    project: Set(project),
                    disposition: Set(disposition.as_str().to_owned()),
                    reason: Set(reason),
                    items: Set(items),
                    bytes: Set(bytes),
                }
            });
        use held_ledger::Column;
        let mut or_add =
            OnConflict::columns([Column::Source, Column::Project, Column::Disposition, Column::Reason]);
        for column in [Column::Items, Column::Bytes] {
            let stored: Expr = Expr::col((held_ledger::Entity, column));
            or_add.value(column, stored.add(Expr::col(("excluded", column))));
        }
        held_ledger::Entity::insert_many(rows).on_conflict(or_add).exec_without_returning(connection).await?;
        Ok(())
    }
}

/// What the ledger counts of a row of `held_messages`.
#[derive(Debug, Clone)]
pub(crate) struct LedgerItem {
    pub source: String,
    pub project: Option<String>,
    pub state: String,
    pub reason: String,
    pub bytes: i64,
}

impl LedgerItem {
    pub(crate) fn state(&self) -> Result<HeldState, StoreError> {
        HeldState::from_word(&self.state)
            .ok_or_else(|| StoreError::Internal(format!("no held state is called {:?}", self.state)))
    }

    /// The `RETURNING` that [`LedgerItem::read`] reads.
    pub(super) fn returning() -> ReturningClause {
        use held_message::Column;
        let columns = [Column::Source, Column::Project, Column::State, Column::Reason];
        Query::returning().exprs(columns.map(Expr::col).into_iter().chain([kept_bytes()]))
    }

    pub(super) fn read(row: &QueryResult) -> Result<Self, StoreError> {
        Ok(Self {
            source: row.try_get_by_index(0)?,
            project: row.try_get_by_index(1)?,
            state: row.try_get_by_index(2)?,
            reason: row.try_get_by_index(3)?,
            bytes: row.try_get_by_index(4)?,
        })
    }
}

/// On both databases the length of binary data is in bytes; PostgreSQL gives an `integer`.
fn kept_bytes() -> Expr {
    Expr::from(Func::cust("length").arg(Expr::col(held_message::Column::Raw))).cast_as("bigint")
}

impl Store {
    /// Both sides of the ledger, read at one moment.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn ledger_balance(&self) -> Result<LedgerBalance, StoreError> {
        #[derive(FromQueryResult)]
        struct Row {
            held: i64,
            counted: i64,
            gone: i64,
            held_rows: i64,
        }
        let sum = |words: &[Disposition], name: &str| {
            let words: Vec<String> = words.iter().map(|d| format!("'{}'", d.as_str())).collect();
            format!(
                "CAST(coalesce(sum(CASE WHEN disposition IN ({}) THEN items END), 0) AS bigint) AS {name}",
                words.join(", ")
            )
        };
        use Disposition::{Discarded, Evicted, Held, Parked, Rejected, Released, Replayed};
        let sql = format!(
            "SELECT {}, {}, {}, (SELECT count(*) FROM held_messages) AS held_rows FROM held_ledger",
            sum(&[Held], "held"),
            sum(&[Parked, Rejected], "counted"),
            sum(&[Released, Replayed, Discarded, Evicted], "gone"),
        );
        let connection = self.read_connection();
        let statement = sea_orm::Statement::from_string(connection.get_database_backend(), sql);
        let row = Row::find_by_statement(statement).one(&connection).await?;
        let row = row.ok_or_else(|| StoreError::Internal("an aggregate gave no row".into()))?;
        Ok(LedgerBalance { held: row.held, rows: row.held_rows, counted: row.counted, gone: row.gone })
    }

    /// What is held now, by state; states that hold nothing are left out.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn held_summary(&self) -> Result<Vec<HeldSummary>, StoreError> {
        let mut summary = Vec::new();
        for state in [HeldState::Parked, HeldState::Rejected, HeldState::Expired] {
            let (items, oldest): (i64, Option<i64>) = held_message::Entity::find()
                .select_only()
                .column_as(held_message::Column::Id.count(), "items")
                .column_as(held_message::Column::ReceivedAt.min(), "oldest")
                .filter(held_message::Column::State.eq(state.as_str()))
                .into_tuple()
                .one(&self.read_connection())
                .await?
                .unwrap_or_default();
            if let Some(oldest) = oldest {
                summary.push(HeldSummary { state, items, oldest_received_at: from_micros(oldest) });
            }
        }
        Ok(summary)
    }
}
