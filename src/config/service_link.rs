//! Variables that Kubernetes puts into every container of a namespace that has a Service whose name
//! begins with `herdgate`. Nobody wrote them, so they are no typing errors.

/// Protocols that a Service may name.
const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

/// Whether name and value are of the form that Kubernetes gives its service links: `X_SERVICE_HOST`,
/// `X_SERVICE_PORT`, `X_SERVICE_PORT_NAME`, `X_PORT`, `X_PORT_8000_TCP` and, behind the last,
/// `_PROTO`, `_PORT` and `_ADDR`.
pub(super) fn is_service_link(name: &str, value: &str) -> bool {
    if name.ends_with("_SERVICE_HOST") {
        return true;
    }
    if name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return value.parse::<u16>().is_ok();
    }
    let described = ["_PROTO", "_PORT", "_ADDR"].iter().find_map(|end| name.strip_suffix(end));
    // With a bare number, somebody meant `X_PORT` to set our port.
    is_endpoint(name) || described.is_some_and(is_endpoint) || (name.ends_with("_PORT") && is_url(value))
}

fn is_url(value: &str) -> bool {
    let protocol = value.split_once("://").map(|(protocol, _)| protocol);
    protocol.is_some_and(|protocol| PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(protocol)))
}

/// Whether a name ends in `_PORT_`, a number and a protocol.
fn is_endpoint(name: &str) -> bool {
    let Some((_, endpoint)) = name.rsplit_once("_PORT_") else { return false };
    endpoint
        .split_once('_')
        .is_some_and(|(port, protocol)| port.parse::<u16>().is_ok() && PROTOCOLS.contains(&protocol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_adds_for_a_service_is_known() {
        for (name, value) in [
            ("HERDGATE_SERVICE_HOST", "10.0.0.11"),
            ("HERDGATE_SERVICE_PORT", "8000"),
            ("HERDGATE_SERVICE_PORT_GRPC", "8000"),
            ("HERDGATE_PORT", "tcp://10.0.0.11:8000"),
            ("HERDGATE_PORT_8000_TCP", "tcp://10.0.0.11:8000"),
            ("HERDGATE_PORT_8000_TCP_PROTO", "tcp"),
            ("HERDGATE_PORT_8000_TCP_PORT", "8000"),
            ("HERDGATE_PORT_8000_TCP_ADDR", "10.0.0.11"),
            ("HERDGATE_POSTGRES_SERVICE_HOST", "10.0.0.12"),
            ("HERDGATE_POSTGRES_PORT_5432_TCP_ADDR", "10.0.0.12"),
        ] {
            assert!(is_service_link(name, value), "{name}");
        }
    }

    #[test]
    fn what_a_person_may_have_meant_is_not_taken_for_it() {
        for (name, value) in [
            ("HERDGATE_PORT", "8000"),
            ("HERDGATE_LISEN", "127.0.0.1:8000"),
            ("HERDGATE_DATABASE_PORT", "5432"),
            ("HERDGATE_SERVICE_PORT", "http"),
            ("HERDGATE_PORT_MAIN", "8000"),
            ("HERDGATE_PORT_8000", "tcp"),
            ("HERDGATE_HOST", "h"),
        ] {
            assert!(!is_service_link(name, value), "{name}");
        }
    }
}
