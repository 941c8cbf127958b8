//! Which hosts lie inside, by their names or their addresses.

use std::net::{IpAddr, Ipv4Addr};

use iron_primitives::NetworkZone;
use url::Host;

/// The names of metadata services. They are not called whatever is allowed.
const METADATA: &[&str] = &[
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "metadata.azure.com",
    "metadata.packet.net",
    "metadata.platformequinix.com",
    "metadata.tencentyun.com",
    "metadata.nicob.net",
    "instance-data",
    "instance-data.ec2.internal",
    "rancher-metadata",
    "rancher-metadata.rancher.internal",
    "api.metadata.cloud.ibm.com",
    "kubernetes.default",
    "kubernetes.default.svc",
];

/// Names that lead to whatever address is written into them, or to this machine, or to one address
/// now and another later.
const REBINDING: &[&str] = &[
    "nip.io",
    "sslip.io",
    "xip.io",
    "xip.name",
    "ip6.name",
    "traefik.me",
    "localtest.me",
    "lvh.me",
    "vcap.me",
    "lacolhost.com",
    "localho.st",
    "fuf.me",
    "1u.ms",
    "rbndr.us",
    "rebind.it",
    "rebind.network",
    "lock.cmpxchg8b.com",
    "spoofed.burpcollaborator.net",
    "bugbounty.dod.network",
    "local.sisteminha.com",
];

/// Names that are not of the internet, by their ends.
const PRIVATE: &[&str] = &[
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
    "svc",
    "consul",
    "onion",
    "test",
    "invalid",
];

/// Refuses hosts that lie inside, as far as they are not allowed.
pub(super) fn check(host: &Host<&str>, private: bool) -> Result<(), ()> {
    match host {
        Host::Ipv4(address) => check_zone(NetworkZone::of(IpAddr::V4(*address)), private),
        Host::Ipv6(address) => check_zone(NetworkZone::of(IpAddr::V6(*address)), private),
        Host::Domain(name) => check_name(name, private),
    }
}

fn check_zone(zone: NetworkZone, private: bool) -> Result<(), ()> {
    match zone {
        NetworkZone::Public => Ok(()),
        NetworkZone::Private | NetworkZone::Loopback if private => Ok(()),
        NetworkZone::Private | NetworkZone::Loopback | NetworkZone::Never => Err(()),
    }
}

fn check_name(name: &str, private: bool) -> Result<(), ()> {
    let name = name.trim_end_matches('.');
    let ends_in = |end: &&str| {
        name.strip_suffix(*end)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    if name.is_empty() || METADATA.contains(&name) || REBINDING.iter().any(ends_in) {
        return Err(());
    }
    let letters = |symbol: char| symbol.is_ascii_alphanumeric() || "-_.".contains(symbol);
    if !name.chars().all(letters) {
        return Err(());
    }
    if let Some(address) = embedded(name) {
        check_zone(NetworkZone::of(IpAddr::V4(address)), private)?;
    }
    let inside = !name.contains('.') || PRIVATE.iter().any(ends_in);
    match inside && !private {
        true => Err(()),
        false => Ok(()),
    }
}

/// The address that a name spells, in four labels or in one with dashes: `10.0.0.1.example.com`,
/// `app-10-0-0-1.example.com`. The least public one, if there are several.
fn embedded(name: &str) -> Option<Ipv4Addr> {
    let numbers: Vec<Option<u8>> = name
        .split(['.', '-'])
        .map(|part| part.parse().ok())
        .collect();
    numbers
        .windows(4)
        .filter_map(|window| match window {
            [Some(a), Some(b), Some(c), Some(d)] => Some(Ipv4Addr::new(*a, *b, *c, *d)),
            _ => None,
        })
        .max_by_key(|address| match NetworkZone::of(IpAddr::V4(*address)) {
            NetworkZone::Public => 0,
            NetworkZone::Private => 1,
            NetworkZone::Loopback => 2,
            NetworkZone::Never => 3,
        })
}
