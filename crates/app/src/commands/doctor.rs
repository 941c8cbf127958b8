//! `iron doctor`: what could go wrong on this machine, and what to do about it.

use serde_json::json;

use super::load;
use crate::args::{DataFolder, Global};
use crate::config::Config;
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};
use crate::server::folder::Folder;

mod database;
mod finding;
mod machine;
mod server;

use finding::{Finding, Verdict};

pub(super) fn run(arguments: DataFolder, global: &Global, console: Console) -> Outcome {
    let data = arguments.data.map(|path| path.display().to_string());
    let flags = data
        .map(|data| (crate::config::keys::DATA, "data", data))
        .into_iter()
        .collect();
    let findings = match load(global, flags) {
        Ok(config) => examine(&config)?,
        Err(invalid) => invalid
            .0
            .iter()
            .map(|problem| {
                Finding::problem(
                    "configuration",
                    problem.to_string(),
                    "correct it; docs/configuration.md describes every setting",
                )
            })
            .collect(),
    };
    report(&findings, console)
}

/// From the nearest to the farthest: this machine, the database, the server, the providers.
fn examine(config: &Config) -> Outcome<Vec<Finding>> {
    let folder = Folder::at(config.data());
    let mut findings = vec![machine::configuration(config), machine::clock()];
    findings.extend(machine::data_folder(&folder));
    findings.push(machine::master_key(&folder, config));
    findings.extend(machine::open_files());
    findings.push(machine::prices());
    let connection = Connection::of(config);
    findings.push(machine::keychain(connection.keychain()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        findings.extend(database::examine(config, &folder).await);
        findings.extend(server::examine(&connection, &folder, config).await);
    });
    Ok(findings)
}

fn report(findings: &[Finding], console: Console) -> Outcome {
    let count = |verdict| {
        findings
            .iter()
            .filter(|finding| finding.verdict == verdict)
            .count()
    };
    let (problems, warnings) = (count(Verdict::Problem), count(Verdict::Warning));
    let answer = json!({ "problems": problems, "warnings": warnings, "findings": findings });
    console.show(&answer, || {
        let width = findings
            .iter()
            .map(|finding| finding.check.chars().count())
            .max()
            .unwrap_or_default();
        let lines = findings.iter().map(|finding| finding.words(width, console));
        lines.collect::<Vec<_>>().join("\n")
    })?;
    match problems {
        0 => Ok(()),
        1 => Err(found("1 problem was found".to_owned())),
        count => Err(found(format!("{count} problems were found"))),
    }
}

fn found(message: String) -> Failure {
    Failure::new(Exit::Problems, "PROBLEMS_FOUND", message)
}
