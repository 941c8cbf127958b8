//! From what tenants write to what decides.

use std::collections::HashSet;

use cedar_policy::EntityUid;

use super::check::{Checked, LONGEST_NAME, approval, bounds, fields, only_form};
use super::{PolicySet, Rule};
use crate::cedar::{self, Vocabulary};
use crate::clock::{Window, Zone};
use crate::error::Problem;
use crate::short::Short;
use crate::{Error, Policy};

/// How many rules a set may hold, those that are switched off not counted.
pub const MOST_RULES: usize = 1_000;
impl PolicySet {
    /// Checks and compiles the rules that are switched on.
    ///
    /// # Errors
    /// The first rule that is not well formed, does not fit the schema or could never match, and
    /// what to do about it. Rules that are switched off are checked as well.
    pub fn compile(policies: &[Policy]) -> Result<Self, Error> {
        let wrong = |policy: &Policy, field, problem| Error {
            rule: policy.name.chars().take(LONGEST_NAME).collect(),
            field,
            problem,
        };
        let vocabulary = Vocabulary::get().map_err(|problem| Error {
            rule: String::new(),
            field: "schema",
            problem,
        })?;
        let mut set = Self {
            vocabulary,
            rules: Vec::new(),
            zones: Vec::new(),
        };
        let mut names = HashSet::new();
        for policy in policies {
            if !names.insert(policy.name.as_str()) {
                return Err(wrong(policy, "name", Problem::NameTaken));
            }
            let rule = set.rule(policy);
            let rule = rule.map_err(|(field, problem)| wrong(policy, field, problem))?;
            if policy.enabled {
                set.rules.push(rule);
            }
            if set.rules.len() > MOST_RULES {
                let problem = Problem::TooManyRules { most: MOST_RULES };
                return Err(wrong(policy, "name", problem));
            }
        }
        Ok(set)
    }

    fn rule(&mut self, policy: &Policy) -> Checked<Rule> {
        bounds(policy)?;
        approval(policy)?;
        let (short, text) = match &policy.cedar {
            Some(text) => {
                only_form(policy)?;
                (None, text.clone())
            }
            None => self.short(policy)?,
        };
        let parsed = cedar::parse(&text, policy.kind, policy.effect, short.is_none());
        let cedar = parsed.map_err(|problem| ("cedar", problem))?;
        if short.is_none() {
            self.zones_of(&cedar)?;
        }
        Ok(Rule {
            name: policy.name.clone(),
            kind: policy.kind,
            effect: policy.effect,
            approval: policy.approval.clone().unwrap_or_default(),
            short,
            cedar,
            text,
        })
    }

    fn short(&mut self, policy: &Policy) -> Checked<(Option<Short>, String)> {
        fields(policy)?;
        let window = self.window(policy)?;
        let short = Short::new(policy, window);
        let zone = short
            .window
            .as_ref()
            .and_then(|(zone, _)| self.zones.get(*zone));
        let text = cedar::written(&short, zone);
        Ok((Some(short), text))
    }

    fn window(&mut self, policy: &Policy) -> Checked<Option<(usize, Window)>> {
        let conditions = &policy.conditions;
        let zone = conditions.timezone.as_deref();
        if conditions.hours.is_none() && conditions.weekdays.is_empty() {
            return match zone {
                Some(_) => Err(("conditions.timezone", Problem::NoWindow)),
                None => Ok(None),
            };
        }
        let window = Window::parse(conditions.hours.as_deref(), &conditions.weekdays);
        let window = window.map_err(|problem| match problem {
            Problem::BadWeekday(_) => ("conditions.weekdays", problem),
            _ => ("conditions.hours", problem),
        })?;
        let zone = self.zone(zone.unwrap_or("UTC"));
        let zone = zone.map_err(|problem| ("conditions.timezone", problem))?;
        Ok(Some((zone, window)))
    }

    /// The number of the zone in the set.
    fn zone(&mut self, name: &str) -> Result<usize, Problem> {
        let zone = Zone::find(name)?;
        let known = self.zones.iter().position(|known| known.name == zone.name);
        Ok(known.unwrap_or_else(|| {
            self.zones.push(zone);
            self.zones.len() - 1
        }))
    }

    /// Takes up the zones that a policy in Cedar names.
    fn zones_of(&mut self, cedar: &cedar_policy::PolicySet) -> Checked {
        let named = cedar
            .policies()
            .flat_map(cedar_policy::Policy::entity_literals);
        let zones = named.filter(|uid: &EntityUid| *uid.type_name() == self.vocabulary.zone);
        for zone in zones.collect::<Vec<_>>() {
            let name = zone.id().unescaped();
            let number = self.zone(name).map_err(|problem| ("cedar", problem))?;
            if self.zones.get(number).is_none_or(|zone| zone.name != name) {
                return Err(("cedar", Problem::UnknownZone(name.to_owned())));
            }
        }
        Ok(())
    }
}
