//! Secrets: each format by itself, assignments, and what only looks like a secret.

use std::sync::LazyLock;

use iron_guard::scan::Rules;
use iron_guard::{Entity, Finding, secrets};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;

/// The cut-off of moderate profiles.
const MODERATE: f32 = 0.5;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::new(secrets::rules()).unwrap());

fn found(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    RULES.scan(text, 0, true, &mut found);
    found
}

/// The best finding that moderate profiles act upon.
fn best(text: &str) -> Option<(Entity, &str, f32)> {
    found(text)
        .into_iter()
        .filter(|finding| finding.score >= MODERATE)
        .max_by(|one, other| one.score.total_cmp(&other.score))
        .map(|finding| (finding.entity, &text[finding.span], finding.score))
}

#[track_caller]
fn holds(text: &str, entity: Entity, value: &str) {
    let findings = found(text);
    let hit = findings.iter().any(|finding| {
        finding.entity == entity
            && finding.score >= MODERATE
            && &text[finding.span.clone()] == value
    });
    assert!(hit, "{text}: {findings:?}");
}

#[track_caller]
fn harmless(text: &str) {
    assert_eq!(best(text), None, "{text}: {:?}", found(text));
}

/// The formats of the table, in the syntax of the generator of examples.
fn formats() -> Vec<(String, String)> {
    secrets::rules()
        .into_iter()
        .filter(|rule| {
            include_str!("../../data/providers.txt")
                .lines()
                .any(|line| {
                    line.split(' ')
                        .next()
                        .is_some_and(|name| *rule.id == *format!("secret.{name}"))
                })
        })
        .map(|rule| (rule.id.to_string(), rule.pattern.to_string()))
        .collect()
}

#[test]
fn there_are_more_than_two_hundred_formats_of_providers() {
    let rows = include_str!("../../data/providers.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .count();
    assert_eq!(
        formats().len(),
        rows,
        "a row cannot be read or has no name of its own"
    );
    assert!(rows >= 200, "{rows}");
}

#[test]
fn each_format_finds_its_own_keys_whole() {
    let mut runner = TestRunner::deterministic();
    let mut missed = Vec::new();
    for (rule, pattern) in formats() {
        let keys = string_regex(&pattern).unwrap();
        let (mut hits, samples) = (0, 8);
        for _ in 0..samples {
            let key = keys.new_tree(&mut runner).unwrap().current();
            let text = format!("here it is: {key}\n");
            let hit = found(&text).iter().any(|finding| {
                *finding.rule == *rule && text[finding.span.clone()] == key && finding.score >= 0.3
            });
            hits += usize::from(hit);
        }
        if hits * 4 < samples * 3 {
            missed.push(format!("{rule} {hits}/{samples}: {pattern}"));
        }
    }
    assert_eq!(missed, Vec::<String>::new());
}

/// Where keys stand: what is around one must neither hide it nor be needed to find it.
const PLACES: &[(&str, &str)] = &[
    ("", ""),
    ("please use ", " for the upload, thanks"),
    ("API_KEY=\"", "\"\n"),
    ("{\"auth\": \"", "\", \"retries\": 3}"),
    ("Authorization: Bearer ", "\r\nAccept: */*"),
];

/// What the table of secrets in `docs/guardrails.md` says.
#[test]
fn keys_of_all_formats_are_found_in_all_places() {
    let mut runner = TestRunner::deterministic();
    let (mut hits, mut all) = (0, 0);
    for (_, pattern) in formats() {
        let keys = string_regex(&pattern).unwrap();
        for _ in 0..10 {
            let key = keys.new_tree(&mut runner).unwrap().current();
            for (before, after) in PLACES {
                let text = format!("{before}{key}{after}");
                hits += usize::from(best(&text).is_some_and(|(_, value, _)| value.contains(&key)));
                all += 1;
            }
        }
    }
    assert!(hits * 100 >= all * 95, "{hits} of {all}");
}

/// Hashes, ids and lines of lock files, as they are written every day.
const LOOK_ALIKES: &[&str] = &[
    "commit [0-9a-f]{40}",
    "[0-9a-f]{32}  [a-z]{3,9}\\.tar\\.gz",
    "[0-9a-f]{64}  [a-z]{3,9}\\.zip",
    "sha512: [0-9a-f]{128}",
    "\"id\": \"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\"",
    "checksum = \"[0-9a-f]{64}\"",
    "\"integrity\": \"sha512-[A-Za-z0-9+/]{86}==\"",
    "github\\.com/[a-z]{3,9}/[a-z]{3,9} v1\\.[0-9]\\.[0-9]/go\\.mod h1:[A-Za-z0-9+/]{43}=",
    "    --hash=sha256:[0-9a-f]{64}",
    "etag: W/\"[0-9a-f]{32}\"",
    "trace_id=[0-9a-f]{32} span_id=[0-9a-f]{16}",
    "01[0-9A-HJKMNP-TV-Z]{24} created",
    "<img src=\"data:image/png;base64,[A-Za-z0-9+/]{120}=\">",
    "[a-z]{4,9}-[0-9a-f]{8,10}-[a-z0-9]{5}   1/1   Running",
    "#[0-9a-f]{6} #[0-9a-f]{8} 0x[0-9a-f]{16}",
    "version https://git-lfs\\.github\\.com/spec/v1 oid sha256:[0-9a-f]{64}",
];

#[test]
fn hashes_ids_and_lock_files_hold_no_keys() {
    let mut runner = TestRunner::deterministic();
    let mut hits = Vec::new();
    let mut all = 0;
    for pattern in LOOK_ALIKES {
        let texts = string_regex(pattern).unwrap();
        for _ in 0..200 {
            let text = texts.new_tree(&mut runner).unwrap().current();
            all += 1;
            if best(&text).is_some() {
                hits.push(text);
            }
        }
    }
    assert!(
        hits.len() * 1_000 < all * 5,
        "{} of {all}: {hits:#?}",
        hits.len()
    );
}

#[test]
fn keys_are_found_wherever_they_stand() {
    let key = "ghp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ3xK9Pq";
    for text in [
        key.to_owned(),
        format!("use {key}, please."),
        format!("token={key}&x=1"),
        format!("\"{key}\""),
        format!("MY_{key}"),
        format!(r"export\n{key}\n"),
        format!("密钥{key}。"),
        format!("https://{key}@github.com/a/b"),
    ] {
        holds(&text, Entity::AccessToken, key);
    }
    harmless(&format!("{key}0"));
}

#[test]
fn a_password_is_found_by_its_assignment_in_any_syntax() {
    for text in [
        "password = \"tr0ub4dor&3\"",
        "DB_PASSWORD=tr0ub4dor&3",
        "dbPassword: 'tr0ub4dor&3'",
        "{\"password\": \"tr0ub4dor&3\"}",
        r#"{\"password\":\"tr0ub4dor&3\"}"#,
        "spring.datasource.password=tr0ub4dor&3 ",
        "  password: \"tr0ub4dor&3\"\n  user: x",
        "config['password'] = 'tr0ub4dor&3'",
        "my password is tr0ub4dor&3",
        "Passwort: tr0ub4dor&3",
        "Das Kennwort lautet tr0ub4dor&3",
        "mot de passe : tr0ub4dor&3",
        "contraseña: tr0ub4dor&3",
        "mysqldump -u root -ptr0ub4dor&3 db",
        "tool --db-password tr0ub4dor&3",
        "curl -u admin:tr0ub4dor&3 https://x.example",
        "ALTER USER joe IDENTIFIED BY 'tr0ub4dor&3';",
        "machine example.com login joe password tr0ub4dor&3",
    ] {
        holds(text, Entity::Password, "tr0ub4dor&3");
    }
}

#[test]
fn passwords_of_connections_are_found_and_nothing_around_them() {
    for text in [
        "postgres://app:s3cr3tPw!@db.example:5432/app",
        "postgresql+asyncpg://app:s3cr3tPw!@db/app?sslmode=require",
        "mysql://root:s3cr3tPw!@127.0.0.1/x",
        "mongodb+srv://u:s3cr3tPw!@cluster0.abc.mongodb.net",
        "redis://:s3cr3tPw!@cache:6379/0",
        "amqps://u:s3cr3tPw!@mq.example/vhost",
        "jdbc:postgresql://u:s3cr3tPw!@h/d",
        "clickhouse://default:s3cr3tPw!@ch:9000",
        "Server=tcp:x.database.windows.net,1433;User ID=u;Password=s3cr3tPw!;Encrypt=True",
        "Data Source=h;Initial Catalog=d;User Id=u;Pwd=s3cr3tPw!",
        "host=db user=u password=s3cr3tPw! dbname=x",
        "jdbc:sqlserver://h:1433;databaseName=d;user=u;password=s3cr3tPw!",
    ] {
        holds(text, Entity::ConnectionString, "s3cr3tPw!");
    }
    holds(
        "https://joe:s3cr3tPw!@example.com/x",
        Entity::Password,
        "s3cr3tPw!",
    );
    holds(
        "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=8f3K/s02kXcQ9Lm1vPz7uYtR4wEjNbHa6GdFi5oSqWeRtYuIoP0lKjHgFdSaZxCvBnM1q2w3e4r5t6y7u8i9oQ==;",
        Entity::ConnectionString,
        "8f3K/s02kXcQ9Lm1vPz7uYtR4wEjNbHa6GdFi5oSqWeRtYuIoP0lKjHgFdSaZxCvBnM1q2w3e4r5t6y7u8i9oQ==",
    );
    for text in [
        "postgres://user:password@localhost/db",
        "postgres://${USER}:${PASSWORD}@db/app",
        "postgres://app@db.example/app",
        "http://localhost:8080/a@b",
        "redis://cache:6379/0",
        "see https://example.com/a:b@c",
    ] {
        harmless(text);
    }
}

const BODY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n";

#[test]
fn private_keys_are_found_whole_in_every_armour() {
    let b = BODY;
    for key in [
        format!("-----BEGIN PRIVATE KEY-----\n{b}{b}-----END PRIVATE KEY-----"),
        format!(
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\n{b}-----END RSA PRIVATE KEY-----"
        ),
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{b}-----END OPENSSH PRIVATE KEY-----"),
        format!(
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2 on an old machine here\nComment: one two three four five six\n\n{b}=abcd\n-----END PGP PRIVATE KEY BLOCK-----"
        ),
        format!(
            "-----BEGIN EC PRIVATE KEY-----\\n{}\\n-----END EC PRIVATE KEY-----",
            b.trim()
        ),
        format!(
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{b}---- END SSH2 ENCRYPTED PRIVATE KEY ----"
        ),
        format!(
            "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nComment: me at my desk on the hill\nPublic-Lines: 1\n{b}Private-Lines: 1\n{b}Private-MAC: 0123456789abcdef0123456789abcdef01234567"
        ),
    ] {
        holds(&format!("this: {key}\nbye"), Entity::PrivateKey, &key);
        holds(
            &format!("\"key\": \"{key}\", \"x\""),
            Entity::PrivateKey,
            &key,
        );
    }
}

#[test]
fn a_key_without_its_end_ends_before_prose() {
    let key = format!("-----BEGIN PRIVATE KEY-----\n{BODY}{BODY}");
    holds(
        &format!("{key}that is all of the key I have"),
        Entity::PrivateKey,
        &key,
    );
    harmless("A file begins with -----BEGIN RSA PRIVATE KEY----- and then the key follows");
    harmless(
        "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END CERTIFICATE-----",
    );
}

#[test]
fn a_web_token_has_a_header_that_names_its_algorithm() {
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";
    holds(&format!("Cookie: a={token}; b"), Entity::Jwt, token);
    holds(&format!("It is {token}."), Entity::Jwt, token);
    harmless("eyJmb28iOiJiYXIifQabcdef.com.example");
}

#[test]
fn a_provider_named_before_a_value_makes_it_a_key() {
    let hex = "9f86d081884c7d659a2feaa0c55ad015";
    holds(
        &format!("the datadog api key is {hex}"),
        Entity::ApiKey,
        hex,
    );
    holds(
        &format!("ALGOLIA_ADMIN_KEY: \"{hex}\""),
        Entity::ApiKey,
        hex,
    );
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzq8rTkLm1p";
    holds(
        &format!("aws_secret_access_key = {secret}"),
        Entity::ApiKey,
        secret,
    );
    let uuid = "c2f1a0b4-52d9-4a64-9e11-7b7d5f0e6a1c";
    holds(&format!("heroku auth token: {uuid}"), Entity::ApiKey, uuid);
    holds(&format!("algolia = {hex}"), Entity::ApiKey, hex);
    let base64 = "dGhlcmUvaXM+a2V5Lzk4NzY1NDMyMWFiY2RlZmdoaWo+Pz4/K3h5eno1NjQ3ODkwMTI=";
    harmless(&format!("see {base64}"));
    harmless("github: 3f786850e387550fdab836ed7e6dc881de23001b");
    harmless(&format!("datadog shows commit {hex}"));
    harmless(&format!("heroku request id: {uuid}"));
}

#[test]
fn what_only_looks_like_a_secret_is_left_alone() {
    for text in [
        "password: string;",
        "password = getPassword()",
        "password: process.env.DB_PASSWORD",
        "password=${DB_PASSWORD}",
        "PASSWORD=<your-password>",
        "password: ********",
        "password: \"\"",
        "The password is required and must be long.",
        "Password reset: please follow the link",
        "const token = await getToken(user)",
        "api_key = os.environ['API_KEY']",
        "api_key: YOUR_API_KEY",
        "AKIAIOSFODNN7EXAMPLE",
        "sk-this-is-not-a-real-key-at-all",
        "key: primary_key_constraint_name",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "\"integrity\": \"sha512-YPDw7Zm2cG3ZxsqHn9i2wL8SMjhXpc7nCMqjVvCNzUfLgcsHMFrpPEGYQlDgKHGX2FVhbMJUYf9dVZLH0JTVQw==\"",
        "id: 123e4567-e89b-12d3-a456-426614174000",
        "ETag: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"",
        "nonce=\"4AEemGb0xJptoIGFP3Nd\"",
        "image@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1",
        "src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==\"",
        "keyboard: qwerty layout 12345678",
        "public_key = 04bfcab8722991ae774db48f934ca79cfb7dd991229153b9f732ba5334aafcd8e7",
        "https://example.com/token/9f86d081884c7d659a2feaa0c55ad015",
        "tokens: 128000, key: value, secret: santa",
    ] {
        harmless(text);
    }
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("password = \"".to_owned()),
        Just("-----BEGIN PRIVATE KEY-----\n".to_owned()),
        Just(BODY.to_owned()),
        Just("-----END PRIVATE KEY-----".to_owned()),
        Just("PuTTY-User-Key-File-2: ssh-rsa\n".to_owned()),
        Just("Private-MAC: ".to_owned()),
        Just("postgres://u:".to_owned()),
        Just("@host ".to_owned()),
        Just("heroku token ".to_owned()),
        Just("eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.".to_owned()),
        Just("sk-proj-".to_owned()),
        "[a-zA-Z0-9]{1,40}",
        "[ :=\"'\\n.-]{1,3}",
        "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_text_in_pieces_holds_the_secrets_of_the_whole(
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
