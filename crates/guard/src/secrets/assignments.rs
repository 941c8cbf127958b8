//! Values assigned to names that say they are secret: in code, settings, headers, command lines
//! and sentences.

use super::random::{Kinds, entropy_bits, is_stand_in, is_variable, looks_random};
use crate::finding::Entity;
use crate::scan::{Rule, Seen};

/// What passwords are called.
const PASSWORD: &str = concat!(
    "(?i-u:(?:db|my|pg|root|admin|user|smtp|mail|ftp|ssh|sudo|mysql|sa|login|redis|ldap|wifi|app)?",
    "(?:passw(?:or)?d|passphrase|passwort|passcode|pass|pwd|kennwort|wachtwoord|senha|mdp|psk))",
);

/// What they are called with more than ASCII's letters, or with several words.
const PASSWORD_WORDS: &str = "(?i:mot de passe|contrase(?:ñ|n)a|clave|parola d'ordine|palavra-passe|пароль|密码|密碼|パスワード)";

/// What other secrets are called.
const SECRET: &str = concat!(
    "(?i-u:(?:api|app|access|account|auth|client|consumer|encryption|license|master|oauth|private|",
    "secret|security|service|session|shared|signing|storage|user|webhook|deploy|bot|jwt|hmac|csrf|",
    "refresh|bearer|id|admin|subscription|integration|write|ingest|publish|x)?[_. -]?",
    "(?:api[_. -]?key|apikey|api[_. -]?token|secret|token|access[_. -]?key|secret[_. -]?key|",
    "private[_. -]?key|auth[_. -]?key|credentials?|creds|signature[_. -]?key|key))",
);

/// Between a name and its value: the rest of the name, and the sign that assigns.
const ASSIGNS: &str =
    r#"[A-Za-z0-9_.\[-]{0,24}\\?["'`\])]{0,2}[ \t]{0,8}(?::=|=>|==|=|:)[ \t]{0,8}"#;

/// A value between quotation marks.
const QUOTED: &str = r#"\\?["'`](?<value>[^\s"'`\\<>]{3,})\\?["'`]"#;

/// A value up to the next space or bracket.
const BARE: &str = r#"(?<value>[^\s"'`\\,;<>(){}\[\]]{4,})"#;

pub(super) fn rules() -> Vec<Rule> {
    let mut rules = passwords();
    rules.extend(others());
    rules.extend(commands());
    rules
}

fn passwords() -> Vec<Rule> {
    let rule = |name: &str, pattern: String, weigh: fn(Seen<'_>) -> f32| {
        Rule::weighed(name, Entity::Password, pattern, weigh).at_parts()
    };
    let spaced = r#"[ \t]{0,4}(?::|=|：)[ \t]{0,4}["'`«“]?"#;
    let said =
        r#" {1,3}(?:(?:is|was|to|ist|lautet|est|es|è|é|är)(?: now| jetzt)?:?) {1,3}["'`«“]?"#;
    vec![
        rule(
            "secret.password_quoted",
            format!("{PASSWORD}{ASSIGNS}{QUOTED}"),
            weigh_quoted,
        ),
        rule(
            "secret.password",
            format!("{PASSWORD}{ASSIGNS}{BARE}"),
            |seen| {
                if is_parameter(seen) {
                    0.0
                } else {
                    weigh_bare(seen)
                }
            },
        ),
        rule(
            "secret.password_parameter",
            format!(r#"[?&](?:[a-z]{{1,8}}[_-])?{PASSWORD}=(?<value>[^\s"'`&\#<>]{{3,}})"#),
            weigh_bare,
        ),
        rule(
            "secret.password_words",
            format!(r#"{PASSWORD_WORDS}{spaced}(?<value>[^\s"'`,;<>(){{}}]{{4,}})"#),
            weigh_bare,
        ),
        rule(
            "secret.password_said",
            format!(r#"(?:{PASSWORD}|{PASSWORD_WORDS}){said}(?<value>[^\s"'`,;<>(){{}}]{{4,}})"#),
            weigh_said,
        ),
        rule(
            "secret.password_hash",
            r"\$(?:2[abxy]|5|6|y|apr1|1|argon2id?|7|scrypt)\$[A-Za-z0-9./$=,+-]{20,}".to_owned(),
            |seen| if looks_random(seen.value) { 0.75 } else { 0.1 },
        ),
    ]
}

fn others() -> Vec<Rule> {
    let rule = |name: &str, pattern: String, weigh: fn(Seen<'_>) -> f32| {
        Rule::weighed(name, Entity::GenericSecret, pattern, weigh).at_parts()
    };
    vec![
        rule(
            "secret.assigned_quoted",
            format!("{SECRET}{ASSIGNS}{QUOTED}"),
            |seen| weigh_random(seen, 0.85),
        ),
        rule("secret.assigned", format!("{SECRET}{ASSIGNS}{BARE}"), |seen| {
            weigh_random(seen, 0.8)
        }),
        rule(
            "secret.header",
            r#"(?i-u:authorization|proxy-authorization|x-[a-z-]{0,24}(?:key|token|auth|secret))["']?: {0,4}["']?(?i-u:bearer |token |basic |apikey |ssws |key |splunk |bot )?(?<value>[A-Za-z0-9+/=_.~:-]{8,})"#
                .to_owned(),
            |seen| weigh_random(seen, 0.85),
        ),
        rule(
            "secret.bearer",
            r"(?i-u:bearer|ssws) (?<value>[A-Za-z0-9+/=_.~-]{16,})".to_owned(),
            |seen| weigh_random(seen, 0.8),
        ),
        rule(
            "secret.cookie",
            r"(?i-u:(?:php|j|asp\.net_)?sess(?:ion)?_?(?:id)?|sid|auth|connect\.sid|remember_token)=(?<value>[A-Za-z0-9%+/=_.-]{20,})"
                .to_owned(),
            |seen| weigh_random(seen, 0.6),
        ),
    ]
}

/// Passwords on command lines and in the files of tools.
fn commands() -> Vec<Rule> {
    let rule = |name: &str, pattern: &'static str| {
        Rule::weighed(name, Entity::Password, pattern, weigh_bare)
    };
    vec![
        rule(
            "secret.flag",
            r#"--?(?:[a-z]{1,12}-)?(?:password|passwd|passphrase|pass|token|secret|api-key)(?: |=)["']?(?<value>[^\s"'`<>]{4,})"#,
        ),
        rule(
            "secret.curl_user",
            r#"(?:-u|--user|--proxy-user)(?: |=)?["']?[^\s"':<>]{1,64}:(?<value>[^\s"'<>]{3,})"#,
        ),
        rule(
            "secret.mysql_flag",
            r#"(?:mysql|mysqldump|mysqladmin|mariadb|sshpass)(?: [^\s|;&]{1,40}){0,5} -p ?["']?(?<value>[^\s"'<>-][^\s"'<>]{3,})"#,
        ),
        rule(
            "secret.netrc",
            r"machine [^\s]{1,80}\s{1,4}login [^\s]{1,80}\s{1,4}password (?<value>[^\s]{3,})",
        ),
        rule(
            "secret.sql_password",
            r#"(?i-u:identified by|with password|password for [a-z0-9_@'"%]{1,40} ?=) {0,2}(?i-u:password )?["'](?<value>[^'"\n]{3,})["']"#,
        ),
        rule(
            "secret.redis_password",
            r#"(?i-u:requirepass|masterauth|redis-cli -a) ["']?(?<value>[^\s"']{4,})"#,
        ),
        rule(
            "secret.pgpass",
            r"[a-z0-9.*-]{1,80}:[0-9*]{1,5}:[A-Za-z0-9_*-]{1,40}:[A-Za-z0-9_*-]{1,40}:(?<value>[^\s:]{6,80})",
        ),
    ]
}

/// Passwords that people choose though they tell nothing: secrets all the same.
const WEAK: &[&str] = &[
    "changeme",
    "change_me",
    "changeit",
    "letmein",
    "qwerty",
    "hunter2",
    "iloveyou",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "welcome",
    "monkey",
    "dragon",
    "trustno1",
    "abc123",
    "secret123",
    "admin",
    "toor",
    "qwertz",
    "azerty",
    "sunshine",
    "princess",
    "football",
    "superman",
    "master",
    "shadow",
    "swordfish",
    "topsecret",
    "supersecret",
];

/// Words that stand where a password would, and are none.
const WORDS: &[&str] = &[
    "string",
    "str",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "undefined",
    "required",
    "optional",
    "password",
    "pass",
    "passwd",
    "pwd",
    "secret",
    "token",
    "text",
    "varchar",
    "input",
    "value",
    "field",
    "hash",
    "hashed",
    "hidden",
    "empty",
    "missing",
    "invalid",
    "incorrect",
    "wrong",
    "correct",
    "must",
    "should",
    "cannot",
    "reset",
    "forgot",
    "change",
    "changed",
    "strength",
    "policy",
    "manager",
    "protected",
    "based",
    "prompt",
    "confirm",
    "confirmation",
    "expired",
    "encrypted",
    "plain",
    "your",
    "user",
    "username",
    "key",
    "bytes",
    "object",
    "any",
    "unknown",
    "number",
    "boolean",
    "list",
    "dict",
    "file",
    "path",
    "name",
    "type",
    "default",
    "env",
    "self",
    "this",
    "test",
    "with",
    "that",
    "stored",
    "needed",
    "enter",
    "only",
    "same",
    "used",
    "very",
    "never",
    "always",
    "also",
    "being",
    "sent",
    "char",
    "bool",
    "option",
    "provided",
];

/// What a value assigned as a password is, before its surroundings count.
enum Chosen {
    /// A variable, an example, an expression of code, a word of prose.
    Not,
    /// Letters only: a word or a name.
    Word,
    /// Well known as a password.
    Weak,
    /// Letters with digits or signs among them.
    Mixed,
}

fn chosen(value: &str) -> Chosen {
    let bare = value
        .trim_end_matches(['.', '!', '?', ':', ',', ';'])
        .trim_start_matches(['&', ':', '*', '@']);
    let lower = bare.to_ascii_lowercase();
    if WEAK.iter().any(|weak| lower.starts_with(weak)) {
        return Chosen::Weak;
    }
    let masked = value.bytes().all(|byte| b"*xX.-_?#".contains(&byte));
    if masked || WORDS.contains(&lower.as_str()) || is_stand_in(value) || is_code(bare) {
        return Chosen::Not;
    }
    let kinds = Kinds::of(bare);
    if kinds.digits == 0 && kinds.other == 0 && kinds.turns < 3 {
        return Chosen::Word;
    }
    if kinds.lower + kinds.upper == 0 && kinds.other == 0 && bare.len() < 6 {
        return Chosen::Not;
    }
    Chosen::Mixed
}

/// Whether a value is an expression: a call, a member, an element, a path.
fn is_code(value: &str) -> bool {
    let call =
        value.contains(['(', ')', '{', '}', '[', ']', '<', '>', '|']) || value.contains("::");
    let path = value.starts_with(['/', '.', '~']) || value.contains("://") || value.contains("->");
    let member = value.contains('.')
        && (value.split('.').all(is_name)
            || value.contains('_') && value.split('.').all(is_identifier));
    let separated = ['_', '-']
        .iter()
        .any(|sign| value.split(*sign).count() > 1 && value.split(*sign).all(is_name));
    call || path || member || separated || is_variable(value)
}

fn is_identifier(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_name(word: &str) -> bool {
    word.bytes()
        .all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

/// Whether an assignment is one parameter of a query: there `&` separates, elsewhere it may be
/// part of a password.
fn is_parameter(seen: Seen<'_>) -> bool {
    seen.before.ends_with(['?', '&'])
}

fn weigh_quoted(seen: Seen<'_>) -> f32 {
    match chosen(seen.value) {
        Chosen::Not => 0.1,
        Chosen::Word if seen.value.len() >= 6 => 0.6,
        Chosen::Word => 0.35,
        Chosen::Weak => 0.85,
        Chosen::Mixed => 0.9,
    }
}

fn weigh_bare(seen: Seen<'_>) -> f32 {
    match chosen(seen.value) {
        Chosen::Not => 0.1,
        Chosen::Word => 0.25,
        Chosen::Weak => 0.8,
        Chosen::Mixed => 0.8,
    }
}

/// In a sentence words follow, so only what is none counts.
fn weigh_said(seen: Seen<'_>) -> f32 {
    let kinds = Kinds::of(seen.value.trim_end_matches(['.', '!', '?', ',']));
    match chosen(seen.value) {
        Chosen::Weak => 0.7,
        Chosen::Mixed if kinds.digits > 0 => 0.8,
        Chosen::Mixed if kinds.lower + kinds.upper > 0 && kinds.other > 1 => 0.5,
        _ => 0.1,
    }
}

/// A value under a name such as `token`: it must look random.
fn weigh_random(seen: Seen<'_>, score: f32) -> f32 {
    let value = seen.value.trim_end_matches(['.', ',']);
    if value.len() < 10 || is_stand_in(value) || is_public(seen) {
        return 0.1;
    }
    let entropy = entropy_bits(value);
    if !looks_random(value) || entropy < 2.8 || is_code(value) {
        return 0.1;
    }
    let long = value.len() >= 16 && entropy >= 3.0;
    if long { score } else { score - 0.25 }
}

/// Names of values that are random and yet known to everybody.
fn is_public(seen: Seen<'_>) -> bool {
    const PUBLIC: &[&str] = &[
        "public",
        "key_id",
        "keyid",
        "key-id",
        "fingerprint",
        "hash",
        "checksum",
        "digest",
        "nonce",
        "integrity",
        "cache",
        "primary_key",
        "foreign",
        "partition",
        "sort_key",
        "idempotency",
        "sha",
        "md5",
        "etag",
        "revision",
        "commit",
        "uuid",
        "next_token",
        "page",
        "csrf",
        "trace",
        "object_key",
        "s3_key",
        "keyboard",
        "keyword",
        "key_name",
        "token_type",
        "tokenizer",
    ];
    let first = |char: char| !(char.is_ascii_alphanumeric() || "_-. ".contains(char));
    let begun = seen.before.rsplit(first).next().unwrap_or_default();
    let rest = seen.matched.split([':', '=']).next().unwrap_or_default();
    let name = format!("{begun}{rest}").to_ascii_lowercase();
    PUBLIC.iter().any(|public| name.contains(public))
}
