//! Where a request went, as its client saw it: what a Hawk MAC is over (ingest contract 5.8).

use crate::access::hawk::Destination;
use crate::config::Http;
use crate::doors::connections::ConnectionInfo;
use http::HeaderValue;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

const FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";

/// The destination of a request; none if it names no host. The configured public URL decides; else
/// `X-Forwarded-Host` and `X-Forwarded-Proto`, from a trusted proxy only; else what was sent to us.
pub fn destination(parts: &Parts, connection: Option<&ConnectionInfo>, http: &Http) -> Option<Destination> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let (host, port) = match &http.public_url {
        Some(url) => (url.host.clone(), url.port),
        None => place(parts, connection, http)?,
    };
    Some(Destination { method: parts.method.as_str().into(), target: target.into(), host, port })
}

/// Whether the client used TLS, as far as can be known; told like the destination.
pub fn is_https(parts: &Parts, connection: Option<&ConnectionInfo>, http: &Http) -> bool {
    match (&http.public_url, forwarded(parts, connection, http, FORWARDED_PROTO)) {
        (Some(url), _) => url.is_https,
        // Anything else, a list too, counts as plain.
        (None, Some(scheme)) => scheme == "https",
        (None, None) => connection.is_some_and(|connection| connection.is_tls),
    }
}

/// A header that a trusted proxy added.
fn forwarded<'a>(
    parts: &'a Parts,
    connection: Option<&ConnectionInfo>,
    http: &Http,
    name: &str,
) -> Option<&'a HeaderValue> {
    // An IPv4 address may come in the form of an IPv6 one.
    let peer = connection.map(|connection| connection.peer.ip().to_canonical());
    let is_trusted = peer.is_some_and(|peer| http.trusted_proxies.iter().any(|net| net.contains(&peer)));
    parts.headers.get(name).filter(|_| is_trusted)
}

fn place(parts: &Parts, connection: Option<&ConnectionInfo>, http: &Http) -> Option<(String, u16)> {
    let is_https = is_https(parts, connection, http);
    let forwarded_host = forwarded(parts, connection, http, FORWARDED_HOST);
    let authority: Authority = match (forwarded_host, parts.uri.authority()) {
        (Some(host), _) => host.to_str().ok()?.parse().ok()?,
        // HTTP/2, and HTTP/1.1 through a proxy.
        (None, Some(authority)) => authority.clone(),
        (None, None) => parts.headers.get(HOST)?.to_str().ok()?.parse().ok()?,
    };
    let port = authority.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    Some((authority.host().to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PublicUrl;
    use http::Request;

    /// Host and port for these headers, from this peer.
    fn found(peer: &str, is_tls: bool, headers: &[(&str, &str)], http: &Http) -> Option<(String, u16)> {
        let mut request = Request::get("/api/?q=%2F");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let connection = ConnectionInfo { peer: peer.parse().unwrap(), is_tls, certificate: None };
        let destination = destination(&parts, Some(&connection), http)?;
        assert_eq!((&*destination.method, &*destination.target), ("GET", "/api/?q=%2F"));
        Some((destination.host, destination.port))
    }

    fn behind_proxies() -> Http {
        Http { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], public_url: None }
    }

    const PROXY: &str = "10.1.2.3:4";
    const STRANGER: &str = "192.0.2.1:4";

    #[test]
    fn without_a_proxy_it_is_the_host_header_and_the_port_of_the_scheme() {
        for (is_tls, host, expected) in [
            (false, "ingest.example.org", ("ingest.example.org", 80)),
            (true, "ingest.example.org", ("ingest.example.org", 443)),
            (false, "ingest.example.org:8000", ("ingest.example.org", 8000)),
            (true, "[::1]:8000", ("[::1]", 8000)),
        ] {
            let found = found(STRANGER, is_tls, &[("host", host)], &Http::default()).unwrap();
            assert_eq!((found.0.as_str(), found.1), expected);
        }
    }

    #[test]
    fn forwarded_headers_count_only_from_a_trusted_proxy() {
        let headers = [
            ("host", "gateway:8000"),
            ("x-forwarded-host", "ingest.example.org"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "9"),
        ];
        let inside = Some(("gateway".to_owned(), 8000));
        let outside = Some(("ingest.example.org".to_owned(), 443));
        assert_eq!(found(PROXY, false, &headers, &behind_proxies()), outside);
        assert_eq!(found("[::ffff:10.1.2.3]:4", false, &headers, &behind_proxies()), outside);
        assert_eq!(found(STRANGER, false, &headers, &behind_proxies()), inside);
        assert_eq!(found(PROXY, false, &headers, &Http::default()), inside);
    }

    #[test]
    fn the_forwarded_scheme_is_https_only_if_it_says_just_that() {
        for (scheme, port) in [("https", 443), ("http", 80), ("https,http", 80), ("HTTPS", 80)] {
            let headers = [("host", "h"), ("x-forwarded-proto", scheme)];
            assert_eq!(
                found(PROXY, false, &headers, &behind_proxies()),
                Some(("h".into(), port)),
                "{scheme}"
            );
        }
    }

    #[test]
    fn the_public_url_decides_over_everything() {
        let public_url = Some(PublicUrl { is_https: true, host: "public.example.org".into(), port: 444 });
        let http = Http { public_url, ..behind_proxies() };
        let headers = [("host", "h"), ("x-forwarded-host", "other")];
        assert_eq!(found(PROXY, false, &headers, &http), Some(("public.example.org".into(), 444)));
    }

    #[test]
    fn without_any_host_there_is_no_destination() {
        assert_eq!(found(STRANGER, false, &[], &Http::default()), None);
        assert_eq!(found(STRANGER, false, &[("host", "a b")], &Http::default()), None);
    }
}
