//! The binary without a server: help, exit codes, configuration, JSON errors.

use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// Runs `iron` in an empty home with these variables.
fn iron(home: &TempDir, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iron"))
        .args(arguments)
        .current_dir(home.path())
        .env_clear()
        .env("HOME", home.path())
        .env("IRON_KEYCHAIN", "file")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_shows_examples_and_exit_codes() {
    let output = iron(&home(), &[], &["--help"]);
    assert!(output.status.success());
    let help = text(&output.stdout);
    for part in ["Examples:", "iron up", "Exit codes:", "130 interrupted"] {
        assert!(help.contains(part), "{help}");
    }
}

#[test]
fn a_misspelt_command_is_a_usage_error_with_a_suggestion() {
    let output = iron(&home(), &[], &["agnets", "list"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("agents"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn without_a_session_a_command_says_how_to_sign_in() {
    let output = iron(&home(), &[], &["--json", "agents", "list"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stdout.is_empty());
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(
        error.pointer("/error/code"),
        Some(&Value::from("NOT_SIGNED_IN"))
    );
    assert!(
        error
            .pointer("/error/hint")
            .and_then(Value::as_str)
            .unwrap()
            .contains("iron login")
    );
}

#[test]
fn a_server_that_is_not_there_is_code_8() {
    let variables = [("IRON_TOKEN", "at_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")];
    let arguments = ["--server", "http://127.0.0.1:1", "agents", "list"];
    let output = iron(&home(), &variables, &arguments);
    assert_eq!(output.status.code(), Some(8), "{}", text(&output.stderr));
}

#[test]
fn explain_tells_which_source_holds_and_what_it_overrides() {
    let home = home();
    std::fs::write(
        home.path().join("iron.yaml"),
        "# ours\nlisten: 127.0.0.1:9\n",
    )
    .unwrap();
    let variables = [("IRON_LISTEN", "127.0.0.1:8")];
    let output = iron(
        &home,
        &variables,
        &["--json", "config", "explain", "listen"],
    );
    let setting: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(setting.pointer("/value"), Some(&Value::from("127.0.0.1:8")));
    assert_eq!(setting.pointer("/from"), Some(&Value::from("IRON_LISTEN")));
    let overridden = setting
        .pointer("/overrides/0")
        .and_then(Value::as_str)
        .unwrap();
    assert!(overridden.ends_with("iron.yaml:2:1"), "{overridden}");
}

#[test]
fn a_wrong_setting_names_its_line_and_the_check_ends_with_9() {
    let home = home();
    std::fs::write(home.path().join("iron.yaml"), "durability: sometimes\n").unwrap();
    let output = iron(&home, &[], &["config", "validate"]);
    assert_eq!(output.status.code(), Some(9));
    let said = text(&output.stderr);
    assert!(
        said.contains("iron.yaml:1:1") && said.contains("`strict`"),
        "{said}"
    );
    assert_eq!(iron(&home, &[], &["status"]).status.code(), Some(2));
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let output = iron(&home(), &[], &["completions", shell]);
        let script = text(&output.stdout);
        assert!(
            output.status.success() && script.contains("api-tokens"),
            "{shell}"
        );
    }
}
