//! Registered exchanges.

use crate::core::ConsumerStatus;
use crate::domain::{Registration, RegistrationOrigin};
use crate::doors::grpc::status::Refusal;
use crate::formats::registration::{RegistrationError, RegistrationForm};
use crate::proto;

/// An exchange on the wire, with how its consumer does where that is known.
pub fn exchange(registration: &Registration, status: Option<ConsumerStatus>) -> proto::Exchange {
    let (phase, detail) =
        status.map_or_else(Default::default, |status| (status.phase.as_str().to_owned(), status.detail));
    proto::Exchange {
        name: registration.name.clone(),
        exchange: registration.exchange.clone(),
        broker: registration.broker.clone(),
        kind: registration.kind.as_str().into(),
        destinations: registration.destinations.clone(),
        projects: registration.projects.clone(),
        routing_keys: registration.routing_keys.clone(),
        may_write: registration.may_write.clone(),
        queue_type: registration.queue_type.as_str().into(),
        origin: registration.origin.as_str().into(),
        phase: if registration.draining { "draining".into() } else { phase },
        detail,
    }
}

/// The registration that an administrator wants.
///
/// # Errors
/// Names the first field that breaks its rule.
pub fn registration_of(message: proto::Exchange) -> Result<Registration, Refusal> {
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let form = RegistrationForm {
        name: given(message.name),
        exchange: message.exchange,
        broker: given(message.broker),
        kind: given(message.kind),
        destinations: message.destinations,
        projects: message.projects,
        routing_keys: message.routing_keys,
        may_write: message.may_write,
        queue_type: given(message.queue_type),
    };
    form.check(RegistrationOrigin::Command).map_err(|error| match error {
        RegistrationError::Field { field, problem } => Refusal::invalid(field, problem),
        RegistrationError::Shape(problem) => Refusal::invalid("exchange", problem),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ConsumerPhase;

    #[test]
    fn an_exchange_survives_both_ways() {
        let message = proto::Exchange {
            exchange: "exchange/kiln/v1/jobs".into(),
            projects: vec!["try".into()],
            may_write: vec!["try*".into()],
            ..Default::default()
        };
        let registration = registration_of(message).unwrap();
        let shown = exchange(&registration, None);
        assert_eq!(shown.name, "kiln/v1/jobs");
        assert_eq!(registration_of(shown), Ok(registration));
    }

    #[test]
    fn a_wrong_field_is_named() {
        let message =
            proto::Exchange { exchange: "exchange/a".into(), kind: "x".into(), ..Default::default() };
        assert!(matches!(registration_of(message), Err(Refusal::Invalid { field: "kind", .. })));
    }

    #[test]
    fn what_the_consumer_does_is_shown_with_its_reason() {
        let message = proto::Exchange { exchange: "exchange/a".into(), ..Default::default() };
        let status = ConsumerStatus { phase: ConsumerPhase::Failing, detail: "no such exchange".into() };
        let shown = exchange(&registration_of(message).unwrap(), Some(status));
        assert_eq!((shown.phase.as_str(), shown.detail.as_str()), ("failing", "no such exchange"));
    }
}
