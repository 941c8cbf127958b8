//! A budget that agents share, through the real binary.

use serde_json::Value;

use crate::kit::{Home, call, text};

/// Ten agents by priority: each call of theirs costs a dollar, to the nano-dollar.
const AGENTS: [(&str, usize); 4] = [("low", 4), ("normal", 3), ("high", 2), ("critical", 1)];
const MODEL: &str = "sim/chat";

/// A server whose simulated model costs a dollar a call.
fn priced() -> (Home, crate::kit::Running) {
    let home = Home::new().with_admin();
    let server = home.serve();
    home.sign_in();
    let make = [
        "providers",
        "create",
        "--name",
        "sim",
        "--type",
        "simulated",
    ];
    home.iron(&make).assert().success();
    let price = ["models", "price", MODEL, "--type", "simulated"];
    let price = [
        &price[..],
        &["--input", "0", "--output", "0", "--per-query", "1"],
    ];
    home.iron(&price.concat()).assert().success();
    (home, server)
}

/// Calls until no more is let in; gives how often it was, and the last answer.
fn call_until_refused(home: &Home, token: &str) -> (usize, String) {
    let mut served = 0;
    loop {
        let answer = call(&home.address, token, MODEL);
        if !answer.contains("200 OK") {
            return (served, answer);
        }
        served += 1;
        assert!(served <= 20, "somebody has to stop it");
    }
}

fn number(object: &Value, pointer: &str) -> f64 {
    let found = object.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("no number at {pointer} in {object}"))
}

#[test]
fn ten_agents_share_a_pool_and_low_ones_stop_before_a_critical_one() {
    let (home, _server) = priced();
    let mut members = Vec::new();
    let mut tokens = Vec::new();
    for (priority, count) in AGENTS {
        for index in 0..count {
            let name = format!("{priority}-{index}");
            let make = ["agents", "create", "--name", &name, "--budget", "20"];
            let made = home.json(&[&make[..], &["--provider", "sim", "--token"]].concat());
            tokens.push((priority, text(&made, "/ic_token/token").to_owned()));
            members.extend(["--member".to_owned(), format!("{name}={priority}")]);
        }
    }
    let create = [
        "pools", "create", "shared", "--budget", "20", "--period", "monthly",
    ];
    let create: Vec<&str> = create
        .into_iter()
        .chain(members.iter().map(String::as_str))
        .collect();
    let pool = home.json(&create);
    let id = text(&pool, "/id");

    // Low ones may have half of it together, however many they are; then the others go on.
    for (priority, dollars) in [("low", 10), ("normal", 5), ("high", 3), ("critical", 2)] {
        let mut served = 0;
        for (_, token) in tokens.iter().filter(|(whose, _)| *whose == priority) {
            let (more, refused) = call_until_refused(&home, token);
            served += more;
            assert!(refused.contains("429"), "{refused}");
            assert!(refused.contains("BUDGET_EXCEEDED"), "{refused}");
            let named = match priority {
                "low" => format!("pool `{id}` (priority low) has no room"),
                "normal" => format!("pool `{id}` (priorities low and normal) has no room"),
                "high" => format!("pool `{id}` (priorities low to high) has no room"),
                _ => format!("pool `{id}` has no room"),
            };
            assert!(refused.contains(&named), "{refused}");
            assert!(
                refused.contains(&format!(r#""pool_id":"{id}""#)),
                "{refused}"
            );
        }
        assert_eq!(served, dollars, "calls of priority {priority}");
    }

    // The ledger hears of it a moment later.
    let mut shown = home.json(&["pools", "get", "shared"]);
    for _ in 0..200 {
        if number(&shown, "/spent") >= 20.0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        shown = home.json(&["pools", "get", "shared"]);
    }
    let spent = |index: usize| number(&shown, &format!("/priorities/{index}/spent"));
    assert_eq!(
        [spent(0), spent(1), spent(2), spent(3)],
        [2.0, 3.0, 5.0, 10.0]
    );
    assert_eq!(number(&shown, "/remaining"), 0.0);
    assert_eq!(text(&shown, "/status"), "exhausted");

    // More for the pool, and low ones come in again; whoever leaves spends without it.
    home.iron(&["pools", "update", "shared", "--budget", "22"])
        .assert()
        .success();
    let (_, low) = &tokens[0];
    assert_eq!(call_until_refused(&home, low).0, 1, "half of two more");
    let pool = ["pools", "delete", "shared", "--force"];
    home.iron(&pool).assert().code(6);
    home.iron(&["pools", "update", "shared", "--leave", "low-0"])
        .assert()
        .success();
    assert!(call(&home.address, low, MODEL).contains("200 OK"));
    let listed = home.json(&["pools", "list", "--agent", "critical-0"]);
    assert_eq!(text(&listed, "/data/0/id"), id);
    let members = listed.pointer("/data/0/members").and_then(Value::as_array);
    assert_eq!(members.map(Vec::len), Some(9));
    home.iron(&["pools", "create", "x", "--budget", "1", "--member", "low-1"])
        .assert()
        .code(2);
}
