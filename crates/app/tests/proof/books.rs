//! What the server says of money, compared with what the provider billed.

use std::time::Duration;

use serde_json::Value;

use crate::http;
use crate::server::Server;

pub(crate) const NANOS_PER_MICRO: i64 = 1_000;

pub(crate) async fn get(server: &Server, admin: &str, path: &str) -> Value {
    http::call(&server.address, Some(admin), "GET", path, &Value::Null).await
}

pub(crate) fn field(object: &Value, name: &str) -> i64 {
    object
        .get(name)
        .and_then(Value::as_i64)
        .unwrap_or_else(|| panic!("no `{name}` in {object}"))
}

/// The budget at this path, once nothing of it is held and nothing is in doubt: drains take a
/// while after the crowd has gone.
pub(crate) async fn at_rest(server: &Server, admin: &str, path: &str) -> Value {
    let mut budget = get(server, admin, path).await;
    for _ in 0..600 {
        if field(&budget, "reserved_micros") + field(&budget, "suspense_micros") == 0 {
            return budget;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        budget = get(server, admin, path).await;
    }
    let mut leases = Vec::new();
    for status in ["active", "fenced"] {
        let path = format!("/api/v1/leases?per_page=100&status={status}");
        let page = get(server, admin, &path).await;
        leases.extend(page["data"].as_array().cloned().unwrap_or_default());
    }
    let told: Vec<String> = leases.iter().map(Value::to_string).collect();
    panic!("not at rest: {budget}\n{}", told.join("\n"));
}

/// Never over, and never counted below what the provider billed (to the rounding of a micro).
pub(crate) fn assert_never_over(billed_nanos: i64, budget_nanos: i64, spent_micros: i64) {
    assert!(
        billed_nanos <= budget_nanos,
        "billed {billed_nanos} of {budget_nanos}"
    );
    assert!(
        spent_micros * NANOS_PER_MICRO + NANOS_PER_MICRO / 2 >= billed_nanos,
        "counted {spent_micros} µ$, billed {billed_nanos} n$"
    );
}

/// What records say of cost, which is what is counted (to the rounding of a micro).
pub(crate) fn recorded_nanos(records: &[Value], spent_micros: i64) -> i64 {
    let costs = records
        .iter()
        .filter_map(|record| record["cost_nanos"].as_i64());
    let recorded: i64 = costs.sum();
    assert!(
        (recorded - spent_micros * NANOS_PER_MICRO).abs() <= NANOS_PER_MICRO,
        "{recorded} n$ recorded, {spent_micros} µ$ counted"
    );
    recorded
}

/// A line for the table of `make proof`: what was tried, what the provider billed (nano-dollars),
/// what was counted and what was allowed (micro-dollars).
pub(crate) fn report(
    what: &str,
    how: &str,
    billed_nanos: i64,
    spent_micros: i64,
    limit_micros: i64,
) {
    let limit = limit_micros * NANOS_PER_MICRO;
    let (billed, over) = (billed_nanos.max(0), (billed_nanos - limit).max(0));
    let used = spent_micros.saturating_mul(10_000) / limit_micros.max(1);
    println!(
        "proof | {what} | {limit} | {billed} | {} | {}.{:02} % | {over} | {how}",
        spent_micros * NANOS_PER_MICRO,
        used / 100,
        used % 100
    );
}
