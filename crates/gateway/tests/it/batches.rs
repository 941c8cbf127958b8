//! Batches of OpenAI and of Anthropic: every line bounded and held before one is sent, and settled
//! once by what the results tell.

mod guarded;
mod house;
mod patience;

use iron_llm::ProviderKind::{Anthropic, OpenAi};
use iron_primitives::Money;
use iron_runtime::authority::{Change, Privacy};
use iron_runtime::record::Settlement;
use iron_testkit::{BatchEnd, Behaviour, Fault};
use serde_json::{Value, json};

use crate::files::{Desk, neighbour};

use house::{House, chat, line};

#[tokio::test]
async fn a_batch_holds_the_worst_case_and_settles_what_was_billed() {
    for kind in [OpenAi, Anthropic] {
        let house = House::of(kind).await;
        let made = house.make(&["a", "b", "c"]).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        assert!(!id.contains("fake"), "{id}");
        assert_eq!(house.settle().await, 0, "it is under way");
        house.fake.end_batches(&BatchEnd {
            output_tokens: 7,
            backwards: true,
            ..BatchEnd::default()
        });
        assert_eq!(house.settle().await, 1);
        assert_eq!(house.settle().await, 0);
        let (held, cost, record) = house.last();
        assert_eq!(cost.nanos(), house.fake.billed_nanos());
        assert!(cost > Money::ZERO && cost <= held, "{cost} of {held}");
        assert_eq!(record.dialect, "batch");
        assert_eq!(record.tokens.output, 21);
        assert_eq!(record.attempts[0].settlement, Settlement::Actual);
        let path = format!("{}/{id}", house.root());
        let told = house.desk().get(&path).await.json();
        assert_eq!(told["id"], json!(id));
        match kind {
            Anthropic => {
                let url = told["results_url"].as_str().expect("a place").to_owned();
                assert_eq!(url, format!("{path}/results"));
                let results = house.desk().get(&url).await;
                assert_eq!(results.body.lines().count(), 3, "{}", results.body);
            }
            _ => {
                assert_eq!(told["metadata"], json!({"night": "3"}));
                let file = told["output_file_id"].as_str().expect("a file");
                let read = house.desk().get(&format!("/v1/files/{file}/content")).await;
                assert_eq!(read.body.lines().count(), 3, "{}", read.body);
                let input = told["input_file_id"].as_str().expect("a file");
                let found = house.desk().get(&format!("/v1/files/{input}")).await;
                assert_eq!(found.status, 200, "{}", found.body);
            }
        }
        let records = house.front.world.records().await;
        let created = records
            .iter()
            .find(|record| record.dialect == "batches_create");
        let created = created.expect("the creation has a record");
        assert_eq!((created.cost_nanos, created.status), (0, 200));
        assert_eq!(record.request, Some(created.call));
    }
}

#[tokio::test]
async fn what_fails_or_is_not_begun_costs_nothing_and_what_tells_no_usage_its_bound() {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    for kind in [OpenAi, Anthropic] {
        for status in ["completed", "expired", "cancelled"] {
            let house = House::of(kind).await;
            house.make(&["a", "b", "c", "d"]).await;
            house.fake.end_batches(&BatchEnd {
                status: status.to_owned(),
                failing: words(&["b"]),
                unfinished: words(&["d"]),
                output_tokens: 5,
                ..BatchEnd::default()
            });
            assert_eq!(house.settle().await, 1);
            let (_, cost, record) = house.last();
            assert_eq!(cost.nanos(), house.fake.billed_nanos(), "{status}");
            assert_eq!(record.tokens.output, 10);
        }
        let house = House::of(kind).await;
        house.make(&["a"]).await;
        house.fake.end_batches(&BatchEnd {
            without_usage: words(&["a"]),
            ..BatchEnd::default()
        });
        assert_eq!(house.settle().await, 1);
        let (held, cost, record) = house.last();
        assert_eq!(cost, held);
        assert_eq!(record.attempts[0].settlement, Settlement::Estimated);
        let house = House::of(kind).await;
        house.make(&["a", "b"]).await;
        house.fake.end_batches(&BatchEnd {
            lost: words(&["b"]),
            ..BatchEnd::default()
        });
        assert_eq!(house.settle().await, 1);
        let (held, cost, _) = house.last();
        assert!(
            cost.nanos() >= held.nanos() / 2,
            "the lost one costs its bound"
        );
        assert!(cost < held);
    }
    let house = House::of(OpenAi).await;
    house.make(&["a"]).await;
    house.fake.end_batches(&BatchEnd {
        status: "failed".to_owned(),
        ..BatchEnd::default()
    });
    assert_eq!(house.settle().await, 1);
    assert_eq!(house.last().1, Money::ZERO);
}

#[tokio::test]
async fn a_line_that_would_be_refused_alone_refuses_the_batch() {
    let house = House::of(OpenAi).await;
    house
        .front
        .world
        .change(|agent| agent.allowed_models = Some(vec!["gpt-4o-mini".to_owned()]));
    let with = |field: &str, value: Value| {
        let mut body = chat("x");
        body[field] = value;
        body
    };
    let file =
        json!([{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]);
    for (body, word) in [
        (with("model", json!("gpt-4o")), "not allowed"),
        (with("stream", json!(true)), "do not stream"),
        (with("messages", file), "no stored files"),
        (with("n", json!(0)), "`n`"),
        (with("service_tier", json!("priority")), "tier"),
        (json!({"model": "gpt-4o-mini"}), "`messages`"),
    ] {
        let got = house
            .make_of(&[line("a", &chat("x")), line("b", &body)])
            .await;
        assert_eq!(got.status, 400, "{word}: {}", got.body);
        let text = got.json()["error"]["message"]
            .as_str()
            .expect("says why")
            .to_owned();
        assert!(text.contains("line 2") && text.contains(word), "{text}");
    }
    let twice = house.make(&["a", "a"]).await;
    assert!(twice.body.contains("stands twice"), "{}", twice.body);
    let sent = house.fake.requests();
    let made = sent.iter().filter(|seen| seen.path == "/v1/batches");
    assert_eq!(made.count(), 0, "nothing was sent");
    assert_eq!(house.front.world.authority.plane().batches.len(), 0);
}

#[tokio::test]
async fn a_batch_without_room_in_the_budget_is_not_sent_and_one_that_is_refused_holds_nothing() {
    let house = House::of(Anthropic).await;
    house.front.world.limit_agent(10_000);
    let got = house.make(&["a", "b"]).await;
    assert_eq!(got.status, 429, "{}", got.body);
    assert_eq!(house.fake.requests().len(), 0);
    house.front.world.limit_agent(1_000_000_000);
    house.fake.behave_once(Behaviour {
        fault: Fault::Status {
            status: 400,
            retry_after: None,
        },
        ..Behaviour::default()
    });
    let got = house.make(&["a"]).await;
    assert_eq!(got.status, 400, "{}", got.body);
    {
        let plane = house.front.world.authority.plane();
        let settled = &plane.batches[0].settled[0];
        assert_eq!(
            (settled.cost, settled.record.is_none()),
            (Money::ZERO, true)
        );
    }
    // Nobody knows what became of this one.
    house.fake.behave_once(Behaviour {
        fault: Fault::Status {
            status: 504,
            retry_after: None,
        },
        ..Behaviour::default()
    });
    let got = house.make(&["a"]).await;
    assert_eq!(got.status, 503, "{}", got.body);
    assert_eq!(house.settle().await, 1);
    let (held, cost, record) = house.last();
    assert_eq!(cost, held);
    assert_eq!(record.attempts[0].settlement, Settlement::Estimated);
}

#[tokio::test]
async fn batches_are_found_and_cancelled_by_their_agent_alone() {
    for kind in [OpenAi, Anthropic] {
        let house = House::of(kind).await;
        let id = house.make(&["a"]).await.json()["id"].clone();
        let path = format!("{}/{}", house.root(), id.as_str().expect("an id"));
        let list = house.desk().get(house.root()).await.json();
        assert_eq!(list["data"][0]["id"], id);
        let other = Desk {
            token: neighbour(&house.front),
            ..house.desk()
        };
        let theirs = other.get(house.root()).await.json();
        assert_eq!(theirs["data"], json!([]));
        assert_eq!(other.get(&path).await.status, 404);
        let cancel = format!("{path}/cancel");
        assert_eq!(other.send("POST", &cancel, &[], "").await.status, 404);
        let got = house.desk().send("POST", &cancel, &[], "").await;
        assert_eq!((got.status, &got.json()["id"]), (200, &id), "{}", got.body);
        let named = format!("/providers/{}{cancel}", kind.as_str());
        assert_eq!(house.desk().send("POST", &named, &[], "").await.status, 200);
        house.fake.end_batches(&BatchEnd {
            unfinished: vec!["a".to_owned()],
            ..BatchEnd::default()
        });
        assert_eq!(house.settle().await, 1);
        assert_eq!(house.last().1, Money::ZERO);
    }
}

#[tokio::test]
async fn who_lets_providers_store_nothing_or_counts_tokens_makes_no_batches() {
    let house = House::of(Anthropic).await;
    let world = &house.front.world;
    world.change(|agent| agent.team_rules.privacy = Privacy::Moderate);
    world.runtime.apply(Change::Prices);
    let got = house.make(&["a"]).await;
    assert!(got.body.contains("store nothing"), "{}", got.body);
    world.change(|agent| {
        agent.team_rules.privacy = Privacy::Permissive;
        agent.counted.tokens = true;
    });
    world.runtime.apply(Change::Prices);
    let got = house.make(&["a"]).await;
    assert!(got.body.contains("tokens are limited"), "{}", got.body);
    world.authority.plane().keeps_nothing = true;
    let got = house.desk().get(house.root()).await;
    assert!(got.body.contains("routers keep no files"), "{}", got.body);
    assert_eq!(house.fake.requests().len(), 0);
}
