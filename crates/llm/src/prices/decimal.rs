//! Decimal text to integer prices, exactly.

use iron_primitives::{MoneyError, UnitPrice};

/// Reads dollars for one unit, as JSON writes numbers (`1.5e-07`, `0.00001`, `2`).
pub(super) fn dollars_per_unit(text: &str) -> Result<UnitPrice, MoneyError> {
    UnitPrice::from_dollars_per_unit(&plain(text, 0)?)
}

/// Reads dollars for a million units.
pub(super) fn dollars_per_million(text: &str) -> Result<UnitPrice, MoneyError> {
    UnitPrice::from_dollars_per_unit(&plain(text, -6)?)
}

/// A decimal with an exponent as one without, its point moved by `shift` places.
fn plain(text: &str, shift: i32) -> Result<String, MoneyError> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
            (
                mantissa,
                exponent
                    .parse::<i32>()
                    .map_err(|_| MoneyError::NotADecimal)?,
            )
        }
        None => (text, 0),
    };
    let exponent = exponent.checked_add(shift).ok_or(MoneyError::OutOfRange)?;
    if !(-60..=60).contains(&exponent) {
        return Err(if exponent < 0 {
            MoneyError::TooPrecise
        } else {
            MoneyError::OutOfRange
        });
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_point = mantissa.contains('.');
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) || (has_point && fraction.is_empty()) {
        return Err(if mantissa.starts_with('-') {
            MoneyError::OutOfRange
        } else {
            MoneyError::NotADecimal
        });
    }
    // The point stands after this many digits of the two parts put together.
    let point =
        i64::try_from(whole.len()).map_err(|_| MoneyError::OutOfRange)? + i64::from(exponent);
    let mut digits = format!("{whole}{fraction}");
    if point <= 0 {
        let zeros = usize::try_from(1 - point).map_err(|_| MoneyError::OutOfRange)?;
        digits.insert_str(0, &"0".repeat(zeros));
        digits.insert(1, '.');
        return Ok(digits);
    }
    let point = usize::try_from(point).map_err(|_| MoneyError::OutOfRange)?;
    if point >= digits.len() {
        digits.push_str(&"0".repeat(point - digits.len()));
    } else {
        digits.insert(point, '.');
    }
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exponents_are_read_exactly() {
        let picos = |text: &str| dollars_per_unit(text).map(UnitPrice::picos);
        assert_eq!(picos("1.5e-07"), Ok(150_000));
        assert_eq!(picos("1.25E-6"), Ok(1_250_000));
        assert_eq!(picos("0.00001"), Ok(10_000_000));
        assert_eq!(picos("5e-09"), Ok(5_000));
        assert_eq!(picos("3e+0"), Ok(3_000_000_000_000));
        assert_eq!(picos("12.5e1"), Ok(125_000_000_000_000));
        assert_eq!(picos("0"), Ok(0));
        assert_eq!(picos("1e-12"), Ok(1));
        assert_eq!(picos("1e-13"), Err(MoneyError::TooPrecise));
        assert_eq!(picos("1e99999999999"), Err(MoneyError::NotADecimal));
        assert_eq!(picos("1e61"), Err(MoneyError::OutOfRange));
        assert_eq!(picos("-1e-7"), Err(MoneyError::OutOfRange));
        for wrong in ["", ".", "1.", ".1", "1e", "e1", "0x1", "NaN", "inf", "1 "] {
            assert!(picos(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            dollars_per_million("0.15").map(UnitPrice::picos),
            Ok(150_000)
        );
        assert_eq!(
            dollars_per_million("10000").map(UnitPrice::picos),
            Ok(10_000_000_000)
        );
    }

    proptest! {
        #[test]
        fn the_place_of_the_point_makes_no_difference(picos in 0..u64::MAX, exponent in -12i32..=12) {
            let text = format!("{picos}e-12");
            prop_assert_eq!(dollars_per_unit(&text).map(UnitPrice::picos), Ok(picos));
            let moved = plain(&text, exponent).and_then(|text| plain(&text, -exponent));
            prop_assert_eq!(moved.and_then(|text| dollars_per_unit(&text)).map(UnitPrice::picos), Ok(picos));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = dollars_per_unit(&text);
        }
    }
}
