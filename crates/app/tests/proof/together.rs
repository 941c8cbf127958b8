//! What a team may call in a minute and what a plan allows on a day hold for all servers together.

use iron_testkit::{FakeUpstream, Shape};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::house::{House, SERVERS, agent_of, ask, text, told};
use crate::http::Answer;
use crate::server::{Agent, Variables};

const A_MINUTE: usize = 25;
/// With the plan `free`.
const A_DAY: usize = 100;
/// So many calls may each server let in before it has booked them.
const CREDIT: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_of_a_team_and_the_calls_of_a_plan_are_those_of_all_servers_together() {
    let house = House::build(Variables::new()).await;
    let upstream = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    let admin = text(&house.sign_in().await, "access_token");
    let change = async |method, path: &str, body: Value| {
        let answer = house.ask(Some(&admin), method, path, &body).await;
        assert!(answer.status < 300, "{path}: {}", answer.body);
        answer.json()
    };
    let team = json!({"name": "research", "budget": 100,
        "policy": {"rate_limits": {"requests_per_minute": A_MINUTE}}});
    let team = text(&change("POST", "/api/v1/teams", team).await, "id");
    let hurried = agent_of(&house, &admin, &upstream, 0, 10.0).await;
    let path = format!("/api/v1/agents/{}", hurried.id);
    change("PATCH", &path, json!({"team_id": team})).await;
    let answers = crowd(&house, &hurried, 3 * A_MINUTE).await;
    assert_eq!(let_in(&answers), A_MINUTE);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        let error = &answer.json()["error"];
        assert_eq!(answer.status, 429, "{error}");
        assert_eq!(error["scope_id"], team, "{error}");
        // It is told from when the call came, which a busy machine has kept waiting.
        let seconds = told(answer, "retry-after");
        assert!(
            seconds.is_some_and(|seconds| (50..=70).contains(&seconds)),
            "{}",
            answer.head
        );
    }

    let tenants = change("GET", "/api/v1/tenants", Value::Null).await;
    let path = format!("/api/v1/tenants/{}", text(&tenants["data"][0], "id"));
    change("PATCH", &path, json!({"plan": "free"})).await;
    let patient = agent_of(&house, &admin, &upstream, 1, 10.0).await;
    let answers = crowd(&house, &patient, 2 * A_DAY).await;
    let all = let_in(&answers);
    println!("{all} calls of {A_DAY} on {SERVERS} servers");
    assert!((A_DAY..=A_DAY + SERVERS * CREDIT).contains(&all), "{all}");
    // A server may let in what is left of its credit until it has heard of the others.
    let mut late = 0;
    for server in &house.servers {
        let answer = loop {
            let answer = call(server.address.clone(), patient.token.clone()).await;
            if answer.status != 200 {
                break answer;
            }
            late += 1;
            assert!(all + late <= A_DAY + SERVERS * CREDIT, "{all} and {late}");
        };
        let error = &answer.json()["error"];
        assert_eq!(answer.status, 429, "{error}");
        assert_eq!(error["code"], "QUOTA_EXCEEDED", "{error}");
        assert!(error.to_string().contains("calls_per_day"), "{error}");
    }
    house.end().await;
}

fn let_in(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

/// So many calls, on all servers at once.
async fn crowd(house: &House, agent: &Agent, calls: usize) -> Vec<Answer> {
    let mut asking = JoinSet::new();
    for number in 0..calls {
        let server = &house.servers[number % SERVERS];
        asking.spawn(call(server.address.clone(), agent.token.clone()));
    }
    asking.join_all().await
}

async fn call(address: String, token: String) -> Answer {
    let asked = json!({
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "How much is the fish?"}],
        "max_tokens": 20,
    });
    ask(
        &address,
        Some(&token),
        "POST",
        "/v1/chat/completions",
        &asked,
    )
    .await
}
