//! Tools that the server runs, through the real binary.

mod by_hand;
mod statements;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::kit::{Home, text};

const SECRET: &str = "crm-5e1f0b77a2";

/// A server of customers; what it was sent is kept.
fn customers() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = seen.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            heard.lock().unwrap().push(head.join("\n"));
            let body = r#"{"customers":[{"name":"Ada","key":"AKIAQ3EGRZ7XWV2YF5TN"}]}"#;
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    (address, seen)
}

fn invoke(home: &Home, token: &str, tool: &str, key: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let mut stream = TcpStream::connect(&home.address).unwrap();
    write!(
        stream,
        "POST /api/v1/tools/{tool}/invoke HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
         idempotency-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        home.address,
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (
        status,
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}")),
    )
}

/// An agent for which customers are found, by a tool that the server runs; gives its token.
fn seller(home: &Home, address: &str) -> String {
    let declared = json!([{
        "name": "crm/find", "kind": "api", "access": "read", "cost": "0.0025",
        "run": { "type": "http", "method": "GET", "url": format!("http://{address}/customers?q={{q}}"),
            "headers": { "Authorization": "Bearer {secret}" } },
        "secret": SECRET,
    }]);
    let tools = home.path("tools.yaml");
    std::fs::write(&tools, declared.to_string()).unwrap();
    let made = home.json(&["tools", "create", "--file", tools.to_str().unwrap()]);
    let agent = home.json(&[
        "agents", "create", "--name", "seller", "--budget", "1", "--token",
    ]);
    let token = agent.pointer("/ic_token/token").and_then(Value::as_str);
    token.unwrap_or_else(|| panic!("{agent} {made}")).to_owned()
}

#[test]
fn a_tool_is_run_with_a_key_that_the_agent_never_sees_and_once_per_idempotency_key() {
    let (address, seen) = customers();
    let home = Home::new()
        .with_admin()
        .with("IRON_TOOLS_INSIDE_HOSTS", &address);
    let _server = home.serve();
    home.sign_in();
    let token = &seller(&home, &address);

    let call = json!({ "arguments": { "q": "ada & co" } });
    let (status, first) = invoke(&home, token, "crm%2Ffind", "k1", &call);
    assert_eq!(status, 200, "{first}");
    assert_eq!(
        (text(&first, "/decision"), text(&first, "/status")),
        ("allow", "success"),
        "{first}"
    );
    assert_eq!(
        (text(&first, "/verdict"), &first["cost_micros"]),
        ("redact", &json!(2_500))
    );
    assert_eq!(text(&first, "/output/customers/0/name"), "Ada");
    assert!(!first.to_string().contains("AKIA"), "{first}");
    assert_eq!(
        invoke(&home, token, "crm%2Ffind", "k1", &call),
        (200, first)
    );
    let other = json!({ "arguments": { "q": "bob" } });
    assert_eq!(invoke(&home, token, "crm%2Ffind", "k1", &other).0, 409);
    {
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(
            seen[0].starts_with("GET /customers?q=ada+%26+co HTTP/1.1"),
            "{seen:?}"
        );
        assert!(seen[0].contains(&format!("Bearer {SECRET}")), "{seen:?}");
    }
    let listed = (0..200).find_map(|_| {
        let listed = home.json(&["tools", "calls"]);
        let told = listed.pointer("/data/0/result").is_some();
        if !told {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        told.then_some(listed)
    });
    let listed = listed.expect("it is listed");
    assert_eq!(text(&listed, "/data/0/mode"), "server");
    assert_eq!(text(&listed, "/data/0/result/status"), "success");
    assert!(!home.complaints().contains(SECRET));
}
