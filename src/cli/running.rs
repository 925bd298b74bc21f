//! A gateway with its doors open, until it is stopped.

use super::failure::Failure;
use crate::core::Gateway;
use crate::doors::pulse::PulseOptions;
use crate::doors::{self, Closed, DoorOptions};
use crate::fetch::Fetcher;
use crate::follow_up::logs::LogWork;
use crate::follow_up::performance::PerformanceWork;
use crate::follow_up::pushes::{Hosts, HostsOptions, PushWork};
use crate::follow_up::{self, RunnerOptions, Work};
use crate::limits;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;

/// What follow-up work fetches with.
#[derive(Debug)]
pub(super) struct Fetching {
    /// For everything.
    pub fetcher: Fetcher,
    /// Whom to ask about pushes.
    pub hosts: HostsOptions,
    /// How often to look at the push logs of Mercurial repositories; none: never.
    pub mercurial_poll: Option<Duration>,
    /// Logs to read at once; none: other gateways read them.
    pub log_workers: Option<NonZeroUsize>,
}

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
        fetching: Option<Fetching>,
    ) -> Result<Self, Failure> {
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let serving = doors::serve(listener, gateway.clone(), options, stop.clone());
        let doors = tokio::spawn(async move {
            serving.await.map_err(|error| Failure::Refused(format!("the listener failed: {error}")))
        });
        let pulse = tokio::spawn(doors::pulse::serve(gateway.clone(), pulse, stop.clone()));
        let follow_up = tokio::spawn(follow_up(gateway.clone(), fetching, stop.clone()));
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

/// All kinds of follow-up work, until `stop` and what is under way is done.
async fn follow_up(gateway: Gateway, fetching: Option<Fetching>, stop: CancellationToken) {
    fn run<W: Work>(gateway: &Gateway, work: W, workers: usize, stop: &CancellationToken) -> JoinHandle<()> {
        let (store, enqueued) = (gateway.store().clone(), gateway.follow_up_enqueued());
        let options = RunnerOptions { workers, ..RunnerOptions::default() };
        follow_up::start(store, work, options, enqueued, stop.clone())
    }
    let Some(Fetching { fetcher, hosts, mercurial_poll, log_workers }) = fetching else { return };
    let store = gateway.store();
    let hosts = Arc::new(Hosts::new(fetcher.clone(), hosts));
    let mut runners =
        vec![run(&gateway, PushWork::new(gateway.clone(), hosts.clone()), limits::FOLLOW_UP_WORKERS, &stop)];
    if let Some(workers) = log_workers.map(NonZeroUsize::get) {
        runners.push(run(&gateway, LogWork::new(store.clone(), fetcher.clone(), workers), workers, &stop));
        runners.push(run(&gateway, PerformanceWork::new(store.clone(), fetcher), workers, &stop));
    }
    let poller = async {
        if let Some(every) = mercurial_poll {
            follow_up::pushes::poll(gateway.clone(), hosts, every, stop.clone()).await;
        }
    };
    let (ended, ()) = tokio::join!(futures::future::join_all(runners), poller);
    for ended in ended {
        if let Err(error) = ended {
            tracing::error!(%error, "follow-up work ended by a bug of ours");
        }
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
