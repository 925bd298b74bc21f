//! The keys that stored Hawk secrets are sealed with: configured, or in a file beside an SQLite database
//! (design rule R26).

use super::failure::Failure;
use super::output::notice;
use crate::access::Keyring;
use crate::config::{Configuration, DatabasePlace, Key};
use crate::store::Store;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The keys for a database. Where none is configured, an SQLite database without secrets gets a key file.
///
/// # Errors
/// [`Failure::Usage`] if there is no key, or the file has none.
pub async fn keyring(configuration: &Configuration, store: &Store) -> Result<Keyring, Failure> {
    let configured = configuration.secret_key.clone();
    let DatabasePlace::SqliteFile(database) = configuration.database.url.place() else {
        return configured.ok_or_else(|| missing("PostgreSQL has no place for a key file"));
    };
    let path = key_file(database);
    match (configured, read(&path)?) {
        // What the file's key has sealed still opens, until `credential rekey`.
        (Some(configured), Some(older)) => Ok(configured.followed_by(older)),
        (Some(keyring), None) | (None, Some(keyring)) => Ok(keyring),
        (None, None) => {
            if store.credentials().await?.iter().any(|credential| credential.hawk_secret.is_some()) {
                let problem =
                    format!("the key file {} is gone, and secrets are sealed with it", path.display());
                return Err(missing(&problem));
            }
            create(&path)
        }
    }
}

fn missing(why: &str) -> Failure {
    Failure::Usage(format!(
        "`{}` ({}) must be set: {why}; write ID:KEY, for instance with the KEY of `openssl rand -hex 32`",
        Key::SecretKey.path(),
        Key::SecretKey.variable()
    ))
}

/// `<database>.key`.
fn key_file(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".key");
    path.into()
}

fn read(path: &Path) -> Result<Option<Keyring>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let wrong = |error| Failure::Usage(format!("the key file {}: {error}", path.display()));
            Keyring::parse(&text).map(Some).map_err(wrong)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::Usage(format!("the key file {} cannot be read: {error}", path.display()))),
    }
}

/// Makes the file, whole or not at all. Another process may make it at the same time: the first one's
/// stays.
fn create(path: &Path) -> Result<Keyring, Failure> {
    let failed = |error| Failure::Usage(format!("the key file {} cannot be made: {error}", path.display()));
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", uuid::Uuid::new_v4().simple()));
    let draft = PathBuf::from(draft);
    let written =
        File::options().write(true).create_new(true).mode(0o600).open(&draft).and_then(|mut file| {
            writeln!(file, "{}", Keyring::generate())?;
            file.sync_all()
        });
    // Unlike a rename, a link replaces nothing.
    let linked = written.and_then(|()| std::fs::hard_link(&draft, path));
    // If it was never there, nothing is left to remove.
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => {
            notice(&format!("new key for stored secrets: {}; keep it with the database", path.display()));
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    read(path)?.ok_or_else(|| failed(ErrorKind::NotFound.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_file_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = key_file(&folder.path().join("a.db"));
        assert_eq!(read(&path).unwrap(), None);
        let first = create(&path).unwrap();
        assert_eq!(create(&path).unwrap(), first, "what is there stays");
        assert_eq!(read(&path).unwrap(), Some(first));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let names: Vec<_> = folder.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["a.db.key"]);
    }

    #[test]
    fn a_key_file_without_a_key_is_named_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = key_file(&folder.path().join("a.db"));
        std::fs::write(&path, "hunter2").unwrap();
        let failure = read(&path).unwrap_err();
        assert_eq!(failure.exit().code(), 64);
        assert!(failure.to_string().contains("a.db.key") && !failure.to_string().contains("hunter2"));
    }
}
