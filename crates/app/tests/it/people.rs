//! People at work: sessions and budgets.

use serde_json::{Value, json};

use crate::kit::{EMAIL, Home, text};

#[test]
fn without_a_session_bus_sessions_are_kept_in_a_private_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new().with_admin();
    let _server = home.serve();
    home.sign_in();
    let file = home.path(".config/iron/sessions.json");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    home.iron(&["agents", "list"]).assert().success();
    home.iron(&["logout"]).assert().success();
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), "{}");
    home.iron(&["agents", "list"]).assert().code(3);
    // Once more is no error: nobody is signed in, as was wanted.
    let again = home.json(&["logout"]);
    assert_eq!(again.pointer("/logged_out"), Some(&json!(false)));
}

#[test]
fn a_keychain_that_was_asked_for_and_is_not_there_is_an_error_and_not_a_file() {
    let home = Home::new()
        .with_admin()
        .with("IRON_KEYCHAIN", "system")
        .with("XDG_RUNTIME_DIR", "/nonexistent");
    let _server = home.serve();
    let login = home
        .iron(&["login", "--email", EMAIL, "--password-stdin"])
        .write_stdin(crate::kit::PASSWORD)
        .assert()
        .code(1);
    let said = String::from_utf8_lossy(&login.get_output().stderr).into_owned();
    assert!(
        said.contains("keychain") && said.contains("IRON_KEYCHAIN=file"),
        "{said}"
    );
    assert!(!home.path(".config/iron/sessions.json").exists());
}

#[test]
fn a_session_is_forgotten_here_even_when_the_server_is_gone() {
    let home = Home::new().with_admin();
    let server = home.serve();
    home.sign_in();
    drop(server);
    home.iron(&["logout"]).assert().code(8);
    let file = home.path(".config/iron/sessions.json");
    assert_eq!(std::fs::read_to_string(file).unwrap().trim(), "{}");
}

#[test]
fn budgets_of_projects_and_users_are_set_and_shown_like_those_of_agents() {
    let home = Home::new().with_admin();
    let _server = home.serve();
    home.sign_in();
    home.iron(&["agents", "create", "--name", "writer", "--budget", "5"])
        .assert()
        .success();
    let project = home.json(&["agents", "get", "writer"]);
    let project = text(&project, "/project_id").to_owned();

    for whose in [
        vec!["writer"],
        vec!["--project", &project],
        vec!["--user", EMAIL],
    ] {
        let set = |more: &[&str]| {
            let mut arguments = vec!["limits", "set"];
            arguments.extend(&whose);
            arguments.extend(more);
            arguments.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let run = |arguments: Vec<String>| {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            home.iron(&arguments).assert()
        };
        let first = ["--budget", "20", "--period", "monthly", "--force"];
        if whose.len() == 1 {
            // More than before needs no yes.
            run(set(&first[..4])).success();
        } else {
            // Limiting what has no limit yet asks too.
            run(set(&first[..4])).code(2);
            run(set(&first)).success();
        }
        // Lowering asks, and nobody is there to answer.
        run(set(&["--budget", "10"])).code(2);
        run(set(&[
            "--budget",
            "10",
            "--force",
            "--reason",
            "a quiet month",
        ]))
        .success();
        let mut get = vec!["limits", "get"];
        get.extend(&whose);
        let budget = home.json(&get);
        assert_eq!(
            budget.pointer("/budget").and_then(Value::as_f64),
            Some(10.0),
            "{whose:?}"
        );
        assert_eq!(text(&budget, "/period"), "monthly", "{whose:?}");
    }
    let history = home.json(&["limits", "history", "writer"]);
    assert_eq!(text(&history, "/data/0/reason"), "a quiet month");
}

#[test]
fn a_budget_of_nobody_is_refused_with_a_reason() {
    let home = Home::new().with_admin();
    let _server = home.serve();
    home.sign_in();
    home.iron(&["limits", "get"]).assert().code(2);
    home.iron(&["limits", "get", "a", "--user", "b"])
        .assert()
        .code(2);
    home.iron(&["limits", "get", "--user", "nobody@example.com"])
        .assert()
        .code(5);
    home.iron(&["limits", "get", "--project", "nowhere"])
        .assert()
        .code(5);
    let wrong = home
        .iron(&["limits", "set", "--user", EMAIL, "--budget", "a lot"])
        .assert()
        .code(2);
    let said = String::from_utf8_lossy(&wrong.get_output().stderr).into_owned();
    assert!(said.contains("`a lot`"), "{said}");
}
