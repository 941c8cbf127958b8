//! Hours that cost far more than hours do.

use iron_primitives::{Money, Timestamp};

use crate::History;
use crate::forecast::median;

/// As many times the usual cost is an anomaly.
const SUDDEN: f64 = 10.0;
/// How many hours before tell what is usual.
const USUAL_HOURS: usize = 7 * 24;
/// So many hours of use are needed to say what is usual.
const LEAST_HOURS: usize = 24;
/// Hours that cost less than a cent are of no interest.
const LEAST_NANOS: f64 = 10_000_000.0;

/// An hour that cost at least ten times what hours of use cost in the week before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// When the hour began.
    pub at: Timestamp,
    /// What it cost.
    pub cost: Money,
    /// The median of the hours of the week before in which anything was spent.
    pub usual: Money,
    /// How many times as much it cost, in hundredths.
    pub factor_hundredths: i64,
}

/// The anomalies of a history, the oldest first.
pub fn anomalies(history: &History) -> Vec<Anomaly> {
    let hours: Vec<(Timestamp, f64)> = history.hours().collect();
    let mut found = Vec::new();
    for (index, (at, cost)) in hours.iter().enumerate() {
        if *cost < LEAST_NANOS {
            continue;
        }
        let first = index.saturating_sub(USUAL_HOURS);
        let before = hours.get(first..index).unwrap_or_default();
        let used: Vec<f64> = before
            .iter()
            .map(|(_, cost)| *cost)
            .filter(|cost| *cost > 0.0)
            .collect();
        let usual = median(&used);
        if used.len() >= LEAST_HOURS && *cost >= SUDDEN * usual {
            found.push(Anomaly {
                at: *at,
                cost: Money::from_nanos(*cost as i64),
                usual: Money::from_nanos(usual as i64),
                factor_hundredths: (cost / usual * 100.0) as i64,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn steady(hours: i64, cents: i64) -> (History, Timestamp) {
        let start: Timestamp = "2026-03-01T00:00:00Z".parse().expect("a timestamp");
        let now = Timestamp::from_micros(start.micros() + hours * HOUR);
        let mut history = History::empty(start, now);
        for hour in 0..hours {
            spend(&mut history, start, hour, cents);
        }
        (history, start)
    }

    fn spend(history: &mut History, start: Timestamp, hour: i64, cents: i64) {
        let at = Timestamp::from_micros(start.micros() + hour * HOUR);
        history.add(at, Money::from_cents(cents).expect("in range"));
    }

    #[test]
    fn ten_times_the_usual_is_an_anomaly_and_nine_times_is_not() {
        let (mut history, start) = steady(48, 5);
        spend(&mut history, start, 30, 40);
        assert_eq!(anomalies(&history), []);
        spend(&mut history, start, 40, 45);
        let found = anomalies(&history);
        let [one] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(one.cost.to_string(), "0.50");
        assert_eq!(
            (one.usual.to_string(), one.factor_hundredths),
            ("0.05".into(), 1_000)
        );
    }

    #[test]
    fn a_first_day_and_small_change_are_no_anomalies() {
        let (mut history, start) = steady(20, 1);
        spend(&mut history, start, 19, 500);
        assert_eq!(anomalies(&history), []);
        let (history, _) = steady(72, 0);
        assert_eq!(anomalies(&history), []);
    }
}
