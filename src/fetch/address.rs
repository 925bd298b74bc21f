//! Which addresses are public, and which hosts may be asked whatever their address.

use super::{FetchError, FetchOptions, Url};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What may be asked.
#[derive(Debug)]
pub(super) struct Permissions(FetchOptions);

impl Permissions {
    pub(super) fn new(options: FetchOptions) -> Self {
        Self(options)
    }

    /// Checks what can be checked before the host's name is resolved. An address in the URL never gets to
    /// the resolver, so it is checked here.
    pub(super) fn check_url(&self, url: &Url) -> Result<(), FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(FetchError::RefusedUrl("is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::RefusedUrl("carries a user name or a password"));
        }
        let host = url.host_str().ok_or(FetchError::RefusedUrl("names no host"))?;
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => self.check(host, address).map_err(|why| FetchError::RefusedAddress {
                host: host.to_owned(),
                address,
                why,
            }),
            Err(_) => Ok(()),
        }
    }

    /// Whether a host may be asked at this address.
    pub(super) fn check(&self, host: &str, address: IpAddr) -> Result<(), NotAllowed> {
        let address = address.to_canonical();
        let Self(FetchOptions { allow_private, allowed_hosts, only_hosts }) = self;
        if !only_hosts.is_empty() && !only_hosts.iter().any(|only| only.is(host, address)) {
            return Err(NotAllowed::Unlisted);
        }
        if allowed_hosts.iter().any(|allowed| allowed.is(host, address)) {
            Ok(())
        } else if is_metadata(meant(address)) {
            Err(NotAllowed::Metadata)
        } else if *allow_private || is_public(address) {
            Ok(())
        } else {
            Err(NotAllowed::NotPublic)
        }
    }
}

/// Why a host may not be asked at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// It is none of the public internet.
    #[error("which is not public; name the host in fetch.allowed_hosts if it is to be asked")]
    NotPublic,
    /// It is where clouds answer machines about themselves.
    #[error("where clouds keep secrets; name the host in fetch.allowed_hosts if it is to be asked")]
    Metadata,
    /// It is none of those that alone may be asked.
    #[error("and fetch.only_hosts names neither")]
    Unlisted,
}

/// Where clouds answer machines about themselves, secrets included: all that is link-local in IPv4, and
/// what is not.
fn is_metadata(address: IpAddr) -> bool {
    const METADATA: [IpAddr; 6] = [
        // Alibaba, Azure, Oracle.
        IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
        IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
        IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
        // Amazon's machines and containers, Google.
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
        IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    ];
    METADATA.contains(&address) || matches!(address, IpAddr::V4(address) if address.is_link_local())
}

/// The IPv4 address that one of IPv6 stands for, if it does: through a translator, in a tunnel, or as
/// written long ago.
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0x64, 0xff9b, 0 | 1, .., high, low] | [0x2002, high, low, ..] | [0, 0, 0, 0, 0, 0, high, low] => {
            IpAddr::V4(embedded(high, low))
        }
        _ => address,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

/// Whether an address is of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// All but the special-purpose addresses of RFC 6890 and its successors.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || a == 127
        || a >= 224
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !special
}

/// Global unicast, without documentation, tunnels and other assignments of the protocol's own; of what
/// stands for an IPv4 address, that address decides.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::super::AllowedHost;
    use super::*;

    fn permissions(allow_private: bool, hosts: &[&str]) -> Permissions {
        let allowed_hosts = hosts.iter().map(|text| AllowedHost::parse(text).unwrap()).collect();
        Permissions::new(FetchOptions { allow_private, allowed_hosts, ..FetchOptions::default() })
    }

    fn permits(permissions: &Permissions, host: &str, address: &str) -> bool {
        permissions.check(host, address.parse().unwrap()).is_ok()
    }

    #[test]
    fn only_addresses_of_the_public_internet_may_be_asked() {
        for (address, public) in [
            ("93.184.215.14", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.63.255.255", true),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("168.63.129.16", false),
            ("::ffff:168.63.129.16", false),
            ("64:ff9b::a83f:8110", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.0.0.8", false),
            ("192.0.2.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:2800:220:1::1", true),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:93.184.215.14", true),
            ("::127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::5db8:d70e", true),
            ("2002:7f00:1::", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(permits(&permissions(false, &[]), "host.example", address), public, "{address}");
        }
    }

    #[test]
    fn private_addresses_may_be_allowed_all_but_those_of_metadata() {
        let permissions = permissions(true, &[]);
        for (address, permitted) in [
            ("10.1.2.3", true),
            ("::1", true),
            ("64:ff9b::a01:203", true),
            ("169.254.169.254", false),
            ("169.254.170.2", false),
            ("169.254.170.23", false),
            ("100.100.100.200", false),
            ("168.63.129.16", false),
            ("192.0.0.192", false),
            ("fd00:ec2::254", false),
            ("fd00:ec2::23", false),
            ("fd20:ce::254", false),
            ("::ffff:169.254.169.254", false),
            ("::169.254.169.254", false),
            ("64:ff9b::a9fe:a9fe", false),
            ("64:ff9b:1::a9fe:a9fe", false),
            ("2002:a9fe:a9fe::", false),
        ] {
            assert_eq!(permits(&permissions, "h", address), permitted, "{address}");
        }
    }

    #[test]
    fn hosts_may_be_the_only_ones_and_still_need_an_address_that_may_be_asked() {
        let only = |allow_private| {
            let only_hosts =
                ["logs.example.org", "10.2.0.0/16"].map(|text| AllowedHost::parse(text).unwrap());
            Permissions::new(FetchOptions {
                allow_private,
                only_hosts: only_hosts.into(),
                ..FetchOptions::default()
            })
        };
        for (host, address, permitted, permitted_if_private) in [
            ("logs.example.org", "93.184.215.14", true, true),
            ("LOGS.example.org.", "93.184.215.14", true, true),
            ("logs.example.org", "10.1.2.3", false, true),
            ("logs.example.org", "169.254.169.254", false, false),
            ("other.example.org", "93.184.215.14", false, false),
            ("other.example.org", "10.2.3.4", false, true),
        ] {
            assert_eq!(permits(&only(false), host, address), permitted, "{host} {address}");
            assert_eq!(permits(&only(true), host, address), permitted_if_private, "{host} {address}");
        }
        let url = Url::parse("http://93.184.215.14/").unwrap();
        assert!(only(false).check_url(&url).is_err(), "an address is a host too");
    }

    #[test]
    fn a_host_may_be_allowed_by_name_or_network() {
        let permissions = permissions(false, &["Logs.Internal", "10.2.0.0/16", "::1"]);
        for (host, address, permitted) in [
            ("logs.internal", "10.9.9.9", true),
            ("logs.internal.", "10.9.9.9", true),
            ("other.internal", "10.9.9.9", false),
            ("other.internal", "10.2.9.9", true),
            ("other.internal", "::ffff:10.2.9.9", true),
            ("other.internal", "::1", true),
        ] {
            assert_eq!(permits(&permissions, host, address), permitted, "{host} {address}");
        }
    }

    #[test]
    fn the_url_itself_is_checked() {
        for (url, allowed) in [
            ("https://logs.example.org/1", true),
            ("ftp://logs.example.org/1", false),
            ("file:///etc/passwd", false),
            ("http://user@logs.example.org/", false),
            ("http://127.0.0.1/", false),
            ("http://2130706433/", false),
            ("http://0x7f.1/", false),
            ("http://[::1]:80/", false),
            ("http://[::ffff:169.254.169.254]/", false),
        ] {
            let checked = permissions(false, &[]).check_url(&Url::parse(url).unwrap());
            assert_eq!(checked.is_ok(), allowed, "{url}: {checked:?}");
        }
    }
}
