//! What the system tells its operators: log lines without secrets, and numbers.
//!
//! - [`logging`] sets `tracing` up once per process: JSON or readable lines, a filter from the
//!   configuration, and a writer that masks whatever looks like a credential, so that a
//!   careless `debug!` cannot leak one.
//! - [`Metrics`] holds every number that `/metrics` shows. Handles are resolved when the
//!   process starts: counting on the hot path is one atomic addition, without a lookup, a lock
//!   or an allocation. Labels with open values (provider and model) are resolved once per
//!   model by [`Metrics::model`], and their number is bounded.
//!
//! Invariants: a name, once published, keeps its meaning; durations are seconds, money is
//! integer nano-dollars, sizes are bytes; no label ever holds an id of a person, a prompt or
//! a secret.
//!
//! ```
//! use iron_telemetry::{CallOutcome, Metrics};
//!
//! let metrics = Metrics::new();
//! metrics.calls.finished(CallOutcome::Completed).inc();
//! metrics.model("openai", "gpt-5").output_tokens.inc_by(42);
//! assert!(metrics.render().contains("iron_calls_total{outcome=\"completed\"} 1"));
//! ```

pub mod logging;
mod metrics;
mod redact;

pub use metrics::{
    AttemptOutcome, BudgetMetrics, BudgetNotice, CallMetrics, CallOutcome, DeliveryOutcome,
    DurationHistogram, GuardMetrics, HttpMetrics, JournalMetrics, Label, METRICS_CONTENT_TYPE,
    Metrics, ModelMetrics, NotificationMetrics, PerLabel, PerText, RoutingMetrics, StatusClass,
    Surface, ToolMetrics, WalletMetrics,
};
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::gauge::Gauge;
pub use redact::redact;
