//! Follow-up work, on either side.

use super::{Administration, OnDatabase, OnServer};
use crate::cli::failure::Failure;
use crate::doors::grpc::translate;
use crate::limits;
use crate::proto;

impl Administration {
    /// All follow-up work that waits, or that was given up, by kind and number.
    pub async fn work(&mut self, dead: bool) -> Result<Vec<proto::WorkItem>, Failure> {
        either!(self.work(dead))
    }

    /// Tries follow-up work again; how many pieces.
    pub async fn retry_work(&mut self, which: proto::RetryWorkRequest) -> Result<i64, Failure> {
        either!(self.retry_work(which))
    }
}

impl OnDatabase {
    async fn work(&mut self, dead: bool) -> Result<Vec<proto::WorkItem>, Failure> {
        let (mut all, mut after) = (Vec::new(), (0, 0));
        loop {
            let page = self.store.list_all_work(dead, after, limits::WORK_PAGE).await?;
            let Some(&(last, _)) = page.last() else { return Ok(all) };
            after = last;
            all.extend(page.into_iter().map(|(_, entry)| translate::work_item(entry)));
        }
    }

    async fn retry_work(&mut self, which: proto::RetryWorkRequest) -> Result<i64, Failure> {
        let (queues, ids) =
            translate::work_to_retry(&which).map_err(|refusal| Failure::Refused(refusal.to_string()))?;
        let mut retried = 0;
        for queue in queues {
            retried += self.store.retry_work(queue, ids).await?;
        }
        Ok(retried.cast_signed())
    }
}

impl OnServer {
    async fn work(&mut self, dead: bool) -> Result<Vec<proto::WorkItem>, Failure> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = self.admin.list_work(proto::ListWorkRequest { dead, page_token }).await?.into_inner();
            all.extend(page.items);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            page_token = page.next_page_token;
        }
    }

    async fn retry_work(&mut self, which: proto::RetryWorkRequest) -> Result<i64, Failure> {
        Ok(self.admin.retry_work(which).await?.into_inner().retried)
    }
}
