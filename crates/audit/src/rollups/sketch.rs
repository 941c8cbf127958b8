//! How values are spread: counts in buckets, each 4 % wider than the one before.
//!
//! The value in the middle of a bucket is at most 2 % away from every value in it, so a quantile is
//! right to 2 % whatever the values are, and two spreads are merged by adding their counts. The
//! idea and the bound are those of DDSketch (Masson, Rim, Lee: PVLDB 12, 2019).

use std::collections::BTreeMap;
use std::fmt;

/// How much wider a bucket is than the one before.
const GROWTH: f64 = 1.04;

/// How many values of which size there were.
///
/// ```
/// use iron_audit::Sketch;
///
/// let mut sketch = Sketch::default();
/// (1..=100).for_each(|value| sketch.add(value * 1_000));
/// let median = sketch.quantile(0.5).unwrap();
/// assert!((median - 50_000.0).abs() <= 1_000.0, "{median}");
/// assert_eq!(sketch, sketch.to_string().parse().unwrap());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Bucket 0 holds what is not above zero, bucket `n` what is at most `GROWTH ^ (n - 1)`.
    counts: BTreeMap<u16, u64>,
}

impl Sketch {
    /// How far a quantile may be from the true one, as a part of it.
    pub const ERROR: f64 = 0.02;

    /// Counts a value.
    pub fn add(&mut self, value: i64) {
        self.add_times(bucket(value), 1);
    }

    /// Counts everything that another has counted.
    pub fn merge(&mut self, other: &Sketch) {
        for (bucket, count) in &other.counts {
            self.add_times(*bucket, *count);
        }
    }

    /// Counts what another has counted and was written as a text.
    pub(crate) fn merge_text(&mut self, text: &str) {
        for (bucket, count) in pairs(text) {
            self.add_times(bucket, count);
        }
    }

    fn add_times(&mut self, bucket: u16, times: u64) {
        let count = self.counts.entry(bucket).or_default();
        *count = count.saturating_add(times);
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        let add = |sum: u64, count: &u64| sum.saturating_add(*count);
        self.counts.values().fold(0, add)
    }

    /// The least value that a part of all values, 0 to 1, does not exceed; none if there are none.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let rank = (part.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0);
        let mut seen = 0_u64;
        for (bucket, count) in &self.counts {
            seen = seen.saturating_add(*count);
            if seen as f64 >= rank {
                return Some(middle(*bucket));
            }
        }
        None
    }
}

fn bucket(value: i64) -> u16 {
    if value <= 0 {
        return 0;
    }
    // At most 1114 for the largest value there is.
    let exponent = ((value as f64).ln() / GROWTH.ln()).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 1 and 1115"
    )]
    let bucket = exponent.max(0.0) as u16;
    bucket.saturating_add(1)
}

/// As far from the lower end of a bucket as from the upper one, each measured by itself.
fn middle(bucket: u16) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    2.0 * GROWTH.powi(i32::from(bucket) - 1) / (GROWTH + 1.0)
}

fn pairs(text: &str) -> impl Iterator<Item = (u16, u64)> {
    text.split(',').filter_map(|pair| {
        let (bucket, count) = pair.split_once(':')?;
        Some((bucket.parse().ok()?, count.parse().ok()?))
    })
}

/// `bucket:count`, with commas between.
impl fmt::Display for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (bucket, count)) in self.counts.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{bucket}:{count}")?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Sketch {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut sketch = Sketch::default();
        sketch.merge_text(text);
        Ok(sketch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_quantile_is_right_to_two_per_cent(
            values in proptest::collection::vec(
                prop_oneof![0..50_i64, 0..10_000_000_i64, 1..i64::MAX], 1..400,
            ),
            parts in 1..5_usize,
            part in 0.0..=1.0_f64,
        ) {
            // Counted apart, written down, merged.
            let mut sketches = vec![Sketch::default(); parts];
            for (index, value) in values.iter().enumerate() {
                sketches[index % parts].add(*value);
            }
            let mut whole = Sketch::default();
            for sketch in &sketches {
                whole.merge_text(&sketch.to_string());
            }
            prop_assert_eq!(whole.count(), values.len() as u64);
            let mut sorted = values;
            sorted.sort_unstable();
            let rank = (part * sorted.len() as f64).ceil().max(1.0) as usize;
            let exact = sorted[rank - 1] as f64;
            let found = whole.quantile(part).unwrap();
            prop_assert!((found - exact).abs() <= Sketch::ERROR * exact, "{found} for {exact}");
        }
    }

    #[test]
    fn the_ends_of_all_values_have_buckets() {
        for value in [i64::MIN, -1, 0, 1, 2, i64::MAX] {
            let mut sketch = Sketch::default();
            sketch.add(value);
            let found = sketch.quantile(0.5).unwrap();
            let exact = value.max(0) as f64;
            assert!(
                (found - exact).abs() <= Sketch::ERROR * exact,
                "{found} for {value}"
            );
        }
        assert_eq!(Sketch::default().quantile(0.5), None);
    }
}
