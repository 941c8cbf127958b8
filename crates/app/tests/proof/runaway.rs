//! An agent that spends too fast, on two servers at once.

use iron_store::testing::PostgresSchema;
use iron_testkit::{Behaviour, FakeUpstream, Shape};
use serde_json::{Value, json};

use crate::books::{field, get, recorded_nanos};
use crate::http;
use crate::server::{Agent, Provider, Server, Variables};
use crate::streams::{ask, listen, under_way};

const STREAMS: usize = 4;
const TOKENS: u64 = 40;

/// Streams that last a good while, and end by themselves.
fn slowly() -> Behaviour {
    Behaviour {
        output_tokens: TOKENS,
        piece_delay_ms: 350,
        ..Behaviour::default()
    }
}

async fn agent_at(server: &Server, admin: &str, upstream: &FakeUpstream, name: &str) -> Agent {
    let provider = Provider {
        kind: "openai",
        base_url: &upstream.base_url(),
        key: &upstream.key(),
        timeout_seconds: Some(60),
    };
    server.agent_named(admin, name, &provider, 10.0).await
}

/// Whole answers in quick succession, on one server, until the agent is stopped:
/// the stop may reach the last call before it is let in, or while it is under way.
async fn runs_away(server: &Server, agent: &Agent) {
    for _ in 0..2_000 {
        let answer = ask(server, agent, 2_000).await;
        if answer.status == 200 {
            continue;
        }
        let error = answer.json()["error"].clone();
        assert_eq!(
            (answer.status, &error["code"]),
            (409, &json!("INVALID_STATE"))
        );
        return;
    }
    panic!("nobody stops it");
}

/// The budget of an agent once nothing is held and nothing in doubt.
async fn at_rest(server: &Server, admin: &str, agent: &Agent) -> Value {
    let path = format!("/api/v1/limits/agents/{}/budget", agent.id);
    crate::books::at_rest(server, admin, &path).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runaway_that_one_server_notes_ends_on_the_other_too_and_its_money_is_exact() {
    let schema = PostgresSchema::create().await.expect("a schema");
    let variables: Variables = vec![
        ("IRON_DATABASE_URL", schema.url()),
        ("IRON_MASTER_KEY", "5a".repeat(32)),
    ];
    let one = Server::start_with(variables.clone()).await;
    let other = Server::start_with(variables).await;
    let upstream = FakeUpstream::start(Shape::OpenAi).await;
    let upstream = upstream.expect("a fake provider");
    let admin = one.sign_in().await;
    let agent = agent_at(&one, &admin, &upstream, "runaway").await;
    let bystander = agent_at(&one, &admin, &upstream, "bystander").await;
    let path = format!("/api/v1/limits/agents/{}/budget", agent.id);
    let bound = json!({"budget": 10, "max_spend_per_minute": 0.01, "hard_action": "kill"});
    http::call(&one.address, Some(&admin), "PUT", &path, &bound).await;

    upstream.behave(slowly());
    let goes_on = [&one, &other].map(|server| listen(server, &bystander, TOKENS));
    let streams = [&one, &other].map(|server| {
        let streams = (0..STREAMS).map(|_| listen(server, &agent, TOKENS));
        streams.collect::<Vec<_>>()
    });
    for server in [&one, &other] {
        under_way(server, STREAMS + 1).await;
    }
    upstream.behave(Behaviour {
        output_tokens: 2_000,
        ..Behaviour::default()
    });
    runs_away(&one, &agent).await;
    let noted = std::time::Instant::now();

    let mut last = noted;
    for stream in streams.into_iter().flatten() {
        let heard = stream.await.expect("a listener");
        let error = heard.error();
        assert_eq!(error["message"], "the agent was ended", "{error}");
        last = last.max(heard.ended);
    }
    for bystander in &goes_on {
        assert!(!bystander.is_finished(), "nobody waited for the provider");
    }
    println!(
        "a runaway: {} streams on two servers ended {:?} after the first refusal",
        2 * STREAMS,
        last - noted
    );
    let refused = ask(&other, &agent, 5).await;
    assert_eq!(refused.json()["error"]["code"], "INVALID_STATE");
    let events = format!("/api/v1/limits/events?scope={}&kind=runaway", agent.id);
    let events = get(&one, &admin, &events).await;
    assert_eq!(events["data"].as_array().map(Vec::len), Some(1), "{events}");
    for bystander in goes_on {
        let heard = bystander.await.expect("a listener");
        assert!(
            heard.answer.body.contains("[DONE]"),
            "{}",
            heard.answer.body
        );
    }

    let spent = field(&at_rest(&one, &admin, &agent).await, "spent_micros");
    let besides = field(&at_rest(&one, &admin, &bystander).await, "spent_micros");
    let of_agent = |record: &Value| record["agent"] == json!(agent.id);
    let mut records = one.call_records();
    records.extend(other.call_records());
    let (own, others): (Vec<_>, Vec<_>) = records.into_iter().partition(of_agent);
    let recorded = recorded_nanos(&own, spent) + recorded_nanos(&others, besides);
    assert_eq!(recorded, upstream.billed_nanos(), "to the nano-dollar");
    let cut = |record: &&Value| record["attempts"][0]["ended"] == "agent_ended";
    let cuts = own.iter().filter(cut).count();
    // The call that gave it away may have been cut at its end, too.
    assert!(
        (2 * STREAMS..=2 * STREAMS + 1).contains(&cuts),
        "{cuts} were cut"
    );
    drop((one, other));
    schema.drop().await.expect("the schema goes");
}
