//! `iron tools` and `iron policies`.

use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::{Subcommand, ValueHint};
use iron_sdk::policies::PolicyScope;

use super::{Invoke, OfAgent};
use super::{Paging, one_of};

fn scopes() -> impl TypedValueParser<Value = PolicyScope> {
    one_of(PolicyScope::ALL, PolicyScope::as_str)
}

/// `iron tools`.
#[derive(Debug, Subcommand)]
pub(crate) enum Tools {
    /// List tools
    #[command(visible_alias = "ls")]
    List {
        /// A part of the name
        #[arg(long)]
        name: Option<String>,
        /// One or several of file, api, database, shell, email, payment and custom, comma-separated
        #[arg(long)]
        kind: Option<String>,
        /// One or several of low, medium, high and critical, comma-separated
        #[arg(long)]
        risk: Option<String>,
        /// Only those that are offered, or with `false` only the others
        #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
        enabled: Option<bool>,
        #[command(flatten)]
        paging: Paging,
    },
    /// List calls of tools that were decided, the newest first
    Calls {
        /// By this agent, by id or name
        #[arg(long)]
        agent: Option<String>,
        /// Of this tool, by the name that agents use
        #[arg(long)]
        tool: Option<String>,
        /// allow, deny, approval_required or unknown
        #[arg(long)]
        decision: Option<String>,
        /// In this conversation
        #[arg(long)]
        conversation: Option<String>,
        /// From this date or timestamp on
        #[arg(long)]
        from: Option<String>,
        /// Up to, but not including, this date or timestamp
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// List the tools that an agent may call
    Available(OfAgent),
    /// Call a tool that the server runs, as an agent
    #[command(after_help = "\
Example:
  IRON_CAGE_TOKEN=… iron tools invoke crm/find --arguments '{\"q\": \"ada\"}'

Ends with 0 if the tool did what it was asked for, with 4 if the call was denied, with 5 if there is no
such tool, with 6 if the call waits for people, with 1 if the tool has failed.")]
    Invoke(Box<Invoke>),
    /// Show a tool
    Get {
        /// The tool, by id or name
        tool: String,
    },
    /// Register a tool, or all tools of a file
    #[command(after_help = "\
Example of a file, YAML or JSON; several tools stand in a list:
  name: send_email
  kind: email                   # file, api, database, shell, email, payment, custom
  risk_level: high              # low, medium, high, critical
  access: write                 # read, write, admin
  schema: {type: object, required: [to], properties: {to: {type: string}}}
  parameters: [{name: to, kind: email, recipients: ['*@example.com']}]
  rate_limit: {per_minute: 10, per_day: 200}
  cost: '0.01'                  # dollars a call
  run: {type: http, method: POST, url: 'https://mail.example.com/v1/send',
        headers: {Authorization: 'Bearer {secret}'}}

Agents run their tools themselves, once they have been allowed to; with `run` the server does.")]
    Create {
        /// The file; `-` for standard input
        #[arg(long, value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// A file with the secret, if there is one tool; `-` for standard input
        #[arg(long, value_hint = ValueHint::FilePath)]
        secret_file: Option<PathBuf>,
    },
    /// Change a tool; fields that the file does not name stay
    Update {
        /// The tool, by id or name
        tool: String,
        /// The file with its fields, YAML or JSON; `-` for standard input
        #[arg(long, value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// A file with a new secret; `-` for standard input
        #[arg(long, value_hint = ValueHint::FilePath)]
        secret_file: Option<PathBuf>,
        /// Whether it is offered to anybody
        #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
        enabled: Option<bool>,
    },
    /// Remove a tool with its secret
    Delete {
        /// The tool, by id or name
        tool: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}

/// `iron policies`.
#[derive(Debug, Subcommand)]
pub(crate) enum Policies {
    /// List policies
    #[command(visible_alias = "ls")]
    List {
        /// Those that are built in, instead of those of the tenant
        #[arg(long)]
        built_in: bool,
        /// A part of the name
        #[arg(long)]
        name: Option<String>,
        /// One or several of tool, model, data and network, comma-separated
        #[arg(long)]
        kind: Option<String>,
        /// One or several of allow, require_approval and deny, comma-separated
        #[arg(long)]
        effect: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a policy
    Get {
        /// The policy, by id or name
        policy: String,
    },
    /// Store a policy, or all policies of a file
    #[command(after_help = "\
Example of a file, YAML or JSON; several policies stand in a list:
  name: mail outside needs a person
  effect: require_approval      # allow, require_approval, deny
  match: {tools: ['send_*'], recipients: ['*']}
  conditions: {hours: '18:00-08:00', timezone: Europe/Berlin}
  approval: {approvers: ['role:operator'], timeout_seconds: 600}
  examples:
    match: [{tool: send_email, at: '2026-03-02T22:00:00Z',
             resources: {recipients: [ada@example.org]}}]

`iron policies check` tries a file without a server.")]
    Create {
        /// The file; `-` for standard input
        #[arg(long, value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// For which agents they hold, if the file does not say [default: tenant]
        #[arg(long, value_parser = scopes())]
        scope: Option<PolicyScope>,
    },
    /// Change a policy; fields that the file does not name stay
    Update {
        /// The policy, by id or name
        policy: String,
        /// The file with its fields, YAML or JSON; `-` for standard input
        #[arg(long, value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// For which agents it holds
        #[arg(long, value_parser = scopes())]
        scope: Option<PolicyScope>,
    },
    /// Delete a policy that no agent names
    Delete {
        /// The policy, by id or name
        policy: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Switch a policy on, one of the tenant or one that is built in
    Enable {
        /// The policy, by id or name
        policy: String,
    },
    /// Switch a policy off
    Disable {
        /// The policy, by id or name
        policy: String,
    },
    /// Show what a policy has said
    Versions {
        /// The policy, by id or name
        policy: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show what is different between two versions
    Diff {
        /// The policy, by id or name
        policy: String,
        /// The earlier version [default: the one before]
        #[arg(long)]
        from: Option<i64>,
        /// The later version [default: the present one]
        #[arg(long)]
        to: Option<i64>,
    },
    /// Make a policy say again what it said
    Rollback {
        /// The policy, by id or name
        policy: String,
        /// The version
        #[arg(long)]
        to: i64,
    },
    /// Show what policies of a file would change, at calls of another one. Nothing is stored
    #[command(after_help = "\
Example of a file of calls:
  - {tool: send_email, arguments: {to: ada@example.org}, agent: clerk, role: read_write}
  - {tool: query, arguments: {sql: 'delete from users'}, at: '2026-03-02T22:00:00Z'}")]
    Simulate {
        /// The file of policies; each takes the place of the one of its name
        #[arg(long, value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// A policy that is left out; may be repeated
        #[arg(long, value_name = "NAME")]
        without: Vec<String>,
        /// The file of calls, YAML or JSON
        #[arg(long, value_hint = ValueHint::FilePath, required_unless_present = "recent")]
        calls: Option<PathBuf>,
        /// Try the latest real calls instead, up to this many
        #[arg(long, value_name = "COUNT", conflicts_with = "calls",
            value_parser = clap::value_parser!(u32).range(1..=1000))]
        recent: Option<u32>,
        /// Of real calls those of this agent only, by name or id
        #[arg(long, requires = "recent")]
        agent: Option<String>,
    },
    /// Try the policies of a file at their examples, without a server
    #[command(after_help = "\
Exit code 9 means that a policy cannot be used, or that an example does not hold.")]
    Check {
        /// The file of policies, YAML or JSON; `-` for standard input
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// A file of tools that the examples call
        #[arg(long, value_hint = ValueHint::FilePath)]
        tools: Option<PathBuf>,
    },
}
