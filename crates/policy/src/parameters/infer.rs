//! What arguments are that nobody has declared: what their names say, for the kinds of tools that
//! are known, and what they look like.

use serde_json::{Map, Value};

use super::Limits;
use super::characters::folded_name;
use super::email::{Mailboxes, check_line};
use super::findings::Findings;
use super::headers::Headers;
use super::path::{Folders, has_climbing_part};
use super::pointer::Pointer;
use super::rule::{Declared, Rule};
use super::shell::Programs;
use super::sql::{self, Statements};
use super::url::Addresses;
use super::violation::{Broken, quoted};
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

const PATHS: &[&str] = &[
    "path",
    "paths",
    "file",
    "files",
    "filename",
    "filenames",
    "filepath",
    "filepaths",
    "pathname",
    "dir",
    "directory",
    "dirname",
    "folder",
    "source",
    "sourcepath",
    "src",
    "destination",
    "destinationpath",
    "dest",
    "dst",
    "target",
    "targetpath",
    "oldpath",
    "newpath",
    "rootpath",
    "root",
    "cwd",
    "workdir",
    "workingdirectory",
    "workingdir",
    "output",
    "outputpath",
    "outputfile",
    "outfile",
    "inputpath",
    "inputfile",
    "infile",
    "location",
    "absolutepath",
    "relativepath",
    "relativeworkspacepath",
    "targetfile",
    "notebookpath",
    "basepath",
    "basedir",
    "savepath",
    "saveto",
    "from",
    "to",
];
const WORKING_PATHS: &[&str] = &[
    "cwd",
    "workdir",
    "workingdirectory",
    "workingdir",
    "path",
    "filepath",
    "file",
    "filename",
    "directory",
    "dir",
];
const URLS: &[&str] = &[
    "url",
    "urls",
    "uri",
    "uris",
    "endpoint",
    "endpointurl",
    "baseurl",
    "webhook",
    "webhookurl",
    "callbackurl",
    "callback",
    "link",
    "links",
    "href",
    "address",
    "site",
    "website",
    "page",
    "pageurl",
    "targeturl",
    "requesturl",
    "imageurl",
    "fileurl",
    "sourceurl",
    "downloadurl",
    "feed",
    "feedurl",
    "proxy",
    "proxyurl",
];
const STATEMENTS: &[&str] = &[
    "query",
    "queries",
    "sql",
    "sqlquery",
    "sqlstatement",
    "statement",
    "statements",
    "stmt",
    "rawsql",
    "rawquery",
    "command",
    "script",
    "q",
];
const CONDITIONS: &[&str] = &[
    "where",
    "whereclause",
    "filter",
    "condition",
    "having",
    "orderby",
    "sort",
    "groupby",
];
const IDENTIFIERS: &[&str] = &[
    "table",
    "tablename",
    "tables",
    "column",
    "columnname",
    "columns",
    "view",
    "schemaname",
    "dbname",
    "field",
    "fields",
];
const COMMANDS: &[&str] = &[
    "command",
    "commands",
    "cmd",
    "cmds",
    "commandline",
    "shellcommand",
    "script",
    "line",
    "exec",
    "program",
    "executable",
    "binary",
    "argv",
    "bash",
    "shell",
    "run",
];
const ARGUMENTS: &[&str] = &[
    "args",
    "arguments",
    "parameters",
    "params",
    "options",
    "flags",
    "cmdargs",
];
const HEADERS: &[&str] = &[
    "headers",
    "header",
    "httpheaders",
    "extraheaders",
    "requestheaders",
    "additionalheaders",
    "customheaders",
];
const RECIPIENTS: &[&str] = &[
    "to",
    "cc",
    "bcc",
    "recipient",
    "recipients",
    "email",
    "emails",
    "emailaddress",
    "emailaddresses",
    "toaddress",
    "toaddresses",
    "ccaddresses",
    "bccaddresses",
    "ccrecipients",
    "bccrecipients",
    "torecipients",
    "from",
    "fromaddress",
    "sender",
    "replyto",
    "mailto",
    "address",
    "addresses",
];
const LINES: &[&str] = &[
    "subject",
    "name",
    "title",
    "fromname",
    "sendername",
    "displayname",
    "inreplyto",
    "messageid",
    "references",
];
const ATTACHMENTS: &[&str] = &[
    "attachment",
    "attachments",
    "attach",
    "attachmentpath",
    "attachmentpaths",
    "file",
    "files",
    "path",
    "filepath",
    "filename",
];
const CONTENTS: &[&str] = &[
    "content",
    "contents",
    "data",
    "body",
    "text",
    "filecontent",
    "filetext",
    "filecontents",
    "newcontent",
    "newtext",
    "newstring",
    "newstr",
    "oldstring",
    "oldstr",
    "oldtext",
    "insert",
    "inserttext",
    "append",
    "html",
    "markdown",
    "diff",
    "patch",
    "bytes",
    "base64",
];
const SIZES: &[&str] = &[
    "size",
    "sizebytes",
    "filesize",
    "maxsize",
    "maxbytes",
    "bytecount",
];
const WORDS: &[&str] = &[
    "pattern",
    "regex",
    "regexp",
    "search",
    "query",
    "find",
    "replace",
    "replacement",
    "message",
    "prompt",
    "description",
    "comment",
    "reason",
    "note",
    "explanation",
    "instructions",
    "summary",
    "thought",
    "language",
    "encoding",
    "mode",
    "name",
    "id",
    "title",
    "content",
    "contents",
    "body",
    "text",
    "html",
    "markdown",
    "code",
    "data",
    "diff",
    "patch",
];
const CONTAINERS: &[&str] = &[
    "args",
    "arguments",
    "kwargs",
    "params",
    "parameters",
    "input",
    "inputs",
    "options",
    "opts",
    "request",
    "payload",
    "toolinput",
    "actioninput",
    "toolargs",
    "json",
    "config",
    "operations",
    "actions",
    "requests",
];

/// What the name of an argument says, for a kind of tools.
pub(super) fn meaning(kind: ToolKind, name: &str) -> Meaning {
    let tables: &[(&[&str], Meaning)] = match kind {
        ToolKind::File => &[
            (PATHS, Meaning::Path),
            (URLS, Meaning::Url),
            (CONTENTS, Meaning::Content),
            (SIZES, Meaning::Size),
            (CONTAINERS, Meaning::Json),
            (WORDS, Meaning::Words),
        ],
        ToolKind::Api => &[
            (URLS, Meaning::Url),
            (HEADERS, Meaning::Headers),
            (&["path", "urlpath", "route", "resource"], Meaning::UrlPath),
            (
                &["filepath", "localpath", "outputpath", "savepath", "saveto"],
                Meaning::Path,
            ),
            (WORDS, Meaning::Words),
            (CONTAINERS, Meaning::Json),
        ],
        ToolKind::Database => &[
            (STATEMENTS, Meaning::Sql),
            (CONDITIONS, Meaning::Condition),
            (IDENTIFIERS, Meaning::Identifier),
            (
                &["input", "request", "kwargs", "toolinput", "actioninput"],
                Meaning::Json,
            ),
        ],
        ToolKind::Shell => &[
            (COMMANDS, Meaning::Command),
            (ARGUMENTS, Meaning::Arguments),
            (WORKING_PATHS, Meaning::Path),
            (
                &["input", "request", "kwargs", "toolinput", "actioninput"],
                Meaning::Json,
            ),
        ],
        ToolKind::Email => &[
            (RECIPIENTS, Meaning::Email),
            (LINES, Meaning::Line),
            (HEADERS, Meaning::Headers),
            (ATTACHMENTS, Meaning::Attachment),
            (CONTENTS, Meaning::Words),
            (CONTAINERS, Meaning::Json),
        ],
        ToolKind::Payment | ToolKind::Custom => return Meaning::Unknown,
    };
    let folded = folded_name(name);
    let found = tables
        .iter()
        .find(|(names, _)| names.contains(&folded.as_str()));
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
        let find = |wanted: Meaning| {
            members
                .iter()
                .find(|(name, value)| !value.is_null() && meaning(kind, name) == wanted)
        };
        let (Some((command, line)), Some((arguments, list))) =
            (find(Meaning::Command), find(Meaning::Arguments))
        else {
            return Vec::new();
        };
        if !list.is_array() && !list.is_string() {
            return Vec::new();
        }
        programs.apply_pair(line, list, pointer, findings);
        vec![command, arguments]
    }
}

fn check_url_path(text: &str) -> Result<(), Broken> {
    let odd = |symbol: char| symbol.is_whitespace() || symbol.is_control() || symbol == '\\';
    if text.contains("://") || text.starts_with("//") || text.chars().any(odd) {
        let message = format!("{} is no path of a URL; begin it with `/`", quoted(text));
        return Err(Broken::new("url_path", message));
    }
    if super::url::climbs_once_decoded(text) {
        let message = format!("{} leads up; write the path without `..`", quoted(text));
        return Err(Broken::new("url_path", message));
    }
    Ok(())
}

fn check_argument(text: &str) -> Result<(), Broken> {
    if text.chars().any(super::characters::is_unprintable) {
        let message = format!(
            "{} holds characters that cannot be seen; leave them out",
            quoted(text)
        );
        return Err(Broken::new("shell_control", message));
    }
    Ok(())
}

/// Whether a whole text is a URL.
fn looks_like_url(text: &str) -> bool {
    let text = text.trim();
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    !scheme.is_empty()
        && !rest.is_empty()
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !text.contains([' ', '\n'])
}

/// Whether a text is an absolute path, or one that leads up.
fn looks_like_path(text: &str) -> bool {
    let mut symbols = text.chars();
    let first = symbols.next().unwrap_or_default();
    let drive = first.is_ascii_alphabetic()
        && symbols.next() == Some(':')
        && matches!(symbols.next(), Some('/' | '\\'));
    let lower = text.get(..5).unwrap_or_default().to_ascii_lowercase();
    (matches!(first, '/' | '\\') && text.len() > 1)
        || text.starts_with("~/")
        || drive
        || lower == "file:"
        || (!text.contains('\n') && text.contains(['/', '\\']) && has_climbing_part(text))
        || text.contains("%2e%2e")
        || text == ".."
}
