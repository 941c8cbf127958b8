//! Private keys in armour, and JSON web tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::finding::Entity;
use crate::scan::{Rule, Seen, Tail, WEIGHED};

pub(super) fn rules() -> Vec<Rule> {
    let armour = |name: &str, pattern: &'static str| {
        Rule::weighed(name, Entity::PrivateKey, pattern, weigh_armour).with_tail(Tail::Armour)
    };
    vec![
        armour(
            "secret.pem",
            "-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
        ),
        armour(
            "secret.ssh2",
            "---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----",
        ),
        armour("secret.putty", "PuTTY-User-Key-File-[0-9]: [a-z0-9-]{3,40}"),
        Rule::weighed(
            "secret.pem_base64",
            Entity::PrivateKey,
            // `-----BEGIN` and what may follow, in base64.
            "LS0tLS1CRUdJTi[A-Za-z0-9+/]{40,}",
            weigh_encoded,
        )
        .with_tail(Tail::Token),
        Rule::weighed("secret.jwt", Entity::Jwt, "ey[A-Za-z0-9_-]{15,}", weigh_jwt)
            .with_tail(Tail::Token)
            .at_parts(),
    ]
}

/// The header alone is talk about keys; a key has a line of its own data.
fn weigh_armour(seen: Seen<'_>) -> f32 {
    let data = seen
        .value
        .split(|char: char| !(char.is_ascii_alphanumeric() || "+/=".contains(char)))
        .any(|line| line.len() >= 40);
    if data { 1.0 } else { 0.2 }
}

fn weigh_encoded(seen: Seen<'_>) -> f32 {
    let decoded = seen
        .value
        .get(..seen.value.len() & !3)
        .and_then(|whole| {
            base64::engine::general_purpose::STANDARD_NO_PAD
                .decode(whole.get(..60)?)
                .ok()
        })
        .unwrap_or_default();
    if decoded.windows(7).any(|window| window == b"PRIVATE") {
        0.97
    } else {
        0.0
    }
}

/// A token's first part is JSON that names an algorithm.
fn weigh_jwt(seen: Seen<'_>) -> f32 {
    let mut parts = seen.value.split('.');
    let (Some(header), Some(_)) = (parts.next(), parts.next()) else {
        return 0.0;
    };
    if parts.next().is_none() && seen.value.len() < WEIGHED {
        return 0.0;
    }
    let Ok(header) = URL_SAFE_NO_PAD.decode(header.trim_end_matches('=')) else {
        return 0.0;
    };
    let header = String::from_utf8_lossy(&header);
    let json = header.trim_start().starts_with('{') && header.trim_end().ends_with('}');
    if json && header.contains("\"alg\"") {
        0.97
    } else {
        0.0
    }
}
