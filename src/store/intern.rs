//! Interned reference data: ids of signatures, machines, products and pushes, looked up in bounded
//! caches, and set-wise in the database for what they lack. In steady state nothing is asked.
//!
//! An id enters a cache only after the transaction that made its row was committed.

use super::StoreError;
use super::batch::{BatchTransaction, ReferenceTable, SignatureRow};
use crate::domain::{ContentDigest, Platform, ProjectName, ReferenceData, Signature};
use crate::limits::{PUSH_CACHE_ENTRIES, REFERENCE_CACHE_ENTRIES};
use quick_cache::sync::Cache;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A signature row: its id, and the signature for tier overrides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InternedSignature {
    pub(crate) id: i32,
    pub(crate) signature: Signature,
}

/// The caches, shared by all writers.
#[derive(Debug)]
pub(crate) struct Interner {
    signatures: Cache<ContentDigest, InternedSignature>,
    machines: Cache<Box<str>, i32>,
    products: Cache<Box<str>, i32>,
    pushes: Cache<(i32, Box<str>), i64>,
}

/// What one batch needs to know.
#[derive(Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// By key: repository and reference data.
    pub(crate) references: HashMap<ContentDigest, (i32, &'a ProjectName, &'a ReferenceData)>,
    /// Names.
    pub(crate) machines: BTreeSet<&'a str>,
    /// Names.
    pub(crate) products: BTreeSet<&'a str>,
}

/// Ids for one batch, and which of them are new to the caches.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    signatures: HashMap<ContentDigest, InternedSignature>,
    machines: HashMap<Box<str>, i32>,
    products: HashMap<Box<str>, i32>,
    /// Something was asked of the database, and rows may have been made.
    pub(crate) asked: bool,
}

/// What is known about the push that a revision names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FoundPush {
    /// Its id.
    Known(i64),
    /// Not stored yet.
    Unknown,
    /// A prefix of several.
    Ambiguous,
}

impl Interner {
    pub(crate) fn new() -> Self {
        Self {
            signatures: Cache::new(REFERENCE_CACHE_ENTRIES),
            machines: Cache::new(REFERENCE_CACHE_ENTRIES),
            products: Cache::new(REFERENCE_CACHE_ENTRIES),
            pushes: Cache::new(PUSH_CACHE_ENTRIES),
        }
    }

    /// Forgets everything, after a row that a cached id named turned out to be gone (R20).
    pub(crate) fn clear(&self) {
        self.signatures.clear();
        self.machines.clear();
        self.products.clear();
        self.pushes.clear();
    }

    /// Finds or makes all rows that a batch needs. The caller commits the transaction before it calls
    /// [`Self::publish`].
    pub(crate) async fn resolve(
        &self,
        transaction: &mut BatchTransaction<'_>,
        wanted: &Wanted<'_>,
        now: i64,
    ) -> Result<Resolved, StoreError> {
        let mut resolved = Resolved::default();
        let mut missing = BTreeMap::new();
        for (&key, &reference) in &wanted.references {
            match self.signatures.get(&key) {
                Some(known) => {
                    resolved.signatures.insert(key, known);
                }
                None => {
                    missing.insert(key, reference);
                }
            }
        }
        if !missing.is_empty() {
            resolved.asked = true;
            resolved.signatures.extend(intern_signatures(transaction, &missing, now).await?);
        }
        resolved.machines = self
            .names(
                transaction,
                ReferenceTable::Machines,
                &self.machines,
                &wanted.machines,
                &mut resolved.asked,
            )
            .await?;
        resolved.products = self
            .names(
                transaction,
                ReferenceTable::Products,
                &self.products,
                &wanted.products,
                &mut resolved.asked,
            )
            .await?;
        Ok(resolved)
    }

    async fn names(
        &self,
        transaction: &mut BatchTransaction<'_>,
        table: ReferenceTable,
        cache: &Cache<Box<str>, i32>,
        names: &BTreeSet<&str>,
        asked: &mut bool,
    ) -> Result<HashMap<Box<str>, i32>, StoreError> {
        let mut ids = HashMap::with_capacity(names.len());
        let mut missing = BTreeSet::new();
        for &name in names {
            match cache.get(name) {
                Some(id) => {
                    ids.insert(name.into(), id);
                }
                None => {
                    missing.insert(vec![name]);
                }
            }
        }
        if !missing.is_empty() {
            *asked = true;
            for (key, id) in transaction.intern(table, &missing).await? {
                ids.extend(key.into_iter().map(|name| (name.into(), id)));
            }
        }
        Ok(ids)
    }

    /// Puts ids into the caches, after the transaction that made their rows was committed.
    pub(crate) fn publish(&self, resolved: &Resolved) {
        if !resolved.asked {
            return;
        }
        for (&key, &signature) in &resolved.signatures {
            self.signatures.insert(key, signature);
        }
        for (name, &id) in &resolved.machines {
            self.machines.insert(name.clone(), id);
        }
        for (name, &id) in &resolved.products {
            self.products.insert(name.clone(), id);
        }
    }

    /// Finds pushes by repository and exact revision or prefix. Only exact ones are cached: a prefix
    /// may become ambiguous (R14).
    pub(crate) async fn pushes<'a>(
        &self,
        transaction: &mut BatchTransaction<'_>,
        exact: &BTreeSet<(i32, &'a str)>,
        prefixes: &BTreeSet<(i32, &'a str)>,
    ) -> Result<HashMap<(i32, &'a str), FoundPush>, StoreError> {
        let mut found = HashMap::with_capacity(exact.len() + prefixes.len());
        let mut missing = Vec::new();
        for &(repository, revision) in exact {
            match self.pushes.get(&(repository, Box::from(revision))) {
                Some(id) => {
                    found.insert((repository, revision), FoundPush::Known(id));
                }
                None => missing.push((repository, revision)),
            }
        }
        let mut stored: HashMap<(i32, String), FoundPush> = HashMap::new();
        if !missing.is_empty() {
            for (repository, revision, id) in transaction.push_ids(&missing).await? {
                self.pushes.insert((repository, revision.clone().into()), id);
                stored.insert((repository, revision), FoundPush::Known(id));
            }
        }
        if !prefixes.is_empty() {
            missing.extend(prefixes);
            let keys: Vec<_> = prefixes.iter().copied().collect();
            for (repository, prefix, id) in transaction.push_ids_by_prefix(&keys).await? {
                stored
                    .entry((repository, prefix))
                    .and_modify(|push| *push = FoundPush::Ambiguous)
                    .or_insert(FoundPush::Known(id));
            }
        }
        for (repository, revision) in missing {
            let push = stored.get(&(repository, revision.to_owned())).copied();
            found.insert((repository, revision), push.unwrap_or(FoundPush::Unknown));
        }
        Ok(found)
    }
}

impl Resolved {
    /// The signature row of some reference data.
    pub(crate) fn signature(&self, key: ContentDigest) -> Option<InternedSignature> {
        self.signatures.get(&key).copied()
    }

    /// Id of a machine.
    pub(crate) fn machine(&self, name: &str) -> Option<i32> {
        self.machines.get(name).copied()
    }

    /// Id of a product.
    pub(crate) fn product(&self, name: &str) -> Option<i32> {
        self.products.get(name).copied()
    }
}

type MissingSignatures<'a> = BTreeMap<ContentDigest, (i32, &'a ProjectName, &'a ReferenceData)>;

async fn intern_signatures(
    transaction: &mut BatchTransaction<'_>,
    missing: &MissingSignatures<'_>,
    now: i64,
) -> Result<HashMap<ContentDigest, InternedSignature>, StoreError> {
    let keys: Vec<_> = missing.keys().copied().collect();
    let mut known = transaction.signature_ids(&keys).await?;
    if known.len() < missing.len() {
        let unknown: MissingSignatures<'_> =
            missing.iter().filter(|(key, _)| !known.contains_key(key)).map(|(k, v)| (*k, *v)).collect();
        make_signatures(transaction, &unknown, now).await?;
        let keys: Vec<_> = unknown.keys().copied().collect();
        known.extend(transaction.signature_ids(&keys).await?);
    }
    known
        .into_iter()
        .map(|(key, (id, text))| {
            let signature = Signature::parse(&text)
                .ok_or_else(|| StoreError::Internal(format!("signature row {id} holds {text:?}")))?;
            Ok((key, InternedSignature { id, signature }))
        })
        .collect()
}

async fn make_signatures(
    transaction: &mut BatchTransaction<'_>,
    missing: &MissingSignatures<'_>,
    now: i64,
) -> Result<(), StoreError> {
    fn platform_key(platform: &Platform) -> Vec<&str> {
        vec![&platform.os_name, &platform.platform, &platform.architecture]
    }
    let all = || missing.values().map(|(_, _, reference)| *reference);
    let collections: BTreeMap<String, (String, &ReferenceData)> =
        all().map(|r| (r.options.key(), (r.options.hash(), r))).collect();

    let build_platforms = all().map(|r| platform_key(&r.build_platform)).collect();
    let build_platforms = transaction.intern(ReferenceTable::BuildPlatforms, &build_platforms).await?;
    let machine_platforms = all().map(|r| platform_key(&r.machine_platform)).collect();
    let machine_platforms = transaction.intern(ReferenceTable::MachinePlatforms, &machine_platforms).await?;
    let types = all().map(|r| vec![&*r.job_type.name, &*r.job_type.symbol]).collect();
    let types = transaction.intern(ReferenceTable::JobTypes, &types).await?;
    let groups = all().map(|r| vec![&*r.group.name, &*r.group.symbol]).collect();
    let groups = transaction.intern(ReferenceTable::JobGroups, &groups).await?;
    let options: BTreeSet<Vec<&str>> = all().flat_map(|r| r.options.names()).map(|n| vec![n]).collect();
    let options = transaction.intern(ReferenceTable::Options, &options).await?;
    let collection_keys = collections.iter().map(|(key, (hash, _))| vec![&**key, &**hash]).collect();
    let collection_ids = transaction.intern(ReferenceTable::OptionCollections, &collection_keys).await?;

    let lost = |what: &str| StoreError::Internal(format!("an interned {what} is not there"));
    let mut pairs = BTreeSet::new();
    for (key, (hash, reference)) in &collections {
        let id = collection_ids.get(&vec![key.clone(), hash.clone()]).ok_or_else(|| lost("collection"))?;
        for name in reference.options.names() {
            let option = options.get(&vec![name.to_owned()]).ok_or_else(|| lost("option"))?;
            pairs.insert((*id, *option));
        }
    }
    transaction.add_collection_options(&pairs.into_iter().collect::<Vec<_>>()).await?;

    let owned = |key: Vec<&str>| key.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mut rows = Vec::with_capacity(missing.len());
    for (&key, (repository_id, project, reference)) in missing {
        let id = |ids: &HashMap<Vec<String>, i32>, key: Vec<&str>, what: &str| {
            ids.get(&owned(key)).copied().ok_or_else(|| lost(what))
        };
        let signature = reference.signature(project).to_string();
        let name = reference.reference_data_name.as_deref().filter(|name| !name.is_empty());
        rows.push(SignatureRow {
            key,
            name: name.map_or_else(|| signature.clone(), str::to_owned),
            signature,
            build_system: &reference.build_system,
            repository_id: *repository_id,
            build_platform_id: id(&build_platforms, platform_key(&reference.build_platform), "platform")?,
            machine_platform_id: id(
                &machine_platforms,
                platform_key(&reference.machine_platform),
                "platform",
            )?,
            job_group_id: id(&groups, vec![&reference.group.name, &reference.group.symbol], "group")?,
            job_type_id: id(&types, vec![&reference.job_type.name, &reference.job_type.symbol], "type")?,
            option_collection_id: id(
                &collection_ids,
                vec![&reference.options.key(), &reference.options.hash()],
                "collection",
            )?,
            reference_data_name: reference.reference_data_name.as_deref(),
            first_submission_at: now,
        });
    }
    transaction.insert_signatures(&rows).await
}
