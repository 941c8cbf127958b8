//! Every number that `/metrics` shows.

mod duration;
mod guard;
mod label;
mod models;
mod routing;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use iron_primitives::ErrorKind;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use duration::DurationHistogram;
pub use guard::GuardMetrics;
pub use label::{
    AttemptOutcome, BudgetNotice, CallOutcome, DeliveryOutcome, Label, PerLabel, PerText,
    StatusClass, Surface,
};
pub use models::ModelMetrics;
use models::Models;
pub use routing::RoutingMetrics;
pub use tools::ToolMetrics;

/// The content type of [`Metrics::render`].
pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of a process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

/// What [`Metrics`] points to.
#[derive(Debug)]
pub struct Inner {
    /// Governed calls.
    pub calls: CallMetrics,
    /// Which provider answers when others fail.
    pub routing: RoutingMetrics,
    /// Money in the hands of this process.
    pub wallet: WalletMetrics,
    /// What guardrails find.
    pub guard: GuardMetrics,
    /// What becomes of calls of tools.
    pub tools: ToolMetrics,
    /// What happens to budgets.
    pub budgets: BudgetMetrics,
    /// What people are told.
    pub notifications: NotificationMetrics,
    /// The journal and its projector.
    pub journal: JournalMetrics,
    /// The HTTP edge.
    pub http: HttpMetrics,
    models: Models,
    registry: Registry,
}

impl std::ops::Deref for Metrics {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl Metrics {
    /// A fresh set, everything at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("iron");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running version", build);
        Metrics(Arc::new(Inner {
            calls: CallMetrics::register(&mut registry),
            routing: RoutingMetrics::register(&mut registry),
            wallet: WalletMetrics::register(&mut registry),
            guard: GuardMetrics::register(&mut registry),
            tools: ToolMetrics::register(&mut registry),
            budgets: BudgetMetrics::register(&mut registry),
            notifications: NotificationMetrics::register(&mut registry),
            journal: JournalMetrics::register(&mut registry),
            http: HttpMetrics::register(&mut registry),
            models: Models::register(&mut registry),
            registry,
        }))
    }

    /// The handles of one provider kind and model: resolve once, keep, count.
    ///
    /// After 1000 distinct pairs further ones are counted as provider and model `other`, so
    /// that a caller who invents names cannot fill the memory.
    pub fn model(&self, provider: &str, model: &str) -> ModelMetrics {
        self.0.models.resolve(provider, model)
    }

    /// The text that a scraper reads.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail; a failing encoder would cut the text short,
        // which a scraper notices by the missing end mark.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.0.registry);
        text
    }
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

fn histogram(registry: &mut Registry, name: &str, help: &str) -> DurationHistogram {
    let histogram = DurationHistogram::default();
    registry.register(name, help, histogram.clone());
    histogram
}

/// Governed calls.
#[derive(Debug)]
pub struct CallMetrics {
    finished: PerLabel<CallOutcome, Counter>,
    refused: PerLabel<ErrorKind, Counter>,
    attempts: PerLabel<AttemptOutcome, Counter>,
    /// `iron_calls_in_flight`: admitted and not yet closed.
    pub in_flight: Gauge,
    /// `iron_streams_in_flight`: the part of them that streams.
    pub streams_in_flight: Gauge,
    /// `iron_call_duration_seconds`: from the first byte in to the record.
    pub duration: DurationHistogram,
    /// `iron_call_overhead_seconds`: our own share, from the first byte in to dispatch.
    pub overhead: DurationHistogram,
    /// `iron_call_first_byte_seconds`: from dispatch to the provider's first body byte.
    pub first_byte: DurationHistogram,
}

impl CallMetrics {
    fn register(registry: &mut Registry) -> Self {
        CallMetrics {
            finished: PerLabel::register(registry, "calls", "Closed governed calls by outcome"),
            refused: PerLabel::register(registry, "calls_refused", "Refused calls by error code"),
            attempts: PerLabel::register(registry, "attempts", "Upstream attempts by outcome"),
            in_flight: gauge(
                registry,
                "calls_in_flight",
                "Calls admitted and not yet closed",
            ),
            streams_in_flight: gauge(registry, "streams_in_flight", "Streaming calls under way"),
            duration: histogram(
                registry,
                "call_duration_seconds",
                "Whole duration of governed calls",
            ),
            overhead: histogram(
                registry,
                "call_overhead_seconds",
                "Time from the request to its dispatch",
            ),
            first_byte: histogram(
                registry,
                "call_first_byte_seconds",
                "Time from dispatch to the first body byte",
            ),
        }
    }

    /// `iron_calls_total{outcome}`.
    pub fn finished(&self, outcome: CallOutcome) -> &Counter {
        self.finished.of(outcome)
    }

    /// `iron_calls_refused_total{code}`.
    pub fn refused(&self, kind: ErrorKind) -> &Counter {
        self.refused.of(kind)
    }

    /// `iron_attempts_total{outcome}`.
    pub fn attempt(&self, outcome: AttemptOutcome) -> &Counter {
        self.attempts.of(outcome)
    }
}

/// Money in the hands of this process.
#[derive(Debug)]
pub struct WalletMetrics {
    /// `iron_holds_open`: attempts whose worst case is set aside.
    pub holds_open: Gauge,
    /// `iron_held_nanodollars`: their sum.
    pub held_nanos: Gauge,
    /// `iron_exchanges_total`: rounds of reports and grants with the authority.
    pub exchanges: Counter,
    /// `iron_exchange_duration_seconds`.
    pub exchange: DurationHistogram,
    /// `iron_hold_wait_seconds`: how long holds waited for a grant.
    pub hold_wait: DurationHistogram,
    /// `iron_overdrafts_total`: settlements above what was held; alarm on any increase.
    pub overdrafts: Counter,
    /// `iron_overdraft_nanodollars_total`: by how much.
    pub overdraft_nanos: Counter,
    /// `iron_estimated_settlements_total`: settled at the bound for want of a usage report.
    pub estimated: Counter,
}

impl WalletMetrics {
    fn register(registry: &mut Registry) -> Self {
        WalletMetrics {
            holds_open: gauge(registry, "holds_open", "Holds that are not settled yet"),
            held_nanos: gauge(registry, "held_nanodollars", "Sum of the open holds"),
            exchanges: counter(registry, "exchanges", "Lease exchanges with the authority"),
            exchange: histogram(
                registry,
                "exchange_duration_seconds",
                "Duration of an exchange",
            ),
            hold_wait: histogram(
                registry,
                "hold_wait_seconds",
                "Time holds waited for a grant",
            ),
            overdrafts: counter(registry, "overdrafts", "Settlements above the hold"),
            overdraft_nanos: counter(
                registry,
                "overdraft_nanodollars",
                "Sum of what exceeded the holds",
            ),
            estimated: counter(
                registry,
                "estimated_settlements",
                "Attempts settled at their bound because no usage arrived",
            ),
        }
    }
}

/// What happens to budgets. Each event is counted by the server that acted on it.
#[derive(Debug)]
pub struct BudgetMetrics {
    events: PerLabel<BudgetNotice, Counter>,
    /// `iron_budget_agents_paused_total`: agents paused because their budget was spent.
    pub agents_paused: Counter,
    /// `iron_budget_agents_resumed_total`: agents that went on when there was money again.
    pub agents_resumed: Counter,
    /// `iron_budget_agents_killed_total`: agents killed for what they spent; alarm on any increase.
    pub agents_killed: Counter,
}

impl BudgetMetrics {
    fn register(registry: &mut Registry) -> Self {
        BudgetMetrics {
            events: PerLabel::register(registry, "budget_events", "Budget events by kind"),
            agents_paused: counter(
                registry,
                "budget_agents_paused",
                "Agents paused because their budget was spent",
            ),
            agents_resumed: counter(
                registry,
                "budget_agents_resumed",
                "Agents that went on when there was money again",
            ),
            agents_killed: counter(
                registry,
                "budget_agents_killed",
                "Agents killed for what they spent",
            ),
        }
    }

    /// `iron_budget_events_total{kind}`.
    pub fn event(&self, kind: BudgetNotice) -> &Counter {
        self.events.of(kind)
    }
}

/// What people are told.
#[derive(Debug)]
pub struct NotificationMetrics {
    ended: PerLabel<DeliveryOutcome, Counter>,
}

impl NotificationMetrics {
    fn register(registry: &mut Registry) -> Self {
        let help = "Attempts to deliver notifications by how they ended";
        NotificationMetrics {
            ended: PerLabel::register(registry, "notifications", help),
        }
    }

    /// `iron_notifications_total{outcome}`; alarm on any increase of `dead`.
    pub fn ended(&self, outcome: DeliveryOutcome) -> &Counter {
        self.ended.of(outcome)
    }
}

/// The journal and its projector.
#[derive(Debug)]
pub struct JournalMetrics {
    /// `iron_journal_frames_total`.
    pub frames: Counter,
    /// `iron_journal_bytes_total`.
    pub bytes: Counter,
    /// `iron_journal_fsync_seconds`.
    pub fsync: DurationHistogram,
    /// `iron_journal_stopped`: 1 after an I/O error; nothing is accepted then.
    pub stopped: Gauge,
    /// `iron_projector_lag_frames`: written, but not yet in the database.
    pub projector_lag: Gauge,
    /// `iron_projector_poisoned_total`: frames set aside; alarm on any increase.
    pub poisoned: Counter,
}

impl JournalMetrics {
    fn register(registry: &mut Registry) -> Self {
        JournalMetrics {
            frames: counter(registry, "journal_frames", "Frames appended to the journal"),
            bytes: counter(registry, "journal_bytes", "Bytes appended to the journal"),
            fsync: histogram(
                registry,
                "journal_fsync_seconds",
                "Duration of a group commit",
            ),
            stopped: gauge(
                registry,
                "journal_stopped",
                "1 if the journal cannot be written",
            ),
            projector_lag: gauge(
                registry,
                "projector_lag_frames",
                "Journal frames that are not in the database yet",
            ),
            poisoned: counter(
                registry,
                "projector_poisoned",
                "Frames set aside as unreadable",
            ),
        }
    }
}

/// The HTTP edge.
#[derive(Debug)]
pub struct HttpMetrics {
    requests: PerLabel<(Surface, StatusClass), Counter>,
    duration: PerLabel<Surface, DurationHistogram>,
    /// `iron_http_connections_open`.
    pub connections_open: Gauge,
    /// `iron_http_connections_refused_total`: over the limit of connections.
    pub connections_refused: Counter,
    /// `iron_http_rate_limited_total`.
    pub rate_limited: Counter,
    /// `iron_rate_limits_shared`: 1 while all servers count requests together.
    pub rates_shared: Gauge,
    /// `iron_rate_limits_alone_total`: requests that this server counted by itself although
    /// others should have known.
    pub rates_alone: Counter,
    /// `iron_http_panics_total`: handlers that panicked; alarm on any increase.
    pub panics: Counter,
    /// `iron_deprecated_requests_total` by `operation`.
    pub deprecated: PerText,
    /// `iron_failed_logins_total`.
    pub failed_logins: Counter,
}

impl HttpMetrics {
    fn register(registry: &mut Registry) -> Self {
        HttpMetrics {
            requests: PerLabel::register(
                registry,
                "http_requests",
                "Answered requests by surface and class of status",
            ),
            duration: PerLabel::register(
                registry,
                "http_request_duration_seconds",
                "Time to the response head by surface",
            ),
            connections_open: gauge(registry, "http_connections_open", "Open connections"),
            connections_refused: counter(
                registry,
                "http_connections_refused",
                "Connections refused over the limit",
            ),
            rate_limited: counter(
                registry,
                "http_rate_limited",
                "Requests refused for their rate",
            ),
            rates_shared: gauge(
                registry,
                "rate_limits_shared",
                "1 while requests are counted for all servers together, by Redis",
            ),
            rates_alone: counter(
                registry,
                "rate_limits_alone",
                "Requests counted by this server alone because Redis did not answer",
            ),
            panics: counter(registry, "http_panics", "Handlers that panicked"),
            deprecated: PerText::register(
                registry,
                "deprecated_requests",
                "Requests that used what goes away, by operation",
                "operation",
            ),
            failed_logins: counter(registry, "failed_logins", "Refused logins"),
        }
    }

    /// Counts one answered request.
    pub fn answered(&self, surface: Surface, status: u16, took: Duration) {
        self.requests.of((surface, StatusClass::of(status))).inc();
        self.duration.of(surface).observe(took);
    }
}
