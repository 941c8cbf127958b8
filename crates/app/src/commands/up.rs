//! `iron up` and `iron down`: a whole server with something to try, in one command.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use iron_journal::Reader;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinHandle;

use super::demo::{self, Fingerprint};
use super::serve::{Signals, Told};
use super::{follow, load, serve};
use crate::args::{DataFolder, Global, Up};
use crate::config::{Config, Flags, keys};
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};
use crate::server::folder::{Folder, Running};
use crate::server::{Server, Settings};

/// How long a server in the background may take until it answers.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long a server may take to end after it was told to.
const STOP_PATIENCE: Duration = Duration::from_secs(90);

/// What `iron up` has made in a data folder, readable by its owner alone.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Demo {
    /// The administrator's address.
    pub(super) admin: String,
    /// The administrator's password while the demo is being made; gone afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<String>,
    /// Whether somebody chose that password, and keeps it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) chosen: bool,
    /// The password that takes its place, from just before it does until it can be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) one_time: Option<String>,
    /// The demo agent, once it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) agent: Option<String>,
    /// Its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
    /// The API token of the user that later starts work as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) operator: Option<String>,
    /// Providers made from a key in the environment, and which key that was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) keys: BTreeMap<String, Fingerprint>,
}

pub(super) fn run(arguments: Up, global: &Global, console: Console) -> Outcome {
    let mut config = load(global, flags(&arguments))?;
    let folder = Folder::at(config.data());
    // Two that start at once would make two demos: the second one waits, and finds the first.
    let turn = folder.lock_demo(|| {
        console.note("another `iron up` is starting here; waiting for it");
    })?;
    if let Some(running) = folder.running() {
        return again(&config, &folder, &running, console);
    }
    let mut demo = demo::remembered(&folder, &config)?;
    if let Some(password) = &demo.password {
        // The first start takes it; a later one has its administrator already.
        config.set(keys::ADMIN_PASSWORD, password);
        config.set(keys::ADMIN_EMAIL, &demo.admin);
    }
    match arguments.detach {
        true => detached(&config, &folder, &mut demo, console),
        false => attached(&config, &folder, &mut demo, turn, console),
    }
}

fn flags(arguments: &Up) -> Flags {
    let data = arguments
        .folder
        .data
        .as_ref()
        .map(|path| path.display().to_string());
    let given = [
        (keys::DATA, "data", data),
        (keys::LISTEN, "listen", arguments.listen.clone()),
    ];
    given
        .into_iter()
        .filter_map(|(key, flag, value)| Some((key, flag, value?)))
        .collect()
}

/// A server runs already: say where, that nothing was done twice, and what was new. What an
/// interrupted start has left undone is done now.
fn again(config: &Config, folder: &Folder, running: &Running, console: Console) -> Outcome {
    let url = running.url();
    let mut demo = demo::read(folder).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if demo.password.is_some() {
        let made = runtime.block_on(demo::make(config, &url, folder, &mut demo, console))?;
        console.show(&demo::facts(&url, &demo, &made, true), || {
            demo::greeting(&url, &demo, &made)
        })?;
        console.note("stop it with: iron down");
        return Ok(());
    }
    let keys = runtime.block_on(demo::later(config, &url, folder, &mut demo, console))?;
    let answer = json!({
        "server": url, "already_running": true,
        "agent": demo.agent, "token": demo.token, "keys": keys,
    });
    console.show(&answer, || {
        let mut text = format!("already running on {url}");
        if let Some(token) = &demo.token {
            text.push_str("\n\n");
            text.push_str(&demo::lines(&url, token));
        }
        text
    })?;
    console.note("stop it with: iron down");
    Ok(())
}

/// In the foreground: serves, follows the calls, ends with Ctrl-C.
fn attached(
    config: &Config,
    folder: &Folder,
    demo: &mut Demo,
    turn: File,
    console: Console,
) -> Outcome {
    serve::logs(config)?;
    let mut settings = Settings::read(config)?;
    // Whoever follows it speaks plainly to it, on this machine.
    settings.tls = None;
    serve::runtime()?.block_on(async {
        let server = Box::pin(Server::start(settings)).await?;
        let running = Running {
            process: std::process::id(),
            listen: server.address,
        };
        let url = running.url();
        let made = demo::make(config, &url, folder, demo, console).await;
        drop(turn);
        match made {
            Ok(made) => {
                let signals = Signals::catch()?;
                let records = server.records()?;
                console.event(&demo::facts(&url, demo, &made, false), || {
                    demo::greeting(&url, demo, &made)
                })?;
                console.note("following calls; Ctrl-C stops the server\n");
                Box::pin(attend(server, records, signals, console)).await
            }
            Err(failure) => {
                Box::pin(server.stop()).await?;
                Err(failure)
            }
        }
    })
}

/// Shows calls until somebody stops the server, also those that finish while it drains.
async fn attend(
    server: Server,
    records: Reader,
    mut signals: Signals,
    console: Console,
) -> Outcome {
    let mut following = tokio::spawn(follow::calls(records, server.names(), console));
    let told = tokio::select! {
        told = signals.until_told(server.failed()) => told,
        () = readers_leave(&mut following, console) => Told::Stop,
    };
    serve::hurry();
    if told == Told::Interrupt {
        let calls = server.in_flight();
        console.note(&match calls {
            0 => "\nstopping".to_owned(),
            _ => format!("\nstopping; {calls} calls under way may finish, Ctrl-C again ends them"),
        });
    }
    Box::pin(server.stop()).await?;
    if !following.is_finished() {
        let _ = following.await;
    }
    told.outcome()
}

/// Ends when nobody reads the calls any more; calls that cannot be shown are no reason to stop.
async fn readers_leave(following: &mut JoinHandle<Outcome>, console: Console) {
    if let Ok(Err(failure)) = following.await {
        console.note(&format!("calls cannot be shown any more: {failure}"));
        std::future::pending::<()>().await;
    }
}

/// In the background: starts `iron serve`, waits for it, and leaves it running.
fn detached(config: &Config, folder: &Folder, demo: &mut Demo, console: Console) -> Outcome {
    let mut child = spawn(config, folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let running = wait(folder, &mut child).await?;
        let url = running.url();
        let made = demo::make(config, &url, folder, demo, console).await?;
        console.show(&demo::facts(&url, demo, &made, false), || {
            demo::greeting(&url, demo, &made)
        })?;
        demo::show_first_call(&url, demo, &made, console).await?;
        console.note(&format!(
            "log: {}   stop: iron down",
            folder.log().display()
        ));
        Ok(())
    })
}

fn spawn(config: &Config, folder: &Folder) -> Outcome<std::process::Child> {
    // The folder must be private before anything is put into it.
    drop(folder.lock()?);
    let log = File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(folder.log())?;
    let program: PathBuf = std::env::current_exe()?;
    let mut command = Command::new(program);
    command
        .args(["serve", "--data"])
        .arg(folder.path())
        .args(["--listen", &config.text(keys::LISTEN)])
        .env("IRON_ADMIN_EMAIL", config.text(keys::ADMIN_EMAIL))
        // Sealed in its database if they are wanted; a process need not carry them about.
        .env_remove("OPENAI_API_KEY")
        .env_remove("ANTHROPIC_API_KEY")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0);
    if let Some(password) = config.optional(keys::ADMIN_PASSWORD) {
        command.env("IRON_ADMIN_PASSWORD", password);
    }
    Ok(command.spawn()?)
}

async fn wait(folder: &Folder, child: &mut std::process::Child) -> Outcome<Running> {
    let waiting = async {
        loop {
            if let Some(running) = folder.running() {
                return Ok(running);
            }
            if let Some(status) = child.try_wait()? {
                let log = std::fs::read_to_string(folder.log()).unwrap_or_default();
                let last: Vec<_> = log.lines().rev().take(5).collect();
                let last: Vec<_> = last.into_iter().rev().collect();
                let message = format!("the server ended at once ({status}):\n{}", last.join("\n"));
                return Err(Failure::new(Exit::Error, "NOT_STARTED", message)
                    .hint(format!("the whole log is in {}", folder.log().display())));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let ended = tokio::time::timeout(START_PATIENCE, waiting).await;
    ended.unwrap_or_else(|_| {
        Err(Failure::new(
            Exit::Unreachable,
            "NOT_STARTED",
            "the server does not answer",
        )
        .hint(format!("its log is in {}", folder.log().display())))
    })
}

pub(super) fn down(arguments: DataFolder, global: &Global, console: Console) -> Outcome {
    let data = arguments.data.map(|path| path.display().to_string());
    let flags = data
        .map(|data| (keys::DATA, "data", data))
        .into_iter()
        .collect();
    let folder = Folder::at(load(global, flags)?.data());
    let Some(running) = folder.running() else {
        return console.show(&json!({ "stopped": false }), || {
            "no server is running".to_owned()
        });
    };
    let process = i32::try_from(running.process)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let process = process.ok_or_else(|| {
        Failure::new(
            Exit::Error,
            "NO_PROCESS",
            "the server's process id is unreadable",
        )
    })?;
    rustix::process::kill_process(process, rustix::process::Signal::TERM)
        .map_err(std::io::Error::from)?;
    let mut waited = Duration::ZERO;
    while folder.running().is_some() {
        if waited > STOP_PATIENCE {
            let message = format!("process {} does not end", running.process);
            return Err(Failure::new(Exit::Unreachable, "NOT_STOPPED", message));
        }
        let step = Duration::from_millis(50);
        std::thread::sleep(step);
        waited += step;
    }
    console.show(&json!({ "stopped": true }), || {
        format!("stopped the server on {}", running.url())
    })
}
