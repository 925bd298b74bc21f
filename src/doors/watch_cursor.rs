//! Resume cursors of `WatchJobs` (design rule R2): opaque to watchers, versioned for us.

use crate::limits;
use crate::store::model::ChangePosition;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// First byte of this layout: version, database 8, issued 8, transaction 8, job 8.
const VERSION: u8 = 1;
const LENGTH: usize = 33;

/// Hash of a database's id; cursors of another database are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseTag([u8; 8]);

impl DatabaseTag {
    /// The tag of the database with this id.
    pub fn of(database_id: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(database_id.as_bytes()).into();
        let mut tag = [0; 8];
        tag.copy_from_slice(&hash[..8]);
        Self(tag)
    }
}

/// Why a cursor cannot be resumed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// It was not made by a gateway, or by a newer one.
    #[error("not a cursor of this service")]
    Malformed,
    /// Its order of changes is another's.
    #[error("the cursor belongs to another database; list the jobs anew and watch without a cursor")]
    OtherDatabase,
    /// It lies ahead of every change: the database was put back to an earlier state, in which changes after it
    /// would be passed over.
    #[error(
        "the cursor is of a later state of the database than the present one; list the jobs anew and watch \
         without a cursor"
    )]
    Ahead,
    /// See [`limits::WATCH_CURSOR_AGE`].
    #[error("the cursor is over 7 days old; list the jobs anew and watch without a cursor")]
    TooOld,
}

/// The cursor of everything up to a position.
pub fn encode(database: DatabaseTag, position: ChangePosition, now: DateTime<Utc>) -> String {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.push(VERSION);
    bytes.extend(database.0);
    for number in [now.timestamp(), position.transaction, position.job_id] {
        bytes.extend(number.to_be_bytes());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position to resume after. `horizon` is that of the database now.
///
/// # Errors
/// If the cursor is not of this database, its present state and age.
pub fn decode(
    cursor: &str,
    database: DatabaseTag,
    now: DateTime<Utc>,
    horizon: ChangePosition,
) -> Result<ChangePosition, CursorError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| CursorError::Malformed)?;
    let [VERSION, fields @ ..] = &bytes[..] else { return Err(CursorError::Malformed) };
    let (&tag, numbers) = fields.split_first_chunk::<8>().ok_or(CursorError::Malformed)?;
    let (numbers, []) = numbers.as_chunks::<8>() else { return Err(CursorError::Malformed) };
    let &[issued, transaction, job_id] = numbers else { return Err(CursorError::Malformed) };
    if tag != database.0 {
        return Err(CursorError::OtherDatabase);
    }
    let age = now.timestamp().saturating_sub(i64::from_be_bytes(issued));
    if age > limits::WATCH_CURSOR_AGE.as_secs().cast_signed() {
        return Err(CursorError::TooOld);
    }
    let [transaction, job_id] = [transaction, job_id].map(i64::from_be_bytes);
    let position = ChangePosition { transaction, job_id };
    if position > horizon { Err(CursorError::Ahead) } else { Ok(position) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const POSITION: ChangePosition = ChangePosition { transaction: 81_234_567_890, job_id: -3 };

    const HORIZON: ChangePosition = ChangePosition { job_id: i64::MAX, ..POSITION };

    fn now() -> DateTime<Utc> {
        "2026-01-10T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_cursor_resumes_where_it_was_made() {
        let here = DatabaseTag::of("a");
        assert_eq!(decode(&encode(here, POSITION, now()), here, now(), HORIZON), Ok(POSITION));
    }

    #[test]
    fn a_cursor_is_safe_in_an_url() {
        let cursor = encode(DatabaseTag::of("a"), POSITION, now());
        assert!(cursor.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{cursor}");
    }

    #[test]
    fn a_cursor_of_another_database_is_refused() {
        let cursor = encode(DatabaseTag::of("a"), POSITION, now());
        assert_eq!(decode(&cursor, DatabaseTag::of("b"), now(), HORIZON), Err(CursorError::OtherDatabase));
    }

    #[test]
    fn a_cursor_of_a_later_state_of_the_database_is_refused() {
        let here = DatabaseTag::of("a");
        let earlier = ChangePosition { transaction: POSITION.transaction - 1, job_id: i64::MAX };
        assert_eq!(decode(&encode(here, POSITION, now()), here, now(), earlier), Err(CursorError::Ahead));
    }

    #[test]
    fn a_cursor_is_good_for_seven_days() {
        let here = DatabaseTag::of("a");
        let cursor = encode(here, POSITION, now());
        assert_eq!(decode(&cursor, here, now() + TimeDelta::days(7), HORIZON), Ok(POSITION));
        let later = now() + TimeDelta::days(7) + TimeDelta::seconds(1);
        assert_eq!(decode(&cursor, here, later, HORIZON), Err(CursorError::TooOld));
    }

    #[test]
    fn a_gateway_whose_clock_is_behind_still_resumes() {
        let here = DatabaseTag::of("a");
        let cursor = encode(here, POSITION, now());
        assert_eq!(decode(&cursor, here, now() - TimeDelta::minutes(5), HORIZON), Ok(POSITION));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let here = DatabaseTag::of("a");
        let good = encode(here, POSITION, now());
        let other_version = {
            let mut bytes = URL_SAFE_NO_PAD.decode(&good).unwrap();
            bytes[0] = 9;
            URL_SAFE_NO_PAD.encode(bytes)
        };
        for cursor in ["", "A", "ä", "AAAA", &good[..40], &format!("{good}AAAA"), &other_version] {
            assert_eq!(decode(cursor, here, now(), HORIZON), Err(CursorError::Malformed), "{cursor:?}");
        }
    }
}
