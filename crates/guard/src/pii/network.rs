//! Addresses of machines and pages.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::context::words;
use crate::finding::Entity;
use crate::scan::{Rule, Seen, Tail, Words};

const HOSTS: &[&str] = &[
    "ip", "address", "host", "server", "client", "addr", "adresse", "from", "connect", "ssh",
    "ping", "port", "login",
];

/// Words of versions and sections, which have four parts, too.
const VERSIONS: &[&str] = &[
    "version", "versión", "release", "ver", "oid", "v", "chapter", "section", "§",
];

/// Addresses of machines.
pub(super) fn machines() -> Vec<Rule> {
    let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    vec![
        Rule::weighed(
            "pii.ipv4",
            Entity::IpAddress,
            format!(r"{octet}(?:\.{octet}){{3}}(?-u:\b)"),
            weigh_v4,
        )
        .with_words(words(HOSTS))
        .with_words(Words::new(VERSIONS, 12)),
        Rule::weighed(
            "pii.ipv6",
            Entity::IpAddress,
            r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:[0-9]{1,3}\.){3}[0-9]{1,3})?",
            weigh_v6,
        ),
        Rule::weighed(
            "pii.mac",
            Entity::MacAddress,
            "[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})",
            weigh_mac,
        ),
        Rule::weighed(
            "pii.mac_dotted",
            Entity::MacAddress,
            r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
            |seen| weigh_mac(seen) - 0.2,
        ),
    ]
}

/// Addresses of pages.
pub(super) fn pages() -> Vec<Rule> {
    vec![
        Rule::fixed(
            "pii.url",
            Entity::Url,
            r#"(?i-u:https?|ftps?|wss?)://[A-Za-z0-9\[_~%-][^\s<>"'`{}|\\^()\[\]]{1,200}[A-Za-z0-9/=\#&%_~+-]"#,
            0.9,
        )
        .with_tail(Tail::Address),
        Rule::fixed(
            "pii.url_www",
            Entity::Url,
            r"(?i-u:www)\.[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{2,63}){1,4}(?:/[A-Za-z0-9/=\#&%_~+?.-]{0,}[A-Za-z0-9/=\#&%_~+-])?",
            0.85,
        )
        .with_tail(Tail::Address),
    ]
}

/// A version has four parts, too: before it stands a word or a `v` that says so.
fn weigh_v4(seen: Seen<'_>) -> f32 {
    let Ok(address) = seen.value.parse::<Ipv4Addr>() else {
        return 0.0;
    };
    let goes_on = seen
        .after
        .starts_with(|next: char| next.is_ascii_alphanumeric() || next == '-')
        || seen
            .after
            .strip_prefix('.')
            .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_alphanumeric()));
    let begun = seen.before.ends_with(['.', '-', 'v', 'V', '_', '^', '~']);
    if goes_on || begun || seen.nearest(1).is_some() {
        return 0.05;
    }
    let small = address.octets().iter().all(|octet| *octet < 20);
    let said = seen.is_near(0);
    if address.is_loopback() || address.is_unspecified() || address.is_broadcast() {
        return 0.2;
    }
    if is_mask(address) {
        return 0.1;
    }
    match (address.is_private() || address.is_link_local(), said) {
        (true, true) => 0.6,
        (true, false) => 0.45,
        (false, true) => 0.95,
        (false, false) if small => 0.4,
        (false, false) => 0.85,
    }
}

/// Whether an address is a mask of a network: ones, then zeros.
fn is_mask(address: Ipv4Addr) -> bool {
    let bits = u32::from(address);
    bits.leading_ones() >= 8 && bits.leading_ones() + bits.trailing_zeros() == 32
}

fn weigh_v6(seen: Seen<'_>) -> f32 {
    let beside = |char: char| char.is_ascii_alphanumeric() || char == ':';
    if seen.after.starts_with(beside) || seen.before.ends_with(beside) {
        return 0.0;
    }
    let Ok(address) = seen.value.parse::<Ipv6Addr>() else {
        return 0.0;
    };
    let groups = seen
        .value
        .split(':')
        .filter(|group| !group.is_empty())
        .count();
    let digits = seen.value.bytes().any(|byte| byte.is_ascii_digit());
    if address.is_loopback() || address.is_unspecified() || !digits {
        return 0.1;
    }
    let first = address.segments().first().copied().unwrap_or_default();
    let known = matches!(first, 0x2000..=0x3FFF | 0xFC00..=0xFDFF | 0xFE80..=0xFEBF | 0xFF00..);
    match (known, groups) {
        (true, 2..) => 0.92,
        (false, 4..) => 0.6,
        _ => 0.15,
    }
}

/// Fingerprints of keys are longer rows of the same pairs.
fn weigh_mac(seen: Seen<'_>) -> f32 {
    let beside = |char: char| char.is_ascii_alphanumeric() || matches!(char, ':' | '-');
    let before = seen.before.strip_suffix([':', '-']);
    let begun =
        before.is_some_and(|before| before.ends_with(|char: char| char.is_ascii_hexdigit()));
    let goes_on = seen
        .after
        .starts_with(|char: char| char.is_ascii_alphanumeric())
        || seen.after.starts_with([':', '-']) && seen.after.chars().nth(1).is_some_and(beside);
    let digits: Vec<u8> = seen.value.bytes().filter(u8::is_ascii_hexdigit).collect();
    let filler = digits.windows(2).all(|pair| pair.first() == pair.last());
    match begun || goes_on {
        true => 0.0,
        false if filler => 0.2,
        false => 0.9,
    }
}
