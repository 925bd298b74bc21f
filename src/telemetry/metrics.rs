//! Every instrument of the gateway, in one place: names, units and labels stand here and nowhere
//! else. Recording is meant per batch or per request, never per job.

use super::labels::{self, Tally};
use crate::domain::{Door, HeldState};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, UpDownCounter};
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

/// The instruments. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    received: Counter<u64>,
    decided: Counter<u64>,
    in_flight: UpDownCounter<i64>,
    batch_size: Histogram<u64>,
    commit_seconds: Histogram<f64>,
    queue_depth: Gauge<u64>,
    held: Gauge<u64>,
    oldest_parked: Gauge<f64>,
    follow_up_depth: Gauge<u64>,
    follow_up_attempts: Counter<u64>,
    commit_lag: Histogram<f64>,
    visible_lag: Histogram<f64>,
    statements: Counter<u64>,
    watchers: UpDownCounter<i64>,
    streams: UpDownCounter<i64>,
    pulse_connected: Gauge<u64>,
    pulse_reconnects: Counter<u64>,
    pulse_consumers: Gauge<u64>,
    pulse_unacked: UpDownCounter<i64>,
    pulse_redelivered: Counter<u64>,
    pulse_disagreements: Counter<u64>,
    push_notices_skipped: Counter<u64>,
}

/// Upper bounds of the buckets of batch sizes; the largest batch is
/// [`crate::limits::COMMIT_BATCH_ITEMS`].
const SIZES: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 350.0, 500.0];
/// Upper bounds, in seconds, of what normally takes milliseconds.
const SHORT: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];
/// Upper bounds, in seconds, of lags that depend on submitters.
const LONG: [f64; 11] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0];

static INSTALLED: OnceLock<Metrics> = OnceLock::new();
static UNOBSERVED: LazyLock<Metrics> =
    LazyLock::new(|| Metrics::new(&opentelemetry::global::meter("herdgate")));

impl Metrics {
    /// Creates the instruments.
    pub fn new(meter: &Meter) -> Self {
        let seconds = |name, description, bounds: &[f64]| {
            meter
                .f64_histogram(name)
                .with_description(description)
                .with_unit("s")
                .with_boundaries(bounds.to_vec())
                .build()
        };
        Self {
            received: meter
                .u64_counter("herdgate.submissions.received")
                .with_description("Submissions received, by door; each delivery counts.")
                .build(),
            decided: meter
                .u64_counter("herdgate.submissions.decided")
                .with_description("Submissions decided, by door and verdict; each delivery counts.")
                .build(),
            in_flight: meter
                .i64_up_down_counter("herdgate.submissions.in_flight")
                .with_description("Submissions received and not decided yet, by door.")
                .build(),
            batch_size: meter
                .u64_histogram("herdgate.batch.size")
                .with_description("Submissions committed together.")
                .with_boundaries(SIZES.to_vec())
                .build(),
            commit_seconds: seconds(
                "herdgate.commit.duration",
                "Time of one transaction of submissions, from begin to the end of the commit.",
                &SHORT,
            ),
            queue_depth: meter
                .u64_gauge("herdgate.queue.depth")
                .with_description("Submissions that wait for a writer.")
                .build(),
            held: meter.u64_gauge("herdgate.held").with_description("Held submissions, by state.").build(),
            oldest_parked: meter
                .f64_gauge("herdgate.held.parked.oldest_age")
                .with_description("Age of the submission that has been parked longest; 0: none is.")
                .with_unit("s")
                .build(),
            follow_up_depth: meter
                .u64_gauge("herdgate.follow_up.depth")
                .with_description("Follow-up work that waits, such as logs to parse.")
                .build(),
            follow_up_attempts: meter
                .u64_counter("herdgate.follow_up.attempts")
                .with_description("Attempts at follow-up work, by kind and outcome.")
                .build(),
            commit_lag: seconds(
                "herdgate.lag.commit",
                "From the receipt of a submission to its commit.",
                &SHORT,
            ),
            visible_lag: seconds(
                "herdgate.lag.visible",
                "From the end of a job to the commit that shows it as completed.",
                &LONG,
            ),
            statements: meter
                .u64_counter("herdgate.database.statements")
                .with_description("SQL statements executed.")
                .build(),
            watchers: meter
                .i64_up_down_counter("herdgate.watchers")
                .with_description("Open WatchJobs streams.")
                .build(),
            streams: meter
                .i64_up_down_counter("herdgate.streams")
                .with_description("Open SubmitJobs streams.")
                .build(),
            pulse_connected: meter
                .u64_gauge("herdgate.pulse.connected")
                .with_description("Whether the broker is connected, by broker: 1 or 0.")
                .build(),
            pulse_reconnects: meter
                .u64_counter("herdgate.pulse.connections.lost")
                .with_description("Connections to a broker that were lost or could not be made, by broker.")
                .build(),
            pulse_consumers: meter
                .u64_gauge("herdgate.pulse.exchanges")
                .with_description("Registered exchanges, by how their consumers do.")
                .build(),
            pulse_unacked: meter
                .i64_up_down_counter("herdgate.pulse.unacknowledged")
                .with_description("Deliveries that are not acknowledged yet.")
                .build(),
            pulse_redelivered: meter
                .u64_counter("herdgate.pulse.redelivered")
                .with_description("Deliveries that the broker marks as delivered before.")
                .build(),
            pulse_disagreements: meter
                .u64_counter("herdgate.pulse.routing_key.disagreements")
                .with_description(
                    "Messages whose routing key does not name the project that they name, by registration.",
                )
                .build(),
            push_notices_skipped: meter
                .u64_counter("herdgate.push_notices.skipped")
                .with_description("Messages about pushes of which nothing is stored, by reason.")
                .build(),
        }
    }

    /// Those of the process: installed by [`super::Telemetry::start`], without effect before that.
    pub fn global() -> &'static Self {
        INSTALLED.get().unwrap_or_else(|| &UNOBSERVED)
    }

    /// Makes these the ones of the process. Later calls have no effect.
    pub(super) fn install(self) {
        // A second telemetry in one process happens in tests only; the first keeps counting.
        let _ = INSTALLED.set(self);
    }

    /// `count` submissions came in through a door.
    pub fn received(&self, door: Door, count: u64) {
        let labels = [labels::door(door)];
        self.received.add(count, &labels);
        self.in_flight.add(signed(count), &labels);
    }

    /// Submissions of one door have their verdicts. With [`Self::received`] this keeps
    /// received = decided + in flight true for each door (design rule R1).
    pub fn decided(&self, door: Door, tally: &Tally) {
        for (verdict, count) in tally.counts() {
            self.decided.add(count, &[labels::door(door), labels::verdict(verdict)]);
        }
        self.in_flight.add(-signed(tally.total()), &[labels::door(door)]);
    }

    /// A batch of `size` submissions has been committed.
    pub fn batch(&self, size: u64, duration: Duration) {
        self.batch_size.record(size, &[]);
        self.commit_seconds.record(duration.as_secs_f64(), &[]);
    }

    /// Submissions that wait for a writer now.
    pub fn queue_depth(&self, submissions: u64) {
        self.queue_depth.record(submissions, &[]);
    }

    /// Held submissions in a state now.
    pub fn held(&self, state: HeldState, count: u64) {
        self.held.record(count, &[labels::held_state(state)]);
    }

    /// Age of the submission that has been parked longest; zero if none is.
    pub fn oldest_parked(&self, age: Duration) {
        self.oldest_parked.record(age.as_secs_f64(), &[]);
    }

    /// Follow-up work that waits now.
    pub fn follow_up_depth(&self, waiting: u64) {
        self.follow_up_depth.record(waiting, &[]);
    }

    /// An attempt at follow-up work ended.
    pub fn follow_up_attempt(&self, kind: &'static str, outcome: &'static str) {
        self.follow_up_attempts.add(1, &[KeyValue::new("kind", kind), KeyValue::new("outcome", outcome)]);
    }

    /// Time from receipt to commit of the oldest submission of a batch.
    pub fn commit_lag(&self, lag: Duration) {
        self.commit_lag.record(lag.as_secs_f64(), &[]);
    }

    /// Time from the end of a job to the commit that shows it; of the newest of a batch.
    pub fn visible_lag(&self, lag: Duration) {
        self.visible_lag.record(lag.as_secs_f64(), &[]);
    }

    /// Statements were sent to the database.
    pub fn statements(&self, count: u64) {
        self.statements.add(count, &[]);
    }

    /// Whether a broker of the configuration is connected now.
    pub fn pulse_connected(&self, broker: &str, connected: bool) {
        self.pulse_connected.record(connected.into(), &[labels::broker(broker)]);
    }

    /// A connection to a broker was lost or could not be made.
    pub fn pulse_connection_lost(&self, broker: &str) {
        self.pulse_reconnects.add(1, &[labels::broker(broker)]);
    }

    /// Registered exchanges whose consumers do so, by one of the words of the core.
    pub fn pulse_consumers(&self, phase: &'static str, count: u64) {
        self.pulse_consumers.record(count, &[labels::phase(phase)]);
    }

    /// Deliveries came (or, negative, were acknowledged or given back).
    pub fn pulse_unacked(&self, change: i64) {
        self.pulse_unacked.add(change, &[]);
    }

    /// Deliveries that the broker marks as delivered before.
    pub fn pulse_redelivered(&self, count: u64) {
        self.pulse_redelivered.add(count, &[]);
    }

    /// Messages whose routing key does not name their project.
    pub fn pulse_disagreement(&self, registration: &str) {
        self.pulse_disagreements.add(1, &[KeyValue::new("registration", registration.to_owned())]);
    }

    /// A message about a push of which nothing is stored.
    pub fn push_notice_skipped(&self, reason: &'static str) {
        self.push_notices_skipped.add(1, &[KeyValue::new("reason", reason)]);
    }

    /// A `WatchJobs` stream is open as long as what this returns lives.
    #[must_use]
    pub fn watcher(&self) -> Open {
        Open::new(&self.watchers)
    }

    /// A `SubmitJobs` stream is open as long as what this returns lives.
    #[must_use]
    pub fn stream(&self) -> Open {
        Open::new(&self.streams)
    }
}

/// Something that counts as open until this is dropped.
#[derive(Debug)]
pub struct Open(UpDownCounter<i64>);

impl Open {
    fn new(counter: &UpDownCounter<i64>) -> Self {
        counter.add(1, &[]);
        Self(counter.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.add(-1, &[]);
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
