//! Keys of providers, by the table of their formats.

use super::checksums::{self, Checked};
use super::random::{entropy_bits, is_stand_in, is_varied, looks_random};
use crate::finding::Entity;
use crate::scan::{Rule, Seen, Tail};

const TABLE: &str = include_str!("../../data/providers.txt");

/// The score of what has the form of a key and does not look random: an example, a name.
const IMPROBABLE: f32 = 0.1;

/// From this score on a format is like no other text.
const DISTINCT: f32 = 0.9;

/// One row of the table.
#[derive(Clone, Debug)]
pub(super) struct Format {
    pub(super) name: &'static str,
    pub(super) entity: Entity,
    score: f32,
    entropy_bits: f32,
    pub(super) pattern: String,
    tail: Tail,
}

/// The table's rows. A row that cannot be read is left out; a test counts them.
pub(super) fn formats() -> impl Iterator<Item = Format> {
    TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(row)
}

fn row(line: &'static str) -> Option<Format> {
    let mut cells = line.splitn(5, ' ');
    let name = cells.next()?;
    let entity = match cells.next()? {
        "key" => Entity::ApiKey,
        "token" => Entity::AccessToken,
        "webhook" => Entity::WebhookUrl,
        _ => return None,
    };
    let score = cells.next()?.parse().ok()?;
    let entropy_bits = cells.next()?.parse().ok()?;
    let written = cells.next()?;
    let (written, tail) = match written.strip_suffix('~') {
        Some(written) => (written, Tail::Token),
        None => (written, Tail::None),
    };
    Some(Format {
        name,
        entity,
        score,
        entropy_bits,
        pattern: expand(written),
        tail,
    })
}

/// Writes out the table's short forms of classes.
fn expand(written: &str) -> String {
    written
        .replace("@a", "A-Za-z0-9")
        .replace("@w", "A-Za-z0-9_")
        .replace("@h", "0-9a-f")
        .replace("@x", "0-9A-Fa-f")
        .replace("@b", "A-Za-z0-9+/")
}

/// One rule for each row.
pub(super) fn rules() -> Vec<Rule> {
    formats().map(rule).collect()
}

fn rule(format: Format) -> Rule {
    let id = format!("secret.{}", format.name);
    let (pattern, tail) = (format.pattern.clone(), format.tail);
    Rule::weighed(&id, format.entity, pattern, move |seen| {
        weigh(&format, seen)
    })
    .with_tail(tail)
    .at_parts()
}

fn weigh(format: &Format, seen: Seen<'_>) -> f32 {
    if seen
        .after
        .starts_with(|next: char| next.is_ascii_alphanumeric())
    {
        return 0.0;
    }
    let random = if format.score >= DISTINCT {
        is_varied(seen.value)
    } else {
        looks_random(seen.value)
    };
    if !random || entropy_bits(seen.value) < format.entropy_bits || is_stand_in(seen.value) {
        return IMPROBABLE;
    }
    match checksums::check(format.name, seen) {
        Checked::Right => 0.99,
        Checked::Without => format.score,
        Checked::Wrong => format.score.min(0.7),
    }
}
