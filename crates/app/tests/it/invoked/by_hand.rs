//! Calls of tools from the command line.

use serde_json::json;

use super::{customers, seller};
use crate::kit::{Home, text};

#[test]
fn a_tool_is_called_from_the_command_line_with_the_token_of_an_agent() {
    let (address, seen) = customers();
    let home = Home::new()
        .with_admin()
        .with("IRON_TOOLS_INSIDE_HOSTS", &address);
    let _server = home.serve();
    home.sign_in();
    let token = seller(&home, &address);

    let refused = home.iron(&["tools", "available"]).assert().code(3);
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(said.contains("--agent-token-file"), "{said}");

    let listed = home.json_with("IRON_CAGE_TOKEN", &token, &["tools", "available"]);
    assert_eq!(text(&listed, "/data/0/name"), "crm/find");

    let kept = home.path("token");
    std::fs::write(&kept, format!("{token}\n")).unwrap();
    let kept = kept.to_str().unwrap();
    let of = ["tools", "invoke", "crm/find", "--agent-token-file", kept];
    let ada = ["--arguments", r#"{"q": "ada & co"}"#];
    let once = [&of[..], &ada, &["--idempotency-key", "k1"]].concat();
    let first = home.json(&once);
    assert_eq!(text(&first, "/status"), "success", "{first}");
    assert_eq!(text(&first, "/output/customers/0/name"), "Ada");
    assert_eq!(home.json(&once), first);
    assert_eq!(seen.lock().unwrap().len(), 1);

    let bob = [&of[..], &["--arguments", r#"{"q": "bob"}"#]].concat();
    let shown = home.iron(&bob).assert().success();
    let shown = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert!(shown.starts_with("success after "), "{shown}");
    assert!(shown.contains(r#"{"name":"Ada""#), "{shown}");
}

#[test]
fn what_is_denied_unknown_or_misspelt_ends_with_a_code_of_its_own() {
    let (address, seen) = customers();
    let home = Home::new()
        .with_admin()
        .with("IRON_TOOLS_INSIDE_HOSTS", &address);
    let _server = home.serve();
    home.sign_in();
    let token = seller(&home, &address);
    let policy = home.path("policy.yaml");
    let says = json!({"name": "no customers", "effect": "deny", "match": {"tools": ["crm/*"]}});
    std::fs::write(&policy, says.to_string()).unwrap();
    let ask = |more: &[&str]| {
        let mut command = home.iron(&[&["tools", "invoke"][..], more].concat());
        command.env("IRON_CAGE_TOKEN", &token);
        let ended = command.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        (ended.status.code(), said)
    };
    let misspelt = [
        (["crm/find", "--arguments", "{q: 1"], "is no JSON"),
        (["crm/find", "--arguments", "[1]"], "an object"),
        (["crm/find", "--attribute", "north"], "NAME=VALUE"),
    ];
    for (arguments, why) in misspelt {
        let (code, said) = ask(&arguments);
        assert!(code == Some(2) && said.contains(why), "{code:?}: {said}");
    }
    let (code, said) = ask(&["crm/lose"]);
    assert_eq!(code, Some(5), "{said}");
    let file = policy.to_str().unwrap();
    home.json(&["policies", "create", "--file", file, "--scope", "tenant"]);
    let (code, said) = ask(&["crm/find", "--arguments", r#"{"q": "ada"}"#]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("no customers"), "{said}");
    assert!(seen.lock().unwrap().is_empty());
}
