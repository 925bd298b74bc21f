//! Credentials of those who write.

use super::directory::bump_version;
use super::entities::gateway::credential;
use super::model::StoredCredential;
use super::time::{from_micros, to_micros};
use super::{Store, StoreError};
use crate::access::SealedSecret;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder,
};
use std::collections::HashMap;

/// What became of a credential to create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// It is there.
    Created,
    /// Another one has its client id, be it a revoked one.
    ClientIdTaken,
    /// Another one is bound to its certificate.
    CertificateTaken,
}

impl Store {
    /// Adds a credential.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn create_credential(&self, new: &StoredCredential) -> Result<Creation, StoreError> {
        let transaction = self.begin_write().await?;
        let row = credential::ActiveModel {
            id: NotSet,
            client_id: Set(new.client_id.clone()),
            projects: Set(serde_json::Value::from(new.projects.clone()).to_string()),
            admin: Set(new.admin),
            token_hash: Set(new.token_hash.to_vec()),
            hawk_secret: Set(new.hawk_secret.as_ref().map(|sealed| sealed.as_bytes().to_vec())),
            description: Set(new.description.clone()),
            created_at: Set(to_micros(new.created_at)),
            expires_at: Set(new.expires_at.map(to_micros)),
            revoked_at: Set(new.revoked_at.map(to_micros)),
            last_used_at: Set(new.last_used_at.map(to_micros)),
            certificate: Set(new.certificate.map(|fingerprint| fingerprint.to_vec())),
        };
        let inserted = credential::Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await?;
        if inserted == 0 {
            let same_id = credential::Column::ClientId.eq(&new.client_id);
            let taken = credential::Entity::find().filter(same_id).one(&transaction).await?;
            return Ok(match taken {
                Some(_) => Creation::ClientIdTaken,
                // Tokens are random: two are never the same.
                None => Creation::CertificateTaken,
            });
        }
        bump_version(&transaction).await?;
        transaction.commit().await?;
        Ok(Creation::Created)
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

    /// Gives a credential new secrets, in place of its old ones; false if there is none of this client
    /// id, or it is revoked.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn rotate_credential(
        &self,
        client_id: &str,
        token_hash: [u8; 32],
        hawk_secret: &SealedSecret,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin_write().await?;
        let rotated = credential::Entity::update_many()
            .col_expr(credential::Column::TokenHash, Expr::value(token_hash.to_vec()))
            .col_expr(credential::Column::HawkSecret, Expr::value(hawk_secret.as_bytes().to_vec()))
            .filter(credential::Column::ClientId.eq(client_id))
            .filter(credential::Column::RevokedAt.is_null())
            .exec(&transaction)
            .await?;
        bump_version(&transaction).await?;
        transaction.commit().await?;
        Ok(rotated.rows_affected > 0)
    }

    /// Ends a credential for good; false if there is none, or it is revoked already. Its Hawk secret is
    /// forgotten, and its certificate may be bound to another one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn revoke_credential(&self, client_id: &str) -> Result<bool, StoreError> {
        let transaction = self.begin_write().await?;
        let revoked = credential::Entity::update_many()
            .col_expr(credential::Column::RevokedAt, Expr::value(to_micros(Utc::now())))
            .col_expr(credential::Column::Certificate, Expr::value(None::<Vec<u8>>))
            .col_expr(credential::Column::HawkSecret, Expr::value(None::<Vec<u8>>))
            .filter(credential::Column::ClientId.eq(client_id))
            .filter(credential::Column::RevokedAt.is_null())
            .exec(&transaction)
            .await?;
        bump_version(&transaction).await?;
        transaction.commit().await?;
        Ok(revoked.rows_affected > 0)
    }

    /// Replaces sealed secrets by others, each only if it is still the one that was replaced; gives how
    /// many were.
    ///
    /// # Errors
    /// If the database fails; then none is replaced.
    pub async fn reseal_credentials(
        &self,
        resealed: &[(String, SealedSecret, SealedSecret)],
    ) -> Result<u64, StoreError> {
        let transaction = self.begin_write().await?;
        let mut replaced = 0;
        for (client_id, old, new) in resealed {
            let update = credential::Entity::update_many()
                .col_expr(credential::Column::HawkSecret, Expr::value(new.as_bytes().to_vec()))
                .filter(credential::Column::ClientId.eq(client_id))
                .filter(credential::Column::HawkSecret.eq(old.as_bytes().to_vec()));
            replaced += update.exec(&transaction).await?.rows_affected;
        }
        bump_version(&transaction).await?;
        transaction.commit().await?;
        Ok(replaced)
    }

    /// Notes when credentials were last used, by client id; never earlier than is noted already.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn note_last_uses(&self, uses: &HashMap<String, DateTime<Utc>>) -> Result<(), StoreError> {
        // In one order everywhere: two gateways must not wait for each other's rows.
        let mut uses: Vec<_> = uses.iter().collect();
        uses.sort_unstable_by_key(|(client_id, _)| *client_id);
        let transaction = self.begin_write().await?;
        for (client_id, time) in uses {
            let time = to_micros(*time);
            let earlier = Condition::any()
                .add(credential::Column::LastUsedAt.is_null())
                .add(credential::Column::LastUsedAt.lt(time));
            credential::Entity::update_many()
                .col_expr(credential::Column::LastUsedAt, Expr::value(time))
                .filter(credential::Column::ClientId.eq(client_id))
                .filter(earlier)
                .exec(&transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}

impl TryFrom<credential::Model> for StoredCredential {
    type Error = StoreError;

    fn try_from(row: credential::Model) -> Result<Self, StoreError> {
        let broken = |what: &str| StoreError::Internal(format!("credential {}: {what}", row.client_id));
        let sha256 = |bytes: &[u8], what: &str| bytes.try_into().map_err(|_| broken(what));
        Ok(Self {
            projects: serde_json::from_str(&row.projects).map_err(|_| broken("projects are no JSON list"))?,
            token_hash: sha256(&row.token_hash, "token hash of wrong size")?,
            certificate: row
                .certificate
                .map(|bytes| sha256(&bytes, "certificate fingerprint of wrong size"))
                .transpose()?,
            hawk_secret: row.hawk_secret.map(SealedSecret::of_bytes),
            admin: row.admin,
            description: row.description,
            created_at: from_micros(row.created_at),
            expires_at: row.expires_at.map(from_micros),
            revoked_at: row.revoked_at.map(from_micros),
            last_used_at: row.last_used_at.map(from_micros),
            client_id: row.client_id,
        })
    }
}
