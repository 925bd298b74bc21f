//! Held messages on request: run again, or thrown away.

use super::gateway::{GatewayShared, SubmitError, Writers, authorised};
use super::parking::again;
use super::submission::{DeliveryContext, Item, PushSubmission};
use super::{push_notices, pushes};
use crate::access::{Principal, Rights};
use crate::domain::{Door, Outcome, ProjectName, Verdict, Violation};
use crate::formats;
use crate::formats::push_notices::{NoticeKind, read_push_notice};
use crate::store::HeldSubmission;
use crate::store::batch::ReleasedHeld;
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Held messages that are in memory with their bytes at one time: of any size they may have, these stay
/// within [`crate::limits::RELEASE_BYTES`].
const AT_ONCE: usize = 4;

/// Runs held messages through the pipeline again. Nothing is done unless the principal may do all of it.
pub(crate) async fn replay(
    shared: &GatewayShared,
    principal: &Principal,
    ids: &[i64],
) -> Result<Vec<Verdict>, SubmitError> {
    allow_all(shared, principal, ids).await?;
    let mut verdicts = Vec::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        verdicts.extend(replay_some(shared, principal, some).await?);
    }
    Ok(verdicts)
}

async fn replay_some(
    shared: &GatewayShared,
    principal: &Principal,
    ids: &[i64],
) -> Result<Vec<Verdict>, SubmitError> {
    let mut verdicts: Vec<Option<Verdict>> = vec![None; ids.len()];
    let mut left: BTreeSet<i64> = ids.iter().copied().collect();
    // The store gives as many at once as fit into memory, the lowest ids first.
    while !left.is_empty() {
        let wanted: Vec<i64> = left.iter().copied().collect();
        let part = shared.store.held_submissions(&wanted).await?;
        let last = part.last().map_or(i64::MAX, |held| held.id);
        left.retain(|id| *id > last);
        let mut held: HashMap<i64, HeldSubmission> = part.into_iter().map(|held| (held.id, held)).collect();
        let (mut positions, mut items) = (Vec::new(), Vec::new());
        for (position, &id) in ids.iter().enumerate() {
            if verdicts[position].is_some() || id > last {
                continue;
            }
            let Some(held) = held.remove(&id) else {
                verdicts[position] =
                    Some(refusal("", "not_held", format!("no message {id} is held any more")));
                continue;
            };
            match replayed(shared, principal, held).await? {
                Replayed::Decided(verdict) => verdicts[position] = Some(verdict),
                Replayed::ToDecide(item) => {
                    positions.push(position);
                    items.push(*item);
                }
            }
        }
        let decided = shared.enqueue(items, Writers::ByGuid).await.await;
        for (position, verdict) in positions.into_iter().zip(decided) {
            verdicts[position] = Some(verdict);
        }
    }
    Ok(verdicts.into_iter().flatten().collect())
}

/// What became of one held message at once.
enum Replayed {
    Decided(Verdict),
    /// The writers decide it.
    ToDecide(Box<Item>),
}

async fn replayed(
    shared: &GatewayShared,
    principal: &Principal,
    mut held: HeldSubmission,
) -> Result<Replayed, SubmitError> {
    let raw = std::mem::take(&mut held.raw).into();
    if held.raw_truncated {
        let message = "only a prefix of its bytes was kept; send it again from its source";
        return Ok(Replayed::Decided(refusal("", "truncated", message.into())));
    }
    if let Some(push) = formats::decode_held_push(held.format, &raw) {
        let source = source_of(shared, principal, &held.source.as_str().into(), held.door, None);
        return Ok(Replayed::Decided(replay_push(shared, &source, &held, push).await?));
    }
    let registration = held.context.as_deref().and_then(registration_in);
    if let Some(kind) = NoticeKind::of_raw_format(held.format) {
        let source =
            source_of(shared, principal, &held.source.as_str().into(), held.door, registration.as_ref());
        return Ok(Replayed::Decided(replay_notice(shared, &source, held.id, kind, &raw).await?));
    }
    let item = with_rights_of_source(shared, principal, again(held, raw, true), registration);
    Ok(Replayed::ToDecide(Box::new(item)))
}

/// Discards held messages; gives back how many there were.
pub(crate) async fn discard(
    shared: &GatewayShared,
    principal: &Principal,
    ids: &[i64],
) -> Result<u64, SubmitError> {
    let allowed = allow_all(shared, principal, ids).await?;
    Ok(shared.store.discard_held(&allowed).await?)
}

/// Those of these messages that are there, all of which the principal may handle.
async fn allow_all(
    shared: &GatewayShared,
    principal: &Principal,
    ids: &[i64],
) -> Result<Vec<i64>, SubmitError> {
    let mut allowed = Vec::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        for (id, project, source) in shared.store.owners_of_held(some).await? {
            if !may_handle_held(principal, project.as_deref(), &source) {
                return Err(SubmitError::Forbidden(project.unwrap_or_default()));
            }
            allowed.push(id);
        }
    }
    Ok(allowed)
}

/// Who may see the raw bytes of a held message, replay and discard it: those who may write its project
/// (R25); of one that names no project, its source and administrators.
pub fn may_handle_held(principal: &Principal, project: Option<&str>, source: &str) -> bool {
    match project.and_then(|project| ProjectName::try_new(project).ok()) {
        Some(project) => principal.may_write(&project),
        None => principal.is_administrator() || *principal.source == *source,
    }
}

/// A replay runs with the rights of the original source, or an administrator's (R25).
fn with_rights_of_source(
    shared: &GatewayShared,
    principal: &Principal,
    mut item: Item,
    registration: Option<String>,
) -> Item {
    if principal.rights != Rights::Administrator {
        let source = source_of(shared, principal, &item.source, item.submission.door, registration.as_ref());
        item = authorised(&source, item.submission);
    }
    item
}

/// Who a held message is decided for again.
fn source_of(
    shared: &GatewayShared,
    principal: &Principal,
    source: &Arc<str>,
    door: Door,
    registration: Option<&String>,
) -> Principal {
    if principal.rights == Rights::Administrator {
        return Principal { source: source.clone(), rights: Rights::Administrator };
    }
    let directory = shared.current_directory();
    let credential = directory.credentials.of_client_id(source);
    let exchange = directory.exchanges.iter().find(|exchange| {
        door == Door::Pulse && *exchange.exchange == **source && registration == Some(&exchange.name)
    });
    match (exchange, credential) {
        (Some(exchange), _) => Principal::from(&**exchange),
        (None, Some(credential)) => Principal::from(&**credential),
        (None, None) if principal.source == *source => principal.clone(),
        // Revoked or removed, or no credential at all: nothing is left of its rights.
        (None, None) => Principal { source: source.clone(), rights: Rights::Projects(Arc::from([])) },
    }
}

/// A message that tells of a push; what is refused again stays held as it is.
async fn replay_notice(
    shared: &GatewayShared,
    source: &Principal,
    id: i64,
    kind: NoticeKind,
    raw: &Bytes,
) -> Result<Verdict, SubmitError> {
    let followed = match read_push_notice(kind, raw) {
        Ok(notice) => push_notices::follow(shared, source, notice).await,
        Err(refused) => Err(refused),
    };
    match followed {
        Ok(verdict) => {
            let_go_of(shared, id, &verdict).await?;
            Ok(verdict)
        }
        Err(refused) => {
            Ok(Verdict { guid: None, outcome: Outcome::Rejected(refused.violations), warnings: Vec::new() })
        }
    }
}

/// A held message that is decided is held no more.
async fn let_go_of(shared: &GatewayShared, id: i64, verdict: &Verdict) -> Result<(), SubmitError> {
    if matches!(verdict.outcome, Outcome::Stored(_) | Outcome::Unchanged(_)) {
        let mut transaction = shared.store.begin_batch().await?;
        transaction.release_held(&[ReleasedHeld { id, replayed: true }]).await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Name of the registration that a Pulse message came by; several may share an exchange.
fn registration_in(context: &str) -> Option<String> {
    let context: serde_json::Value = serde_json::from_str(context).ok()?;
    context.get(DeliveryContext::REGISTRATION)?.as_str().map(ToOwned::to_owned)
}

async fn replay_push(
    shared: &GatewayShared,
    source: &Principal,
    held: &HeldSubmission,
    push: PushSubmission,
) -> Result<Verdict, SubmitError> {
    let project = held.project.as_deref().unwrap_or_default();
    if let Err(refused) = push.push {
        // It stays held as it is.
        return Ok(Verdict {
            guid: None,
            outcome: Outcome::Rejected(refused.violations),
            warnings: Vec::new(),
        });
    }
    let replayed = match pushes::submit(shared, source, held.door, project, vec![push]).await {
        Err(SubmitError::Forbidden(project)) => {
            let message = format!("{} may not write {project} any more", source.source);
            return Ok(refusal("", "forbidden_project", message));
        }
        submitted => submitted,
    };
    let nothing = || refusal("", "not_held", "nothing to replay".into());
    let verdict = replayed?.pop().unwrap_or_else(nothing);
    let_go_of(shared, held.id, &verdict).await?;
    Ok(verdict)
}

fn refusal(path: &str, rule: &'static str, message: String) -> Verdict {
    Verdict {
        guid: None,
        outcome: Outcome::Rejected(vec![Violation::new(path, rule, message)]),
        warnings: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::ProjectGlob;

    #[test]
    fn held_messages_are_for_credentials_of_the_project() {
        let with = |rights| Principal { source: "x".into(), rights };
        let writer = with(Rights::Projects([ProjectGlob::try_new("try*").unwrap()].into()));
        let administrator = with(Rights::Administrator);
        for (caller, project, source, expected) in [
            (&writer, Some("try"), "y", true),
            (&writer, Some("autoland"), "x", false),
            (&writer, Some("try/../autoland"), "y", false),
            (&writer, None, "y", false),
            (&writer, None, "x", true),
            (&administrator, Some("autoland"), "y", true),
            (&administrator, None, "y", true),
        ] {
            assert_eq!(may_handle_held(caller, project, source), expected, "{project:?} of {source}");
        }
    }
}
