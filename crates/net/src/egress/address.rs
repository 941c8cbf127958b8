//! Which addresses may be called.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr as _;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use iron_primitives::NetworkZone;

/// What the operator allows beyond HTTPS to public addresses and anything on loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AddressRules {
    /// Unencrypted HTTP to hosts other than loopback.
    pub plain_http: bool,
    /// Addresses of private networks (RFC 1918, RFC 6598, RFC 4193), and names that resolve
    /// to loopback.
    pub private_networks: bool,
}

impl AddressRules {
    /// Whether a connection to this address, found under this host name, may be made.
    pub(super) fn admit(self, host: &str, address: IpAddr) -> bool {
        match NetworkZone::of(address) {
            NetworkZone::Public => true,
            NetworkZone::Private => self.private_networks,
            NetworkZone::Loopback => self.private_networks || NetworkZone::is_loopback_name(host),
            NetworkZone::Never => false,
        }
    }
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
        let zone = IpAddr::from_str(literal).ok().map(NetworkZone::of);
        let loopback = zone == Some(NetworkZone::Loopback)
            || (zone.is_none() && NetworkZone::is_loopback_name(host));
        match zone {
            Some(NetworkZone::Never) => return Err(BaseUrlError::Address),
            Some(NetworkZone::Private) if !rules.private_networks => {
                return Err(BaseUrlError::Address);
            }
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
    use std::net::Ipv4Addr;

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
