//! Values of digits and letters.

use crate::random::Random;

const USERS: &[&str] = &[
    "info", "jsmith", "maria.k", "contact", "a.b", "sales", "peter77", "x",
];
const HOSTS: &[&str] = &["example.com", "mail.example.org", "acme.test", "example.de"];

/// A value for a slot; nothing if the slot takes something else.
pub fn of(random: &mut Random, slot: &str) -> Option<String> {
    Some(match slot {
        "number" => number(random),
        "age" => random.between(1, 99).to_string(),
        "year" => random.between(1900, 2030).to_string(),
        "letter" | "initial" => capitals(random, 1),
        "acronym" => {
            let length = random.between(2, 5);
            capitals(random, length)
        }
        "time" => time(random),
        "amount" => amount(random),
        "phone" => phone(random),
        "email" => email(random),
        "ip" => format!(
            "10.{}.{}.{}",
            random.below(256),
            random.below(256),
            random.below(256)
        ),
        "iban" => iban(random),
        "id" => id(random),
        "hex" => format!("{:016x}", random.number()),
        _ => return None,
    })
}

fn number(random: &mut Random) -> String {
    let number = match random.below(4) {
        0 => random.between(1000, 99_999),
        1 => random.below(1000),
        _ => random.between(1, 30),
    };
    number.to_string()
}

fn capitals(random: &mut Random, count: usize) -> String {
    (0..count)
        .map(|_| char::from(b'A' + random.below(26) as u8))
        .collect()
}

fn time(random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("{} pm", random.between(1, 12)),
        1 => format!(
            "{}:{:02}:{:02}",
            random.below(24),
            random.below(60),
            random.below(60)
        ),
        _ => format!("{:02}:{:02}", random.below(24), random.below(60)),
    }
}

fn amount(random: &mut Random) -> String {
    let signs = ["$", "€", "EUR ", "USD ", "£"];
    let sign = random.pick(&signs).copied().unwrap_or_default();
    format!(
        "{sign}{}.{:02}",
        random.between(1, 99_999),
        random.below(100)
    )
}

fn phone(random: &mut Random) -> String {
    let number = random.below(1000);
    match random.below(4) {
        0 => format!(
            "+{} {} {:07}",
            random.between(1, 99),
            random.between(10, 999),
            number * 9973
        ),
        1 => format!("({number:03}) 555-{:04}", random.below(10_000)),
        2 => format!("0{}{:07}", random.between(10, 999), number * 7919),
        _ => format!(
            "{number:03}-{:03}-{:04}",
            random.below(1000),
            random.below(10_000)
        ),
    }
}

fn email(random: &mut Random) -> String {
    let user = random.pick(USERS).copied().unwrap_or_default();
    let host = random.pick(HOSTS).copied().unwrap_or_default();
    format!("{user}{}@{host}", random.below(100))
}

fn iban(random: &mut Random) -> String {
    let number = random.below(1000);
    format!(
        "DE{:02} {:04} {:04} {number:04}",
        number % 100,
        number * 7,
        number * 3
    )
}

fn id(random: &mut Random) -> String {
    let number = random.below(1000);
    match random.below(4) {
        0 => format!("#{}", random.between(1000, 999_999)),
        1 => {
            let heads = ["INV-", "A", "ORD", "TK-"];
            let head = random.pick(&heads).copied().unwrap_or_default();
            format!("{head}{}", number * 37 + 1000)
        }
        2 => format!("{:08}", number * 99_991),
        _ => format!("{}-{number:04}", random.between(2000, 2030)),
    }
}
