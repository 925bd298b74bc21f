//! Reference data as plain lists (ingest contract 6.7).

use super::HttpDoor;
use super::plain_list::plain_list;
use crate::domain::FailureClassification;
use crate::store::StoreError;
use crate::store::lists::{
    ListedName, ListedOptionCollection, ListedPlatform, ListedSymbol, NameList, PlatformList, Rows,
    SymbolList,
};
use serde::Serialize;
use std::future::ready;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    [
        products::routes(),
        machines::routes(),
        machine_platforms::routes(),
        build_platforms::routes(),
        job_groups::routes(),
        job_types::routes(),
        option_collections::routes(),
        failure_classifications::routes(),
    ]
    .into_iter()
    .fold(OpenApiRouter::new(), OpenApiRouter::merge)
}

/// A name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Named)]
pub struct NameRow {
    id: i32,
    name: String,
}

impl From<ListedName> for NameRow {
    fn from(row: ListedName) -> Self {
        Self { id: row.id, name: row.name }
    }
}

/// A platform.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LegacyPlatform)]
pub struct PlatformRow {
    id: i32,
    os_name: String,
    platform: String,
    architecture: String,
}

impl From<ListedPlatform> for PlatformRow {
    fn from(row: ListedPlatform) -> Self {
        Self { id: row.id, os_name: row.os_name, platform: row.platform, architecture: row.architecture }
    }
}

/// A job group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LegacyJobGroup)]
pub struct GroupRow {
    id: i32,
    symbol: String,
    name: String,
    description: String,
}

impl From<ListedSymbol> for GroupRow {
    fn from(row: ListedSymbol) -> Self {
        Self { id: row.id, symbol: row.symbol, name: row.name, description: row.description }
    }
}

/// A job type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LegacyJobType)]
pub struct TypeRow {
    #[serde(flatten)]
    named: GroupRow,
    /// Always null: jobs of one type can be in different groups.
    job_group: Option<i32>,
}

impl From<ListedSymbol> for TypeRow {
    fn from(row: ListedSymbol) -> Self {
        Self { named: row.into(), job_group: None }
    }
}

/// A set of build options and its hash.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OptionCollectionHash)]
pub struct OptionCollectionRow {
    option_collection_hash: String,
    options: Vec<OptionName>,
}

#[derive(Debug, Serialize, ToSchema)]
struct OptionName {
    name: String,
}

impl From<ListedOptionCollection> for OptionCollectionRow {
    fn from(row: ListedOptionCollection) -> Self {
        Self {
            option_collection_hash: row.hash,
            options: row.options.into_iter().map(|name| OptionName { name }).collect(),
        }
    }
}

impl From<FailureClassification> for NameRow {
    fn from(classification: FailureClassification) -> Self {
        Self { id: classification.id(), name: classification.name().to_owned() }
    }
}

fn classifications(rows: Rows) -> Result<Vec<FailureClassification>, StoreError> {
    let all = FailureClassification::LISTED.into_iter();
    Ok(match rows {
        Rows::One(id) => all.filter(|listed| i64::from(listed.id()) == id).collect(),
        Rows::Window(window) => {
            let [offset, count] =
                [window.offset, window.count].map(|rows| usize::try_from(rows).unwrap_or(usize::MAX));
            all.skip(offset).take(count).collect()
        }
    })
}

plain_list!(products: "/api/product/" and "/api/product/{id}/" of NameRow, "Products",
    |store, rows| store.list_names(NameList::Products, rows));

plain_list!(machines: "/api/machine/" and "/api/machine/{id}/" of NameRow, "Machines",
    |store, rows| store.list_names(NameList::Machines, rows));

plain_list!(machine_platforms: "/api/machineplatform/" and "/api/machineplatform/{id}/" of PlatformRow,
    "Platforms that jobs ran on",
    |store, rows| store.list_platforms(PlatformList::Machine, rows));

plain_list!(build_platforms: "/api/buildplatform/" and "/api/buildplatform/{id}/" of PlatformRow,
    "Platforms built for",
    |store, rows| store.list_platforms(PlatformList::Build, rows));

plain_list!(job_groups: "/api/jobgroup/" and "/api/jobgroup/{id}/" of GroupRow, "Job groups",
    |store, rows| store.list_symbols(SymbolList::JobGroups, rows));

plain_list!(job_types: "/api/jobtype/" and "/api/jobtype/{id}/" of TypeRow, "Job types",
    |store, rows| store.list_symbols(SymbolList::JobTypes, rows));

plain_list!(option_collections: "/api/optioncollectionhash/" and "/api/optioncollectionhash/{id}/"
    of OptionCollectionRow, "Sets of build options",
    |store, rows| store.list_option_collections(rows));

plain_list!(failure_classifications: "/api/failureclassification/" and "/api/failureclassification/{id}/"
    of NameRow, "What can be said about a failed job",
    |_store, rows| ready(classifications(rows)));
