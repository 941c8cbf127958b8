//! A set of rules, ready to decide.

mod check;
mod compile;
#[cfg(test)]
mod laws;

pub use check::LONGEST_NAME;
pub use compile::MOST_RULES;

use std::cell::{LazyCell, OnceCell};
use std::fmt;

use crate::cedar::{Answer, Asked, Vocabulary, World};
use crate::clock::{Local, Zone};
use crate::decision::{Hit, Tally};
use crate::facts::{Facts, Truth};
use crate::request::{Resource, judged};
use crate::short::{Short, Verdict, concerns};
use crate::{Agent, Approval, Decision, Effect, Field, Kind, Request, Tool};

/// How many things one call may name. One that names more is denied.
pub const MOST_RESOURCES: usize = 256;

/// The rules of a tenant that hold, checked and compiled. Cheap to share, never changed.
pub struct PolicySet {
    vocabulary: &'static Vocabulary,
    rules: Vec<Rule>,
    zones: Vec<Zone>,
}

/// One rule.
pub(crate) struct Rule {
    name: String,
    kind: Kind,
    effect: Effect,
    approval: Approval,
    /// The short form, if it is written in it.
    short: Option<Short>,
    /// Its one policy in Cedar.
    cedar: cedar_policy::PolicySet,
    text: String,
}

/// Whether a rule matches a call, and why not.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Explanation {
    /// The name of the rule.
    pub rule: String,
    /// What it does to what it matches.
    pub effect: Effect,
    /// Whether it matches something of the call.
    pub matched: bool,
    /// The field because of which it does not; of several things that the call names, for the one
    /// that it came closest to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Field>,
}

impl PolicySet {
    /// Decides on a call. Each thing that it names is judged by itself, and the least allowed
    /// holds: deny beats approval, which beats allow. What no rule matches is denied; calls of
    /// models alone are then allowed, since who may call which model is settled elsewhere.
    ///
    /// A rule that cannot be evaluated counts as matched if it denies or asks, and as not matched
    /// if it allows.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let clocks = self.clocks(request);
        let facts = Facts::of(request, &clocks);
        let candidates = self
            .rules
            .iter()
            .filter(|rule| rule.test(&facts) != Truth::No);
        let candidates = candidates.map(|rule| Candidate::new(rule, request));
        self.decide_among(candidates.collect(), request, &clocks)
    }

    fn decide_among(
        &self,
        rules: Vec<Candidate<'_>>,
        request: &Request<'_>,
        clocks: &[Local],
    ) -> Decision {
        let resources = judged(request.resources);
        if resources.len() > MOST_RESOURCES {
            return Decision::refusal("the call names too many things at once", None);
        }
        let zones = self.zones.iter().zip(clocks.iter().copied());
        let Some(world) = World::new(self.vocabulary, request, zones) else {
            return Decision::refusal("the call cannot be put to the policies", None);
        };
        let facts = Facts::of(request, clocks);
        let mut tally = Tally::default();
        for resource in resources {
            let facts = facts.about(resource);
            let asked = LazyCell::new(|| world.ask(resource));
            let matching = rules
                .iter()
                .filter(|candidate| candidate.matches(&facts, &asked));
            let hits: Vec<_> = matching.map(|candidate| candidate.rule.hit()).collect();
            tally.add(&hits, || resource.map(|resource| resource.to_string()));
        }
        tally.decide(request.subject.kind() == Kind::Model)
    }

    /// Whether some call of the tool could be allowed, or approved. Never false where a call could
    /// be; true also where only several rules together rule out all calls, and wherever a policy
    /// written in Cedar might allow it.
    #[must_use]
    pub fn could_allow(&self, tool: &Tool, agent: &Agent) -> bool {
        let facts = Facts::of_any_call(tool, agent);
        let mut possible = false;
        for rule in &self.rules {
            match (rule.effect, rule.test(&facts)) {
                (_, Truth::No) => {}
                (Effect::Deny, Truth::Yes) => return false,
                (Effect::Deny, Truth::Maybe) => {}
                (Effect::Allow | Effect::RequireApproval, _) => possible = true,
            }
        }
        possible
    }

    /// Why each rule matches a call, or does not, in the order of the rules.
    #[must_use]
    pub fn explain(&self, request: &Request<'_>) -> Vec<Explanation> {
        let clocks = self.clocks(request);
        let facts = Facts::of(request, &clocks);
        let zones = self.zones.iter().zip(clocks.iter().copied());
        let world = World::new(self.vocabulary, request, zones);
        let resources = judged(request.resources);
        let explained = self.rules.iter().map(|rule| {
            let answers = resources.iter().take(MOST_RESOURCES).map(|&resource| {
                let facts = facts.about(resource);
                rule.failed_field(&facts, world.as_ref(), resource)
            });
            let because = closest(answers);
            Explanation {
                rule: rule.name.clone(),
                effect: rule.effect,
                matched: because.is_none(),
                because,
            }
        });
        explained.collect()
    }

    /// The rules of the set with their policies in Cedar, in the order of the set.
    pub fn cedar(&self) -> impl Iterator<Item = (&str, &str)> {
        let each = self.rules.iter();
        each.map(|rule| (rule.name.as_str(), rule.text.as_str()))
    }

    /// How many rules hold.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether no rule holds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    fn clocks(&self, request: &Request<'_>) -> Vec<Local> {
        let zones = self.zones.iter();
        zones.map(|zone| zone.local(request.now)).collect()
    }
}

/// A rule that may match a call.
struct Candidate<'a> {
    rule: &'a Rule,
    /// Whether it looks at the call alone, and not at the things that it names.
    is_general: bool,
    /// What Cedar said of such a rule.
    settled: OnceCell<bool>,
}

impl<'a> Candidate<'a> {
    fn new(rule: &'a Rule, request: &Request<'_>) -> Self {
        let names_nothing = rule.short.as_ref().is_some_and(Short::names_nothing);
        Self {
            rule,
            is_general: names_nothing && rule.kind == request.subject.kind(),
            settled: OnceCell::new(),
        }
    }

    /// Whether it matches the call as far as it names one thing. Where the question cannot be put to
    /// Cedar, it has failed.
    fn matches<'w>(
        &self,
        facts: &Facts<'_>,
        asked: &LazyCell<Option<Asked<'w>>, impl FnOnce() -> Option<Asked<'w>>>,
    ) -> bool {
        let ask = || {
            let answer = asked.as_ref().map(|asked| asked.answer(&self.rule.cedar));
            self.rule
                .counts_as_matched(answer.unwrap_or(Answer::Failed))
        };
        if self.is_general {
            return *self.settled.get_or_init(ask);
        }
        self.rule.test(facts) != Truth::No && ask()
    }
}

/// Nothing if one of the answers is that nothing failed, else the field that failed latest.
fn closest(mut answers: impl Iterator<Item = Option<Field>>) -> Option<Field> {
    answers.try_fold(Field::Kind, |latest, failed| Some(latest.max(failed?)))
}

impl Rule {
    fn hit(&self) -> Hit<'_> {
        Hit {
            rule: &self.name,
            effect: self.effect,
            approval: &self.approval,
        }
    }

    /// Whether it matches calls of which this is known.
    fn test(&self, facts: &Facts<'_>) -> Truth {
        let Some(short) = &self.short else {
            return match concerns(self.kind, self.effect, facts) {
                Truth::No => Truth::No,
                Truth::Maybe | Truth::Yes => Truth::Maybe,
            };
        };
        match short.test(facts) {
            Verdict::No(_) => Truth::No,
            Verdict::Maybe => Truth::Maybe,
            Verdict::Yes => Truth::Yes,
        }
    }

    fn counts_as_matched(&self, answer: Answer) -> bool {
        match answer {
            Answer::Matches => true,
            Answer::DoesNot => false,
            Answer::Failed => self.effect > Effect::Allow,
        }
    }

    /// The field because of which it does not match; nothing if it does.
    fn failed_field(
        &self,
        facts: &Facts<'_>,
        world: Option<&World<'_>>,
        resource: Option<Resource<'_>>,
    ) -> Option<Field> {
        if concerns(self.kind, self.effect, facts) == Truth::No {
            return Some(Field::Kind);
        }
        if let Some(short) = &self.short
            && let Verdict::No(field) = short.test(facts)
        {
            return Some(field);
        }
        let asked = world.and_then(|world| world.ask(resource));
        let answer = asked.map_or(Answer::Failed, |asked| asked.answer(&self.cedar));
        (!self.counts_as_matched(answer)).then_some(Field::Cedar)
    }
}

impl fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.rules.iter().map(|rule| &rule.name);
        f.debug_list().entries(names).finish()
    }
}
