//! `iron doctor`: what could go wrong on this machine, and what to do about it.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use iron_primitives::Environment;
use iron_sdk::system::Health;
use serde::Serialize;
use serde_json::json;

use super::load;
use crate::args::{DataFolder, Global};
use crate::config::{Config, keys};
use crate::connection::Connection;
use crate::console::Console;
use crate::environment;
use crate::failure::{Exit, Failure, Outcome};
use crate::server::folder::Folder;

/// How well one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Finding {
            check,
            verdict: Verdict::Ok,
            message: message.into(),
            fix: None,
        }
    }

    fn problem(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Finding {
            check,
            verdict: Verdict::Problem,
            message: message.into(),
            fix: Some(fix.into()),
        }
    }

    fn warning(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Finding {
            verdict: Verdict::Warning,
            ..Finding::problem(check, message, fix)
        }
    }
}

pub(super) fn run(arguments: DataFolder, global: &Global, console: Console) -> Outcome {
    let data = arguments.data.map(|path| path.display().to_string());
    let flags = data
        .map(|data| (keys::DATA, "data", data))
        .into_iter()
        .collect();
    let mut findings = Vec::new();
    match load(global, flags) {
        Ok(config) => {
            let files = config.files().len();
            findings.push(Finding::ok(
                "configuration",
                format!("valid, {files} files read"),
            ));
            examine(&config, &mut findings)?;
        }
        Err(invalid) => findings.extend(invalid.0.iter().map(|problem| {
            Finding::problem(
                "configuration",
                problem.to_string(),
                "see docs/configuration.md",
            )
        })),
    }
    report(&findings, console)
}

fn examine(config: &Config, findings: &mut Vec<Finding>) -> Outcome {
    let folder = Folder::at(config.data());
    findings.push(clock(&environment::system()));
    findings.extend(data_folder(&folder));
    let connection = Connection::of(config);
    findings.push(Finding::ok("keychain", connection.keychain().describe()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    findings.extend(runtime.block_on(server(&connection, &folder, config)));
    Ok(())
}

/// Records, tokens and budgets all live by the clock.
fn clock(environment: &Environment) -> Finding {
    const EARLIEST: i64 = 1_767_225_600; // 2026-01-01, before the program was written
    let now = environment.now();
    match now.seconds() > EARLIEST {
        true => Finding::ok("clock", now.to_string()),
        false => Finding::problem(
            "clock",
            format!("it shows {now}"),
            "set the clock of this machine",
        ),
    }
}

fn data_folder(folder: &Folder) -> Vec<Finding> {
    let path = folder.path();
    let shown = path.display();
    let Ok(metadata) = std::fs::metadata(path) else {
        return vec![Finding::ok(
            "data folder",
            format!("{shown} will be made at the first start"),
        )];
    };
    let mut findings = vec![match (metadata.is_dir(), metadata.mode() & 0o077) {
        (false, _) => Finding::problem(
            "data folder",
            format!("{shown} is not a folder"),
            "choose another with --data",
        ),
        (true, 0) => Finding::ok("data folder", format!("{shown}, private")),
        (true, _) => Finding::problem(
            "data folder",
            format!("{shown} is open to others"),
            format!("chmod 700 {shown}"),
        ),
    }];
    if let Ok(metadata) = std::fs::metadata(folder.master_key()) {
        findings.push(match metadata.mode() & 0o077 {
            0 => Finding::ok("master key", "private"),
            _ => Finding::problem(
                "master key",
                "it is open to others",
                format!("chmod 600 {}", folder.master_key().display()),
            ),
        });
    }
    findings.push(writable(path));
    findings.extend(space(path));
    findings
}

fn writable(path: &Path) -> Finding {
    match tempfile(path) {
        Ok(()) => Finding::ok("disk", "the data folder can be written"),
        Err(error) => Finding::problem(
            "disk",
            format!("the data folder cannot be written: {error}"),
            "check its owner",
        ),
    }
}

fn tempfile(path: &Path) -> std::io::Result<()> {
    let probe = path.join(format!(".doctor-{}", std::process::id()));
    std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe))
}

/// A full disk stops the journal, and with it every call.
fn space(path: &Path) -> Option<Finding> {
    const LEAST_BYTES: u64 = 1 << 30;
    let status = rustix::fs::statvfs(path).ok()?;
    let free_bytes = status.f_bavail.saturating_mul(status.f_frsize);
    let shown = format!("{} MiB free", free_bytes >> 20);
    Some(match free_bytes < LEAST_BYTES {
        true => Finding::warning(
            "space",
            shown,
            "free some: the journal stops when the disk is full",
        ),
        false => Finding::ok("space", shown),
    })
}

async fn server(connection: &Connection, folder: &Folder, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let health = match connection.anonymous() {
        Ok(client) => client.get_health().await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match health {
        Ok(health) if health.status == Health::Healthy => {
            findings.push(Finding::ok(
                "server",
                format!("{} is healthy", connection.server),
            ));
        }
        Ok(health) => findings.push(Finding::problem(
            "server",
            format!("{} is {}", connection.server, health.status),
            "look into its log",
        )),
        Err(_) if folder.running().is_some() => findings.push(Finding::problem(
            "server",
            format!(
                "one runs from this folder, but {} does not answer",
                connection.server
            ),
            "name its address with --server",
        )),
        Err(_) => findings.push(port(config)),
    }
    findings
}

/// No server runs, so its address should be free.
fn port(config: &Config) -> Finding {
    let listen = config.text(keys::LISTEN);
    match std::net::TcpListener::bind(&listen) {
        Ok(_) => Finding::ok("server", format!("none runs; {listen} is free")),
        Err(error) => Finding::problem(
            "server",
            format!("{listen} cannot be listened on: {error}"),
            "choose another address with --listen",
        ),
    }
}

fn report(findings: &[Finding], console: Console) -> Outcome {
    let problems = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Problem)
        .count();
    console.show(
        &json!({ "problems": problems, "findings": findings }),
        || {
            let rows = findings.iter().map(|finding| {
                let verdict = match finding.verdict {
                    Verdict::Ok => "ok",
                    Verdict::Warning => "warning",
                    Verdict::Problem => "problem",
                };
                let fix = finding.fix.clone().unwrap_or_default();
                vec![
                    finding.check.to_owned(),
                    verdict.to_owned(),
                    finding.message.clone(),
                    fix,
                ]
            });
            console.table(&["check", "verdict", "", "what to do"], rows.collect())
        },
    )?;
    match problems {
        0 => Ok(()),
        count => Err(Failure::new(
            Exit::Problems,
            "PROBLEMS_FOUND",
            format!("{count} problems were found"),
        )),
    }
}
