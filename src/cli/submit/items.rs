//! The jobs in the files.

use crate::cli::{Failure, read_file};
use crate::formats::split_items;
use bytes::Bytes;
use std::fmt;
use std::path::PathBuf;

/// One job of a file, as it stands there.
#[derive(Debug)]
pub(super) struct Item {
    /// Its file.
    pub file: PathBuf,
    /// Its position in the file, counted from 0.
    pub index: usize,
    /// Its bytes.
    pub raw: Bytes,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.index)
    }
}

/// Splits files into jobs without looking into these: a wrong one is the gateway's to reject.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    for file in files {
        let jobs = split_items(&read_file(file)?.into());
        let item = |(index, raw)| Item { file: file.clone(), index, raw };
        items.extend(jobs.into_iter().enumerate().map(item));
    }
    Ok(items)
}
