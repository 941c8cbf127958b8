//! Three servers behind a balancer are replaced one after the other, while everybody works.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use iron_testkit::{Behaviour, FakeUpstream, Shape};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::books::{NANOS_PER_MICRO, at_rest, field, recorded_nanos};
use crate::crowd::body;
use crate::house::{House, SERVERS, agent_of, text};
use crate::server::{Server, Variables};

/// What everybody asks without a pause while servers come and go, and what went wrong.
#[derive(Default)]
struct Traffic {
    over: AtomicBool,
    reads: AtomicU64,
    calls: AtomicU64,
    streams: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Traffic {
    fn complain(&self, what: &str, about: &dyn std::fmt::Debug) {
        let mut wrong = self.wrong.lock().expect("nobody panics");
        wrong.push(format!("{what}: {about:?}"));
    }

    /// Sends requests over connections that it keeps, until it is over.
    async fn flow(&self, kind: Kind, client: reqwest::Client, address: String, token: String) {
        while !self.over.load(Ordering::Relaxed) {
            let (method, path, asked) = kind.request();
            let request = client.request(method, format!("http://{address}{path}"));
            let request = request.bearer_auth(&token);
            let request = match asked {
                Some(asked) => request.json(&asked),
                None => request,
            };
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) => {
                    self.complain(path, &error);
                    continue;
                }
            };
            let status = answer.status();
            match answer.text().await {
                Ok(said) if status == StatusCode::OK && kind.is_whole(&said) => {
                    kind.counter(self).fetch_add(1, Ordering::Relaxed);
                }
                other => self.complain(path, &(status, other)),
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Read,
    Call,
    Stream,
}

impl Kind {
    fn request(self) -> (Method, &'static str, Option<Value>) {
        match self {
            Kind::Read => (Method::GET, "/api/v1/agents?per_page=5", None),
            Kind::Call => (Method::POST, "/v1/chat/completions", Some(body(20, false))),
            Kind::Stream => (Method::POST, "/v1/chat/completions", Some(body(20, true))),
        }
    }

    fn is_whole(self, said: &str) -> bool {
        match self {
            Kind::Stream => said.trim_end().ends_with("data: [DONE]"),
            _ => serde_json::from_str::<Value>(said).is_ok(),
        }
    }

    const fn counter(self, traffic: &Traffic) -> &AtomicU64 {
        match self {
            Kind::Read => &traffic.reads,
            Kind::Call => &traffic.calls,
            Kind::Stream => &traffic.streams,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_replaced_one_after_the_other_and_nobody_is_refused() {
    let mut house = House::build(Variables::new()).await;
    let upstream = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    // A stream takes two seconds: some are under way whenever a server is told to stop.
    upstream.behave(Behaviour {
        output_tokens: 20,
        piece_delay_ms: 100,
        ..Behaviour::default()
    });
    let admin = text(&house.sign_in().await, "access_token");
    let agent = agent_of(&house, &admin, &upstream, 0, 100.0).await;
    let traffic = Arc::new(Traffic::default());
    let kinds = [
        Kind::Read,
        Kind::Read,
        Kind::Call,
        Kind::Call,
        Kind::Stream,
        Kind::Stream,
    ];
    let flowing = kinds.map(|kind| {
        let (traffic, address) = (traffic.clone(), house.balancer.address.clone());
        let token = match kind {
            Kind::Read => admin.clone(),
            _ => agent.token.clone(),
        };
        let client = reqwest::Client::new();
        tokio::spawn(async move { traffic.flow(kind, client, address, token).await })
    });
    for number in 0..SERVERS {
        house.servers[number].signal("TERM");
        assert!(
            house.servers[number].ended_in_order().await,
            "server {number}"
        );
        house.servers[number].restart().await;
        house.balancer.until_up(SERVERS).await;
    }
    traffic.over.store(true, Ordering::Relaxed);
    for flow in flowing {
        flow.await.expect("it ends");
    }
    let wrong = traffic.wrong.lock().expect("nobody panics").clone();
    assert!(
        wrong.is_empty(),
        "{} went wrong: {:#?}",
        wrong.len(),
        wrong.first()
    );
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "three servers replaced: {} reads, {} calls, {} streams, none refused",
        count(&traffic.reads),
        count(&traffic.calls),
        count(&traffic.streams)
    );
    assert!(count(&traffic.reads) > 0 && count(&traffic.calls) > 0 && count(&traffic.streams) > 0);
    // The last reports are on their way.
    let path = format!("/api/v1/limits/agents/{}/budget", agent.id);
    let mut patience = 600;
    let mut budget = at_rest(&house.servers[0], &admin, &path).await;
    while field(&budget, "spent_micros") < upstream.billed_nanos() / NANOS_PER_MICRO {
        patience -= 1;
        assert!(patience > 0, "not all is counted: {budget}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        budget = at_rest(&house.servers[0], &admin, &path).await;
    }
    let records: Vec<Value> = house
        .servers
        .iter()
        .flat_map(Server::call_records)
        .collect();
    let recorded = recorded_nanos(&records, field(&budget, "spent_micros"));
    assert_eq!(recorded, upstream.billed_nanos(), "to the nano-dollar");
    assert_eq!(
        records.len() as u64,
        count(&traffic.calls) + count(&traffic.streams)
    );
    house.end().await;
}
