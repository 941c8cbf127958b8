//! What a scraper reads.

use std::time::Duration;

use iron_primitives::ErrorKind;
use iron_telemetry::{CallOutcome, Metrics, Surface};

#[test]
fn every_label_value_is_there_from_the_start() {
    let text = Metrics::new().render();
    for kind in ErrorKind::ALL {
        let line = format!("iron_calls_refused_total{{code=\"{}\"}} 0", kind.code());
        assert!(text.contains(&line), "{line}");
    }
    assert!(text.contains("iron_build_info{version="));
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn what_is_counted_is_shown() {
    let metrics = Metrics::new();
    metrics.calls.finished(CallOutcome::ClientGone).inc();
    metrics
        .http
        .answered(Surface::Api, 404, Duration::from_millis(3));
    metrics.calls.overhead.observe(Duration::from_micros(40));
    metrics.calls.overhead.observe(Duration::from_secs(500));
    let text = metrics.render();
    for line in [
        "iron_calls_total{outcome=\"client_gone\"} 1",
        "iron_http_requests_total{surface=\"api\",status=\"4xx\"} 1",
        "iron_call_overhead_seconds_bucket{le=\"0.000025\"} 0",
        "iron_call_overhead_seconds_bucket{le=\"0.00005\"} 1",
        "iron_call_overhead_seconds_bucket{le=\"+Inf\"} 2",
        "iron_call_overhead_seconds_count 2",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn invented_model_names_cannot_fill_the_memory() {
    let metrics = Metrics::new();
    for number in 0..3_000 {
        metrics
            .model("openai", &format!("made-up-{number}"))
            .calls
            .inc();
    }
    let text = metrics.render();
    assert!(text.matches("iron_model_calls_total{").count() <= 1_001);
    assert!(text.contains("iron_model_calls_total{provider=\"other\",model=\"other\"} 2000"));
}
