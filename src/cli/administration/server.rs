//! Administering through the Admin service of a running gateway.

use crate::cli::failure::Failure;
use crate::cli::server::{Connection, LARGEST_ANSWER, connect};
use crate::core::PushSubmission;
use crate::domain::{Commit, Push, Refused};
use crate::doors::grpc::translate;
use crate::proto;
use crate::proto::admin_service_client::AdminServiceClient;
use crate::proto::ingest_service_client::IngestServiceClient;

/// A running gateway.
#[derive(Debug)]
pub struct OnServer {
    pub(super) admin: AdminServiceClient<Connection>,
    ingest: IngestServiceClient<Connection>,
}

/// See [`super::Administration`] for what each call does.
impl OnServer {
    pub(super) async fn connect(server: &str, token: Option<&str>) -> Result<Self, Failure> {
        let connection = connect(server, token).await?;
        Ok(Self {
            admin: AdminServiceClient::new(connection.clone()).max_decoding_message_size(LARGEST_ANSWER),
            ingest: IngestServiceClient::new(connection),
        })
    }

    pub(super) async fn add_repository(
        &mut self,
        repository: proto::Repository,
    ) -> Result<proto::Repository, Failure> {
        let request = proto::AddRepositoryRequest { repository: Some(repository) };
        Ok(self.admin.add_repository(request).await?.into_inner().repository.unwrap_or_default())
    }

    pub(super) async fn repositories(&mut self) -> Result<Vec<proto::Repository>, Failure> {
        let request = proto::ListRepositoriesRequest {};
        Ok(self.admin.list_repositories(request).await?.into_inner().repositories)
    }

    pub(super) async fn create_credential(
        &mut self,
        new: proto::CreateCredentialRequest,
    ) -> Result<proto::CreateCredentialResponse, Failure> {
        Ok(self.admin.create_credential(new).await?.into_inner())
    }

    pub(super) async fn credentials(&mut self) -> Result<Vec<proto::Credential>, Failure> {
        let request = proto::ListCredentialsRequest {};
        Ok(self.admin.list_credentials(request).await?.into_inner().credentials)
    }

    pub(super) async fn revoke_credential(&mut self, client_id: &str) -> Result<(), Failure> {
        let request = proto::RevokeCredentialRequest { client_id: client_id.into() };
        self.admin.revoke_credential(request).await?;
        Ok(())
    }

    pub(super) async fn set_tier(&mut self, tier: proto::TierOverride) -> Result<(), Failure> {
        let request = proto::SetTierOverrideRequest { tier_override: Some(tier) };
        self.admin.set_tier_override(request).await?;
        Ok(())
    }

    pub(super) async fn tiers(&mut self) -> Result<Vec<proto::TierOverride>, Failure> {
        let request = proto::ListTierOverridesRequest {};
        Ok(self.admin.list_tier_overrides(request).await?.into_inner().tier_overrides)
    }

    pub(super) async fn clear_tier(&mut self, signature: &str) -> Result<(), Failure> {
        let request = proto::ClearTierOverrideRequest { signature: signature.into() };
        self.admin.clear_tier_override(request).await?;
        Ok(())
    }

    pub(super) async fn held_messages(
        &mut self,
        which: proto::ListHeldMessagesRequest,
    ) -> Result<proto::ListHeldMessagesResponse, Failure> {
        Ok(self.admin.list_held_messages(which).await?.into_inner())
    }

    pub(super) async fn held_message(&mut self, id: i64) -> Result<proto::HeldMessage, Failure> {
        let request = proto::GetHeldMessageRequest { id };
        Ok(self.admin.get_held_message(request).await?.into_inner().message.unwrap_or_default())
    }

    pub(super) async fn replay(&mut self, ids: &[i64]) -> Result<Vec<proto::Verdict>, Failure> {
        let request = proto::ReplayHeldMessagesRequest { ids: ids.to_vec() };
        Ok(self.admin.replay_held_messages(request).await?.into_inner().verdicts)
    }

    pub(super) async fn discard(&mut self, ids: &[i64]) -> Result<i64, Failure> {
        let request = proto::DiscardHeldMessagesRequest { ids: ids.to_vec() };
        Ok(self.admin.discard_held_messages(request).await?.into_inner().discarded)
    }

    pub(super) async fn submit_pushes(
        &mut self,
        project: &str,
        pushes: Vec<PushSubmission>,
    ) -> Result<Vec<proto::Verdict>, Failure> {
        let valid = pushes.iter().filter_map(|submission| submission.push.as_ref().ok()).map(push).collect();
        let request = proto::SubmitPushesRequest { project: project.into(), pushes: valid };
        let mut decided = if request.pushes.is_empty() {
            Vec::new().into_iter()
        } else {
            self.ingest.submit_pushes(request).await?.into_inner().verdicts.into_iter()
        };
        let verdict = |submission: PushSubmission| match submission.push {
            Ok(_) => decided.next().unwrap_or_default(),
            Err(refused) => rejected(refused),
        };
        Ok(pushes.into_iter().map(verdict).collect())
    }
}

/// What is wrong before it is sent needs no gateway to be rejected.
fn rejected(refused: Refused) -> proto::Verdict {
    proto::Verdict {
        outcome: proto::Outcome::Rejected.into(),
        reason: proto::Reason::Invalid.into(),
        violations: refused.violations.into_iter().map(translate::violation).collect(),
        ..Default::default()
    }
}

fn push(push: &Push) -> proto::Push {
    let commit = |commit: &Commit| proto::Commit {
        revision: Some(commit.revision.to_string()),
        author: Some(commit.author.clone()),
        comment: Some(commit.comments.clone()),
    };
    proto::Push {
        revision: Some(push.revision.to_string()),
        push_timestamp: Some(translate::timestamp(push.time)),
        author: Some(push.author.clone()),
        revisions: push.commits.iter().map(commit).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ClaimedIdentity, Revision, Violation};

    #[test]
    fn a_push_goes_over_the_wire_with_its_commits() {
        let revision = Revision::try_new("abc").unwrap();
        let time = chrono::DateTime::from_timestamp(1_790_000_000, 500_000_000).unwrap();
        let commits = vec![Commit { revision: revision.clone(), author: "a".into(), comments: "c".into() }];
        let wire = push(&Push { revision, time, author: "b".into(), commits });
        assert_eq!(wire.push_timestamp.unwrap().nanos, 500_000_000);
        assert_eq!(wire.revisions[0].comment.as_deref(), Some("c"));
    }

    #[test]
    fn a_push_that_is_wrong_already_is_rejected_with_its_violations() {
        let violations = vec![Violation::new("/0/author", "required", "is missing")];
        let verdict = rejected(Refused { claimed: ClaimedIdentity::default(), violations });
        assert_eq!(verdict.outcome(), proto::Outcome::Rejected);
        assert_eq!(verdict.violations[0].field_path, "/0/author");
    }
}
