//! Checksums over letters and digits.

use super::{Holds, at, is_month_day, number, slice, weighted};

/// The checks by name, of a value's letters and digits in upper case.
pub(super) const CHECKS: &[(&str, Holds)] = &[
    ("fi_hetu", |value| {
        let digits: Vec<u8> = numerals(slice(value, 0, value.len().saturating_sub(1)));
        let all = slice(&digits, digits.len().saturating_sub(9), digits.len());
        let sign = b"0123456789ABCDEFHJKLMNPRSTUVWXY".get((number(all) % 31) as usize);
        sign == value.last() && is_month_day(number(slice(all, 2, 4)), number(slice(all, 0, 2)))
    }),
    ("fr_nir", |value| {
        let corsica = match slice(value, 5, 7) {
            b"2A" => Some(b"19"),
            b"2B" => Some(b"18"),
            _ => None,
        };
        let mut value = value.to_vec();
        if let (Some(department), Some(written)) = (corsica, value.get_mut(5..7)) {
            written.copy_from_slice(department);
        }
        let digits = numerals(&value);
        let (body, key) = (
            number(slice(&digits, 0, 13)),
            number(slice(&digits, 13, 15)),
        );
        digits.len() == 15 && 97 - body % 97 == key
    }),
    ("de_id", |value| {
        let sum: u32 = value
            .iter()
            .take(9)
            .zip([7, 3, 1].iter().cycle())
            .map(|(byte, weight)| base36(*byte) * weight)
            .sum();
        value.get(9).is_none_or(|check| base36(*check) == sum % 10)
            && value.iter().filter(|byte| byte.is_ascii_digit()).count() >= 3
    }),
    ("de_rvnr", |value| {
        let Some(letter) = value.get(8) else {
            return false;
        };
        let place = base36(*letter).saturating_sub(9);
        let mut digits = numerals(slice(value, 0, 8));
        digits.extend([(place / 10) as u8, (place % 10) as u8]);
        digits.extend(numerals(slice(value, 9, 11)));
        let sum: u32 = digits
            .iter()
            .zip([2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1])
            .map(|(digit, weight)| cross(u32::from(*digit) * weight))
            .sum();
        value
            .get(11)
            .is_some_and(|check| base36(*check) == sum % 10)
    }),
    ("ie_pps", |value| {
        let digits = numerals(slice(value, 0, 7));
        let extra = value.get(8).map_or(0, |letter| match letter {
            b'W' => 0,
            letter => base36(*letter).saturating_sub(9),
        });
        let sum = weighted(&digits, &[8, 7, 6, 5, 4, 3, 2]) + extra * 9;
        let sign = b"WABCDEFGHIJKLMNOPQRSTUV".get((sum % 23) as usize);
        sign == value.get(7)
    }),
    ("it_cf", |value| {
        const ODD: [u32; 36] = [
            1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11,
            3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
        ];
        let sum: u32 = value
            .iter()
            .take(15)
            .enumerate()
            .map(|(place, byte)| match place % 2 {
                0 => ODD.get(base36(*byte) as usize).copied().unwrap_or_default(),
                _ if byte.is_ascii_digit() => base36(*byte),
                _ => base36(*byte) - 10,
            })
            .sum();
        value
            .last()
            .is_some_and(|check| base36(*check) == sum % 26 + 10)
    }),
    ("es_dni", |value| {
        let first = match value.first() {
            Some(b'Y') => b'1',
            Some(b'Z') => b'2',
            Some(b'X') => b'0',
            Some(byte) => *byte,
            None => return false,
        };
        let mut digits = vec![first.wrapping_sub(b'0') % 10];
        digits.extend(numerals(slice(value, 1, 8)));
        let sign = b"TRWAGMYFPDXBNJZSQVHLCKE".get((number(&digits) % 23) as usize);
        digits.len() == 8 && sign == value.last()
    }),
    ("cn_id", |value| {
        let digits = numerals(slice(value, 0, 17));
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let sum = (12 - weighted(&digits, &weights) % 11) % 11;
        let last = value.last().map(|byte| match byte {
            b'X' => 10,
            byte => base36(*byte),
        });
        last == Some(sum)
            && is_month_day(
                number(slice(&digits, 10, 12)),
                number(slice(&digits, 12, 14)),
            )
    }),
    ("mx_curp", |value| {
        let order = b"0123456789ABCDEFGHIJKLMN?OPQRSTUVWXYZ";
        let sum: usize = value
            .iter()
            .take(17)
            .enumerate()
            .map(|(place, byte)| {
                let code = order
                    .iter()
                    .position(|known| known == byte)
                    .unwrap_or_default();
                code * (18 - place)
            })
            .sum();
        let digits = numerals(slice(value, 4, 10));
        value
            .get(17)
            .is_some_and(|check| base36(*check) as usize == (10 - sum % 10) % 10)
            && is_month_day(number(slice(&digits, 2, 4)), number(slice(&digits, 4, 6)))
    }),
    ("sg_nric", |value| {
        let digits = numerals(slice(value, 1, 8));
        let sum = weighted(&digits, &[2, 7, 6, 5, 4, 3, 2]);
        let (extra, signs) = match value.first() {
            Some(b'S') => (0, b"JZIHGFEDCBA"),
            Some(b'T') => (4, b"JZIHGFEDCBA"),
            Some(b'F') => (0, b"XWUTRQPNMLK"),
            Some(b'G') => (4, b"XWUTRQPNMLK"),
            Some(b'M') => (3, b"XWUTRQPNJLK"),
            _ => return false,
        };
        signs.get(((sum + extra) % 11) as usize) == value.last()
    }),
    ("hk_id", |value| {
        // A missing first letter counts as a space, which is 36.
        let (missing, weights): (u32, &[u32]) = match value.len() {
            9 => (0, &[9, 8, 7, 6, 5, 4, 3, 2, 1]),
            _ => (36 * 9, &[8, 7, 6, 5, 4, 3, 2, 1]),
        };
        let sum: u32 = value
            .iter()
            .zip(weights)
            .map(|(byte, weight)| base36(*byte) * weight)
            .sum();
        (missing + sum).is_multiple_of(11)
    }),
    ("tw_id", |value| {
        let order = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
        let letter = value
            .first()
            .and_then(|first| order.iter().position(|known| known == first));
        let Some(letter) = letter else {
            return false;
        };
        let code = letter as u32 + 10;
        let digits = numerals(slice(value, 1, 10));
        let sum = code / 10 + code % 10 * 9 + weighted(&digits, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
        sum.is_multiple_of(10)
    }),
    ("cl_rut", |value| {
        let Some((check, body)) = value.split_last() else {
            return false;
        };
        let sum: u32 = body
            .iter()
            .rev()
            .zip([2, 3, 4, 5, 6, 7].iter().cycle())
            .map(|(byte, weight)| base36(*byte) * weight)
            .sum();
        let expected = match 11 - sum % 11 {
            11 => b'0',
            10 => b'K',
            digit => b'0' + digit as u8,
        };
        expected == *check
    }),
    ("us_dea", |value| {
        let digits = numerals(slice(value, 2, 9));
        let sum = weighted(&digits, &[1, 2, 1, 2, 1, 2]);
        sum % 10 == at(&digits, 6)
    }),
    ("vin", |value| {
        let sum: u32 = value
            .iter()
            .zip([8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2])
            .map(|(byte, weight)| transliterated(*byte) * weight)
            .sum();
        let sign = b"0123456789X".get((sum % 11) as usize);
        sign == value.get(8)
    }),
    ("nino", |value| {
        !matches!(
            slice(value, 0, 2),
            b"BG" | b"GB" | b"NK" | b"KN" | b"TN" | b"NT" | b"ZZ"
        )
    }),
    ("digits_among_letters", |value| {
        let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
        digits >= 3 && digits < value.len()
    }),
    ("has_digit", |value| {
        value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic)
    }),
    ("has_digits", |value| {
        value.iter().filter(|byte| byte.is_ascii_digit()).count() >= 4
    }),
];

/// The countries of ISO 3166-1, two letters each.
const COUNTRIES: &str = concat!(
    "ADAEAFAGAIALAMAOARATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBWBYBZCACDCFCGCHCICKCLCMCNCOCR",
    "CUCVCWCYCZDEDJDKDMDODZECEEEGERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGTGUGWGYHKHNHRHTHU",
    "IDIEILIMINIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMN",
    "MOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPRPSPTPWPYQAREROENRSRURWSA",
    "SBSCSDSESGSHSISKSLSMSNSOSRSSSTSVSXSYSZTCTDTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUSUYUZVAVCVEVGVIVNVU",
    "WFWSXKYEYTZAZMZW",
);

/// Whether two letters are the code of a country.
pub(in crate::pii) fn is_country(code: &str) -> bool {
    COUNTRIES
        .as_bytes()
        .chunks(2)
        .any(|country| country == code.as_bytes())
}

fn numerals(value: &[u8]) -> Vec<u8> {
    value
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .map(|byte| byte - b'0')
        .collect()
}

/// A digit as itself, a letter from 10 on.
fn base36(byte: u8) -> u32 {
    char::from(byte).to_digit(36).unwrap_or_default()
}

fn cross(number: u32) -> u32 {
    number / 10 + number % 10
}

/// The values of letters in numbers of vehicles (ISO 3779, as North America checks them).
fn transliterated(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'H' => u32::from(byte - b'A') + 1,
        b'J'..=b'R' => u32::from(byte - b'J') + 1,
        b'S'..=b'Z' => u32::from(byte - b'S') + 2,
        _ => 0,
    }
}
