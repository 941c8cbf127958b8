//! Which addresses may be called.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr as _;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

/// What the operator allows beyond HTTPS to public addresses and anything on loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AddressRules {
    /// Unencrypted HTTP to hosts other than loopback.
    pub plain_http: bool,
    /// Addresses of private networks (RFC 1918, RFC 6598, RFC 4193), and names that resolve
    /// to loopback.
    pub private_networks: bool,
}

/// Where an address lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    Public,
    Loopback,
    Private,
    /// Link-local (cloud metadata services live there), multicast, unspecified, reserved.
    Never,
}

fn zone_of(address: IpAddr) -> Zone {
    match address {
        IpAddr::V4(v4) => zone_of_v4(v4),
        IpAddr::V6(v6) => zone_of_v6(v6),
    }
}

fn zone_of_v4(address: Ipv4Addr) -> Zone {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (127, ..) => Zone::Loopback,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Zone::Private,
        (0, ..) | (169, 254, _) | (192, 0, 0 | 2) | (198, 18..=19, _) => Zone::Never,
        (198, 51, 100) | (203, 0, 113) | (224.., ..) => Zone::Never,
        _ => Zone::Public,
    }
}

fn zone_of_v6(address: Ipv6Addr) -> Zone {
    if address.is_loopback() {
        return Zone::Loopback;
    }
    let [s0, s1, s2, s3, s4, s5, s6, s7] = address.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        zone_of_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (s0, s1, s2, s3, s4, s5) {
        // IPv4-mapped, IPv4-compatible, NAT64: what counts is the IPv4 address inside.
        (0, 0, 0, 0, 0, 0xffff | 0) | (0x64, 0xff9b, 0, 0, 0, 0) => embedded(s6, s7),
        // 6to4.
        (0x2002, ..) => embedded(s1, s2),
        (0xfc00..=0xfdff, ..) => Zone::Private,
        // Only 2000::/3 is global unicast; documentation and Teredo are cut out of it.
        (0x2001, 0xdb8 | 0, ..) => Zone::Never,
        (0x2000..=0x3fff, ..) => Zone::Public,
        _ => Zone::Never,
    }
}

impl AddressRules {
    /// Whether a connection to this address, found under this host name, may be made.
    pub(super) fn admit(self, host: &str, address: IpAddr) -> bool {
        match zone_of(address) {
            Zone::Public => true,
            Zone::Private => self.private_networks,
            Zone::Loopback => self.private_networks || means_loopback(host),
            Zone::Never => false,
        }
    }
}

pub(super) fn means_loopback(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || host.len() > 10
            && host
                .get(host.len().saturating_sub(10)..)
                .is_some_and(|tail| tail.eq_ignore_ascii_case(".localhost"))
}

/// The part of a provider's address that stands before the path of an API.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    /// Without a trailing slash; empty for the root.
    path: String,
}

/// Why a base URL is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// It is no absolute URL.
    #[error("expected an absolute URL such as `https://api.example.com/v1`")]
    NotAUrl,
    /// The scheme is neither `https` nor `http`.
    #[error("only `https` and `http` can be called")]
    Scheme,
    /// It is unencrypted and does not point to loopback.
    #[error("`http` is allowed for loopback only; use `https`, or allow it in the settings")]
    PlainHttp,
    /// It carries a user name, a password, a query or a fragment.
    #[error("a base URL carries no user name, password, query or fragment")]
    Extras,
    /// The address lies inside a network that may not be called.
    #[error("addresses of private, link-local or reserved networks cannot be called")]
    Address,
}

impl BaseUrl {
    /// Reads a base URL under the rules.
    ///
    /// # Errors
    /// [`BaseUrlError`] names the rule that it breaks.
    pub fn parse(text: &str, rules: AddressRules) -> Result<Self, BaseUrlError> {
        if text.contains(['?', '#']) {
            return Err(BaseUrlError::Extras);
        }
        let uri: Uri = text.parse().map_err(|_| BaseUrlError::NotAUrl)?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(BaseUrlError::NotAUrl);
        };
        if scheme != Scheme::HTTPS && scheme != Scheme::HTTP {
            return Err(BaseUrlError::Scheme);
        }
        if authority.as_str().contains('@') {
            return Err(BaseUrlError::Extras);
        }
        let host = authority.host();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        let zone = IpAddr::from_str(literal).ok().map(zone_of);
        let loopback = zone == Some(Zone::Loopback) || (zone.is_none() && means_loopback(host));
        match zone {
            Some(Zone::Never) => return Err(BaseUrlError::Address),
            Some(Zone::Private) if !rules.private_networks => return Err(BaseUrlError::Address),
            // `2130706433` and `0x7f.1` are read as addresses by some resolvers.
            None if looks_numeric(host) => return Err(BaseUrlError::Address),
            _ => {}
        }
        if scheme == Scheme::HTTP && !loopback && !rules.plain_http {
            return Err(BaseUrlError::PlainHttp);
        }
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::path);
        Ok(BaseUrl {
            scheme,
            authority,
            path: path.trim_end_matches('/').to_owned(),
        })
    }

    /// The path of the base, without a trailing slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same base with another path.
    #[must_use]
    pub fn with_path(&self, path: &str) -> Self {
        BaseUrl {
            path: path.trim_end_matches('/').to_owned(),
            ..self.clone()
        }
    }

    /// The address of something below the base; `tail` begins with a slash.
    ///
    /// # Errors
    /// [`BaseUrlError::NotAUrl`] if the tail cannot stand in a URL.
    pub fn join(&self, tail: &str) -> Result<Uri, BaseUrlError> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{tail}", self.path))
            .build()
            .map_err(|_| BaseUrlError::NotAUrl)
    }
}

fn looks_numeric(host: &str) -> bool {
    let last = host
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    !last.is_empty()
        && match hexadecimal {
            Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
            None => last.bytes().all(|byte| byte.is_ascii_digit()),
        }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: AddressRules = AddressRules {
        plain_http: false,
        private_networks: false,
    };
    const OPEN: AddressRules = AddressRules {
        plain_http: true,
        private_networks: true,
    };

    #[test]
    fn https_to_the_world_and_http_to_loopback_are_accepted() {
        for good in [
            "https://api.openai.com/v1",
            "https://api.anthropic.com",
            "http://127.0.0.1:8000/v1/",
            "http://localhost:11434",
            "http://[::1]:8080",
            "https://1.1.1.1",
        ] {
            assert!(BaseUrl::parse(good, STRICT).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_points_inside_is_refused() {
        use BaseUrlError::{Address, Extras, NotAUrl, PlainHttp, Scheme};
        for (bad, why) in [
            ("http://api.openai.com/v1", PlainHttp),
            ("https://10.0.0.7", Address),
            ("https://192.168.1.1", Address),
            ("https://169.254.169.254/latest", Address),
            ("https://[::ffff:169.254.169.254]", Address),
            ("https://[64:ff9b::a9fe:a9fe]", Address),
            ("https://[2002:a9fe:a9fe::]", Address),
            ("https://[fe80::1]", Address),
            ("https://[fd00::1]", Address),
            ("https://0.0.0.0", Address),
            ("https://2130706433", Address),
            ("https://0x7f000001", Address),
            ("https://127.1", Address),
            ("https://user:secret@api.openai.com", Extras),
            ("https://api.openai.com/v1?x=1", Extras),
            ("https://api.openai.com/#top", Extras),
            ("ftp://api.openai.com", Scheme),
            ("/v1/chat", NotAUrl),
            ("", NotAUrl),
        ] {
            assert_eq!(BaseUrl::parse(bad, STRICT), Err(why), "{bad}");
        }
    }

    #[test]
    fn settings_open_private_networks_but_never_the_metadata_service() {
        assert!(BaseUrl::parse("http://10.0.0.7:8000", OPEN).is_ok());
        assert!(BaseUrl::parse("http://vllm.internal/v1", OPEN).is_ok());
        assert_eq!(
            BaseUrl::parse("http://169.254.169.254", OPEN),
            Err(BaseUrlError::Address)
        );
    }

    #[test]
    fn a_name_may_not_resolve_to_what_a_literal_may_not_be() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(STRICT.admit("localhost", loopback));
        assert!(STRICT.admit("models.localhost", loopback));
        assert!(!STRICT.admit("rebound.example.com", loopback));
        assert!(!STRICT.admit(
            "rebound.example.com",
            IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))
        ));
        assert!(!OPEN.admit("metadata", IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254))));
        assert!(STRICT.admit("example.com", IpAddr::V4(Ipv4Addr::new(93, 184, 216, 34))));
    }

    #[test]
    fn paths_are_joined_once() {
        let base = BaseUrl::parse("https://host.example/openai/v1/", STRICT).expect("a base");
        let joined = base.join("/chat/completions").expect("joins");
        assert_eq!(
            joined.to_string(),
            "https://host.example/openai/v1/chat/completions"
        );
    }
}
