//! Callers who are not who they should be, and connections that are no requests.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::http::{self, Answer};
use crate::kit::{House, Speaks, assert_clear_error, assert_nothing_leaks};

const CHAT: &str = r#"{"model":"sim/chat","messages":[{"role":"user","content":"hi"}]}"#;
const MESSAGE: &str =
    r#"{"model":"sim/chat","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;

async fn as_bearer(house: &House, path: &str, token: &str, body: &str) -> Answer {
    let head = format!("POST {path} HTTP/1.1\r\nauthorization: Bearer {token}");
    let answer = http::request(&house.server.address, &head, body, None).await;
    answer.expect("the server answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_no_agents_opens_no_model_and_says_why() {
    let house = House::simulated().await;
    let (server, admin) = (&house.server, &house.admin);
    let told = json!({"name": "mine"});
    let api = server.post(Some(admin), "/api/v1/api-tokens", &told).await;
    let api = api["token"].as_str().expect("a token").to_owned();
    let revoked = server.simulated_agent(admin, "revoked", None).await;
    let path = "/v1/chat/completions";
    assert_eq!(
        as_bearer(&house, path, &revoked.token, CHAT).await.status,
        200
    );
    server
        .delete(admin, &format!("/api/v1/tokens/{}", revoked.token_id))
        .await;
    let second = Some(Duration::from_secs(1));
    let expired = server.simulated_agent(admin, "expired", second).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let unknown = format!("ic_{}", "A".repeat(32));
    let cases = [
        ("another's invention", unknown.as_str(), "INVALID_TOKEN"),
        ("no token", "ic_short", "INVALID_TOKEN"),
        ("a flood", &"x".repeat(20_000), "INVALID_TOKEN"),
        ("a user's", api.as_str(), "WRONG_TOKEN_TYPE"),
        ("a session", admin.as_str(), "WRONG_TOKEN_TYPE"),
        ("a revoked one", revoked.token.as_str(), "TOKEN_REVOKED"),
        ("an expired one", expired.token.as_str(), "TOKEN_EXPIRED"),
    ];
    for (path, speaks, body) in [
        ("/v1/chat/completions", Speaks::OpenAi, CHAT),
        ("/v1/messages", Speaks::Anthropic, MESSAGE),
    ] {
        for (what, token, code) in cases {
            let got = as_bearer(&house, path, token, body).await;
            assert!(
                matches!(got.status, 401 | 403),
                "{what}: {} {}",
                got.status,
                got.body
            );
            assert_clear_error(speaks, &got, what);
            assert!(got.body.contains(code), "{what}: {}", got.body);
            assert!(!got.body.contains(token), "{what}: {}", got.body);
        }
    }
    // And the reverse: an agent's token is no key to the control plane.
    let head = format!(
        "GET /api/v1/agents HTTP/1.1\r\nauthorization: Bearer {}",
        house.agent.token
    );
    let got = http::request(&server.address, &head, "", None)
        .await
        .expect("an answer");
    assert!(
        matches!(got.status, 401 | 403),
        "{} {}",
        got.status,
        got.body
    );
    assert!(got.json()["error"]["code"].is_string(), "{}", got.body);
    assert_eq!(
        house.records(1).await.len(),
        1,
        "strangers leave no records of anybody"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_learns_nothing_of_what_is_not_its_own() {
    let house = House::simulated().await;
    let other = house
        .server
        .simulated_agent(&house.admin, "the other", None)
        .await;
    let body = r#"{"model":"sim/chat","input":"hi"}"#;
    let mine = house.post("/v1/responses", body.as_bytes()).await.json();
    let mine = mine["id"].as_str().expect("an id").to_owned();
    let invented = format!("resp_{}", "A".repeat(mine.len().saturating_sub(5)));
    let ask = |token: String, id: String| {
        let head = format!("GET /v1/responses/{id} HTTP/1.1\r\nauthorization: Bearer {token}");
        let address = house.server.address.clone();
        async move {
            http::request(&address, &head, "", None)
                .await
                .expect("an answer")
        }
    };
    assert_eq!(
        ask(house.agent.token.clone(), mine.clone()).await.status,
        200
    );
    let theirs = ask(other.token.clone(), mine).await;
    let nobodys = ask(other.token, invented).await;
    assert_eq!((theirs.status, nobodys.status), (404, 404));
    let shown = |answer: &Answer| {
        let mut value = answer.json();
        value["error"]["request_id"] = json!(null);
        value
    };
    assert_eq!(
        shown(&theirs),
        shown(&nobodys),
        "one cannot be told from the other"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_headers_are_refused_and_nobody_else_notices() {
    let house = House::simulated().await;
    let token = &house.agent.token;
    let count = (0..5_000)
        .map(|i| format!("\r\nx-{i}: y"))
        .collect::<String>();
    let size = format!("\r\nx-flood: {}", "y".repeat(1 << 20));
    let many = "\r\nx-same: y".repeat(101);
    for (what, flood) in [("count", count), ("size", size), ("repeats", many)] {
        let head =
            format!("POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {token}{flood}");
        // The connection may be closed while the flood still comes: then there is no answer.
        if let Some(got) = http::request(&house.server.address, &head, CHAT, None).await {
            assert_eq!(got.status, 431, "{what}: {}", got.body);
            assert_nothing_leaks(&got.head, what);
        }
        assert_eq!(
            house
                .post("/v1/chat/completions", CHAT.as_bytes())
                .await
                .status,
            200
        );
    }
    assert_eq!(house.records(3).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_refused() {
    let house = House::simulated().await;
    let authorised = format!("host: x\r\nauthorization: Bearer {}\r\n", house.agent.token);
    let cases: [(&str, String); 6] = [
        (
            "two lengths",
            format!(
                "POST /v1/chat/completions HTTP/1.1\r\n{authorised}content-length: 5\r\ncontent-length: 6\r\n\r\nhello!"
            ),
        ),
        (
            "a negative length",
            format!(
                "POST /v1/chat/completions HTTP/1.1\r\n{authorised}content-length: -5\r\n\r\nhello"
            ),
        ),
        (
            "a broken chunk",
            format!(
                "POST /v1/chat/completions HTTP/1.1\r\n{authorised}transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n"
            ),
        ),
        (
            "a header of two lines",
            format!("POST /v1/chat/completions HTTP/1.1\r\n{authorised}x: y\r\n z\r\n\r\n"),
        ),
        ("no method", "\u{1}\u{2}\u{3} / HTTP/1.1\r\n\r\n".to_owned()),
        (
            "TLS",
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n".to_owned(),
        ),
    ];
    for (what, message) in cases {
        let got = http::exchange(&house.server.address, message.as_bytes(), None).await;
        if let Some(got) = got {
            assert_eq!(got.status, 400, "{what}: {}", got.body);
            assert_nothing_leaks(&got.body, what);
        }
    }
    let body = format!(
        "{:x}\r\n{CHAT}\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n",
        CHAT.len()
    );
    let both = format!(
        "POST /v1/chat/completions HTTP/1.1\r\n{authorised}content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n{body}",
        body.len()
    );
    let got = http::exchange(&house.server.address, both.as_bytes(), Some(1)).await;
    let smuggled = got.is_some_and(|answer| answer.body.contains("/smuggled"));
    assert!(
        !smuggled,
        "one of two lengths must not hide a second request in the first's answer"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_hold_nobody_up() {
    let house = House::simulated().await;
    let token = &house.agent.token;
    let heads = [
        "POST /v1/chat/com".to_owned(),
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthor".to_owned(),
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 9000\r\n\r\n{{"
        ),
        // As large as a body may be, and of any size: neither takes room for what has not come.
        format!(
            "POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{{",
            32 << 20
        ),
        format!(
            "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {token}\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{{\"mo"
        ),
    ];
    let mut slow = Vec::new();
    for index in 0..600 {
        let mut socket = TcpStream::connect(&house.server.address)
            .await
            .expect("connects");
        let head = heads.get(index % heads.len()).expect("a head");
        socket.write_all(head.as_bytes()).await.expect("writes");
        slow.push(socket);
    }
    for _ in 0..20 {
        assert_eq!(
            house
                .post("/v1/chat/completions", CHAT.as_bytes())
                .await
                .status,
            200
        );
    }
    // None of them was answered meanwhile, and each may still finish.
    let rests = [
        (2, format!("{}}}", " ".repeat(8_998))),
        (4, "\r\n1\r\n}\r\n0\r\n\r\n".to_owned()),
    ];
    for (index, rest) in rests {
        let socket = slow.get_mut(index).expect("one with a body");
        socket
            .write_all(rest.as_bytes())
            .await
            .expect("it is still there");
        let mut answer = vec![0; 4_096];
        let read = socket.read(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..read]);
        assert!(answer.starts_with("HTTP/1.1 400"), "{index}: {answer}");
    }
    drop(slow);
    let records = house.records(120).await;
    assert!(records.len() >= 21, "{}", records.len());
    house.assert_money_is_settled(&records).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_suspended_takes_his_agents_along_until_he_is_back() {
    let house = House::simulated().await;
    let (server, admin) = (&house.server, &house.admin);
    let model = server.simulated_agent(admin, "somebody else's", None).await;
    let model = format!("/api/v1/agents/{}", model.id);
    let model = http::call(
        &server.address,
        Some(admin),
        "GET",
        &model,
        &serde_json::Value::Null,
    )
    .await;
    let user = json!({"email": "his@example.com", "name": "he", "password": "chosen by the admin"});
    let user = server.post(Some(admin), "/api/v1/users", &user).await;
    let user = user["id"].as_str().expect("a user").to_owned();
    let agent = json!({
        "name": "his", "budget": 1, "owner_id": user, "providers": model["providers"],
        "create_ic_token": true,
    });
    let agent = server.post(Some(admin), "/api/v1/agents", &agent).await;
    let token = agent["ic_token"]["token"].as_str().expect("a token");
    let path = "/v1/chat/completions";
    let put = async |verb: &str, body: &serde_json::Value| {
        let path = format!("/api/v1/users/{user}/{verb}");
        http::call(&server.address, Some(admin), "PUT", &path, body).await
    };
    for _ in 0..2 {
        assert_eq!(as_bearer(&house, path, token, CHAT).await.status, 200);
        put("suspend", &json!({"reason": "left the company"})).await;
        let refused = as_bearer(&house, path, token, CHAT).await;
        assert!(
            refused.status >= 400 && refused.body.contains("inactive"),
            "{} {}",
            refused.status,
            refused.body
        );
        put("activate", &json!({})).await;
    }
    assert_eq!(as_bearer(&house, path, token, CHAT).await.status, 200);
}
