//! `iron doctor`: finds what is wrong, says what to do, and ends with 9.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::kit::{Home, provider_that_says, text};

/// The findings and the exit code.
fn doctor(home: &Home) -> (Vec<Value>, Option<i32>) {
    let output = home.iron(&["--json", "doctor"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report
        .pointer("/findings")
        .and_then(Value::as_array)
        .unwrap();
    (findings.clone(), output.status.code())
}

/// The finding of one check.
fn of<'a>(findings: &'a [Value], check: &str) -> &'a Value {
    findings
        .iter()
        .find(|finding| text(finding, "/check") == check)
        .unwrap_or_else(|| panic!("nothing about `{check}` in {findings:#?}"))
}

#[test]
fn a_machine_without_a_server_is_well() {
    let (findings, code) = doctor(&Home::new());
    assert_eq!(code, Some(0), "{findings:#?}");
    assert!(text(of(&findings, "server"), "/message").contains("is free"));
    assert!(text(of(&findings, "prices"), "/message").contains("litellm"));
    assert!(text(of(&findings, "keychain"), "/message").contains("sessions.json"));
    for finding in &findings {
        let well = text(finding, "/verdict") == "ok";
        assert!(well || !text(finding, "/fix").is_empty(), "{finding}");
    }
}

#[test]
fn a_provider_that_refuses_its_key_is_named_and_one_that_answers_is_not_blamed() {
    let home = Home::new().with_admin();
    let _server = home.serve();
    home.sign_in();
    for (name, status) in [("right", "200 OK"), ("wrong", "401 Unauthorized")] {
        let url = provider_that_says(status);
        home.iron(&[
            "providers",
            "create",
            "--name",
            name,
            "--type",
            "openai",
            "--key-stdin",
        ])
        .args(["--base-url", &url])
        .write_stdin("sk-something")
        .assert()
        .success();
    }
    // Nobody listens there.
    home.iron(&["providers", "create", "--name", "away", "--type", "local"])
        .args(["--base-url", "http://127.0.0.1:1/v1", "--model", "m"])
        .assert()
        .success();
    let (findings, code) = doctor(&home);
    assert_eq!(code, Some(9));
    assert_eq!(text(of(&findings, "provider right"), "/verdict"), "ok");
    let wrong = of(&findings, "provider wrong");
    assert_eq!(text(wrong, "/verdict"), "problem");
    assert!(text(wrong, "/fix").contains("iron providers update wrong --key-stdin"));
    let away = of(&findings, "provider away");
    assert_eq!(text(away, "/verdict"), "problem");
    assert!(
        text(away, "/fix").contains("http://127.0.0.1:1/v1"),
        "{away}"
    );
}

#[test]
fn a_folder_and_a_key_that_others_can_read_are_problems() {
    let home = Home::new().with_admin();
    drop(home.serve());
    let data = home.path("data");
    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(data.join("master.key"), PermissionsExt::from_mode(0o644)).unwrap();
    let (findings, code) = doctor(&home);
    assert_eq!(code, Some(9));
    assert!(text(of(&findings, "data folder"), "/fix").starts_with("chmod 700"));
    assert!(text(of(&findings, "master key"), "/fix").starts_with("chmod 600"));
    assert!(text(of(&findings, "disk"), "/message").contains("synced write"));

    std::fs::remove_file(data.join("master.key")).unwrap();
    let (findings, _) = doctor(&home);
    assert_eq!(text(of(&findings, "master key"), "/verdict"), "problem");
}

#[test]
fn an_address_that_somebody_else_has_is_a_problem() {
    let home = Home::new();
    let _other = TcpListener::bind(&home.address).unwrap();
    let (findings, code) = doctor(&home);
    assert_eq!(code, Some(9));
    assert!(text(of(&findings, "server"), "/fix").contains("ss -ltnp"));
}

#[test]
fn a_database_that_cannot_be_reached_is_a_problem_and_its_password_is_not_shown() {
    let home = Home::new().with("IRON_DATABASE_URL", "postgres://iron:hush@127.0.0.1:1/iron");
    let output = home.iron(&["doctor"]).assert().code(9);
    let said = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(
        said.contains("database") && said.contains("check the host"),
        "{said}"
    );
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn a_postgres_that_answers_tells_its_version_and_its_clock() {
    let url = std::env::var(iron_store::testing::POSTGRES_URL).unwrap();
    let home = Home::new().with("IRON_DATABASE_URL", &url);
    let (findings, code) = doctor(&home);
    assert_eq!(code, Some(0), "{findings:#?}");
    assert!(text(of(&findings, "database"), "/message").starts_with("PostgreSQL "));
    assert_eq!(text(of(&findings, "database clock"), "/verdict"), "ok");
}

#[test]
fn a_superuser_of_postgres_is_warned_of_and_a_plain_role_is_not() {
    let url = std::env::var(iron_store::testing::POSTGRES_URL).unwrap();
    let (findings, _) = doctor(&Home::new().with("IRON_DATABASE_URL", &url));
    let found = of(&findings, "row security");
    assert_eq!(
        text(found, "/verdict"),
        "warning",
        "tests are given a superuser"
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let schema = runtime
        .block_on(iron_store::testing::PostgresSchema::create())
        .unwrap();
    let (findings, code) = doctor(&Home::new().with("IRON_DATABASE_URL", &schema.url()));
    assert_eq!(code, Some(0), "{findings:#?}");
    assert_eq!(text(of(&findings, "row security"), "/verdict"), "ok");
    runtime.block_on(schema.drop()).unwrap();
}

#[test]
fn wrong_settings_are_problems_with_a_place() {
    let home = Home::new();
    std::fs::write(home.path("iron.yaml"), "durability: sometimes\n").unwrap();
    let (findings, code) = doctor(&home);
    assert_eq!(code, Some(9));
    assert!(text(of(&findings, "configuration"), "/message").contains("iron.yaml:1:1"));
}
