//! Whole projections.

use std::time::Duration;

use iron_insight::{History, Method, Projection, Swap, project, what_if};
use iron_primitives::{Money, Timestamp};
use proptest::prelude::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn dollars(text: &str) -> Money {
    text.parse().unwrap()
}

/// The same amount in each hour from `start` until `now`.
fn steady(start: &str, now: &str, cents: i64) -> History {
    let (mut hour, now) = (at(start), at(now));
    let mut history = History::empty(hour, now);
    while hour < now {
        history.add(hour, Money::from_cents(cents).unwrap());
        hour = hour.plus(HOUR);
    }
    history
}

#[test]
fn a_steady_agent_goes_on_as_it_did() {
    // $24 a day since the middle of February; ten days of March are over.
    let projection = project(&steady("2026-02-10T00:00:00Z", "2026-03-11T00:00:00Z", 100));
    assert_eq!(projection.spent, dollars("240"));
    let off = projection.month_total.nanos() - dollars("744").nanos();
    assert!(off.abs() < dollars("1").nanos(), "{projection:?}");
    assert_eq!(projection.days_of_history, 29);
}

#[test]
fn a_budget_is_used_up_when_the_rate_says_so() {
    let projection = project(&steady("2026-02-10T00:00:00Z", "2026-03-11T12:00:00Z", 100));
    let used_up = projection.exhausted_on(dollars("60"), None).unwrap();
    let off = used_up.seconds() - at("2026-03-14T00:00:00Z").seconds();
    assert!(off.abs() < 1_800, "{used_up}");
    // Not in this period, not within three months, and now.
    let until = Some(at("2026-03-13T00:00:00Z"));
    assert_eq!(projection.exhausted_on(dollars("60"), until), None);
    assert_eq!(projection.exhausted_on(dollars("9000"), None), None);
    assert_eq!(
        projection.exhausted_on(Money::ZERO, None),
        Some(projection.at)
    );
}

#[test]
fn nothing_spent_comes_to_nothing() {
    let history = History::empty(at("2026-03-01T00:00:00Z"), at("2026-03-20T10:00:00Z"));
    let projection = project(&history);
    assert_eq!(projection.month_total, Money::ZERO);
    assert_eq!(projection.high, Money::ZERO);
    assert_eq!(projection.exhausted_on(dollars("1"), None), None);
}

#[test]
fn the_first_hours_stand_for_a_day() {
    // $10 in four hours on the first day of use, two days before the end of the month.
    let mut history = History::empty(at("2026-03-01T00:00:00Z"), at("2026-03-30T12:00:00Z"));
    history.add(at("2026-03-30T08:00:00Z"), dollars("10"));
    let projection = project(&history);
    assert_eq!(projection.method, Method::MovingAverage);
    assert_eq!(projection.days_of_history, 0);
    assert_eq!(projection.month_total, dollars("100")); // $60 a day for a day and a half
    assert!(projection.low < projection.month_total && projection.month_total < projection.high);
}

#[test]
fn at_the_end_of_the_month_all_is_known() {
    let projection = project(&steady("2026-03-01T00:00:00Z", "2026-03-31T23:59:59Z", 100));
    let slack = dollars("0.01").nanos();
    assert!(
        projection.high.nanos() - projection.spent.nanos() < slack,
        "{projection:?}"
    );
    assert!(projection.to_come().nanos() < slack);
}

fn holds(projection: &Projection) {
    assert!(projection.spent <= projection.low, "{projection:?}");
    assert!(projection.low <= projection.month_total, "{projection:?}");
    assert!(projection.month_total <= projection.high, "{projection:?}");
}

proptest! {
    #[test]
    fn no_history_breaks_a_projection(
        hours in proptest::collection::vec(
            prop_oneof![3 => Just(0_i64), 5 => 0..5_000_000_000_i64, 1 => 0..=i64::MAX / 4_000],
            0..900,
        ),
        minutes in 0_u64..60,
        remaining in any::<i64>(),
    ) {
        let start = at("2026-03-01T00:00:00Z");
        let now = start.plus(HOUR.saturating_mul(hours.len() as u32)).plus(Duration::from_secs(minutes * 60));
        let mut history = History::empty(start, now);
        for (hour, cost) in (0_u32..).zip(&hours) {
            history.add(start.plus(HOUR * hour), Money::from_nanos(*cost));
        }
        let projection = project(&history);
        holds(&projection);
        if let Some(at) = projection.exhausted_on(Money::from_nanos(remaining), None) {
            prop_assert!(at >= now);
        }
        for anomaly in iron_insight::anomalies(&history) {
            prop_assert!(anomaly.cost.nanos() >= anomaly.usual.nanos().saturating_mul(9));
        }
    }
}

#[test]
fn what_if_counts_traffic_and_only_what_is_swapped() {
    let projection = project(&steady("2026-02-10T00:00:00Z", "2026-03-11T00:00:00Z", 100));
    let near = |found: Money, wanted: &str| {
        let off = found.nanos() - dollars(wanted).nanos();
        assert!(
            off.abs() < dollars("1").nanos(),
            "{found} instead of {wanted}"
        );
    };
    let doubled = what_if(&projection, 2.0, Money::ZERO, &[]);
    near(doubled.now, "720");
    near(doubled.then, "1440");
    // A quarter of the spending goes to a model at a tenth of the price.
    let swap = Swap {
        spent: dollars("5"),
        now: dollars("4"),
        then: dollars("0.4"),
    };
    near(
        what_if(&projection, 1.0, dollars("20"), &[swap]).then,
        "558",
    );
    // And back to one of twice the price; what was free says nothing.
    let dearer = Swap {
        then: dollars("8"),
        ..swap
    };
    near(
        what_if(&projection, 1.0, dollars("20"), &[dearer]).then,
        "900",
    );
    let free = Swap {
        now: Money::ZERO,
        ..swap
    };
    near(
        what_if(&projection, 1.0, dollars("20"), &[free]).then,
        "720",
    );
}
