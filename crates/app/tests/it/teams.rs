//! A team's budget and policy, through the real binary.

use crate::kit::{Home, call, text};

const MODEL: &str = "sim/chat";

/// Calls of these in turn until no more is let in; gives how many were, and the last answer.
fn call_until_refused(home: &Home, tokens: &[String]) -> (usize, String) {
    for (served, token) in tokens.iter().cycle().take(20).enumerate() {
        let answer = call(&home.address, token, MODEL);
        if !answer.contains("200 OK") {
            return (served, answer);
        }
    }
    panic!("somebody has to stop it")
}

#[test]
fn a_teams_agents_stop_together_at_its_budget_and_go_on_with_money_from_another_team() {
    let home = Home::new().with_admin();
    let _server = home.serve();
    home.sign_in();
    let run = |arguments: &[&str]| home.iron(arguments).assert().success();
    run(&[
        "providers",
        "create",
        "--name",
        "sim",
        "--type",
        "simulated",
    ]);
    let price = ["models", "price", MODEL, "--type", "simulated"];
    run(&[
        &price[..],
        &["--input", "0", "--output", "0", "--per-query", "1"],
    ]
    .concat());
    let team = home.json(&["teams", "create", "writers", "--budget", "3"]);
    let id = text(&team, "/id");
    run(&["teams", "create", "readers", "--budget", "10"]);
    let tokens: Vec<String> = ["one", "two"]
        .iter()
        .map(|name| {
            let make = ["agents", "create", "--name", name, "--budget", "20"];
            let rest = ["--provider", "sim", "--token", "--team", "writers"];
            let made = home.json(&[&make[..], &rest].concat());
            text(&made, "/ic_token/token").to_owned()
        })
        .collect();
    let (served, refused) = call_until_refused(&home, &tokens);
    assert_eq!(served, 3);
    assert!(refused.contains("BUDGET_EXCEEDED"), "{refused}");
    assert!(refused.contains(id), "{refused}");

    let transfer = ["teams", "transfer", "readers", "writers"];
    let refused = [&transfer[..], &["--amount", "10", "--reason", "all"]].concat();
    home.iron(&refused).assert().code(6);
    run(&[&transfer[..], &["--amount", "2", "--reason", "a fair"]].concat());
    assert_eq!(call_until_refused(&home, &tokens).0, 2);

    // A narrower policy holds at once, and so does its end.
    run(&["limits", "set", "--team", "writers", "--budget", "20"]);
    run(&["teams", "update", "writers", "--allow-model", "another"]);
    let answer = call(&home.address, &tokens[0], MODEL);
    assert!(answer.contains("403"), "{answer}");
    assert!(answer.contains("ACTION_DENIED"), "{answer}");
    run(&["teams", "update", "writers", "--allow-all-models"]);
    assert!(call(&home.address, &tokens[0], MODEL).contains("200 OK"));

    // So do limits of a minute, for all agents of the team together; other rules stay.
    run(&["teams", "update", "writers", "--allow-model", MODEL]);
    let limits = ["--requests-per-minute", "2", "--privacy-level", "moderate"];
    run(&[&["teams", "update", "writers"][..], &limits].concat());
    let (served, refused) = call_until_refused(&home, &tokens);
    assert_eq!(served, 2);
    assert!(refused.contains("429"), "{refused}");
    assert!(refused.contains("RATE_LIMIT_EXCEEDED"), "{refused}");
    assert!(refused.contains(id), "{refused}");
    let head = refused.to_lowercase();
    assert!(head.contains("retry-after: "), "{refused}");
    assert!(head.contains("x-ratelimit-limit: 2"), "{refused}");
    let team = home.json(&["teams", "get", "writers"]);
    assert_eq!(text(&team, "/policy/allowed_models/0"), MODEL);
    assert_eq!(text(&team, "/policy/privacy_level"), "moderate");
    run(&["teams", "update", "writers", "--requests-per-minute", "0"]);
    assert!(call(&home.address, &tokens[1], MODEL).contains("200 OK"));

    let mut report = home.json(&["teams", "report", "writers"]);
    for _ in 0..200 {
        if report.pointer("/spent").and_then(serde_json::Value::as_f64) >= Some(9.0) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        report = home.json(&["teams", "report", "writers"]);
    }
    assert_eq!(report["spent"], 9.0);
    assert_eq!(report["trend"]["this_month"], 9.0);
    assert_eq!(
        report["trend"]["change_percentage"],
        serde_json::Value::Null
    );
    assert_eq!(text(&report, "/top_spenders/0/name"), "one");
    assert_eq!(report["top_spenders"][1]["spent"], 4.0);
    let gone = ["teams", "delete", "writers", "--force"];
    home.iron(&gone).assert().code(6);
    run(&["agents", "update", "one", "--team", "none"]);
    run(&["agents", "update", "two", "--team", "readers"]);
    run(&gone);
    let listed = home.json(&["agents", "list", "--team", "readers"]);
    assert_eq!(text(&listed, "/data/0/name"), "two");
}
