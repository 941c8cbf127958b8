//! What the arguments of one call name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the arguments of one call name, each once, in its plain form: the form that policies are
/// written for and that checking it again does not change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Paths, with `/` between their parts and without `.` and `..`. Absolute where a root is
    /// declared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// What is called over the network.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<Url>,
    /// Statements of SQL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
    /// Programs: by their names where they lie in a folder of the system, else by their paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Addresses of mail, in lower case, without the names of people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
}

impl Resources {
    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Resources::default()
    }
}

/// An address of the web, without what does not say where it leads: query and fragment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Url {
    /// The scheme, in lower case.
    pub scheme: String,
    /// The host, in lower case and as ASCII: a name without its closing dot, or an address.
    pub host: String,
    /// The port, if it is not the one of the scheme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The path, which begins with `/`.
    pub path: String,
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

/// One thing that a text of SQL does. A statement that holds others, as `with … as (delete …)`,
/// gives one for each.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Statement {
    /// What it does, in lower case: `select`, `insert`, `update`, `delete`, `drop`.
    pub kind: String,
    /// The tables that it reads or changes, in lower case, with their schema if it is written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
}
