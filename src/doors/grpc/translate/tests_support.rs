//! Stored values for tests of this door.

use crate::domain::{Door, JobResult, JobState, NamedSymbol, Platform};
use crate::store::model::{ChangePosition, Provenance, StoredJob};

/// A running job for tests of the door.
pub fn a_stored_job(id: i64) -> StoredJob {
    let at = |text: &str| text.parse().unwrap();
    StoredJob {
        id,
        guid: format!("job{id}/0"),
        project: "autoland".into(),
        push_id: 7,
        revision: "a".repeat(40),
        state: JobState::Running,
        result: JobResult::Unknown,
        tier: 2,
        job_type: NamedSymbol { name: "test-bc".into(), symbol: "bc1".into() },
        group: NamedSymbol { name: "Mochitests".into(), symbol: "M".into() },
        product: "firefox".into(),
        build_system: "taskcluster".into(),
        who: "someone".into(),
        reason: "scheduled".into(),
        machine: "m1".into(),
        build_platform: Platform::unknown(),
        machine_platform: Platform {
            os_name: "linux".into(),
            platform: "linux64".into(),
            architecture: "x86_64".into(),
        },
        options: vec!["asan".into(), "debug".into()],
        option_collection_hash: "b".repeat(40),
        signature: "c".repeat(40),
        reference_data_name: "c".repeat(40),
        submit_time: Some(at("2026-01-01T00:00:00Z")),
        start_time: Some(at("2026-01-01T00:01:00Z")),
        end_time: None,
        last_modified: at("2026-01-01T00:02:00Z"),
        superseded_by: None,
        task_id: Some("A".repeat(22)),
        retry_id: Some(3),
        failure_classification_id: 1,
        description: None,
        provenance: Provenance {
            first_door: Door::Pulse,
            last_door: Door::Grpc,
            source: "ci".into(),
            received_at: at("2026-01-01T00:01:58Z"),
            committed_at: at("2026-01-01T00:01:59Z"),
            held_at: None,
            released_at: None,
            repeats: 4,
        },
        change: ChangePosition { transaction: 100 + id, job_id: id },
    }
}
