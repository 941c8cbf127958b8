//! The verbs of each noun.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum, ValueHint};
use iron_sdk::audit::ExportFormat;

mod access;
mod approvals;
mod channels;
mod guardrails;
mod insight;
mod invoke;
mod money;
mod people;
mod periods;
mod pools;
mod provider_terms;
mod quotas;
mod reports;
mod routing;
mod runtimes;
mod settings;
mod teams;
mod tools;

pub(crate) use access::*;
pub(crate) use approvals::*;
pub(crate) use channels::*;
pub(crate) use guardrails::*;
pub(crate) use insight::*;
pub(crate) use invoke::*;
pub(crate) use money::*;
pub(crate) use people::*;
pub(crate) use periods::*;
pub(crate) use pools::*;
pub(crate) use provider_terms::*;
pub(crate) use quotas::*;
pub(crate) use reports::*;
pub(crate) use routing::*;
pub(crate) use runtimes::*;
pub(crate) use settings::*;
pub(crate) use teams::*;
pub(crate) use tools::*;

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
    /// List your sessions
    Sessions {
        #[command(flatten)]
        paging: Paging,
    },
    /// End a session at once
    EndSession {
        /// The session, by id
        session: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
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
        /// Only those of this team, by id or name
        #[arg(long)]
        team: Option<String>,
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
  iron agents create --name writer --budget 5 --period daily
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
        #[command(flatten)]
        period: PeriodArgs,
        /// The models it may use; repeat, or give none to keep them
        #[arg(long = "allow-model", value_name = "MODEL")]
        allowed_models: Vec<String>,
        /// The team whose budget and policy hold for it, by id or name; `none` for no team (admins)
        #[arg(long)]
        team: Option<String>,
        /// Its guardrail profile, by id or name; `none` for that of its team or tenant
        #[arg(long, value_name = "PROFILE")]
        guardrail_profile: Option<String>,
        #[command(flatten)]
        routing: RoutingArgs,
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
    /// Show whether it can work, and what it lacks
    #[command(after_help = "Exit code 9 means that a call of it could not be served now.")]
    Health {
        /// The agent, by id or name
        agent: String,
    },
    /// Let it spend
    Start(ActOnAgent),
    /// Hold its calls
    Pause(ActOnAgent),
    /// Let it go on
    Resume(ActOnAgent),
    /// End it
    #[command(after_help = "\
Examples:
  iron agents stop writer
  iron agents stop writer --grace-seconds 0 --reason 'it repeats itself'")]
    Stop {
        #[command(flatten)]
        act: ActOnAgent,
        /// How long calls under way may go on, 0 to 3600 [default: 30]
        #[arg(long, value_name = "SECONDS")]
        grace_seconds: Option<u32>,
    },
    /// Let it spend anew, whatever it is doing
    Restart(ActOnAgent),
    /// End it at once, without grace for its calls, and take its money back
    Kill {
        #[command(flatten)]
        act: ActOnAgent,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Show its providers; the order is the preference
    Providers {
        /// The agent, by id or name
        agent: String,
    },
    /// Replace its providers; the order is the preference
    AssignProviders {
        /// The agent, by id or name
        agent: String,
        /// The providers, by id or name
        providers: Vec<String>,
    },
    /// Take a provider from it
    RemoveProvider {
        /// The agent, by id or name
        agent: String,
        /// The provider, by id or name
        provider: String,
    },
}

/// A change of an agent's state.
#[derive(Debug, Args)]
pub(crate) struct ActOnAgent {
    /// The agent, by id or name
    pub(crate) agent: String,
    /// Why; kept in the records
    #[arg(long)]
    pub(crate) reason: Option<String>,
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
    #[command(flatten)]
    pub(crate) period: PeriodArgs,
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
    /// The team whose budget and policy hold for it, by id or name
    #[arg(long)]
    pub(crate) team: Option<String>,
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
    /// Azure OpenAI; the key, or the JSON of an application of Entra ID
    #[value(name = "azure_openai")]
    AzureOpenAi,
    /// Together AI
    Together,
    /// Hugging Face: the router, or a TGI server
    #[value(name = "huggingface")]
    HuggingFace,
    /// AI21 Studio
    Ai21,
    /// Cohere
    Cohere,
    /// Google's Gemini API
    Google,
    /// Gemini on Vertex AI; the key is the JSON of a service account
    Vertex,
    /// Amazon Bedrock; the key is `ID:SECRET`, `ID:SECRET:TOKEN` or an API key of Bedrock
    #[value(name = "bedrock", alias = "aws_bedrock")]
    Bedrock,
    /// Replicate
    Replicate,
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
            ProviderType::AzureOpenAi => Self::AzureOpenai,
            ProviderType::Together => Self::Together,
            ProviderType::HuggingFace => Self::Huggingface,
            ProviderType::Ai21 => Self::Ai21,
            ProviderType::Cohere => Self::Cohere,
            ProviderType::Google => Self::Google,
            ProviderType::Vertex => Self::Vertex,
            ProviderType::Bedrock => Self::AwsBedrock,
            ProviderType::Replicate => Self::Replicate,
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
        #[command(flatten)]
        terms: ProviderTerms,
        /// Whether everybody in the tenant may use it
        #[arg(long, value_name = "TRUE|FALSE")]
        shared: Option<bool>,
        /// Read a new key from standard input
        #[arg(long)]
        key_stdin: bool,
    },
    /// Make one small call with its key
    #[command(after_help = "Exit code 9 means that the provider did not answer as it should.")]
    Test {
        /// The provider, by id or name
        provider: String,
        /// The model to ask, if not the first one that is known
        #[arg(long)]
        model: Option<String>,
    },
    /// Show how it has done, as the server that is asked has seen it
    Health {
        /// The provider, by id or name
        provider: String,
    },
    /// List the agents that use it
    Agents {
        /// The provider, by id or name
        provider: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show what deleting it would do
    Impact {
        /// The provider, by id or name
        provider: String,
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
    #[command(flatten)]
    pub(crate) terms: ProviderTerms,
    /// Everybody in the tenant may use it, so that keys of access requests open it
    #[arg(long)]
    pub(crate) shared: bool,
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
        /// How long the old value works, 0 to 24; 0 where it has leaked [default: 24]
        #[arg(long, value_name = "HOURS")]
        grace_hours: Option<u32>,
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
    /// List your API tokens
    #[command(visible_alias = "ls")]
    List {
        /// Those of everybody (admins only)
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one token (never its value)
    Get {
        /// The token, by id
        token: String,
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

/// `iron audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List records, newest first
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        paging: Paging,
    },
    /// List what you have done yourself, newest first
    Me {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one record in full
    Get {
        /// The record, by id
        record: String,
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
    #[command(after_help = "\
Examples:
  iron audit export --data ./data ./evidence           a bundle, from the folder of a server
  iron audit export --remote records.jsonl             entries as the server lists them
  iron audit export --remote --format csv --start-date 2026-11-01 | head

A bundle can be checked with `iron audit verify --bundle`; a file of `--remote` is for reading.")]
    Export {
        #[command(flatten)]
        folder: super::DataFolder,
        /// The folder to write, which must not exist yet; with `--remote` the file, if not stdout
        #[arg(value_hint = ValueHint::AnyPath, required_unless_present = "remote")]
        to: Option<PathBuf>,
        /// Ask the server for its audit log as a file
        #[arg(long, conflicts_with = "data")]
        remote: bool,
        /// How the file is written
        #[arg(long, requires = "remote", value_parser = export_formats())]
        format: Option<ExportFormat>,
        #[command(flatten)]
        which: Which,
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

/// Which records.
#[derive(Debug, Args, Default)]
pub(crate) struct Which {
    /// Only this action, such as `agent.create`; or several, comma-separated
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Only this resource
    #[arg(long, value_name = "ID")]
    pub(crate) resource: Option<String>,
    /// Only what this user did, by id or address
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Only what this agent did, by id or name
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// From this date or instant on, such as `2026-11-01`
    #[arg(long, value_name = "DATE")]
    pub(crate) start_date: Option<String>,
    /// Up to, but not including, this date or instant
    #[arg(long, value_name = "DATE")]
    pub(crate) end_date: Option<String>,
}

impl Which {
    /// Whether nothing is left out.
    pub(crate) fn is_everything(&self) -> bool {
        let Which {
            action,
            resource,
            user,
            agent,
            start_date,
            end_date,
        } = self;
        [action, resource, user, agent, start_date, end_date]
            .iter()
            .all(|one| one.is_none())
    }
}

/// One of the words of an enum of the API, which help and completions list.
fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    word: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let words = all.iter().map(move |value| word(*value));
    PossibleValuesParser::new(words).try_map(move |given| {
        let named = all.iter().find(|value| word(**value) == given);
        named.copied().ok_or("no such word")
    })
}

fn export_formats() -> impl TypedValueParser<Value = ExportFormat> {
    one_of(ExportFormat::ALL, ExportFormat::as_str)
}
