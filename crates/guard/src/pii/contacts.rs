//! E-mail addresses, plain and spelled against harvesters.

use crate::finding::Entity;
use crate::scan::{Rule, Seen};

/// Letters of local parts and domains: ASCII's and those of the Latin scripts of Europe.
const LOCAL: &str = r"[A-Za-z0-9À-ɏ.!\#$%&'*+/=?^_`{|}~-]";
const LABEL: &str = "[A-Za-z0-9À-ɏ-]";

/// Ends of names of files, which stand where a domain's would: `logo@2x.png`.
const FILES: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "json", "html", "ts", "tsx", "jsx",
    "md", "txt", "yml", "yaml", "xml", "pdf", "zip", "tgz", "gz", "service", "lock", "toml",
    "local",
];

pub(super) fn rules() -> Vec<Rule> {
    let at = r"(?: ?(?:\[(?i-u:at)\]|\((?i-u:at)\)|\{(?i-u:at)\}|<(?i-u:at)>|\[@\]|\(@\)|＠) ?)";
    let dot = r"(?: ?(?:\[(?i-u:dot)\]|\((?i-u:dot)\)|\{(?i-u:dot)\}|\.) ?| (?i-u:dot) )";
    let name = "[A-Za-z0-9][A-Za-z0-9._+-]{1,}";
    let label = "[A-Za-z0-9-]{1,63}";
    vec![
        Rule::weighed(
            "pii.email",
            Entity::Email,
            format!(r"{LOCAL}+(?:@|%40){LABEL}+(?:\.{LABEL}+)*\.[A-Za-z]{{2,24}}"),
            weigh,
        ),
        Rule::weighed(
            "pii.email_quoted",
            Entity::Email,
            format!(r#""[^"@\n]{{1,64}}"@(?:{LABEL}+\.)+[A-Za-z]{{2,24}}"#),
            |_| 0.8,
        ),
        Rule::weighed(
            "pii.email_spelled",
            Entity::Email,
            format!("{name}{at}{label}(?:{dot}{label}){{1,4}}"),
            |_| 0.85,
        ),
        Rule::weighed(
            "pii.email_said",
            Entity::Email,
            format!(r"{name} (?i-u:at) {label}(?: (?i-u:dot) {label}){{1,4}}"),
            |_| 0.6,
        ),
    ]
}

fn weigh(seen: Seen<'_>) -> f32 {
    let value = seen.value;
    let inner = |char: char| char.is_ascii_alphanumeric() || "._+-%".contains(char);
    if seen.before.ends_with(inner)
        || seen
            .after
            .starts_with(|char: char| char.is_ascii_alphanumeric() || char == '_')
    {
        return 0.0;
    }
    let (local, domain) = value
        .split_once('@')
        .or_else(|| value.split_once("%40"))
        .unwrap_or((value, ""));
    let last = domain
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let labels_hold = domain
        .split('.')
        .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    if !labels_hold || FILES.contains(&last.as_str()) || domain.contains("..") {
        return 0.1;
    }
    // The address of a repository, as in `git@github.com:owner/name`.
    if matches!(local, "git" | "hg" | "svn") && seen.after.starts_with([':', '/']) {
        return 0.15;
    }
    let odd = local.starts_with(['.', '/', '=', '?', '&'])
        || local.ends_with('.')
        || local.contains("..");
    if odd { 0.6 } else { 0.95 }
}
