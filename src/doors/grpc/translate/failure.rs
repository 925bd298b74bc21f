//! What error summaries report, as messages.

use crate::core::LinkedFailure;
use crate::proto::{FailureLine, LogError};

/// A failure with the error line that reports it.
pub fn failure_line(LinkedFailure { failure, reported_by }: LinkedFailure) -> FailureLine {
    FailureLine {
        id: failure.id,
        log_id: failure.log_id,
        action: failure.action,
        line: failure.line,
        test: failure.test.unwrap_or_default(),
        subtest: failure.subtest.unwrap_or_default(),
        status: failure.status.unwrap_or_default(),
        expected: failure.expected.unwrap_or_default(),
        message: failure.message.unwrap_or_default(),
        signature: failure.signature.unwrap_or_default(),
        level: failure.level.unwrap_or_default(),
        stack: failure.stack.unwrap_or_default(),
        stackwalk_stdout: failure.stackwalk_stdout.unwrap_or_default(),
        stackwalk_stderr: failure.stackwalk_stderr.unwrap_or_default(),
        group: failure.group_name.unwrap_or_default(),
        text_log_error: reported_by
            .map(|error| LogError { line: Some(error.line), linenumber: Some(error.line_number.into()) }),
    }
}
