//! A histogram of durations that is counted without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Upper edges in nanoseconds: 25 µs to two minutes, steps of 2 to 2.5.
const EDGES_NANOS: [u64; 20] = [
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    120_000_000_000,
];

/// A histogram of durations, shown in seconds; cheap to clone, one atomic step to observe.
#[derive(Debug, Clone, Default)]
pub struct DurationHistogram(Arc<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; EDGES_NANOS.len()],
    beyond: AtomicU64,
    sum_nanos: AtomicU64,
}

impl DurationHistogram {
    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let index = EDGES_NANOS.partition_point(|edge| *edge < nanos);
        self.0
            .counts
            .get(index)
            .unwrap_or(&self.0.beyond)
            .fetch_add(1, Ordering::Relaxed);
        self.0.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        let within: u64 = self
            .0
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum();
        within.saturating_add(self.0.beyond.load(Ordering::Relaxed))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a scraper reads seconds as a float"
)]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

impl EncodeMetric for DurationHistogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut buckets: Vec<(f64, u64)> = EDGES_NANOS
            .iter()
            .zip(&self.0.counts)
            .map(|(edge, count)| (seconds(*edge), count.load(Ordering::Relaxed)))
            .collect();
        buckets.push((f64::INFINITY, self.0.beyond.load(Ordering::Relaxed)));
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = seconds(self.0.sum_nanos.load(Ordering::Relaxed));
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl TypedMetric for DurationHistogram {
    const TYPE: MetricType = MetricType::Histogram;
}
