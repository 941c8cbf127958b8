//! `iron serve`.

use iron_telemetry::logging::{self, Format};
use tokio::signal::unix::{SignalKind, signal};

use super::load;
use crate::args::{Global, Serve};
use crate::config::{Config, Flags, keys};
use crate::console::Console;
use crate::failure::Outcome;
use crate::server::{Server, Settings};

/// Serves until SIGTERM or Ctrl-C, then drains.
pub(super) fn run(arguments: Serve, global: &Global, console: Console) -> Outcome {
    let config = load(global, flags(arguments))?;
    logs(&config)?;
    let settings = Settings::read(&config)?;
    runtime()?.block_on(async {
        let server = Server::start(settings).await?;
        announce(&server, console);
        until_told(&server).await?;
        tracing::info!("draining; calls under way may finish");
        Ok(Box::pin(server.stop()).await?)
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
    console.note(&format!("listening on http://{}", server.address));
}

/// Waits for SIGTERM, SIGINT, or the end of the server's own strength.
pub(super) async fn until_told(server: &Server) -> Outcome {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = server.failed() => {}
    }
    Ok(())
}
