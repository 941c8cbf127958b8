//! Who may depend on whom: the table of `ARCHITECTURE.md` against what cargo reports, and the
//! wrappers of `deny.toml` against every manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The floor of each crate. `testkit` and `trainer` stand outside: nobody ships them.
const FLOORS: &[(u8, &[&str])] = &[
    (0, &["primitives"]),
    (
        1,
        &[
            "store",
            "net",
            "telemetry",
            "llm",
            "guard",
            "policy",
            "journal",
            "sdk",
        ],
    ),
    (2, &["runtime"]),
    (
        3,
        &[
            "audit",
            "identity",
            "budget",
            "vault",
            "fleet",
            "catalog",
            "insight",
            "approvals",
            "settings",
            "custody",
            "databases",
            "rules",
        ],
    ),
    (4, &["gateway", "api"]),
    (5, &["app", "python"]),
];

const OUTSIDE: &[&str] = &["iron-testkit", "iron-trainer"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Every package of the workspace with its dependencies and their kinds (`normal` for shipped).
fn packages() -> BTreeMap<String, Vec<(String, String)>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata.get("packages").and_then(Value::as_array).unwrap();
    let text =
        |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    packages
        .iter()
        .map(|package| {
            let dependencies = package
                .get("dependencies")
                .and_then(Value::as_array)
                .unwrap();
            let dependencies = dependencies.iter().map(|dependency| {
                let kind = text(dependency, "kind").unwrap_or_else(|| "normal".to_owned());
                (text(dependency, "name").unwrap(), kind)
            });
            (text(package, "name").unwrap(), dependencies.collect())
        })
        .collect()
}

fn floor(package: &str) -> Option<u8> {
    let folder = package.strip_prefix("iron-")?;
    FLOORS
        .iter()
        .find(|(_, crates)| crates.contains(&folder))
        .map(|(floor, _)| *floor)
}

/// Whether the arrow is allowed: down, or from a feature to `audit`, whose evidence it demands.
fn allowed(from: &str, to: &str) -> bool {
    match (floor(from), floor(to)) {
        (Some(3), Some(3)) => to == "iron-audit",
        (Some(from), Some(to)) => to < from,
        _ => false,
    }
}

#[test]
fn every_crate_has_a_floor_and_every_floor_has_its_crates() {
    let there: BTreeSet<_> = packages()
        .into_keys()
        .filter(|name| !OUTSIDE.contains(&name.as_str()))
        .collect();
    let expected: BTreeSet<_> = FLOORS
        .iter()
        .flat_map(|(_, crates)| crates.iter().map(|folder| format!("iron-{folder}")))
        .collect();
    assert_eq!(there, expected);
}

#[test]
fn arrows_point_down_only() {
    let packages = packages();
    let wrong: Vec<_> = packages
        .iter()
        .filter(|(from, _)| !OUTSIDE.contains(&from.as_str()))
        .flat_map(|(from, dependencies)| {
            dependencies.iter().map(move |(to, kind)| (from, to, kind))
        })
        .filter(|(_, to, kind)| to.starts_with("iron-") && *kind != "dev")
        .filter(|(from, to, _)| !allowed(from, to))
        .collect();
    assert!(
        wrong.is_empty(),
        "these arrows point up or sideways: {wrong:?}"
    );
}

#[test]
fn the_architecture_page_shows_the_same_table() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut shown: BTreeMap<u8, BTreeSet<String>> = BTreeMap::new();
    let mut current = None;
    let table = page.lines().skip_while(|line| !line.starts_with("| floor"));
    for line in table.take_while(|line| line.starts_with('|') && !line.starts_with("| dev")) {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (first, second) = (
            cells.next().unwrap_or_default(),
            cells.next().unwrap_or_default(),
        );
        if let Some(number) = first.chars().next().and_then(|digit| digit.to_digit(10)) {
            current = u8::try_from(number).ok();
        }
        let name = second.trim_matches('`').to_owned();
        if let Some(current) = current
            && second.starts_with('`')
        {
            shown.entry(current).or_default().insert(name);
        }
    }
    for (floor, crates) in FLOORS {
        let expected: BTreeSet<_> = crates.iter().map(|&folder| folder.to_owned()).collect();
        assert_eq!(shown.get(floor), Some(&expected), "floor {floor}");
    }
}

/// `{ name = "…", wrappers = ["…", …] }` lines of `deny.toml`: the library and who may hold it.
fn wrappers() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let quoted = |text: &str| -> Vec<String> {
        text.split('"')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    text.lines()
        .filter(|line| line.trim_start().starts_with("{ name = "))
        .map(|line| {
            let mut words = quoted(line).into_iter();
            (words.next().unwrap(), words.collect())
        })
        .collect()
}

#[test]
fn a_library_with_a_home_is_used_nowhere_else() {
    let wrappers = wrappers();
    assert!(
        wrappers.len() > 10,
        "deny.toml was not understood: {wrappers:?}"
    );
    let packages = packages();
    let wrong: Vec<_> = packages
        .iter()
        .flat_map(|(from, dependencies)| {
            dependencies.iter().map(move |(to, kind)| (from, to, kind))
        })
        .filter(|(_, _, kind)| *kind != "dev")
        .filter(|(from, to, _)| {
            wrappers
                .get(*to)
                .is_some_and(|homes| !homes.contains(*from))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "deny.toml gives these libraries another home: {wrong:?}"
    );
}
