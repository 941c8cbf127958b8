//! `iron audit verify` and `export` from files alone: read-only, beside a live server.

use std::path::{Path, PathBuf};

use iron_journal::verify::{Bundle, Report, Trust, verify};
use iron_journal::{Checkpoint, Journal, JournalKeys, Loss, Options, PublicKey};
use iron_primitives::InstanceId;
use iron_vault::{MasterKey, Purpose};
use serde_json::{Value, json};

use super::resolve::parse;
use crate::config::{Config, keys};
use crate::console::Console;
use crate::environment;
use crate::failure::{Exit, Failure, Outcome};
use crate::server::folder::Folder;

/// The public key beside the records of a bundle.
const PUBLIC_KEY_FILE: &str = "public-key";

/// What a check starts from.
pub(super) struct Evidence {
    /// Where the data folder is, for records that are still sealed, and their key.
    pub(super) config: Config,
    /// A bundle instead.
    pub(super) bundle: Option<PathBuf>,
    /// The key to trust, in place of the one that lies beside the records.
    pub(super) public_key: Option<String>,
    /// A file whose last line is a checkpoint that was kept elsewhere.
    pub(super) known: Option<PathBuf>,
}

/// Checks records, checkpoints and signatures.
pub(super) fn check(evidence: &Evidence, console: Console) -> Outcome {
    let (bundle, mut trust, trusted) = match &evidence.bundle {
        Some(folder) => of_bundle(folder, evidence.public_key.as_deref())?,
        None => of_data_folder(&evidence.config)?,
    };
    if let Some(text) = &evidence.public_key {
        trust.public_key = parse(text, "a public key of 64 hexadecimal digits")?;
    }
    trust.known = evidence
        .known
        .as_deref()
        .map(known_checkpoint)
        .transpose()?;
    let report = verify(&bundle, &trust, |_, _| {}).map_err(anyhow::Error::from)?;
    let answer = describe(&report, &trust, trusted);
    if report.is_valid() {
        console.show(&answer, || summary(console, &report, &trust, trusted))?;
        if trusted == "beside the records" {
            console.note(
                "the key lay beside the records; give `--public-key` to trust one kept elsewhere",
            );
        }
        return Ok(());
    }
    if console.json() {
        console.show(&answer, String::new)?;
    }
    let faults: Vec<_> = report
        .faults
        .iter()
        .take(20)
        .map(|fault| format!("  {fault}"))
        .collect();
    let more = report.faults.len().saturating_sub(faults.len());
    let more = if more > 0 {
        format!("\n  and {more} more")
    } else {
        String::new()
    };
    let message = format!(
        "the records are not intact, {} problems:\n{}{more}",
        report.faults.len(),
        faults.join("\n")
    );
    Err(Failure::new(Exit::Problems, "RECORDS_NOT_INTACT", message))
}

/// Writes everything that a third party needs, and nothing that is secret.
pub(super) fn export(config: &Config, to: &Path, console: Console) -> Outcome {
    let (bundle, trust, _) = of_data_folder(config)?;
    if to.exists() {
        return Err(Failure::usage(format!(
            "`{}` exists already, name a new folder",
            to.display()
        )));
    }
    bundle.export(to).map_err(anyhow::Error::from)?;
    std::fs::write(to.join(PUBLIC_KEY_FILE), format!("{}\n", trust.public_key))?;
    let answer = json!({ "bundle": to, "public_key": trust.public_key.to_string() });
    console.show(&answer, || {
        format!(
            "written to {}\npublic key {}",
            to.display(),
            trust.public_key
        )
    })?;
    console.note(&format!(
        "anyone can check it: iron audit verify --bundle {}",
        to.display()
    ));
    Ok(())
}

/// Gives up what is damaged in the journal of a server that is stopped.
pub(super) fn repair(config: &Config, force: bool, console: Console) -> Outcome {
    let folder = Folder::at(config.data());
    let (keys, instance) = keys_of(&folder, config)?;
    console.confirm("give up what cannot be read in this journal?", force)?;
    let options = Options::new(instance, 1, keys);
    let environment = environment::system();
    let losses =
        Journal::repair(&folder.journal(), &options, &environment).map_err(anyhow::Error::from)?;
    let answer = json!({ "losses": losses });
    console.show(&answer, || match losses.as_slice() {
        [] => "nothing is damaged, nothing was given up".to_owned(),
        losses => {
            let lines: Vec<_> = losses.iter().map(describe_loss).collect();
            lines.join("\n")
        }
    })
}

fn describe_loss(loss: &Loss) -> String {
    let chains = loss.heads.len();
    format!(
        "given up from {} to {}: {}; {chains} chains may have a gap there",
        loss.from, loss.to, loss.damage
    )
}

type Start = (Bundle, Trust, &'static str);

fn of_bundle(folder: &Path, given: Option<&str>) -> Outcome<Start> {
    let beside = folder.join(PUBLIC_KEY_FILE);
    let (text, trusted) = match given {
        Some(text) => (text.to_owned(), "given"),
        None => {
            let text = std::fs::read_to_string(&beside).map_err(|_| {
                Failure::usage(format!("`{}` is not there", beside.display()))
                    .hint("give the key to trust with `--public-key`")
            })?;
            (text.trim().to_owned(), "beside the records")
        }
    };
    let key: PublicKey = parse(&text, "a public key of 64 hexadecimal digits")?;
    Ok((Bundle::files(folder), Trust::new(key), trusted))
}

fn of_data_folder(config: &Config) -> Outcome<Start> {
    let folder = Folder::at(config.data());
    let (keys, _) = keys_of(&folder, config)?;
    let bundle =
        Bundle::journal(&folder.journal(), &keys.encryption).map_err(anyhow::Error::from)?;
    let mut trust = Trust::new(keys.public().map_err(anyhow::Error::from)?);
    trust.mac_key = Some(*keys.mac);
    Ok((bundle, trust, "of this folder"))
}

/// The keys of the journal in a folder that has served before.
fn keys_of(folder: &Folder, config: &Config) -> Outcome<(JournalKeys, InstanceId)> {
    let path = folder.master_key();
    let instance = folder.known_instance().ok_or_else(|| {
        let shown = path.parent().unwrap_or(&path);
        Failure::new(
            Exit::NotFound,
            "NO_RECORDS",
            format!("`{}` is not a data folder", shown.display()),
        )
        .hint("name one with `--data DIR`, or a bundle with `--bundle DIR`")
    })?;
    // As when it serves: a key that is configured needs no file.
    if let Some(key) = config.secret(keys::MASTER_KEY) {
        let master = MasterKey::from_hex(key.expose()).map_err(anyhow::Error::from)?;
        return Ok((journal_keys(&master, instance)?, instance));
    }
    // The key is only read: without its file this must not draw a new one.
    if !path.exists() {
        let message = format!(
            "`{}` is not there, and without it the records stay sealed",
            path.display()
        );
        return Err(Failure::new(Exit::NotFound, "NO_MASTER_KEY", message));
    }
    let master =
        MasterKey::load_or_create(&path, &environment::system()).map_err(anyhow::Error::from)?;
    Ok((journal_keys(&master, instance)?, instance))
}

/// The keys of an instance's journal.
pub(crate) fn journal_keys(
    master: &MasterKey,
    instance: InstanceId,
) -> anyhow::Result<JournalKeys> {
    Ok(JournalKeys {
        encryption: master.derive(Purpose::JournalEncryption(instance))?,
        mac: master.derive(Purpose::JournalMac(instance))?,
        signing: master.derive(Purpose::JournalSigning(instance))?,
    })
}

fn known_checkpoint(path: &Path) -> Outcome<Checkpoint> {
    let text = std::fs::read_to_string(path)?;
    let line = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    Checkpoint::parse(line.as_bytes()).map_err(|_| {
        Failure::usage(format!(
            "the last line of `{}` is not a checkpoint",
            path.display()
        ))
    })
}

fn describe(report: &Report, trust: &Trust, trusted: &str) -> Value {
    json!({
        "valid": report.is_valid(),
        "records": report.records,
        "sealed_records": report.sealed_records,
        "checkpoints": report.checkpoints,
        "newest_checkpoint": report.newest_checkpoint,
        "macs_checked": report.macs_checked,
        "public_key": trust.public_key.to_string(),
        "public_key_from": trusted,
        "streams": report.streams.iter().map(|stream| json!({
            "stream": stream.stream.to_string(),
            "records": stream.records,
            "first": stream.first,
            "last": stream.last,
            "head": stream.head.to_string(),
        })).collect::<Vec<_>>(),
        "losses": report.losses,
        "purges": report.purges,
        "faults": report.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn summary(console: Console, report: &Report, trust: &Trust, trusted: &str) -> String {
    let facts = console.facts(&[
        ("records", report.records.to_string()),
        (
            "under a signed checkpoint",
            report.sealed_records.to_string(),
        ),
        ("checkpoints", report.checkpoints.to_string()),
        ("chains", report.streams.len().to_string()),
        ("places given up as lost", report.losses.len().to_string()),
        ("purges with a tombstone", report.purges.len().to_string()),
        (
            "HMAC checked",
            if report.macs_checked {
                "yes"
            } else {
                "no, that needs the key"
            }
            .to_owned(),
        ),
        ("public key", format!("{} ({trusted})", trust.public_key)),
    ]);
    let verdict = match report.losses.is_empty() {
        true => "intact",
        false => "intact, but for what was given up as lost",
    };
    format!("{verdict}\n\n{facts}")
}
