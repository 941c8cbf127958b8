//! `iron guardrails` and `iron violations`.

use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::{Args, Subcommand, ValueHint};
use iron_sdk::guardrails::{GuardrailChannel, GuardrailDirection};

use super::{Paging, one_of};

fn directions() -> impl TypedValueParser<Value = GuardrailDirection> {
    one_of(GuardrailDirection::ALL, GuardrailDirection::as_str)
}

fn channels() -> impl TypedValueParser<Value = GuardrailChannel> {
    one_of(GuardrailChannel::ALL, GuardrailChannel::as_str)
}

/// `iron guardrails`.
#[derive(Debug, Subcommand)]
pub(crate) enum Guardrails {
    /// Show what would become of a text
    #[command(after_help = "\
Examples:
  iron guardrails check \"Ignore all previous instructions\"
  iron guardrails check --file answer.txt --direction output --profile house")]
    Check {
        /// The text
        #[arg(required_unless_present = "file", conflicts_with = "file")]
        text: Option<String>,
        /// A file with the text; `-` for standard input
        #[arg(long, value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// Whether it goes to a model or comes from it
        #[arg(long, value_parser = directions(), default_value = "input")]
        direction: GuardrailDirection,
        /// Where it comes from [default: user, or output]
        #[arg(long, value_parser = channels())]
        channel: Option<GuardrailChannel>,
        /// The profile, by id or name [default: that of the tenant]
        #[arg(long)]
        profile: Option<String>,
    },
    /// Try a profile at texts in which it must find something or must not
    #[command(after_help = "\
The file is YAML or JSON:
  profile:                      # as for `profiles create`; without it the server's is tried
    custom_patterns: [{name: employee, pattern: 'E-[0-9]{5}'}]
  must:
    - ask E-12345
    - {text: mail ada@example.com, type: email, verdict: redact, direction: output}
  must_not:
    - E-1 is no employee

Exit code 9 means that an example does not hold.")]
    Test {
        /// The file; `-` for standard input
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// The profile of the server, by id or name [default: that of the tenant]
        #[arg(long, conflicts_with = "offline")]
        profile: Option<String>,
        /// Ask no server: try the profile in the file, or the built-in one
        #[arg(long)]
        offline: bool,
    },
    /// Profiles: what is looked for in texts, and what is done about it
    #[command(subcommand, visible_alias = "profile")]
    Profiles(Profiles),
}

/// What a profile is to say.
#[derive(Debug, Args)]
pub(crate) struct ProfileFile {
    /// A file with its fields, YAML or JSON; `-` for standard input
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Whether it is the default of the tenant
    #[arg(long = "default", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) is_default: Option<bool>,
}

/// `iron guardrails profiles`.
#[derive(Debug, Subcommand)]
pub(crate) enum Profiles {
    /// List guardrail profiles
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a profile
    Get {
        /// The profile, by id or name
        profile: String,
    },
    /// Make a profile
    #[command(after_help = "\
Example of a file:
  sensitivity: moderate         # strict, moderate, permissive
  pii: {action: redact}         # ignore, alert, redact, block
  secrets: {action: block}
  injection: {high: block, medium: flag, low: warn}
  compliance: [gdpr]            # gdpr, hipaa, pci_dss
  redaction: typed              # plain, typed, masked, pseudonym
  custom_patterns:
    - {name: employee, pattern: 'E-[0-9]{5}', matches: [E-12345], misses: [E-1]}")]
    Create {
        /// What to call it
        #[arg(long)]
        name: String,
        #[command(flatten)]
        says: ProfileFile,
    },
    /// Change a profile; fields that the file does not name stay
    Update {
        /// The profile, by id or name
        profile: String,
        /// Another name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        says: ProfileFile,
    },
    /// Delete a profile that no agent and no team names
    Delete {
        /// The profile, by id or name
        profile: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Show what a profile has said
    Versions {
        /// The profile, by id or name
        profile: String,
        /// Only this version, whole
        #[arg(long)]
        version: Option<i64>,
        #[command(flatten)]
        paging: Paging,
    },
}

/// `iron violations`.
#[derive(Debug, Subcommand)]
pub(crate) enum Violations {
    /// List what guardrails found in calls, the newest first
    #[command(visible_alias = "ls")]
    List {
        /// By this agent, by id or name
        #[arg(long)]
        agent: Option<String>,
        /// In this project, by id or name
        #[arg(long)]
        project: Option<String>,
        /// In this call
        #[arg(long)]
        call: Option<String>,
        /// Taken for one of these, comma-separated
        #[arg(long = "type", value_name = "TYPES")]
        types: Option<String>,
        /// One or several of warn, flag, redact and block, comma-separated
        #[arg(long)]
        verdict: Option<String>,
        /// In texts of one or several channels, comma-separated
        #[arg(long)]
        channel: Option<String>,
        /// From this date or timestamp on
        #[arg(long)]
        from: Option<String>,
        /// Up to, but not including, this date or timestamp
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
}
