//! Guardrails through the real binary: profiles, checks and files of examples.

use serde_json::{Value, json};

use crate::kit::{Home, call, text};

const PROFILE: &str = "\
sensitivity: moderate
redaction: plain
custom_patterns:
  - {name: employee, pattern: 'E-[0-9]{5}', score: 0.9, matches: [E-12345], misses: [E-1]}
";

const HOLDING: &str = "\
must:
  - ask E-12345
  - {text: E-54321, type: custom_pattern, verdict: redact, direction: output}
must_not:
  - E-1 is no employee
";

fn file(home: &Home, name: &str, content: &str) -> String {
    let path = home.path(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// Examples with a profile of their own.
fn with_profile(examples: &str) -> String {
    let profile = PROFILE.lines().map(|line| format!("  {line}\n"));
    format!("profile:\n{}{examples}", profile.collect::<String>())
}

#[test]
fn examples_are_tried_without_a_server_and_what_does_not_hold_is_told() {
    let home = Home::new();
    let good = file(&home, "good.yaml", &with_profile(HOLDING));
    let report = home.json(&["guardrails", "test", &good, "--offline"]);
    assert_eq!(report, json!({"passed": 3, "failed": []}));

    let bad = with_profile("must: [nobody]\nmust_not:\n  - {text: E-12345, channel: document}\n");
    let bad = file(&home, "bad.yaml", &bad);
    let ended = home
        .iron(&["guardrails", "test", &bad, "--offline"])
        .assert()
        .code(9);
    let told = String::from_utf8_lossy(&ended.get_output().stdout).into_owned();
    assert!(
        told.contains("must: `nobody`\n  found nothing; verdict allow"),
        "{told}"
    );
    assert!(
        told.contains("must not: `E-12345`\n  found custom_pattern"),
        "{told}"
    );

    for (name, content, says) in [
        ("pattern.yaml", "profile: {allow: ['(']}", "`allow[0]`"),
        ("field.yaml", "must_be: []", "must_be"),
        ("none.yaml", "[", "does not read"),
    ] {
        let path = file(&home, name, content);
        let refused = home
            .iron(&["guardrails", "test", &path, "--offline"])
            .assert()
            .code(2);
        let told = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
        assert!(told.contains(says), "{name}: {told}");
    }
}

#[test]
fn a_profile_holds_for_whom_it_is_chosen_and_its_versions_are_kept() {
    let home = Home::new().with_admin();
    let _server = home.serve();
    home.sign_in();
    let says = file(&home, "house.yaml", PROFILE);
    let make = [
        "guardrails",
        "profiles",
        "create",
        "--name",
        "house",
        "--file",
        &says,
        "--default",
    ];
    let made = home.json(&make);
    assert_eq!(
        (&made["version"], &made["is_default"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(made["custom_patterns"][0]["score"], 0.9);

    let checked = home.json(&["guardrails", "check", "ask E-12345", "--profile", "house"]);
    assert_eq!(
        (text(&checked, "/verdict"), text(&checked, "/text")),
        ("redact", "ask [REDACTED]")
    );
    let examples = file(&home, "examples.yaml", HOLDING);
    let report = home.json(&["guardrails", "test", &examples]);
    assert_eq!(report["passed"], 3);

    let harder = file(&home, "harder.yaml", "pii: {action: block}");
    let update = [
        "guardrails",
        "profiles",
        "update",
        "house",
        "--file",
        &harder,
    ];
    let after = home.json(&update);
    assert_eq!(
        (&after["version"], &after["redaction"]),
        (&json!(2), &json!("plain"))
    );
    let versions = home.json(&["guardrails", "profiles", "versions", "house"]);
    assert_eq!(versions["pagination"]["total"], 2);
    let first = home.json(&[
        "guardrails",
        "profiles",
        "versions",
        "house",
        "--version",
        "1",
    ]);
    assert_eq!(first["pii"], json!({"action": "alert"}));

    home.iron(&["agents", "create", "--name", "writer", "--budget", "5"])
        .assert()
        .success();
    home.iron(&[
        "teams",
        "create",
        "t",
        "--budget",
        "5",
        "--guardrail-profile",
        "house",
    ])
    .assert()
    .success();
    let update = ["agents", "update", "writer", "--guardrail-profile"];
    let set = home.json(&[&update[..], &["house"]].concat());
    assert_eq!(set["settings"]["guardrail_profile_id"], made["id"]);
    home.json(&[
        "guardrails",
        "profiles",
        "update",
        "house",
        "--default",
        "false",
    ]);
    let delete = ["guardrails", "profiles", "delete", "house", "--force"];
    home.iron(&delete).assert().code(6);
    let free = home.json(&[&update[..], &["none"]].concat());
    assert_eq!(free["settings"].get("guardrail_profile_id"), None);
    let team = home.json(&["teams", "update", "t", "--guardrail-profile", "none"]);
    assert_eq!(team["policy"].get("guardrail_profile_id"), None);
    home.iron(&delete).assert().success();
    let list = home.json(&["violations", "list"]);
    assert_eq!(list["pagination"]["total"], 0);
}

/// Violations are read from records, which come a moment later.
fn violations(home: &Home, filters: &[&str]) -> Value {
    for _ in 0..200 {
        let found = home.json(&[&["violations", "list"], filters].concat());
        if found.pointer("/data/0").is_some() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("nothing was found: {filters:?}");
}

#[test]
fn what_the_simulated_provider_leaks_is_redacted_and_listed() {
    let home = Home::new().with_admin();
    let _server = home.serve();
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
    let make = [
        "agents",
        "create",
        "--name",
        "writer",
        "--budget",
        "5",
        "--provider",
        "sim",
        "--token",
    ];
    let token = text(&home.json(&make), "/ic_token/token").to_owned();
    let answer = call(&home.address, &token, "sim/leak-pii");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Secrets are redacted and personal data is told, where nobody has set anything.
    for (entity, value) in iron_llm::simulated::LEAKED {
        let secret = matches!(entity, "api_key" | "access_token" | "connection_string");
        assert_eq!(answer.contains(value), !secret, "{entity}: {answer}");
    }
    let redacted = violations(&home, &["--verdict", "redact", "--agent", "writer"]);
    assert!(
        redacted["data"].as_array().unwrap().len() >= 3,
        "{redacted}"
    );
    let told = violations(&home, &["--type", "iban", "--channel", "output"]);
    assert_eq!(text(&told, "/data/0/verdict"), "flag");
}
