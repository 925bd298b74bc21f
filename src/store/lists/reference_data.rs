//! Reference data as plain lists.

use super::Rows;
use crate::store::entities::reference_data::option_collection;
use crate::store::job_rows::option_names;
use crate::store::{Store, StoreError};
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ConnectionTrait, FromQueryResult};

/// A row that is a name.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
#[allow(missing_docs, reason = "named as the columns")]
pub struct ListedName {
    pub id: i32,
    pub name: String,
}

/// A row that is a platform.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
#[allow(missing_docs, reason = "named as the columns")]
pub struct ListedPlatform {
    pub id: i32,
    pub os_name: String,
    pub platform: String,
    pub architecture: String,
}

/// A row that is a name and its symbol.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
#[allow(missing_docs, reason = "named as the columns")]
pub struct ListedSymbol {
    pub id: i32,
    pub symbol: String,
    pub name: String,
    pub description: String,
}

/// A set of options and the hash that other systems know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct ListedOptionCollection {
    pub hash: String,
    pub options: Vec<String>,
}

/// Lists of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum NameList {
    Products,
    Machines,
}

/// Lists of platforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum PlatformList {
    Build,
    Machine,
}

/// Lists of names with symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SymbolList {
    JobGroups,
    JobTypes,
}

impl Store {
    /// Products or machines.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_names(&self, list: NameList, rows: Rows) -> Result<Vec<ListedName>, StoreError> {
        let table = match list {
            NameList::Products => "products",
            NameList::Machines => "machines",
        };
        self.plain_list(rows.of(Query::select().columns(["id", "name"]).from(table))).await
    }

    /// Platforms built for, or that jobs ran on.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_platforms(
        &self,
        list: PlatformList,
        rows: Rows,
    ) -> Result<Vec<ListedPlatform>, StoreError> {
        let table = match list {
            PlatformList::Build => "build_platforms",
            PlatformList::Machine => "machine_platforms",
        };
        let columns = ["id", "os_name", "platform", "architecture"];
        self.plain_list(rows.of(Query::select().columns(columns).from(table))).await
    }

    /// Job groups or job types.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_symbols(&self, list: SymbolList, rows: Rows) -> Result<Vec<ListedSymbol>, StoreError> {
        let table = match list {
            SymbolList::JobGroups => "job_groups",
            SymbolList::JobTypes => "job_types",
        };
        let columns = ["id", "symbol", "name", "description"];
        self.plain_list(rows.of(Query::select().columns(columns).from(table))).await
    }

    /// Option collections but the empty one. Of different sets that share a hash the first stands for
    /// the hash, as it always did.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_option_collections(
        &self,
        rows: Rows,
    ) -> Result<Vec<ListedOptionCollection>, StoreError> {
        use option_collection::{Column, Entity};
        let first =
            Query::select().expr(Expr::col(Column::Id).min()).from(Entity).group_by_col(Column::Hash).take();
        let mut select = Query::select();
        select
            .columns([Column::Hash, Column::OptionKey])
            .from(Entity)
            .and_where(Expr::col(Column::OptionKey).ne(""))
            .and_where(Expr::col(Column::Id).in_subquery(first));
        let collections: Vec<CollectionRow> = self.plain_list(rows.of(&mut select)).await?;
        Ok(collections
            .into_iter()
            .map(|row| ListedOptionCollection { hash: row.hash, options: option_names(&row.option_key) })
            .collect())
    }

    async fn plain_list<R: FromQueryResult>(&self, select: &SelectStatement) -> Result<Vec<R>, StoreError> {
        let rows = self.read_connection().query_all(select).await?;
        Ok(rows.iter().map(|row| R::from_query_result(row, "")).collect::<Result<_, _>>()?)
    }
}

#[derive(FromQueryResult)]
struct CollectionRow {
    hash: String,
    option_key: String,
}
