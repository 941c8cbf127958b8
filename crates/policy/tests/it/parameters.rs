//! What the arguments of tools are found to be, through the public face.

use iron_policy::parameters::{Checker, Error, Limits};
use iron_policy::{Resources, Tool};
use serde_json::{Value, json};

fn tool(declared: Value) -> Tool {
    serde_json::from_value(declared).unwrap()
}

fn checker(declared: Value) -> Checker {
    Checker::new(&tool(declared)).unwrap()
}

fn rules(checked: Result<Resources, Vec<iron_policy::parameters::Violation>>) -> Vec<&'static str> {
    let violations = checked.err().unwrap_or_default();
    violations
        .into_iter()
        .map(|violation| violation.rule)
        .collect()
}

#[test]
fn declared_parameters_are_held_to_their_kinds() {
    let checker = checker(json!({
        "name": "fetch_into_file",
        "parameters": [
            {"name": "url", "kind": "url", "domains": ["*.example.com"]},
            {"name": "/files/*/path", "kind": "path", "roots": ["/data"]},
            {"name": "note", "kind": "text", "max_bytes": 5},
        ],
    }));
    let found = checker
        .check(&json!({
            "url": "https://api.example.com/v1?key=x",
            "files": [{"path": "a.txt"}, {"path": "/data/b/c.txt"}],
            "note": "short",
        }))
        .unwrap();
    assert_eq!(
        found.urls.first().map(ToString::to_string).as_deref(),
        Some("https://api.example.com/v1")
    );
    assert_eq!(found.paths, ["/data/a.txt", "/data/b/c.txt"]);

    let refused = checker.check(&json!({
        "url": "https://evil.example/",
        "files": [{"path": "a.txt"}, {"path": "../b"}],
        "note": "longer than that",
    }));
    let violations = refused.unwrap_err();
    let places: Vec<_> = violations
        .iter()
        .map(|violation| (violation.pointer.as_str(), violation.rule))
        .collect();
    assert_eq!(
        places,
        [
            ("/url", "url_domain"),
            ("/files/1/path", "path_traversal"),
            ("/note", "too_large")
        ]
    );
}

#[test]
fn what_is_not_declared_is_what_its_name_says() {
    for (kind, arguments, expected) in [
        (
            "file",
            json!({"file_path": "/etc/passwd"}),
            vec!["path_restricted"],
        ),
        (
            "file",
            json!({"options": {"filePath": "../x"}}),
            vec!["path_traversal"],
        ),
        (
            "file",
            json!({"options": "{\"PATH\": \"../x\"}"}),
            vec!["path_traversal"],
        ),
        (
            "file",
            json!({"whatever": "/etc/passwd"}),
            vec!["path_restricted"],
        ),
        (
            "file",
            json!({"path": "a.txt", "content": "see /etc/passwd and ../x"}),
            vec![],
        ),
        (
            "file",
            json!({"path": "a.bin", "size": 200_000_000}),
            vec!["too_large"],
        ),
    ] {
        let checked = checker(json!({"name": "t", "kind": kind})).check(&arguments);
        assert_eq!(rules(checked), expected, "{kind} {arguments}");
    }
}

#[test]
fn other_kinds_of_tools_know_other_names() {
    for (kind, arguments, expected) in [
        (
            "api",
            json!({"endpoint": "http://169.254.169.254/"}),
            vec!["url_private"],
        ),
        (
            "api",
            json!({"a": [{"b": "http://localhost/"}]}),
            vec!["url_private"],
        ),
        (
            "api",
            json!({"url": "https://example.com", "headers": {"Authorization": "x"}}),
            vec!["header_credential"],
        ),
        ("api", json!({"path": "/v1/../admin"}), vec!["url_path"]),
        (
            "database",
            json!({"query": "drop table x"}),
            vec!["sql_kind"],
        ),
        (
            "database",
            json!({"table": "users; drop table x"}),
            vec!["sql_identifier"],
        ),
        (
            "database",
            json!({"where": "1=1) union (select 1"}),
            vec!["sql_parse"],
        ),
        ("shell", json!({"command": "ls", "args": ["-la"]}), vec![]),
        (
            "shell",
            json!({"command": "find", "args": [".", "-exec", "id"]}),
            vec!["shell_option"],
        ),
        ("shell", json!({"cmd": "ls | sh"}), vec!["shell_meta"]),
        (
            "email",
            json!({"to": "a@example.com", "subject": "x\nBcc: b@example.com"}),
            vec!["header_injection"],
        ),
        (
            "custom",
            json!({"path": "../x", "query": "drop table x"}),
            vec![],
        ),
    ] {
        let checked = checker(json!({"name": "t", "kind": kind})).check(&arguments);
        assert_eq!(rules(checked), expected, "{kind} {arguments}");
    }
}

#[test]
fn an_undeclared_path_keeps_to_the_roots_of_the_declared_one() {
    let checker = checker(json!({
        "name": "copy", "kind": "file",
        "parameters": [{"name": "from", "kind": "path", "roots": ["/data"]}],
    }));
    let checked = checker.check(&json!({"from": "a", "to": "/home/ada/b"}));
    assert_eq!(rules(checked), ["path_outside_roots"]);
}

#[test]
fn arguments_beside_a_declared_command_are_checked_with_it() {
    let checker = checker(json!({
        "name": "t", "parameters": [{"name": "do", "kind": "shell", "commands": ["find"]}],
    }));
    let found = checker
        .check(&json!({"do": "find", "args": ["."]}))
        .unwrap();
    assert_eq!(found.commands, ["find"]);
    let checked = checker.check(&json!({"do": "find", "args": [".", "-exec", "id"]}));
    assert_eq!(rules(checked), ["shell_option"]);
}

#[test]
fn a_name_in_another_spelling_is_no_other_argument() {
    let checker = checker(json!({
        "name": "t", "parameters": [{"name": "path", "kind": "path", "roots": ["/data"]}],
    }));
    assert_eq!(
        rules(checker.check(&json!({"Path": "/etc/passwd"}))),
        ["duplicate_key"]
    );
    assert_eq!(
        rules(checker.check(&json!({"path": "a", "ｐａｔｈ": "/etc/passwd"}))),
        ["duplicate_key"]
    );
    assert_eq!(
        rules(checker.check(&json!({"p\u{200b}ath": "/etc/passwd"}))),
        ["key"]
    );
}

#[test]
fn the_schema_holds_and_its_messages_show_no_values() {
    let checker = checker(json!({
        "name": "t",
        "schema": {
            "type": "object",
            "properties": {"amount": {"type": "integer", "maximum": 10}},
            "required": ["amount"],
            "additionalProperties": false,
        },
    }));
    assert!(checker.check(&json!({"amount": 3})).is_ok());
    let violations = checker.check(&json!({"amount": "s3cret"})).unwrap_err();
    assert_eq!(violations[0].pointer, "/amount");
    assert!(
        !violations[0].message.contains("s3cret"),
        "{}",
        violations[0].message
    );
    assert_eq!(rules(checker.check(&Value::Null)), ["schema"]);
    assert_eq!(rules(checker.check(&json!([1]))), ["type"]);
}

#[test]
fn a_schema_that_reaches_out_or_cannot_be_held_is_refused() {
    for schema in [
        json!({"$ref": "https://example.com/schema.json"}),
        json!({"$ref": "file:///etc/passwd"}),
        json!({"properties": {"a": {"pattern": "(a+)\\1"}}}),
        json!({"properties": {"a": {"pattern": "(?=a)b"}}}),
        json!({"properties": {"a": {"pattern": "(((a{1,1000}){1,1000}){1,1000})"}}}),
        json!({"type": "nonsense"}),
        json!(true),
    ] {
        let made = Checker::new(&tool(json!({"name": "t", "schema": schema})));
        assert!(matches!(made, Err(Error::Schema { .. })), "{schema}");
    }
}

#[test]
fn a_declaration_that_cannot_be_held_is_refused() {
    for parameter in [
        json!({"name": "", "kind": "path"}),
        json!({"name": "/a~", "kind": "path"}),
        json!({"name": "a", "kind": "path", "roots": ["relative"]}),
        json!({"name": "a", "kind": "path", "roots": ["/data/../etc"]}),
        json!({"name": "a", "kind": "url", "domains": ["https://example.com"]}),
        json!({"name": "a", "kind": "sql", "dialect": "cobol"}),
    ] {
        let made = Checker::new(&tool(json!({"name": "t", "parameters": [parameter]})));
        assert!(matches!(made, Err(Error::Parameter { .. })), "{parameter}");
    }
}

#[test]
fn texts_are_read_strictly() {
    let checker = checker(json!({"name": "t", "kind": "file"}));
    let (arguments, found) = checker
        .check_text(r#"{"path": "a.txt", "n": 1.50}"#)
        .unwrap();
    assert_eq!(arguments, json!({"path": "a.txt", "n": 1.5}));
    assert_eq!(found.paths, ["a.txt"]);
    for (text, rule) in [
        (
            r#"{"path": "a.txt", "path": "/etc/passwd"}"#,
            "duplicate_key",
        ),
        (r#"{"path": "a.txt"} {}"#, "json"),
        (r#"{"n": 123456789012345678901234567890}"#, "number"),
        (r#"{"path": "\u002e\u002e/x"}"#, "path_traversal"),
    ] {
        assert_eq!(
            checker.check_text(text).map_err(|found| found[0].rule),
            Err(rule),
            "{text}"
        );
    }
}

#[test]
fn size_depth_and_number_are_bounded() {
    let limits = Limits {
        max_bytes: 1000,
        ..Limits::default()
    };
    let checker =
        Checker::with_limits(&tool(json!({"name": "t", "kind": "file"})), limits).unwrap();
    assert_eq!(
        rules(checker.check(&json!({"content": "x".repeat(1000)}))),
        ["too_large"]
    );
    let deep = (0..70).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(rules(checker.check(&json!({"a": deep}))), ["too_deep"]);
    let many: Vec<_> = (0..300).map(|at| format!("{at}")).collect();
    let checker = Checker::new(&tool(json!({"name": "t", "kind": "file"}))).unwrap();
    assert_eq!(rules(checker.check(&json!({"paths": many}))), ["too_large"]);
}

#[test]
fn links_are_followed_where_there_is_a_file_system() {
    let folder = std::env::temp_dir().join(format!("iron-links-{}", std::process::id()));
    let outside = folder.join("outside");
    let root = folder.join("root");
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::create_dir_all(&root).unwrap();
    std::os::unix::fs::symlink(&outside, root.join("way")).unwrap();
    let checker = checker(json!({
        "name": "t", "parameters": [{"name": "path", "kind": "path", "roots": [root]}],
    }));
    let read = |path: &str| std::fs::read_link(path);
    let checked = checker.check_linked(&json!({"path": "way/x"}), &read);
    let unfollowed = checker.check(&json!({"path": "way/x"}));
    let harmless = checker.check_linked(&json!({"path": "new/x"}), &read);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(rules(checked), ["path_outside_roots"]);
    assert!(unfollowed.is_ok());
    assert!(harmless.is_ok());
}
