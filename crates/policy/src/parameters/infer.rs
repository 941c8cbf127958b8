//! What arguments are that nobody has declared: what their names say, for the kinds of tools that
//! are known, and what they look like.

mod looks;
mod names;

use looks::{check_argument, check_url_path, looks_like_path, looks_like_url};
use serde_json::{Map, Value};

use super::Limits;
use super::characters::folded_name;
use super::email::{Mailboxes, check_line};
use super::findings::Findings;
use super::headers::Headers;
use super::path::Folders;
use super::pointer::Pointer;
use super::rule::{Declared, Rule};
use super::shell::Programs;
use super::sql::{self, Statements};
use super::url::Addresses;
use super::violation::Broken;
use crate::ToolKind;

/// What the name of an argument says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing.
    Unknown,
    Path,
    /// A path or a URL: something that is attached.
    Attachment,
    Url,
    /// The path of a URL.
    UrlPath,
    Sql,
    /// A part of a statement: a condition.
    Condition,
    /// The name of a table or a column.
    Identifier,
    Command,
    /// What a command is given.
    Arguments,
    Headers,
    Email,
    /// One line of a message.
    Line,
    /// What is written to a file.
    Content,
    /// How many bytes a file has.
    Size,
    /// Text that nobody acts on, whatever it looks like.
    Words,
    /// Arguments within arguments, perhaps as a text of JSON.
    Json,
}

impl Meaning {
    /// This, or what the surrounding argument is if the name says nothing.
    pub(super) fn or(self, outer: Meaning) -> Meaning {
        match (self, outer) {
            (Meaning::Unknown, Meaning::Json) => Meaning::Unknown,
            (Meaning::Unknown, outer) => outer,
            (found, _) => found,
        }
    }
}

/// What the name of an argument says, for a kind of tools.
pub(super) fn meaning(kind: ToolKind, name: &str) -> Meaning {
    let tables: &[(&str, Meaning)] = match kind {
        ToolKind::File => &[
            (names::PATHS, Meaning::Path),
            (names::URLS, Meaning::Url),
            (names::CONTENTS, Meaning::Content),
            (names::SIZES, Meaning::Size),
            (names::CONTAINERS, Meaning::Json),
            (names::WORDS, Meaning::Words),
        ],
        ToolKind::Api => &[
            (names::URLS, Meaning::Url),
            (names::HEADERS, Meaning::Headers),
            ("path urlpath route resource", Meaning::UrlPath),
            (
                "filepath localpath outputpath savepath saveto",
                Meaning::Path,
            ),
            (names::WORDS, Meaning::Words),
            (names::CONTAINERS, Meaning::Json),
        ],
        ToolKind::Database => &[
            (names::STATEMENTS, Meaning::Sql),
            (names::CONDITIONS, Meaning::Condition),
            (names::IDENTIFIERS, Meaning::Identifier),
            ("input request kwargs toolinput actioninput", Meaning::Json),
        ],
        ToolKind::Shell => &[
            (names::COMMANDS, Meaning::Command),
            (names::ARGUMENTS, Meaning::Arguments),
            (names::WORKING_PATHS, Meaning::Path),
            ("input request kwargs toolinput actioninput", Meaning::Json),
        ],
        ToolKind::Email => &[
            (names::RECIPIENTS, Meaning::Email),
            (names::LINES, Meaning::Line),
            (names::HEADERS, Meaning::Headers),
            (names::ATTACHMENTS, Meaning::Attachment),
            (names::CONTENTS, Meaning::Words),
            (names::CONTAINERS, Meaning::Json),
        ],
        ToolKind::Payment | ToolKind::Custom => return Meaning::Unknown,
    };
    let folded = folded_name(name);
    let found = tables.iter().find(|(names, _)| is_one_of(names, &folded));
    found.map_or(Meaning::Unknown, |(_, meaning)| *meaning)
}

/// What holds for arguments that are not declared: what is declared of the first of its kind, else
/// what holds where nothing is said.
#[derive(Debug)]
pub(super) struct Rules {
    path: Rule,
    url: Rule,
    sql: Rule,
    shell: Rule,
    headers: Rule,
    email: Rule,
    content: Rule,
    max_file_bytes: u64,
    /// The argument that is declared to be a command.
    command: Option<String>,
}

impl Rules {
    pub(super) fn new(declared: &[Declared], limits: Limits) -> Self {
        let first = |of_kind: fn(&Rule) -> bool, otherwise: Rule| {
            declared
                .iter()
                .map(|declared| &declared.rule)
                .find(|rule| of_kind(rule))
                .cloned()
                .unwrap_or(otherwise)
        };
        Rules {
            path: first(
                |rule| matches!(rule, Rule::Path(_)),
                Rule::Path(Folders::default()),
            ),
            url: first(
                |rule| matches!(rule, Rule::Url(_)),
                Rule::Url(Addresses::default()),
            ),
            sql: first(
                |rule| matches!(rule, Rule::Sql(_)),
                Rule::Sql(Statements::default()),
            ),
            shell: first(
                |rule| matches!(rule, Rule::Shell(_)),
                Rule::Shell(Programs::default()),
            ),
            headers: first(
                |rule| matches!(rule, Rule::Headers(_)),
                Rule::Headers(Headers::default()),
            ),
            email: first(
                |rule| matches!(rule, Rule::Email(_)),
                Rule::Email(Mailboxes::default()),
            ),
            content: Rule::Text(limits.max_file_bytes),
            max_file_bytes: limits.max_file_bytes,
            command: declared
                .iter()
                .filter(|declared| matches!(declared.rule, Rule::Shell(_)))
                .find_map(|declared| declared.pattern.single().map(str::to_owned)),
        }
    }

    /// Holds a value to what its name says, and says whether that is all there is to it.
    pub(super) fn apply(
        &self,
        kind: ToolKind,
        meaning: Meaning,
        node: &Value,
        pointer: &mut Pointer,
        findings: &mut Findings<'_>,
    ) -> bool {
        match (meaning, node) {
            (Meaning::Headers, _) => self.headers.apply(node, pointer, findings),
            (Meaning::Command, Value::String(_) | Value::Array(_)) => {
                self.shell.apply(node, pointer, findings);
            }
            (_, Value::String(text)) if text.is_empty() => {}
            (Meaning::Size, Value::Number(number)) => {
                let size = number.as_f64().unwrap_or(f64::INFINITY);
                if size > self.max_file_bytes as f64 {
                    let message = format!(
                        "a file has at most {} bytes; ask for less",
                        self.max_file_bytes
                    );
                    findings.refuse(Broken::new("too_large", message), pointer);
                }
            }
            (Meaning::Unknown | Meaning::Json, Value::String(text)) => {
                return self.apply_to_looks(kind, text, pointer, findings);
            }
            (_, Value::String(text)) => self.apply_text(meaning, node, text, pointer, findings),
            _ => return false,
        }
        true
    }

    fn apply_text(
        &self,
        meaning: Meaning,
        node: &Value,
        text: &str,
        pointer: &mut Pointer,
        findings: &mut Findings<'_>,
    ) {
        let checked = match meaning {
            Meaning::Path => return self.path.apply(node, pointer, findings),
            Meaning::Url => return self.url.apply(node, pointer, findings),
            Meaning::Attachment if text.contains("://") => {
                return self.url.apply(node, pointer, findings);
            }
            Meaning::Attachment => return self.path.apply(node, pointer, findings),
            Meaning::Sql => return self.sql.apply(node, pointer, findings),
            Meaning::Email => return self.email.apply(node, pointer, findings),
            Meaning::Content => return self.content.apply(node, pointer, findings),
            Meaning::UrlPath => check_url_path(text),
            Meaning::Condition => match &self.sql {
                Rule::Sql(statements) => statements.check_condition(text),
                _ => Ok(()),
            },
            Meaning::Identifier => sql::check_identifier(text),
            Meaning::Line => check_line(text),
            Meaning::Arguments => check_argument(text),
            Meaning::Command
            | Meaning::Headers
            | Meaning::Size
            | Meaning::Words
            | Meaning::Json
            | Meaning::Unknown => Ok(()),
        };
        if let Err(broken) = checked {
            findings.refuse(broken, pointer);
        }
    }

    /// Holds a text whose name says nothing to what it looks like, and says whether it looks like
    /// anything.
    fn apply_to_looks(
        &self,
        kind: ToolKind,
        text: &str,
        pointer: &mut Pointer,
        findings: &mut Findings<'_>,
    ) -> bool {
        let node = || Value::String(text.to_owned());
        match kind {
            ToolKind::Api if looks_like_url(text) => self.url.apply(&node(), pointer, findings),
            ToolKind::File if looks_like_path(text) => self.path.apply(&node(), pointer, findings),
            _ => return false,
        }
        true
    }

    /// A command and its arguments that stand side by side, checked together. Gives the names of
    /// both.
    pub(super) fn pair<'a>(
        &self,
        kind: ToolKind,
        members: &'a Map<String, Value>,
        pointer: &Pointer,
        findings: &mut Findings<'_>,
    ) -> Vec<&'a str> {
        let Rule::Shell(programs) = &self.shell else {
            return Vec::new();
        };
        let declared = self.command.as_deref().filter(|_| pointer.is_root());
        let is_command = |name: &str| match declared {
            Some(declared) => declared == name,
            None => meaning(kind, name) == Meaning::Command,
        };
        let are_arguments = |name: &str| match declared {
            Some(_) => is_one_of(names::ARGUMENTS, &folded_name(name)),
            None => meaning(kind, name) == Meaning::Arguments,
        };
        let mut given = members.iter().filter(|(_, value)| !value.is_null());
        let Some((command, line)) = given.clone().find(|(name, _)| is_command(name)) else {
            return Vec::new();
        };
        match given.find(|(name, _)| are_arguments(name)) {
            Some((arguments, list)) if list.is_array() || list.is_string() => {
                programs.apply_pair(line, list, pointer, findings);
                vec![command, arguments]
            }
            _ => Vec::new(),
        }
    }
}

fn is_one_of(names: &str, name: &str) -> bool {
    names.split_whitespace().any(|known| known == name)
}
