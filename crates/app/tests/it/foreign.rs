//! A runtime that is not ours, against the real server: it borrows, crashes, repeats itself, comes
//! late, and calls by pass.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::kit::{Home, Running, call, text};

/// A server with an agent whose calls cost ten cents each.
struct Desk {
    home: Home,
    token: String,
    server: Running,
}

impl Desk {
    fn open(home: Home, budget: &str) -> Desk {
        let home = home
            .with_admin()
            .with("IRON_RATE_LIMITS_USER_PER_MINUTE", "0")
            .with("IRON_RATE_LIMITS_USER_PER_HOUR", "0");
        let server = home.serve();
        home.sign_in();
        let run = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            home.json(&words)
        };
        run("providers create --name sim --type simulated");
        run("models price sim/chat --input 0 --output 0 --per-query 0.10");
        let made = format!("agents create --name writer --budget {budget} --provider sim --token");
        let token = text(&run(&made), "/ic_token/token").to_owned();
        Desk {
            home,
            token,
            server,
        }
    }

    fn run(&self, line: &str) -> Value {
        let words: Vec<&str> = line.split(' ').collect();
        self.home.json(&words)
    }

    /// Says something in the budget protocol; gives status and answer.
    fn say(&self, verb: &str, body: &Value) -> (u16, Value) {
        say(&self.home.address, &self.token, verb, body)
    }

    fn told(&self, verb: &str, body: &Value) -> Value {
        let (status, answer) = self.say(verb, body);
        assert_eq!(status, 200, "{verb}: {answer}");
        answer
    }

    fn budget(&self, field: &str) -> i64 {
        let status = self.run("limits get writer");
        let found = status.get(field).and_then(Value::as_i64);
        found.unwrap_or_else(|| panic!("{status}"))
    }

    /// Waits until this is so.
    fn until(&self, what: &str, so: impl Fn() -> bool) {
        for _ in 0..600 {
            if so() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{what}: {}", self.home.complaints());
    }
}

fn say(address: &str, token: &str, verb: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /api/budget/{verb} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status.unwrap(), serde_json::from_str(body).unwrap())
}

fn usage(lease: &str, request: &str, cost_micros: i64) -> Value {
    json!({
        "lease_id": lease, "request_id": request, "model": "home-made", "provider": "openai",
        "input_tokens": 10, "output_tokens": 10, "cost_micros": cost_micros, "status": "completed",
    })
}

fn request(number: u32) -> String {
    format!("req_0192f0c1-7d5e-7cc3-98c4-{number:012}")
}

struct KeyOf256Bits;

impl KeyType for KeyOf256Bits {
    fn len(&self) -> usize {
        32
    }
}

/// What the how-to says: HKDF-SHA256 of the token, salted with the lease, then AES-256-GCM.
fn open_ip_token(lent: &Value, token: &str, lease: &str) -> String {
    let sealed = text(lent, "/ip_token");
    let mut parts = sealed.split(':').skip(1);
    let mut part = || STANDARD.decode(parts.next().unwrap()).unwrap();
    let (nonce, ciphertext, tag) = (part(), part(), part());
    let extracted = Salt::new(HKDF_SHA256, lease.as_bytes()).extract(token.as_bytes());
    let mut key = [0_u8; 32];
    let expanded = extracted.expand(&[], KeyOf256Bits).unwrap();
    expanded.fill(&mut key).unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(&nonce).unwrap();
    let mut bytes = [ciphertext, tag].concat();
    let opened = key.open_in_place(nonce, Aad::empty(), &mut bytes).unwrap();
    String::from_utf8(opened.to_vec()).unwrap()
}

#[test]
fn a_foreign_runtime_crashes_repeats_itself_and_comes_late_and_each_call_counts_once() {
    let desk = Desk::open(Home::new(), "5.00");
    let ask = json!({"requested_budget": 2.00, "runtime_id": "far-1"});
    let first = desk.told("handshake", &ask);
    let lease = text(&first, "/lease_id").to_owned();
    assert_eq!(
        desk.budget("reserved_micros"),
        2_000_000,
        "reserved at once"
    );
    desk.told("report", &usage(&lease, &request(1), 300_000));
    let again = desk.told("report", &usage(&lease, &request(1), 300_000));
    assert_eq!(
        (again["accepted"].clone(), again["duplicates"].clone()),
        (json!(0), json!(1))
    );
    // The process dies; the next one takes its place, with the reports of its disk.
    std::thread::sleep(Duration::from_millis(2_100));
    let second = desk.told("handshake", &ask);
    let next = text(&second, "/lease_id").to_owned();
    assert_ne!(next, lease);
    assert_eq!(
        desk.budget("suspense_micros"),
        1_700_000,
        "nothing is given back"
    );
    let late = desk.told("report", &usage(&lease, &request(2), 200_000));
    assert_eq!(text(&late, "/lease_status"), "orphaned");
    let back = desk.told(
        "return",
        &json!({"lease_id": lease, "final_spent_micros": 500_000}),
    );
    assert_eq!(back["returned_micros"], 1_500_000);
    assert_eq!(desk.told("return", &json!({"lease_id": lease})), back);
    desk.told("return", &json!({"lease_id": next}));
    assert_eq!(desk.budget("spent_micros"), 500_000);
    // After the end, and booked all the same.
    let late = desk.told("report", &usage(&next, &request(3), 40_000));
    assert_eq!(
        (text(&late, "/lease_status"), late["accepted"].clone()),
        ("closed", json!(1))
    );
    assert_eq!(desk.budget("spent_micros"), 540_000);
    for action in ["budget.handshake", "budget.return"] {
        let told = || desk.home.json(&["audit", "list", "--action", action]);
        desk.until(action, || told().pointer("/data/1").is_some());
    }
    desk.home.iron(&["audit", "verify"]).assert().success();
    desk.until("three calls are on record", || {
        let agent = desk.run("agents status writer");
        agent.pointer("/requests/total") == Some(&json!(3))
    });
}

#[test]
fn a_pass_opens_the_gateway_once_and_its_lease_pays() {
    let mut desk = Desk::open(Home::new(), "5.00");
    let lent = desk.told(
        "handshake",
        &json!({"requested_budget": 0.30, "model": "sim/chat"}),
    );
    let lease = text(&lent, "/lease_id").to_owned();
    assert!(!text(&lent, "/ip_token").contains("ip_"), "sealed");
    let pass = open_ip_token(&lent, &desk.token, &lease);
    let answer = call(&desk.home.address, &pass, "sim/chat");
    assert!(answer.contains("200 OK"), "{answer}");
    let again = call(&desk.home.address, &pass, "sim/chat");
    assert!(
        again.contains("401") && again.contains("TOKEN_EXPIRED"),
        "{again}"
    );
    let id = answer
        .lines()
        .find_map(|line| line.strip_prefix("x-request-id: "))
        .unwrap()
        .to_owned();
    // What the runtime says of it moves nothing, and brings the next pass.
    let mut labels = usage(&lease, &id, 900_000);
    labels["operation"] = json!("greeting");
    let told = desk.told("report", &labels);
    assert_eq!(
        (told["accepted"].clone(), told["lease_spent_micros"].clone()),
        (json!(1), json!(100_000))
    );
    let pass = open_ip_token(&told, &desk.token, &lease);
    assert!(call(&desk.home.address, &pass, "sim/chat").contains("200 OK"));
    let more = desk.told(
        "refresh",
        &json!({"lease_id": lease, "requested_budget": 0}),
    );
    let pass = open_ip_token(&more, &desk.token, &lease);
    assert!(call(&desk.home.address, &pass, "sim/chat").contains("200 OK"));
    let (status, denied) = desk.say("refresh", &json!({"lease_id": lease}));
    assert_eq!(
        (status, text(&denied, "/error/code")),
        (429, "BUDGET_EXCEEDED"),
        "used up"
    );
    assert_eq!(desk.budget("spent_micros"), 300_000);
    // The money of passes and the leases of the server are two: both go on.
    assert!(call(&desk.home.address, &desk.token, "sim/chat").contains("200 OK"));
    desk.server.signal(rustix::process::Signal::KILL);
    desk.server.code();
    desk.server = desk.home.serve();
    desk.until("all four are booked", || {
        desk.budget("spent_micros") == 400_000
    });
    desk.told("return", &json!({"lease_id": lease}));
    assert_eq!(desk.budget("spent_micros"), 400_000);
}

/// Clients that shake hands at the same time.
const CLIENTS: usize = 32;
/// How long after the one before each handshake of a steady load is due.
const APART: Duration = Duration::from_millis(10);

/// Handshakes of many clients without a pause, and then so many a second as come from a hundred
/// thousand runtimes with leases of an hour: printed, not judged.
fn measure(home: Home, engine: &str) {
    let desk = Desk::open(home, "5000.00");
    let began = Instant::now();
    let crowd = shaken(&desk, 192, |_| began);
    let began = Instant::now();
    let steady = shaken(&desk, 300, |number| began + APART * number);
    let mut paper = std::io::stderr().lock();
    for (load, times) in [("without a pause", &crowd), ("at 100 a second", &steady)] {
        let at = |percent: usize| {
            let index = (times.len() - 1) * percent / 100;
            times.get(index).unwrap().as_millis()
        };
        let (number, middle, late, most) = (times.len(), at(50), at(95), at(100));
        writeln!(
            paper,
            "{number} handshakes of {CLIENTS} clients on {engine} {load}: \
             p50 {middle} ms, p95 {late} ms, most {most} ms"
        )
        .unwrap();
    }
    let lent = i64::try_from((crowd.len() + steady.len()) * 10_000).unwrap();
    assert_eq!(
        desk.budget("reserved_micros"),
        lent,
        "each was lent, none twice"
    );
}

/// How long each of so many handshakes has taken, the shortest first: from when it was due, or from
/// when its client was free where all are due at once.
fn shaken(desk: &Desk, number: u32, due: impl Fn(u32) -> Instant + Sync) -> Vec<Duration> {
    let next = std::sync::atomic::AtomicU32::new(0);
    let at_once = due(0) == due(1);
    let client = || {
        let mut times = Vec::new();
        loop {
            let turn = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if turn >= number {
                return times;
            }
            let due = due(turn);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let began = if at_once { Instant::now() } else { due };
            let name = format!("far-{at_once}-{turn}");
            let body = json!({"requested_budget": 0.01, "runtime_id": name});
            desk.told("handshake", &body);
            times.push(began.elapsed());
        }
    };
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients
            .into_iter()
            .flat_map(|one| one.join().unwrap())
            .collect()
    });
    times.sort_unstable();
    times
}

#[test]
fn many_handshakes_at_once_are_all_lent_on_sqlite() {
    measure(Home::new(), "SQLite");
}

#[test]
fn many_handshakes_at_once_are_all_lent_on_postgres() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let schema = runtime
        .block_on(iron_store::testing::PostgresSchema::create())
        .unwrap();
    measure(
        Home::new().with("IRON_DATABASE_URL", &schema.url()),
        "PostgreSQL",
    );
    runtime.block_on(schema.drop()).unwrap();
}
