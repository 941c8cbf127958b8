//! From probabilities of labels to names and addresses.

use std::ops::Range;

use super::chain::{
    ADDRESS_BEGINS, ADDRESS_GOES_ON, LABELS, OUTSIDE, PERSON_BEGINS, PERSON_GOES_ON, Row,
    may_follow,
};
use super::run::{Gap, Word, is_letters, is_number};
use super::token::{Kind, hash_of};
use crate::finding::Entity;

/// How much the label of nothing counts less than the others, so that parts that are less likely
/// than not are told too, with their low score.
const OUTSIDE_WEIGHT: f32 = 0.4;

/// Parts less likely are not told.
const MIN_MARGINAL: f32 = 0.15;

/// What these words end is an organisation, whosever name it bears.
const ORGANISATIONS: &[&str] = &[
    "university",
    "college",
    "institute",
    "foundation",
    "academy",
    "hospital",
    "universität",
    "stiftung",
    "université",
    "fondation",
    "universidad",
    "fundación",
    "università",
    "fondazione",
    "universidade",
    "fundação",
];

/// A name or an address in a run.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which of the two.
    pub entity: Entity,
    /// Its bytes.
    pub span: Range<usize>,
    /// How likely its words belong to it: the mean of the marginals.
    pub marginal: f32,
}

/// The parts of a run: the labelling whose labels are most likely one by one, of those that are
/// labellings.
pub fn parts(run: &[Word], marginals: &[Row]) -> Vec<Part> {
    if marginals
        .iter()
        .all(|row| outside(row) > 1.0 - MIN_MARGINAL)
    {
        return Vec::new();
    }
    let labels = best(marginals);
    let mut parts = Vec::new();
    let mut open: Option<Range<usize>> = None;
    for (token, label) in labels.iter().enumerate() {
        match (*label, &mut open) {
            (PERSON_GOES_ON, Some(range)) if !begins_line(run, token) => range.end = token + 1,
            (ADDRESS_GOES_ON, Some(range)) => range.end = token + 1,
            (label, open) => {
                parts.extend(
                    open.take()
                        .and_then(|range| part(run, marginals, &labels, range)),
                );
                *open = (label != OUTSIDE).then_some(token..token + 1);
            }
        }
    }
    parts.extend(open.and_then(|range| part(run, marginals, &labels, range)));
    parts
}

/// Whether a token is the first of its line: there a name ends.
fn begins_line(run: &[Word], token: usize) -> bool {
    run.get(token).is_some_and(|word| word.gap == Gap::Line)
}

fn outside(row: &Row) -> f32 {
    row.first().copied().unwrap_or_default()
}

fn part(run: &[Word], marginals: &[Row], labels: &[usize], range: Range<usize>) -> Option<Part> {
    let is_address = matches!(*labels.get(range.start)?, ADDRESS_BEGINS | ADDRESS_GOES_ON);
    let label = if is_address {
        ADDRESS_BEGINS
    } else {
        PERSON_BEGINS
    };
    let words = run.get(range.clone())?;
    let rows = marginals.get(range)?;
    let is_word = |word: &&Word| word.token.kind != Kind::Mark;
    let first = words.iter().find(is_word)?;
    let last = words.iter().rev().find(is_word)?;
    let (mut sum, mut count) = (0.0, 0.0);
    for (word, row) in words.iter().zip(rows) {
        if word.token.kind != Kind::Mark {
            sum += row.get(label).copied().unwrap_or_default()
                + row.get(label + 1).copied().unwrap_or_default();
            count += 1.0;
        }
    }
    let marginal = sum / count;
    if !is_address && is_organisation(last) {
        return None;
    }
    let any = |test: fn(Kind) -> bool| words.iter().any(|word| test(word.token.kind));
    if !any(is_letters) || is_address && !any(is_number) {
        return None;
    }
    (marginal >= MIN_MARGINAL).then_some(Part {
        entity: if is_address {
            Entity::Address
        } else {
            Entity::Person
        },
        span: first.token.start..last.token.end,
        marginal,
    })
}

fn is_organisation(last: &Word) -> bool {
    let mut words = ORGANISATIONS.iter();
    words.any(|word| hash_of(word) == last.token.hash)
}

/// The labels with the greatest sum of marginals.
fn best(marginals: &[Row]) -> Vec<usize> {
    let mut sums = [0.0, f32::MIN, f32::MIN, f32::MIN, f32::MIN];
    let mut backs: Vec<[usize; LABELS]> = Vec::with_capacity(marginals.len());
    for row in marginals {
        let mut next = [f32::MIN; LABELS];
        let mut back = [OUTSIDE; LABELS];
        for (to, ((best, back), value)) in next.iter_mut().zip(&mut back).zip(row).enumerate() {
            for (from, sum) in sums.iter().enumerate() {
                if may_follow(from, to) && *sum > *best {
                    (*best, *back) = (*sum, from);
                }
            }
            let weight = if to == OUTSIDE { OUTSIDE_WEIGHT } else { 1.0 };
            *best += value * weight;
        }
        sums = next;
        backs.push(back);
    }
    let mut label = (0..LABELS)
        .max_by(|left, right| {
            let of = |label: &usize| sums.get(*label).copied().unwrap_or(f32::MIN);
            of(left).total_cmp(&of(right))
        })
        .unwrap_or(OUTSIDE);
    let mut labels = Vec::with_capacity(marginals.len());
    for back in backs.iter().rev() {
        labels.push(label);
        label = back.get(label).copied().unwrap_or(OUTSIDE);
    }
    labels.reverse();
    labels
}

/// The labels of a run by the names and addresses that it is known to hold: for training.
pub fn labels_of(run: &[Word], known: &[(Entity, Range<usize>)]) -> Vec<usize> {
    let mut inside: Option<&Range<usize>> = None;
    run.iter()
        .map(|word| {
            let middle = word.token.start + word.token.length() / 2;
            let Some((entity, span)) = known.iter().find(|(_, span)| span.contains(&middle)) else {
                inside = None;
                return OUTSIDE;
            };
            let goes_on = inside == Some(span);
            inside = Some(span);
            match (entity, goes_on) {
                (Entity::Address, false) => ADDRESS_BEGINS,
                (Entity::Address, true) => ADDRESS_GOES_ON,
                (_, false) => PERSON_BEGINS,
                (_, true) => PERSON_GOES_ON,
            }
        })
        .collect()
}
