//! Keys that prove themselves: formats with a checksum within.

use crate::scan::Seen;

/// What a checksum says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// The format has none.
    Without,
    Right,
    Wrong,
}

/// Checks a key of the rule `name`.
pub(super) fn check(name: &str, seen: Seen<'_>) -> Checked {
    let right = match name {
        "github_pat" | "github_oauth" | "github_app" | "github_refresh" | "npm" => {
            crc_of_body(seen.value)
        }
        "aws_access_key" => return aws_account(seen.value),
        _ => return Checked::Without,
    };
    if right {
        Checked::Right
    } else {
        Checked::Wrong
    }
}

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `prefix_body` where the last six characters of the body are the CRC-32 of those before them,
/// in base 62.
fn crc_of_body(key: &str) -> bool {
    let body = key.split_once('_').map_or("", |(_, body)| body);
    let Some((random, sum)) = body
        .len()
        .checked_sub(6)
        .and_then(|at| body.split_at_checked(at))
    else {
        return false;
    };
    let mut value = 0_u64;
    for byte in sum.bytes() {
        let Some(digit) = BASE62.iter().position(|known| *known == byte) else {
            return false;
        };
        value = value * 62 + digit as u64;
    }
    value == u64::from(crc32fast::hash(random.as_bytes()))
}

/// The id of a key holds the number of its account, of twelve digits, in the 40 bits from the
/// second of the fifth character on, in base 32. Keys with a fifth character before `Q` are older
/// and hold none.
fn aws_account(key: &str) -> Checked {
    const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = 0_u64;
    for byte in key.bytes().skip(4).take(10) {
        let Some(digit) = BASE32.iter().position(|known| *known == byte) else {
            return Checked::Wrong;
        };
        bits = bits << 5 | digit as u64;
    }
    let account = bits >> 9 & 0xFF_FFFF_FFFF;
    let older = key.as_bytes().get(4).is_some_and(u8::is_ascii_uppercase)
        && key.as_bytes().get(4) < Some(&b'Q');
    match account < 1_000_000_000_000 {
        _ if older => Checked::Without,
        true => Checked::Right,
        false => Checked::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(value: &str) -> Seen<'_> {
        Seen {
            value,
            matched: value,
            before: "",
            after: "",
            near: crate::scan::Near::default(),
        }
    }

    #[test]
    fn the_last_six_characters_of_a_token_sum_up_those_before_them() {
        let random = "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ";
        let mut sum = crc32fast::hash(random.as_bytes());
        let mut digits = Vec::new();
        for _ in 0..6 {
            digits.push(char::from(BASE62[(sum % 62) as usize]));
            sum /= 62;
        }
        let sum: String = digits.iter().rev().collect();
        let right = format!("ghp_{random}{sum}");
        assert_eq!(check("github_pat", seen(&right)), Checked::Right);
        assert_eq!(
            check("github_pat", seen(&right.replace("zQW", "zQX"))),
            Checked::Wrong
        );
    }

    #[test]
    fn an_account_has_twelve_digits() {
        // 581039954779 in the published example of how keys hold their account.
        assert_eq!(
            check("aws_access_key", seen("ASIAQNZGKIQY56JQ7WML")),
            Checked::Right
        );
        assert_eq!(
            check("aws_access_key", seen("AKIA7777777777777777")),
            Checked::Wrong
        );
    }
}
