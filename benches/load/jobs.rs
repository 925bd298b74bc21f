//! The load: jobs as a busy project sends them. Guids are distinct, every job goes through three
//! states, 40 platforms and 600 job types occur; a completed job has a log, and two links.

use herdgate::proto;
use prost_types::Timestamp;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::{Range, RangeInclusive};

/// Project of all jobs.
pub const PROJECT: &str = "bench";
/// Different platforms.
pub const PLATFORMS: usize = 40;
/// Different job types.
pub const JOB_TYPES: usize = 600;
/// Jobs of a push where jobs are spread over several.
const PUSH_SIZE: usize = 1000;

/// A state that a job passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Pending,
    Running,
    Completed,
}

impl Moment {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Running, Self::Completed];
}

/// A set of jobs, or a part of one.
#[derive(Debug, Clone)]
pub struct Jobs {
    name: String,
    indexes: Range<usize>,
    spread: Spread,
}

/// Which push a job belongs to.
#[derive(Debug, Clone)]
enum Spread {
    /// So many to the first, then 1000 to each.
    InTurn { first_push: usize },
    /// One after the other to each of these.
    Around(Range<usize>),
}

impl Jobs {
    /// Jobs of one push, the same for every set.
    pub fn new(name: &str, count: usize) -> Self {
        Self::spread(name, count, usize::MAX)
    }

    /// Jobs of a push of `first_push` jobs and, beyond those, of further pushes of 1000 jobs.
    pub fn spread(name: &str, count: usize, first_push: usize) -> Self {
        Self { name: name.to_owned(), indexes: 0..count, spread: Spread::InTurn { first_push } }
    }

    /// Jobs that come to these pushes in turn.
    pub fn around(name: &str, count: usize, pushes: Range<usize>) -> Self {
        Self { name: name.to_owned(), indexes: 0..count, spread: Spread::Around(pushes) }
    }

    /// Numbers of the pushes that the jobs belong to.
    pub fn pushes(&self) -> RangeInclusive<usize> {
        match &self.spread {
            Spread::InTurn { .. } => {
                self.push(self.indexes.start)..=self.push(self.indexes.end.saturating_sub(1))
            }
            Spread::Around(pushes) => pushes.start..=pushes.end.saturating_sub(1),
        }
    }

    fn push(&self, index: usize) -> usize {
        match &self.spread {
            Spread::InTurn { first_push } => {
                index.checked_sub(*first_push).map_or(0, |beyond| 1 + beyond / PUSH_SIZE)
            }
            Spread::Around(pushes) => pushes.start + index % pushes.len(),
        }
    }

    /// Revision of a push.
    pub fn revision(push: usize) -> String {
        // An odd factor scatters the numbers without making two of them equal.
        format!("{:08x}90b34f6688aa1123deadbeef00c0ffee", (push as u32).wrapping_mul(0x9e37_79b1))
    }

    /// The same set cut into parts of at most `size` jobs.
    pub fn parts(&self, size: usize) -> impl Iterator<Item = Self> {
        let Range { start, end } = self.indexes;
        (start..end).step_by(size).map(move |first| {
            let indexes = first..end.min(first + size);
            Self { indexes, ..self.clone() }
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.indexes.len()
    }

    /// What they are known by within the whole set.
    pub fn indexes(&self) -> Range<usize> {
        self.indexes.clone()
    }

    pub fn guid(&self, index: usize) -> String {
        // A version 4 UUID in form, different for every set and index.
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, &self.name, index).hash(&mut hasher);
            hasher.finish()
        };
        let bytes = (u128::from(half(0)) << 64 | u128::from(half(1))).to_be_bytes();
        format!("{}/0", uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    pub fn job(&self, index: usize, moment: Moment) -> proto::Job {
        let guid = self.guid(index);
        let (kind, platform) = (index % JOB_TYPES, index % PLATFORMS);
        let time =
            |seconds: i64| Some(Timestamp { seconds: 1_790_000_000 + seconds + index as i64, nanos: 0 });
        let link = |what: &str| proto::JobLink {
            url: Some(format!("https://artifacts.example.org/api/queue/v1/task/{guid}/runs/0/{what}")),
            link_text: Some(what.to_owned()),
            label: Some("artifact uploaded".to_owned()),
        };
        let completed = moment == Moment::Completed;
        proto::Job {
            task_id: Some(guid.clone()),
            origin: Some(proto::Origin {
                form: Some(proto::origin::Form::Current(proto::CurrentOrigin {
                    project: Some(PROJECT.to_owned()),
                    revision: Some(Self::revision(self.push(index))),
                    id: Some(88_565),
                })),
            }),
            build_system: Some("taskcluster".to_owned()),
            display: Some(proto::Display {
                job_symbol: Some(format!("mda{}", kind % 20)),
                chunk_id: None,
                chunk_count: None,
                group_symbol: Some(format!("M-{}", kind % 30)),
                job_name: Some(format!("test-linux64-{kind}/debug-mochitest-media-spi-e10s-{kind}")),
                group_name: Some("Mochitests with socket process".to_owned()),
            }),
            state: Some(match moment {
                Moment::Pending => proto::JobState::Pending,
                Moment::Running => proto::JobState::Running,
                Moment::Completed => proto::JobState::Completed,
            } as i32),
            result: Some(if completed { proto::JobResult::Success } else { proto::JobResult::Unknown } as i32),
            job_kind: Some(proto::JobKind::Test as i32),
            version: Some(1),
            retry_id: Some(0),
            is_retried: Some(false),
            tier: Some(1),
            time_scheduled: time(0),
            time_started: (moment != Moment::Pending).then(|| time(60)).flatten(),
            time_completed: completed.then(|| time(600)).flatten(),
            labels: Some(proto::Labels { names: vec!["debug".to_owned()] }),
            owner: Some("somebody@example.org".to_owned()),
            reason: Some("scheduled".to_owned()),
            build_machine: Some(proto::Machine {
                name: Some(format!("t-yosemite-r7-{:03}", index % 300)),
                platform: Some(format!("linux64-{platform}")),
                os: Some("linux".to_owned()),
                architecture: Some("x86_64".to_owned()),
            }),
            job_info: Some(proto::JobInfo {
                summary: Some("Mochitest media run with socket process enabled".to_owned()),
                links: if completed {
                    vec![link("public/report.html"), link("public/raw.log")]
                } else {
                    vec![]
                },
            }),
            logs: if completed {
                vec![proto::Log {
                    url: link("public/logs/live_backing.log").url,
                    name: Some("live_backing_log".to_owned()),
                    ..Default::default()
                }]
            } else {
                vec![]
            },
            ..Default::default()
        }
    }
}
