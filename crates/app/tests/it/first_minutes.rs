//! `iron up`: what a stranger sees first.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::kit::{EMAIL, Home, call, text};

/// Starts `iron up` in the foreground and gives what it said first.
fn up(home: &Home) -> (crate::kit::Running, Value) {
    let mut up = home.spawn(&["--json", "up"]);
    let first = up.line();
    let greeting = serde_json::from_str(&first)
        .unwrap_or_else(|error| panic!("{error} in `{first}`: {}", home.complaints()));
    (up, greeting)
}

#[test]
fn up_follows_each_call_on_one_line_and_ctrl_c_ends_it_with_130() {
    let home = Home::new();
    let (mut up, greeting) = up(&home);
    let token = text(&greeting, "/token");
    assert!(call(&home.address, token, "sim/chat").starts_with("HTTP/1.1 200"));
    let line: Value = serde_json::from_str(&up.line()).unwrap();
    assert_eq!(text(&line, "/agent"), "demo");
    assert_eq!(text(&line, "/model"), "sim/chat");
    assert_eq!(text(&line, "/outcome"), "completed");
    assert_eq!(line.pointer("/agent_id"), greeting.pointer("/agent"));
    for count in ["/input_tokens", "/output_tokens", "/cost_nanos"] {
        assert!(
            line.pointer(count).and_then(Value::as_i64).unwrap() > 0,
            "{line}"
        );
    }
    assert!(
        line.pointer("/duration_ms")
            .and_then(Value::as_i64)
            .is_some(),
        "{line}"
    );

    assert!(call(&home.address, token, "no-such-model").starts_with("HTTP/1.1 4"));
    let line: Value = serde_json::from_str(&up.line()).unwrap();
    assert_eq!(text(&line, "/outcome"), "refused");
    assert!(!text(&line, "/reason").is_empty());

    up.signal(Signal::INT);
    assert_eq!(up.code(), Some(130), "{}", home.complaints());
    // All is in order: what it leaves behind verifies, and the folder serves again.
    home.iron(&["audit", "verify"]).assert().success();
    let (up, again) = self::up(&home);
    assert_eq!(again.pointer("/token"), greeting.pointer("/token"));
    assert_eq!(again.pointer("/one_time_password"), Some(&Value::Null));
    drop(up);
}

#[test]
fn up_ends_well_when_it_is_told_to_stop_or_nobody_reads_it() {
    let home = Home::new();
    let (mut first, _) = up(&home);
    first.signal(Signal::TERM);
    assert_eq!(first.code(), Some(0), "{}", home.complaints());

    let (mut second, greeting) = up(&home);
    second.leave();
    // The first line goes into the void, and so does the server.
    call(&home.address, text(&greeting, "/token"), "sim/chat");
    assert_eq!(second.code(), Some(0), "{}", home.complaints());
}

#[test]
fn up_for_people_shows_who_spent_what_on_a_line_without_colours_in_a_pipe() {
    let home = Home::new();
    let mut up = home.spawn(&["up"]);
    let token = loop {
        let line = up.line();
        assert!(!line.is_empty(), "{}", home.complaints());
        if let Some((_, token)) = line.split_once("ANTHROPIC_API_KEY=") {
            break token.trim().to_owned();
        }
    };
    call(&home.address, &token, "sim/chat");
    let line = loop {
        let line = up.line();
        assert!(!line.is_empty(), "{}", home.complaints());
        if line.contains("sim/chat") && !line.contains("curl") {
            break line;
        }
    };
    for part in ["demo", "tokens", "$0.", "completed", " ms"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains('\x1b'), "{line}");
}

#[test]
fn a_key_that_comes_later_makes_a_provider_and_a_changed_one_is_only_offered() {
    let home = Home::new();
    let first = home.json(&["up", "--detach"]);
    assert_eq!(first.pointer("/keys/added"), Some(&json!([])));
    let added = home.json_with("OPENAI_API_KEY", "sk-one", &["up", "--detach"]);
    assert_eq!(added.pointer("/already_running"), Some(&json!(true)));
    assert_eq!(added.pointer("/keys/added"), Some(&json!(["openai"])));
    let same = home.json_with("OPENAI_API_KEY", "sk-one", &["up", "--detach"]);
    assert_eq!(
        same.pointer("/keys"),
        Some(&json!({"added": [], "rotated": [], "offered": [], "left": []}))
    );
    let changed = home.json_with("OPENAI_API_KEY", "sk-two", &["up", "--detach"]);
    assert_eq!(changed.pointer("/keys/offered"), Some(&json!(["openai"])));

    // Also after the server was stopped, and both are the demo agent's.
    home.iron(&["down"]).assert().success();
    let later = home.json_with("ANTHROPIC_API_KEY", "sk-ant-three", &["up", "--detach"]);
    assert_eq!(later.pointer("/keys/added"), Some(&json!(["anthropic"])));
    let password = text(&first, "/one_time_password");
    home.iron(&[
        "login",
        "--email",
        "admin@localhost.local",
        "--password-stdin",
    ])
    .write_stdin(password)
    .assert()
    .success();
    home.iron(&["auth", "password", "--stdin"])
        .write_stdin(format!("{password}\na better passphrase than that\n"))
        .assert()
        .success();
    let agent = home.json(&["agents", "get", "demo"]);
    let assigned = agent
        .pointer("/providers")
        .and_then(Value::as_array)
        .unwrap();
    assert_eq!(assigned.len(), 3, "{agent}");
    let providers = home.json(&["providers", "list"]);
    let keys: Vec<_> = providers
        .pointer("/data")
        .and_then(Value::as_array)
        .unwrap()
        .iter()
        .filter_map(|provider| provider.pointer("/api_key").and_then(Value::as_str))
        .collect();
    assert_eq!(keys.len(), 2, "{providers}");
}

#[test]
fn a_token_of_ours_in_the_variable_of_an_sdk_is_no_key() {
    let home = Home::new();
    let first = home.json(&["up", "--detach"]);
    let token = text(&first, "/token");
    let second = home.json_with("OPENAI_API_KEY", token, &["up", "--detach"]);
    assert_eq!(second.pointer("/keys/added"), Some(&json!([])));
}

#[test]
fn a_provider_that_somebody_else_made_is_left_alone() {
    let home = Home::new().with_admin();
    home.json(&["up", "--detach"]);
    home.sign_in();
    home.iron(&[
        "providers",
        "create",
        "--name",
        "openai",
        "--type",
        "openai",
        "--key-stdin",
    ])
    .write_stdin("sk-mine")
    .assert()
    .success();
    let second = home.json_with("OPENAI_API_KEY", "sk-one", &["up", "--detach"]);
    assert_eq!(second.pointer("/keys/left"), Some(&json!(["openai"])));
}

#[test]
fn a_second_up_and_a_second_down_say_that_nothing_was_left_to_do() {
    let home = Home::new();
    home.json(&["up", "--detach"]);
    let again = home.iron(&["up"]).assert().success();
    let said = String::from_utf8_lossy(&again.get_output().stdout).into_owned();
    assert!(
        said.contains("already running on http://127.0.0.1"),
        "{said}"
    );
    let status = home.json(&["status"]);
    assert_eq!(text(&status, "/health/status"), "healthy");
    assert_eq!(home.json(&["down"]).pointer("/stopped"), Some(&json!(true)));
    assert_eq!(
        home.json(&["down"]).pointer("/stopped"),
        Some(&json!(false))
    );
    home.iron(&["status"]).assert().code(8);
}

#[test]
fn the_version_names_the_commit_that_the_server_names_too() {
    let home = Home::new();
    let output = home.iron(&["--version"]).assert().success();
    let line = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    let (_, build) = line.trim().split_once('(').unwrap();
    let (commit, time) = build.trim_end_matches(')').split_once(", ").unwrap();
    assert!(commit == "unknown" || commit.len() == 12, "{line}");
    assert!(time == "unknown" || time.len() == 20, "{line}");
    let _server = home.serve();
    let answer = crate::kit::get(&home.address, "/api/v1/version").unwrap();
    assert!(
        answer.contains(&format!("\"commit\":\"{commit}")),
        "{answer}"
    );
    assert!(
        answer.contains(&format!("\"timestamp\":\"{time}\"")),
        "{answer}"
    );
}

/// What `iron up` notes in its folder, changed.
fn noted(home: &Home, change: impl FnOnce(&mut Value)) {
    let path = home.path("data/demo.json");
    let mut demo: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut demo);
    std::fs::write(&path, demo.to_string()).unwrap();
}

#[test]
fn up_serves_also_when_nobody_may_add_providers_any_more() {
    let home = Home::new();
    home.json(&["up", "--detach"]);
    noted(&home, |demo| demo["operator"] = json!("iron_forgotten"));
    let again = home.json_with("OPENAI_API_KEY", "sk-one", &["up", "--detach"]);
    assert_eq!(again.pointer("/keys/added"), Some(&json!([])));
    home.iron(&["down"]).assert().success();
    let cold = home.json_with("OPENAI_API_KEY", "sk-one", &["up", "--detach"]);
    assert_eq!(cold.pointer("/already_running"), Some(&json!(false)));
    assert_eq!(cold.pointer("/keys/added"), Some(&json!([])));
    home.json(&["down"]);
}

#[test]
fn a_start_that_was_interrupted_is_finished_by_the_next_one_with_one_password_that_opens() {
    let begun = "begun and left alone";
    let home = Home::new()
        .with("IRON_ADMIN_EMAIL", EMAIL)
        .with("IRON_ADMIN_PASSWORD", begun);
    let _server = home.serve();
    let demo = json!({"admin": EMAIL, "password": begun});
    std::fs::write(home.path("data/demo.json"), demo.to_string()).unwrap();
    let finished = home.json(&["up", "--detach"]);
    assert_eq!(finished.pointer("/already_running"), Some(&json!(true)));
    let token = text(&finished, "/token");
    assert!(call(&home.address, token, "sim/chat").starts_with("HTTP/1.1 200"));
    // The variable was set on this start, but it was not what began.
    let one_time = text(&finished, "/one_time_password").to_owned();

    // Interrupted between the new password and the note that all is done.
    noted(&home, |demo| {
        demo["password"] = json!(begun);
        demo["one_time"] = json!(one_time);
    });
    let again = home.json(&["up", "--detach"]);
    assert_eq!(text(&again, "/one_time_password"), one_time);
    let login = ["login", "--email", EMAIL, "--password-stdin"];
    let signed_in = home.iron(&login).write_stdin(one_time).assert();
    signed_in.success();
    let third = home.json(&["up", "--detach"]);
    assert_eq!(third.pointer("/one_time_password"), None);
}

#[test]
fn an_administrator_who_chose_a_password_keeps_it_and_a_deleted_provider_stays_away() {
    let home = Home::new().with_admin();
    let first = home.json_with("OPENAI_API_KEY", "sk-one", &["up", "--detach"]);
    assert_eq!(first.pointer("/one_time_password"), Some(&Value::Null));
    home.sign_in();
    home.iron(&["providers", "delete", "openai", "--force"])
        .assert()
        .success();
    let again = home.json_with("OPENAI_API_KEY", "sk-one", &["up", "--detach"]);
    assert_eq!(again.pointer("/keys/added"), Some(&json!([])));
    let other = home.json_with("OPENAI_API_KEY", "sk-two", &["up", "--detach"]);
    assert_eq!(other.pointer("/keys/added"), Some(&json!(["openai"])));
    home.json(&["down"]);
}

#[test]
fn a_start_that_was_interrupted_after_the_token_was_made_gets_a_token_that_works() {
    let home = Home::new().with_admin();
    let _server = home.serve();
    home.sign_in();
    // The agent and its token are there, but the value went down with whoever asked for it.
    let lost = [
        "agents", "create", "--name", "demo", "--budget", "5", "--token",
    ];
    let lost = home.json(&lost);
    let lost = text(&lost, "/ic_token/token");
    let demo = json!({"admin": EMAIL, "password": crate::kit::PASSWORD, "chosen": true});
    std::fs::write(home.path("data/demo.json"), demo.to_string()).unwrap();

    let finished = home.json(&["up", "--detach"]);
    let token = text(&finished, "/token");
    assert_ne!(token, lost);
    let simulated = ["agents", "assign-providers", "demo", "simulated"];
    home.iron(&simulated).assert().success();
    assert!(call(&home.address, token, "sim/chat").starts_with("HTTP/1.1 200"));
    assert!(call(&home.address, lost, "sim/chat").starts_with("HTTP/1.1 401"));
    let again = home.json(&["up", "--detach"]);
    assert_eq!(text(&again, "/token"), token);
}

#[test]
fn of_two_that_come_up_at_once_one_makes_the_demo_and_the_other_finds_it() {
    let home = Home::new();
    let (one, other) = std::thread::scope(|scope| {
        let up = || home.json(&["up", "--detach"]);
        let (one, other) = (scope.spawn(up), scope.spawn(up));
        (one.join().unwrap(), other.join().unwrap())
    });
    let found = [&one, &other].map(|up| up.pointer("/already_running") == Some(&json!(true)));
    assert_ne!(found[0], found[1], "{one} {other}");
    assert_eq!(text(&one, "/token"), text(&other, "/token"));
    let maker = if found[0] { &other } else { &one };
    let password = text(maker, "/one_time_password").to_owned();
    home.iron(&[
        "login",
        "--email",
        text(maker, "/admin"),
        "--password-stdin",
    ])
    .write_stdin(password)
    .assert()
    .success();
    home.json(&["down"]);
}
