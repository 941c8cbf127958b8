//! Three servers look after one database: what one of them does, the others leave.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;
use iron_testkit::{Behaviour, FakeUpstream, Shape};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::house::{House, agent_of, ask, text};
use crate::server::{Agent, Variables};

/// What a webhook has received.
type Received = Arc<Mutex<Vec<Value>>>;

async fn receiver() -> (String, Received, JoinHandle<()>) {
    let received = Received::default();
    let keep = |State(received): State<Received>, Json(body): Json<Value>| async move {
        received.lock().expect("nobody panics").push(body);
    };
    let router = axum::Router::new()
        .fallback(keep)
        .with_state(received.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let serving = tokio::spawn(async move {
        axum::serve(listener, router).await.expect("it serves");
    });
    (url, received, serving)
}

/// All servers look after the same database: what one of them does, the others leave.
#[tokio::test(flavor = "multi_thread")]
async fn what_happens_once_is_done_and_told_once_by_three_servers() {
    let house = House::build(Variables::new()).await;
    let upstream = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    upstream.behave(Behaviour {
        output_tokens: 150,
        ..Behaviour::default()
    });
    let admin = text(&house.sign_in().await, "access_token");
    let (url, received, serving) = receiver().await;
    let hook = json!({"name": "hook", "kind": "webhook", "url": url,
        "events": ["budget.warning"]});
    let made = house
        .ask(Some(&admin), "POST", "/api/v1/notification-channels", &hook)
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let mut told = Vec::new();
    // One after the other: whoever tells of something twice has had the time for it.
    for number in 0..3 {
        let agent = agent_of(&house, &admin, &upstream, number, 0.4).await;
        let mut patience = 2_000;
        // Of half of the budget, of 80 and of 90 percent.
        while of(&received, &agent) < 3 {
            patience -= 1;
            let all = received.lock().expect("nobody panics").clone();
            assert!(patience > 0, "nobody tells of it: {all:?}");
            spend(&house, &agent).await;
        }
        told.push(agent);
    }
    let mut ids = received.lock().expect("nobody panics").clone();
    let all = ids.len();
    ids.sort_by_key(|notice| notice["id"].to_string());
    ids.dedup_by_key(|notice| notice["id"].to_string());
    assert_eq!(ids.len(), all, "something was told twice");
    for agent in &told {
        let events = format!("/api/v1/limits/events?scope={}&kind=warning", agent.id);
        let events = house
            .ask(Some(&admin), "GET", &events, &Value::Null)
            .await
            .json();
        let mut percents: Vec<_> = events["data"].as_array().into_iter().flatten().collect();
        let all = percents.len();
        percents.sort_by_key(|event| event["percentage"].to_string());
        percents.dedup_by_key(|event| event["percentage"].to_string());
        assert!(all >= 3 && percents.len() == all, "{events}");
    }
    serving.abort();
    house.end().await;
}

/// A few calls at once, each of them dear and yet less than a hundredth of the budget.
async fn spend(house: &House, agent: &Agent) {
    let asked = json!({
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "How much is the fish?"}],
        "max_tokens": 200,
    });
    let mut spending = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (address, token) = (house.balancer.address.clone(), agent.token.clone());
        let asked = asked.clone();
        spending.spawn(async move {
            ask(
                &address,
                Some(&token),
                "POST",
                "/v1/chat/completions",
                &asked,
            )
            .await;
        });
    }
    spending.join_all().await;
}

/// How many notices have come about this agent.
fn of(received: &Received, agent: &Agent) -> usize {
    let all = received.lock().expect("nobody panics");
    all.iter()
        .filter(|told| told.to_string().contains(&agent.id))
        .count()
}
