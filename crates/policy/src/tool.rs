//! What is declared of a tool.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A tool, as its owner has declared it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// What agents call it, 1 to 128 characters: `send_email`, `github/create_issue`. A `*` at the
    /// end stands for all names that begin alike.
    pub name: String,
    /// What it does, for people and models.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it works on. Decides what is found out about its arguments where nothing is declared.
    #[serde(default)]
    pub kind: ToolKind,
    /// The JSON Schema (2020-12) of its arguments; any object if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// What certain arguments are. Those not named here are taken for what their names say, for the
    /// kinds of tools that are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// How bad the worst is that it can do.
    #[serde(default)]
    pub risk_level: RiskLevel,
    /// Which role it needs.
    #[serde(default)]
    pub access: Access,
    /// Whether it acts, or sends something, outside the organisation. By default as its kind does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<bool>,
    /// Whether what it gives back may have been written by strangers. By default as its kind does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untrusted_output: Option<bool>,
    /// The classes of data it gives access to: `phi`, `pci`, `personal`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_class: Vec<String>,
    /// What policies may ask for besides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl Tool {
    /// A tool of which nothing is declared but its name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Whether it acts, or sends something, outside the organisation.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.external.unwrap_or(match self.kind {
            ToolKind::Email | ToolKind::Payment => true,
            ToolKind::Api => self.access != Access::Read,
            ToolKind::File | ToolKind::Database | ToolKind::Shell | ToolKind::Custom => false,
        })
    }

    /// Whether what it gives back may have been written by strangers.
    #[must_use]
    pub fn has_untrusted_output(&self) -> bool {
        self.untrusted_output.unwrap_or(match self.kind {
            ToolKind::Api | ToolKind::Email | ToolKind::Custom => true,
            ToolKind::File | ToolKind::Database | ToolKind::Shell | ToolKind::Payment => false,
        })
    }
}

/// What a tool works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// Files.
    File,
    /// Something behind a URL.
    Api,
    /// A database, in SQL.
    Database,
    /// Programs on a machine.
    Shell,
    /// Mail.
    Email,
    /// Money.
    Payment,
    /// Anything else.
    #[default]
    Custom,
}

impl ToolKind {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Api => "api",
            Self::Database => "database",
            Self::Shell => "shell",
            Self::Email => "email",
            Self::Payment => "payment",
            Self::Custom => "custom",
        }
    }
}

/// How bad the worst is that a tool can do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum RiskLevel {
    /// Nothing that anybody would notice.
    Low,
    /// What can be undone.
    #[default]
    Medium,
    /// What cannot be undone.
    High,
    /// What ends up in the news.
    Critical,
}

impl RiskLevel {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What a tool needs an agent to be.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It changes nothing.
    Read,
    /// It changes something.
    #[default]
    Write,
    /// It changes what others may do.
    Admin,
}

impl Access {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// What one argument of a tool is, and what it may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Where it stands: a name, or a JSON Pointer (RFC 6901) that may hold `*` for every member.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub kind: ParameterKind,
}

/// What an argument is. An empty list of what is allowed allows all that is not forbidden.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ParameterKind {
    /// A path in a file system, absolute or below the first of the roots.
    Path {
        /// Folders below which it must lie.
        #[serde(default)]
        roots: Vec<String>,
        /// Folders below which it must not lie, besides those of the system.
        #[serde(default)]
        restricted: Vec<String>,
    },
    /// An absolute URL.
    Url {
        /// The schemes; `https` and `http` if none is named.
        #[serde(default)]
        schemes: Vec<String>,
        /// Globs of the hosts, with a path if they hold a `/`: `*.example.com`,
        /// `api.openai.com/v1/*`.
        #[serde(default)]
        domains: Vec<String>,
        /// Whether addresses of private networks may be named.
        #[serde(default)]
        private: bool,
        /// The ports; those that serve HTTP and no other protocol if none is named.
        #[serde(default)]
        ports: Vec<u16>,
    },
    /// One statement of SQL.
    Sql {
        /// The dialect: `postgres`, `mysql`, `sqlite`, or what all of them read.
        #[serde(default)]
        dialect: Option<String>,
        /// The kinds of statements; `select` and `insert` if none is named.
        #[serde(default)]
        statements: Vec<String>,
        /// Globs of the tables.
        #[serde(default)]
        tables: Vec<String>,
        /// The most rows that a query may ask for; 10 000 if it is not said.
        #[serde(default)]
        max_rows: Option<u64>,
        /// Globs of functions that may be called besides those that are known to have no effects. One
        /// that is known to have effects must be named in full.
        #[serde(default)]
        functions: Vec<String>,
        /// Whether a function that is not known is refused.
        #[serde(default)]
        strict: bool,
        /// Whether values must be given apart from the statement: no literals in its conditions.
        #[serde(default)]
        parameters_only: bool,
    },
    /// A command with its arguments, as a list or as one line.
    Shell {
        /// Globs of the programs. One that runs other programs must be named in full, and so must an
        /// option that does, behind its program: `sh`, `find -exec`.
        #[serde(default)]
        commands: Vec<String>,
    },
    /// Headers of HTTP, as an object.
    Headers {
        /// Names that may be set although they carry credentials.
        #[serde(default)]
        allowed: Vec<String>,
    },
    /// An address of mail, several in a list, or several in one text.
    Email {
        /// Globs of the addresses.
        #[serde(default)]
        recipients: Vec<String>,
    },
    /// A text.
    Text {
        /// How many bytes it may have.
        #[serde(default)]
        max_bytes: Option<u64>,
    },
}
