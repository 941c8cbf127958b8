//! `iron serve`.

use iron_telemetry::logging::{self, Format};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::load;
use crate::args::{Global, Serve};
use crate::config::{Config, Flags, keys};
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};
use crate::server::{Server, Settings};

/// Serves until SIGTERM or Ctrl-C, then drains.
pub(super) fn run(arguments: Serve, global: &Global, console: Console) -> Outcome {
    let config = load(global, flags(arguments))?;
    logs(&config)?;
    let settings = Settings::read(&config)?;
    runtime()?.block_on(async {
        let server = Box::pin(Server::start(settings)).await?;
        let mut signals = Signals::catch()?;
        announce(&server, console);
        let told = signals.until_told(server.failed()).await;
        hurry();
        if told == Told::Stop {
            server.give_notice().await;
        }
        tracing::info!("draining; calls under way may finish");
        Box::pin(server.stop()).await?;
        told.outcome()
    })
}

fn flags(arguments: Serve) -> Flags {
    let given = [
        (
            keys::DATA,
            "data",
            arguments.folder.data.map(|path| path.display().to_string()),
        ),
        (keys::LISTEN, "listen", arguments.listen),
        (keys::DATABASE_URL, "database-url", arguments.database_url),
        (keys::DURABILITY, "durability", arguments.durability),
    ];
    given
        .into_iter()
        .filter_map(|(key, flag, value)| Some((key, flag, value?)))
        .collect()
}

/// The threads of a server.
pub(super) fn runtime() -> Outcome<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

/// Sets logging up as the configuration says.
pub(super) fn logs(config: &Config) -> Outcome {
    let format = match config.text(keys::LOG_FORMAT).as_str() {
        "json" => Format::Json,
        _ => Format::Pretty,
    };
    let level = config.text(keys::LOG_LEVEL);
    // The libraries below speak only when something is wrong with them.
    let filter = format!("warn,iron={level},{}", crates(&level));
    logging::init(&logging::Config { format, filter }).map_err(anyhow::Error::from)?;
    Ok(())
}

fn crates(level: &str) -> String {
    const OURS: [&str; 14] = [
        "api",
        "audit",
        "budget",
        "catalog",
        "fleet",
        "gateway",
        "identity",
        "journal",
        "llm",
        "net",
        "runtime",
        "store",
        "telemetry",
        "vault",
    ];
    OURS.map(|name| format!("iron_{name}={level}")).join(",")
}

fn announce(server: &Server, console: Console) {
    if let Some(admin) = &server.first_admin {
        console.note(&format!(
            "first start: the administrator is {}",
            admin.made.admin.email
        ));
        if let Some(password) = &admin.password {
            console.note(&format!(
                "  one-time password: {}\n  it is shown this once and must be changed at the first login",
                password.expose()
            ));
        }
    }
    console.note(&format!("listening on {}", server.url()));
}

/// What made a server stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// SIGTERM, or whoever read its output has gone.
    Stop,
    /// Ctrl-C.
    Interrupt,
    /// It cannot go on by itself.
    Failed,
}

impl Told {
    /// How the command ends once everything is in order.
    pub(super) fn outcome(self) -> Outcome {
        match self {
            // A failure speaks for itself when the server is stopped.
            Told::Stop | Told::Failed => Ok(()),
            Told::Interrupt => Err(Failure::interrupted("stopped; every call is recorded")),
        }
    }
}

/// SIGTERM and Ctrl-C, caught from the moment this is made: before anybody is told that there is
/// something to stop.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn catch() -> Outcome<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them, or the end of the server's own strength.
    pub(super) async fn until_told(&mut self, failed: impl Future<Output = ()>) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Interrupt,
            () = failed => Told::Failed,
        }
    }
}

/// While calls under way finish, Ctrl-C ends the process at once: what it leaves open is settled
/// at its bound by the next start.
pub(super) fn hurry() {
    tokio::spawn(async {
        let Ok(mut interrupt) = signal(SignalKind::interrupt()) else {
            return;
        };
        interrupt.recv().await;
        std::process::exit(Exit::Interrupted as i32);
    });
}
