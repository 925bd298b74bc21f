//! What error summaries report of a job, with the lines of its text log that report the same.

use super::gateway::Gateway;
use crate::logs::{StructuredFailure, cross_reference};
use crate::store::StoreError;
use crate::store::lists::{ErrorLine, ListedFailureLine};

/// A failure with the error line that reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedFailure {
    /// As the error summary has it.
    pub failure: ListedFailureLine,
    /// The error line of the text log; `None`: none is known (logs contract 7.4).
    pub reported_by: Option<ErrorLine>,
}

impl Gateway {
    /// Failures of a job of a repository, in the order of its error summaries; `None` if it has no such job.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn failures(
        &self,
        repository_id: i32,
        job_id: i64,
    ) -> Result<Option<Vec<LinkedFailure>>, StoreError> {
        let store = self.store();
        if !store.has_job(repository_id, job_id).await? {
            return Ok(None);
        }
        Ok(Some(linked(store.failure_lines(job_id).await?, &store.error_lines(job_id).await?)))
    }
}

fn linked(failures: Vec<ListedFailureLine>, errors: &[ErrorLine]) -> Vec<LinkedFailure> {
    let texts: Vec<&str> = errors.iter().map(|error| &*error.line).collect();
    let structured: Vec<_> = failures.iter().map(structured).collect();
    let lines = cross_reference(&texts, &structured);
    let link = |(failure, line): (ListedFailureLine, Option<usize>)| LinkedFailure {
        failure,
        reported_by: line.and_then(|line| errors.get(line)).cloned(),
    };
    failures.into_iter().zip(lines).map(link).collect()
}

fn structured(line: &ListedFailureLine) -> StructuredFailure<'_> {
    StructuredFailure {
        action: &line.action,
        test: line.test.as_deref(),
        subtest: line.subtest.as_deref(),
        status: line.status.as_deref().unwrap_or_default(),
        expected: line.expected.as_deref(),
        message: line.message.as_deref(),
        signature: line.signature.as_deref(),
        stack: line.stack.as_deref(),
    }
}
