use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address of the Internet Protocol lies, as far as it matters to whoever is about to
/// connect to it. After the registries of special-purpose addresses (RFC 6890 and its successors).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetworkZone {
    /// The internet.
    Public,
    /// This machine.
    Loopback,
    /// A private network (RFC 1918, RFC 6598, RFC 4193).
    Private,
    /// What nobody has a reason to call: link-local and the metadata services of clouds, multicast,
    /// unspecified, reserved, documentation.
    Never,
}

impl NetworkZone {
    /// The zone of an address. Where an IPv6 address carries an IPv4 address, that one counts.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => of_v4(v4),
            IpAddr::V6(v6) => of_v6(v6),
        }
    }

    /// Whether a host name means this machine, whatever a resolver says (RFC 6761): `localhost`
    /// and what ends in `.localhost`.
    #[must_use]
    pub fn is_loopback_name(host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        host.eq_ignore_ascii_case("localhost")
            || host.len() > 10
                && host
                    .get(host.len().saturating_sub(10)..)
                    .is_some_and(|tail| tail.eq_ignore_ascii_case(".localhost"))
    }
}

/// Metadata services outside the link-local range: Azure's, Alibaba's, Oracle's.
const METADATA_V4: [[u8; 4]; 3] = [[168, 63, 129, 16], [100, 100, 100, 200], [192, 0, 0, 192]];

/// Metadata services among the unique local addresses: Amazon's, Google's.
const METADATA_V6: [[u16; 8]; 2] = [
    [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254],
    [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254],
];

fn of_v4(address: Ipv4Addr) -> NetworkZone {
    if METADATA_V4.contains(&address.octets()) {
        return NetworkZone::Never;
    }
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (127, ..) => NetworkZone::Loopback,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => NetworkZone::Private,
        (0, ..) | (169, 254, _) | (192, 0, 0 | 2) | (192, 88, 99) | (198, 18..=19, _) => {
            NetworkZone::Never
        }
        (198, 51, 100) | (203, 0, 113) | (224.., ..) => NetworkZone::Never,
        _ => NetworkZone::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> NetworkZone {
    let segments = address.segments();
    if address.is_loopback() {
        return NetworkZone::Loopback;
    }
    if METADATA_V6.contains(&segments) {
        return NetworkZone::Never;
    }
    let [s0, s1, s2, s3, s4, s5, s6, s7] = segments;
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        of_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (s0, s1, s2, s3, s4, s5) {
        // IPv4-mapped, IPv4-compatible, NAT64: what counts is the IPv4 address inside.
        (0, 0, 0, 0, 0, 0xffff | 0) | (0x64, 0xff9b, 0, 0, 0, 0) => embedded(s6, s7),
        // 6to4.
        (0x2002, ..) => embedded(s1, s2),
        (0xfc00..=0xfdff, ..) => NetworkZone::Private,
        // Only 2000::/3 is global unicast; protocol assignments (Teredo among them) and
        // documentation are cut out of it.
        (0x2001, 0..=0x1ff | 0xdb8, ..) | (0x3fff, 0..=0xfff, ..) => NetworkZone::Never,
        // ISATAP.
        (0x2000..=0x3fff, _, _, _, 0 | 0x200, 0x5efe) => embedded(s6, s7),
        (0x2000..=0x3fff, ..) => NetworkZone::Public,
        _ => NetworkZone::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(text: &str) -> NetworkZone {
        NetworkZone::of(text.parse().unwrap())
    }

    #[test]
    fn addresses_lie_where_the_registries_put_them() {
        use NetworkZone::{Loopback, Never, Private, Public};
        for (text, expected) in [
            ("93.184.216.34", Public),
            ("127.8.9.1", Loopback),
            ("172.31.0.1", Private),
            ("172.32.0.1", Public),
            ("100.127.255.255", Private),
            ("0.0.0.0", Never),
            ("255.255.255.255", Never),
            ("2606:4700::1111", Public),
            ("2001:4860:4860::8888", Public),
            ("::1", Loopback),
            ("::", Never),
            ("fd12:3456::1", Private),
            ("fe80::1", Never),
            ("ff02::1", Never),
            ("2001::1", Never),
            ("2001:20::1", Never),
            ("3fff:0:1::", Never),
            ("64:ff9b:1::1", Never),
        ] {
            assert_eq!(zone(text), expected, "{text}");
        }
    }

    #[test]
    fn an_address_inside_an_address_counts() {
        for (text, expected) in [
            ("::ffff:10.0.0.1", NetworkZone::Private),
            ("::127.0.0.1", NetworkZone::Loopback),
            ("64:ff9b::a9fe:a9fe", NetworkZone::Never),
            ("64:ff9b::808:808", NetworkZone::Public),
            ("2002:c0a8:101::", NetworkZone::Private),
            ("2606:4700::5efe:a00:1", NetworkZone::Private),
        ] {
            assert_eq!(zone(text), expected, "{text}");
        }
    }

    #[test]
    fn metadata_services_are_never_called() {
        for text in [
            "169.254.169.254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
        ] {
            assert_eq!(zone(text), NetworkZone::Never, "{text}");
        }
    }
}
