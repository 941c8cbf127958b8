//! The documents that are checked in: what is mounted, and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use iron_primitives::ErrorKind;
use serde_json::Value;

/// Set this to write the files anew instead of comparing.
const UPDATE: &str = "IRON_UPDATE_CONTRACT";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[track_caller]
fn same(path: &str, made: &str) {
    let path = root().join(path);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, made).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let place = found
        .lines()
        .zip(made.lines())
        .position(|(found, made)| found != made);
    let shown = path.display();
    assert!(
        found == made,
        "{shown} differs from line {place:?}; set {UPDATE}=1 to write it anew"
    );
}

#[test]
fn the_checked_in_documents_are_those_that_are_served() {
    same(
        "docs/openapi.json",
        &iron_api::printed(&iron_api::document()),
    );
    same(
        "docs/openapi-3.0.json",
        &iron_api::printed(&iron_api::document_3_0()),
    );
}

#[test]
fn every_error_code_is_documented() {
    let mut text = String::from(
        "# Error codes\n\nEvery error of ours has the shape \
         `{\"error\":{\"code\",\"message\",\"fields\"?,\"details\"?}}`. `fields` maps the path of \
         each wrong field to what is wrong with it; `details` holds facts to act on. This page is \
         made from the table in `crates/primitives/src/error_kind.rs`.\n\n\
         | Status | Code | Meaning |\n|---|---|---|\n",
    );
    for kind in ErrorKind::ALL {
        text.push_str(&format!(
            "| {} | `{}` | {} |\n",
            kind.status(),
            kind.code(),
            kind.meaning()
        ));
    }
    same("docs/errors.md", &text);
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference.clone());
            }
            fields.values().for_each(|value| references(value, found));
        }
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for document in [iron_api::document(), iron_api::document_3_0()] {
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (path.clone(), method.clone(), operation.clone()))
    });
    each.collect()
}

#[test]
fn operations_have_names_of_their_own_and_say_what_they_do() {
    let document = iron_api::document();
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let name = operation["operationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(
            names.insert(name.clone()),
            "two operations are called `{name}`"
        );
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|text| text.ends_with('.')),
            "{name}"
        );
        assert!(
            operation["tags"]
                .as_array()
                .is_some_and(|tags| tags.len() == 1),
            "{name}"
        );
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let declared: BTreeSet<&str> = parameters
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let in_path: BTreeSet<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
        assert_eq!(declared, in_path, "{method} {path}");
    }
    assert!(names.len() > 70, "{}", names.len());
}

#[test]
fn the_older_document_uses_no_newer_words() {
    fn walk(value: &Value, path: &str) {
        match value {
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(i, item)| walk(item, &format!("{path}/{i}")));
            }
            Value::Object(fields) => {
                assert!(!fields.get("type").is_some_and(Value::is_array), "{path}");
                assert!(fields.get("type") != Some(&Value::from("null")), "{path}");
                assert!(!(fields.contains_key("$ref") && fields.len() > 1), "{path}");
                assert!(
                    !fields.get("examples").is_some_and(Value::is_array),
                    "{path}"
                );
                fields
                    .iter()
                    .for_each(|(name, value)| walk(value, &format!("{path}/{name}")));
            }
            _ => {}
        }
    }
    let document = iron_api::document_3_0();
    assert_eq!(document["openapi"], "3.0.3");
    walk(&document, "");
    let count = |document: &Value| operations(document).len();
    assert_eq!(count(&document), count(&iron_api::document()));
}

#[test]
fn requests_refuse_what_they_do_not_know_and_answers_do_not() {
    let document = iron_api::document();
    for (path, method, operation) in operations(&document) {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let Some(reference) = body.as_str() else {
            continue;
        };
        let schema = document
            .pointer(reference.strip_prefix('#').unwrap())
            .unwrap();
        assert_eq!(schema["additionalProperties"], false, "{method} {path}");
    }
}
