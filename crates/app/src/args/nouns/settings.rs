//! `iron settings` and `iron config`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::Paging;

/// `iron settings`.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  iron settings tenant
  iron settings tenant --set security.session_idle_minutes=15
  iron settings team marketing --unset display.timezone
  iron settings user --reset

What is set nearest to you holds; what protects can only be made stricter below.")]
pub(crate) enum Settings {
    /// Your own settings: show what holds, or change it
    User {
        #[command(flatten)]
        changes: SettingChanges,
        /// Take away everything that you have set
        #[arg(long, conflicts_with_all = ["set", "unset"])]
        reset: bool,
    },
    /// The settings of a project
    Project {
        /// The project, by id or name
        project: String,
        #[command(flatten)]
        changes: SettingChanges,
    },
    /// The settings of a team
    Team {
        /// The team, by id or name
        team: String,
        #[command(flatten)]
        changes: SettingChanges,
    },
    /// The settings of the tenant
    Tenant {
        #[command(flatten)]
        changes: SettingChanges,
    },
    /// The settings of the installation
    System {
        #[command(flatten)]
        changes: SettingChanges,
    },
}

/// What is to be different; nothing shows what holds.
#[derive(Debug, Args, Clone)]
pub(crate) struct SettingChanges {
    /// Set a value, such as `display.timezone=Europe/Berlin`; repeat
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Take a value away, so that the inherited one holds again; repeat
    #[arg(long, value_name = "NAME")]
    pub(crate) unset: Vec<String>,
}

/// `iron config`: this program's own configuration, and the configuration that the server keeps.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Show every setting of this program and where it comes from
    Show,
    /// Show one setting of this program, its meaning, and everywhere it is set
    Explain {
        /// Its name, such as `listen`
        key: String,
    },
    /// Check all sources of this program's settings; with a file, whether the server could apply it
    Validate {
        /// A configuration for the server, as YAML; `-` for standard input
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        #[command(flatten)]
        level: Level,
    },
    /// Print the configuration that the server keeps, as YAML
    Get {
        /// Which version; the newest if absent
        #[arg(long)]
        version: Option<i64>,
        #[command(flatten)]
        level: Level,
    },
    /// Apply a whole configuration; it holds on every server within a second
    #[command(after_help = "\
Examples:
  iron config get > tenant.yaml
  iron config validate tenant.yaml
  iron config apply tenant.yaml --comment 'shorter sessions'
  iron config rollback 3

What is not in the file is inherited.")]
    Apply {
        /// The file, as YAML; `-` for standard input
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Why, for those who read the history
        #[arg(long)]
        comment: Option<String>,
        #[command(flatten)]
        level: Level,
    },
    /// List the versions, each with what it changed
    History {
        #[command(flatten)]
        level: Level,
        #[command(flatten)]
        paging: Paging,
    },
    /// Go back to an older version: a new one with the same content
    Rollback {
        /// Its number
        version: i64,
        /// Why, for those who read the history
        #[arg(long)]
        comment: Option<String>,
        #[command(flatten)]
        level: Level,
    },
}

/// Whose configuration.
#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Level {
    /// The installation's instead of the tenant's
    #[arg(long)]
    pub(crate) system: bool,
}

impl ConfigVerb {
    /// Whether it is about this program alone and takes no server.
    pub(crate) const fn is_local(&self) -> bool {
        match self {
            ConfigVerb::Show | ConfigVerb::Explain { .. } => true,
            ConfigVerb::Validate { file, .. } => file.is_none(),
            _ => false,
        }
    }
}
