//! The commands: one file for each noun.

use std::path::PathBuf;

use crate::args::{Audit, Cli, Command, DataFolder, Global, Guardrails, Policies};
use crate::config::{Config, Flags, Invalid, Surroundings, keys, user_folder};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

mod access;
mod agents;
mod analytics;
mod approvals;
mod audit;
mod budget_events;
mod budget_requests;
mod channels;
mod configuration;
mod demo;
mod doctor;
mod follow;
mod guardrails;
mod leases;
mod limits;
mod models;
mod offline;
mod periods;
mod policies;
mod pools;
mod projects;
mod providers;
mod quotas;
mod reconciliations;
mod reports;
mod resolve;
mod router;
mod routing;
mod runtimes;
mod serve;
mod sessions;
mod settings;
mod teams;
mod tenants;
mod tokens;
mod tools;
mod tops;
mod up;
mod users;

pub(crate) use offline::journal_keys;

/// Runs the command that was asked for.
pub(crate) fn run(cli: Cli, console: Console) -> Outcome {
    let Cli { global, command } = cli;
    match command {
        Command::Config(verb) if verb.is_local() => configuration::run(verb, &global, console),
        Command::Completions { shell } => configuration::completions(shell),
        Command::Serve(arguments) => serve::run(arguments, &global, console),
        Command::Router(arguments) => router::run(arguments, &global, console),
        Command::Up(arguments) => up::run(arguments, &global, console),
        Command::Down(arguments) => up::down(arguments, &global, console),
        Command::Doctor(arguments) => doctor::run(arguments, &global, console),
        Command::Audit(Audit::Export {
            folder,
            to: Some(to),
            remote: false,
            which,
            ..
        }) => {
            if !which.is_everything() {
                let message = "a bundle holds every record, or nobody could check it";
                return Err(Failure::usage(message).hint("add `--remote` to choose"));
            }
            offline::export(&of_folder(folder, &global)?, &to, console)
        }
        Command::Audit(Audit::Repair { folder, force }) => {
            offline::repair(&of_folder(folder, &global)?, force, console)
        }
        Command::Audit(Audit::Verify {
            folder,
            bundle,
            public_key,
            known,
            remote: false,
        }) => {
            let config = of_folder(folder, &global)?;
            let evidence = offline::Evidence {
                config,
                bundle,
                public_key,
                known,
            };
            offline::check(&evidence, console)
        }
        Command::Guardrails(Guardrails::Test {
            file,
            offline: true,
            ..
        }) => guardrails::run_offline(&file, console),
        Command::Policies(Policies::Check { file, tools }) => {
            policies::check(&file, tools.as_deref(), console)
        }
        command => talk(command, &global, console),
    }
}

/// The commands that talk to a server.
fn talk(command: Command, global: &Global, console: Console) -> Outcome {
    let connection = Connection::new(global)?;
    let console = console.in_zone(connection.zone.clone());
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
            Command::Analytics(verb) => analytics::run(verb, &connection, console).await,
            Command::Limits(verb) => limits::run(verb, &connection, console).await,
            Command::Pools(verb) => pools::run(verb, &connection, console).await,
            Command::BudgetRequests(verb) => budget_requests::run(verb, &connection, console).await,
            Command::Models(verb) => models::run(verb, &connection, console).await,
            Command::Leases(verb) => leases::run(verb, &connection, console).await,
            Command::Approvals(verb) => approvals::run(verb, &connection, console).await,
            Command::Access(verb) => access::run(verb, &connection, console).await,
            Command::Channels(verb) => channels::run(verb, &connection, console).await,
            Command::Guardrails(verb) => guardrails::run(verb, &connection, console).await,
            Command::Violations(verb) => guardrails::violations(verb, &connection, console).await,
            Command::Tools(verb) => tools::run(verb, &connection, console).await,
            Command::Policies(verb) => policies::run(verb, &connection, console).await,
            Command::Runtimes(verb) => runtimes::run(verb, &connection, console).await,
            Command::Users(verb) => users::run(verb, &connection, console).await,
            Command::Tenants(verb) => tenants::run(verb, &connection, console).await,
            Command::Teams(verb) => teams::run(verb, &connection, console).await,
            Command::Settings(verb) => settings::run(verb, &connection, console).await,
            Command::Config(verb) => settings::config(verb, &connection, console).await,
            Command::Projects(verb) => projects::run(verb, &connection, console).await,
            Command::Audit(Audit::List { which, paging }) => {
                audit::list(which, paging, &connection, console).await
            }
            Command::Audit(Audit::Me { which, paging }) => {
                audit::mine(which, paging, &connection, console).await
            }
            Command::Audit(Audit::Get { record }) => {
                audit::get(&record, &connection, console).await
            }
            Command::Audit(Audit::Export {
                remote: true,
                to,
                format,
                which,
                ..
            }) => audit::export(which, format, to.as_deref(), &connection, console).await,
            Command::Audit(Audit::Verify { remote: true, .. }) => {
                audit::verify_remote(&connection, console).await
            }
            // Those that need no server were taken by `run`.
            _ => Err(Failure::usage("this command takes no server")),
        }
    })
}

/// The configuration with the data folder that a command is about.
fn of_folder(folder: DataFolder, global: &Global) -> Outcome<Config> {
    let given = folder.data.map(|path| path.display().to_string());
    let flags = given
        .map(|data| (keys::DATA, "data", data))
        .into_iter()
        .collect();
    Ok(load(global, flags)?)
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
