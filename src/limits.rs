//! Every limit of the gateway, in one table (design rules R13, R18, R19).
//!
//! Lengths are Unicode code points, sizes are bytes after decompression. A limit is refused with a
//! violation or error that names it; nothing is cut silently.

use chrono::TimeDelta;
use std::time::Duration;

/// Largest submission at every door, and largest gRPC message.
pub const SUBMISSION_BYTES: usize = 4 * 1024 * 1024;
/// Largest body of an HTTP request, before and after decompression.
pub const HTTP_BODY_BYTES: usize = 20 * 1024 * 1024;
/// How long a browser may remember who may read over HTTP.
pub const PREFLIGHT_AGE: Duration = Duration::from_secs(24 * 3600);
/// Violations answered for one HTTP collection; beyond them each item has one.
pub const COLLECTION_VIOLATIONS: usize = 10_000;
/// Longest wait of a collection for the core to take it in; then all of it is to be sent again (R34).
/// With [`VERDICT_DEADLINE`] it fits into [`UNARY_DEADLINE`].
pub const ADMISSION: Duration = Duration::from_secs(3);
/// Items in one unary request.
pub const BATCH_ITEMS: usize = 1000;
/// Items in one legacy REST collection.
pub const COLLECTION_ITEMS: usize = 10_000;
/// Bytes of submissions that are between "received" and "decided", over all gRPC and HTTP requests.
pub const IN_FLIGHT_BYTES: usize = 64 * 1024 * 1024;
/// The same for calls without a credential, all together: two of the largest messages.
pub const STRANGERS_BYTES: usize = 2 * SUBMISSION_BYTES;
/// Submissions of one stream that have no verdict yet.
pub const STREAM_IN_FLIGHT_ITEMS: usize = 4096;
/// Frames of one stream that are handed to the core together.
pub const STREAM_CHUNK_ITEMS: usize = 256;
/// Bytes of frames of one stream that are handed to the core together, one frame more at most.
pub const STREAM_CHUNK_BYTES: usize = 1024 * 1024;
/// Responses of one stream that wait for a slow reader.
pub const STREAM_RESPONSE_QUEUE: usize = 16;
/// Size at which verdicts or jobs are split over several responses; readers accept 4 MiB by default.
pub const RESPONSE_BYTES: usize = 1024 * 1024;
/// Largest answer: what clients read by default.
pub const ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// Size at which a page of a list ends; what comes with the list stays within [`ANSWER_BYTES`].
pub const PAGE_BYTES: usize = 3 * 1024 * 1024;
/// Raw bytes of a held message in one answer.
pub const RAW_PAGE_BYTES: usize = 3 * 1024 * 1024;
/// Pushes in one page.
pub const PUSHES_PAGE: u64 = 100;
/// Pushes of one request that are stored by one transaction.
pub const PUSHES_PER_TRANSACTION: usize = 100;
/// Code points shown of a commit's message.
pub const SHOWN_COMMENT: usize = 4096;
/// Code points left of a text where an answer would be larger.
pub const SHORTENED_TEXT: usize = 100;
/// Open `SubmitJobs` and `WatchJobs` streams, each.
pub const OPEN_STREAMS: usize = 1024;
/// Open event streams of the console.
pub const CONSOLE_STREAMS: usize = 512;
/// An event stream of the console looks for changed jobs no more often than this, whatever it finds.
pub const CONSOLE_EVENT_INTERVAL: Duration = Duration::from_millis(250);
/// How long a session of the console lasts.
pub const CONSOLE_SESSION: Duration = Duration::from_secs(12 * 3600);
/// Rows in one page of the console.
pub const CONSOLE_ROWS: u64 = 100;
/// Pushes in one page of the console.
pub const CONSOLE_PUSHES: u64 = 10;
/// Jobs of one push that the console shows.
pub const CONSOLE_PUSH_JOBS: u64 = 20_000;
/// Newest jobs that the console looks for a part of a name in.
pub const CONSOLE_NAME_DEPTH: i64 = 20_000;
/// Largest form that the console takes.
pub const CONSOLE_FORM_BYTES: usize = 256 * 1024;
/// Raw bytes of a held message that the console shows.
pub const CONSOLE_RAW_BYTES: usize = 64 * 1024;
/// Logs that the console fetches at one time.
pub const CONSOLE_LOG_READERS: usize = 16;
/// Longest time that the console takes to fetch a part of a log; within [`UNARY_DEADLINE`].
pub const CONSOLE_LOG_READ: Duration = Duration::from_secs(15);
/// Bytes of a log that the console looks through, as declared, received and decoded, each.
pub const CONSOLE_LOG_BYTES: u64 = 128 * 1024 * 1024;
/// Bytes of one line of a log that the console shows.
pub const CONSOLE_LOG_LINE_BYTES: usize = 4096;
/// How often the instruments are looked at for the charts of the console.
pub const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);
/// Samples that are kept: an hour of them.
pub const SAMPLES: usize = 360;
/// Open connections.
pub const CONNECTIONS: usize = 4096;
/// Requests that are being answered, streams not counted.
pub const OPEN_REQUESTS: usize = 2048;
/// Largest request message of services that take no submissions.
pub const QUERY_BYTES: usize = 256 * 1024;
/// Headers of one HTTP/1 request.
pub const HEADERS: usize = 100;
/// Bytes of the first line and the headers of one HTTP/1 request together.
pub const HEADER_BYTES: usize = 64 * 1024;
/// Bytes of the headers of one HTTP/2 request together.
pub const HEADER_BYTES_HTTP2: u32 = 64 * 1024;
/// Longest time for the TLS handshake and the first bytes, and for the headers of an HTTP/1 request, to arrive.
pub const HEADER_READ: Duration = Duration::from_secs(10);
/// Longest time from the headers of a unary request to its answer: its body, its verdict, a margin.
pub const UNARY_DEADLINE: Duration = Duration::from_secs(20);
/// Bytes a second at which the body of an HTTP request must come at least, on the average, after
/// [`UNARY_DEADLINE`].
pub const UPLOAD_BYTES_PER_SECOND: u64 = 16 * 1024;
/// Texts of logs that are fetched for readers at once.
pub const LOG_TEXT_READERS: usize = 64;
/// What may have come of a stream's message before its bytes are counted.
pub const UNCOUNTED_BYTES: usize = 16 * 1024;
/// Longest time for a message of a stream to arrive, once it has begun, while others wait for its bytes.
pub const MESSAGE_READ: Duration = Duration::from_secs(20);
/// Silent HTTP/2 connections are asked for a sign of life this often, and have this long to answer.
pub const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Bytes that one stream, and one connection, may send ahead of being read.
pub const STREAM_WINDOW: u32 = 1024 * 1024;
/// See [`STREAM_WINDOW`].
pub const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Concurrent gRPC streams on one connection.
pub const STREAMS_PER_CONNECTION: u32 = 128;

/// Submissions in one transaction of the writer.
pub const COMMIT_BATCH_ITEMS: usize = 500;
/// Bytes of them at which such a transaction is full: what is in them, such as the errors of logs, is to be
/// written well within [`COMMIT_ATTEMPT`].
pub const COMMIT_BATCH_BYTES: usize = 2 * 1024 * 1024;
/// Submissions of one batch that are rejected for internal errors; beyond it the gateway itself is broken,
/// and the rest of the batch is to be sent again.
pub const INTERNAL_REJECTIONS: usize = 16;
/// Chunks of submissions that wait for one writer.
pub const WRITER_QUEUE_CHUNKS: usize = 16;
/// Longest time from receipt to verdict (R34).
pub const VERDICT_DEADLINE: Duration = Duration::from_secs(15);
/// How long a writer keeps trying a batch while the database is away.
pub const WRITE_RETRY_WINDOW: Duration = Duration::from_secs(5);
/// Delay asked of a submitter while the database is away.
pub const RETRY_DELAY: Duration = Duration::from_secs(2);
/// Time for open requests to end at shutdown (R40).
pub const DRAIN: Duration = Duration::from_secs(20);
/// Time for the last traces and metrics to reach their collector, after [`DRAIN`].
pub const TELEMETRY_FLUSH: Duration = Duration::from_secs(5);
/// Part of [`DRAIN`] after which a stream is cut, longer than [`VERDICT_DEADLINE`].
pub const STREAM_DRAIN: Duration = Duration::from_secs(17);
/// Part of [`DRAIN`] after which connections are cut; the rest is the core's.
pub const CONNECTION_DRAIN: Duration = Duration::from_secs(18);

/// Interned rows of one kind of reference data kept in memory.
pub const REFERENCE_CACHE_ENTRIES: usize = 100_000;
/// Pushes kept in memory.
pub const PUSH_CACHE_ENTRIES: usize = 50_000;
/// Earlier error lines of jobs that are read at one time, to see what is new in the later ones.
pub const EARLIER_ERRORS: usize = 1000;
/// Submissions of a job whose digests its row remembers (R8).
pub const REMEMBERED_DIGESTS: usize = 4;

/// Violations listed for one submission.
pub const VIOLATIONS: usize = 100;
/// Code points of a value quoted in a violation.
pub const VALUE_EXCERPT: usize = 120;

/// Code points of the path and of the sentence of a violation, which may quote names and words.
pub const VIOLATION_TEXT: usize = 500;

/// Job guid.
pub const JOB_GUID: usize = 50;
/// Repository name.
pub const PROJECT: usize = 50;
/// URL of a repository.
pub const REPOSITORY_URL: usize = 255;
/// Branch, group and code base of a repository, each.
pub const REPOSITORY_WORD: usize = 50;
/// Client id of a credential.
pub const CLIENT_ID: usize = 32;
/// Full revision.
pub const REVISION: usize = 40;
/// Shortest prefix of a revision that is looked up.
pub const REVISION_PREFIX: usize = 12;
/// Build system.
pub const BUILD_SYSTEM: usize = 25;
/// Job type name.
pub const JOB_NAME: usize = 140;
/// Job group name.
pub const GROUP_NAME: usize = 255;
/// Job symbol and group symbol.
pub const SYMBOL: usize = 25;
/// Job symbol together with the digits of a chunk, as legacy REST sends the two.
pub const CHUNKED_SYMBOL: usize = 35;
/// Largest chunk number, step line number and run number.
pub const ORDINAL: i64 = 2_147_483_647;
/// Largest push log id or pull request number: the integers JSON can carry exactly.
pub const FOREIGN_ID: i64 = 9_007_199_254_740_991;
/// Product name.
pub const PRODUCT: usize = 125;
/// `owner`, stored as `who`.
pub const OWNER: usize = 50;
/// `reason`.
pub const REASON: usize = 125;
/// Machine name over Pulse.
pub const MACHINE_NAME: usize = 50;
/// Machine name over legacy REST.
pub const LEGACY_MACHINE_NAME: usize = 100;
/// Platform name.
pub const PLATFORM: usize = 100;
/// Operating system and architecture.
pub const OS: usize = 25;
/// Label (option name).
pub const LABEL: usize = 50;
/// Option name over legacy REST.
pub const LEGACY_OPTION: usize = 100;
/// Labels of a job.
pub const LABELS: usize = 100;
/// Tier over legacy REST, which knows no tier 1 to 3 rule.
pub const LEGACY_TIER: i64 = 32_767;
/// Id of a Taskcluster task: a UUID in URL-safe base64.
pub const TASK_ID: usize = 22;
/// Reference data name.
pub const REFERENCE_DATA_NAME: usize = 255;
/// Description of a job.
pub const DESCRIPTION: usize = 65_536;
/// A word for state or result that only REST can say (R10).
pub const OTHER_WORD: usize = 25;
/// Logs, links, artifacts and superseded jobs of one job, each.
pub const PARTS: usize = 1000;
/// Details of one job, from its links and artifacts together.
pub const DETAILS: usize = 2000;
/// Log name.
pub const LOG_NAME: usize = 50;
/// Log URL and link URL.
pub const URL: usize = 512;
/// Steps of a log, and errors of a step.
pub const STEPS: usize = 10_000;
/// Step name.
pub const STEP_NAME: usize = 255;
/// Error line supplied over Pulse.
pub const ERROR_LINE: usize = 255;
/// Link text, stored as the value of a job detail.
pub const DETAIL_VALUE: usize = 125;
/// Link label, stored as the title of a job detail.
pub const DETAIL_TITLE: usize = 70;
/// Artifact name.
pub const ARTIFACT_NAME: usize = 128;
/// Artifact type.
pub const ARTIFACT_TYPE: usize = 50;
/// Exchange over Pulse, and name of its registration: the width of a source.
pub const EXCHANGE: usize = 100;
/// Name of a broker.
pub const BROKER: usize = 50;
/// Routing key, bytes; the protocol has no longer ones.
pub const ROUTING_KEY: usize = 255;
/// Routing keys that one queue is bound by.
pub const BINDINGS: usize = 1000;
/// Author of a push or commit.
pub const AUTHOR: usize = 150;
/// Commit message.
pub const COMMENT: usize = 1_048_576;
/// Pushes that one message of a Mercurial server tells of.
pub const NOTICED_PUSHES: usize = 1000;
/// Newest commits kept of a push that a push log lists; the others are counted (contract-ingest 3.6).
pub const LOGGED_COMMITS: usize = 200;
/// Commits of one push that are sent at once.
pub const COMMITS: usize = 10_000;

/// Parked submissions of one source and project, in items and bytes.
pub const PARKED_ITEMS: i64 = 100_000;
/// See [`PARKED_ITEMS`].
pub const PARKED_BYTES: i64 = 1024 * 1024 * 1024;
/// How long a parked submission waits for its push.
pub const PARKED_AGE: Duration = Duration::from_secs(72 * 3600);
/// Rejected submissions of one source, in items, bytes and age; what is older is kept as counts.
pub const REJECTED_ITEMS: i64 = 10_000;
/// See [`REJECTED_ITEMS`].
pub const REJECTED_BYTES: i64 = 64 * 1024 * 1024;
/// See [`REJECTED_ITEMS`].
pub const REJECTED_AGE: Duration = Duration::from_secs(14 * 24 * 3600);
/// Raw bytes kept of one rejected submission.
pub const REJECTED_RAW_BYTES: usize = 1024 * 1024;
/// Slowest time from a push to the release of what waits for it, if a notice was lost.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(30);
/// Time between two rounds of retention.
pub const RETENTION_INTERVAL: Duration = Duration::from_secs(3600);
/// Jobs or pushes that retention looks at in one query.
pub const RETENTION_PAGE: u64 = 5000;
/// Jobs or pushes that retention deletes in one transaction, with everything that hangs on them.
pub const RETENTION_BATCH: usize = 200;
/// After each page and batch retention waits for this many times as long as the batch took.
pub const RETENTION_PAUSE: u32 = 4;
/// Reasons to look at parked submissions that are remembered one by one.
pub const PARKING_NOTICES: usize = 1024;
/// What waits for jobs is looked at no more often than this.
pub const WAITING_JOBS_INTERVAL: Duration = Duration::from_millis(500);
/// Held submissions released together.
pub const RELEASE_CHUNK: u64 = 1000;

/// Their bytes, held by a gateway at one time.
pub const RELEASE_BYTES: i64 = 16 * 1024 * 1024;
/// One attempt to commit a batch; what has no answer by then is to be sent again.
pub const COMMIT_ATTEMPT: Duration = Duration::from_secs(8);
/// A change is stamped when its batch begins and seen when it is committed: a poll for what changed after a
/// time looks back so much further, [`COMMIT_ATTEMPT`] and two seconds between the clocks of gateways.
pub const LATE_CHANGES: TimeDelta = TimeDelta::seconds(10);

/// Rows on one page of a list over HTTP.
pub const LIST_ROWS: u64 = 2000;
/// Rows on a page for which no number is asked.
pub const LIST_DEFAULT_ROWS: u64 = 10;
/// Rows of a list over HTTP that has no pages.
pub const PLAIN_LIST_ROWS: u64 = 100_000;
/// Results of groups of tests that are read of one push: several times those of the largest.
pub const GROUP_RESULTS: u64 = 300_000;
/// Ids before and after that of a job among which similar ones are looked for: no index finds a rare kind of
/// job, so that what is walked through has to end.
pub const SIMILAR_JOBS_SPAN: i64 = 200_000;
/// Longest that a reader is sent a log for.
pub const LOG_TEXT_TIME: Duration = Duration::from_secs(300);
/// Decoded bytes of a log that a reader is sent, above which it is cut off.
pub const LOG_TEXT_BYTES: u64 = 1024 * 1024 * 1024;
/// Jobs on a page of what the dashboard reads: the largest pushes fit on one.
pub const DASHBOARD_ROWS: u64 = 10_000;
/// Signatures whose names are remembered for the dashboard.
pub const SHOWN_SIGNATURES: usize = 200_000;
/// Values that one filter names.
pub const FILTER_VALUES: usize = 2000;
/// Bytes of the artifacts on one page.
pub const ARTIFACT_PAGE_BYTES: u64 = 32 * 1024 * 1024;

/// Jobs in one response of `WatchJobs`.
pub const WATCH_PAGE: u64 = 500;
/// Age of a resume cursor that is refused.
pub const WATCH_CURSOR_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// A watcher to whom nothing matches gets a fresh cursor this often.
pub const WATCH_CURSOR_INTERVAL: Duration = Duration::from_secs(10);
/// Notices to other gateways are at least this far apart (R3).
pub const NOTIFY_INTERVAL: Duration = Duration::from_millis(50);
/// Watchers look for themselves this often, should a notice be lost (R3).
pub const WATCH_POLL: Duration = Duration::from_secs(1);
/// Gateways notice changed repositories, credentials and tiers within twice this time.
pub const DIRECTORY_POLL: Duration = Duration::from_millis(800);
/// An idle gateway makes sure this often that it can still commit.
pub const COMMIT_PROBE: Duration = Duration::from_secs(10);

/// Deliveries of one queue that are not acknowledged, unless configured otherwise.
pub const PULSE_PREFETCH: u16 = 2000;
/// Their bytes, as far as the sizes of those before tell: the prefetch shrinks to keep them (R19).
pub const PULSE_UNACKED_BYTES: usize = 32 * 1024 * 1024;
/// Properties and headers kept with a held message; longer headers are left out.
pub const PULSE_CONTEXT_BYTES: usize = 64 * 1024;
/// Times that a message may fail for a reason of ours before it is held as rejected (R22).
pub const PULSE_ATTEMPTS: i64 = 5;
/// How long a failed attempt is remembered.
pub const PULSE_ATTEMPT_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Deliveries of a quorum queue before the broker drops a message: ours are counted by ourselves (R22).
pub const PULSE_DELIVERY_LIMIT: u32 = 1_000_000;
/// A pause beyond this returns what is not acknowledged to the queue; brokers end consumers that keep
/// it for 30 minutes.
pub const PULSE_LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Longest time from dialling a broker to an open connection, and for it to answer a declaration.
pub const PULSE_ANSWER: Duration = Duration::from_secs(15);
/// Signs of life on a connection to a broker; half of them missing in a row end it.
pub const PULSE_HEARTBEAT: Duration = Duration::from_secs(20);
/// First and longest pause before the next attempt to reach a broker or an exchange.
pub const PULSE_RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// An exchange that is not there is looked for this often, and for how long, before the pauses grow.
pub const PULSE_MISSING: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(600));
/// Queues and bindings are declared anew this often, should somebody have deleted them.
pub const PULSE_REDECLARE: Duration = Duration::from_secs(60);
/// The queue of a removed exchange is looked at this often, to see whether it is empty.
pub const PULSE_DRAINED_LOOK: Duration = Duration::from_millis(500);
/// So long the queue of a removed exchange must have been empty and without consumers before it is deleted:
/// longer than [`PULSE_DRAIN`], for which a gateway that stops may hold deliveries without a consumer.
pub const PULSE_DRAINED_QUIET: Duration = Duration::from_secs(18);
/// Age at which a connection to a broker is replaced, unless configured otherwise.
pub const PULSE_CONNECTION_AGE: Duration = Duration::from_secs(3600);
/// Part of [`DRAIN`] in which deliveries under way are decided and acknowledged.
pub const PULSE_DRAIN: Duration = Duration::from_secs(17);
/// Messages that a publisher has under way.
pub const PUBLISH_IN_FLIGHT: usize = 1000;
/// How long a publisher waits for a confirmation.
pub const PUBLISH_CONFIRM: Duration = Duration::from_secs(30);

/// Longest wait for a connection to the database; beyond it the database counts as away.
pub const DATABASE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest statement, and longest pause inside a transaction, on PostgreSQL.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for SQLite's write lock (R27).
pub const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Page caches of all connections to SQLite together.
pub const SQLITE_CACHE_KIB: u32 = 32 * 1024;
/// Largest body of an answer whose bytes are signed too (Hawk); a larger one is signed without them.
pub const SIGNED_RESPONSE_BYTES: u64 = 64 * 1024 * 1024;
/// Clocks of a Hawk client and the gateway may be this far apart.
pub const HAWK_SKEW: Duration = Duration::from_secs(60);
/// A nonce is remembered this long: a request may be as old as the skew or as far ahead, and waits for as long
/// as [`UNARY_DEADLINE`] before its nonce is looked up.
pub const NONCE_AGE: Duration = Duration::from_secs(2 * HAWK_SKEW.as_secs() + 2 * UNARY_DEADLINE.as_secs());
/// Nonces of signed reads in memory.
pub const READ_NONCES: usize = 100_000;
/// Nonces of writes that wait to be remembered, and that are remembered in one transaction.
pub const NONCE_QUEUE: usize = 1024;
/// See [`NONCE_QUEUE`].
pub const NONCE_BATCH: usize = 500;
/// Last uses of credentials are written this often.
pub const LAST_USE_INTERVAL: Duration = Duration::from_secs(60);
/// Longest time for the last of them, at shutdown.
pub const LAST_USE_FINAL: Duration = Duration::from_secs(1);
/// Description of a credential.
pub const CREDENTIAL_DESCRIPTION: usize = 500;

/// Redirects that one fetch follows.
pub const FETCH_REDIRECTS: usize = 10;
/// How long a connection to a host stays open unused, and how many of them.
pub const FETCH_IDLE_CONNECTION: Duration = Duration::from_secs(30);
/// See [`FETCH_IDLE_CONNECTION`].
pub const FETCH_IDLE_CONNECTIONS: usize = 4;
/// Longest wait for an answer and for each piece of it (contract-logs 1.6, contract-ingest 3.8).
pub const FETCH_WAIT: Duration = Duration::from_secs(30);
/// Bytes that a server sends in a second of waiting for it, on the average, once it was waited for as long
/// as [`FETCH_WAIT`]; of a slower one nothing more is read.
pub const FETCH_SLOWEST: u64 = 16 * 1024;
/// Longest that a server may ask to be left alone; beyond it, it is asked again nonetheless.
pub const FETCH_LONGEST_PATIENCE: Duration = Duration::from_secs(2 * 3600);

/// Pieces of follow-up work of one kind that a gateway does at once.
pub const FOLLOW_UP_WORKERS: usize = 8;
/// How long follow-up work stays claimed without a sign of life from its gateway.
pub const FOLLOW_UP_LEASE: Duration = Duration::from_secs(60);
/// A gateway looks this often for follow-up work that others enqueued, or that is due again.
pub const FOLLOW_UP_POLL: Duration = Duration::from_secs(1);
/// Wait before the second attempt; it doubles with each further one (logs contract 1.4).
pub const FOLLOW_UP_FIRST_RETRY: Duration = Duration::from_secs(10);
/// Times that what follow-up work found is stored while other transactions are in the way.
pub const FOLLOW_UP_STORINGS: usize = 5;
/// Part of [`DRAIN`] for follow-up work under way; what does not end is given back.
pub const FOLLOW_UP_DRAIN: Duration = Duration::from_secs(5);

/// Pieces of follow-up work on one page.
pub const WORK_PAGE: u64 = 1000;
/// Longest time from the request for a log to its last byte (logs contract 1.3).
pub const LOG_READ: Duration = Duration::from_secs(15 * 60);
/// As [`LOG_READ`], for a log whose host has its share of the workers already. A host is slow while its logs
/// take more than half of that on the average.
pub const LOG_QUICK_READ: Duration = Duration::from_secs(5);
/// How long a log that took longer than [`LOG_QUICK_READ`] rests, and a slow host before it is tried anew.
pub const LOG_HOST_REST: Duration = Duration::from_secs(10);
/// Longest time that a log waits, because its host is slow, before it is looked at again.
pub const LOG_HOST_LONGEST_REST: Duration = Duration::from_secs(2 * 60);
/// Bytes that a task runner's log may declare; of a larger one nothing is read (logs contract 1.6).
pub const LOG_DECLARED_BYTES: u64 = 5 * 1024 * 1024;
/// Bytes of any log, as received and as decoded, each: far above any real log.
pub const LOG_BYTES: u64 = 1024 * 1024 * 1024;
/// Bytes of a document of performance data that a job links to (logs contract 6.1).
pub const PERFORMANCE_BYTES: u64 = 5 * 1024 * 1024;
/// Bytes of a log that are parsed before other work gets its turn.
pub const LOG_PIECE_BYTES: usize = 256 * 1024;

/// Longest time from asking a host about a push to the end of its answer.
pub const PUSH_READ: Duration = Duration::from_secs(120);
/// Largest answer of a host about a push, as received and as decoded, each.
pub const PUSH_BYTES: u64 = 32 * 1024 * 1024;
/// How long it is remembered that a push was asked for.
pub const PUSH_FETCH_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Entries of a push log that are asked for at once, and fewer where their answer is too large.
pub const PUSH_LOG_SLICE: u64 = 100;
/// Push logs that are followed at once: one whose server is silent does not delay the others.
pub const PUSH_LOGS_AT_ONCE: usize = 8;
/// How long it is remembered how far a push log was read (contract-ingest 3.7).
pub const PUSH_LOG_MEMORY: Duration = Duration::from_secs(7 * 24 * 3600);
/// Microseconds of a day.
pub const DAY_MICROS: i64 = 86_400_000_000;
/// Searches for bugs whose results are kept in memory, as an estimate.
pub const CACHED_SEARCHES: usize = 10_000;
/// Bugs, and searches without any, that are kept in memory with these results: some 20 MiB.
pub const CACHED_BUGS: u64 = 40_000;
/// A result is not kept longer: an open bug ceases to be recent.
pub const CACHED_SEARCH_AGE: TimeDelta = TimeDelta::minutes(10);
/// Newest bugs whose words tell what is rare in the list, for PostgreSQL's index of it.
pub const BUG_SAMPLE: usize = 5000;
/// The words are taken anew after this time.
pub const BUG_SAMPLE_AGE: Duration = Duration::from_secs(60);
/// Longest time from the request for a page of bugs to its last byte.
pub const BUG_LIST_READ: Duration = Duration::from_secs(120);
/// Bytes of a page of bugs, as received and as decoded, each.
pub const BUG_LIST_BYTES: u64 = 64 * 1024 * 1024;

/// Characters of the name of a framework, suite or subtest of performance data.
pub const PERFORMANCE_NAME: usize = 255;
/// Options of a suite.
pub const PERFORMANCE_OPTIONS: usize = 64;
/// Characters of one of them.
pub const PERFORMANCE_OPTION: usize = 100;
/// Values of one document; those of suites as a whole count.
pub const PERFORMANCE_VALUES: usize = 5000;
