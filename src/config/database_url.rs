//! Where the database is.

use super::secret::redact_url;
use std::fmt;
use std::path::{Path, PathBuf};

/// URL of the database. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    url: String,
    place: DatabasePlace,
}

/// What kind of database a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabasePlace {
    /// An SQLite file, by absolute path.
    SqliteFile(PathBuf),
    /// A PostgreSQL server.
    Postgres,
}

impl DatabaseUrl {
    /// Reads a URL; relative paths of SQLite files are taken from `directory`.
    ///
    /// # Errors
    /// A sentence that says what a URL must look like.
    pub fn parse(url: &str, directory: &Path) -> Result<Self, String> {
        let place = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            DatabasePlace::Postgres
        } else if let Some(rest) = url.strip_prefix("sqlite:") {
            sqlite_place(rest.strip_prefix("//").unwrap_or(rest), directory)?
        } else {
            return Err("must start with sqlite:// or postgres://, for instance \
                        sqlite://herdgate.db?mode=rwc or postgres://user@host/herdgate"
                .into());
        };
        Ok(Self { url: url.into(), place })
    }

    /// The URL, with its password.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// What it names.
    pub fn place(&self) -> &DatabasePlace {
        &self.place
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_url(&self.url))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn sqlite_place(rest: &str, directory: &Path) -> Result<DatabasePlace, String> {
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    if path == ":memory:" || parameters.split('&').any(|parameter| parameter == "mode=memory") {
        return Err("a database in memory cannot keep what it acknowledges; name a file".into());
    }
    if path.is_empty() {
        return Err("names no file; write sqlite://PATH, for instance sqlite://herdgate.db?mode=rwc".into());
    }
    let decoded = percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| "the path of the SQLite file is not valid UTF-8".to_owned())?;
    Ok(DatabasePlace::SqliteFile(directory.join(decoded.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_which_database_it_means() {
        let file = |path: &str| Some(DatabasePlace::SqliteFile(path.into()));
        for (url, expected) in [
            ("sqlite://herdgate.db?mode=rwc", file("/srv/herdgate.db")),
            ("sqlite:herdgate.db", file("/srv/herdgate.db")),
            ("sqlite:///var/lib/a%20b.db", file("/var/lib/a b.db")),
            ("sqlite::memory:", None),
            ("sqlite://x?mode=memory", None),
            ("postgres://u:p@h/d", Some(DatabasePlace::Postgres)),
            ("postgresql:///d", Some(DatabasePlace::Postgres)),
            ("mysql://h/d", None),
            ("sqlite://", None),
            ("", None),
        ] {
            let place = DatabaseUrl::parse(url, Path::new("/srv")).ok().map(|u| u.place);
            assert_eq!(place, expected, "{url}");
        }
    }

    #[test]
    fn a_database_url_is_never_shown_with_its_password() {
        let url = DatabaseUrl::parse("postgres://herd:hunter2@db/h", Path::new("/")).unwrap();
        assert_eq!(format!("{url} {url:?}"), "postgres://herd:***@db/h postgres://herd:***@db/h");
        assert_eq!(url.as_str(), "postgres://herd:hunter2@db/h");
    }
}
