//! Follow-up work of `AdminService`.

use super::admin::Admin;
use super::page_token::Listing;
use super::status::Refusal;
use super::translate;
use crate::access::Principal;
use crate::limits;
use crate::proto::{ListWorkRequest, ListWorkResponse, RetryWorkRequest, RetryWorkResponse};

impl Admin {
    pub(super) async fn work(&self, request: &ListWorkRequest) -> Result<ListWorkResponse, Refusal> {
        let listing = Listing::new("work", &request.dead);
        let after = listing.read(&request.page_token)?.unwrap_or_default();
        let page = limits::WORK_PAGE;
        let mut entries = self.gateway.store().list_all_work(request.dead, after, page + 1).await?;
        let is_last = entries.len() as u64 <= page;
        entries.truncate(usize::try_from(page).unwrap_or(usize::MAX));
        let next_page_token = match entries.last() {
            Some((place, _)) if !is_last => listing.token(*place),
            _ => String::new(),
        };
        let items = entries.into_iter().map(|(_, entry)| translate::work_item(entry)).collect();
        Ok(ListWorkResponse { items, next_page_token })
    }

    pub(super) async fn retry(
        &self,
        by: &Principal,
        request: &RetryWorkRequest,
    ) -> Result<RetryWorkResponse, Refusal> {
        let (queues, ids) = translate::work_to_retry(request)?;
        let mut retried = 0;
        for queue in queues {
            retried += self.gateway.retry_work(queue, ids).await?;
        }
        tracing::info!(retried, by = %by.source, "follow-up work is tried again");
        Ok(RetryWorkResponse { retried: retried.cast_signed() })
    }
}
