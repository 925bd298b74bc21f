//! Held messages on request: run again, or thrown away.

use super::gateway::{GatewayShared, SubmitError};
use super::parking::again;
use super::submission::{Content, HeldOrigin, Item};
use crate::access::{Principal, Rights};
use crate::domain::{Outcome, ProjectName, RawFormat, Refused, StoredReason, UnchangedReason, Verdict, Violation};
use crate::formats;
use crate::store::StoredAs;
use crate::store::model::HeldMessage;

/// Runs held messages through the pipeline again.
pub(crate) async fn replay(
    shared: &GatewayShared,
    principal: &Principal,
    ids: &[i64],
) -> Result<Vec<Verdict>, SubmitError> {
    let mut verdicts: Vec<Option<Verdict>> = vec![None; ids.len()];
    let (mut positions, mut items) = (Vec::new(), Vec::new());
    for (position, &id) in ids.iter().enumerate() {
        let Some((held, raw)) = shared.store.held_message(id).await? else {
            verdicts[position] = Some(refusal("", "not_held", format!("no message {id} is held any more")));
            continue;
        };
        allow(principal, &held)?;
        if held.raw_truncated {
            let message = "only a prefix of its bytes was kept; send it again from its source";
            verdicts[position] = Some(refusal("", "truncated", message.into()));
            continue;
        }
        let item = with_rights_of_source(shared, principal, again(held, raw, true));
        positions.push(position);
        items.push(item);
    }
    let decided = shared.enqueue(items).await.await;
    for (position, verdict) in positions.into_iter().zip(decided) {
        verdicts[position] = Some(verdict);
    }
    Ok(verdicts.into_iter().flatten().collect())
}
