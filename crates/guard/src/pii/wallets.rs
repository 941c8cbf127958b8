//! Addresses of crypto-currencies, by their checksums where they have one.

use sha2::{Digest, Sha256};

use super::context::{is_part, words};
use crate::finding::Entity;
use crate::scan::{Rule, Seen};

const WORDS: &[&str] = &[
    "wallet", "bitcoin", "btc", "ethereum", "eth", "crypto", "address", "litecoin", "ltc",
    "dogecoin", "doge", "tron", "trx", "usdt", "usdc", "solana", "sol", "monero", "xmr", "ripple",
    "xrp", "cardano", "ada", "stellar", "xlm", "donate", "send to", "pay to", "coin", "bch",
    "dash", "zcash", "token",
];

pub(super) fn rules() -> Vec<Rule> {
    let rule = |name: &str, pattern: &'static str, weigh: fn(Seen<'_>) -> f32| {
        Rule::weighed(name, Entity::CryptoWallet, pattern, weigh).with_words(words(WORDS))
    };
    vec![
        rule(
            "pii.wallet_base58",
            r"(?:[13LMDTX9A]|t1|t3)[1-9A-HJ-NP-Za-km-z]{24,34}(?-u:\b)",
            weigh_base58,
        ),
        rule(
            "pii.wallet_bech32",
            r"(?:(?:bc|tb|ltc|addr|stake|cosmos|osmo|erd|inj|kaspa|bitcoincash)1|BC1)[02-9AC-HJ-NP-Zac-hj-np-z]{11,110}(?-u:\b)",
            weigh_bech32,
        ),
        rule(
            "pii.wallet_ethereum",
            r"0x[0-9A-Fa-f]{40}(?-u:\b)",
            |seen| said(seen, 0.6, 0.92),
        ),
        rule(
            "pii.wallet_ripple",
            r"r[1-9A-HJ-NP-Za-km-z]{24,34}(?-u:\b)",
            |seen| {
                if is_mixed(seen.value) {
                    said(seen, 0.2, 0.9)
                } else {
                    0.0
                }
            },
        ),
        rule(
            "pii.wallet_stellar",
            r"G[A-D][A-Z2-7]{54}(?-u:\b)",
            |seen| said(seen, 0.75, 0.95),
        ),
        rule(
            "pii.wallet_monero",
            r"[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}(?-u:\b)",
            |seen| said(seen, 0.85, 0.95),
        ),
        rule(
            "pii.wallet_solana",
            r"[1-9A-HJ-NP-Za-km-z]{32,44}(?-u:\b)",
            |seen| {
                let named = seen.is_near(1);
                if named && is_mixed(seen.value) && !is_part(seen) {
                    0.8
                } else {
                    0.0
                }
            },
        )
        .with_words(words(&["solana", "sol", "phantom", "wallet", "spl"])),
    ]
}

fn said(seen: Seen<'_>, alone: f32, near: f32) -> f32 {
    match (is_part(seen), seen.is_near(0)) {
        (true, _) => 0.0,
        (false, true) => near,
        (false, false) => alone,
    }
}

fn is_mixed(value: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| value.as_bytes().iter().any(kind);
    has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
}

fn weigh_base58(seen: Seen<'_>) -> f32 {
    if is_mixed(seen.value) && is_base58_check(seen.value) {
        said(seen, 0.95, 0.98)
    } else {
        0.0
    }
}

/// Bitcoin's base 58 with the first four bytes of a double SHA-256 at the end.
fn is_base58_check(value: &str) -> bool {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes: Vec<u8> = Vec::with_capacity(26);
    for byte in value.bytes() {
        let Some(digit) = ALPHABET.iter().position(|known| *known == byte) else {
            return false;
        };
        let mut carry = digit as u32;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = (carry & 0xFF) as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.insert(0, (carry & 0xFF) as u8);
            carry >>= 8;
        }
    }
    let zeros = value.bytes().take_while(|byte| *byte == b'1').count();
    bytes.splice(0..0, std::iter::repeat_n(0, zeros));
    let Some((body, sum)) = bytes
        .len()
        .checked_sub(4)
        .and_then(|at| bytes.split_at_checked(at))
    else {
        return false;
    };
    matches!(body.len(), 21 | 22) && Sha256::digest(Sha256::digest(body)).starts_with(sum)
}

fn weigh_bech32(seen: Seen<'_>) -> f32 {
    if is_bech32(seen.value) {
        said(seen, 0.95, 0.98)
    } else {
        0.0
    }
}

/// The checksum of BIP-173, or of BIP-350.
fn is_bech32(value: &str) -> bool {
    const ALPHABET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let value = value.to_ascii_lowercase();
    let Some((prefix, data)) = value.rsplit_once('1') else {
        return false;
    };
    let mut sum = 1;
    for byte in prefix.bytes() {
        sum = polymod(sum, u32::from(byte >> 5));
    }
    sum = polymod(sum, 0);
    for byte in prefix.bytes() {
        sum = polymod(sum, u32::from(byte & 31));
    }
    for byte in data.bytes() {
        let Some(digit) = ALPHABET.iter().position(|known| *known == byte) else {
            return false;
        };
        sum = polymod(sum, digit as u32);
    }
    matches!(sum, 1 | 0x2BC8_30A3)
}

fn polymod(sum: u32, value: u32) -> u32 {
    const GENERATORS: [u32; 5] = [
        0x3B6A_57B2,
        0x2650_8E6D,
        0x1EA1_19FA,
        0x3D42_33DD,
        0x2A14_62B3,
    ];
    let top = sum >> 25;
    let next = (sum & 0x01FF_FFFF) << 5 ^ value;
    GENERATORS
        .iter()
        .enumerate()
        .filter(|(bit, _)| top >> bit & 1 == 1)
        .fold(next, |next, (_, generator)| next ^ generator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_their_checksums() {
        for address in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        ] {
            assert!(is_base58_check(address), "{address}");
        }
        assert!(!is_base58_check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"));
        assert!(is_bech32("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"));
        assert!(is_bech32(
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
        ));
        assert!(!is_bech32("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp"));
    }
}
