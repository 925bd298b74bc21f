//! Held messages of `AdminService`. Reasons and field paths are as open as jobs are; raw bytes, replay
//! and discard are for credentials of the project (rule R25).

use super::admin::Admin;
use super::page_token::{Listing, fitting, page_size};
use super::status::Refusal;
use super::translate;
use crate::access::Principal;
use crate::core::may_handle_held;
use crate::limits;
use crate::proto::{
    self, CountHeldMessagesRequest, CountHeldMessagesResponse, DiscardHeldMessagesResponse,
    GetHeldMessageRequest, GetHeldMessageResponse, ListHeldMessagesRequest, ListHeldMessagesResponse,
    ReplayHeldMessagesResponse,
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
        GetHeldMessageRequest { id, raw_offset }: GetHeldMessageRequest,
    ) -> Result<GetHeldMessageResponse, Refusal> {
        let offset = usize::try_from(raw_offset)
            .map_err(|_| Refusal::invalid("raw_offset", format!("must not be negative, is {raw_offset}")))?;
        let (held, raw) = self
            .gateway
            .store()
            .held_message(id)
            .await?
            .ok_or_else(|| Refusal::NotFound(format!("no held message has the number {id}")))?;
        let shown = caller.is_some_and(|c| may_handle_held(&c, held.project.as_deref(), &held.source));
        let mut message = translate::held_message(held);
        if shown {
            message.raw = raw_page(&raw, offset).to_vec();
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

/// What one answer takes of the raw bytes.
fn raw_page(raw: &[u8], offset: usize) -> &[u8] {
    let rest = raw.get(offset..).unwrap_or_default();
    &rest[..rest.len().min(limits::RAW_PAGE_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_bytes_are_read_on_until_nothing_comes() {
        let raw: Vec<u8> = (0..=255).cycle().take(limits::SUBMISSION_BYTES).collect();
        let mut read = Vec::new();
        loop {
            let page = raw_page(&raw, read.len());
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= limits::RAW_PAGE_BYTES);
            read.extend_from_slice(page);
        }
        assert_eq!(read, raw);
        assert!(raw_page(&raw, usize::MAX).is_empty());
    }
}
