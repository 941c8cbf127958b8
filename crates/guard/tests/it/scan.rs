//! Rules walked over texts: whole, in pieces, at their borders.

use std::borrow::Cow;

use iron_guard::scan::{Rule, Rules, Seen, Tail};
use iron_guard::{Entity, Finding};
use proptest::prelude::*;

fn after_card(seen: Seen<'_>) -> f32 {
    if seen.before.contains("card") {
        0.9
    } else {
        0.3
    }
}

fn rules() -> Rules {
    Rules::new(vec![
        Rule::fixed(
            "pii.email",
            Entity::Email,
            r"[a-z0-9.]{1,64}@[a-z0-9.]{1,64}\.[a-z]{2,8}",
            0.9,
        ),
        Rule::weighed(
            "pii.digits",
            Entity::PaymentCard,
            r"(?:[0-9] ?){6,19}(?-u:\b)",
            after_card,
        ),
        Rule::fixed("secret.key", Entity::ApiKey, r"sk-[a-z0-9]{4,40}", 1.0).with_tail(Tail::Token),
        Rule::fixed(
            "secret.pem",
            Entity::PrivateKey,
            r"-----BEGIN (?:RSA )?PRIVATE KEY-----",
            1.0,
        )
        .with_tail(Tail::Armour),
        Rule::fixed(
            "secret.password",
            Entity::Password,
            r#"password ?[:=] ?"?(?<value>[^\s"]{4,40})"#,
            0.8,
        ),
        Rule::fixed("custom.cat", Entity::CustomPattern, "猫[0-9]{2}", 0.5).anywhere(),
    ])
    .unwrap()
}

fn whole(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    assert_eq!(rules().scan(text, 0, true, &mut found), text.len());
    found
}

fn told(text: &str) -> Vec<(&'static str, &str, f32)> {
    whole(text)
        .into_iter()
        .map(|finding| {
            (
                finding.entity.name(),
                text.get(finding.span).unwrap(),
                finding.score,
            )
        })
        .collect()
}

#[test]
fn the_longest_match_of_a_rule_counts_and_its_surroundings_weigh() {
    assert_eq!(
        told("my card 4111 1111 1111, a@b.example.com!"),
        [
            ("payment_card", "4111 1111 1111", 0.9),
            // Findings overlap: which one counts is not the automaton's to say.
            ("payment_card", "1111 1111", 0.9),
            ("email", "a@b.example.com", 0.9),
        ]
    );
    assert_eq!(told("call 411111"), [("payment_card", "411111", 0.3)]);
}

#[test]
fn findings_begin_after_borders_of_words_unless_they_may_anywhere() {
    assert_eq!(told("task-1 risk-abcdef"), []);
    assert_eq!(told("黑猫42"), [("custom_pattern", "猫42", 0.5)]);
}

#[test]
fn a_group_narrows_and_a_tail_widens_the_finding() {
    assert_eq!(
        told("password: \"hunter22\" ok"),
        [("password", "hunter22", 0.8)]
    );
    let long = format!("sk-{} end", "a1b2_".repeat(120));
    assert_eq!(
        told(&long),
        [("api_key", long.strip_suffix(" end").unwrap(), 1.0)]
    );
    let key =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4\n\nabc+/=\n-----END RSA PRIVATE KEY-----";
    let text = format!("here: {key}\nbye");
    assert_eq!(told(&text), [("private_key", key, 1.0)]);
}

#[test]
fn an_expression_that_is_none_is_told_with_its_rule() {
    let error = Rules::new(vec![
        Rule::fixed("good", Entity::CustomPattern, "a", 1.0),
        Rule::fixed("bad", Entity::CustomPattern, Cow::Borrowed("(a"), 1.0),
    ])
    .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the pattern of rule `bad` cannot be used: "),
        "{error}"
    );
}

/// Findings of a text that arrives cut at `cuts`, each told as soon as it is final.
fn in_pieces(rules: &Rules, text: &str, cuts: &[usize]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut from = 0;
    for cut in cuts.iter().filter(|cut| text.is_char_boundary(**cut)) {
        from = rules.scan(text.get(..*cut).unwrap(), from, false, &mut found);
    }
    rules.scan(text, from, true, &mut found);
    found
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z0-9@. ]{0,12}",
        "[0-9 ]{1,24}",
        Just("card ".to_owned()),
        Just("a.b@c.example.com".to_owned()),
        Just("password=\"".to_owned()),
        "sk-[a-z0-9]{1,50}",
        Just("-----BEGIN PRIVATE KEY-----\n".to_owned()),
        Just("-----END PRIVATE KEY-----".to_owned()),
        "[猫é0-9]{0,5}",
        "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_text_in_pieces_has_the_findings_of_the_whole(
        text in texts(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let rules = rules();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        let mut expected = Vec::new();
        rules.scan(&text, 0, true, &mut expected);
        prop_assert_eq!(in_pieces(&rules, &text, &cuts), expected);
    }
}

#[test]
fn a_key_ends_where_another_one_opens() {
    let line = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF0Ew4u3yGmJk\n";
    let key = format!("-----BEGIN PRIVATE KEY-----\n{line}");
    let text = format!("{key}{key}-----END PRIVATE KEY-----\nso");
    let found = whole(&text);
    let spans: Vec<_> = found.iter().map(|finding| finding.span.clone()).collect();
    let end = text.len() - "\nso".len();
    assert_eq!(spans, [0..key.len(), key.len()..end]);
}

/// What is remembered of tails between the pieces of a stream changes nothing.
#[test]
fn tails_read_in_pieces_are_as_those_read_at_once() {
    let line = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF0Ew4u3yGmJk\n";
    let texts = [
        format!("x -----BEGIN PRIVATE KEY-----\n{line}{line}-----END PRIVATE KEY-----\nso"),
        format!("-----BEGIN PRIVATE KEY-----\n{line}-----BEGIN PRIVATE KEY-----\n{line}"),
        format!("-----BEGIN PRIVATE KEY-----\n{line}and here the text goes on as before, it does"),
        "sk-abcd/sk-efgh/sk-ijkl... and sk-mnop!".to_owned(),
        format!("sk-abcd{} sk-abcd{}", ".".repeat(100), "=".repeat(40)),
    ];
    let rules = rules();
    for text in &texts {
        let expected = whole(text);
        for length in [1, 2, 3, 7, 20] {
            let mut found = Vec::new();
            let mut from = 0;
            let mut tails = iron_guard::scan::Tails::default();
            for end in (0..text.len()).step_by(length) {
                from = rules.scan_on(&text[..end], from, false, &mut tails, &mut found);
            }
            rules.scan_on(text, from, true, &mut tails, &mut found);
            assert_eq!(found, expected, "{text:?} by {length}");
        }
    }
}
