//! Structured personal data: each kind in the ways it is written, and what only looks so.

use std::sync::LazyLock;

use iron_guard::scan::Rules;
use iron_guard::{Entity, Finding, pii};
use proptest::prelude::*;

const STRICT: f32 = 0.3;
const MODERATE: f32 = 0.5;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::new(pii::rules()).unwrap());

fn found(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    RULES.scan(text, 0, true, &mut found);
    found
}

/// How sure the rules are that `value` is an `entity` in `text`.
fn sure(text: &str, entity: Entity, value: &str) -> f32 {
    found(text)
        .into_iter()
        .filter(|finding| finding.entity == entity && &text[finding.span.clone()] == value)
        .map(|finding| finding.score)
        .fold(0.0, f32::max)
}

/// Each `text` holds, between `[[` and `]]`, an `entity` that moderate profiles act upon.
#[track_caller]
fn all_hold(entity: Entity, texts: &[&str]) {
    let mut missed = Vec::new();
    for marked in texts {
        let (before, rest) = marked.split_once("[[").unwrap();
        let (value, after) = rest.split_once("]]").unwrap();
        let text = format!("{before}{value}{after}");
        let score = sure(&text, entity, value);
        if score < MODERATE {
            missed.push(format!("{marked} {score}: {:?}", found(&text)));
        }
    }
    assert_eq!(missed, Vec::<String>::new());
}

/// No `text` holds anything of `entities` that strict profiles act upon.
#[track_caller]
fn none_hold(entities: &[Entity], texts: &[&str]) {
    let mut wrong = Vec::new();
    for text in texts {
        wrong.extend(
            found(text)
                .into_iter()
                .filter(|finding| finding.score >= STRICT && entities.contains(&finding.entity))
                .map(|finding| format!("{text}: {finding:?}")),
        );
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn mail_addresses_are_found_as_people_write_them() {
    all_hold(
        Entity::Email,
        &[
            "write to [[jane.doe+news@mail.example.co.uk]].",
            "<[[j@x.io]]>",
            "mailto:[[jane@example.com]]?subject=x",
            "我的邮箱是[[zhang.san@example.cn]]。",
            "[[müller@straße.example]] bitte",
            "email=[[a_b%c@example.org]]&x",
            "[[jane [at] example [dot] com]] please",
            "[[jane(at)example.com]]",
            "[[jane at example dot com]]",
            "\"[[O'Brien@example.com]]\"",
        ],
    );
    none_hold(
        &[Entity::Email],
        &[
            "npm i @scope/pkg@1.2.3",
            "background: url(logo@2x.png)",
            "git clone git@github.com:owner/name.git",
            "look at example.com today",
            "@handle and user@localhost",
            "a @ b",
        ],
    );
}

#[test]
fn cards_are_found_with_and_without_separators() {
    all_hold(
        Entity::PaymentCard,
        &[
            "pay with [[4111 1111 1111 1111]] now",
            "[[4111-1111-1111-1111]]",
            "[[5555555555554444]]",
            "amex [[3782 822463 10005]]",
            "[[371449635398431]]",
            "[[30569309025904]]",
            "[[6011000990139424]]",
            "[[3530111333300000]]",
            "[[6304000000000000]]",
            "card [[4222222222222]] old",
            "[[2223 0031 2200 3222]]",
            "CB [[4970100000000154]].",
        ],
    );
    none_hold(
        &[Entity::PaymentCard],
        &[
            "4111 1111 1111 1112",
            "order 1234567890123456",
            "1700000000000",
            "0000 0000 0000 0000",
            "0.4111111111111111",
            "550e8400-e29b-41d4-a716-446655440000",
        ],
    );
    all_hold(
        Entity::CardCvv,
        &[
            "CVV: [[123]]",
            "cvc [[4321]]",
            "security code is [[987]]",
            "Prüfziffer [[123]]",
        ],
    );
    all_hold(
        Entity::CardTrack,
        &[
            "[[%B4111111111111111^DOE/JANE^2512101000000000?]]",
            "[[;4111111111111111=25121010000000000000?]]",
        ],
    );
}

#[test]
fn telephone_numbers_are_found_in_the_layouts_of_many_countries() {
    all_hold(
        Entity::Phone,
        &[
            "call [[+1 415 555 2671]] now",
            "[[(415) 555-2671]]",
            "[[415-555-2671]] is mine",
            "[[415.555.2671]]",
            "my cell is [[4155552671]]",
            "[[+1-415-555-2671 x123]]",
            "[[001-415-555-2671]]",
            "[[+44 20 7946 0958]]",
            "[[+44 (0)20 7946 0958]]",
            "phone: [[020 7946 0958]]",
            "ring me on [[07911 123456]]",
            "[[+49 30 901820]]",
            "Tel. [[030/901820-11]]",
            "Telefon: [[0171 1234567]]",
            "[[+33 1 42 68 53 00]]",
            "tél : [[01 42 68 53 00]]",
            "[[06 12 34 56 78]]",
            "[[+34 612 345 678]]",
            "móvil: [[612 345 678]]",
            "[[+39 06 6982 1234]]",
            "cellulare [[347 123 4567]]",
            "[[+31 6 12345678]]",
            "[[+41 44 668 18 00]]",
            "[[+55 11 91234-5678]]",
            "telefone (11) 91234-5678: [[+5511912345678]]",
            "[[+91 98765 43210]]",
            "[[+81 3-1234-5678]]",
            "[[+86 138 0013 8000]]",
            "手机：[[13800138000]]",
            "[[+61 2 9374 4000]]",
            "[[+7 495 123-45-67]]",
        ],
    );
    none_hold(
        &[Entity::Phone],
        &[
            "version 1.2.3.4567",
            "on 2024-01-15 and 15.01.2024",
            "10.0.0.138",
            "order 415552671",
            "between 1990 2000 and 2010",
            "3.14159265358979",
            "$415,555.26",
            "RFC 2616 section 14.9",
            "0xdeadbeef 00000000",
            "ISBN 978-3-16-148410-0",
            "rows 100-200, columns 300-400",
            "id 12345678901",
            "1 000 000 people",
        ],
    );
}

#[test]
fn accounts_and_addresses_of_machines_are_found() {
    all_hold(
        Entity::Iban,
        &[
            "IBAN [[DE89 3704 0044 0532 0130 00]] BIC COBADEFFXXX",
            "[[GB82WEST12345698765432]]",
            "[[FR14 2004 1010 0505 0001 3M02 606]]",
            "[[NL91 ABNA 0417 1643 00]]",
            "[[ch93 0076 2011 6238 5295 7]]",
            "[[NO93 8601 1117 947]]",
            "[[MT84MALT011000012345MTLCAST001S]]",
        ],
    );
    none_hold(
        &[Entity::Iban],
        &["DE89 3704 0044 0532 0130 01", "GB00WEST12345698765432"],
    );
    all_hold(
        Entity::IpAddress,
        &[
            "from [[203.0.113.77]]:443",
            "client ip [[192.168.1.20]]",
            "[[2001:db8:85a3::8a2e:370:7334]]",
            "[[fe80::1ff:fe23:4567:890a]]%eth0",
            "at [[2001:db8::1]], ok",
        ],
    );
    none_hold(
        &[Entity::IpAddress],
        &[
            "version 1.2.3.4",
            "v10.2.3.4",
            "255.255.255.0",
            "127.0.0.1",
            "std::vector",
            "12:30:45",
            "a::b",
            "::1",
            "1.2.3.4.5",
        ],
    );
    all_hold(
        Entity::MacAddress,
        &[
            "[[00:1B:44:11:3A:B7]]",
            "[[00-1b-44-11-3a-b7]]",
            "[[001b.4411.3ab7]]",
        ],
    );
    none_hold(
        &[Entity::MacAddress],
        &["SHA1 Fingerprint=AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD"],
    );
    all_hold(
        Entity::Url,
        &[
            "see [[https://example.com/a?b=c#d]].",
            "([[http://x.example]])",
            "[[www.example.com/path]], then",
        ],
    );
}

#[test]
fn dates_of_birth_are_told_from_other_dates() {
    all_hold(
        Entity::DateOfBirth,
        &[
            "DOB: [[01/15/1980]]",
            "born on [[January 15, 1980]]",
            "date_of_birth\": \"[[1980-01-15]]\"",
            "geboren am [[15.01.1980]]",
            "geboren am [[15. Januar 1980]] in Bonn",
            "né le [[15 janvier 1980]]",
            "née le [[1er février 1980]]",
            "fecha de nacimiento: [[15 de enero de 1980]]",
            "nato il [[15 gennaio 1980]]",
            "nascido em [[15 de março de 1980]]",
            "geboortedatum [[15-01-1980]]",
            "出生日期：[[1980年1月15日]]",
            "DOB [[19800115]]",
        ],
    );
    none_hold(
        &[Entity::DateOfBirth],
        &["the meeting on 01/15/2024", "released 2024-01-15"],
    );
    all_hold(
        Entity::Date,
        &[
            "on [[January 15th, 2024]]",
            "[[2024-01-15T10:00:00Z]]",
            "am [[15.01.24]] war",
            "[[3 Mar 2023]]",
            "on [[May 5]]",
        ],
    );
    none_hold(
        &[Entity::Date],
        &[
            "version 1.2.2024",
            "12/2024/5",
            "1-2-3",
            "the year 1999",
            "may 500",
        ],
    );
    all_hold(
        Entity::HighAge,
        &[
            "a [[92-year-old]] man",
            "[[101 years old]]",
            "aged [[93]]",
            "Alter: [[95]]",
            "[[97 ans]]",
        ],
    );
    none_hold(
        &[Entity::HighAge],
        &["an 82-year-old man", "aged 29", "page 93"],
    );
}

#[test]
fn places_wallets_and_zones_are_found() {
    all_hold(
        Entity::Coordinates,
        &[
            "at [[48.858370, 2.294481]]",
            "gps [[40.712,-74.006]]",
            "[[48°51'30\"N 2°17'40\"E]]",
            "\"lat\": [[48.8583]], x",
        ],
    );
    none_hold(
        &[Entity::Coordinates],
        &[
            "1.234, 5.678, 9.012",
            "scores 0.912 0.834",
            "99.1234, 10.1234",
        ],
    );
    all_hold(
        Entity::CryptoWallet,
        &[
            "[[1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa]]",
            "[[bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq]]",
            "eth [[0x52908400098527886E0F7030069857D2E4169EE7]]",
        ],
    );
    none_hold(
        &[Entity::CryptoWallet],
        &[
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "3f786850e387550fdab836ed7e6dc881de23001b",
        ],
    );
    all_hold(
        Entity::Passport,
        &[
            "[[P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10]]",
            "passport no. [[X1234567]]",
            "Reisepass [[C01X00T47]]",
        ],
    );
}

#[test]
fn numbers_need_their_words_where_any_number_would_pass() {
    all_hold(
        Entity::UsSsn,
        &[
            "SSN [[536-22-8726]]",
            "[[536-22-8726]]",
            "social security number: [[536228726]]",
        ],
    );
    all_hold(
        Entity::NationalId,
        &[
            "CPF [[484.781.092-93]]",
            "PESEL: [[70080504239]]",
            "NINO [[AB 12 34 56 C]]",
        ],
    );
    all_hold(
        Entity::MedicalRecord,
        &["MRN: [[00123456]]", "patient id [[MR-123456]]"],
    );
    all_hold(Entity::HealthPlan, &["Member ID: [[XYZ123456789]]"]);
    all_hold(
        Entity::DriverLicence,
        &[
            "driver's license [[D1234567]]",
            "Führerschein-Nr. [[B072RRE2I55]]",
        ],
    );
    all_hold(
        Entity::Vehicle,
        &["VIN [[1HGCM82633A004352]]", "Kennzeichen [[M-AB 1234]]"],
    );
    all_hold(Entity::DeviceId, &["IMEI [[490154203237518]]"]);
    all_hold(
        Entity::BankAccount,
        &["routing [[021000021]]", "account number: [[123456789]]"],
    );
    none_hold(
        Entity::ALL,
        &[
            "order 536228726 of 1000",
            "row 123456789, 987654321",
            "commit 3f786850e387550fdab836ed7e6dc881de23001b",
            "let x = 1234567890;",
            "HTTP/1.1 200 OK, 1024 bytes in 35 ms",
            "id 123e4567-e89b-12d3-a456-426614174000",
            "The answer is 42, not 1764.",
            "PASSWORD REQUIRED IN CAPITALS",
            "chapter 12, page 345",
        ],
    );
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[0-9]{1,20}",
        "[0-9 ./:+-]{1,24}",
        "[A-Z0-9 ]{1,16}",
        "[a-z.@]{1,16}",
        Just("DE89 3704 0044 0532 0130 00".to_owned()),
        Just("born on January 15, 1980".to_owned()),
        Just("phone ".to_owned()),
        Just("jane [at] example [dot] com".to_owned()),
        Just("https://example.com/".to_owned()),
        Just("2001:db8::".to_owned()),
        Just("cvv ".to_owned()),
        "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_text_in_pieces_holds_the_data_of_the_whole(
        text in texts(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        let (mut pieces, mut from) = (Vec::new(), 0);
        for cut in cuts.into_iter().filter(|cut| text.is_char_boundary(*cut)) {
            from = RULES.scan(&text[..cut], from, false, &mut pieces);
        }
        RULES.scan(&text, from, true, &mut pieces);
        prop_assert_eq!(pieces, found(&text));
    }
}
