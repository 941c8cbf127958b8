use super::*;

#[test]
fn a_sum_of_buckets_is_rounded_up_once() {
    let price = UnitPrice::from_picos(333);
    let sum = price.times(1).plus(price.times(1)).plus(price.times(1));
    assert_eq!(sum.ceil(), Ok(Money::from_nanos(1)));
    assert_eq!(price.times(4).ceil(), Ok(Money::from_nanos(2)));
    assert_eq!(PicoDollars::ZERO.ceil(), Ok(Money::ZERO));
}

#[test]
fn amounts_beyond_the_range_are_refused_not_wrapped() {
    assert_eq!(
        UnitPrice::from_picos(u64::MAX).times(u64::MAX).ceil(),
        Err(MoneyError::OutOfRange)
    );
    assert_eq!(
        Money::MAX.plus(Money::from_nanos(1)),
        Err(MoneyError::OutOfRange)
    );
    assert_eq!(Money::from_cents(i64::MAX), Err(MoneyError::OutOfRange));
}

#[test]
fn decimals_read_and_print_exactly() {
    assert_eq!("0.10".parse(), Ok(Money::from_nanos(100_000_000)));
    assert_eq!(
        "-1.000000001".parse(),
        Ok(Money::from_nanos(-1_000_000_001))
    );
    assert_eq!("1.0000000001".parse::<Money>(), Err(MoneyError::TooPrecise));
    for wrong in ["", ".5", "1.", "1e3", "+1", "1,0", "--1", "١"] {
        assert_eq!(
            wrong.parse::<Money>(),
            Err(MoneyError::NotADecimal),
            "{wrong}"
        );
    }
    assert_eq!(Money::from_nanos(123_000).to_string(), "0.000123");
    assert_eq!(Money::from_nanos(-1_500_000_000).to_string(), "-1.50");
}

#[test]
fn cents_and_micros_round_halves_away_from_zero() {
    assert_eq!(Money::from_nanos(5_000_000).cents(), 1);
    assert_eq!(Money::from_nanos(4_999_999).cents(), 0);
    assert_eq!(Money::from_nanos(-5_000_000).cents(), -1);
    assert_eq!(Money::from_nanos(1_500).micros(), 2);
}

#[test]
fn price_lists_read_back() -> Result<(), MoneyError> {
    let price = UnitPrice::from_dollars_per_million("0.075")?;
    assert_eq!(price.picos(), 75_000);
    assert_eq!(price.to_dollars_per_million(), "0.075");
    assert_eq!(
        UnitPrice::from_dollars_per_unit("0.01")?.picos(),
        10_000_000_000
    );
    for text in ["0.00", "0.01", "0.000000000001", "12.345"] {
        let price = UnitPrice::from_dollars_per_unit(text)?;
        assert_eq!(price.to_dollars_per_unit(), text);
    }
    assert_eq!(
        UnitPrice::from_dollars_per_million("-1"),
        Err(MoneyError::OutOfRange)
    );
    Ok(())
}
