//! Calibration on sources that a model was not trained on.
//!
//! A model is sure of what is like its own data. So for each source a variant is trained without
//! it and scores it; the scores of all sources together say what a score is worth on a source
//! that nobody has seen, and where harmless texts of such sources end.

use iron_guard::injection::{Head, Model};
use iron_guard::text::Reading;

use super::train::{self, Settings};
use super::{data, near};
use crate::corpus::Example;

/// A text as a variant scored it that was not trained on its source.
#[derive(Clone, Debug)]
pub struct Scored {
    /// Which of the examples.
    pub index: usize,
    /// The score of the text before calibration.
    pub text: f32,
    /// The score of its best window before calibration.
    pub window: f32,
}

/// Scores every example by a variant that was trained neither on its source nor on near
/// duplicates of that source.
pub fn cross(examples: &[Example], sources: &[&str], settings: Settings) -> Vec<Scored> {
    let mut scored = Vec::new();
    let mut done = vec![false; examples.len()];
    for source in sources {
        let of_source = |example: &Example| example.source.starts_with(source);
        let held: Vec<Example> = examples
            .iter()
            .filter(|example| of_source(example))
            .cloned()
            .collect();
        let mut others: Vec<Example> = examples
            .iter()
            .filter(|example| !of_source(example))
            .cloned()
            .collect();
        near::remove(&mut others, &held);
        let model = train::train(&data::samples(&others, None, settings.seed), settings);
        for (index, example) in examples.iter().enumerate() {
            let Some(done) = done
                .get_mut(index)
                .filter(|done| !**done && of_source(example))
            else {
                continue;
            };
            *done = true;
            let sums = model.sums(Reading::new(&example.text).text());
            scored.push(Scored {
                index,
                text: sums.text,
                window: sums.window,
            });
        }
    }
    scored
}

/// The shares of harmless texts, averaged over sources, that may be suspected by their whole and
/// by a window.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// By the whole.
    pub text: f64,
    /// By a window.
    pub window: f64,
}

/// The numbers of a model by the scores of others on sources they had not seen.
pub fn head(model: &Model, examples: &[Example], scored: &[Scored], allowed: Allowed) -> Head {
    let rows: Vec<(f32, bool)> = scored
        .iter()
        .filter_map(|row| Some((row.text, examples.get(row.index)?.label == 1)))
        .filter(|(raw, _)| raw.is_finite())
        .collect();
    let (slope, offset) = platt(&rows);
    let calibrated = |raw: f32| 1.0 / (1.0 + (-(raw * slope + offset)).exp());
    Head {
        slope,
        offset,
        text_threshold: calibrated(threshold(examples, scored, allowed.text, |row| row.text)),
        window_threshold: calibrated(threshold(examples, scored, allowed.window, |row| {
            row.window
        })),
        ..*model.head()
    }
}

/// The least score at which at most a share of harmless texts is higher, averaged over sources.
fn threshold(
    examples: &[Example],
    scored: &[Scored],
    allowed: f64,
    score: impl Fn(&Scored) -> f32,
) -> f32 {
    let benign: Vec<(f32, &str)> = scored
        .iter()
        .filter_map(|row| Some((score(row), examples.get(row.index)?)))
        .filter(|(_, example)| example.label == 0)
        .map(|(raw, example)| (raw, data::family(&example.source)))
        .collect();
    let mut sources: Vec<&str> = benign.iter().map(|(_, source)| *source).collect();
    sources.sort_unstable();
    sources.dedup();
    let share = |at: f32| {
        let of = |source: &&str| {
            let own = benign.iter().filter(|(_, of)| of == source);
            let above = own.clone().filter(|(raw, _)| *raw >= at).count();
            above as f64 / own.count() as f64
        };
        sources.iter().map(of).sum::<f64>() / sources.len() as f64
    };
    let (mut low, mut high) = (-20.0_f32, 40.0_f32);
    for _ in 0..30 {
        let middle = (low + high) / 2.0;
        if share(middle) <= allowed {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// Platt's scaling: the logistic curve of attacks over scores, with both classes weighing the same.
fn platt(rows: &[(f32, bool)]) -> (f32, f32) {
    let attacks = rows.iter().filter(|(_, attack)| *attack).count().max(1) as f64;
    let harmless = (rows.len() as f64 - attacks).max(1.0);
    let (mut slope, mut offset) = (1.0_f64, 0.0_f64);
    for _ in 0..2_000 {
        let (mut by_slope, mut by_offset) = (0.0, 0.0);
        for (raw, attack) in rows {
            let raw = f64::from(*raw);
            let weight = if *attack {
                0.5 / attacks
            } else {
                0.5 / harmless
            };
            let wanted = if *attack { 1.0 } else { 0.0 };
            let error = (1.0 / (1.0 + (-(raw * slope + offset)).exp()) - wanted) * weight;
            by_slope += error * raw;
            by_offset += error;
        }
        slope -= 0.5 * by_slope;
        offset -= 0.5 * by_offset;
    }
    (slope as f32, offset as f32)
}
