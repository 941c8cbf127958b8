//! Amazon Bedrock, asked through the gateway: how a request is signed, what a stream that goes wrong
//! costs, and which price counts.

use iron_llm::{ProviderConfig, ProviderKind};
use iron_primitives::ProviderId;
use iron_runtime::authority::Route;
use iron_runtime::record::Settlement;
use iron_testkit::{Behaviour, FakeUpstream, Fault, RetryAfter, Shape, TestEnvironment};
use serde_json::{Value, json};

use crate::front::{Front, behind, behind_configured};
use crate::kit::route;

const CHAT: &str = "/v1/chat/completions";
const HAIKU: &str = "eu.anthropic.claude-haiku-4-5-20251001-v1:0";

fn body(model: &str, stream: bool) -> String {
    json!({"model": model, "max_tokens": 50, "stream": stream,
        "messages": [{"role": "user", "content": "Grüße?"}]})
    .to_string()
}

async fn bedrock() -> (FakeUpstream, Front) {
    behind(ProviderKind::AwsBedrock).await
}

fn paths(fake: &FakeUpstream) -> Vec<String> {
    fake.requests().into_iter().map(|seen| seen.path).collect()
}

#[tokio::test]
async fn a_model_is_named_by_its_path_and_the_signature_covers_it() {
    let (fake, front) = bedrock().await;
    for stream in [false, true] {
        let got = front.post(CHAT, &body(HAIKU, stream)).await;
        assert_eq!(got.status, 200, "{}", got.body);
    }
    let model = "/model/eu.anthropic.claude-haiku-4-5-20251001-v1%3A0";
    let expected = [
        format!("{model}/converse"),
        format!("{model}/converse-stream"),
    ];
    assert_eq!(paths(&fake), expected);
    for seen in fake.requests() {
        let shown = seen.header("authorization").expect("a signature");
        assert!(
            shown.contains("/eu-central-1/bedrock/aws4_request"),
            "{shown}"
        );
        let sent: Value = serde_json::from_slice(&seen.body).expect("JSON");
        assert_eq!(sent.get("model"), None);
        assert_eq!(sent["inferenceConfig"]["maxTokens"], 50);
    }
}

#[tokio::test]
async fn keys_of_a_session_and_of_bedrock_itself_are_shown() {
    for key in [
        "ASIAFAKEFAKEFAKEFAKE:secret/+:IQoJb3Jp:Z2lu+/==",
        "ABSKRmFrZUJlZHJvY2tLZXk=",
    ] {
        let (fake, front) = bedrock().await;
        fake.set_key(key);
        let provider: ProviderId = TestEnvironment::seeded(9).environment.new_id();
        front.world.set_key(provider, key);
        let got = front.post(CHAT, &body(HAIKU, true)).await;
        assert_eq!(got.status, 200, "{key}: {}", got.body);
    }
}

#[tokio::test]
async fn a_signature_that_aws_does_not_take_is_the_administrators_affair() {
    let (fake, front) = bedrock().await;
    let now = front.world.environment.now().seconds();
    for skew in [-301, 301] {
        fake.set_time(now + skew);
        let got = front.post(CHAT, &body(HAIKU, false)).await;
        assert_eq!(got.status, 503, "{}", got.body);
        assert!(got.body.contains("stored credential"), "{}", got.body);
    }
    fake.set_time(now + 299);
    let got = front.post(CHAT, &body(HAIKU, false)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    fake.set_key("AKIAFAKEFAKEFAKEFAKE:another/secret");
    let got = front.post(CHAT, &body(HAIKU, false)).await;
    assert_eq!(got.status, 503, "{}", got.body);
    assert!(!got.body.contains("another"), "{}", got.body);
    let (_, elsewhere) = behind_configured(
        ProviderKind::AwsBedrock,
        ProviderConfig {
            region: Some("us-east-1".to_owned()),
            ..ProviderConfig::default()
        },
    )
    .await;
    let got = elsewhere.post(CHAT, &body(HAIKU, false)).await;
    assert_eq!(
        got.status, 503,
        "the scope is another region's: {}",
        got.body
    );
    for record in front
        .world
        .records()
        .await
        .iter()
        .filter(|record| record.cost_nanos > 0)
    {
        assert_eq!(record.status, 200);
    }
}

#[tokio::test]
async fn each_attempt_is_signed_anew() {
    let (fake, front) = bedrock().await;
    fake.behave_once(Behaviour {
        fault: Fault::Status {
            status: 429,
            retry_after: Some(RetryAfter::Seconds(0)),
        },
        ..Behaviour::default()
    });
    let got = front.post(CHAT, &body(HAIKU, false)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(fake.requests().len(), 2);
    let records = front.world.records().await;
    assert_eq!(records[0].attempts.len(), 2);
    assert_eq!(records[0].attempts[0].settled_nanos, 0);
}

#[tokio::test]
async fn a_stream_that_goes_wrong_costs_its_bound_and_says_so() {
    for (fault, told) in [
        (Fault::OverloadedAfter(3), "The service is unavailable."),
        (Fault::Garbage, "broke off"),
        (Fault::CutAt(700), "broke off"),
    ] {
        let (fake, front) = bedrock().await;
        fake.behave(Behaviour {
            fault: fault.clone(),
            ..Behaviour::default()
        });
        let got = front.post(CHAT, &body(HAIKU, true)).await;
        assert_eq!(got.status, 200, "{fault:?}: {}", got.body);
        assert!(got.body.contains(told), "{fault:?}: {}", got.body);
        let records = front.world.records().await;
        let attempt = &records[0].attempts[0];
        assert_eq!(attempt.settlement, Settlement::Estimated, "{fault:?}");
        assert!(records[0].cost_nanos >= fake.billed_nanos(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_model_that_failed_costs_its_bound_and_is_not_asked_again() {
    for (status, shown) in [(424, 500), (408, 504)] {
        let (fake, front) = bedrock().await;
        fake.behave(Behaviour {
            fault: Fault::Status {
                status,
                retry_after: None,
            },
            ..Behaviour::default()
        });
        let got = front.post(CHAT, &body(HAIKU, false)).await;
        assert_eq!(got.status, shown, "{}", got.body);
        assert_eq!(fake.requests().len(), 1);
        let records = front.world.records().await;
        assert_eq!(records[0].attempts[0].settlement, Settlement::Estimated);
    }
}

#[tokio::test]
async fn a_profile_of_ones_own_has_the_price_of_the_model_behind_it() {
    let arn = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3";
    let config = ProviderConfig {
        deployments: [(arn.to_owned(), HAIKU.to_owned())].into(),
        ..ProviderConfig::default()
    };
    let (fake, front) = behind_configured(ProviderKind::AwsBedrock, config).await;
    let unknown = arn.replace("a1b2c3", "d4e5f6");
    let got = front.post(CHAT, &body(&unknown, false)).await;
    assert_eq!(got.status, 400, "without a price: {}", got.body);
    for model in [arn, HAIKU] {
        let got = front.post(CHAT, &body(model, false)).await;
        assert_eq!(got.status, 200, "{}", got.body);
    }
    let path = "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Aapplication-inference-profile%2Fa1b2c3/converse";
    assert_eq!(paths(&fake), [path, path]);
    let records = front.world.records().await;
    let priced = records.iter().filter(|record| record.cost_nanos > 0);
    let costs: Vec<i64> = priced.map(|record| record.cost_nanos).collect();
    assert_eq!(costs.len(), 2);
    assert_eq!(costs[0], costs[1]);
}

#[tokio::test]
async fn a_model_costs_what_it_costs_in_its_region() {
    let (fake, front) = bedrock().await;
    // The list has eu-central-1's own price for this one.
    let got = front.post(CHAT, &body("minimax.minimax-m2.5", false)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let records = front.world.records().await;
    let attempt = &records[0].attempts[0];
    assert_eq!(attempt.model, "eu-central-1/minimax.minimax-m2.5");
    assert!(paths(&fake)[0].contains("/model/minimax.minimax-m2.5/"));
}

/// A front whose key takes on a role at the fake's own security token service.
async fn with_role(external_id: &str) -> (FakeUpstream, Front) {
    let fake = FakeUpstream::start(Shape::Bedrock)
        .await
        .expect("a fake provider");
    let config = ProviderConfig {
        region: Some("eu-central-1".to_owned()),
        role_arn: Some("arn:aws:iam::123456789012:role/fake".to_owned()),
        external_id: Some(external_id.to_owned()),
        sts_url: Some(fake.base_url()),
        ..ProviderConfig::default()
    };
    let provider: ProviderId = TestEnvironment::seeded(9).environment.new_id();
    let route = Route {
        config,
        ..route(ProviderKind::AwsBedrock, &fake.base_url(), provider)
    };
    let front = Front::new(vec![route]).await;
    front.world.set_key(provider, &fake.key());
    fake.set_time(front.world.environment.now().seconds());
    (fake, front)
}

fn roles_asked(fake: &FakeUpstream) -> usize {
    paths(fake).iter().filter(|path| *path == "/").count()
}

#[tokio::test]
async fn a_role_is_taken_on_once_and_its_credentials_sign() {
    let (fake, front) = with_role("fake-external-id").await;
    let asked = body(HAIKU, false);
    let together = (0..8).map(|_| front.post(CHAT, &asked));
    for got in futures_util::future::join_all(together).await {
        assert_eq!(got.status, 200, "{}", got.body);
    }
    assert_eq!(roles_asked(&fake), 1);
    let requests = fake.requests();
    let last = requests.last().expect("a request");
    let shown = last.header("authorization").expect("a signature");
    assert!(
        shown.contains("Credential=ASIAFAKE000000000000/"),
        "{shown}"
    );
    assert!(last.header("x-amz-security-token").is_some());
    fake.revoke_tokens();
    let got = front.post(CHAT, &asked).await;
    assert_eq!(got.status, 503, "{}", got.body);
    let got = front.post(CHAT, &asked).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(roles_asked(&fake), 2);
}

#[tokio::test]
async fn credentials_of_a_role_are_renewed_before_they_end() {
    let (fake, front) = with_role("fake-external-id").await;
    let asked = body(HAIKU, false);
    for (passed, expected) in [(0, 1), (3_200, 1), (200, 2)] {
        front
            .world
            .clock
            .advance(std::time::Duration::from_secs(passed));
        fake.set_time(front.world.environment.now().seconds());
        let got = front.post(CHAT, &asked).await;
        assert_eq!(got.status, 200, "{}", got.body);
        for _ in 0..500 {
            if roles_asked(&fake) >= expected {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(roles_asked(&fake), expected);
    }
}

#[tokio::test]
async fn a_role_that_is_refused_is_told_and_nothing_is_sent() {
    let (fake, front) = with_role("another-id").await;
    let got = front.post(CHAT, &body(HAIKU, false)).await;
    assert_eq!(got.status, 503, "{}", got.body);
    assert!(got.body.contains("there is no token"), "{}", got.body);
    assert!(!got.body.contains("sts:AssumeRole"), "{}", got.body);
    assert!(fake.bills().is_empty());
    assert_eq!(front.world.records().await[0].cost_nanos, 0);
}
