//! Held messages of `AdminService`. Reasons and field paths are as open as jobs are; raw bytes, replay
//! and discard are for credentials of the project (rule R25).

use super::admin::Admin;
use super::page_token::{Listing, page_size};
use super::query::fitting;
use super::status::Refusal;
use super::translate;
use crate::access::Principal;
use crate::domain::ProjectName;
use crate::limits;
use crate::proto::{
    self, CountHeldMessagesRequest, CountHeldMessagesResponse, DiscardHeldMessagesResponse,
    GetHeldMessageResponse, ListHeldMessagesRequest, ListHeldMessagesResponse, ReplayHeldMessagesResponse,
};

impl Admin {
    pub(super) async fn held_page(
        &self,
        request: ListHeldMessagesRequest,
    ) -> Result<ListHeldMessagesResponse, Refusal> {
        let limit = page_size(request.page_size, 100, 1000)?;
        let filter = translate::held_filter(&request)?;
        let listing = Listing::new("held", &filter);
        let before = listing.read(&request.page_token)?.map(|(id, _)| id);
        let messages = self.gateway.store().held_messages(&filter, before, limit).await?;
        let full = messages.len() as u64 == limit;
        let without_context =
            |held| proto::HeldMessage { context_json: String::new(), ..translate::held_message(held) };
        let (messages, cut) = fitting(messages.into_iter().map(without_context));
        let next_page_token = match messages.last() {
            Some(last) if full || cut => listing.token((last.id, 0)),
            _ => String::new(),
        };
        Ok(ListHeldMessagesResponse { messages, next_page_token })
    }

    pub(super) async fn held_counts(
        &self,
        request: CountHeldMessagesRequest,
    ) -> Result<CountHeldMessagesResponse, Refusal> {
        let filter = translate::held_filter(&translate::listing_of(request))?;
        let counts = self.gateway.store().held_counts(&filter).await?;
        let counts = counts.into_iter().map(translate::held_count).collect();
        Ok(CountHeldMessagesResponse { counts })
    }

    pub(super) async fn held_one(
        &self,
        caller: Option<Principal>,
        id: i64,
    ) -> Result<GetHeldMessageResponse, Refusal> {
        let (held, raw) = self
            .gateway
            .store()
            .held_message(id)
            .await?
            .ok_or_else(|| Refusal::NotFound(format!("no held message has the number {id}")))?;
        let shown = may_see_raw(caller.as_ref(), held.project.as_deref());
        let mut message = translate::held_message(held);
        if shown {
            message.raw = raw;
        } else {
            message.context_json.clear();
        }
        Ok(GetHeldMessageResponse { message: Some(message) })
    }

    pub(super) async fn replay(
        &self,
        principal: &Principal,
        ids: &[i64],
    ) -> Result<ReplayHeldMessagesResponse, Refusal> {
        at_most_a_batch(ids)?;
        let verdicts = self.gateway.replay(principal, ids).await?;
        let verdicts = verdicts.into_iter().map(translate::verdict).collect();
        Ok(translate::fitted(ReplayHeldMessagesResponse { verdicts }))
    }

    pub(super) async fn discard(
        &self,
        principal: &Principal,
        ids: &[i64],
    ) -> Result<DiscardHeldMessagesResponse, Refusal> {
        at_most_a_batch(ids)?;
        let discarded = self.gateway.discard(principal, ids).await?;
        Ok(DiscardHeldMessagesResponse { discarded: i64::try_from(discarded).unwrap_or(i64::MAX) })
    }
}

fn at_most_a_batch(ids: &[i64]) -> Result<(), Refusal> {
    if ids.len() > limits::BATCH_ITEMS { Err(Refusal::too_many("ids", ids.len())) } else { Ok(()) }
}

/// Of a message whose project could not be read, administrators only.
fn may_see_raw(caller: Option<&Principal>, project: Option<&str>) -> bool {
    let Some(caller) = caller else { return false };
    caller.is_administrator()
        || project
            .and_then(|project| ProjectName::try_new(project).ok())
            .is_some_and(|project| caller.may_write(&project))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{ProjectGlob, Rights};

    #[test]
    fn raw_bytes_are_for_credentials_of_the_project() {
        let with = |rights| Some(Principal { source: "x".into(), rights });
        let writer = with(Rights::Projects([ProjectGlob::try_new("try*").unwrap()].into()));
        let administrator = with(Rights::Administrator);
        for (caller, project, expected) in [
            (&None, Some("try"), false),
            (&writer, Some("try"), true),
            (&writer, Some("autoland"), false),
            (&writer, Some("try/../autoland"), false),
            (&writer, None, false),
            (&administrator, Some("autoland"), true),
            (&administrator, None, true),
        ] {
            assert_eq!(may_see_raw(caller.as_ref(), project), expected, "{caller:?} {project:?}");
        }
    }
}
