//! `iron channels`.

use clap::builder::TypedValueParser;
use clap::{Args, Subcommand, ValueHint};
use iron_primitives::{AgentId, TeamId};
use iron_sdk::notifications::{ChannelKind, MailSecurity};

use super::{Paging, one_of};

fn kinds() -> impl TypedValueParser<Value = ChannelKind> {
    one_of(ChannelKind::ALL, ChannelKind::as_str)
}

fn securities() -> impl TypedValueParser<Value = MailSecurity> {
    one_of(MailSecurity::ALL, MailSecurity::as_str)
}

/// Whose news a channel tells.
#[derive(Debug, Args)]
pub(crate) struct About {
    /// Only news of this agent, by id; can be given several times
    #[arg(long = "agent", value_name = "AGENT_ID")]
    pub(crate) agents: Vec<AgentId>,
    /// Only news of this team and its agents, by id; can be given several times
    #[arg(long = "team", value_name = "TEAM_ID")]
    pub(crate) teams: Vec<TeamId>,
}

/// Where a channel leads.
#[derive(Debug, Args)]
pub(crate) struct Way {
    /// For slack and webhook: where to send it
    #[arg(long, value_hint = ValueHint::Url, conflicts_with = "url_stdin")]
    pub(crate) url: Option<String>,
    /// Read the URL from standard input: that of Slack is a secret
    #[arg(long, conflicts_with = "password_stdin")]
    pub(crate) url_stdin: bool,
    /// For email: the mail server
    #[arg(long, value_hint = ValueHint::Hostname)]
    pub(crate) host: Option<String>,
    /// Its port [default: 465 with tls, 587 with starttls, 25 with none]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// How the connection to it is protected [default: starttls]
    #[arg(long, value_parser = securities())]
    pub(crate) security: Option<MailSecurity>,
    /// As whom to sign in there
    #[arg(long)]
    pub(crate) username: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Who writes
    #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::EmailAddress)]
    pub(crate) from: Option<String>,
    /// To whom; can be given several times
    #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::EmailAddress)]
    pub(crate) to: Vec<String>,
    /// For slack: read from standard input with what the app there signs what people press
    #[arg(long, conflicts_with_all = ["url_stdin", "password_stdin"])]
    pub(crate) slack_secret_stdin: bool,
    /// For slack: who decides there about tool calls, as `MEMBER_ID=ADDRESS`; without the address
    /// nobody any more; can be given several times
    #[arg(long = "slack-person", value_name = "MEMBER_ID=ADDRESS")]
    pub(crate) slack_people: Vec<String>,
}

/// `iron channels`.
#[derive(Debug, Subcommand)]
pub(crate) enum Channels {
    /// List notification channels
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a channel
    Get {
        /// The channel, by id or name
        channel: String,
    },
    /// Make a channel; a webhook's signing secret is shown this once
    #[command(after_help = "\
Examples:
  printf %s \"$SLACK_URL\" | iron channels create --name ops --kind slack --url-stdin
  iron channels create --name hook --kind webhook --url https://example.com/hook --events budget.exceeded
  printf %s \"$PASSWORD\" | iron channels create --name mail --kind email --host smtp.example.com \\
      --username iron --password-stdin --from iron@example.com --to ops@example.com
  iron channels test ops

Events: agent.started, agent.paused, agent.resumed, agent.stopped, error.threshold_breached,
budget.warning, budget.exceeded, budget.runaway, safety.violation, budget_request.created,
budget_request.decided, access.requested, access.decided, access.expiring, approval.requested,
approval.decided, api.deprecated; all, if none are named.")]
    Create {
        /// What to call it
        #[arg(long)]
        name: String,
        /// How it tells people
        #[arg(long, value_parser = kinds())]
        kind: ChannelKind,
        /// What is told through it, comma-separated
        #[arg(long, value_delimiter = ',')]
        events: Vec<String>,
        #[command(flatten)]
        about: About,
        #[command(flatten)]
        way: Way,
    },
    /// Change a channel
    Update {
        /// The channel, by id or name
        channel: String,
        /// Another name
        #[arg(long)]
        name: Option<String>,
        /// What is told through it, comma-separated
        #[arg(long, value_delimiter = ',')]
        events: Vec<String>,
        /// Whether anything is
        #[arg(long)]
        enabled: Option<bool>,
        #[command(flatten)]
        about: About,
        /// News of all agents and teams again
        #[arg(long, conflicts_with_all = ["agents", "teams"])]
        all: bool,
        #[command(flatten)]
        way: Way,
    },
    /// Delete a channel, with what is on its way through it
    Delete {
        /// The channel, by id or name
        channel: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Send a test through a channel; exit code 9 if it does not arrive
    Test {
        /// The channel, by id or name
        channel: String,
    },
    /// Give a webhook a new signing secret; the former one is used no more
    RotateSecret {
        /// The channel, by id or name
        channel: String,
    },
    /// List what was told through a channel, the newest first
    Deliveries {
        /// The channel, by id or name
        channel: String,
        /// One or several of pending, delivered and dead, comma-separated
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Send a dead delivery again
    Retry {
        /// The delivery, by id
        delivery: String,
    },
}
