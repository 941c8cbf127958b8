//! Requests and providers that mean no good, or are merely broken.

use iron_gateway::Config;
use iron_llm::ProviderKind;
use iron_runtime::record::{Ended, Outcome, Settlement};
use iron_testkit::{Behaviour, Fault, TestEnvironment};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::front::{Front, behind, simulated};
use crate::kit::route;

const CHAT: &str =
    r#"{"model":"gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"hello"}]}"#;
const STREAMED: &str = r#"{"model":"gpt-4o-mini","max_tokens":50,"stream":true,"messages":[{"role":"user","content":"hello"}]}"#;

#[tokio::test]
async fn bodies_that_are_no_request_are_refused_in_words_and_recorded() {
    let front = simulated().await;
    let message = r#""messages":[{"role":"user","content":"x"}]"#;
    let deep = format!(r#"{{"model":"sim/chat","x":{}}}"#, "[".repeat(100_000));
    let cases: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\xff\xfe{}".to_vec(),
        b"{\"model\":\"sim/chat\xff\"}".to_vec(),
        deep.into_bytes(),
        br#"{"model":"sim/chat"}"#.to_vec(),
        br#"{"messages":[]}"#.to_vec(),
        format!(r#"{{"model":7,{message}}}"#).into_bytes(),
        format!(r#"{{"model":"sim/chat","model":"sim/embed",{message}}}"#).into_bytes(),
        format!(r#"{{"model":"sim/chat","max_tokens":-1,{message}}}"#).into_bytes(),
        format!(r#"{{"model":"sim/chat","max_tokens":1e99,{message}}}"#).into_bytes(),
        format!(r#"{{"model":"sim/chat","max_tokens":"many",{message}}}"#).into_bytes(),
        format!(r#"{{"model":"sim/chat","n":1000000,{message}}}"#).into_bytes(),
        format!(r#"{{"model":"sim/chat","stream":"yes",{message}}}"#).into_bytes(),
        format!(r#"{{"model":"sim/chat",{message}}} trailing"#).into_bytes(),
    ];
    let bearer = format!("Bearer {}", front.world.token());
    let headers = [("authorization", bearer.as_str())];
    for body in &cases {
        let shown = String::from_utf8_lossy(body.get(..60.min(body.len())).unwrap_or_default())
            .into_owned();
        let refused = front
            .send("POST", "/v1/chat/completions", &headers, body)
            .await;
        assert_eq!(refused.status, 400, "{shown}: {}", refused.body);
        assert!(refused.json()["error"]["message"].is_string(), "{shown}");
        assert_eq!(refused.header("x-should-retry"), Some("false"), "{shown}");
    }
    let records = front.world.records().await;
    assert_eq!(records.len(), cases.len());
    assert!(
        records
            .iter()
            .all(|record| record.outcome == Outcome::Refused)
    );
    assert_eq!(front.world.wallets.open_holds(), 0);
}

#[tokio::test]
async fn unknown_fields_pass_byte_by_byte() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    let body = r#"{ "model":"gpt-4o-mini" , "x_new": {"é":[1.50,1e3,null]},"max_tokens":5,"messages":[{"role":"user","content":"\u00e9"}] }"#;
    assert_eq!(front.post("/v1/chat/completions", body).await.status, 200);
    assert_eq!(fake.requests()[0].body, body);
}

#[tokio::test]
async fn an_oversized_body_is_refused_before_and_while_it_is_read() {
    let provider = TestEnvironment::seeded(9).environment.new_id();
    let config = Config {
        body_limit_bytes: 10_000,
        ..Config::default()
    };
    let front = Front::with(vec![route(ProviderKind::Simulated, "", provider)], config).await;
    let large = format!(
        r#"{{"model":"sim/chat","messages":[{{"role":"user","content":"{}"}}]}}"#,
        "x".repeat(10_000)
    );
    let refused = front.post("/v1/chat/completions", &large).await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (413, Some("PAYLOAD_TOO_LARGE"))
    );

    // A client that announces no length, and one that stops in the middle.
    let mut socket = TcpStream::connect(front.address).await.expect("connects");
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n",
        front.world.token()
    );
    socket.write_all(head.as_bytes()).await.expect("writes");
    let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000));
    for _ in 0..2 {
        let _ = socket.write_all(chunk.as_bytes()).await;
    }
    let mut answer = vec![0; 4_096];
    let read = socket.read(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(front.world.records().await.len(), 2);
}

#[tokio::test]
async fn a_slow_body_ends_by_its_own_limit() {
    let provider = TestEnvironment::seeded(9).environment.new_id();
    let config = Config {
        body_timeout: std::time::Duration::from_millis(50),
        ..Config::default()
    };
    let front = Front::with(vec![route(ProviderKind::Simulated, "", provider)], config).await;
    let mut socket = TcpStream::connect(front.address).await.expect("connects");
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: 100\r\n\r\n{{",
        front.world.token()
    );
    socket.write_all(head.as_bytes()).await.expect("writes");
    let mut answer = vec![0; 4_096];
    let read = socket.read(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("\"type\":\"error\""),
        "{answer}"
    );
}

#[tokio::test]
async fn a_change_acts_on_calls_whose_bodies_are_still_coming() {
    use iron_runtime::authority::{AgentState, AuthFailure, Change};
    let front = simulated().await;
    let body = r#"{"model":"sim/chat","messages":[{"role":"user","content":"hello"}]}"#;
    let agent = front.world.path.agent;
    let cases = [("409", "INVALID_STATE"), ("401", "TOKEN_REVOKED")];
    for (status, code) in cases {
        let mut socket = TcpStream::connect(front.address).await.expect("connects");
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
            front.world.token(),
            body.len()
        );
        socket.write_all(head.as_bytes()).await.expect("writes");
        let mut answer = vec![0; 4_096];
        // The server asks for the body once the token was found good.
        let read = socket.read(&mut answer).await.expect("an answer");
        assert!(answer[..read].starts_with(b"HTTP/1.1 100"));
        if code == "INVALID_STATE" {
            front
                .world
                .change(|agent| agent.agent_state = AgentState::Paused);
            front.world.runtime.apply(Change::Agent(agent));
        } else {
            front.world.fail_token(AuthFailure::Revoked);
            front
                .world
                .runtime
                .apply(Change::Revoked(front.world.digest()));
        }
        socket.write_all(body.as_bytes()).await.expect("writes");
        let read = socket.read(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
        assert!(answer.contains(status) && answer.contains(code), "{answer}");
        front
            .world
            .change(|agent| agent.agent_state = AgentState::Running);
        front.world.runtime.apply(Change::Agent(agent));
    }
    let records = front.world.records().await;
    assert_eq!(records.len(), 2);
    let mut outcomes = records.iter().map(|record| record.outcome);
    assert!(outcomes.all(|outcome| outcome == Outcome::Refused));
}

#[tokio::test]
async fn a_providers_credential_problem_is_not_the_agents() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    fake.behave(Behaviour {
        fault: Fault::Status {
            status: 401,
            retry_after: None,
        },
        ..Behaviour::default()
    });
    let refused = front.post("/v1/chat/completions", CHAT).await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (503, Some("PROVIDER_UNAVAILABLE"))
    );
    assert!(!refused.body.contains("sk-"), "{}", refused.body);
    let record = front.world.record().await;
    assert_eq!(
        (record.outcome, record.attempts[0].status),
        (Outcome::ProviderError, Some(401))
    );
    assert_eq!(record.attempts[0].settlement, Settlement::Free);
}

#[tokio::test]
async fn streams_that_break_stall_or_lie_end_in_an_error_and_at_the_bound() {
    for (fault, ended) in [
        (Fault::CutAt(400), Ended::UpstreamCut),
        (Fault::OverloadedAfter(3), Ended::ErrorInStream),
        (Fault::Garbage, Ended::UpstreamCut),
    ] {
        let (fake, front) = behind(ProviderKind::OpenAi).await;
        fake.behave(Behaviour {
            fault: fault.clone(),
            output_tokens: 40,
            ..Behaviour::default()
        });
        let got = front.post("/v1/chat/completions", STREAMED).await;
        assert!(got.body.contains("\"error\""), "{fault:?}: {}", got.body);
        assert!(!got.body.contains("[DONE]"), "{fault:?}: {}", got.body);
        let record = front.world.record().await;
        let attempt = &record.attempts[0];
        assert_eq!(attempt.ended, ended, "{fault:?}");
        assert_eq!(attempt.settlement, Settlement::Estimated, "{fault:?}");
        assert_eq!(
            attempt.settled_nanos, attempt.hold.amount_nanos,
            "{fault:?}"
        );
        assert!(record.cost_nanos >= fake.billed_nanos(), "{fault:?}");
        assert_eq!(front.world.wallets.open_holds(), 0, "{fault:?}");
    }
}

#[tokio::test]
async fn an_error_inside_of_a_200_becomes_an_error() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    fake.behave(Behaviour {
        fault: Fault::OverloadedAfter(0),
        ..Behaviour::default()
    });
    let got = front.post("/v1/chat/completions", STREAMED).await;
    assert!(got.status >= 500, "{}: {}", got.status, got.body);
    assert_eq!(front.world.record().await.outcome, Outcome::ProviderError);
}

#[tokio::test]
async fn a_provider_that_ignores_the_cap_is_cut_off_and_booked_in_full() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    fake.behave(Behaviour {
        ignores_cap: true,
        output_tokens: 500,
        ..Behaviour::default()
    });
    let got = front.post("/v1/chat/completions", STREAMED).await;
    assert!(
        got.body.ends_with("data: [DONE]\n\n") && got.body.contains("\"length\""),
        "{}",
        got.body
    );
    assert!(got.body.matches("\"content\"").count() < 100);
    let record = front.world.record().await;
    assert_eq!(record.attempts[0].ended, Ended::BoundReached);
    assert_eq!(record.attempts[0].settlement, Settlement::Actual);
    assert_eq!(record.tokens.output, 500);
    assert!(record.attempts[0].settled_nanos > 0);
    assert!(
        front
            .world
            .metrics
            .render()
            .contains("iron_overdrafts_total 1")
            || record.cost_nanos <= record.attempts[0].hold.amount_nanos
    );
}

#[tokio::test]
async fn a_client_that_leaves_still_pays_what_was_used() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    fake.behave(Behaviour {
        output_tokens: 40,
        piece_delay_ms: 5,
        ..Behaviour::default()
    });
    let bearer = format!("Bearer {}", front.world.token());
    let headers = [("authorization", bearer.as_str())];
    let outgoing = front.outgoing(
        "POST",
        "/v1/chat/completions",
        &headers,
        STREAMED.as_bytes(),
    );
    let mut answer = front.open(outgoing).await;
    answer.chunk().await.expect("a chunk");
    drop(answer);
    let record = front.world.record().await;
    assert_eq!(record.outcome, Outcome::ClientGone);
    assert_eq!(record.attempts[0].ended, Ended::ClientGoneDrained);
    assert_eq!(record.attempts[0].settlement, Settlement::Actual);
    assert_eq!(record.cost_nanos, fake.billed_nanos());
}
