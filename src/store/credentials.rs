//! Credentials of those who write.

use super::directory::bump_version;
use super::entities::gateway::credential;
use super::model::StoredCredential;
use super::time::{from_micros, to_micros};
use super::{Store, StoreError};
use chrono::Utc;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

impl Store {
    /// Adds a credential; false if its client id is taken, be it by a revoked one.
    ///
    /// # Errors
    /// [`StoreError::Data`] if another credential has the same token.
    pub async fn create_credential(&self, new: &StoredCredential) -> Result<bool, StoreError> {
        let transaction = self.begin_write().await?;
        let row = credential::ActiveModel {
            id: NotSet,
            client_id: Set(new.client_id.clone()),
            projects: Set(serde_json::Value::from(new.projects.clone()).to_string()),
            admin: Set(new.admin),
            token_hash: Set(new.token_hash.to_vec()),
            hawk_secret: Set(None),
            description: Set(String::new()),
            created_at: Set(to_micros(new.created_at)),
            expires_at: Set(new.expires_at.map(to_micros)),
            revoked_at: Set(new.revoked_at.map(to_micros)),
            last_used_at: Set(None),
        };
        let unless_taken = OnConflict::column(credential::Column::ClientId).do_nothing().to_owned();
        let inserted = credential::Entity::insert(row)
            .on_conflict(unless_taken)
            .exec_without_returning(&transaction)
            .await?;
        bump_version(&transaction).await?;
        transaction.commit().await?;
        Ok(inserted > 0)
    }

    /// All credentials, those that no longer work too, by client id.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn credentials(&self) -> Result<Vec<StoredCredential>, StoreError> {
        let rows = credential::Entity::find()
            .order_by_asc(credential::Column::ClientId)
            .all(&self.read_connection())
            .await?;
        rows.into_iter().map(StoredCredential::try_from).collect()
    }

    /// Ends a credential for good; false if there is none, or it is revoked already.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn revoke_credential(&self, client_id: &str) -> Result<bool, StoreError> {
        let transaction = self.begin_write().await?;
        let revoked = credential::Entity::update_many()
            .col_expr(credential::Column::RevokedAt, Expr::value(to_micros(Utc::now())))
            .filter(credential::Column::ClientId.eq(client_id))
            .filter(credential::Column::RevokedAt.is_null())
            .exec(&transaction)
            .await?;
        bump_version(&transaction).await?;
        transaction.commit().await?;
        Ok(revoked.rows_affected > 0)
    }
}

impl TryFrom<credential::Model> for StoredCredential {
    type Error = StoreError;

    fn try_from(row: credential::Model) -> Result<Self, StoreError> {
        let broken = |what: &str| StoreError::Internal(format!("credential {}: {what}", row.client_id));
        Ok(Self {
            projects: serde_json::from_str(&row.projects).map_err(|_| broken("projects are no JSON list"))?,
            token_hash: row
                .token_hash
                .as_slice()
                .try_into()
                .map_err(|_| broken("token hash of wrong size"))?,
            admin: row.admin,
            created_at: from_micros(row.created_at),
            expires_at: row.expires_at.map(from_micros),
            revoked_at: row.revoked_at.map(from_micros),
            client_id: row.client_id,
        })
    }
}
