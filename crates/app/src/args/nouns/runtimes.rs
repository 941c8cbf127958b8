//! The verbs of runtimes elsewhere, and the router itself.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::Paging;

/// `iron router`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  iron runtimes create --name edge-1            on the server's side: prints the key, once
  IRON_ROUTER_KEY=rk_… iron router --control https://iron.example.com --data /var/lib/iron-router

Agents send their calls to the router as they would to the server. While the server is away, the
router goes on with the money it holds, for the time of its leases (setting: leases.router_seconds
of the server). `docs/how-to/run-a-router.md` tells more.")]
pub(crate) struct Router {
    /// The server it belongs to [setting: router.control]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) control: Option<String>,
    /// Its client certificate (PEM) [setting: router.client_cert]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) client_cert: Option<String>,
    /// The private key of it (PEM) [setting: router.client_key]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) client_key: Option<String>,
    /// The data folder [setting: data]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// Where to listen, `HOST:PORT` [setting: listen]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// `strict` or `relaxed` [setting: durability]
    #[arg(long, value_name = "WORD")]
    pub(crate) durability: Option<String>,
}

/// `iron runtimes`.
#[derive(Debug, Subcommand)]
pub(crate) enum Runtimes {
    /// List runtimes
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a runtime
    Get {
        /// The runtime, by id or name
        runtime: String,
    },
    /// Allow a new runtime; its key is shown this once
    #[command(after_help = "\
Examples:
  iron runtimes create --name edge-1

The key belongs to the first data folder that enrols with it: make a runtime for each.")]
    Create {
        /// What to call it
        #[arg(long)]
        name: String,
    },
    /// Say by which client certificates a runtime is known
    #[command(after_help = "\
Examples:
  iron runtimes update edge-1 --certificates edge-1.pem
  iron runtimes update edge-1 --certificates edge-1.pem,edge-1-new.pem    while one replaces the other
  iron runtimes update edge-1 --certificates none                        its key alone will do again

A certificate is a PEM file, or its SHA-256 in hexadecimal digits.")]
    Update {
        /// The runtime, by id or name
        runtime: String,
        /// All its certificates, four at most, or `none`
        #[arg(long, value_name = "FILE", value_delimiter = ',', required = true)]
        certificates: Vec<String>,
    },
    /// Replace the key of a runtime; the former one works for a while
    Rotate {
        /// The runtime, by id or name
        runtime: String,
        /// For how many minutes; 60, if absent
        #[arg(long, value_name = "MINUTES")]
        grace_minutes: Option<u32>,
    },
    /// Revoke the key of a runtime for good, and take its leases away
    Revoke {
        /// The runtime, by id or name
        runtime: String,
        /// Why; kept in the records
        #[arg(long)]
        reason: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}
