//! Repositories, credentials and held messages.

use super::{time_of, timestamp, violation};
use crate::access::administration::IssuedCredential;
use crate::access::{InvalidCredential, IssuedSecrets, WantedCredential};
use crate::domain::{HeldState, Repository};
use crate::doors::grpc::arguments::without_nul;
use crate::doors::grpc::status::Refusal;
use crate::formats::repository::{InvalidRepository, RepositoryForm};
use crate::proto;
use crate::store::model::{HeldCount, HeldFilter, HeldMessage, StoredCredential};
use chrono::{DateTime, Utc};

/// A repository on the wire.
pub fn repository(repository: &Repository) -> proto::Repository {
    proto::Repository {
        name: repository.name.as_str().into(),
        url: repository.url.clone(),
        dvcs_type: repository.kind.as_str().into(),
        branch: repository.branch.clone().unwrap_or_default(),
        group: repository.group.clone().unwrap_or_default(),
        active: Some(repository.active),
        id: repository.id.into(),
        description: repository.description.clone(),
        codebase: repository.codebase.clone(),
        accepts_pull_requests: repository.accepts_pull_requests,
    }
}

/// The repository that an administrator wants.
///
/// # Errors
/// Names the first field that breaks its rule.
pub fn repository_of(message: proto::Repository) -> Result<Repository, Refusal> {
    let form = RepositoryForm {
        name: message.name,
        url: message.url,
        dvcs_type: message.dvcs_type,
        branch: message.branch,
        group: message.group,
        active: message.active.unwrap_or(true),
        description: message.description,
        codebase: message.codebase,
        accepts_pull_requests: message.accepts_pull_requests,
    };
    form.check().map_err(|InvalidRepository { field, problem }| Refusal::invalid(field, problem))
}

/// A credential on the wire, without secrets.
pub fn credential(credential: StoredCredential) -> proto::Credential {
    proto::Credential {
        client_id: credential.client_id,
        projects: credential.projects,
        admin: credential.admin,
        created_at: Some(timestamp(credential.created_at)),
        expires_at: credential.expires_at.map(timestamp),
        revoked_at: credential.revoked_at.map(timestamp),
        description: credential.description,
        certificate_sha256: credential.certificate.map(hex::encode).unwrap_or_default(),
        last_used_at: credential.last_used_at.map(timestamp),
        can_sign: credential.hawk_secret.is_some(),
    }
}

/// The credential that an administrator wants. Without projects it may write nothing (R25).
///
/// # Errors
/// Names the first field that breaks its rule.
pub fn wanted_credential(
    message: proto::CreateCredentialRequest,
    now: DateTime<Utc>,
) -> Result<WantedCredential, Refusal> {
    let expires_at = match &message.expires_at {
        Some(time) => Some(
            time_of(time)
                .ok_or_else(|| Refusal::invalid("expires_at", "must be a time to come, before year 10000"))?,
        ),
        None => None,
    };
    let fingerprint = |text: &str| hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    let certificate = match message.certificate_sha256.as_str() {
        "" => None,
        text => Some(fingerprint(text).ok_or_else(|| {
            Refusal::invalid(
                "certificate_sha256",
                "must be 64 hexadecimal digits, the SHA-256 of the DER form",
            )
        })?),
    };
    let wanted = WantedCredential {
        client_id: message.client_id,
        projects: message.projects,
        admin: message.admin,
        expires_at,
        description: message.description,
        certificate,
    };
    wanted.check(now).map_err(|InvalidCredential { field, problem }| Refusal::invalid(field, problem))?;
    Ok(wanted)
}

/// A new credential with its secrets.
pub fn created_credential(issued: IssuedCredential) -> proto::CreateCredentialResponse {
    proto::CreateCredentialResponse {
        token: issued.secrets.token.reveal().into(),
        hawk_secret: issued.secrets.hawk.reveal().into(),
        credential: Some(credential(issued.credential)),
    }
}

/// The new secrets of a credential.
pub fn rotated_credential(secrets: &IssuedSecrets) -> proto::RotateCredentialResponse {
    proto::RotateCredentialResponse {
        token: secrets.token.reveal().into(),
        hawk_secret: secrets.hawk.reveal().into(),
    }
}

/// The state that a filter asks for; unspecified: any.
///
/// # Errors
/// If the number is none of the enum's.
pub fn held_state(state: i32) -> Result<Option<HeldState>, Refusal> {
    match proto::HeldState::try_from(state) {
        Ok(proto::HeldState::Unspecified) => Ok(None),
        Ok(proto::HeldState::Parked) => Ok(Some(HeldState::Parked)),
        Ok(proto::HeldState::Rejected) => Ok(Some(HeldState::Rejected)),
        Ok(proto::HeldState::Expired) => Ok(Some(HeldState::Expired)),
        Err(_) => Err(Refusal::invalid("state", format!("{state} is no state of held messages"))),
    }
}

/// A held message on the wire, without its raw bytes.
pub fn held_message(held: HeldMessage) -> proto::HeldMessage {
    proto::HeldMessage {
        id: held.id,
        state: wire_state(held.state).into(),
        door: held.door.as_str().into(),
        source: held.source,
        format: held.format.as_str().into(),
        project: held.project.unwrap_or_default(),
        revision: held.revision.unwrap_or_default(),
        job_guid: held.guid.unwrap_or_default(),
        violations: held.violations.into_iter().map(violation).collect(),
        received_at: Some(timestamp(held.received_at)),
        expires_at: Some(timestamp(held.expires_at)),
        repeats: held.repeats,
        raw_size: held.raw_size,
        raw: Vec::new(),
        raw_truncated: held.raw_truncated,
        routing_key: held.routing_key.unwrap_or_default(),
        context_json: held.context.unwrap_or_default(),
    }
}

/// Which held messages a request asks for.
///
/// # Errors
/// Names the first field that breaks its rule.
pub fn held_filter(request: &proto::ListHeldMessagesRequest) -> Result<HeldFilter, Refusal> {
    let given = |field: &'static str, text: &str| {
        without_nul(field, text)?;
        Ok::<_, Refusal>(Some(text.to_owned()).filter(|text| !text.is_empty()))
    };
    let time = |field: &'static str, time: Option<&prost_types::Timestamp>| {
        let wrong = || Refusal::invalid(field, "must be a time in the years 1 to 9999");
        time.map(|time| time_of(time).ok_or_else(wrong)).transpose()
    };
    Ok(HeldFilter {
        state: held_state(request.state)?,
        project: given("project", &request.project)?,
        source: given("source", &request.source)?,
        guid: given("job_guid", &request.job_guid)?,
        routing_key: given("routing_key", &request.routing_key)?,
        received_from: time("received_from", request.received_from.as_ref())?,
        received_before: time("received_before", request.received_before.as_ref())?,
    })
}

/// The listing of what a request counts.
pub fn listing_of(request: proto::CountHeldMessagesRequest) -> proto::ListHeldMessagesRequest {
    proto::ListHeldMessagesRequest {
        state: request.state,
        project: request.project,
        source: request.source,
        routing_key: request.routing_key,
        received_from: request.received_from,
        received_before: request.received_before,
        ..Default::default()
    }
}

/// How many held messages there are of one kind.
pub fn held_count(count: HeldCount) -> proto::HeldCount {
    proto::HeldCount {
        source: count.source,
        state: wire_state(count.state).into(),
        reason: count.reason,
        items: count.items,
        oldest_received_at: Some(timestamp(count.oldest_received_at)),
        newest_received_at: Some(timestamp(count.newest_received_at)),
    }
}

fn wire_state(state: HeldState) -> proto::HeldState {
    match state {
        HeldState::Parked => proto::HeldState::Parked,
        HeldState::Rejected => proto::HeldState::Rejected,
        HeldState::Expired => proto::HeldState::Expired,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> proto::Repository {
        proto::Repository {
            name: "try".into(),
            url: "https://hg.example.org/try".into(),
            dvcs_type: "hg".into(),
            active: Some(true),
            ..Default::default()
        }
    }

    #[test]
    fn a_repository_survives_both_ways() {
        let full = proto::Repository {
            branch: "main".into(),
            group: "development".into(),
            description: "d".into(),
            codebase: "gecko".into(),
            accepts_pull_requests: true,
            ..wanted()
        };
        for message in [full, wanted()] {
            assert_eq!(repository(&repository_of(message.clone()).unwrap()), message);
        }
    }

    #[test]
    fn a_repository_names_the_field_that_is_wrong() {
        for (field, message) in [
            ("repository.name", proto::Repository { name: "a b".into(), ..wanted() }),
            ("repository.name", proto::Repository { name: String::new(), ..wanted() }),
            ("repository.url", proto::Repository { url: String::new(), ..wanted() }),
            ("repository.url", proto::Repository { url: "x".repeat(256), ..wanted() }),
            ("repository.dvcs_type", proto::Repository { dvcs_type: "svn".into(), ..wanted() }),
            ("repository.branch", proto::Repository { branch: "a\0".into(), ..wanted() }),
        ] {
            match repository_of(message) {
                Err(Refusal::Invalid { field: named, .. }) => assert_eq!(named, field),
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_wanted_credential_names_the_field_that_is_wrong() {
        let now: DateTime<Utc> = "2026-01-10T00:00:00Z".parse().unwrap();
        let valid = || proto::CreateCredentialRequest {
            client_id: "ci".into(),
            expires_at: Some(timestamp(now + chrono::Duration::days(1))),
            certificate_sha256: "ab".repeat(32),
            ..Default::default()
        };
        assert_eq!(wanted_credential(valid(), now).unwrap().certificate, Some([0xab; 32]));
        let far = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
        for (field, message) in [
            ("client_id", proto::CreateCredentialRequest { client_id: "a b".into(), ..valid() }),
            ("expires_at", proto::CreateCredentialRequest { expires_at: far, ..valid() }),
            ("expires_at", proto::CreateCredentialRequest { expires_at: Some(timestamp(now)), ..valid() }),
            (
                "certificate_sha256",
                proto::CreateCredentialRequest { certificate_sha256: "ab".into(), ..valid() },
            ),
        ] {
            match wanted_credential(message, now) {
                Err(Refusal::Invalid { field: named, .. }) => assert_eq!(named, field),
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_state_of_held_messages_that_does_not_exist_is_refused() {
        assert_eq!(held_state(0), Ok(None));
        assert_eq!(held_state(2), Ok(Some(HeldState::Rejected)));
        assert!(matches!(held_state(9), Err(Refusal::Invalid { field: "state", .. })));
    }
}
