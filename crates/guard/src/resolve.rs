//! What becomes of findings that overlap.
//!
//! A **cluster** is a run of findings each of which overlaps one before it. In a cluster, a
//! finding that lies within another one that is at least as sure and at least as strictly dealt
//! with is not told. What is left is told; of those that redact, overlapping ones are replaced
//! together, under the name of the surest.

use std::ops::Range;

use crate::action::Verdict;
use crate::finding::{Entity, Finding};

/// A finding with what is done about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The finding.
    pub finding: Finding,
    /// What is done.
    pub verdict: Verdict,
}

/// A span to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What it is taken for.
    pub entity: Entity,
}

/// Puts findings in the order of their places; of those that begin together the longest first.
pub(crate) fn sort(findings: &mut [Judged]) {
    findings.sort_by(|a, b| {
        let (a, b) = (&a.finding, &b.finding);
        let place = |finding: &Finding| (finding.span.start, usize::MAX - finding.span.end);
        place(a)
            .cmp(&place(b))
            .then_with(|| b.score.total_cmp(&a.score))
            .then_with(|| (a.entity, &a.rule).cmp(&(b.entity, &b.rule)))
    });
}

/// What is told and what is replaced of the findings of a whole text.
pub(crate) fn whole(mut judged: Vec<Judged>) -> (Vec<Judged>, Vec<Redaction>) {
    sort(&mut judged);
    let (mut findings, mut replaced) = (Vec::new(), Vec::new());
    let mut rest = judged.as_slice();
    while let Some((_, count)) = cluster(rest) {
        let (cluster, others) = rest.split_at(count);
        let told = told(cluster);
        replaced.extend(redactions(&told, end_of(&replaced)));
        findings.extend(told.into_iter().filter(is_told));
        rest = others;
    }
    (findings, replaced)
}

/// Whether somebody should hear of it: that a value was put in its place again is no finding.
pub(crate) fn is_told(judged: &Judged) -> bool {
    judged.finding.entity != Entity::Pseudonym
}

/// So many bytes a cluster may have before it ends with the finding that is in it, so that a chain
/// without end is decided piece by piece.
const CLUSTER_LIMIT: usize = 16_384;

/// The end of the cluster at the beginning of sorted findings, and how many stand in it.
pub(crate) fn cluster(sorted: &[Judged]) -> Option<(Range<usize>, usize)> {
    let mut span = sorted.first()?.finding.span.clone();
    let overlapping = sorted.iter().take_while(|judged| {
        let known = &judged.finding.span;
        let begins_together = known.start == span.start;
        let within = known.start < span.end && known.start - span.start < CLUSTER_LIMIT;
        if begins_together || within {
            span.end = span.end.max(known.end);
        }
        begins_together || within
    });
    let count = overlapping.count();
    Some((span, count))
}

/// Leaves out of a cluster what lies within stronger findings.
pub(crate) fn told(cluster: &[Judged]) -> Vec<Judged> {
    let mut told = Vec::new();
    // Those before, in order, that reach beyond where the next one begins.
    let mut before: Vec<&Judged> = Vec::new();
    for (index, judged) in cluster.iter().enumerate() {
        let start = judged.finding.span.start;
        before.retain(|known| known.finding.span.end > start);
        let same = cluster.iter().skip(index + 1);
        let mut same = same.take_while(|other| other.finding.span == judged.finding.span);
        let weaker = before.iter().any(|known| is_stronger(known, judged, true))
            || same.any(|other| is_stronger(other, judged, false));
        if !weaker {
            told.push(judged.clone());
        }
        before.push(judged);
    }
    told
}

/// Whether a finding covers another one and is as sure and as strictly dealt with; of two that are
/// equal, the one that stands before.
fn is_stronger(stronger: &Judged, judged: &Judged, stands_before: bool) -> bool {
    let order = (stronger.verdict, stronger.finding.score)
        .partial_cmp(&(judged.verdict, judged.finding.score));
    covers(&stronger.finding.span, &judged.finding.span)
        && stronger.finding.score >= judged.finding.score
        && order.is_some_and(|order| order.is_gt() || order.is_eq() && stands_before)
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn end_of(replaced: &[Redaction]) -> usize {
    replaced.last().map_or(0, |redaction| redaction.span.end)
}

/// What is replaced for the findings of a cluster, in order and disjoint, from `from` on: a cluster
/// that was ended for its length may reach into the next.
pub(crate) fn redactions(told: &[Judged], from: usize) -> Vec<Redaction> {
    let mut merged: Vec<(Redaction, f32)> = Vec::new();
    for Judged { finding, .. } in told
        .iter()
        .filter(|judged| judged.verdict == Verdict::Redact)
    {
        match merged.last_mut() {
            Some((known, score)) if finding.span.start < known.span.end => {
                known.span.end = known.span.end.max(finding.span.end);
                if finding.score > *score {
                    (known.entity, *score) = (finding.entity, finding.score);
                }
            }
            _ => merged.push((
                Redaction {
                    span: finding.span.clone(),
                    entity: finding.entity,
                },
                finding.score,
            )),
        }
    }
    let clipped = |(redaction, _): (Redaction, f32)| Redaction {
        span: redaction.span.start.max(from)..redaction.span.end,
        ..redaction
    };
    let merged = merged.into_iter().map(clipped);
    merged
        .filter(|redaction| redaction.span.start < redaction.span.end)
        .collect()
}
