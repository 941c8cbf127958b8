//! Checksums over decimal digits with weights and moduli.

use super::{Holds, at, is_month_day, number, slice, varies, weighted};

/// The checks by name, of the digits of a value.
pub(super) const CHECKS: &[(&str, Holds)] = &[
    ("luhn", is_luhn),
    ("at_svnr", |digits| {
        let sum = weighted(digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
        sum == at(digits, 3)
            && number(slice(digits, 4, 6)) <= 31
            && is_month_day(number(slice(digits, 6, 8)).clamp(1, 12), 1)
    }),
    ("be_rrn", |digits| {
        let (body, sum) = (number(slice(digits, 0, 9)), number(slice(digits, 9, 11)));
        let old = 97 - body % 97;
        let new = 97 - (2_000_000_000 + body) % 97;
        (sum == old || sum == new) && number(slice(digits, 2, 4)) % 20 <= 12
    }),
    ("bg_egn", |digits| {
        let sum = weighted(slice(digits, 0, 9), &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
        let month = number(slice(digits, 2, 4)) % 20;
        sum == at(digits, 9) && is_month_day(month, number(slice(digits, 4, 6)))
    }),
    ("mod_11_10", is_mod_11_10),
    ("cz_rc", |digits| {
        let month = number(slice(digits, 2, 4)) % 50;
        let month = if month > 20 { month - 20 } else { month };
        number(slice(digits, 0, 9)) % 11 % 10 == u64::from(at(digits, 9))
            && is_month_day(month, number(slice(digits, 4, 6)))
    }),
    ("dk_cpr", |digits| {
        is_month_day(number(slice(digits, 2, 4)), number(slice(digits, 0, 2)))
    }),
    ("ee_lt", |digits| {
        let body = slice(digits, 0, 10);
        let first = weighted(body, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
        let second = weighted(body, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
        let sum = if first < 10 { first } else { second % 10 };
        let date = is_month_day(number(slice(digits, 3, 5)), number(slice(digits, 5, 7)));
        sum == at(digits, 10) && date
    }),
    ("gr_amka", |digits| {
        is_luhn(digits) && is_month_day(number(slice(digits, 2, 4)), number(slice(digits, 0, 2)))
    }),
    ("gr_afm", |digits| {
        let sum = weighted(slice(digits, 0, 8), &[256, 128, 64, 32, 16, 8, 4, 2]);
        sum % 11 % 10 == at(digits, 8) && varies(digits)
    }),
    ("hu_taj", |digits| {
        let sum = weighted(slice(digits, 0, 8), &[3, 7, 3, 7, 3, 7, 3, 7]);
        sum % 10 == at(digits, 8) && varies(digits)
    }),
    ("hu_id", |digits| {
        let up = weighted(slice(digits, 0, 10), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) % 11;
        let down = weighted(slice(digits, 0, 10), &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
        let date = is_month_day(number(slice(digits, 3, 5)), number(slice(digits, 5, 7)));
        (up == at(digits, 10) || down == at(digits, 10)) && date
    }),
    ("lv_pk", |digits| {
        let sum = weighted(slice(digits, 0, 10), &[1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
        let new = digits.starts_with(&[3]) && at(digits, 1) >= 2;
        let old = is_month_day(number(slice(digits, 2, 4)), number(slice(digits, 0, 2)));
        new || old && (1101 - sum) % 11 % 10 == at(digits, 10)
    }),
    ("lu_id", |digits| {
        let date = is_month_day(number(slice(digits, 4, 6)), number(slice(digits, 6, 8)));
        date && is_luhn(slice(digits, 0, 12))
    }),
    ("nl_bsn", |digits| {
        let sum = weighted(slice(digits, 0, 8), &[9, 8, 7, 6, 5, 4, 3, 2]);
        varies(digits) && sum % 11 == at(digits, 8)
    }),
    ("pl_pesel", |digits| {
        let sum = weighted(slice(digits, 0, 10), &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
        let date = is_month_day(
            number(slice(digits, 2, 4)) % 20,
            number(slice(digits, 4, 6)),
        );
        (10 - sum % 10) % 10 == at(digits, 10) && date
    }),
    ("pl_nip", |digits| {
        let sum = weighted(slice(digits, 0, 9), &[6, 5, 7, 2, 3, 4, 5, 6, 7]);
        sum % 11 == at(digits, 9) && varies(digits)
    }),
    ("pt_nif", |digits| {
        let sum = 11 - weighted(slice(digits, 0, 8), &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        varies(digits) && (if sum > 9 { 0 } else { sum }) == at(digits, 8)
    }),
    ("ro_cnp", |digits| {
        let sum = weighted(slice(digits, 0, 12), &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
        let date = is_month_day(number(slice(digits, 3, 5)), number(slice(digits, 5, 7)));
        (if sum == 10 { 1 } else { sum }) == at(digits, 12) && date
    }),
    ("emso", |digits| {
        let sum = weighted(slice(digits, 0, 12), &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        let date = is_month_day(number(slice(digits, 2, 4)), number(slice(digits, 0, 2)));
        (11 - sum) % 11 % 10 == at(digits, 12) && date
    }),
    ("se_pnr", |digits| {
        let short = slice(digits, digits.len().saturating_sub(10), digits.len());
        let day = number(slice(short, 4, 6)) % 60;
        is_luhn(short) && is_month_day(number(slice(short, 2, 4)), day)
    }),
    ("uk_nhs", |digits| {
        let sum = 11 - weighted(slice(digits, 0, 9), &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        varies(digits) && sum % 11 == at(digits, 9)
    }),
    ("ean_13", |digits| {
        let sum = weighted(slice(digits, 0, 12), &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]);
        (10 - sum % 10) % 10 == at(digits, 12)
    }),
    ("no_fnr", |digits| {
        let first = weighted(slice(digits, 0, 9), &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11;
        let second = weighted(slice(digits, 0, 10), &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        (11 - first) % 11 == at(digits, 9) && (11 - second) % 11 == at(digits, 10)
    }),
    ("is_kt", |digits| {
        let sum = weighted(slice(digits, 0, 8), &[3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        let date = is_month_day(
            number(slice(digits, 2, 4)),
            number(slice(digits, 0, 2)) % 40,
        );
        (11 - sum) % 11 == at(digits, 8) && date
    }),
    ("tr_id", |digits| {
        let odd = weighted(slice(digits, 0, 9), &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
        let even = weighted(slice(digits, 0, 8), &[0, 1, 0, 1, 0, 1, 0, 1]);
        let sum = weighted(slice(digits, 0, 10), &[1; 10]) % 10;
        at(digits, 0) > 0
            && (odd * 7 + 10 * 9 - even) % 10 == at(digits, 9)
            && sum == at(digits, 10)
    }),
    ("ru_inn", |digits| {
        let sum = |weights: &[u32]| weighted(digits, weights) % 11 % 10;
        match digits.len() {
            10 => sum(&[2, 4, 10, 3, 5, 9, 4, 6, 8]) == at(digits, 9),
            12 => {
                sum(&[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) == at(digits, 10)
                    && sum(&[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) == at(digits, 11)
            }
            _ => false,
        }
    }),
    ("ru_snils", |digits| {
        let sum = weighted(slice(digits, 0, 9), &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100;
        u64::from(sum) == number(slice(digits, 9, 11))
    }),
    ("br_cpf", |digits| {
        let first = weighted(slice(digits, 0, 9), &[10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10 % 11 % 10;
        let second = weighted(slice(digits, 0, 10), &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10;
        varies(digits) && first == at(digits, 9) && second % 11 % 10 == at(digits, 10)
    }),
    ("br_cnpj", |digits| {
        let first = weighted(slice(digits, 0, 12), &[6, 7, 8, 9, 2, 3, 4, 5, 6, 7, 8, 9]);
        let second = weighted(
            slice(digits, 0, 13),
            &[5, 6, 7, 8, 9, 2, 3, 4, 5, 6, 7, 8, 9],
        );
        varies(digits) && first % 11 % 10 == at(digits, 12) && second % 11 % 10 == at(digits, 13)
    }),
    ("ar_cuit", |digits| {
        let sum = 11 - weighted(slice(digits, 0, 10), &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        sum % 11 == at(digits, 10)
    }),
    ("kr_rrn", |digits| {
        is_month_day(number(slice(digits, 2, 4)), number(slice(digits, 4, 6)))
    }),
    ("jp_my_number", |digits| {
        let sum = weighted(slice(digits, 0, 11), &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        varies(digits) && (if sum <= 1 { 0 } else { 11 - sum }) == at(digits, 11)
    }),
    ("th_id", |digits| {
        let weights = [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
        (11 - weighted(slice(digits, 0, 12), &weights) % 11) % 10 == at(digits, 12)
    }),
    ("my_nric", |digits| {
        let place = number(slice(digits, 6, 8));
        place > 0
            && is_month_day(number(slice(digits, 2, 4)), number(slice(digits, 4, 6)))
            && !matches!(place, 17..=20 | 69 | 70 | 73 | 80 | 81 | 94..=97)
    }),
    ("id_nik", |digits| {
        let province = number(slice(digits, 0, 2));
        let day = number(slice(digits, 6, 8)) % 40;
        (11..=96).contains(&province) && is_month_day(number(slice(digits, 8, 10)), day)
    }),
    ("za_id", |digits| {
        is_luhn(digits) && is_month_day(number(slice(digits, 2, 4)), number(slice(digits, 4, 6)))
    }),
    ("au_tfn", |digits| {
        varies(digits) && weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
    }),
    ("au_medicare", |digits| {
        let sum = weighted(slice(digits, 0, 8), &[1, 3, 7, 9, 1, 3, 7, 9]) % 10;
        sum == at(digits, 8) && (2..=6).contains(&at(digits, 0))
    }),
    ("au_abn", |digits| {
        let sum = weighted(digits, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
        at(digits, 0) > 0 && (sum + 79).is_multiple_of(89)
    }),
    ("in_aadhaar", is_verhoeff),
    ("us_npi", |digits| {
        is_luhn(&[&[8, 0, 8, 4, 0], digits].concat())
    }),
    ("us_routing", |digits| {
        let region = number(slice(digits, 0, 2));
        let known = matches!(region, 1..=12 | 21..=32 | 61..=72 | 80);
        known && weighted(digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
    }),
    ("us_ssn", |digits| {
        let (area, group, serial) = (
            number(slice(digits, 0, 3)),
            number(slice(digits, 3, 5)),
            number(slice(digits, 5, 9)),
        );
        let example = matches!((area, group, serial), (78, 5, 1120) | (219, 9, 9999));
        !matches!(area, 0 | 666 | 900..) && group > 0 && serial > 0 && varies(digits) && !example
    }),
    ("us_itin", |digits| {
        let group = number(slice(digits, 3, 5));
        matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99)
    }),
    ("varied_luhn", |digits| varies(digits) && is_luhn(digits)),
    ("ca_sin", |digits| {
        is_luhn(digits) && varies(digits) && !matches!(at(digits, 0), 0 | 8)
    }),
    ("co_nit", |digits| {
        let sum = weighted(slice(digits, 0, 9), &[41, 37, 29, 23, 19, 17, 13, 7, 3]) % 11;
        (if sum > 1 { 11 - sum } else { sum }) == at(digits, 9)
    }),
    ("ec_id", |digits| {
        (1..=24).contains(&number(slice(digits, 0, 2))) && at(digits, 2) < 6 && is_luhn(digits)
    }),
    ("fi_vat", |digits| {
        (11 - weighted(slice(digits, 0, 7), &[7, 9, 10, 5, 8, 4, 2]) % 11) % 11 == at(digits, 7)
    }),
    ("uk_vat", |digits| {
        let sum = weighted(slice(digits, 0, 7), &[8, 7, 6, 5, 4, 3, 2]);
        let check = u64::from(sum) + number(slice(digits, 7, 9));
        check.is_multiple_of(97) || (check + 55).is_multiple_of(97)
    }),
    ("be_vat", |digits| {
        97 - number(slice(digits, 0, 8)) % 97 == number(slice(digits, 8, 10))
    }),
    ("dk_vat", |digits| {
        weighted(digits, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
    }),
    ("ua_inn", |digits| {
        // The first weight is -1, which is 10 of 11.
        let sum = weighted(slice(digits, 0, 9), &[10, 5, 7, 9, 4, 6, 10, 5, 7]) % 11 % 10;
        sum == at(digits, 9)
    }),
];

/// The checksum of cards and many other numbers (ISO/IEC 7812-1, annex B).
pub(in crate::pii) fn is_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// ISO/IEC 7064, MOD 97-10, over letters and digits in the order of an IBAN: the first four
/// characters count last.
pub(in crate::pii) fn is_mod_97(value: &str) -> bool {
    let body = value.bytes().skip(4).chain(value.bytes().take(4));
    let rest = body.fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        b'A'..=b'Z' => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
        b'a'..=b'z' => (rest * 100 + u32::from(byte - b'a') + 10) % 97,
        _ => rest,
    });
    rest == 1
}

/// ISO/IEC 7064, MOD 11,10.
fn is_mod_11_10(digits: &[u8]) -> bool {
    let Some((check, body)) = digits.split_last() else {
        return false;
    };
    let product = body.iter().fold(10, |product, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(*check) && varies(digits)
}

/// Verhoeff's checksum: the dihedral group of the pentagon.
fn is_verhoeff(digits: &[u8]) -> bool {
    const PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let sum = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0_u8, |sum, (place, digit)| {
            let digit = (0..place % 8).fold(*digit, |digit, _| {
                PERMUTATION
                    .get(usize::from(digit))
                    .copied()
                    .unwrap_or_default()
            });
            dihedral(sum, digit)
        });
    sum == 0 && varies(digits)
}

/// The product of two elements of the group: rotations 0 to 4, reflections 5 to 9.
fn dihedral(one: u8, other: u8) -> u8 {
    match (one < 5, other < 5) {
        (true, true) => (one + other) % 5,
        (true, false) => (one + other - 5) % 5 + 5,
        (false, true) => (one - 5 + 5 - other) % 5 + 5,
        (false, false) => (one + 5 - other) % 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verhoeffs_checksum_finds_its_published_example() {
        assert!(is_verhoeff(&[2, 3, 6, 3]));
        assert!(!is_verhoeff(&[2, 3, 6, 4]));
        assert!(!is_verhoeff(&[3, 2, 6, 3]));
    }

    #[test]
    fn the_checksum_of_ibans_takes_letters_as_numbers() {
        assert!(is_mod_97("GB82WEST12345698765432"));
        assert!(!is_mod_97("GB82WEST12345698765433"));
    }
}
