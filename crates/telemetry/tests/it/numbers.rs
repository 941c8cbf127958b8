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

#[test]
fn every_metric_is_documented() {
    let text = Metrics::new().render();
    let mut page = String::from(
        "# Metrics\n\nWhat `/metrics` shows, in OpenMetrics text. Durations are seconds, money is \
         integer nano-dollars, sizes are bytes; counters end in `_total`. This page is made from \
         what the server renders.\n\n| Metric | Kind | Meaning |\n|---|---|---|\n",
    );
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2) {
        let help = pair[0]
            .strip_prefix("# HELP ")
            .and_then(|line| line.split_once(' '));
        let kind = pair[1]
            .strip_prefix("# TYPE ")
            .and_then(|line| line.split_once(' '));
        if let (Some((name, meaning)), Some((_, kind))) = (help, kind) {
            page.push_str(&format!("| `{name}` | {kind} | {meaning} |\n"));
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    if std::env::var_os("IRON_UPDATE_CONTRACT").is_some() {
        std::fs::write(path, &page).expect("writes the page");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == page,
        "docs/metrics.md differs; set IRON_UPDATE_CONTRACT=1 to write it anew"
    );
}
