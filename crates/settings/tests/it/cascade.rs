//! The cascade: what is nearest holds, and what protects is never loosened.

use iron_settings::{Defaults, Document, Effective, Level, Patch, SETTINGS};
use proptest::prelude::*;
use serde_json::{Value, json};

const IDLE: &str = "security.session_idle_minutes";
const LENGTH: &str = "security.password_min_length";
const RATE: &str = "rate_limits.user_per_minute";

fn document(json: Value) -> Document {
    Document::from_json(json.as_object().expect("an object")).expect("well-formed settings")
}

fn patch(json: Value) -> Patch {
    Patch::from_json(json.as_object().expect("an object")).expect("well-formed changes")
}

#[test]
fn the_nearest_value_holds_and_is_told_where_it_comes_from() {
    let tenant = document(json!({"display": {"timezone": "Europe/Berlin"}}));
    let user = document(json!({"display": {"timezone": "Asia/Tokyo"}}));
    let nobody = Document::default();
    let of = |user: &Document| {
        let levels = [
            (Level::System, &nobody),
            (Level::Tenant, &tenant),
            (Level::User, user),
        ];
        Effective::of(&Defaults::default(), levels)
    };
    let (set, inherited) = (of(&user), of(&nobody));
    assert_eq!(set.get("display.timezone"), Some(&json!("Asia/Tokyo")));
    assert_eq!(set.level("display.timezone"), Some(Level::User));
    assert_eq!(
        inherited.get("display.timezone"),
        Some(&json!("Europe/Berlin"))
    );
    assert_eq!(inherited.level("display.timezone"), Some(Level::Tenant));
    assert_eq!(inherited.level(IDLE), None);
}

#[test]
fn the_operator_may_be_overruled_by_the_system_but_not_by_a_tenant() {
    let defaults = Defaults::default().with(RATE, 100);
    let system = document(json!({"rate_limits": {"user_per_minute": 500}}));
    let tenant = document(json!({"rate_limits": {"user_per_minute": 0}}));
    let holds = Effective::of(
        &defaults,
        [(Level::System, &system), (Level::Tenant, &tenant)],
    );
    assert_eq!(holds.number(RATE), Some(500));
    let alone = Effective::of(&defaults, [(Level::Tenant, &tenant)]);
    assert_eq!(alone.number(RATE), Some(100));
}

#[test]
fn yaml_tells_the_place_of_everything_that_is_wrong() {
    let text = "security:\n  session_idle_minutes: 4\n  colour: red\nrate_limits: 5\n";
    let wrong = Document::from_yaml(text).expect_err("three mistakes");
    let places: Vec<_> = wrong
        .iter()
        .map(|one| (one.path.as_str(), one.place))
        .collect();
    assert_eq!(
        places,
        [
            (IDLE, Some((2, 3))),
            ("security.colour", Some((3, 3))),
            ("rate_limits", Some((4, 1))),
        ]
    );
    for text in [
        "- a\n",
        "security: [\n",
        "security:\n  session_idle_minutes: 5\n  session_idle_minutes: 6\n",
        "\u{0}",
        "5",
    ] {
        let wrong = Document::from_yaml(text).expect_err("not a document");
        assert!(wrong.iter().all(|one| one.place.is_some()), "{text:?}");
    }
    assert_eq!(
        Document::from_yaml("# nothing\n\n"),
        Ok(Document::default())
    );
}

#[test]
fn null_takes_a_value_or_a_whole_group_away() {
    let before = document(json!({
        "security": {"session_idle_minutes": 10, "password_min_length": 12},
        "display": {"timezone": "UTC"},
    }));
    let one = before.patched(&patch(json!({"security": {"session_idle_minutes": null}})));
    assert_eq!((one.get(IDLE), one.get(LENGTH)), (None, Some(&json!(12))));
    let group = before.patched(&patch(json!({"security": null})));
    assert_eq!(group, document(json!({"display": {"timezone": "UTC"}})));
    assert_eq!(before.changes(&group).len(), 2);
}

/// Any document that a tenant or the system may have.
fn any_document() -> impl Strategy<Value = Document> {
    let number = |path: &'static str, least: i64, most: i64| {
        prop_oneof![Just(None), (least..=most).prop_map(Some)]
            .prop_map(move |value| value.map(|value| (path, json!(value))))
    };
    (
        number(IDLE, 5, 480),
        number(LENGTH, 8, 128),
        number(RATE, 0, 5),
        number("security.refresh_days", 1, 30),
        number("security.api_token_max_days", 0, 3),
    )
        .prop_map(|(a, b, c, d, e)| {
            let mut object = serde_json::Map::new();
            for (path, value) in [a, b, c, d, e].into_iter().flatten() {
                let (group, name) = path.split_once('.').expect("a group");
                let group = object.entry(group).or_insert_with(|| json!({}));
                group[name] = value;
            }
            document(object.into())
        })
}

fn strictness(path: &str, value: i64) -> i64 {
    match path {
        LENGTH => value,
        IDLE | "security.refresh_days" => -value,
        _ if value == 0 => i64::MIN,
        _ => -value,
    }
}

proptest! {
    /// Whatever a tenant sets, it is never looser off than the system says; and where it says
    /// nothing, the system's value holds.
    #[test]
    fn a_tenant_never_loosens_what_protects(system in any_document(), tenant in any_document()) {
        let defaults = Defaults::default();
        let above = Effective::of(&defaults, [(Level::System, &system)]);
        let below = Effective::of(&defaults, [(Level::System, &system), (Level::Tenant, &tenant)]);
        for setting in SETTINGS.iter().filter(|setting| setting.stricter.is_some()) {
            let path = setting.path;
            let (Some(above), Some(below)) = (above.number(path), below.number(path)) else {
                continue;
            };
            prop_assert!(strictness(path, below) >= strictness(path, above), "{path}");
            if tenant.get(path).is_none() {
                prop_assert_eq!(below, above);
            }
        }
    }

    /// YAML and JSON say the same, and read back what they wrote.
    #[test]
    fn a_document_reads_back_what_it_wrote(document in any_document()) {
        let yaml = Document::from_yaml(&document.to_yaml());
        prop_assert_eq!(yaml.as_ref(), Ok(&document));
        let json = Document::from_json(&document.to_json());
        prop_assert_eq!(json.as_ref(), Ok(&document));
    }

    /// From one document to another and back again.
    #[test]
    fn changes_lead_from_one_document_to_the_other(one in any_document(), other in any_document()) {
        let changes = one.changes(&other);
        let mut object = serde_json::Map::new();
        for change in &changes {
            prop_assert_ne!(&change.before, &change.after);
            let (group, name) = change.path.split_once('.').expect("a group");
            let group = object.entry(group).or_insert_with(|| json!({}));
            group[name] = change.after.clone().unwrap_or(Value::Null);
        }
        prop_assert_eq!(one.patched(&patch(object.into())), other);
    }

    /// No text makes the reader fall over.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = Document::from_yaml(&text);
    }
}
