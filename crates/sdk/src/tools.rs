//! Tools: what agents may call besides models, and how.

use std::collections::BTreeMap;

use iron_primitives::{Timestamp, ToolId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use crate::approvals::RiskLevel;
use crate::decimal::Decimal;
use crate::words::words;
use crate::{Map, SecretText, Value};

words! {
    /// What a tool works on.
    ToolKind {
        /// Files.
        File = "file",
        /// Something behind a URL.
        Api = "api",
        /// A database, in SQL.
        Database = "database",
        /// Programs on a machine.
        Shell = "shell",
        /// Mail.
        Email = "email",
        /// Money.
        Payment = "payment",
        /// Anything else.
        Custom = "custom",
    }
}

words! {
    /// What a tool needs an agent to be.
    ToolAccess {
        /// It changes nothing.
        Read = "read",
        /// It changes something.
        Write = "write",
        /// It changes what others may do.
        Admin = "admin",
    }
}

words! {
    /// What an argument of a tool is.
    ParameterKind {
        /// A path in a file system.
        Path = "path",
        /// An absolute URL.
        Url = "url",
        /// One statement of SQL.
        Sql = "sql",
        /// A command with its arguments.
        Shell = "shell",
        /// Headers of HTTP, as an object.
        Headers = "headers",
        /// Addresses of mail.
        Email = "email",
        /// A text.
        Text = "text",
    }
}

words! {
    /// By which protocol the server is to run a tool.
    ToolRunType {
        /// A request of HTTP.
        Http = "http",
        /// A statement of SQL.
        Sql = "sql",
    }
}

words! {
    /// A method of HTTP.
    HttpMethod {
        /// Reads.
        Get = "GET",
        /// Acts.
        Post = "POST",
        /// Replaces.
        Put = "PUT",
        /// Changes.
        Patch = "PATCH",
        /// Deletes.
        Delete = "DELETE",
    }
}

/// What an argument of a tool is, and what it may be. Each limit belongs to some kinds; an empty
/// list of what is allowed allows all that is not forbidden.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolParameter {
    /// Where it stands: a name, or a JSON Pointer (RFC 6901) that may hold `*` for every member.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// What it is.
    pub kind: ParameterKind,
    /// `path`: folders below which it must lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub roots: Option<Vec<String>>,
    /// `path`: folders below which it must not lie, besides those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub restricted: Option<Vec<String>>,
    /// `url`: the schemes; `https` and `http` if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub schemes: Option<Vec<String>>,
    /// `url`: globs of the hosts, with a path if they hold a `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub domains: Option<Vec<String>>,
    /// `url`: whether addresses of private networks may be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub private: Option<bool>,
    /// `url`: the ports; those that serve HTTP and no other protocol if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub ports: Option<Vec<u16>>,
    /// `sql`: the dialect: `postgres`, `mysql`, `sqlite` or `generic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 20)]
    pub dialect: Option<String>,
    /// `sql`: the kinds of statements; `select` and `insert` if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub statements: Option<Vec<String>>,
    /// `sql`: globs of the tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub tables: Option<Vec<String>>,
    /// `sql`: globs of functions that may be called besides those that are known to have no effects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub functions: Option<Vec<String>>,
    /// `sql`: whether a function that is not known is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub strict: Option<bool>,
    /// `sql`: whether values must be given apart from the statement: no literals in its conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parameters_only: Option<bool>,
    /// `sql`: the most rows that a query may ask for; 10000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub max_rows: Option<u64>,
    /// `shell`: globs of the programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub commands: Option<Vec<String>>,
    /// `headers`: names that may be set although they carry credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub allowed: Option<Vec<String>>,
    /// `email`: globs of the addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub recipients: Option<Vec<String>>,
    /// `text`: how many bytes it may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub max_bytes: Option<u64>,
}

/// How often one agent may call a tool; what is absent has no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolRateLimit {
    /// In any 60 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 1_000_000)]
    pub per_minute: Option<u32>,
    /// In any 3600 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 1_000_000)]
    pub per_hour: Option<u32>,
    /// In any 86400 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 1_000_000)]
    pub per_day: Option<u32>,
}

/// How the server is to run a tool. It is kept; callers run their tools themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolRun {
    /// What it is.
    pub r#type: ToolRunType,
    /// `http`: the method; required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub method: Option<HttpMethod>,
    /// `http`: the URL; required. A `{name}` in its path or query stands for the argument of that
    /// name; the other arguments are the query of `GET` and `DELETE`, else a JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 2000)]
    pub url: Option<String>,
    /// `http`: headers that are sent. A `{secret}` in a value stands for the secret of the tool.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub headers: BTreeMap<String, String>,
    /// How long the whole call may take; 30 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 300)]
    pub timeout_seconds: Option<u32>,
    /// `sql`: how many rows are given back; 10000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 10_000)]
    pub max_rows: Option<u32>,
}

/// A tool to be registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTool {
    /// What agents call it, unique in the tenant: `send_email`, `github/create_issue`. A `*` at the
    /// end stands for all names that begin alike.
    #[schema(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9_./:-]*[*]?$")]
    pub name: String,
    /// What it does, for people and models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 0, max_length = 2000)]
    pub description: Option<String>,
    /// What it works on; `custom` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kind: Option<ToolKind>,
    /// The JSON Schema (2020-12) of its arguments; any object if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    pub schema: Option<Map<String, Value>>,
    /// What certain arguments are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 50)]
    pub parameters: Option<Vec<ToolParameter>>,
    /// How bad the worst is that it can do; `medium` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub risk_level: Option<RiskLevel>,
    /// What it needs an agent to be; `write` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub access: Option<ToolAccess>,
    /// Whether it acts, or sends something, outside the organisation; by its kind if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub external: Option<bool>,
    /// Whether what it gives back may have been written by strangers; by its kind if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub untrusted_output: Option<bool>,
    /// The classes of data it gives access to, such as `phi`, `pci` and `personal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 50)]
    pub data_class: Option<Vec<String>>,
    /// What policies may ask for besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub attributes: Option<BTreeMap<String, String>>,
    /// How often one agent may call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rate_limit: Option<ToolRateLimit>,
    /// What one call costs in US dollars, at most 10000; nothing if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cost: Option<Decimal>,
    /// How the server is to run it. It is checked and kept; callers run their tools themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub run: Option<ToolRun>,
    /// What stands for `{secret}` in headers, or the address of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 16384, value_type = Option<String>)]
    pub secret: Option<SecretText>,
    /// Whether it is offered to anybody; true if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
}

/// A change of a tool. What is absent stays; what is there takes the place of what was, lists and
/// objects as a whole.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdateTool {
    /// What agents call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 128,
        pattern = "^[A-Za-z0-9_./:-]*[*]?$"
    )]
    pub name: Option<String>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 0, max_length = 2000)]
    pub description: Option<String>,
    /// What it works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kind: Option<ToolKind>,
    /// The JSON Schema of its arguments; null for any object.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub schema: Option<Option<Map<String, Value>>>,
    /// What certain arguments are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 50)]
    pub parameters: Option<Vec<ToolParameter>>,
    /// How bad the worst is that it can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub risk_level: Option<RiskLevel>,
    /// What it needs an agent to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub access: Option<ToolAccess>,
    /// Whether it acts outside the organisation; null for what its kind says.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    pub external: Option<Option<bool>>,
    /// Whether what it gives back may have been written by strangers; null for what its kind says.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    pub untrusted_output: Option<Option<bool>>,
    /// The classes of data it gives access to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 50)]
    pub data_class: Option<Vec<String>>,
    /// What policies may ask for besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub attributes: Option<BTreeMap<String, String>>,
    /// How often one agent may call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rate_limit: Option<ToolRateLimit>,
    /// What one call costs in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cost: Option<Decimal>,
    /// How the server is to run it, or null. It is checked and kept; callers run their tools themselves.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ToolRun>)]
    pub run: Option<Option<ToolRun>>,
    /// A new secret. It has to be sent along when `run` would send it elsewhere than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 16384, value_type = Option<String>)]
    pub secret: Option<SecretText>,
    /// Whether it is offered to anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
}

/// A tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToolView {
    /// The tool.
    pub id: ToolId,
    /// What agents call it.
    pub name: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub description: String,
    /// What it works on.
    pub kind: ToolKind,
    /// The JSON Schema of its arguments, if one is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    pub schema: Option<Value>,
    /// What certain arguments are.
    pub parameters: Vec<ToolParameter>,
    /// How bad the worst is that it can do.
    pub risk_level: RiskLevel,
    /// What it needs an agent to be.
    pub access: ToolAccess,
    /// Whether it acts, or sends something, outside the organisation.
    pub external: bool,
    /// Whether what it gives back may have been written by strangers.
    pub untrusted_output: bool,
    /// The classes of data it gives access to.
    pub data_class: Vec<String>,
    /// What policies may ask for besides.
    pub attributes: BTreeMap<String, String>,
    /// How often one agent may call it.
    pub rate_limit: ToolRateLimit,
    /// What one call costs, in US dollars.
    pub cost: Decimal,
    /// The same in millionths of a dollar.
    pub cost_micros: i64,
    /// How the server is to run it. It is kept; callers run their tools themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub run: Option<ToolRun>,
    /// Its secret, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub secret: Option<String>,
    /// Whether it is offered to anybody.
    pub enabled: bool,
    /// Whose it is.
    pub owner_id: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A tool that was removed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToolDeleted {
    /// The tool.
    pub id: ToolId,
    /// That it is.
    pub deleted: bool,
}

/// Which tools to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ToolQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `name`, `created_at` or `updated_at`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(name|created_at|updated_at)$")]
    pub sort: Option<String>,
    /// A part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 128)]
    pub name: Option<String>,
    /// One or several kinds, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^[a-z]+(, ?[a-z]+)*$", max_length = 200)]
    pub kind: Option<String>,
    /// One or several levels of risk, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^[a-z]+(, ?[a-z]+)*$", max_length = 200)]
    pub risk_level: Option<String>,
    /// Only those that are offered, or only the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}
