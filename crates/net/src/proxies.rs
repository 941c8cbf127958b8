//! Whose word about a client's address is taken.
//!
//! `X-Forwarded-For` is written by whoever likes to: a client that sends it itself could be
//! counted under any address, and be let in under none. It is believed only as far as proxies
//! that the operator has named pass it on; each of them appends the address that called it, so
//! it is read from the end, and the first address that is no such proxy is the client.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The networks of the proxies in front of the server; a clone shares them. None by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[Network]>);

/// The text is no list of networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address nor a network such as `10.0.0.0/8`")]
pub struct InvalidNetwork(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    base: IpAddr,
    prefix_bits: u32,
}

impl TrustedProxies {
    /// The address of the client behind a connection from `peer`.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.contains(client) {
            return client;
        }
        let lines: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .map(|line| line.to_str().unwrap_or_default())
            .collect();
        for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            // What does not read was not written by a proxy, nor was anything before it.
            let Some(address) = address_of(entry.trim()) else {
                break;
            };
            client = address;
            if !self.contains(client) {
                break;
            }
        }
        client
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// Addresses and networks (`10.0.0.0/8`), separated by commas.
impl FromStr for TrustedProxies {
    type Err = InvalidNetwork;
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let parts = text.split(',').map(str::trim);
        parts
            .map(|part| Network::read(part).ok_or_else(|| InvalidNetwork(part.to_owned())))
            .collect::<Result<Vec<_>, _>>()
            .map(|networks| TrustedProxies(networks.into()))
    }
}

impl Network {
    fn read(text: &str) -> Option<Network> {
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().ok()?;
        let widest = if base.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|bits| *bits <= widest)?
            }
            Some(_) => return None,
            None => widest,
        };
        Some(Network { base, prefix_bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let (base, address, width) = match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => (
                u128::from(base.to_bits()),
                u128::from(address.to_bits()),
                32,
            ),
            (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
            _ => return false,
        };
        let host_bits: u32 = width - self.prefix_bits.min(width);
        // A shift by the whole width is no shift: nothing of the address counts then.
        (base ^ address).checked_shr(host_bits).unwrap_or(0) == 0
    }
}

/// An address as proxies write it: bare, or with a port.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare.parse().ok();
    let with_port = || {
        let socket: Option<std::net::SocketAddr> = text.parse().ok();
        socket.map(|socket| socket.ip())
    };
    address
        .or_else(with_port)
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn client(trusted: &str, peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(
                FORWARDED_FOR,
                HeaderValue::from_str(line).expect("a header"),
            );
        }
        let trusted: TrustedProxies = match trusted {
            "" => TrustedProxies::default(),
            text => text.parse().expect("networks"),
        };
        trusted
            .client(peer.parse().expect("an address"), &headers)
            .to_string()
    }

    #[test]
    fn nobody_is_believed_unless_named() {
        assert_eq!(client("", "10.0.0.1", &["1.2.3.4"]), "10.0.0.1");
        assert_eq!(client("10.0.0.2", "10.0.0.1", &["1.2.3.4"]), "10.0.0.1");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(
            client("10.0.0.0/8", "::ffff:10.0.0.1", &["1.2.3.4"]),
            "1.2.3.4"
        );
    }

    #[test]
    fn what_a_client_wrote_itself_is_not_read() {
        let trusted = "10.0.0.0/8, ::1";
        assert_eq!(client(trusted, "::1", &["6.6.6.6, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(
            client(trusted, "::1", &["6.6.6.6, 1.2.3.4, 10.1.1.1"]),
            "1.2.3.4"
        );
        assert_eq!(
            client(trusted, "::1", &["6.6.6.6", "1.2.3.4", "10.1.1.1"]),
            "1.2.3.4"
        );
        assert_eq!(
            client(trusted, "::1", &["6.6.6.6, x, 10.1.1.1"]),
            "10.1.1.1"
        );
        assert_eq!(client(trusted, "::1", &["10.2.2.2"]), "10.2.2.2");
    }

    #[test]
    fn ports_and_brackets_are_read() {
        for written in ["2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:443"] {
            assert_eq!(client("::1", "::1", &[written]), "2001:db8::7", "{written}");
        }
        assert_eq!(client("::1", "::1", &["1.2.3.4:99"]), "1.2.3.4");
    }

    #[test]
    fn lists_that_do_not_read_are_refused() {
        for wrong in [
            "",
            "x",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "1.2.3.4,",
        ] {
            assert!(wrong.parse::<TrustedProxies>().is_err(), "{wrong}");
        }
        assert!("0.0.0.0/0,::/0".parse::<TrustedProxies>().is_ok());
    }

    proptest! {
        #[test]
        fn a_network_holds_what_shares_its_prefix(base: u32, address: u32, prefix_bits in 0_u32..=32) {
            let network = Network { base: IpAddr::V4(base.into()), prefix_bits };
            let mask = u32::MAX.checked_shl(32 - prefix_bits).unwrap_or(0);
            prop_assert_eq!(
                network.contains(IpAddr::V4(address.into())),
                base & mask == address & mask
            );
        }

        #[test]
        fn no_text_brings_it_down(text in "\\PC{0,60}") {
            let _ = text.parse::<TrustedProxies>();
            let _ = address_of(&text);
        }
    }
}
