//! What is done about deliveries that have no verdict yet: wait, try again, and give them back if that
//! takes long. Nothing here spins, and nothing is lost (R22).

use super::Door;
use super::backoff::Backoff;
use super::connection::PulseError;
use super::flow::Flow;
use super::received::Received;
use crate::core::ConsumerPhase;
use crate::domain::RetryCause;
use crate::limits;
use lapin::Connection;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How a pause ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolved {
    /// Everything has its verdict.
    All,
    /// It took too long: what is not decided is given back with the channel.
    GaveBack,
    /// Told to stop.
    Stopped,
}

/// Tries again until everything that was delivered has its verdict; nothing new is taken meanwhile.
pub(super) async fn resolve(
    door: &Door,
    connection: &Connection,
    flow: &mut Flow,
    stop: &CancellationToken,
) -> Result<Resolved, PulseError> {
    let end = Instant::now() + limits::PULSE_LONGEST_PAUSE;
    let mut backoff = Backoff::new();
    loop {
        flow.settle_all().await?;
        let waiting = flow.window.undecided();
        if waiting.is_empty() {
            return Ok(Resolved::All);
        }
        let detail = format!("{} messages are tried again: {}", waiting.len(), reasons(flow));
        door.gateway.consumers().note(&flow.registration.name, ConsumerPhase::Paused, &detail);
        if Instant::now() >= end {
            return Ok(Resolved::GaveBack);
        }
        if !backoff.wait(stop).await {
            return Ok(Resolved::Stopped);
        }
        if !connection.status().connected() {
            return Err(PulseError::Lost("while deliveries were tried again".into()));
        }
        let is_ours = |position: &u64| matches!(flow.undecided.get(position), Some(RetryCause::Internal(_)));
        let (ours, others): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(position, _)| is_ours(position));
        if !others.is_empty() && !flow.submit(&door.gateway, &others).await? {
            return Ok(Resolved::Stopped);
        }
        for (position, received) in ours {
            // One by one, so that only the one that cannot be decided is counted again.
            flow.settle_all().await?;
            if !try_alone(door, flow, position, &received).await? {
                return Ok(Resolved::Stopped);
            }
        }
    }
}

/// Counts a failure of ours, and submits the message again; held as rejected after too many. False: the
/// gateway is stopping.
async fn try_alone(
    door: &Door,
    flow: &mut Flow,
    position: u64,
    received: &Arc<Received>,
) -> Result<bool, PulseError> {
    let store = door.gateway.store();
    let digest = received.digest();
    let attempts = match store.count_attempt(digest, chrono::Utc::now()).await {
        Ok(attempts) => attempts,
        Err(error) => {
            tracing::debug!(%error, "a failed attempt is not counted");
            return Ok(true);
        }
    };
    let taken = if attempts >= limits::PULSE_ATTEMPTS {
        let registration = &flow.registration.name;
        tracing::error!(registration, attempts, "a message is held: it cannot be decided");
        flow.submit_as(&door.gateway, vec![position], vec![received.given_up(attempts)]).await?
    } else {
        flow.submit(&door.gateway, &[(position, received.clone())]).await?
    };
    if !taken {
        return Ok(false);
    }
    flow.settle_all().await?;
    if !flow.undecided.contains_key(&position)
        && let Err(error) = store.forget_attempts(digest).await
    {
        tracing::debug!(%error, "counted attempts stay until they are old");
    }
    Ok(true)
}

fn reasons(flow: &Flow) -> &'static str {
    let mut causes = flow.undecided.values();
    if causes.any(|cause| matches!(cause, RetryCause::DatabaseUnavailable)) {
        "the database is away"
    } else if flow.undecided.values().any(|cause| matches!(cause, RetryCause::Internal(_))) {
        "they fail for a reason of the gateway's own, which its log names"
    } else {
        "there is too much to do"
    }
}
