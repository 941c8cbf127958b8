//! Values without a format of their own, by the words before them: the name of a provider whose
//! keys look so, or a word that says that a secret follows.

use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, MatchKind};

use super::random::{Kinds, entropy_bits, is_stand_in, looks_random};
use crate::finding::{Entity, RuleId};
use crate::scan::{Rule, Seen, Weigh, Words};

const TABLE: &str = include_str!("../../data/named.txt");

/// How far before a value the name of its provider may stand, in bytes.
const NAME_REACH: usize = 64;

/// How far before a value a word may stand that says that it is secret, in bytes.
const WORD_REACH: usize = 24;

/// What a value of a provider looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    alphabet: Alphabet,
    shortest: usize,
    longest: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alphabet {
    Digits,
    Hex,
    Lower,
    Alphanumeric,
    /// With `_` and `-`.
    Url,
    /// With `+`, `/` and `=`.
    Base64,
    Uuid,
}

struct Provider {
    rule: RuleId,
    forms: Vec<Form>,
}

struct Providers {
    names: AhoCorasick,
    /// For each name the index of its provider.
    owners: Vec<usize>,
    providers: Vec<Provider>,
}

static PROVIDERS: LazyLock<Option<Providers>> = LazyLock::new(|| Providers::read(TABLE));

impl Providers {
    /// Reads `name=word,word form form` rows.
    fn read(table: &str) -> Option<Self> {
        let mut words = Vec::new();
        let mut owners = Vec::new();
        let mut providers = Vec::new();
        for line in table.lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut cells = line.split(' ');
            let (name, synonyms) = cells.next()?.split_once('=')?;
            for word in synonyms.split(',') {
                words.push(word.replace('_', " "));
                owners.push(providers.len());
            }
            providers.push(Provider {
                rule: Arc::from(format!("secret.{name}_by_name")),
                forms: cells.map(Form::read).collect::<Option<_>>()?,
            });
        }
        let names = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(&words)
            .ok()?;
        Some(Self {
            names,
            owners,
            providers,
        })
    }

    /// The provider named last in `text` whose values look like `value`, and what stands after its
    /// name.
    fn owner<'t>(&self, text: &'t str, value: &str) -> Option<(&Provider, &'t str)> {
        self.names
            .find_overlapping_iter(text)
            .filter_map(|found| {
                let owner = self.owners.get(found.pattern().as_usize())?;
                let provider = self.providers.get(*owner)?;
                let fits = provider.forms.iter().any(|form| form.fits(value));
                fits.then_some((found.end(), provider))
            })
            .max_by_key(|(end, _)| *end)
            .map(|(end, provider)| (provider, text.get(end..).unwrap_or_default()))
    }
}

impl Form {
    /// Reads `hex:32`, `url:20-40`, `uuid`.
    fn read(cell: &str) -> Option<Self> {
        let (alphabet, lengths) = cell.split_once(':').unwrap_or((cell, "36"));
        let (shortest, longest) = lengths.split_once('-').unwrap_or((lengths, lengths));
        Some(Self {
            alphabet: match alphabet {
                "digits" => Alphabet::Digits,
                "hex" => Alphabet::Hex,
                "lower" => Alphabet::Lower,
                "alnum" => Alphabet::Alphanumeric,
                "url" => Alphabet::Url,
                "base64" => Alphabet::Base64,
                "uuid" => Alphabet::Uuid,
                _ => return None,
            },
            shortest: shortest.parse().ok()?,
            longest: longest.parse().ok()?,
        })
    }

    fn fits(&self, value: &str) -> bool {
        (self.shortest..=self.longest).contains(&value.len())
            && (self.alphabet != Alphabet::Uuid || is_uuid(value))
            && value.bytes().all(|byte| self.alphabet.has(byte))
    }
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Lower => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Url => byte.is_ascii_alphanumeric() || b"_-=.".contains(&byte),
            Self::Base64 => byte.is_ascii_alphanumeric() || b"+/=".contains(&byte),
            Self::Uuid => byte.is_ascii_hexdigit() || byte == b'-',
        }
    }
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value
            .bytes()
            .enumerate()
            .all(|(at, byte)| (byte == b'-') == matches!(at, 8 | 13 | 18 | 23))
}

pub(super) fn rules() -> Vec<Rule> {
    let token = "[A-Za-z0-9][A-Za-z0-9_-]{13,}={0,2}";
    let encoded = "[A-Za-z0-9+/]{20,}={0,2}";
    let dotted = r"[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]{4,}){1,3}={0,2}";
    let named = |id: &str, pattern: &'static str, weigh: fn(Seen<'_>) -> _| Rule {
        weigh: Weigh::Naming(Arc::new(weigh)),
        ..Rule::fixed(id, Entity::ApiKey, pattern, 0.0)
    };
    let said = |id: &str, pattern: &'static str, weigh: fn(Seen<'_>) -> f32| {
        Rule::weighed(id, Entity::GenericSecret, pattern, weigh)
    };
    let names = [
        named("secret.by_name", token, by_name),
        named("secret.encoded_by_name", encoded, |seen| {
            is_encoded(seen).then(|| by_name(seen))?
        }),
        named("secret.dotted_by_name", dotted, by_name),
    ];
    let words = [
        said("secret.by_word", token, by_word),
        said("secret.encoded_by_word", encoded, |seen| {
            if is_encoded(seen) { by_word(seen) } else { 0.0 }
        }),
    ];
    names
        .map(|rule| rule.with_words(Words::new(SECRETS, NAME_REACH)))
        .into_iter()
        .chain(words.map(|rule| rule.with_words(Words::new(SECRETS, WORD_REACH))))
        .map(|rule| rule.with_words(Words::new(OTHERS, NAME_REACH)))
        .collect()
}

fn by_name(seen: Seen<'_>) -> Option<(RuleId, f32)> {
    if !is_candidate(seen) {
        return None;
    }
    let near = last_bytes(seen.before, NAME_REACH);
    let (provider, gap) = PROVIDERS.as_ref()?.owner(near, seen.value)?;
    let score = match evidence(seen) {
        Evidence::Against => return None,
        Evidence::Assigned => 0.85,
        Evidence::Word => 0.7,
        Evidence::None if is_commit(seen.value) => 0.3,
        Evidence::None if is_common(seen.value) && !is_assignment(gap) => 0.3,
        Evidence::None => 0.55,
    };
    Some((provider.rule.clone(), score))
}

fn by_word(seen: Seen<'_>) -> f32 {
    if seen.value.len() < 16
        || is_common(seen.value)
        || !is_dense(seen.value)
        || !is_candidate(seen)
    {
        return 0.0;
    }
    match evidence(seen) {
        Evidence::Assigned => 0.65,
        Evidence::Word => 0.55,
        Evidence::Against | Evidence::None => 0.0,
    }
}

/// Whether a value has signs of base 64; without them it is found as a word.
fn is_encoded(seen: Seen<'_>) -> bool {
    seen.value.contains(['+', '/'])
}

/// Whether a value could be a key at all.
fn is_candidate(seen: Seen<'_>) -> bool {
    let value = seen.value;
    if seen
        .after
        .starts_with(|next: char| next.is_ascii_alphanumeric())
    {
        return false;
    }
    let inside = seen
        .before
        .ends_with(['/', '.', '+', '%', '-', '@', '#', '\\']);
    let path = value.starts_with('/')
        && seen
            .before
            .ends_with(|last: char| last.is_ascii_alphanumeric());
    let kinds = Kinds::of(value);
    let digits_only = kinds.lower + kinds.upper == 0;
    !inside
        && !path
        && !digits_only
        && (looks_random(value) || kinds.digits >= 4)
        && entropy_bits(value) >= 2.6
        && !is_stand_in(value)
}

/// Whether a value has more digits, or more changes of case, than names of things do.
fn is_dense(value: &str) -> bool {
    let kinds = Kinds::of(value);
    kinds.digits * 7 >= value.len() || kinds.turns * 3 >= value.len()
}

/// Whether values that are no keys look so as well: hashes and identifiers.
fn is_common(value: &str) -> bool {
    let hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex && matches!(value.len(), 16 | 24 | 32 | 40 | 56 | 64 | 96 | 128) || is_uuid(value)
}

/// Whether a value looks like the hash of a commit, which often stands after a provider's name.
fn is_commit(value: &str) -> bool {
    matches!(value.len(), 40 | 64) && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether nothing but the sign of an assignment stands between a name and a value.
fn is_assignment(gap: &str) -> bool {
    gap.len() <= 5
        && gap.contains(['=', ':'])
        && !gap.contains(|char: char| char.is_alphanumeric() || char == '/')
}

/// What the words before a value say.
enum Evidence {
    /// That it is a hash, an identifier, a version.
    Against,
    /// That a secret is assigned.
    Assigned,
    /// That it is about secrets.
    Word,
    None,
}

/// Words that speak of secrets, in lower case.
const SECRETS: &[&str] = &[
    "key",
    "keys",
    "apikey",
    "apitoken",
    "accesskey",
    "accesstoken",
    "privatekey",
    "token",
    "secret",
    "password",
    "passwd",
    "pwd",
    "credential",
    "auth",
    "bearer",
    "api",
    "pat",
    "schlüssel",
    "clé",
    "clave",
    "chiave",
    "chave",
    "sleutel",
    "jeton",
];

/// Words that speak of other random values, in lower case.
const OTHERS: &[&str] = &[
    "commit",
    "sha1",
    "sha256",
    "sha-256",
    "sha512",
    "sha384",
    "sha:",
    "md5",
    "digest",
    "checksum",
    "hash",
    "integrity",
    "etag",
    "revision",
    "uuid",
    "guid",
    "request id",
    "request-id",
    "request_id",
    "requestid",
    "trace",
    "span",
    "fingerprint",
    "nonce",
    "blob",
    "image",
    "base64,",
    "build",
    "version",
    "tag:",
    "branch",
    "object id",
    "public key",
    "public_key",
    "publickey",
    "pubkey",
    "transaction",
    "txid",
    "block",
    "tree",
    "parent",
    "session recording",
    "order",
    "tracking",
    "message-id",
    "correlation",
    "invoice",
];

/// The nearer word counts; a value and its words stand in one line.
fn evidence(seen: Seen<'_>) -> Evidence {
    let secret = seen.nearest(0);
    let other = seen.nearest(1);
    if other.is_some_and(|other| secret.is_none_or(|secret| other <= secret)) {
        return Evidence::Against;
    }
    let Some(reach) = secret else {
        return Evidence::None;
    };
    if last_bytes(seen.before, reach).contains('\n') {
        return Evidence::None;
    }
    let assigned = seen
        .before
        .trim_end_matches([' ', '\t', '"', '\'', '`', '\\', '>'])
        .ends_with([':', '=', ',', '(', '：']);
    if assigned {
        Evidence::Assigned
    } else {
        Evidence::Word
    }
}

/// The last bytes of a text, of whole characters.
fn last_bytes(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default()
}
