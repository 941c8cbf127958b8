use serde_json::Value;

use super::email::Mailboxes;
use super::findings::Findings;
use super::headers::Headers;
use super::path::Folders;
use super::pointer::{Pattern, Pointer};
use super::shell::Programs;
use super::sql::Statements;
use super::url::Addresses;
use super::violation::Broken;
use crate::ParameterKind;

/// A parameter, as it is declared.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) pattern: Pattern,
    pub(super) rule: Rule,
}

/// What a value must be.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    Path(Folders),
    Url(Addresses),
    Sql(Statements),
    Shell(Programs),
    Headers(Headers),
    Email(Mailboxes),
    /// The most bytes of a text.
    Text(u64),
}

impl Rule {
    pub(super) fn new(kind: &ParameterKind) -> Result<Self, Broken> {
        Ok(match kind {
            ParameterKind::Path { roots, restricted } => {
                Rule::Path(Folders::new(roots, restricted)?)
            }
            ParameterKind::Url {
                schemes,
                domains,
                private,
                ports,
            } => Rule::Url(Addresses::new(schemes, domains, *private, ports)?),
            ParameterKind::Sql { .. } => Rule::Sql(Statements::new(kind)?),
            ParameterKind::Shell { commands } => Rule::Shell(Programs::new(commands)),
            ParameterKind::Headers { allowed } => Rule::Headers(Headers::new(allowed)),
            ParameterKind::Email { recipients } => Rule::Email(Mailboxes::new(recipients)),
            ParameterKind::Text { max_bytes } => Rule::Text(max_bytes.unwrap_or(u64::MAX)),
        })
    }

    /// Holds a value to the rule: a text, or a list of texts, each by itself. `null` is no value.
    pub(super) fn apply(&self, value: &Value, pointer: &mut Pointer, findings: &mut Findings<'_>) {
        match (self, value) {
            (_, Value::Null) => {}
            (Rule::Shell(programs), Value::String(_) | Value::Array(_)) => {
                programs.apply(value, pointer, findings);
            }
            (Rule::Headers(headers), _) => headers.apply(value, pointer, findings),
            (_, Value::String(text)) => {
                if let Err(broken) = self.apply_text(text, findings) {
                    findings.refuse(broken, pointer);
                }
            }
            (_, Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    let length = pointer.push_index(index);
                    self.apply(item, pointer, findings);
                    pointer.truncate(length);
                }
            }
            _ => {
                let message = "expected a text or a list of texts; give one";
                findings.refuse(Broken::new("type", message), pointer);
            }
        }
    }

    fn apply_text(&self, text: &str, findings: &mut Findings<'_>) -> Result<(), Broken> {
        match self {
            Rule::Path(folders) => {
                let path = folders.check(text)?;
                findings.path(path.to_string());
                if let Some(read) = findings.read_link {
                    findings.path(folders.follow(path, read)?.to_string());
                }
            }
            Rule::Url(addresses) => findings.url(addresses.check(text)?),
            Rule::Sql(statements) => {
                for statement in statements.check(text)? {
                    findings.statement(statement);
                }
            }
            Rule::Email(mailboxes) => {
                for recipient in mailboxes.check(text)? {
                    findings.recipient(recipient);
                }
            }
            Rule::Text(most) if u64::try_from(text.len()).unwrap_or(u64::MAX) > *most => {
                let message = format!("the text has more than {most} bytes; give less");
                return Err(Broken::new("too_large", message));
            }
            Rule::Text(_) | Rule::Shell(_) | Rule::Headers(_) => {}
        }
        Ok(())
    }
}
