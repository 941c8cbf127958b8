//! The same guard for connections that are not HTTP.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::AddressRules;

impl AddressRules {
    /// Where a host may be connected to, in the order in which its name resolves. Whoever connects
    /// must connect to one of these and not to the name, which may resolve differently the next
    /// time.
    ///
    /// # Errors
    /// If the name does not resolve, or only to addresses that may not be called
    /// ([`io::ErrorKind::PermissionDenied`]).
    pub async fn resolve(self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        // An address that somebody writes down means what it says; a name that points inside does
        // not.
        let named = match host.parse::<IpAddr>() {
            Ok(address) if address.is_loopback() => "localhost",
            _ => host,
        };
        let found = tokio::net::lookup_host((host, port)).await?;
        let admitted: Vec<SocketAddr> = found
            .filter(|address| self.admit(named, address.ip()))
            .collect();
        if admitted.is_empty() {
            let message = "the host has no address that may be called";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        Ok(admitted)
    }

    /// Whether a host is this machine by its very name.
    pub fn is_this_machine(host: &str) -> bool {
        match host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => iron_primitives::NetworkZone::is_loopback_name(host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_lies_inside_is_reached_only_where_that_is_allowed() {
        let rules = AddressRules::default();
        assert!(rules.resolve("127.0.0.1", 25).await.is_ok());
        assert!(rules.resolve("localhost", 25).await.is_ok());
        for inside in ["10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"] {
            let refused = rules.resolve(inside, 25).await.expect_err(inside);
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied, "{inside}");
        }
        let open = AddressRules {
            private_networks: true,
            ..rules
        };
        assert!(open.resolve("10.0.0.1", 25).await.is_ok());
        assert!(open.resolve("169.254.169.254", 25).await.is_err());
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for here in [
            "127.0.0.1",
            "::1",
            "localhost",
            "LOCALHOST.",
            "mail.localhost",
        ] {
            assert!(AddressRules::is_this_machine(here), "{here}");
        }
        for there in ["10.0.0.1", "localhost.example.com", "example.com", ""] {
            assert!(!AddressRules::is_this_machine(there), "{there}");
        }
    }
}
