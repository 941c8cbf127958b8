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
        replaced.extend(redactions(&told));
        findings.extend(told.into_iter().filter(is_told));
        rest = others;
    }
    (findings, replaced)
}

/// Whether somebody should hear of it: that a value was put in its place again is no finding.
pub(crate) fn is_told(judged: &Judged) -> bool {
    judged.finding.entity != Entity::Pseudonym
}

/// The end of the cluster at the beginning of sorted findings, and how many stand in it.
pub(crate) fn cluster(sorted: &[Judged]) -> Option<(Range<usize>, usize)> {
    let mut span = sorted.first()?.finding.span.clone();
    let overlapping = sorted.iter().take_while(|judged| {
        let known = &judged.finding.span;
        let within = known.start < span.end || known.start == span.start;
        if within {
            span.end = span.end.max(known.end);
        }
        within
    });
    let count = overlapping.count();
    Some((span, count))
}

/// Leaves out of a cluster what lies within stronger findings.
pub(crate) fn told(cluster: &[Judged]) -> Vec<Judged> {
    let weaker = |(index, judged): (usize, &Judged)| {
        cluster.iter().enumerate().any(|(other, stronger)| {
            other != index
                && covers(&stronger.finding.span, &judged.finding.span)
                && (stronger.verdict, stronger.finding.score)
                    .partial_cmp(&(judged.verdict, judged.finding.score))
                    .is_some_and(|order| order.is_gt() || order.is_eq() && other < index)
                && stronger.finding.score >= judged.finding.score
        })
    };
    cluster
        .iter()
        .enumerate()
        .filter(|pair| !weaker(*pair))
        .map(|(_, judged)| judged.clone())
        .collect()
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// What is replaced for the findings of a cluster, in order and disjoint.
pub(crate) fn redactions(told: &[Judged]) -> Vec<Redaction> {
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
    merged.into_iter().map(|(redaction, _)| redaction).collect()
}
