//! The verbs of each noun.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

/// Which page of a list.
#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Paging {
    /// Which page, from 1
    #[arg(long, default_value_t = 1)]
    pub(crate) page: u32,
    /// Rows per page, up to 100
    #[arg(long, default_value_t = 50)]
    pub(crate) per_page: u32,
}

/// `iron auth`.
#[derive(Debug, Subcommand)]
pub(crate) enum Auth {
    /// Show the session in use
    Status,
    /// Change your password (asks, or reads both from standard input, one a line)
    Password {
        /// Read the present and the new password from standard input
        #[arg(long)]
        stdin: bool,
    },
}

/// `iron agents`.
#[derive(Debug, Subcommand)]
pub(crate) enum Agents {
    /// List agents
    #[command(visible_alias = "ls")]
    List {
        /// Only those whose name contains this
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one agent
    Get {
        /// The agent, by id or name
        agent: String,
    },
    /// Create an agent
    #[command(after_help = "\
Examples:
  iron agents create --name writer --budget 5
  iron agents create --name writer --budget 5 --provider ip_… --token")]
    Create(CreateAgent),
    /// Change an agent
    Update {
        /// The agent, by id or name
        agent: String,
        /// The new name
        #[arg(long)]
        name: Option<String>,
        /// The new description
        #[arg(long)]
        description: Option<String>,
        /// The new budget in dollars (admins only)
        #[arg(long, value_name = "DOLLARS")]
        budget: Option<String>,
        /// The models it may use; repeat, or give none to keep them
        #[arg(long = "allow-model", value_name = "MODEL")]
        allowed_models: Vec<String>,
    },
    /// Delete an agent; its records stay
    #[command(visible_alias = "rm")]
    Delete {
        /// The agent, by id or name
        agent: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Show budget and use
    Status {
        /// The agent, by id or name
        agent: String,
    },
    /// Let it spend
    Start {
        /// The agent, by id or name
        agent: String,
    },
    /// Hold its calls
    Pause {
        /// The agent, by id or name
        agent: String,
    },
    /// Let it go on
    Resume {
        /// The agent, by id or name
        agent: String,
    },
    /// End it
    Stop {
        /// The agent, by id or name
        agent: String,
    },
    /// End it at once and take its money back
    Kill {
        /// The agent, by id or name
        agent: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Replace its providers; the order is the preference
    AssignProviders {
        /// The agent, by id or name
        agent: String,
        /// Ids of providers
        providers: Vec<String>,
    },
}

/// `iron agents create`.
#[derive(Debug, Args)]
pub(crate) struct CreateAgent {
    /// Its name, unique in the project
    #[arg(long)]
    pub(crate) name: String,
    /// Its budget in dollars
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) budget: String,
    /// What it is for
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// A provider it may use; repeat, the order is the preference
    #[arg(long = "provider", value_name = "ID")]
    pub(crate) providers: Vec<String>,
    /// A tag; repeat
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// A model it may use; repeat; none means all
    #[arg(long = "allow-model", value_name = "MODEL")]
    pub(crate) allowed_models: Vec<String>,
    /// The project, if not the default one
    #[arg(long, value_name = "ID")]
    pub(crate) project: Option<String>,
    /// Also create an IC token and print it once
    #[arg(long)]
    pub(crate) token: bool,
}

/// What kind of provider it is.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum ProviderType {
    /// OpenAI
    #[value(name = "openai")]
    OpenAi,
    /// Anthropic
    Anthropic,
    /// Any OpenAI-compatible URL: vLLM, llama.cpp, Ollama
    Local,
    /// Built in, for trying things
    Simulated,
}

impl From<ProviderType> for iron_sdk::providers::ProviderType {
    fn from(kind: ProviderType) -> Self {
        match kind {
            ProviderType::OpenAi => Self::Openai,
            ProviderType::Anthropic => Self::Anthropic,
            ProviderType::Local => Self::Local,
            ProviderType::Simulated => Self::Simulated,
        }
    }
}

/// `iron providers`.
#[derive(Debug, Subcommand)]
pub(crate) enum Providers {
    /// List providers
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one provider
    Get {
        /// The provider, by id or name
        provider: String,
    },
    /// Add a provider; the key is asked for, or read from standard input
    #[command(after_help = "\
Examples:
  printf %s \"$OPENAI_API_KEY\" | iron providers create --name openai --type openai --key-stdin
  iron providers create --name ollama --type local --base-url http://127.0.0.1:11434/v1 --model llama3.2")]
    Create(CreateProvider),
    /// Change a provider
    Update {
        /// The provider, by id or name
        provider: String,
        /// The new name
        #[arg(long)]
        name: Option<String>,
        /// The new URL
        #[arg(long, value_hint = ValueHint::Url)]
        base_url: Option<String>,
        /// Read a new key from standard input
        #[arg(long)]
        key_stdin: bool,
    },
    /// Delete a provider
    #[command(visible_alias = "rm")]
    Delete {
        /// The provider, by id or name
        provider: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}

/// `iron providers create`.
#[derive(Debug, Args)]
pub(crate) struct CreateProvider {
    /// Its name
    #[arg(long)]
    pub(crate) name: String,
    /// Which kind
    #[arg(long = "type", value_enum)]
    pub(crate) kind: ProviderType,
    /// Where it is, if not at its usual place
    #[arg(long, value_hint = ValueHint::Url)]
    pub(crate) base_url: Option<String>,
    /// The organization header of OpenAI
    #[arg(long)]
    pub(crate) organization: Option<String>,
    /// A model it serves; repeat; none means that the price book knows
    #[arg(long = "model", value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// Read the key from standard input
    #[arg(long)]
    pub(crate) key_stdin: bool,
}

/// `iron tokens`.
#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// List IC tokens
    #[command(visible_alias = "ls")]
    List {
        /// Only those of this agent
        #[arg(long)]
        agent: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one token (never its value)
    Get {
        /// The token, by id
        token: String,
    },
    /// Create an agent's token and print it once
    Create {
        /// The agent, by id or name
        agent: String,
    },
    /// Replace the value; the old one works for another 24 hours
    Rotate {
        /// The token, by id
        token: String,
    },
    /// Revoke a token at once
    #[command(visible_alias = "rm")]
    Delete {
        /// The token, by id
        token: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}

/// `iron api-tokens`.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiTokens {
    /// List API tokens
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Create a token and print it once
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// When it ends, such as `2027-01-31T00:00:00Z`; never, if not given
        #[arg(long, value_name = "INSTANT")]
        expires_at: Option<String>,
    },
    /// Revoke a token at once
    #[command(visible_alias = "rm")]
    Revoke {
        /// The token, by id
        token: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}

/// Whose budget it is.
#[derive(Debug, Args, Clone)]
#[group(id = "whose", required = true, multiple = false)]
pub(crate) struct Whose {
    /// An agent, by id or name
    pub(crate) agent: Option<String>,
    /// A project, by id or name
    #[arg(long, value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// A user, by id or address
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
}

/// `iron limits`.
#[derive(Debug, Subcommand)]
pub(crate) enum Limits {
    /// List the budgets of agents
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show the budget of an agent, a project or a user
    #[command(after_help = "\
Examples:
  iron limits get writer
  iron limits get --project Default
  iron limits get --user ada@example.com")]
    Get {
        #[command(flatten)]
        whose: Whose,
    },
    /// Set the budget of an agent, a project or a user; asks before lowering or first limiting it
    #[command(after_help = "\
Examples:
  iron limits set writer --budget 25.00
  iron limits set writer --budget 5 --period daily
  iron limits set --project Default --budget 100 --period monthly
  iron limits set --user ada@example.com --budget 20 --reason 'a quiet month'

A call needs room in every budget on its agent's path: agent, user, project, tenant.")]
    Set {
        #[command(flatten)]
        whose: Whose,
        /// Dollars, with at most two decimals
        #[arg(long, value_name = "DOLLARS")]
        budget: String,
        /// When it begins anew: none, daily, weekly or monthly
        #[arg(long)]
        period: Option<String>,
        /// Why; kept in the history
        #[arg(long)]
        reason: Option<String>,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Show how the budget of an agent was changed
    History {
        /// The agent, by id or name
        agent: String,
        #[command(flatten)]
        paging: Paging,
    },
}

/// `iron models`.
#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// List models and prices
    #[command(visible_alias = "ls")]
    List {
        /// Only those whose name contains this
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show or set the price of a model
    Price {
        /// The model's name
        model: String,
        /// Of which kind of provider; needed where several serve it, or none yet
        #[arg(long = "type", value_enum)]
        kind: Option<ProviderType>,
        /// Dollars per million input tokens; with this, the price is set
        #[arg(long, value_name = "DOLLARS")]
        input: Option<String>,
        /// Dollars per million output tokens
        #[arg(long, value_name = "DOLLARS", requires = "input")]
        output: Option<String>,
        /// Dollars per million input tokens read from a cache
        #[arg(long, value_name = "DOLLARS", requires = "input")]
        cached: Option<String>,
    },
    /// Import prices from a file in LiteLLM's JSON format
    Import {
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}

/// `iron audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List records, newest first
    #[command(visible_alias = "ls")]
    List {
        /// Only this action, such as `agent.create`
        #[arg(long)]
        action: Option<String>,
        /// Only this resource
        #[arg(long, value_name = "ID")]
        resource: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Check that no record was changed, removed or cut off
    #[command(after_help = "\
Examples:
  iron audit verify --data ./data            the folder of a server, running or not
  iron audit verify --bundle ./evidence      an exported bundle, with no secret needed
  iron audit verify --remote                 ask the server to check itself

Exit code 9 means that the records were tampered with or damaged.")]
    Verify {
        #[command(flatten)]
        folder: super::DataFolder,
        /// Check an exported bundle, a folder
        #[arg(long, value_hint = ValueHint::DirPath, conflicts_with = "data")]
        bundle: Option<PathBuf>,
        /// Trust this key, 64 hexadecimal digits, not the one that lies beside the records
        #[arg(long, value_name = "HEX")]
        public_key: Option<String>,
        /// A file whose last line is a checkpoint that was kept elsewhere: nothing older passes
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        known: Option<PathBuf>,
        /// Ask the server
        #[arg(long, conflicts_with_all = ["data", "bundle"])]
        remote: bool,
    },
    /// Write records, checkpoints and the public key into a bundle that anyone can check
    Export {
        #[command(flatten)]
        folder: super::DataFolder,
        /// The folder to write, which must not exist yet
        #[arg(value_hint = ValueHint::DirPath)]
        to: PathBuf,
    },
    /// Give up what is damaged in a journal, so that the server starts again
    #[command(after_help = "\
The server must be stopped. Only places that cannot be read are given up: the bytes stay where
they are, what was lost is signed and told by every later check, and everything else is kept.
Restore the folder from a backup instead if there is one. Where the lost part may have been
about money, the money of that process stays in suspense until it is released.")]
    Repair {
        #[command(flatten)]
        folder: super::DataFolder,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}

/// `iron config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Show every setting and where it comes from
    Show,
    /// Show one setting, its meaning, and everywhere it is set
    Explain {
        /// Its name, such as `listen`
        key: String,
    },
    /// Check all sources
    Validate,
}
