//! Where tools that are run here may be.
//!
//! A tool is registered by whoever may register tools, a provider by an administrator: so the hosts of
//! tools are held to more. This machine and private networks are out of reach but for the hosts that
//! an operator names; link-local addresses, where clouds keep the keys of machines, are out of reach
//! for everybody.

use std::net::IpAddr;

use http::Uri;
use iron_net::egress::{AddressRules, Egress};
use iron_primitives::NetworkZone;

/// Which addresses tools may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolPlaces {
    rules: AddressRules,
    /// `host` or `host:port`, in lower case.
    inside: Vec<String>,
}

impl From<AddressRules> for ToolPlaces {
    fn from(rules: AddressRules) -> Self {
        ToolPlaces::new(rules, [])
    }
}

impl ToolPlaces {
    /// Addresses under these rules, and hosts inside the network, each as `host` or `host:port`.
    pub fn new(rules: AddressRules, inside: impl IntoIterator<Item = String>) -> Self {
        let inside = inside.into_iter().map(|name| name.to_ascii_lowercase());
        ToolPlaces {
            rules,
            inside: inside.collect(),
        }
    }

    /// The rules by which an origin (`scheme://host:port`) is read; none if no tool may be there.
    pub fn rules_at(&self, origin: &str) -> Option<AddressRules> {
        let uri: Uri = origin.parse().unwrap_or_default();
        let Some(authority) = uri.authority() else {
            return Some(self.rules);
        };
        let host = authority.host().to_ascii_lowercase();
        let authority = authority.as_str().to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let spellings = [authority.as_str(), &host, bare];
        if self
            .inside
            .iter()
            .any(|name| spellings.contains(&name.as_str()))
        {
            return Some(AddressRules {
                plain_http: true,
                private_networks: true,
            });
        }
        let here = match bare.parse::<IpAddr>() {
            Ok(address) => NetworkZone::of(address) == NetworkZone::Loopback,
            Err(_) => NetworkZone::is_loopback_name(bare),
        };
        (!here || self.rules.private_networks).then_some(self.rules)
    }
}

/// How tools are reached.
#[derive(Debug, Clone)]
pub struct ToolHosts {
    places: ToolPlaces,
    usual: Egress,
    inside: Egress,
}

impl ToolHosts {
    /// The hosts inside the network are reached by a client of their own, whose rules allow that.
    pub fn new(
        inside: impl IntoIterator<Item = String>,
        client_inside: Egress,
        usual: Egress,
    ) -> Self {
        ToolHosts {
            places: ToolPlaces::new(usual.rules(), inside),
            usual,
            inside: client_inside,
        }
    }

    /// The client that reaches what lies at an origin; none if it may not be reached.
    pub(crate) fn egress_for(&self, origin: &str) -> Option<&Egress> {
        let rules = self.places.rules_at(origin)?;
        Some(match rules == self.usual.rules() {
            true => &self.usual,
            false => &self.inside,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_reached_only_where_an_operator_names_it() {
        let none = ToolPlaces::default();
        let here = [
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://[::1]:80",
            "http://[::ffff:127.0.0.1]",
            "http://localhost",
            "http://LOCALHOST.:1",
            "http://db.localhost",
        ];
        for origin in here {
            assert!(none.rules_at(origin).is_none(), "{origin}");
        }
        assert_eq!(
            none.rules_at("https://example.com"),
            Some(AddressRules::default())
        );
        let names = ["127.0.0.1:8080".to_owned(), "Crm.Internal".to_owned()];
        let some = ToolPlaces::new(AddressRules::default(), names);
        let plain = |origin| some.rules_at(origin).map(|rules| rules.plain_http);
        assert_eq!(plain("http://127.0.0.1:8080"), Some(true));
        assert_eq!(plain("http://127.0.0.1:8081"), None);
        assert_eq!(plain("http://crm.internal:9000"), Some(true));
        assert_eq!(plain("https://other.internal"), Some(false));
    }
}
