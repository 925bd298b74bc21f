//! `http.*`: how the gateway is reached from outside.

use super::error::ConfigError;
use super::key::Key;
use super::settings::Settings;
use super::typed;
use ipnet::IpNet;
use std::net::IpAddr;

/// `http.*`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Http {
    /// `http.trusted_proxies`: networks of proxies whose `X-Forwarded-*` headers are believed. Default:
    /// none.
    pub trusted_proxies: Vec<IpNet>,
    /// `http.public_url`: where clients reach the gateway; none: where each request says it went.
    pub public_url: Option<PublicUrl>,
}

/// Scheme, host and port of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// Whether it is `https`.
    pub is_https: bool,
    /// Without port.
    pub host: String,
    /// As written, or that of the scheme.
    pub port: u16,
}

pub(super) fn http(settings: &Settings) -> Result<Http, ConfigError> {
    let public_url = settings.get(Key::HttpPublicUrl).map(|_| {
        typed(settings, Key::HttpPublicUrl, "", |text| {
            PublicUrl::parse(text).ok_or_else(|| {
                format!(
                    "{text:?} must be http://HOST or https://HOST, with a port if need be, without a path"
                )
            })
        })
    });
    Ok(Http {
        trusted_proxies: typed(settings, Key::HttpTrustedProxies, "", |text| {
            text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(network).collect()
        })?,
        public_url: public_url.transpose()?,
    })
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(address).ok_or_else(|| {
        format!("{text:?} must be an IP address or a network, for instance 10.0.0.0/8; separate by commas")
    })
}

impl PublicUrl {
    fn parse(text: &str) -> Option<Self> {
        let uri: ::http::Uri = text.parse().ok()?;
        let is_https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@') {
            return None;
        }
        let port = authority.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        Some(Self { is_https, host: authority.host().to_ascii_lowercase(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_scheme_host_and_port() {
        for (text, expected) in [
            ("https://Ingest.example.org", Some((true, "ingest.example.org", 443))),
            ("http://h/", Some((false, "h", 80))),
            ("https://h:8443", Some((true, "h", 8443))),
            ("http://[::1]:80", Some((false, "[::1]", 80))),
            ("h", None),
            ("ftp://h", None),
            ("https://h/path", None),
            ("https://u@h", None),
            ("https://h?x", None),
        ] {
            let parsed = PublicUrl::parse(text);
            let parsed = parsed.as_ref().map(|url| (url.is_https, url.host.as_str(), url.port));
            assert_eq!(parsed, expected, "{text}");
        }
    }

    #[test]
    fn proxies_are_addresses_and_networks() {
        assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert_eq!(network("::1").unwrap().to_string(), "::1/128");
        for text in ["", "10.0.0.0/40", "proxy.example.org"] {
            assert!(network(text).is_err(), "{text}");
        }
    }
}
