//! When what has no verdict is sent again.

use crate::limits;
use std::error::Error;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Streams in a row that brought no verdict before submitting is given up.
const FRUITLESS_STREAMS: u32 = 10;
/// Longest delay that is waited, whatever the gateway asks for.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Decides after each stream whether there is another one.
#[derive(Debug, Default)]
pub(super) struct Patience {
    fruitless: u32,
}

impl Patience {
    /// How long to wait before sending the rest again; an error says why it is given up. `asked` is
    /// the delay that verdicts asked for.
    pub fn after(
        &mut self,
        ended: Result<(), Status>,
        progressed: bool,
        asked: Option<Duration>,
    ) -> Result<Duration, Box<Status>> {
        let status = ended.err();
        if let Some(status) = status.as_ref().filter(|status| !may_pass(status)) {
            return Err(Box::new(status.clone()));
        }
        self.fruitless = if progressed { 0 } else { self.fruitless + 1 };
        if self.fruitless >= FRUITLESS_STREAMS {
            let unanswered = || Status::deadline_exceeded("the gateway gives no verdicts");
            return Err(Box::new(status.unwrap_or_else(unanswered)));
        }
        let delay = asked.max(status.as_ref().and_then(retry_delay)).unwrap_or(limits::RETRY_DELAY);
        Ok(delay.min(LONGEST_DELAY))
    }
}

/// Whether the same may work later: the gateway is away, stopping or over its quota, or the connection
/// broke. RESOURCE_EXHAUSTED without a delay is a message over the limit.
fn may_pass(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::Aborted => true,
        Code::ResourceExhausted => retry_delay(status).is_some(),
        Code::Unknown | Code::Internal | Code::Cancelled => status.source().is_some(),
        _ => false,
    }
}

fn retry_delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info().and_then(|info| info.retry_delay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    fn with_delay(code: Code, delay: Duration) -> Status {
        Status::with_error_details(code, "x", ErrorDetails::with_retry_info(Some(delay)))
    }

    fn after(ended: Result<(), Status>, asked: Option<Duration>) -> Option<Duration> {
        Patience::default().after(ended, false, asked).ok()
    }

    #[test]
    fn what_may_pass_is_waited_for_and_what_may_not_is_given_up() {
        let seconds = Duration::from_secs;
        for (ended, expected) in [
            (Err(Status::unavailable("x")), Some(limits::RETRY_DELAY)),
            (Err(with_delay(Code::Unavailable, seconds(7))), Some(seconds(7))),
            (Err(with_delay(Code::ResourceExhausted, seconds(5))), Some(seconds(5))),
            (Err(with_delay(Code::Unavailable, seconds(3600))), Some(LONGEST_DELAY)),
            (Err(Status::resource_exhausted("too large")), None),
            (Err(Status::unauthenticated("x")), None),
            (Err(Status::permission_denied("x")), None),
            (Err(Status::invalid_argument("x")), None),
            (Err(Status::internal("a bug of the gateway")), None),
            (Ok(()), Some(limits::RETRY_DELAY)),
        ] {
            let text = format!("{ended:?}");
            assert_eq!(after(ended, None), expected, "{text}");
        }
    }

    #[test]
    fn a_broken_connection_may_pass() {
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(after(Err(Status::from_error(Box::new(broken))), None).is_some());
    }

    #[test]
    fn the_longer_of_the_delays_asked_for_is_waited() {
        let ended = Err(with_delay(Code::Unavailable, Duration::from_secs(3)));
        assert_eq!(after(ended, Some(Duration::from_secs(9))), Some(Duration::from_secs(9)));
    }

    #[test]
    fn ten_streams_without_a_verdict_are_enough_and_progress_starts_the_count_anew() {
        let mut patience = Patience::default();
        let mut fails = |progressed| patience.after(Err(Status::unavailable("x")), progressed, None).is_err();
        assert!((0..9).all(|_| !fails(false)));
        assert!(!fails(true));
        assert!((0..9).all(|_| !fails(false)));
        assert!(fails(false));
    }
}
