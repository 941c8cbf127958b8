//! The commands: one file for each noun.

use std::path::PathBuf;

use crate::args::{Audit, Cli, Command, Global};
use crate::config::{Config, Flags, Invalid, Surroundings, keys, user_folder};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

mod agents;
mod audit;
mod configuration;
mod limits;
mod models;
mod providers;
mod resolve;
mod sessions;
mod tokens;

/// Runs the command that was asked for.
pub(crate) fn run(cli: Cli, console: Console) -> Outcome {
    let Cli { global, command } = cli;
    match command {
        Command::Config(verb) => configuration::run(verb, &global, console),
        Command::Completions { shell } => configuration::completions(shell),
        command => talk(command, &global, console),
    }
}

/// The commands that talk to a server.
fn talk(command: Command, global: &Global, console: Console) -> Outcome {
    let connection = Connection::new(global)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Status => sessions::status(&connection, console).await,
            Command::Login(arguments) => sessions::login(arguments, &connection, console).await,
            Command::Logout { all } => sessions::logout(all, &connection, console).await,
            Command::Auth(verb) => sessions::auth(verb, &connection, console).await,
            Command::Agents(verb) => agents::run(verb, &connection, console).await,
            Command::Providers(verb) => providers::run(verb, &connection, console).await,
            Command::Tokens(verb) => tokens::run(verb, &connection, console).await,
            Command::ApiTokens(verb) => tokens::run_api(verb, &connection, console).await,
            Command::Limits(verb) => limits::run(verb, &connection, console).await,
            Command::Models(verb) => models::run(verb, &connection, console).await,
            Command::Audit(Audit::List {
                action,
                resource,
                paging,
            }) => audit::list(action, resource, paging, &connection, console).await,
            Command::Audit(Audit::Verify { remote: true, .. }) => {
                audit::verify_remote(&connection, console).await
            }
            _ => Err(Failure::usage("not yet")),
        }
    })
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
