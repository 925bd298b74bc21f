//! A gateway with its doors open, until it is stopped.

use super::failure::Failure;
use crate::core::Gateway;
use crate::doors::pulse::PulseOptions;
use crate::doors::{self, Closed, DoorOptions};
use crate::fetch::Fetcher;
use crate::follow_up::{self, RunnerOptions, logs::LogWork};
use crate::limits;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;

/// A gateway that serves.
#[derive(Debug)]
pub(super) struct Running {
    address: SocketAddr,
    gateway: Gateway,
    stop: CancellationToken,
    doors: JoinHandle<Result<Closed, Failure>>,
    pulse: JoinHandle<()>,
    /// Runners of follow-up work.
    follow_up: JoinHandle<()>,
}

/// How a gateway ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Everything taken in was decided, and every request answered.
    Drained,
    /// Everything taken in was decided, but these connections had to be cut: not every answer arrived.
    Cut {
        /// How many.
        connections: usize,
    },
    /// The time was over ([`limits::DRAIN`]) before everything taken in was decided.
    OutOfTime,
}

impl Running {
    /// Opens the doors, and begins follow-up work if there is something to fetch with.
    pub fn start(
        listener: TcpListener,
        gateway: Gateway,
        options: DoorOptions,
        pulse: PulseOptions,
        fetcher: Option<Fetcher>,
    ) -> Result<Self, Failure> {
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let serving = doors::serve(listener, gateway.clone(), options, stop.clone());
        let doors = tokio::spawn(async move {
            serving.await.map_err(|error| Failure::Refused(format!("the listener failed: {error}")))
        });
        let pulse = tokio::spawn(doors::pulse::serve(gateway.clone(), pulse, stop.clone()));
        let follow_up = match fetcher {
            Some(fetcher) => follow_up::start(
                gateway.store().clone(),
                LogWork::new(gateway.store().clone(), fetcher),
                RunnerOptions::default(),
                gateway.follow_up_enqueued(),
                stop.clone(),
            ),
            None => tokio::spawn(async {}),
        };
        Ok(Self { address, gateway, stop, doors, pulse, follow_up })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the doors to fail; they do not close by themselves otherwise.
    pub async fn failed(&mut self) -> Failure {
        match (&mut self.doors).await {
            Ok(Err(failure)) => failure,
            Ok(Ok(_)) => Failure::Refused("the listener closed".into()),
            Err(error) => Failure::Refused(format!("the listener stopped: {error}")),
        }
    }

    /// Takes nothing in any more, answers what was taken in, and stops (design rule R40).
    pub async fn drain(self) -> Result<Ended, Failure> {
        let deadline = Instant::now() + limits::DRAIN;
        self.gateway.announce_stop();
        self.stop.cancel();
        let aborts = [self.doors.abort_handle(), self.pulse.abort_handle(), self.follow_up.abort_handle()];
        let closing = async { tokio::join!(self.doors, self.pulse, self.follow_up) };
        let Ok((closed, ..)) = tokio::time::timeout_at(deadline.into(), closing).await else {
            aborts.iter().for_each(AbortHandle::abort);
            return Ok(Ended::OutOfTime);
        };
        let closed = closed.map_err(|error| Failure::Refused(format!("the listener stopped: {error}")))??;
        let decided = tokio::time::timeout_at(deadline.into(), self.gateway.drain()).await;
        Ok(match (decided, closed) {
            (Err(_), _) => Ended::OutOfTime,
            (Ok(()), Closed::InOrder) => Ended::Drained,
            (Ok(()), Closed::Cut { connections }) => Ended::Cut { connections },
        })
    }
}

/// SIGTERM and SIGINT.
#[derive(Debug)]
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// From now on these signals do not end the process by themselves.
    pub fn listen() -> Result<Self, Failure> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The name of the next one.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
