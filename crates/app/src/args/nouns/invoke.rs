//! `iron tools invoke` and `iron tools available`: what agents do, by hand.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use iron_primitives::ApprovalId;

/// The token of the agent that calls.
#[derive(Debug, Args)]
pub(crate) struct OfAgent {
    /// A file with the token of the agent, `-` for standard input [default: IRON_CAGE_TOKEN of the
    /// environment]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) agent_token_file: Option<PathBuf>,
}

/// A call of a tool that the server runs.
#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// The tool, by id or by the name that agents use
    pub(crate) tool: String,
    /// What it is given, a JSON object
    #[arg(long, value_name = "JSON", conflicts_with = "arguments_file")]
    pub(crate) arguments: Option<String>,
    /// A file with what it is given, YAML or JSON; `-` for standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) arguments_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) agent: OfAgent,
    /// The conversation that the call belongs to
    #[arg(long)]
    pub(crate) conversation: Option<String>,
    /// The run that it belongs to
    #[arg(long)]
    pub(crate) execution: Option<String>,
    /// For whom it is made
    #[arg(long)]
    pub(crate) end_user: Option<String>,
    /// What the call says of itself, for policies that ask; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) attribute: Vec<String>,
    /// The approval that an earlier answer has named
    #[arg(long)]
    pub(crate) approval: Option<ApprovalId>,
    /// How many seconds to wait for people, if they are asked
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(0..=300))]
    pub(crate) wait: Option<u16>,
    /// Under this key the tool is run once, however often the call is repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}
