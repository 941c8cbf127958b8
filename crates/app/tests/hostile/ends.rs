//! Agents and tokens that end while a provider keeps a call waiting.

use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::{House, Speaks, assert_clear_error};
use crate::provider::Step;

/// Waits until the provider has so many requests.
async fn the_provider_was_asked(house: &House, times: usize) {
    while house.provider.asked() < times {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_its_first_byte_ends_with_its_agent_and_its_token_at_its_bound() {
    let house = House::patient("openai", 4).await;
    let (server, admin) = (&house.server, &house.admin);
    let agent = format!("/api/v1/agents/{}", house.agent.id);
    let token = format!("/api/v1/tokens/{}", house.agent.token_id);
    let act = async |verb: &str| -> Value {
        let path = format!("{agent}/{verb}");
        server.post(Some(admin), &path, &json!({})).await
    };
    let cases = [
        ("a kill", false, (409, "INVALID_STATE"), "agent_ended"),
        ("a kill", true, (409, "INVALID_STATE"), "agent_ended"),
        (
            "a revocation",
            true,
            (401, "TOKEN_REVOKED"),
            "token_revoked",
        ),
    ];
    for (number, (what, stream, (status, code), _)) in cases.into_iter().enumerate() {
        let ending = async {
            the_provider_was_asked(&house, number + 1).await;
            match what {
                "a kill" => drop(act("kill").await),
                _ => server.delete(admin, &token).await,
            }
        };
        let call = house.ask(Speaks::OpenAi, stream, vec![Step::Silence]);
        let (got, ()) = tokio::join!(call, ending);
        assert_clear_error(Speaks::OpenAi, &got, what);
        assert_eq!(got.status, status, "{what}: {}", got.body);
        assert_eq!(got.json()["error"]["code"], code, "{what}: {}", got.body);
        if what == "a kill" {
            act("start").await;
        }
    }
    let records = house.records(cases.len()).await;
    assert_eq!(records.len(), cases.len());
    for (record, (what, _, (status, _), ended)) in records.iter().zip(cases) {
        let attempt = &record["attempts"][0];
        assert_eq!(record["outcome"], "cut", "{what}: {record}");
        assert_eq!(record["status"], status, "{what}: {record}");
        assert_eq!(attempt["ended"], ended, "{what}: {record}");
        assert_eq!(attempt["settlement"], "estimated", "{what}: {record}");
        assert_eq!(
            attempt["settled_nanos"], attempt["hold"]["amount_nanos"],
            "{what}"
        );
    }
    house.assert_money_is_settled(&records).await;
}
