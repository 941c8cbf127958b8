//! Names of people and postal addresses: found, told apart from what looks like them, and the
//! same however a text arrives.

use std::sync::LazyLock;

use iron_guard::names::Names;
use iron_guard::{Entity, Finding, LOOK_BEHIND};
use proptest::prelude::*;

static NAMES: LazyLock<Names> = LazyLock::new(|| Names::new().unwrap());

fn whole(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    assert_eq!(NAMES.scan(text, 0, true, &mut found), text.len());
    found
}

/// What moderate sensitivity tells.
fn told(text: &str) -> Vec<(&'static str, &str)> {
    whole(text)
        .into_iter()
        .filter(|finding| finding.score >= 0.5)
        .map(|finding| (finding.entity.name(), text.get(finding.span).unwrap()))
        .collect()
}

#[test]
fn names_are_found_where_they_stand() {
    assert_eq!(
        told("Dear Maria,\n\nplease call John P. Miller.\n\nRegards,\nDr. Aylin Yıldız"),
        [
            ("person", "Maria"),
            ("person", "John P. Miller"),
            ("person", "Aylin Yıldız")
        ]
    );
    assert_eq!(
        told("Sehr geehrter Herr Schröder, ich heiße Jürgen Klose."),
        [("person", "Schröder"), ("person", "Jürgen Klose")]
    );
    assert_eq!(
        told(r#"{"customer": "Miller, Sandra", "id": 7}"#),
        [("person", "Miller, Sandra")]
    );
}

#[test]
fn names_without_capitals_are_found_by_the_words_around_them() {
    assert_eq!(
        told("hi, my name is john smith and my order is late"),
        [("person", "john smith")]
    );
    assert_eq!(
        told("PASSENGER NAME: JOHN SMITH"),
        [("person", "JOHN SMITH")]
    );
}

#[test]
fn names_in_scripts_without_capitals_are_found_by_surname_and_context() {
    for (text, name) in [
        ("你好，我叫王小明，我的订单还没到。", "王小明"),
        ("请联系李女士处理退款", "李"),
        ("田中さんに連絡してください。", "田中"),
        ("氏名：佐藤 健一", "佐藤 健一"),
        ("안녕하세요, 저는 김철수입니다.", "김철수"),
        ("السيد محمد العلي في المكتب", "محمد العلي"),
        ("मेरा नाम राहुल शर्मा है", "राहुल शर्मा"),
        ("שמי דוד כהן", "דוד כהן"),
    ] {
        assert_eq!(told(text), [("person", name)], "{text}");
    }
    for text in [
        "今天天气很好，我们去公园吧。王国的历史很长。上课时老师说高中生很多。",
        "このソフトの使い方を教えてください。",
        "오늘 날씨가 정말 좋네요. 고양이입니다. 저는 전화번호를 몰라요.",
        "الطقس جميل في القاهرة اليوم",
    ] {
        assert_eq!(told(text), [], "{text}");
    }
}

#[test]
fn addresses_are_found_in_the_forms_of_their_countries() {
    for address in [
        "742 Evergreen Terrace, Springfield, IL 62704",
        "Flat 3, 21 Baker Street, London NW1 6XE",
        "Hauptstraße 12a, 10115 Berlin",
        "12 rue de la Paix, 75002 Paris",
        "Calle de Alcalá 45, 28014 Madrid",
        "Via Garibaldi 7, 20121 Milano",
        "Keizersgracht 123, 1015 CJ Amsterdam",
        "ul. Marszałkowska 10/12, 00-590 Warszawa",
    ] {
        let text = format!("Please send it to {address} as soon as you can.");
        assert_eq!(told(&text), [("address", address)]);
    }
}

#[test]
fn an_address_of_several_lines_is_one_finding() {
    assert_eq!(
        told("Ship to:\nJane Cooper\n88 Willow Creek Dr\nAustin, TX 78701\n\nThank you"),
        [
            ("person", "Jane Cooper"),
            ("address", "88 Willow Creek Dr\nAustin, TX 78701")
        ]
    );
}

#[test]
fn what_only_looks_like_a_name_is_left_alone() {
    for text in [
        "Open it in Visual Studio Code, or read the New York Times on Monday.",
        "Act as a Travel Guide. Suggest places to visit in Istanbul in May.",
        "Does PostgreSQL scale better than MongoDB or Apache Cassandra?",
        "Der Hersteller prüft den Vertrag, die Rechnung und das Angebot.",
        "public static void main(String[] args) { System.out.println(Foo.BAR); }",
        "Explain the Pythagorean theorem and Newton's laws of motion.",
        "In March 2024 we sold 15 items for $300 and 12 of them came back.",
        "How to Build a Better Product in Five Steps",
        "The train from Berlin to Paris leaves at 12:30 from platform 4.",
        "Dear Customer Service Team, this is broken and I am tired of it.",
    ] {
        assert_eq!(told(text), [], "{text}");
    }
}

/// Findings of a text that arrives cut at `cuts`. Of what is final only as much is kept as a
/// detector may look at.
fn in_pieces(text: &str, cuts: &[usize]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut from = 0;
    for cut in cuts.iter().filter(|cut| text.is_char_boundary(**cut)) {
        from = scan_kept(text.get(..*cut).unwrap(), from, false, &mut found);
    }
    scan_kept(text, from, true, &mut found);
    found
}

fn scan_kept(text: &str, from: usize, last: bool, found: &mut Vec<Finding>) -> usize {
    let mut base = from.saturating_sub(LOOK_BEHIND);
    while !text.is_char_boundary(base) {
        base -= 1;
    }
    let told = found.len();
    let open = NAMES.scan(text.get(base..).unwrap(), from - base, last, found);
    for finding in found.iter_mut().skip(told) {
        finding.span = finding.span.start + base..finding.span.end + base;
    }
    open + base
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[A-Z][a-z]{1,8} ",
        "[a-z]{1,6}[ ,.\n]",
        "[0-9]{1,5}[ ,-]",
        Just("my name is ".to_owned()),
        Just("Dear Mr. ".to_owned()),
        Just("John Smith".to_owned()),
        Just("van der ".to_owned()),
        Just("said jean-pierre smith and anna kowalska, ".to_owned()),
        Just("12 Oak Street, Springfield, IL 62704".to_owned()),
        Just("rue de la Paix".to_owned()),
        Just("O'Brien's ".to_owned()),
        Just("  \n\n".to_owned()),
        Just("                    ".to_owned()),
        Just("Müller-Lüdenscheidt, Łukasz ".to_owned()),
        Just("我叫王小明，".to_owned()),
        Just("田中さん".to_owned()),
        Just("김철수 씨".to_owned()),
        Just("السيد محمد العلي ".to_owned()),
        "[王李明的我叫]{1,30}",
        "[A-Za-z_]{30,80}",
        "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_text_in_pieces_has_the_names_of_the_whole(
        text in texts(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(in_pieces(&text, &cuts), whole(&text));
        let every: Vec<_> = (0..text.len()).collect();
        prop_assert_eq!(in_pieces(&text, &every), whole(&text));
    }

    #[test]
    fn findings_stand_on_characters_in_order_and_apart(text in "\\PC{0,200}") {
        let mut end = 0;
        for finding in whole(&text) {
            prop_assert!(finding.span.start >= end);
            prop_assert!(text.get(finding.span.clone()).is_some_and(|value| !value.is_empty()));
            prop_assert!((0.0..=1.0).contains(&finding.score));
            prop_assert!(matches!(finding.entity, Entity::Person | Entity::Address));
            end = finding.span.end;
        }
    }

    #[test]
    fn little_is_held_back(text in texts()) {
        let mut found = Vec::new();
        let open = NAMES.scan(&text, 0, false, &mut found);
        // A run, the bytes after it, and a word that began.
        prop_assert!(text.len() - open <= 256 + 48 + 64 + 16);
    }
}
