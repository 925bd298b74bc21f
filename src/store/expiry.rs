//! What time does to held submissions.

use super::entities::held::{held_message, pending_supersede};
use super::held::remove_held;
use super::ledger::{Disposition, LedgerChanges, LedgerItem};
use super::time::to_micros;
use super::{Store, StoreError, violations};
use crate::domain::{HeldState, Violation};
use crate::limits;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, Order, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};

/// Rule of the violation that an expired submission shows.
const PARKED_EXPIRED: &str = "parked_expired";

/// What [`Store::expire`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    /// Parked submissions that stopped waiting.
    pub parked: u64,
    /// Rejected and expired ones of which only the count stays.
    pub evicted: u64,
    /// Remembered supersedings of jobs that did not come.
    pub supersedes: u64,
}

impl Store {
    /// Does what is due now, in transactions of at most [`limits::RELEASE_CHUNK`] submissions. Parked
    /// ones past their time become expired, with a violation that says so, and are kept for `rejected_age`
    /// like rejected ones; those past theirs go, and only their count stays.
    ///
    /// # Errors
    /// At the first transaction that fails; those before it stand.
    pub async fn expire(&self, now: DateTime<Utc>, rejected_age: TimeDelta) -> Result<Expired, StoreError> {
        let mut done = Expired::default();
        loop {
            let parked = self.expire_parked(now, now + rejected_age).await?;
            let evicted = self.evict_rejected(now).await?;
            done.parked += parked;
            done.evicted += evicted;
            if parked.max(evicted) < limits::RELEASE_CHUNK {
                break;
            }
        }
        done.supersedes = pending_supersede::Entity::delete_many()
            .filter(pending_supersede::Column::ExpiresAt.lt(to_micros(now)))
            .exec(&self.write_connection())
            .await?
            .rows_affected;
        self.forget_sightings(now).await?;
        Ok(done)
    }

    async fn expire_parked(&self, now: DateTime<Utc>, kept_until: DateTime<Utc>) -> Result<u64, StoreError> {
        let violation = Violation::new("", PARKED_EXPIRED, "what it waited for did not come in time");
        let transaction = self.begin_write().await?;
        let update = Query::update()
            .table(held_message::Entity)
            .values([
                (held_message::Column::State, Expr::value(HeldState::Expired.as_str())),
                (held_message::Column::Reason, Expr::value(PARKED_EXPIRED)),
                (held_message::Column::Violations, Expr::value(violations::to_json(&[violation]))),
                (held_message::Column::WaitingFor, Expr::value(None::<String>)),
                (held_message::Column::ExpiresAt, Expr::value(to_micros(kept_until))),
            ])
            .cond_where(still_due(&[HeldState::Parked], now))
            .returning(LedgerItem::returning())
            .take();
        let rows = transaction.query_all(&update).await?;
        let mut ledger = LedgerChanges::default();
        for row in &rows {
            let item = LedgerItem::read(row)?;
            ledger.subtract(Disposition::Parked, &item, "");
            ledger.add(Disposition::Rejected, &item, "");
        }
        ledger.write(&transaction).await?;
        transaction.commit().await?;
        Ok(rows.len() as u64)
    }

    async fn evict_rejected(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let states = [HeldState::Rejected, HeldState::Expired];
        let transaction = self.begin_write().await?;
        let evicted = remove_held(&transaction, still_due(&states, now), Disposition::Evicted).await?;
        transaction.commit().await?;
        Ok(evicted)
    }
}

/// What is due in these states, the longest due first. The rows themselves are asked once more, when their locks
/// are had: meanwhile they may have been released, or parked again.
fn still_due(states: &[HeldState], now: DateTime<Utc>) -> Condition {
    is_due(states, now).add(held_message::Column::Id.in_subquery(due(states, now)))
}

fn is_due(states: &[HeldState], now: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(held_message::Column::State.is_in(states.iter().map(|state| state.as_str())))
        .add(held_message::Column::ExpiresAt.lt(to_micros(now)))
}

/// Their ids.
fn due(states: &[HeldState], now: DateTime<Utc>) -> SelectStatement {
    Query::select()
        .column(held_message::Column::Id)
        .from(held_message::Entity)
        .cond_where(is_due(states, now))
        .order_by(held_message::Column::ExpiresAt, Order::Asc)
        .limit(limits::RELEASE_CHUNK)
        .take()
}
