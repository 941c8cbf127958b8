//! The commands: one file for each noun.

use std::path::PathBuf;

use crate::args::{Cli, Command, Global};
use crate::config::{Config, Flags, Invalid, Surroundings, keys, user_folder};
use crate::console::Console;
use crate::failure::{Failure, Outcome};

mod configuration;

/// Runs the command that was asked for.
pub(crate) fn run(cli: Cli, console: Console) -> Outcome {
    let Cli { global, command } = cli;
    match command {
        Command::Config(verb) => configuration::run(verb, &global, console),
        Command::Completions { shell } => configuration::completions(shell),
        _ => Err(Failure::usage("not yet")),
    }
}

/// Loads the configuration with these flags over it.
pub(crate) fn load(global: &Global, mut flags: Flags) -> Result<Config, Invalid> {
    if let Some(server) = &global.server {
        flags.push((keys::SERVER, "server", server.clone()));
    }
    let variable = |name: &str| std::env::var(name).ok();
    let folder = std::env::current_dir().unwrap_or_default();
    Config::load(
        flags,
        &Surroundings {
            variable: &variable,
            folder: &folder,
        },
    )
}

/// The folder of the user's own configuration.
pub(crate) fn config_folder() -> PathBuf {
    let variable = |name: &str| std::env::var(name).ok();
    let folder = PathBuf::new();
    let around = Surroundings {
        variable: &variable,
        folder: &folder,
    };
    PathBuf::from(user_folder(&around, "XDG_CONFIG_HOME", ".config"))
}
