//! Quotas by command, and what follows from one that is used up.

use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::{Home, call, text};

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[test]
fn a_used_up_token_quota_warns_pauses_and_names_itself_until_it_is_raised() {
    let home = Home::new()
        .with_admin()
        .with("IRON_RATE_LIMITS_USER_PER_MINUTE", "0")
        .with("IRON_RATE_LIMITS_USER_PER_HOUR", "0");
    let _server = home.serve();
    home.sign_in();
    let run = |line: &str| home.json(&words(line));
    run("providers create --name sim --type simulated");
    let agent = run("agents create --name writer --budget 5 --provider sim --token");
    let token = text(&agent, "/ic_token/token").to_owned();

    home.iron(&words("limits quotas set writer --tokens 0"))
        .assert()
        .code(2);
    home.iron(&words("limits quotas set writer --tokens 400"))
        .assert()
        .code(2);
    let set = run("limits quotas set writer --tokens 1000000 --reason trial --force");
    assert_eq!(
        set.pointer("/tokens_per_day"),
        Some(&json!(1_000_000)),
        "{set}"
    );
    assert!(call(&home.address, &token, "sim/chat").starts_with("HTTP/1.1 200"));
    let used = wait(|| {
        let shown = run("limits quotas get writer");
        let usage = shown.pointer("/usage/0")?;
        let number = |name: &str| usage.get(name).and_then(Value::as_i64);
        number("used").filter(|used| *used > 0 && number("reserved") == Some(0))
    });

    // Nothing is left of a quota that is what was used.
    run(&format!("limits quotas set writer --tokens {used} --force"));
    wait(|| {
        let agent = run("agents get writer");
        let paused = text(&agent, "/runtime_state") == "paused";
        paused.then(|| {
            let reason = text(&agent, "/pause_reason");
            assert!(
                reason.contains(&format!("{used} tokens is spent")),
                "{agent}"
            );
        })
    });
    let refused = call(&home.address, &token, "sim/chat");
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    let named = format!("limit {used} tokens, spent {used} tokens");
    assert!(
        refused.contains("BUDGET_EXCEEDED") && refused.contains(&named),
        "{refused}"
    );
    let events = wait(|| {
        let events = run("limits events writer --after 0");
        let events = events.pointer("/data").and_then(Value::as_array)?.clone();
        (events.len() >= 5).then_some(events)
    });
    assert!(
        events
            .iter()
            .all(|event| event.pointer("/unit") == Some(&json!("tokens"))),
        "{events:?}"
    );
    run("limits quotas set writer --tokens 100000");
    wait(|| {
        let agent = run("agents get writer");
        (text(&agent, "/runtime_state") == "running").then_some(())
    });
    assert!(call(&home.address, &token, "sim/chat").starts_with("HTTP/1.1 200"));
    run("limits quotas set writer --tokens none");
    let plain = home
        .iron(&words("limits quotas get writer"))
        .assert()
        .success();
    let plain = String::from_utf8_lossy(&plain.get_output().stdout).into_owned();
    assert!(plain.contains("unlimited"), "{plain}");
}

#[test]
fn the_time_of_an_agent_is_limited_and_shown_by_command() {
    let home = Home::new().with_admin();
    let _server = home.serve();
    home.sign_in();
    let run = |line: &str| home.json(&words(line));
    run("agents create --name worker --budget 5");
    home.iron(&words("limits quotas set worker --seconds 0"))
        .assert()
        .code(2);
    let set = run("limits quotas set worker --seconds 3600 --tokens 1000 --force");
    let seconds = set.pointer("/execution_seconds_per_day");
    assert_eq!(seconds, Some(&json!(3_600)), "{set}");
    assert_eq!(set.pointer("/usage/1/unit"), Some(&json!("execution_time")));
    home.iron(&words("limits quotas set worker --seconds 60"))
        .assert()
        .code(2);
    let shown = home
        .iron(&words("limits quotas get worker"))
        .assert()
        .success();
    let shown = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert!(
        shown.contains("3600") && shown.contains("0 ms of execution"),
        "{shown}"
    );
    let lifted = run("limits quotas set worker --seconds none");
    assert_eq!(
        lifted.pointer("/execution_seconds_per_day"),
        None,
        "{lifted}"
    );
}

fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it does not come");
}
