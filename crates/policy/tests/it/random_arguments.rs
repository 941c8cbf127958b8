//! What holds for whatever arguments are given.

use iron_policy::Tool;
use iron_policy::parameters::{Checker, limited_sql};
use proptest::prelude::*;
use serde_json::{Value, json};

const KINDS: [&str; 7] = [
    "file", "api", "database", "shell", "email", "payment", "custom",
];

fn checker(tool: Value) -> Checker {
    let tool: Tool = serde_json::from_value(tool).unwrap();
    Checker::new(&tool).unwrap()
}

fn of_kind(kind: &str, parameter: Value) -> Checker {
    checker(json!({"name": "tool", "kind": kind, "parameters": [parameter]}))
}

/// Texts made of what validators have to look at twice.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,4}",
        "[./\\\\%:;~$ ]{1,3}",
        Just("..".to_owned()),
        Just("%2e%2e".to_owned()),
        Just("%25".to_owned()),
        Just("．．".to_owned()),
        Just("https://".to_owned()),
        Just("@".to_owned()),
        Just("127.0.0.1".to_owned()),
        Just("example.com".to_owned()),
        Just("etc".to_owned()),
        Just("SELECT * FROM a".to_owned()),
        Just(" LIMIT 5".to_owned()),
        Just("'".to_owned()),
        Just("\"".to_owned()),
        Just("--".to_owned()),
        Just("/*".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "path", "url", "query", "command", "args", "headers", "to", "subject", "input",
            "where", "table", "content", "size",
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,3}",
        pieces(),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        pieces().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((names(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_arguments_are_judged(arguments in values(), kind in prop::sample::select(KINDS.to_vec())) {
        let checker = checker(json!({"name": "tool", "kind": kind}));
        let first = checker.check(&arguments);
        prop_assert_eq!(&first, &checker.check(&arguments));
        // What is read from a text is judged like what was read before.
        if let Ok((read, found)) = checker.check_text(&arguments.to_string()) {
            prop_assert_eq!(Ok(found), checker.check(&read));
        }
    }

    #[test]
    fn any_text_is_judged(text in pieces(), kind in prop::sample::select(KINDS.to_vec())) {
        let checker = checker(json!({"name": "tool", "kind": kind}));
        let _ = checker.check_text(&text);
    }

    #[test]
    fn a_plain_path_lies_below_its_root_and_stays_as_it_is(text in pieces()) {
        let checker = of_kind("custom", json!({"name": "path", "kind": "path", "roots": ["/data"]}));
        if let Ok(found) = checker.check(&json!({"path": text})) {
            let path = found.paths.first().unwrap();
            prop_assert!(path == "/data" || path.starts_with("/data/"), "{path}");
            prop_assert!(!path.split('/').any(|part| part == ".."), "{path}");
            prop_assert_eq!(Ok(found.clone()), checker.check(&json!({"path": path})));
        }
    }

    #[test]
    fn a_plain_url_stays_as_it_is(text in pieces(), tail in pieces()) {
        let checker = of_kind("custom", json!({"name": "url", "kind": "url"}));
        for text in [text, format!("https://example.com/{tail}"), format!("https://{tail}")] {
            if let Ok(found) = checker.check(&json!({"url": text})) {
                let url = found.urls.first().unwrap().to_string();
                prop_assert_eq!(Ok(found.clone()), checker.check(&json!({"url": url})), "{}", text);
            }
        }
    }

    #[test]
    fn a_limited_statement_does_the_same_and_stays_as_it_is(
        text in prop_oneof![pieces(), "SELECT a FROM t( WHERE a = '[a-z;]{0,3}')?( LIMIT [0-9]{1,5}| OFFSET 3)?;?"],
    ) {
        let checker = of_kind("custom", json!({"name": "sql", "kind": "sql", "max_rows": 10}));
        if let (Ok(found), Ok(limited)) =
            (checker.check(&json!({"sql": text})), limited_sql(&text, None, 10))
        {
            prop_assert_eq!(Ok(found.clone()), checker.check(&json!({"sql": limited})), "{}", text);
            prop_assert_eq!(Ok(limited.clone()), limited_sql(&limited, None, 10));
        }
    }

    #[test]
    fn a_line_that_may_be_run_holds_the_words_that_a_list_of_them_does(
        words in prop::collection::vec("[a-zA-Z0-9 ;|&$'_.-]{0,6}", 1..5),
    ) {
        let checker = of_kind("custom", json!({"name": "command", "kind": "shell"}));
        let quoted: Vec<_> = words
            .iter()
            .map(|word| format!("'{}'", word.replace('\'', "'\\''")))
            .collect();
        let line = checker.check(&json!({"command": quoted.join(" ")}));
        let list = checker.check(&json!({"command": words}));
        prop_assert_eq!(line, list);
    }
}
