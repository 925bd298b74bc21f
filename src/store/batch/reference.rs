//! Statements of interning: ids of reference rows by their natural keys, and of pushes.

use super::{BatchTransaction, RowSet, StoreError};
use crate::domain::ContentDigest;
use std::collections::{BTreeSet, HashMap};

/// A table whose rows are found by texts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReferenceTable {
    BuildPlatforms,
    MachinePlatforms,
    JobTypes,
    JobGroups,
    Machines,
    Products,
    Options,
    OptionCollections,
}

impl ReferenceTable {
    fn name(self) -> &'static str {
        match self {
            Self::BuildPlatforms => "build_platforms",
            Self::MachinePlatforms => "machine_platforms",
            Self::JobTypes => "job_types",
            Self::JobGroups => "job_groups",
            Self::Machines => "machines",
            Self::Products => "products",
            Self::Options => "options",
            Self::OptionCollections => "option_collections",
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::BuildPlatforms | Self::MachinePlatforms => &["os_name", "platform", "architecture"],
            Self::JobTypes | Self::JobGroups => &["name", "symbol"],
            Self::Machines | Self::Products | Self::Options => &["name"],
            Self::OptionCollections => &["option_key", "hash"],
        }
    }
}

/// A row of `signatures` to find or make.
#[derive(Debug)]
pub(crate) struct SignatureRow<'a> {
    pub(crate) key: ContentDigest,
    pub(crate) signature: String,
    pub(crate) name: String,
    pub(crate) build_system: &'a str,
    pub(crate) repository_id: i32,
    pub(crate) build_platform_id: i32,
    pub(crate) machine_platform_id: i32,
    pub(crate) job_group_id: i32,
    pub(crate) job_type_id: i32,
    pub(crate) option_collection_id: i32,
    pub(crate) reference_data_name: Option<&'a str>,
    pub(crate) first_submission_at: i64,
}

impl BatchTransaction<'_> {
    /// Ids of rows by their texts; rows that are missing are made. Reading comes first, so that an
    /// insert that finds its row does not use up an id.
    pub(crate) async fn intern(
        &mut self,
        table: ReferenceTable,
        keys: &BTreeSet<Vec<&str>>,
    ) -> Result<HashMap<Vec<String>, i32>, StoreError> {
        let mut ids = self.reference_ids(table, keys.iter()).await?;
        let missing: Vec<&Vec<&str>> = keys.iter().filter(|key| !ids.contains_key(&owned(key))).collect();
        if !missing.is_empty() {
            let columns = table.columns();
            let values = columns.iter().map(|c| format!("t.{c}")).collect::<Vec<_>>().join(", ");
            let sql = format!(
                "INSERT INTO {} ({}) SELECT {values} FROM {{rows}} WHERE true ON CONFLICT DO NOTHING",
                table.name(),
                columns.join(", ")
            );
            self.run(&sql, key_rows(columns, &missing)).await?;
            ids.extend(self.reference_ids(table, missing.into_iter()).await?);
        }
        Ok(ids)
    }

    async fn reference_ids<'k>(
        &mut self,
        table: ReferenceTable,
        keys: impl Iterator<Item = &'k Vec<&'k str>>,
    ) -> Result<HashMap<Vec<String>, i32>, StoreError> {
        let columns = table.columns();
        let selected = columns.iter().map(|c| format!("x.{c}")).collect::<Vec<_>>().join(", ");
        let equal = columns.iter().map(|c| format!("x.{c} = t.{c}")).collect::<Vec<_>>().join(" AND ");
        let sql = format!("SELECT x.id, {selected} FROM {} x JOIN {{rows}} ON {equal}", table.name());
        let keys: Vec<_> = keys.collect();
        let mut ids = HashMap::with_capacity(keys.len());
        for row in self.run(&sql, key_rows(columns, &keys)).await? {
            let key = (1..=columns.len()).map(|i| row.text(i)).collect::<Result<Vec<_>, _>>()?;
            ids.insert(key, row.int(0)?);
        }
        Ok(ids)
    }

    /// Records which options a collection has: (collection id, option id), sorted.
    pub(crate) async fn add_collection_options(&mut self, pairs: &[(i32, i32)]) -> Result<(), StoreError> {
        let sql = "INSERT INTO option_collection_options (option_collection_id, option_id) \
             SELECT t.collection, t.name FROM {rows} WHERE true ON CONFLICT DO NOTHING";
        let set =
            RowSet::new().int("collection", pairs.iter().map(|p| p.0)).int("name", pairs.iter().map(|p| p.1));
        self.run(sql, set).await?;
        Ok(())
    }

    /// Ids and signatures of signature rows that exist.
    pub(crate) async fn signature_ids(
        &mut self,
        keys: &[ContentDigest],
    ) -> Result<HashMap<ContentDigest, (i32, String)>, StoreError> {
        let sql = "SELECT s.id, s.key, s.signature FROM signatures s JOIN {rows} ON s.key = t.key";
        let set = RowSet::new().bytes("key", keys.iter().map(|k| &k.as_bytes()[..]));
        let mut ids = HashMap::new();
        for row in self.run(sql, set).await? {
            if let Some(key) = ContentDigest::from_slice(&row.bytes(1)?) {
                ids.insert(key, (row.int(0)?, row.text(2)?));
            }
        }
        Ok(ids)
    }

    /// Makes signature rows, sorted by key; those that exist stay.
    pub(crate) async fn insert_signatures(&mut self, rows: &[SignatureRow<'_>]) -> Result<(), StoreError> {
        let sql = "INSERT INTO signatures (key, signature, name, build_system, repository_id, \
             build_platform_id, machine_platform_id, job_group_id, job_type_id, option_collection_id, \
             reference_data_name, first_submission_at) SELECT t.key, t.signature, t.name, t.build_system, \
             t.repository_id, t.build_platform_id, t.machine_platform_id, t.job_group_id, t.job_type_id, \
             t.option_collection_id, t.reference_data_name, t.first_submission_at FROM {rows} WHERE true \
             ON CONFLICT DO NOTHING";
        let set = RowSet::new()
            .bytes("key", rows.iter().map(|r| &r.key.as_bytes()[..]))
            .text("signature", rows.iter().map(|r| &*r.signature))
            .text("name", rows.iter().map(|r| &*r.name))
            .text("build_system", rows.iter().map(|r| r.build_system))
            .int("repository_id", rows.iter().map(|r| r.repository_id))
            .int("build_platform_id", rows.iter().map(|r| r.build_platform_id))
            .int("machine_platform_id", rows.iter().map(|r| r.machine_platform_id))
            .int("job_group_id", rows.iter().map(|r| r.job_group_id))
            .int("job_type_id", rows.iter().map(|r| r.job_type_id))
            .int("option_collection_id", rows.iter().map(|r| r.option_collection_id))
            .optional_text("reference_data_name", rows.iter().map(|r| r.reference_data_name))
            .bigint("first_submission_at", rows.iter().map(|r| r.first_submission_at));
        self.run(sql, set).await?;
        Ok(())
    }

    /// Pushes by (repository, top revision): (repository, revision, push id) of those that exist.
    pub(crate) async fn push_ids(
        &mut self,
        keys: &[(i32, &str)],
    ) -> Result<Vec<(i32, String, i64)>, StoreError> {
        let sql = "SELECT p.repository_id, p.revision, p.id FROM pushes p JOIN {rows} \
             ON p.repository_id = t.repository_id AND p.revision = t.revision";
        self.push_rows(sql, keys).await
    }

    /// Pushes whose top revision starts with a prefix: (repository, prefix, push id), possibly several
    /// for one prefix.
    pub(crate) async fn push_ids_by_prefix(
        &mut self,
        keys: &[(i32, &str)],
    ) -> Result<Vec<(i32, String, i64)>, StoreError> {
        let sql = "SELECT p.repository_id, t.revision, p.id FROM pushes p JOIN {rows} \
             ON p.repository_id = t.repository_id \
             AND p.revision >= t.revision AND p.revision < t.revision || '\u{10FFFF}'";
        self.push_rows(sql, keys).await
    }

    async fn push_rows(
        &mut self,
        sql: &str,
        keys: &[(i32, &str)],
    ) -> Result<Vec<(i32, String, i64)>, StoreError> {
        let set = RowSet::new()
            .int("repository_id", keys.iter().map(|k| k.0))
            .text("revision", keys.iter().map(|k| k.1));
        let found = self.run(sql, set).await?;
        found.iter().map(|row| Ok((row.int(0)?, row.text(1)?, row.bigint(2)?))).collect()
    }
}

fn owned(key: &[&str]) -> Vec<String> {
    key.iter().map(|&text| text.to_owned()).collect()
}

fn key_rows<'a>(columns: &[&'static str], keys: &[&'a Vec<&'a str>]) -> RowSet<'a> {
    columns
        .iter()
        .enumerate()
        .fold(RowSet::new(), |set, (index, column)| set.text(column, keys.iter().map(|key| key[index])))
}
