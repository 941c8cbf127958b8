use std::collections::HashMap;

use super::page::page;
use super::*;

/// Loads with these variables, below a folder with this `iron.yaml`.
fn load(flags: Flags, variables: &[(&str, &str)], yaml: &str) -> Result<Config, Invalid> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("iron.yaml"), yaml).unwrap();
    let below = folder.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    let mut variables: HashMap<_, _> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    variables.insert("HOME".to_owned(), folder.path().display().to_string());
    let variable = |name: &str| variables.get(name).cloned();
    Config::load(
        flags,
        &Surroundings {
            variable: &variable,
            folder: &below,
        },
    )
}

#[test]
fn the_nearest_source_wins_and_says_where_it_stands() {
    let flag = vec![(keys::LISTEN, "listen", "127.0.0.1:1".to_owned())];
    let variables = [("IRON_LISTEN", "127.0.0.1:2"), ("IRON_DRAIN_SECONDS", "7")];
    let config = load(
        flag,
        &variables,
        "listen: 127.0.0.1:3\nlog:\n  level: debug\n",
    )
    .unwrap();
    let listen = config.setting(keys::LISTEN).unwrap();
    assert_eq!(listen.value.as_deref(), Some("127.0.0.1:1"));
    assert_eq!(listen.place, Place::Flag("listen"));
    assert_eq!(listen.overridden.len(), 2);
    assert_eq!(config.number(keys::DRAIN_SECONDS), 7);
    assert_eq!(config.text(keys::LOG_LEVEL), "debug");
    assert!(matches!(
        config.setting(keys::LOG_LEVEL).unwrap().place,
        Place::File {
            line: 3,
            column: 3,
            ..
        }
    ));
    assert_eq!(
        config.setting(keys::LOG_FORMAT).unwrap().place,
        Place::Default
    );
}

#[test]
fn every_problem_is_named_at_once_with_its_place() {
    let yaml = "lsten: 1\ndurability: maybe\nrate_limits:\n  user_per_hour: -1\n";
    let Invalid(problems) = load(Vec::new(), &[("IRON_LISTEN", "nowhere")], yaml).unwrap_err();
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 4, "{texts:#?}");
    assert!(texts[0].ends_with("iron.yaml:1:1: unknown setting `lsten`, did you mean `listen`?"));
    assert!(texts.iter().any(|text| text.starts_with("IRON_LISTEN: ")));
    assert!(
        texts
            .iter()
            .any(|text| text.contains("iron.yaml:2:1: `durability` is `maybe`"))
    );
    assert!(
        texts
            .iter()
            .any(|text| text.contains("iron.yaml:4:3: `rate_limits.user_per_hour`"))
    );
}

#[test]
fn a_secret_is_never_shown_not_even_when_it_is_wrong() {
    let variables = [
        ("IRON_DATABASE_URL", "mysql://me:hunter2@host"),
        ("IRON_TOKEN", "at_hunter2"),
    ];
    let error = load(Vec::new(), &variables, "").unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
    let config = load(Vec::new(), &[("IRON_ADMIN_PASSWORD", "hunter2")], "").unwrap();
    assert_eq!(
        config
            .setting(keys::ADMIN_PASSWORD)
            .unwrap()
            .shown()
            .as_deref(),
        Some("***")
    );
}

#[test]
fn every_default_is_itself_valid() {
    for key in KEYS {
        if let Some(default) = key.default {
            assert_eq!(check(key, default, &Place::Default), None, "{}", key.name);
        }
    }
}

#[test]
fn the_page_in_docs_is_the_one_made_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("IRON_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
        return;
    }
    assert_eq!(
        written,
        page(),
        "run this test with IRON_WRITE_DOCS=1 to write the page anew"
    );
}
