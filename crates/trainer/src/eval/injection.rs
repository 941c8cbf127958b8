//! Tables of the detector of injections.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use iron_guard::injection::{Detector, Head, Model};
use iron_guard::{Channel, Severity};

use super::{Rate, Table};
use crate::corpus::Example;
use crate::injection::generate::{self, Part};
use crate::injection::mutate::MUTATIONS;
use crate::injection::train::{Settings, train};
use crate::injection::{data, near, odd};

const EXPLICIT: &str = include_str!("../../data/explicit.txt");

/// Lines of the file of explicit attacks: languages and texts.
fn explicit() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = EXPLICIT.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(": "))
}

/// The tables of the family.
pub(super) fn tables(folder: &Path) -> Result<Vec<Table>> {
    let shipped = Detector::new()?;
    let examples = data::read(folder)?;
    Ok(vec![
        by_language(&shipped),
        by_encoding(&shipped),
        by_channel(&shipped, &examples),
        templates(&shipped),
        odd(&shipped),
    ])
}

/// What a text is told as: blocked by default, and at least flagged.
fn told(detector: &Detector, text: &str, channel: Channel) -> (bool, bool) {
    let found = detector.scan(text, channel);
    let gravest = found.iter().map(|finding| finding.severity).max();
    (
        gravest >= Some(Severity::High),
        gravest >= Some(Severity::Medium),
    )
}

#[derive(Clone, Copy, Default)]
struct Told {
    blocked: Rate,
    flagged: Rate,
}

impl Told {
    fn count(&mut self, (blocked, flagged): (bool, bool)) {
        self.blocked.count(blocked);
        self.flagged.count(flagged);
    }
}

/// Each source by a model that was trained on neither it nor its near duplicates.
pub(super) fn by_source(folder: &Path) -> Result<Vec<Table>> {
    let examples = data::read(folder)?;
    let mut table = Table::new(
        "Injections by source",
        "Each source by a variant of the model that was trained neither on it nor on near \
         duplicates of it. Flagged: severity medium or high.",
        &["source", "texts", "blocked", "flagged"],
    );
    let settings = Settings::default();
    for source in data::SOURCES {
        let of = |example: &&Example| example.source.starts_with(source);
        let held: Vec<Example> = examples.iter().filter(of).cloned().collect();
        let mut others: Vec<Example> = examples
            .iter()
            .filter(|example| !of(example))
            .cloned()
            .collect();
        near::remove(&mut others, &held);
        let model = train(&data::samples(&others, None, settings.seed), settings);
        let detector = Detector::with_model(calibrated(model)?)?;
        let mut rows: BTreeMap<u8, Told> = BTreeMap::new();
        for example in &held {
            let told = told(&detector, &example.text, Channel::User);
            rows.entry(example.label).or_default().count(told);
        }
        for (label, told) in rows {
            let kind = if label == 1 { "attacks" } else { "harmless" };
            table.rows.push(vec![
                (*source).to_owned(),
                kind.to_owned(),
                told.blocked.to_string(),
                told.flagged.to_string(),
            ]);
        }
    }
    Ok(vec![table])
}

/// A variant with the calibration and the thresholds that are shipped.
fn calibrated(model: Model) -> Result<Model> {
    let shipped = *Model::shipped()?.head();
    let own = *model.head();
    Ok(model.with_head(Head {
        scale: own.scale,
        bias: own.bias,
        ..shipped
    }))
}

fn by_language(detector: &Detector) -> Table {
    let mut table = Table::new(
        "Explicit attacks by language",
        "Texts of our own that the model was not trained on. A few rules were widened for what they \
         showed to be missing.",
        &["language", "blocked", "flagged"],
    );
    let mut rows: BTreeMap<&str, Told> = BTreeMap::new();
    let mut others = Told::default();
    for (language, text) in explicit() {
        let told = told(detector, text, Channel::User);
        rows.entry(language).or_default().count(told);
        if language != "en" {
            others.count(told);
        }
    }
    for (language, told) in rows {
        table.row(language, &[told.blocked, told.flagged]);
    }
    table.row("all but en", &[others.blocked, others.flagged]);
    table
}

fn by_encoding(detector: &Detector) -> Table {
    let mut table = Table::new(
        "Explicit attacks by what was done to them",
        "The English texts of the table above.",
        &["mutation", "blocked", "flagged"],
    );
    for (name, mutate) in MUTATIONS {
        let mut row = Told::default();
        for (_, text) in explicit().filter(|(language, _)| *language == "en") {
            row.count(told(detector, &mutate(text), Channel::User));
        }
        table.row(name, &[row.blocked, row.flagged]);
    }
    table
}

/// Attacks in the middle of passages, and the passages without them.
fn by_channel(detector: &Detector, examples: &[Example]) -> Table {
    let mut table = Table::new(
        "Explicit attacks within passages, by channel",
        "Each English text of the tables above in the middle of 20 passages, and 1000 passages by \
         themselves. The model was trained on the passages as harmless.",
        &[
            "channel",
            "attacks blocked",
            "passages blocked",
            "passages flagged",
        ],
    );
    let passages: Vec<&str> = examples
        .iter()
        .filter(|example| example.source.starts_with("T0") && example.text.len() > 400)
        .map(|example| example.text.as_str())
        .take(1000)
        .collect();
    for (name, channel) in [
        ("user", Channel::User),
        ("tool result", Channel::ToolResult),
        ("document", Channel::Document),
        ("memory", Channel::Memory),
    ] {
        let mut attacks = Rate::default();
        for (_, attack) in explicit().filter(|(language, _)| *language == "en") {
            for passage in passages.iter().take(20) {
                attacks.count(told(detector, &within(passage, attack), channel).0);
            }
        }
        let mut alone = Told::default();
        for passage in &passages {
            alone.count(told(detector, passage, channel));
        }
        table.row(name, &[attacks, alone.blocked, alone.flagged]);
    }
    table
}

fn within(passage: &str, attack: &str) -> String {
    let middle = passage.len() / 2;
    let at = passage
        .char_indices()
        .find(|(at, char)| *at >= middle && *char == ' ')
        .map_or(passage.len(), |(at, _)| at);
    let (before, after) = passage.split_at_checked(at).unwrap_or((passage, ""));
    format!("{before}. {attack} {after}")
}

fn templates(detector: &Detector) -> Table {
    let mut table = Table::new(
        "Templates held out",
        "Every tenth template of our own, with hard negatives in many languages.",
        &["texts", "blocked", "flagged"],
    );
    let mut rows = [Told::default(); 2];
    for example in generate::texts(Part::Held, 20, 11) {
        if let Some(row) = rows.get_mut(usize::from(example.label)) {
            row.count(told(detector, &example.text, Channel::User));
        }
    }
    for (name, told) in ["harmless", "attacks"].iter().zip(rows) {
        table.row(name, &[told.blocked, told.flagged]);
    }
    table
}

/// The lengths at which odd texts are measured, in bytes, and how many of each.
const ODD_BYTES: [usize; 4] = [500, 2_000, 8_000, 32_000];
const ODD_TEXTS: u64 = 25;

fn odd(detector: &Detector) -> Table {
    let mut table = Table::new(
        "Odd harmless texts",
        "Texts of our own that repeat themselves, are no prose, or are long. The shares that are \
         blocked, by length in bytes.",
        &["kind", "500", "2 000", "8 000", "32 000"],
    );
    let mut all = [Rate::default(); ODD_BYTES.len()];
    for kind in odd::KINDS {
        let mut row = [Rate::default(); ODD_BYTES.len()];
        for ((bytes, rate), all) in ODD_BYTES.into_iter().zip(&mut row).zip(&mut all) {
            for text in (0..ODD_TEXTS).map(|seed| odd::text(kind, bytes, seed)) {
                let blocked = told(detector, &text, Channel::User).0;
                rate.count(blocked);
                all.count(blocked);
            }
        }
        table.row(kind.0, &row);
    }
    table.row("all", &all);
    table
}
