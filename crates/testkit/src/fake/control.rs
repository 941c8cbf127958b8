//! The fake's own routes, for tests that live in another process.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use iron_primitives::UnitPrice;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BatchEnd, Behaviour, Prices, Shared};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/behave", post(behave))
        .route("/behave-once", post(behave_once))
        .route("/end-batches", post(end_batches))
        .route("/prices", post(prices))
        .route("/requests", get(requests))
        .route("/bills", get(bills))
        .route("/reset", post(reset))
}

async fn behave(
    State(shared): State<Arc<Shared>>,
    Json(behaviour): Json<Behaviour>,
) -> Json<Value> {
    shared.book().standing = behaviour;
    Json(json!({}))
}

async fn behave_once(
    State(shared): State<Arc<Shared>>,
    Json(behaviour): Json<Behaviour>,
) -> Json<Value> {
    shared.book().next.push_back(behaviour);
    Json(json!({}))
}

async fn end_batches(State(shared): State<Arc<Shared>>, Json(end): Json<BatchEnd>) -> Json<Value> {
    shared.book().end_batches(&end);
    Json(json!({}))
}

/// Prices in pico-dollars per token.
#[derive(Deserialize)]
struct PricesInPicos {
    input: u64,
    cached: u64,
    output: u64,
}

async fn prices(
    State(shared): State<Arc<Shared>>,
    Json(picos): Json<PricesInPicos>,
) -> Json<Value> {
    shared.book().prices = Prices {
        input: UnitPrice::from_picos(picos.input),
        cached: UnitPrice::from_picos(picos.cached),
        output: UnitPrice::from_picos(picos.output),
    };
    Json(json!({}))
}

async fn requests(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let book = shared.book();
    let requests: Vec<_> = book
        .requests
        .iter()
        .map(|seen| {
            json!({
                "method": seen.method,
                "path": seen.path,
                "headers": seen.headers,
                "body": String::from_utf8_lossy(&seen.body),
            })
        })
        .collect();
    Json(json!(requests))
}

async fn bills(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let book = shared.book();
    let nanos: i64 = book.bills.iter().map(|bill| bill.nanos).sum();
    Json(json!({ "nanos": nanos, "bills": book.bills }))
}

async fn reset(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let mut book = shared.book();
    book.standing = Behaviour::default();
    book.next.clear();
    book.requests.clear();
    book.bills.clear();
    Json(json!({}))
}
