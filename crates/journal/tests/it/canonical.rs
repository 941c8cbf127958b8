//! One text for one value.

use iron_journal::canonical::{self, NotCanonical};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn canonical(text: &str) -> Result<String, NotCanonical> {
    canonical::from_json(text.as_bytes()).map(|object| object.as_str().to_owned())
}

#[test]
fn members_are_sorted_by_utf16_and_space_is_dropped() {
    // The order of RFC 8785, 3.2.3: by UTF-16 code units, not by characters.
    let given = "{ \"\\u20ac\": \"Euro\", \"\\r\": \"CR\", \"\\ufb33\": \"Dalet\", \"1\": \"One\",\n\
                 \"\\ud83d\\ude00\": \"Grin\", \"\\u0080\": \"Control\", \"\\u00f6\": \"o\" }";
    let names: Vec<String> = ["\\r", "1", "\u{80}", "ö", "€", "😀", "\u{fb33}"]
        .iter()
        .map(|name| format!("\"{name}\":"))
        .collect();
    let written = canonical(given).expect("canonical");
    let mut at = 0;
    for name in names {
        let found = written.get(at..).and_then(|rest| rest.find(&name));
        at += found.unwrap_or_else(|| panic!("{name} out of order in {written}"));
    }
}

#[test]
fn escapes_are_the_shortest() {
    let given = r#"{"a":"\u0041\/\u001f\u0008\n\"\\é"}"#;
    assert_eq!(
        canonical(given).expect("canonical"),
        r#"{"a":"A/\u001f\b\n\"\\é"}"#
    );
}

#[test]
fn integers_keep_all_their_digits() {
    let given = r#"{"max":18446744073709551615,"min":-9223372036854775808,"zero":0}"#;
    assert_eq!(canonical(given).expect("canonical"), given);
}

#[test]
fn what_has_no_one_form_is_refused() {
    for number in [
        "1.0",
        "1e3",
        "-0",
        "01",
        "18446744073709551616",
        "+1",
        "--1",
        "-",
    ] {
        let text = format!("{{\"a\":{number}}}");
        assert!(
            matches!(
                canonical(&text),
                Err(NotCanonical::Number(_) | NotCanonical::Syntax(_))
            ),
            "{text}"
        );
    }
    let twice = r#"{"a":1,"b":2,"\u0061":3}"#;
    assert!(matches!(canonical(twice), Err(NotCanonical::Duplicate(name)) if name == "a"));
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    assert!(matches!(canonical(&deep), Err(NotCanonical::Depth)));
    for text in ["[]", "1", "\"a\"", "null", ""] {
        assert!(
            matches!(canonical(text), Err(NotCanonical::NotAnObject)),
            "{text}"
        );
    }
    for text in [
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1}x",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":[1,]}",
        "{\"a\":\"\n\"}",
    ] {
        assert!(
            matches!(canonical(text), Err(NotCanonical::Syntax(_))),
            "{text}"
        );
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_form_means_the_value_and_is_its_own_form(members in prop::collection::vec((any::<String>(), value()), 0..8)) {
        let given = Value::Object(members.into_iter().collect::<Map<_, _>>());
        let once = canonical::to_vec(&given).expect("canonical");
        let back: Value = serde_json::from_slice(&once).expect("JSON");
        prop_assert_eq!(&back, &given);
        let twice = canonical::from_json(&once).expect("canonical");
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn the_order_of_members_makes_no_difference(mut names in prop::collection::btree_set(any::<String>(), 1..8), seed in any::<u64>()) {
        let sorted: Map<String, Value> = names.iter().map(|name| (name.clone(), json!(name.len()))).collect();
        let mut shuffled: Vec<String> = std::mem::take(&mut names).into_iter().collect();
        let length = shuffled.len();
        shuffled.rotate_left((seed as usize) % length);
        let other: Map<String, Value> = shuffled.iter().map(|name| (name.clone(), json!(name.len()))).collect();
        prop_assert_eq!(canonical::to_vec(&sorted).expect("canonical"), canonical::to_vec(&other).expect("canonical"));
    }

    #[test]
    fn hostile_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = canonical::from_json(&bytes);
    }
}
