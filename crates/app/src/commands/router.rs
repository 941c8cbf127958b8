//! `iron router`.

use super::load;
use super::serve::{Signals, hurry, logs, runtime};
use crate::args::{Global, Router as Arguments};
use crate::config::{Flags, keys};
use crate::console::Console;
use crate::failure::Outcome;
use crate::router::{Router, Settings};

/// Serves until SIGTERM or Ctrl-C, then drains.
pub(super) fn run(arguments: Arguments, global: &Global, console: Console) -> Outcome {
    let config = load(global, flags(arguments))?;
    logs(&config)?;
    let settings = Settings::read(&config)?;
    runtime()?.block_on(async {
        let router = Box::pin(Router::start(settings)).await?;
        let mut signals = Signals::catch()?;
        console.note(&format!("listening on {}", router.url()));
        let told = signals.until_told(router.failed()).await;
        tracing::info!("draining; calls under way may finish");
        hurry();
        Box::pin(router.stop()).await?;
        told.outcome()
    })
}

fn flags(arguments: Arguments) -> Flags {
    let data = arguments.data.map(|path| path.display().to_string());
    let given = [
        (keys::CONTROL, "control", arguments.control),
        (keys::CLIENT_CERT, "client-cert", arguments.client_cert),
        (keys::CLIENT_KEY, "client-key", arguments.client_key),
        (keys::DATA, "data", data),
        (keys::LISTEN, "listen", arguments.listen),
        (keys::DURABILITY, "durability", arguments.durability),
    ];
    given
        .into_iter()
        .filter_map(|(key, flag, value)| Some((key, flag, value?)))
        .collect()
}
