use proptest::prelude::*;

use super::*;
use iron_primitives::Period;

fn budget(soft_limits: SoftLimits) -> BudgetRow {
    BudgetRow {
        soft_limits,
        ..BudgetRow::new(None, Period::None)
    }
}

#[test]
fn percentages_are_kept_in_order_and_only_from_1_to_99() {
    let some = SoftLimits::new([95, 1, 99, 1]).unwrap();
    assert_eq!(some.percents().collect::<Vec<_>>(), [1, 95, 99]);
    assert_eq!(some.to_stored().as_deref(), Some("1,95,99"));
    for wrong in [0, 100, 255] {
        assert_eq!(SoftLimits::new([50, wrong]), None, "{wrong}");
    }
    for wrong in ["0", "100", "x", "50;80", "-1"] {
        assert_eq!(SoftLimits::from_text(wrong), None, "{wrong}");
    }
    assert_eq!(SoftLimits::USUAL.to_stored(), None);
    assert_eq!(SoftLimits::NONE.to_stored().as_deref(), Some(""));
}

#[test]
fn what_was_spent_while_nobody_heard_counts_evenly() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    assert_eq!(of_the_last_minute(600, minutes(10)), 60);
    assert_eq!(of_the_last_minute(600, Duration::from_millis(100)), 600);
    assert_eq!(of_the_last_minute(i64::MAX, Duration::ZERO), i64::MAX);
    assert_eq!(of_the_last_minute(600, Duration::MAX), 0);
}

proptest! {
    #[test]
    fn stored_percentages_come_back(percents in prop::collection::vec(1_u8..100, 0..20)) {
        let soft = SoftLimits::new(percents).unwrap();
        let back = soft.to_stored().map_or(Some(SoftLimits::USUAL), |text| SoftLimits::from_text(&text));
        prop_assert_eq!(back, Some(soft));
    }

    #[test]
    fn a_threshold_is_the_least_amount_that_is_so_many_percent(limit in 1..i64::MAX, percent in 1_u8..=100) {
        let least = threshold(limit, percent);
        let enough = |amount: i64| i128::from(amount) * 100 >= i128::from(limit) * i128::from(percent);
        prop_assert!(enough(least) && !enough(least - 1));
        prop_assert!(least <= limit);
    }

    #[test]
    fn the_next_notice_is_the_lowest_percentage_that_was_not_told(
        limit in 1..i64::MAX,
        percents in prop::collection::vec(1_u8..100, 0..10),
        told in prop::collection::btree_set(1_u8..=100, 0..20),
    ) {
        let budget = budget(SoftLimits::new(percents).unwrap());
        let next = next_notice(limit, &budget, &told);
        for percent in super::percents(&budget) {
            if told.contains(&percent) {
                continue;
            }
            prop_assert!(next <= threshold(limit, percent));
        }
        let all = super::percents(&budget).all(|percent| told.contains(&percent));
        prop_assert_eq!(all, next == NEVER_DUE);
    }

    #[test]
    fn less_than_a_hundredth_is_little(limit in 1..i64::MAX, left in 0..i64::MAX) {
        let left = left % limit;
        let counters = Counters { limit: Some(limit), settled: limit - left, ..Counters::default() };
        prop_assert_eq!(is_little(&counters), i128::from(left) * 100 < i128::from(limit) || left == 0);
    }
}
