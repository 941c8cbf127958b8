//! The command line: nouns, verbs, flags.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};

#[cfg(test)]
mod hostile;
mod nouns;

pub(crate) use nouns::*;

const EXAMPLES: &str = "\
Examples:
  iron up                                     a server, a demo agent and a token, in one go
  iron serve --data ./data                    the server for unattended use
  iron login                                  sign in to a server
  iron agents create --name writer --budget 5 --token
  iron audit verify --data ./data             check every record, offline

Exit codes:
  0 ok · 1 error · 2 usage · 3 not signed in · 4 forbidden · 5 not found · 6 conflict
  7 limit · 8 unreachable or timed out · 9 a check found problems · 130 interrupted";

/// Put AI agents into production with hard guarantees: every call authenticated, limited,
/// held, settled and recorded.
#[derive(Debug, Parser)]
#[command(name = "iron", version = crate::build::LINE, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The server to talk to [setting: server]
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) server: Option<String>,
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print data only, no remarks
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Print no colours (also: `NO_COLOR=1`)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Never ask; fail where a question would be needed
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
}

/// The nouns.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a server with a demo agent, a token and a simulated model
    Up(Up),
    /// Stop the server that `iron up --detach` started
    Down(DataFolder),
    /// Run the server until it is told to stop
    Serve(Serve),
    /// Run a router: serve agents elsewhere, with leases from a server
    Router(Router),
    /// Show whether the server is well and who is signed in
    Status,
    /// Check this machine, the configuration, the server and the providers
    #[command(after_help = "Exit code 9 means that problems were found; each says what to do.")]
    Doctor(DataFolder),
    /// Sign in
    Login(Login),
    /// Sign out and forget the session
    Logout {
        /// End all sessions of the user, not only this one
        #[arg(long)]
        all: bool,
    },
    /// Change the password or look at the session
    #[command(subcommand)]
    Auth(Auth),
    /// Users: who may sign in, and what they may do
    #[command(subcommand, visible_alias = "user")]
    Users(Users),
    /// Tenants: whose users, agents and records are apart (platform admins)
    #[command(subcommand, visible_alias = "tenant")]
    Tenants(Tenants),
    /// Projects: what agents are grouped by
    #[command(subcommand, visible_alias = "project")]
    Projects(Projects),
    /// Teams: people whose agents share a budget and a policy
    #[command(subcommand, visible_alias = "team")]
    Teams(Teams),
    /// Agents: who may spend
    #[command(subcommand, visible_alias = "agent")]
    Agents(Agents),
    /// Providers: where calls go
    #[command(subcommand, visible_alias = "provider")]
    Providers(Providers),
    /// IC tokens: what agents sign in with
    #[command(subcommand, visible_alias = "token")]
    Tokens(Tokens),
    /// API tokens: what programs of users sign in with
    #[command(subcommand, name = "api-tokens", visible_alias = "api-token")]
    ApiTokens(ApiTokens),
    /// Budgets of agents, projects, teams and users
    #[command(subcommand, visible_alias = "limit")]
    Limits(Limits),
    /// Pools: budgets that agents share, with priorities and shares
    #[command(subcommand, visible_alias = "pool")]
    Pools(Pools),
    /// Budget requests: asking for a higher budget, and deciding
    #[command(subcommand, name = "budget-requests", visible_alias = "budget-request")]
    BudgetRequests(BudgetRequests),
    /// Leases: money in the hands of instances
    #[command(subcommand, visible_alias = "lease")]
    Leases(Leases),
    /// What spending will come to: projection, anomalies, what-if; invoices against records
    #[command(subcommand)]
    Analytics(Analytics),
    /// Approvals: tool calls that people decide about
    #[command(subcommand)]
    Approvals(Approvals),
    /// Access: asking for a key of your own, and deciding
    #[command(subcommand)]
    Access(Access),
    /// Notification channels: mail, Slack and webhooks by which people are told
    #[command(subcommand, visible_alias = "channel")]
    Channels(Channels),
    /// Guardrails: what is looked for in texts, and what would become of one
    #[command(subcommand, visible_alias = "guardrail")]
    Guardrails(Guardrails),
    /// Violations: what guardrails found in calls
    #[command(subcommand, visible_alias = "violation")]
    Violations(Violations),
    /// Tools: what agents may call besides models
    #[command(subcommand, visible_alias = "tool")]
    Tools(Tools),
    /// Policies: what agents may call, with what, when, and who is asked
    #[command(subcommand, visible_alias = "policy")]
    Policies(Policies),
    /// Runtimes: routers that may serve this tenant's agents elsewhere
    #[command(subcommand, visible_alias = "runtime")]
    Runtimes(Runtimes),
    /// Models and prices
    #[command(subcommand, visible_alias = "model")]
    Models(Models),
    /// Records of every call and every change
    #[command(subcommand)]
    Audit(Audit),
    /// What may be changed while everything runs, for you, a team, a project, the tenant
    #[command(subcommand, visible_alias = "setting")]
    Settings(Settings),
    /// This program's configuration, and the one that the server keeps
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Where the server keeps its things.
#[derive(Debug, Args)]
pub(crate) struct DataFolder {
    /// The data folder [setting: data]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
}

/// `iron serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  iron serve --data /var/lib/iron --listen 0.0.0.0:4766
  IRON_ADMIN_EMAIL=ops@example.com IRON_ADMIN_PASSWORD=… iron serve --data ./data
  iron serve --database-url postgres://iron@db/iron --data ./data

The data folder also holds the master key: keep it, and keep it private.
SIGTERM lets calls under way finish (setting: drain_seconds).")]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) folder: DataFolder,
    /// Where to listen, `HOST:PORT` [setting: listen]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// A PostgreSQL instead of the embedded database [setting: database_url]
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// `strict` or `relaxed` [setting: durability]
    #[arg(long, value_name = "WORD")]
    pub(crate) durability: Option<String>,
}

/// `iron up`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  iron up                       in the foreground, following calls; Ctrl-C stops it
  iron up --detach              in the background; `iron down` stops it
  OPENAI_API_KEY=… iron up      with a real provider beside the simulated one

Calls under way finish before it ends: with 130 after Ctrl-C, with 0 after SIGTERM.")]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) folder: DataFolder,
    /// Where to listen, `HOST:PORT` [setting: listen]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Leave the server running in the background
    #[arg(long, short)]
    pub(crate) detach: bool,
}

/// `iron login`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  iron login --email ada@example.com
  printf %s \"$PASSWORD\" | iron login --email ada@example.com --password-stdin")]
pub(crate) struct Login {
    /// Your address
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// The tenant, where the server has several
    #[arg(long, value_name = "SLUG")]
    pub(crate) tenant: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}
