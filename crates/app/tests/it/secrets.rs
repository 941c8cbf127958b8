//! No secret that the server is told, or tells, stands anywhere in what it keeps or says: not in the
//! database, the journal, a log at its loudest, or a file beside them; neither as it is nor in
//! another dress.

mod search;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use iron_store::testing::PostgresSchema;
use serde_json::{Value, json};

use crate::kit::{EMAIL, Home, PASSWORD, call, text};
use search::{dresses, files, holds, rows};

/// A secret and what it is.
type Secret = (&'static str, String);

/// What nobody may find again: eight letters that nothing else has, and what it is for.
fn canary(what: &str) -> String {
    format!("qzvxkjwy-{}-0123456789-qzvxkjwy", what.replace(' ', "-"))
}

/// Asks for something, and gives status and answer.
fn ask(address: &str, (method, path): (&str, &str), head: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{head}content-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        status.unwrap(),
        serde_json::from_str(body).unwrap_or_default(),
    )
}

/// The admin at his desk, who notes every secret that passes over it.
struct Desk<'a> {
    home: &'a Home,
    head: String,
    secrets: Vec<Secret>,
}

impl Desk<'_> {
    fn says(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = ask(
            &self.home.address,
            (method, path),
            &self.head,
            &body.to_string(),
        );
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {answer}"
        );
        answer
    }

    /// Something with a secret in it, which the server is told.
    fn tells(
        &mut self,
        what: &'static str,
        method: &str,
        path: &str,
        body: impl Fn(&str) -> Value,
    ) -> Value {
        let secret = canary(what);
        let answer = self.says(method, path, &body(&secret));
        self.secrets.push((what, secret));
        answer
    }

    /// A secret that the server has made.
    fn learns(&mut self, what: &'static str, answer: &Value, pointer: &str) -> String {
        let secret = text(answer, pointer).to_owned();
        self.secrets.push((what, secret.clone()));
        secret
    }
}

fn signed_in(home: &Home) -> Desk<'_> {
    let body = json!({"email": EMAIL, "password": PASSWORD}).to_string();
    let (_, session) = ask(&home.address, ("POST", "/api/v1/auth/login"), "", &body);
    let head = format!(
        "authorization: Bearer {}\r\n",
        text(&session, "/access_token")
    );
    let mut desk = Desk {
        home,
        head,
        secrets: vec![("the first password", PASSWORD.to_owned())],
    };
    desk.learns("an access token", &session, "/access_token");
    let refresh = desk.learns("a refresh token", &session, "/refresh_token");
    let body = json!({"refresh_token": refresh}).to_string();
    let (_, session) = ask(&home.address, ("POST", "/api/v1/auth/refresh"), "", &body);
    desk.head = format!(
        "authorization: Bearer {}\r\n",
        text(&session, "/access_token")
    );
    desk.learns("the next access token", &session, "/access_token");
    desk.learns("the next refresh token", &session, "/refresh_token");
    desk
}

/// People, and how they come in.
fn people(desk: &mut Desk<'_>) {
    let person =
        |password: &str| json!({"email": "ada@example.com", "name": "Ada", "password": password});
    let ada = desk.tells("a first password", "POST", "/api/v1/users", person);
    let path = format!("/api/v1/users/{}/reset-password", text(&ada, "/id"));
    desk.tells(
        "a new password",
        "POST",
        &path,
        |password| json!({"new_password": password}),
    );
    let invited = json!({"email": "bob@example.com", "name": "Bob"});
    let bob = desk.says("POST", "/api/v1/users", &invited);
    let path = format!("/api/v1/users/{}/invite", text(&bob, "/id"));
    let invitation = desk.says("POST", &path, &json!({}));
    desk.learns("an invitation", &invitation, "/invitation/token");
    let made = desk.says("POST", "/api/v1/api-tokens", &json!({"name": "ci"}));
    desk.learns("an API token", &made, "/token");
}

/// What reaches beyond the server: providers, channels, runtimes.
fn surroundings(desk: &mut Desk<'_>) {
    let provider = |key: &str| json!({"name": "o", "type": "together", "api_key": key});
    let provider = desk.tells("a provider key", "POST", "/api/v1/providers", provider);
    let path = format!("/api/v1/providers/{}", text(&provider, "/id"));
    desk.tells(
        "the next provider key",
        "PATCH",
        &path,
        |key| json!({"api_key": key}),
    );
    let channels = "/api/v1/notification-channels";
    desk.tells("a Slack address", "POST", channels, |secret| {
        json!({"name": "s", "kind": "slack", "url": format!("http://127.0.0.1:9/services/{secret}")})
    });
    desk.tells("a mail password", "POST", channels, |secret| {
        json!({"name": "m", "kind": "email", "email": {
            "host": "127.0.0.1", "port": 9, "security": "none", "username": "u", "password": secret,
            "from": "iron@example.com", "to": ["ada@example.com"],
        }})
    });
    let hook = json!({"name": "h", "kind": "webhook", "url": "http://127.0.0.1:9/hook"});
    let hook = desk.says("POST", channels, &hook);
    desk.learns("a signing secret", &hook, "/signing_secret");
    let path = format!("{channels}/{}/test", text(&hook, "/id"));
    desk.says("POST", &path, &json!({}));
    let runtime = desk.says("POST", "/api/v1/runtimes", &json!({"name": "edge"}));
    desk.learns("a runtime's key", &runtime, "/key");
}

/// Agents at work, by token and by pass.
fn agents(desk: &mut Desk<'_>) {
    let simulated = json!({"name": "sim", "type": "simulated"});
    let simulated = desk.says("POST", "/api/v1/providers", &simulated);
    let agent = json!({"name": "a", "budget": 5, "providers": [text(&simulated, "/id")], "create_ic_token": true});
    let agent = desk.says("POST", "/api/v1/agents", &agent);
    let token = desk.learns("an agent's token", &agent, "/ic_token/token");
    assert!(call(&desk.home.address, &token, "sim/chat").contains("200 OK"));
    let path = format!("/api/v1/tokens/{}/rotate", text(&agent, "/ic_token/id"));
    let rotated = desk.says("POST", &path, &json!({}));
    let token = desk.learns("the next token of the agent", &rotated, "/token");
    let body = json!({"ic_token": token, "requested_budget": 1}).to_string();
    let (status, lent) = ask(
        &desk.home.address,
        ("POST", "/api/budget/handshake"),
        "",
        &body,
    );
    assert_eq!(status, 200, "{lent}");
    desk.learns("a sealed pass", &lent, "/ip_token");
}

/// Secrets where none belong: in what is wrong, unknown, unreadable, or an address.
fn mistakes(desk: &mut Desk<'_>) {
    let address = desk.home.address.clone();
    let mut err = |what: &'static str, line: (&str, &str), head: &str, body: &str| {
        let secret = canary(what);
        let put = |text: &str| text.replace("CANARY", &secret);
        let (path, head) = (put(line.1), format!("{}{}", desk.head, put(head)));
        let (status, answer) = ask(&address, (line.0, &path), &head, &put(body));
        assert!((400..500).contains(&status), "{what}: {status} {answer}");
        desk.secrets.push((what, secret));
    };
    let login = ("POST", "/api/v1/auth/login");
    err(
        "a wrong password",
        login,
        "",
        r#"{"email":"admin@example.com","password":"CANARY"}"#,
    );
    err(
        "broken JSON",
        login,
        "",
        r#"{"email":"admin@example.com","password":"CANARY"#,
    );
    err(
        "a password of the wrong type",
        login,
        "",
        r#"{"email":"admin@example.com","password":["CANARY"]}"#,
    );
    err(
        "an unknown field",
        ("POST", "/api/v1/agents"),
        "",
        r#"{"name":"b","budget":1,"api_key":"CANARY"}"#,
    );
    err(
        "a key in a query",
        ("GET", "/api/v1/agents?api_key=CANARY"),
        "",
        "",
    );
    err("a key in a path", ("GET", "/api/v1/agents/CANARY"), "", "");
    err(
        "a provider's key as a token",
        ("POST", "/v1/chat/completions"),
        "x-api-key: CANARY\r\n",
        "{}",
    );
    err(
        "a key in a refused setting",
        ("PUT", "/api/v1/config"),
        "",
        r#"{"config":{"api_key":"CANARY"}}"#,
    );
}

/// Does all that has secrets in it, ends the server, and looks for them in its files and in `more`.
fn look(home: Home, more: impl FnOnce() -> Vec<(String, Vec<u8>)>) {
    let home = home
        .with_admin()
        .with("IRON_LOG_LEVEL", "trace")
        .with("IRON_PROVIDERS_PRIVATE_NETWORKS", "yes")
        .with("IRON_PROVIDERS_PLAIN_HTTP", "yes")
        .with("RUST_BACKTRACE", "1");
    let mut server = home.serve();
    let mut desk = signed_in(&home);
    people(&mut desk);
    surroundings(&mut desk);
    agents(&mut desk);
    mistakes(&mut desk);
    let secrets = desk.secrets;
    // So that every record is where it belongs.
    std::thread::sleep(std::time::Duration::from_secs(2));
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.code(), Some(0));
    let mut found = more();
    files(&home.path("."), &mut found);
    let size: usize = found.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(
        secrets.len() > 20 && found.len() > 3 && size > 50_000,
        "{} files, {size} bytes",
        found.len()
    );
    // What is looked for can be found: addresses are no secrets.
    let known = |(name, bytes): &(String, Vec<u8>)| {
        !name.ends_with("stderr") && holds(bytes, b"ada@example.com")
    };
    assert!(found.iter().any(known));
    for (what, secret) in &secrets {
        for dress in dresses(secret) {
            let place = found.iter().find(|(_, bytes)| holds(bytes, &dress));
            let place = place.map(|(name, _)| name);
            assert_eq!(
                place,
                None,
                "{what}, as {:?}",
                String::from_utf8_lossy(&dress)
            );
        }
    }
}

#[test]
fn no_secret_is_kept_or_said_on_sqlite() {
    look(Home::new(), Vec::new);
}

#[test]
fn no_secret_is_kept_or_said_on_postgres() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let schema = runtime.block_on(PostgresSchema::create()).unwrap();
    let home = Home::new().with("IRON_DATABASE_URL", &schema.url());
    look(home, || runtime.block_on(rows(&schema)));
    runtime.block_on(schema.drop()).unwrap();
}
