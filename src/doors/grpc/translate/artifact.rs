//! Artifacts on the wire.

use crate::proto::StoredArtifact;
use crate::store::lists::ListedArtifact;

/// One as it is kept.
pub fn artifact(artifact: ListedArtifact) -> StoredArtifact {
    let ListedArtifact { id, job_id: _, name, kind, blob } = artifact;
    StoredArtifact { id, name, r#type: kind, blob_json: blob }
}
