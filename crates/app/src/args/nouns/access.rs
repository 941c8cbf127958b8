//! `iron access`.

use clap::Subcommand;
use clap::builder::TypedValueParser;
use iron_sdk::access::AccessDecision;

use super::{Paging, one_of};

fn decisions() -> impl TypedValueParser<Value = AccessDecision> {
    one_of(AccessDecision::ALL, AccessDecision::as_str)
}

/// `iron access`.
#[derive(Debug, Subcommand)]
pub(crate) enum Access {
    /// Ask for a key of your own, from the budget of a team
    #[command(after_help = "\
Examples:
  iron access request --team research --use-case 'summaries of papers' --budget 20
  iron access list --mine
  iron access claim access_…                  once it is approved: prints the key, this once")]
    Request {
        /// The team, by id or name
        #[arg(long)]
        team: String,
        /// What for
        #[arg(long, value_name = "TEXT")]
        use_case: String,
        /// How much a month, in dollars
        #[arg(long, value_name = "DOLLARS")]
        budget: String,
    },
    /// List the teams in which you can ask for access
    Teams {
        /// Only those whose name contains this
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// List requests: all of the tenant, or your own
    #[command(visible_alias = "ls")]
    List {
        /// Only your own; who is no admin sees no others
        #[arg(long)]
        mine: bool,
        /// One or several of pending, approved, denied, claimed and revoked, comma-separated
        #[arg(long)]
        status: Option<String>,
        /// Only those for this team, by id or name
        #[arg(long)]
        team: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one request
    Get {
        /// The request, by id
        request: String,
    },
    /// Approve a request; its requester can claim the key then
    Approve {
        /// The request, by id
        request: String,
        /// How much a month, in dollars; what was asked for, if absent
        #[arg(long, value_name = "DOLLARS")]
        budget: Option<String>,
        /// The models that may be used, comma-separated; all that the team may use, if absent
        #[arg(long, value_delimiter = ',', value_name = "MODELS")]
        allowed_models: Vec<String>,
    },
    /// Deny a request
    Deny {
        /// The request, by id
        request: String,
        /// Why, for the requester
        #[arg(long)]
        reason: String,
    },
    /// Decide several requests; exit code 9 if some could not be decided
    Bulk {
        /// What is decided
        #[arg(value_parser = decisions())]
        decision: AccessDecision,
        /// The requests, by id; at most 100
        #[arg(required = true)]
        requests: Vec<String>,
        /// Why, for the requesters; needed to deny
        #[arg(long)]
        reason: Option<String>,
    },
    /// Take the key of a request of yours that was approved; it is printed this once
    Claim {
        /// The request, by id
        request: String,
    },
    /// Take a new key in place of one of yours that ends soon; it is printed this once
    #[command(after_help = "\
A key can be renewed in the two weeks before its end (the last quarter of a shorter life), and
after it. The old key works on for a week, but not beyond its own end.")]
    Renew {
        /// The request, by id
        request: String,
    },
    /// Take access away; the key works no more, at once
    Revoke {
        /// The request, by id
        request: String,
        /// Why, for the requester
        #[arg(long)]
        reason: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}
