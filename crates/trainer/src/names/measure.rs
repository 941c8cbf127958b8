//! How well names and addresses are found.

mod calibration;

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use iron_guard::names::Names;
use iron_guard::names::lexicon::{Flags, Lexicon};
use iron_guard::names::model::Trained;
use iron_guard::{Entity, Finding};

use super::examples::{HeldOut, Labelled, Maker, label};
use super::fill::{Known, Template, templates};
use super::learn;
use super::silver::{self, Silver};
use super::sources::Sources;
use super::words;
use crate::eval::{Rate, Table};
use crate::random::Random;
use calibration::Calibration;

const SEED: u64 = 0x1C0_CA6E;
const EPOCHS: usize = 8;

/// How many texts out of templates are trained with.
pub const TEXTS: usize = 90_000;

/// All that is learned from.
pub struct Data {
    sources: Sources,
    silver: Vec<Silver>,
    templates: Vec<Template>,
    words: Vec<(u32, Flags)>,
}

impl Data {
    /// Reads the export of names and the silver labels.
    ///
    /// # Errors
    /// If one of the files cannot be read.
    pub fn read(export: &Path, labels: &Path) -> Result<Self> {
        let mut sources = Sources::read(export)?;
        let silver = silver::read(labels)?;
        let words = words::learn(&sources, &silver);
        sources.add("vocabulary", words::vocabulary(&silver, &words));
        sources.add("sentence", words::sentences(&silver));
        Ok(Self {
            sources,
            silver,
            templates: templates(),
            words,
        })
    }

    /// Trains with so many texts out of templates, without what is held out.
    pub fn train(&self, count: usize, held: &HeldOut) -> Trained {
        let mut random = Random::new(SEED);
        let full = Lexicon::new(&self.words);
        let masked = [0, 1].map(|half| Lexicon::new(&words::masked(&self.words, half)));
        // Of eight texts two are seen with half of the names unknown.
        let lexicon = |index: usize| masked.get(index % 8).unwrap_or(&full);
        let maker = Maker::new(
            &self.sources,
            &self.templates,
            |template| !held.families.contains(&template.name()),
            |locale| held.locales.iter().all(|held| held != locale),
        );
        let mut examples: Vec<Labelled> = Vec::new();
        for index in 0..count {
            let known = maker.make(&mut random);
            label(lexicon(index), &known, &mut examples);
        }
        let silver = self.silver.iter();
        for (index, silver) in silver
            .filter(|row| !held.files.contains(&row.file))
            .enumerate()
        {
            let known = silver.known(&full);
            label(lexicon(index), &known, &mut examples);
        }
        learn::learn(&mut examples, self.words.clone(), EPOCHS, &mut random)
    }

    /// Texts out of templates that are held out, and with names of locales that are.
    pub fn held_out(&self) -> [Vec<Known>; 2] {
        let held = HeldOut::measured();
        let mut random = Random::new(SEED + 1);
        let by_family = Maker::new(
            &self.sources,
            &self.templates,
            |template| held.families.contains(&template.name()),
            |_| true,
        );
        let by_locale = Maker::new(
            &self.sources,
            &self.templates,
            |_| true,
            |locale| held.locales.iter().any(|held| held == locale),
        );
        [by_family, by_locale].map(|maker| (0..4000).map(|_| maker.make(&mut random)).collect())
    }

    /// Trains without what is held out, and measures on that. What was missed and what was found
    /// wrongly is written to `errors`.
    ///
    /// # Errors
    /// If `errors` cannot be written.
    pub fn measure(&self, count: usize, errors: &mut dyn Write) -> Result<Vec<Table>> {
        let held = HeldOut::measured();
        let names = Names::with(&self.train(count, &held));
        let mut tables = Vec::new();
        let [by_family, by_locale] = self.held_out();
        let mut calibration = Calibration::default();
        for (title, texts, key) in [
            (
                "Names and addresses, by family of templates",
                by_family,
                Known::by_family as Key,
            ),
            (
                "Names and addresses, by locale",
                by_locale,
                Known::by_locale as Key,
            ),
        ] {
            tell(&names, &texts, errors)?;
            calibration.count(&names, &texts);
            tables.push(table(title, &names, &texts, key));
            tables.push(by_sensitivity(title, &names, &texts));
        }
        let lexicon = Lexicon::new(&self.words);
        let silver = self
            .silver
            .iter()
            .filter(|row| held.files.contains(&row.file));
        let texts: Vec<_> = silver.map(|row| row.known(&lexicon)).collect();
        tell(&names, &texts, errors)?;
        calibration.count(&names, &texts);
        tables.push(table(
            "Names in harmless texts",
            &names,
            &texts,
            Known::by_family,
        ));
        tables.push(calibration.table());
        Ok(tables)
    }
}

/// What the rows of a table are named by.
type Key = fn(&Known) -> String;

impl Known {
    fn by_family(&self) -> String {
        self.family.clone()
    }

    fn by_locale(&self) -> String {
        self.locale.clone()
    }
}

/// What each sensitivity of a profile finds.
fn by_sensitivity(title: &str, names: &Names, texts: &[Known]) -> Table {
    let mut table = Table::new(
        &format!("{title}: sensitivities of profiles"),
        "All texts of the table before.",
        &[
            "score from",
            "names found",
            "names that are right",
            "addresses found",
            "texts without any that are flagged",
        ],
    );
    for cut_off in CUT_OFFS {
        let mut row = Row::default();
        for known in texts {
            row.count(known, &scan_from(names, &known.text, cut_off));
        }
        let rates = [row.person, row.right_person, row.address, row.clean];
        table.row(&cut_off.to_string(), &rates);
    }
    table
}

#[derive(Default)]
struct Row {
    person: Rate,
    address: Rate,
    right_person: Rate,
    right_address: Rate,
    clean: Rate,
}

const CUT_OFF: f32 = 0.5;

/// Those of `strict`, `moderate` and `permissive` profiles.
const CUT_OFFS: [f32; 3] = [0.3, 0.5, 0.75];

fn table(title: &str, names: &Names, texts: &[Known], key: Key) -> Table {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for known in texts {
        let found = scan(names, &known.text);
        rows.entry(key(known)).or_default().count(known, &found);
        rows.entry("~ all".to_owned())
            .or_default()
            .count(known, &found);
    }
    let mut table = Table {
        title: title.to_owned(),
        note: "held out of training; scores of 0.5 and more".to_owned(),
        columns: vec![
            "",
            "names found",
            "names that are right",
            "addresses found",
            "addresses that are right",
            "texts without any that are flagged",
        ],
        ..Table::default()
    };
    for (name, row) in rows {
        table.rows.push(vec![
            name,
            row.person.to_string(),
            row.right_person.to_string(),
            row.address.to_string(),
            row.right_address.to_string(),
            row.clean.to_string(),
        ]);
    }
    table
}

/// What counts as found in a text.
fn scan(names: &Names, text: &str) -> Vec<Finding> {
    scan_from(names, text, CUT_OFF)
}

fn scan_from(names: &Names, text: &str, cut_off: f32) -> Vec<Finding> {
    let mut found = Vec::new();
    names.scan(text, 0, true, &mut found);
    found.retain(|finding| finding.score >= cut_off);
    found
}

fn is_found(entity: Entity, span: &Range<usize>, found: &[Finding]) -> bool {
    found
        .iter()
        .any(|finding| finding.entity == entity && 2 * common(&finding.span, span) > span.len())
}

fn is_right(finding: &Finding, known: &Known) -> bool {
    known.spans.iter().any(|(entity, span)| {
        finding.entity == *entity && 2 * common(&finding.span, span) > finding.span.len()
    })
}

fn is_unsure(finding: &Finding, known: &Known) -> bool {
    let mut unsure = known.unsure.iter();
    unsure.any(|span| common(span, &finding.span) > 0)
}

/// Writes what was missed and what was found wrongly.
fn tell(names: &Names, texts: &[Known], errors: &mut dyn Write) -> Result<()> {
    for known in texts {
        let found = scan(names, &known.text);
        for (entity, span) in &known.spans {
            if !is_found(*entity, span, &found) {
                writeln!(errors, "missed {}", context(known, *entity, span))?;
            }
        }
        for finding in &found {
            if !is_right(finding, known) && !is_unsure(finding, known) {
                let context = context(known, finding.entity, &finding.span);
                writeln!(errors, "wrong {:.2} {context}", finding.score)?;
            }
        }
    }
    Ok(())
}

/// A span with what stands around it.
fn context(known: &Known, entity: Entity, span: &Range<usize>) -> String {
    let text = &known.text;
    let mut start = span.start.saturating_sub(60);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = text.len().min(span.end + 40);
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let spelled = format!(
        "{}[{}]{}",
        part(start, span.start),
        part(span.start, span.end),
        part(span.end, end)
    );
    format!("{entity} {}: {spelled:?}", known.family)
}

impl Row {
    fn count(&mut self, known: &Known, found: &[Finding]) {
        for (entity, span) in &known.spans {
            let hit = is_found(*entity, span, found);
            match entity {
                Entity::Address => self.address.count(hit),
                _ => self.person.count(hit),
            }
        }
        let mut flagged = false;
        for finding in found.iter().filter(|finding| !is_unsure(finding, known)) {
            flagged = true;
            let hit = is_right(finding, known);
            match finding.entity {
                Entity::Address => self.right_address.count(hit),
                _ => self.right_person.count(hit),
            }
        }
        if known.spans.is_empty() {
            self.clean.count(flagged);
        }
    }
}

/// How many bytes two spans have in common.
fn common(left: &Range<usize>, right: &Range<usize>) -> usize {
    let end = left.end.min(right.end);
    end.saturating_sub(left.start.max(right.start))
}
